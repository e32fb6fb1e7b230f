"""Labelled image sets by name, found on this machine and checked before use.

Input: a name, a part, perhaps a folder; output: uint8 images and labels. A set is looked for in the
given folder, else in ``LENETGEN_DATA``, the Keras cache and, if allowed, Keras' download;
``digits`` comes with scikit-learn. ``cifar.py`` and ``eurosat.py`` read their own files,
``images.py`` chooses what feeds ``verify``; nothing is scaled or shuffled here.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..codegen.errors import UserError
from . import cifar, eurosat
from .idx import read_idx, verify_md5, verify_sha256

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]
Pair = tuple[Images, Labels]

SPLITS = ("train", "test", "all")

# Published md5 of the original .gz files (Keras' and torchvision's tables agree).
MD5 = {
    "mnist": {
        "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
        "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
        "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
    },
    "fashion-mnist": {
        "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
    },
}
# sha256 that keras.datasets.mnist demands of its mnist.npz.
MNIST_NPZ_SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
_TITLES = {
    "mnist": "MNIST",
    "fashion-mnist": "Fashion-MNIST",
    "cifar10": "CIFAR-10",
    "eurosat-sample": "EuroSAT sample",
    "digits": "scikit-learn digits",
}
_COUNTS = {"train": 60000, "test": 10000}
_PREFIX = {"train": "train", "test": "t10k"}


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images with their labels.

    ``images``: uint8 (N, height, width, channels); ``labels``: int64 (N,) class numbers, or None
    where nobody knows them; ``source``: one phrase for reports, without a path.
    """

    images: Images
    labels: Labels | None
    name: str
    source: str

    def __len__(self) -> int:
        return len(self.images)

    def first(self, count: int | None) -> Dataset:
        """Return the first ``count`` images (all if None or if there are fewer)."""
        if count is None or count >= len(self.images):
            return self
        if count < 1:
            raise UserError(f"the number of images must be at least 1, not {count}")
        labels = None if self.labels is None else self.labels[:count]
        return Dataset(self.images[:count], labels, self.name, self.source)


def names() -> tuple[str, ...]:
    """Return the names ``load`` knows."""
    return tuple(_TITLES)


def load(
    name: str,
    split: str = "test",
    folder: Path | None = None,
    *,
    allow_download: bool = False,
) -> Dataset:
    """Load a part (``train``, ``test`` or ``all``) of the data set ``name``.

    ``folder`` holds the set itself or a subfolder of its name (for ``cifar10`` it may be the
    ``.npz``); given, it is the only place looked at. ``UserError`` for an unknown name, a missing
    set, a wrong checksum or a malformed file.
    """
    if name not in _TITLES:
        raise UserError(f"no data set {name!r}; there are: {', '.join(_TITLES)}")
    if split not in SPLITS:
        raise UserError(f"no part {split!r} of a data set; there are: {', '.join(SPLITS)}")
    parts = ("train", "test") if split == "all" else (split,)
    if name == "digits":
        pairs = [_digits(part) for part in parts]
        where = "built in"
    else:
        pairs, where = _find(name, parts, folder, allow_download)
    images = np.concatenate([images for images, _ in pairs])
    labels = np.concatenate([labels for _, labels in pairs])
    title = _TITLES[name] + (" enlarged to 28x28" if name == "digits" else "")
    part = {"train": "training set", "test": "test set", "all": "all images"}[split]
    return Dataset(images, labels, name, f"{title}, {part} of {len(images):,} ({where})")


def find(name: str, folder: Path | None = None, *, part: str = "test") -> str | None:
    """Return where a part of a data set lies (``LENETGEN_DATA``, ...), None if nowhere."""
    if name == "digits":
        return "built in"
    for place, _ in _places(name, (part,), folder):
        return place
    return None


def keras_home() -> Path:
    """Return the folder Keras keeps its files in; ``KERAS_HOME`` moves it."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")


Reader = Callable[[], list[Pair]]


def _find(
    name: str, parts: tuple[str, ...], folder: Path | None, allow_download: bool
) -> tuple[list[Pair], str]:
    """Return the parts from the first place that has them, and that place's name."""
    for place, reader in _places(name, parts, folder):
        return reader(), place
    if allow_download and folder is None and name != "eurosat-sample":
        _download(name)
        for place, reader in _places(name, parts, folder):
            return reader(), f"{place}, just downloaded"
    if folder is not None:
        raise UserError(
            f"{folder}: no {_TITLES[name]} there; expected {', '.join(_files(name, parts))}"
        )
    other = (
        f"; it is {eurosat.SOURCE}"
        if name == "eurosat-sample"
        else ", or allow the download with --download"
    )
    raise UserError(
        f"{_TITLES[name]} not found: set LENETGEN_DATA to a folder with "
        f"{name}/{_files(name, parts)[0]} and the like{other}"
    )


def _places(name: str, parts: tuple[str, ...], folder: Path | None) -> list[tuple[str, Reader]]:
    """Return the places that hold all files of ``parts``, best first, each with its reader."""
    places: list[tuple[str, Reader]] = []
    for label, place in _candidates(name, folder):
        reader = _reader(name, parts, place)
        if reader is not None:
            places.append((label, reader))
    return places


def _candidates(name: str, folder: Path | None) -> list[tuple[str, Path]]:
    """Return every place to look at and what reports call it."""
    folders = eurosat.FOLDERS if name == "eurosat-sample" else (name,)
    if folder is not None:
        if name == "cifar10" and folder.suffix == ".npz" and folder.is_file():
            return [("given file", folder)]
        if not folder.is_dir():
            raise UserError(f"{folder}: not a folder")
        return [("given folder", place) for place in (*map(folder.joinpath, folders), folder)]
    candidates: list[tuple[str, Path]] = []
    if root := os.environ.get("LENETGEN_DATA"):
        if not Path(root).is_dir():
            raise UserError(f"LENETGEN_DATA names {root}, which is not a folder")
        candidates += [("LENETGEN_DATA", Path(root) / each) for each in folders]
    cache = keras_home() / "datasets"
    candidates += [("Keras cache", cache / each) for each in folders]
    if name == "mnist":
        candidates.append(("Keras cache", cache))
    if name == "cifar10":  # Keras 3 unpacks into the first, Keras 2 into the cache itself
        candidates += [("Keras cache", cache / "cifar-10-batches-py-target")]
        candidates += [("Keras cache", cache)]
    return candidates


def _reader(name: str, parts: tuple[str, ...], place: Path) -> Reader | None:
    """Return what reads ``parts`` of the set at ``place``, None if it isn't there."""
    if name == "cifar10":
        return cifar.reader(place, parts)
    if name == "eurosat-sample":
        return eurosat.reader(place, parts)
    if all((place / file).is_file() for file in _files(name, parts)):
        return lambda: [_read_idx(name, part, place) for part in parts]
    if name == "mnist" and (place / "mnist.npz").is_file():
        return lambda: _read_npz(place / "mnist.npz", parts)
    return None


def _files(name: str, parts: tuple[str, ...]) -> list[str]:
    """Return the files that hold ``parts``; of CIFAR-10, those of one of its containers."""
    if name == "cifar10":
        return [cifar.NPZ]
    if name == "eurosat-sample":
        return [eurosat.sheet(each) for each in eurosat.SHA256]
    return [file for file in MD5[name] if file.startswith(tuple(_PREFIX[part] for part in parts))]


def _read_idx(name: str, part: str, folder: Path) -> Pair:
    """Read one part from two idx files, checksums first."""
    arrays = []
    for kind in ("images-idx3", "labels-idx1"):
        path = folder / f"{_PREFIX[part]}-{kind}-ubyte.gz"
        verify_md5(path, MD5[name][path.name])
        arrays.append(read_idx(path))
    return _pair(folder / f"{_PREFIX[part]}-*", arrays[0], arrays[1], _COUNTS[part])


def _read_npz(path: Path, parts: tuple[str, ...]) -> list[Pair]:
    """Read the parts from Keras' archive of the data set."""
    verify_sha256(path, MNIST_NPZ_SHA256)
    with np.load(path, allow_pickle=False) as archive:
        return [
            _pair(path, archive[f"x_{part}"], archive[f"y_{part}"], _COUNTS[part]) for part in parts
        ]


def _pair(
    path: Path, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8], count: int
) -> Pair:
    """Return images with a channel axis and int64 labels, once their shapes are right."""
    if images.shape != (count, 28, 28) or labels.shape != (count,) or images.dtype != np.uint8:
        raise UserError(
            f"{path}: expected {count} images of 28x28 and as many labels, "
            f"found {images.shape} {images.dtype} and {labels.shape}"
        )
    if int(labels.max()) > 9:
        raise UserError(f"{path}: label {labels.max()} is not in 0..9")
    return images[..., np.newaxis], labels.astype(np.int64)


def _download(name: str) -> None:
    """Let Keras fetch a data set into its cache."""
    from ..codegen.frontend.keras_runtime import import_keras

    keras = import_keras()
    try:
        getattr(keras.datasets, name.replace("-", "_")).load_data()
    except Exception as error:  # Keras raises bare Exception with the address inside
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{_TITLES[name]}: download failed ({reason})") from None


def _digits(part: str) -> Pair:
    """Return scikit-learn's digits: the last 360 of the 1,797 images are the test part."""
    from sklearn.datasets import load_digits

    small, labels = load_digits(return_X_y=True)
    cut = len(labels) - 360
    chosen = slice(None, cut) if part == "train" else slice(cut, None)
    images = enlarge(small.astype(np.int64).reshape(-1, 8, 8)[chosen])
    return images, labels[chosen].astype(np.int64)


def enlarge(small: npt.NDArray[np.int64]) -> Images:
    """Enlarge 8×8 images of values 0..16 to MNIST's layout: 20×20 in the middle of 28×28.

    ``small``: (N, 8, 8); returns uint8 (N, 28, 28, 1). Bilinear with the weights in tenths, so
    integers only: output pixel i has its centre at (4i - 3) / 10 of the small image (edges repeat),
    and the result is round-half-up(sum * 255 / 1600).
    """
    weights = np.zeros((20, 8), dtype=np.int64)
    for i in range(20):
        whole, tenths = divmod(4 * i - 3, 10)
        weights[i, min(max(whole, 0), 7)] += 10 - tenths
        weights[i, min(max(whole + 1, 0), 7)] += tenths
    sums = weights @ small @ weights.T  # 0..1600
    pixels = (sums * 510 + 1600) // 3200
    framed = np.zeros((len(small), 28, 28, 1), dtype=np.uint8)
    framed[:, 4:24, 4:24, 0] = pixels
    return framed
