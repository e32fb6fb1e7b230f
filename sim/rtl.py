"""Runs emitted Verilog in Verilator through the C++ harness; knows nothing of expected values.

Input: a ``Design`` and the folder it was emitted to, uint8 images. Output: logits, the cycles of
every frame and, on request, every handshake between stages.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ..codegen.design import Design
from ..codegen.emit_sim import STREAMS, storage_bytes
from ..codegen.streams import StreamPoint, stream_points
from . import verilator
from .toolrun import run_tool, stopping
from .vectors import input_bytes

BUILD_FOLDER = ".build"
BATCH = 50  # frames of one harness run: progress, and all cores busy until the end
CORES = os.cpu_count() or 1

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def side_by_side(
    work: Callable[[_Item], _Result], items: Iterable[_Item], processes: int
) -> list[_Result]:
    """``work`` on every item, ``processes`` at a time; what an item raises ends them all."""
    with ThreadPoolExecutor(processes) as pool:
        jobs = [pool.submit(work, item) for item in items]
        try:
            return [job.result() for job in jobs]
        except BaseException:
            with stopping():
                pool.shutdown(cancel_futures=True)
            raise


@dataclass(frozen=True)
class RtlResult:
    """``logits`` int64 (frames, outputs); ``first`` and ``last`` cycle of every frame."""

    logits: npt.NDArray[np.int64]
    first: npt.NDArray[np.int64]
    last: npt.NDArray[np.int64]


@dataclass(frozen=True)
class StreamTrace:
    """A stream: ``codes`` int64 (groups, frames, *shape), ``cycles`` of each element alike.

    What never arrived has cycle -1. ``blocked`` (groups,): at the end a word waited to be taken.
    """

    codes: npt.NDArray[np.int64]
    cycles: npt.NDArray[np.int64]
    blocked: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Replay:
    """Groups of frames, each played from a reset on.

    ``logits`` int64 (groups, frames, outputs); ``complete`` (groups, frames): all of a frame's
    results came, TLAST where it belongs; ``streams`` in the order of ``stream_points``.
    """

    logits: npt.NDArray[np.int64]
    complete: npt.NDArray[np.bool_]
    streams: tuple[StreamTrace, ...]


class RtlSimulation:
    """The emitted RTL of ``folder``, compiled."""

    def __init__(self, design: Design, folder: Path) -> None:
        self.design = design
        self.rtl = (folder / "rtl").resolve()
        names = (self.rtl / "files.f").read_text(encoding="utf-8").split()
        self.executable = verilator.build_executable(
            folder / BUILD_FOLDER / "rtl",
            [folder / "sim" / STREAMS, *(self.rtl / name for name in names)],
            design.name,
            folder / "sim" / "harness.cpp",
        )
        self.points = stream_points(design)

    def run(
        self,
        images: npt.NDArray[np.uint8],
        *,
        gap: int = 0,
        stall: int = 0,
        seed: int = 1,
        isolated: bool = False,
        processes: int = CORES,
        progress: Callable[[int], None] | None = None,
    ) -> RtlResult:
        """Play ``images`` (frames, *shape); gaps and stalls in percent of the cycles.

        Frames go back to back in batches of ``BATCH``, ``processes`` batches at a time; cycles
        count from each batch's start.
        """
        options = [f"gap={gap}", f"stall={stall}", f"seed={seed}", f"isolated={int(isolated)}"]
        batches = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]

        def work(batch: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
            rows = self._play(batch, options)
            if progress is not None:
                progress(len(batch))
            return rows

        parts = side_by_side(work, batches, processes)
        outputs = self.design.graph.output.size
        rows = np.concatenate(parts) if parts else np.empty((0, 2 + outputs), dtype=np.int64)
        return RtlResult(rows[:, 2:], rows[:, 0], rows[:, 1])

    def replay(
        self,
        groups: npt.NDArray[np.uint8],
        *,
        gap: int = 0,
        stall: int = 0,
        seed: int = 1,
        fresh: bool = False,
        patience: int | None = None,
        processes: int = CORES,
    ) -> Replay:
        """Play ``groups`` (n, frames, *shape), n >= 1, each from a reset on, and trace all streams.

        A group that hangs or closes a frame wrongly ends there. ``fresh``: every group starts in
        a process of its own, so that not even memories remember the one before. ``patience``:
        cycles without a word in or out that mean a hang, if not the harness' own number.
        """
        options = [f"gap={gap}", f"stall={stall}", f"seed={seed}", f"group={groups.shape[1]}"]
        options += [] if patience is None else [f"patience={patience}"]
        size = 1 if fresh else max(1, min(BATCH, -(-len(groups) // processes)))
        parts = [groups[start : start + size] for start in range(0, len(groups), size)]
        played = side_by_side(lambda part: self._replay(part, options), parts, processes)
        return Replay(
            np.concatenate([part.logits for part in played]),
            np.concatenate([part.complete for part in played]),
            tuple(
                StreamTrace(
                    np.concatenate([trace.codes for trace in traces]),
                    np.concatenate([trace.cycles for trace in traces]),
                    np.concatenate([trace.blocked for trace in traces]),
                )
                for traces in zip(*(part.streams for part in played), strict=True)
            ),
        )

    def traced(self, images: npt.NDArray[np.uint8], points: tuple[StreamPoint, ...]) -> Replay:
        """Play ``images`` (frames, *shape) as one group and trace some of the ``points``."""
        return self._replay(images[None], [], points)

    def _replay(
        self,
        groups: npt.NDArray[np.uint8],
        options: list[str],
        points: tuple[StreamPoint, ...] | None = None,
    ) -> Replay:
        count, frames = groups.shape[:2]
        with tempfile.TemporaryDirectory(prefix="lenetgen-trace-") as name:
            images = groups.reshape(count * frames, *groups.shape[2:])
            rows = self._play(images, [*options, f"trace={name}/"])
            ends = np.fromfile(Path(name) / "groups.bin", dtype=np.uint64).astype(np.int64)
            ends = ends.reshape(count, len(self.points), 2)
            streams = tuple(
                read_stream(Path(name) / f"{point.signal}.bin", point, ends[:, index], frames)
                for index, point in enumerate(self.points)
                if points is None or point in points
            )
        return Replay(
            rows[:, 2:].reshape(count, frames, -1),
            (rows[:, 1] >= 0).reshape(count, frames),
            streams,
        )

    def _play(self, images: npt.NDArray[np.uint8], options: list[str]) -> npt.NDArray[np.int64]:
        with tempfile.TemporaryDirectory(prefix="lenetgen-rtl-") as name:
            source, target = Path(name) / "images.bin", Path(name) / "results.bin"
            source.write_bytes(input_bytes(self.design, images).tobytes())
            command: list[str | Path] = [
                self.executable,
                source,
                str(len(images)),
                target,
                *options,
            ]
            run_tool(command, cwd=self.rtl)  # the memory files are named without a folder
            rows = np.fromfile(target, dtype=np.int64)
            return rows.reshape(len(images), 2 + self.design.graph.output.size)


def read_stream(
    path: Path, point: StreamPoint, ends: npt.NDArray[np.int64], frames: int
) -> StreamTrace:
    """Unpack a trace file: lanes into elements, dead lanes dropped.

    ``ends`` (groups, 2): how many words each group has, and the stream's state at its end;
    ``frames`` per group. Words beyond those of the frames are left out.
    """
    layout, fmt = point.layout, point.tensor.fmt
    size = storage_bytes(point.bits)
    records = np.fromfile(path, dtype=np.dtype([("cycle", "<u8"), ("word", "u1", (size,))]))
    groups, wanted = len(ends), frames * layout.words
    words = np.zeros((groups, wanted, size), dtype=np.uint8)
    word_cycles = np.full((groups, wanted), -1, dtype=np.int64)
    start = 0
    for group, count in enumerate(ends[:, 0].tolist()):
        part = records[start : start + min(count, wanted)]
        words[group, : len(part)] = part["word"]
        word_cycles[group, : len(part)] = part["cycle"].astype(np.int64)
        start += count
    bits = np.unpackbits(words.reshape(-1, size), axis=1, bitorder="little")[:, : point.bits]
    weights = (1 << np.arange(fmt.width, dtype=np.int64)).astype(np.int64)
    if fmt.signed:
        weights[-1] = -weights[-1]
    codes = bits.reshape(-1, layout.lanes, fmt.width).astype(np.int64) @ weights
    cycles = np.repeat(word_cycles.reshape(-1, 1), layout.lanes, axis=1)
    per_group = (groups * frames * layout.groups, layout.words_per_group * layout.lanes)
    shape = (groups, frames, *point.tensor.shape)
    return StreamTrace(
        codes.reshape(per_group)[:, : layout.channels].reshape(shape),
        cycles.reshape(per_group)[:, : layout.channels].reshape(shape),
        ends[:, 1] == 1,
    )
