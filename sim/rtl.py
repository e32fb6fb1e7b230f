"""Runs emitted Verilog in Verilator through the C++ harness; knows nothing of expected values.

Input: a ``Design`` and the folder it was emitted to, uint8 images. Output: logits, the cycles of
every frame and, on request, every handshake between stages.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..codegen.design import Design
from ..codegen.emit_sim import storage_bytes
from ..codegen.layout import StreamLayout
from . import verilator
from .toolrun import ToolError, run_tool
from .vectors import input_bytes

BUILD_FOLDER = ".build"
BATCH = 50  # frames of one harness run: progress, and both cores busy until the end


@dataclass(frozen=True)
class RtlResult:
    """``logits`` int64 (frames, outputs); ``first`` and ``last`` cycle of every frame."""

    logits: npt.NDArray[np.int64]
    first: npt.NDArray[np.int64]
    last: npt.NDArray[np.int64]


@dataclass(frozen=True)
class StreamTrace:
    """A stage's stream: ``codes`` int64 (frames, *shape), ``cycles`` of each element alike."""

    codes: npt.NDArray[np.int64]
    cycles: npt.NDArray[np.int64]


class RtlSimulation:
    """The emitted RTL of ``folder``, compiled."""

    def __init__(self, design: Design, folder: Path) -> None:
        self.design = design
        self.rtl = (folder / "rtl").resolve()
        names = (self.rtl / "files.f").read_text(encoding="utf-8").split()
        self.executable = verilator.build_executable(
            folder / BUILD_FOLDER / "rtl",
            [self.rtl / name for name in names],
            design.name,
            folder / "sim" / "harness.cpp",
        )

    def run(
        self,
        images: npt.NDArray[np.uint8],
        *,
        gap: int = 0,
        stall: int = 0,
        seed: int = 1,
        isolated: bool = False,
        processes: int = 2,
        progress: Callable[[int], None] | None = None,
    ) -> RtlResult:
        """Play ``images`` (frames, *shape); gaps and stalls in percent of the cycles.

        Frames go back to back in batches of ``BATCH``; cycles count from each batch's start.
        """
        options = [f"gap={gap}", f"stall={stall}", f"seed={seed}", f"isolated={int(isolated)}"]
        batches = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]

        def work(batch: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
            rows = self._play(batch, options)
            if progress is not None:
                progress(len(batch))
            return rows

        with ThreadPoolExecutor(processes) as pool:
            parts = list(pool.map(work, batches))
        outputs = self.design.graph.output.size
        rows = np.concatenate(parts) if parts else np.empty((0, 2 + outputs), dtype=np.int64)
        return RtlResult(rows[:, 2:], rows[:, 0], rows[:, 1])

    def trace(
        self, images: npt.NDArray[np.uint8], *, gap: int = 0, stall: int = 0, seed: int = 1
    ) -> dict[str, StreamTrace]:
        """Every stage's stream by tensor name.

        If the simulation stops early (a deadlock, say), what never arrived has cycle -1.
        """
        with tempfile.TemporaryDirectory(prefix="lenetgen-trace-") as name:
            options = [f"gap={gap}", f"stall={stall}", f"seed={seed}", f"trace={name}/"]
            with contextlib.suppress(ToolError):  # the streams tell where it stopped
                self._play(images, options)
            return {
                stage.op.out.name: read_stream(
                    Path(name) / f"{stage.op.name}.bin",
                    stage.result,
                    stage.op.out.fmt.width,
                    signed=stage.op.out.fmt.signed,
                    shape=(len(images), *stage.op.out.shape),
                )
                for stage in self.design.stages
            }

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
    path: Path, layout: StreamLayout, width: int, *, signed: bool, shape: tuple[int, ...]
) -> StreamTrace:
    """Unpack a trace file: lanes of ``width`` bits into elements, dead lanes dropped.

    ``shape`` is (frames, *tensor shape); elements that are not in the file have cycle -1.
    """
    size = storage_bytes(layout.lanes * width)
    records = np.fromfile(path, dtype=np.dtype([("cycle", "<u8"), ("word", "u1", (size,))]))
    records = records[: shape[0] * layout.words]
    words = np.zeros((shape[0] * layout.words, size), dtype=np.uint8)
    words[: len(records)] = records["word"]
    word_cycles = np.full(len(words), -1, dtype=np.int64)
    word_cycles[: len(records)] = records["cycle"].astype(np.int64)
    bits = np.unpackbits(words, axis=1, bitorder="little")[:, : layout.lanes * width]
    weights = (1 << np.arange(width, dtype=np.int64)).astype(np.int64)
    if signed:
        weights[-1] = -weights[-1]
    codes = bits.reshape(-1, layout.lanes, width).astype(np.int64) @ weights
    cycles = np.repeat(word_cycles[:, None], layout.lanes, axis=1)
    per_group = (shape[0] * layout.groups, layout.words_per_group * layout.lanes)
    return StreamTrace(
        codes.reshape(per_group)[:, : layout.channels].reshape(shape),
        cycles.reshape(per_group)[:, : layout.channels].reshape(shape),
    )
