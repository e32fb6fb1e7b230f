"""Every layer boundary of a whole data set as a fingerprint, golden and RTL; batches on disk.

Images go through the RTL in batches of ``BATCH``, each from a reset on. A batch gives its logits
and one SHA-256 per boundary, of the codes that crossed it: int64, little endian, image by image,
row, column, channel. A boundary's fingerprint is the SHA-256 of its batches' digests in order, so
it does not depend on who played which batch, or when.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import threading
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..codegen.streams import FIFO, OUTPUT_PORT, StreamPoint
from .golden import GoldenModel
from .package import DESIGN_FILE, Package
from .rtl import BATCH, BUILD_FOLDER, CORES, RtlSimulation, StreamTrace, side_by_side

Images = npt.NDArray[np.uint8]
Codes = npt.NDArray[np.int64]
Count = Callable[[int], None]

FOLDER = "regress"  # in BUILD_FOLDER: batches of an interrupted run
HASH_BYTES = 32


@dataclass(frozen=True)
class Boundary:
    """Fingerprints of what crosses a boundary: ``part`` of the tensor ``layer``.

    ``rtl`` None: there were no results.
    """

    layer: str
    part: str
    golden: str
    rtl: str | None

    @property
    def equal(self) -> bool:
        """Whether the same integers crossed it."""
        return self.golden == self.rtl


@dataclass(frozen=True)
class Played:
    """``logits`` int64 (images, outputs); ``digests`` uint8 (batches, boundaries, 32)."""

    logits: Codes
    digests: npt.NDArray[np.uint8]


def compared(points: Sequence[StreamPoint]) -> tuple[StreamPoint, ...]:
    """The streams that are compared: input port and every layer's results.

    The FIFOs behind them carry the same words.
    """
    return tuple(point for point in points if point.part != FIFO)


def golden(
    model: GoldenModel, points: Sequence[StreamPoint], images: Images, count: Count
) -> Played:
    """What should come: logits and digests; the last boundary is the output port."""

    def work(batch: Images) -> tuple[Codes, list[bytes]]:
        codes = model.trace(batch)
        logits = codes[model.graph.output.name].reshape(len(batch), -1)
        found = [_digest(codes[point.tensor.name]) for point in points] + [_digest(logits)]
        count(len(batch))
        return logits, found

    return _together([work(batch) for batch in _batches(images)])


class Journal:
    """The batches that are done: one file each below ``folder``, which belongs to one run.

    A run is one design, compiled by one Verilator, and one series of images; the batches of any
    other are removed. A file appears as a whole. One that can't be read counts as not done.
    """

    def __init__(self, folder: Path, identity: str, shape: tuple[int, int]) -> None:
        self.root, self.folder, self.shape = folder, folder / identity[:HASH_BYTES], shape
        for other in folder.glob("*"):
            if other != self.folder:
                shutil.rmtree(other, ignore_errors=True)

    @classmethod
    def of(cls, package: Package, simulation: RtlSimulation, images: Images, count: int) -> Journal:
        """That of ``images`` through ``simulation``, with ``count`` boundaries."""
        digest = hashlib.sha256(f"{BATCH} {images.shape}".encode())
        for path in (package.folder / DESIGN_FILE, simulation.executable):
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        digest.update(np.ascontiguousarray(images).tobytes())
        shape = (package.design.graph.output.size, count)
        return cls(package.folder / BUILD_FOLDER / FOLDER, digest.hexdigest(), shape)

    def get(self, index: int, images: int) -> tuple[Codes, list[bytes]] | None:
        """Logits and digests of batch ``index``, which has ``images``; None if it is not done."""
        try:
            with self._path(index).open("rb") as file, np.load(file, allow_pickle=False) as archive:
                logits, digests = archive["logits"], archive["digests"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None
        outputs, count = self.shape
        whole = logits.dtype == np.int64 and logits.shape == (images, outputs)
        if not whole or digests.dtype != np.uint8 or digests.shape != (count, HASH_BYTES):
            return None
        return logits, [digest.tobytes() for digest in digests]

    def put(self, index: int, logits: Codes, digests: list[bytes]) -> None:
        """Keep a batch; where the disk has no room the run goes on without."""
        path = self._path(index)
        scratch = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        rows = np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, HASH_BYTES)
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            with scratch.open("wb") as file:
                np.savez(file, allow_pickle=False, logits=logits, digests=rows)
            scratch.replace(path)

    def done(self, images: int) -> int:
        """How many of the ``images`` need not be played."""
        sizes = [min(BATCH, images - start) for start in range(0, images, BATCH)]
        return sum(size for index, size in enumerate(sizes) if self.get(index, size) is not None)

    def clear(self) -> None:
        """Forget everything: the run is complete, or starts over."""
        shutil.rmtree(self.root, ignore_errors=True)

    def _path(self, index: int) -> Path:
        return self.folder / f"{index:06}.npz"


def through_rtl(
    simulation: RtlSimulation,
    points: tuple[StreamPoint, ...],
    images: Images,
    journal: Journal,
    count: Count,
    jobs: int = CORES,
) -> Played:
    """What comes: batches back to back, ``jobs`` at a time, those of the journal as they are there.

    ``ToolError`` if the RTL hangs or the simulator fails; batches that are done stay.
    """

    def work(item: tuple[int, Images]) -> tuple[Codes, list[bytes]]:
        index, batch = item
        done = journal.get(index, len(batch))
        if done is None:
            played = simulation.traced(batch, points)
            logits = played.logits[0]
            done = logits, [*map(_arrived, played.streams), _digest(logits)]
            journal.put(index, *done)
        count(len(batch))
        return done

    return _together(side_by_side(work, list(enumerate(_batches(images))), jobs))


def compare(
    points: Sequence[StreamPoint], expected: Played, actual: Played | None
) -> list[Boundary]:
    """The fingerprints, input first, output port last; ``actual`` None: there are none."""
    names = [(point.tensor.name, point.part) for point in points]
    names.append((points[-1].tensor.name, OUTPUT_PORT))
    return [
        Boundary(
            name,
            part,
            _fingerprint(expected.digests[:, index]),
            None if actual is None else _fingerprint(actual.digests[:, index]),
        )
        for index, (name, part) in enumerate(names)
    ]


def first_wrong_batch(expected: Played, actual: Played) -> range | None:
    """The images of the first batch with a digest that differs; None if all are equal."""
    wrong = (expected.digests != actual.digests).any(axis=(1, 2))
    if not wrong.any():
        return None
    start = int(np.argmax(wrong)) * BATCH
    return range(start, min(start + BATCH, len(expected.logits)))


def _batches(images: Images) -> list[Images]:
    return [images[start : start + BATCH] for start in range(0, len(images), BATCH)]


def _together(parts: Sequence[tuple[Codes, list[bytes]]]) -> Played:
    digests = [np.frombuffer(b"".join(found), dtype=np.uint8) for _, found in parts]
    return Played(
        np.concatenate([logits for logits, _ in parts]),
        np.stack(digests).reshape(len(parts), -1, HASH_BYTES),
    )


def _digest(codes: Codes) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(codes, dtype="<i8").tobytes()).digest()


def _arrived(stream: StreamTrace) -> bytes:
    """The digest of a stream; no digest at all if an element is missing."""
    return _digest(stream.codes[0]) if (stream.cycles >= 0).all() else bytes(HASH_BYTES)


def _fingerprint(digests: npt.NDArray[np.uint8]) -> str:
    return hashlib.sha256(digests.tobytes()).hexdigest()
