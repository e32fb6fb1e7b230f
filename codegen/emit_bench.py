"""Writes the cocotb bench ``sim/test_<name>.py`` and its runner ``sim/run_cocotb.py``.

Input: a ``Design`` and its predicted ``Timing``. The bench reads ``stimulus.mem`` and
``expected.mem`` beside it (``sim/vectors.py`` writes them); it holds no data of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .cycles import MAX_FRAMES, Timing
from .design import Design
from .render import identifier, render, write_text

STEADY_FRAMES = 6  # back-to-back frames after which most designs keep a constant interval


@dataclass(frozen=True)
class BenchLayer:
    """A stage's stream as the bench unpacks it: the signals are ``out_<name>_t*``."""

    name: str
    lanes: int
    channels: int
    groups: int
    width: int
    signed: bool
    shape: tuple[int, ...]


@dataclass(frozen=True)
class BenchContext:
    """What ``test_bench.py.j2`` and ``run_cocotb.py.j2`` are rendered with."""

    banner: str
    top: str
    words: int
    outputs: int
    out_bits: int
    out_type: str
    interval: int
    latency: int
    patience: int
    steady_frames: int
    max_frames: int
    layers: tuple[BenchLayer, ...]


def bench_context(design: Design, timing: Timing, banner: str) -> BenchContext:
    """The context of the bench."""
    output = design.graph.output
    return BenchContext(
        banner=banner,
        top=identifier(design.name),
        words=design.source.words,
        outputs=output.size,
        out_bits=design.result_bits,
        out_type=str(output.fmt),
        interval=timing.interval,
        latency=timing.latency,
        patience=20 * (timing.interval + timing.latency) + 10_000,
        steady_frames=STEADY_FRAMES,
        max_frames=MAX_FRAMES,
        layers=tuple(
            BenchLayer(
                name=identifier(stage.op.name),
                lanes=stage.result.lanes,
                channels=stage.result.channels,
                groups=stage.result.groups,
                width=stage.op.out.fmt.width,
                signed=stage.op.out.fmt.signed,
                shape=stage.op.out.shape,
            )
            for stage in design.stages
        ),
    )


def emit(design: Design, timing: Timing, banner: str, out: Path) -> list[str]:
    """Write ``out/sim/test_<name>.py`` and ``out/sim/run_cocotb.py``; return the written names."""
    context = bench_context(design, timing, banner)
    names = {f"sim/test_{context.top}.py": "test_bench", "sim/run_cocotb.py": "run_cocotb"}
    for name, template in names.items():
        write_text(out / name, render(f"sim/{template}.py.j2", {"m": context}))
    return list(names)
