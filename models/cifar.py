"""CIFAR-10 from the containers it is found in, decoded without unpickling anything.

Input: a folder (or an ``.npz``); output: uint8 images (N, 32, 32, 3) and int64 labels (N,), once
the sha256 of their bytes is the right one. What the containers have in common are the arrays, so
these are what is checked, whatever the container.
"""

from __future__ import annotations

import hashlib
import pickletools
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..codegen.errors import UserError

Bytes = npt.NDArray[np.uint8]
Pair = tuple[Bytes, npt.NDArray[np.int64]]

NPZ = "cifar10.npz"
BATCHES = {"train": tuple(f"data_batch_{i}" for i in range(1, 6)), "test": ("test_batch",)}
_FOLDERS = ("", "cifar-10-batches-bin", "cifar-10-batches-py")
_BATCH = 10_000  # images
_PIXELS = 3 * 32 * 32

# sha256 of (images, labels), uint8 in C order, (N, 32, 32, 3) and (N,). Computed from batches whose
# originals' md5 are those that torchvision.datasets.CIFAR10 lists (c99cafc1.. to 40351d58..).
SHA256 = {
    "train": (
        "47af8b02cfcfb6cdf3dbbd1969ad7f1b70f4413f6f80f437b020ee4e5bc8304a",
        "2b7cd2f24487317614016b72ffd53071c3062f592f0eb300c18a770d41ae1253",
    ),
    "test": (
        "f9b1e2130bab680db56eb06d886f7f1ad0f1183907ceff4659d1735c890f5b04",
        "cec8a24a1e92aa2ecaa0bbd3dbfa86bf6cd8759fbd209a832824c8cf0afca9d5",
    ),
}


def reader(place: Path, parts: tuple[str, ...]) -> Callable[[], list[Pair]] | None:
    """Return what reads ``parts`` at ``place`` (a folder or an ``.npz``), None if they lack.

    In this order: ``cifar10.npz`` with x_train, y_train, x_test, y_test; the binary version
    (``data_batch_1.bin``); the Python version as Keras unpacks it; batches as ``.npz`` with labels
    and differences of neighbouring pixels.
    """
    archive = place if place.is_file() else place / NPZ
    if archive.is_file():
        return lambda: [_checked(archive, part, *_plain(archive, part)) for part in parts]
    for folder in (place / name for name in _FOLDERS):
        for suffix, read in ((".bin", _binary), ("", _python), (".npz", _packed)):
            files = {part: [folder / (b + suffix) for b in BATCHES[part]] for part in parts}
            if all(file.is_file() for part in parts for file in files[part]):
                return lambda read=read, files=files: [  # type: ignore[misc]
                    _joined(read, part, files[part]) for part in parts
                ]
    return None


def _joined(read: Callable[[Path], tuple[Bytes, Bytes]], part: str, files: list[Path]) -> Pair:
    batches = [read(file) for file in files]
    images = np.concatenate([images for images, _ in batches])
    return _checked(files[0].parent, part, images, np.concatenate([y for _, y in batches]))


def _checked(place: Path, part: str, images: Bytes, labels: Bytes) -> Pair:
    """Return the arrays if their sha256 are right; ``UserError`` otherwise."""
    images, labels = np.ascontiguousarray(images), np.ascontiguousarray(labels).reshape(-1)
    for what, values, expected in zip(
        ("images", "labels"), (images, labels), SHA256[part], strict=True
    ):
        found = hashlib.sha256(values.tobytes()).hexdigest()
        if found != expected or values.dtype != np.uint8:
            raise UserError(
                f"{place}: CIFAR-10's {part} {what} have the wrong checksum {found}, "
                f"expected {expected}; fetch the data set again"
            )
    return images.reshape(-1, 32, 32, 3), labels.astype(np.int64)


def _arrays(path: Path, names: tuple[str, str]) -> tuple[Bytes, Bytes]:
    """Return two uint8 arrays of an ``.npz`` archive; pickles are refused."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            first, second = archive[names[0]], archive[names[1]]
    except (KeyError, ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = f"{error}".strip("'\"")
        raise UserError(f"{path}: not an .npz with {' and '.join(names)} ({reason})") from None
    for name, values in zip(names, (first, second), strict=True):
        if values.dtype != np.uint8:
            raise UserError(f"{path}: {name} is {values.dtype}, expected uint8")
    return first, second


def _plain(path: Path, part: str) -> tuple[Bytes, Bytes]:
    return _arrays(path, (f"x_{part}", f"y_{part}"))


def _packed(path: Path) -> tuple[Bytes, Bytes]:
    """Undo the differences: to the left, to above, and of red and blue to green (modulo 256)."""
    delta, labels = _arrays(path, ("delta", "labels"))
    if delta.ndim != 4 or delta.shape[1:] != (3, 32, 32):
        raise UserError(f"{path}: delta is {delta.shape}, expected (N, 3, 32, 32)")
    rows = np.cumsum(delta, axis=2, dtype=np.uint8)
    planes = np.cumsum(rows, axis=3, dtype=np.uint8)
    planes[:, 0] += planes[:, 1]
    planes[:, 2] += planes[:, 1]
    return planes.transpose(0, 2, 3, 1), labels


def _binary(path: Path) -> tuple[Bytes, Bytes]:
    """Read records of one label and 3,072 pixels, colour planes first (CIFAR's own page)."""
    values = np.fromfile(path, dtype=np.uint8)
    if values.size == 0 or values.size % (1 + _PIXELS):
        raise UserError(f"{path}: {values.size} bytes, expected {1 + _PIXELS} for every image")
    records = values.reshape(-1, 1 + _PIXELS)
    return _planes(records[:, 1:]), records[:, 0]


def _python(path: Path) -> tuple[Bytes, Bytes]:
    """Read labels and pixels off the pickle's opcodes; none of them is carried out."""
    try:
        pixels, labels = _literals(pickletools.genops(path.read_bytes()))
    except (ValueError, IndexError, UnicodeError) as error:
        raise UserError(f"{path}: not a batch of CIFAR-10's Python version ({error})") from None
    data = np.frombuffer(pixels, dtype=np.uint8)
    if not labels or data.size != len(labels) * _PIXELS:
        raise UserError(
            f"{path}: {len(labels)} labels and {data.size} pixels, expected {_PIXELS} for each"
        )
    return _planes(data.reshape(-1, _PIXELS)), np.array(labels, dtype=np.uint8)


def _literals(opcodes: Iterator[tuple[Any, Any, int | None]]) -> tuple[bytes, list[int]]:
    """Return the longest string and the integers that follow the key ``labels``."""
    pixels: str | bytes = b""
    labels: list[int] = []
    in_labels = False
    for opcode, value, _ in opcodes:
        if isinstance(value, str | bytes) and "PUT" not in opcode.name:
            in_labels = value in ("labels", b"labels")
            if len(value) > len(pixels):
                pixels = value
        elif in_labels and opcode.name in ("BININT1", "BININT2", "BININT", "INT"):
            if not 0 <= value <= 255:
                raise ValueError(f"label {value}")
            labels.append(value)
    return pixels.encode("latin-1") if isinstance(pixels, str) else pixels, labels


def _planes(pixels: Bytes) -> Bytes:
    """Return (N, 3072) colour planes as images (N, 32, 32, 3)."""
    return pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
