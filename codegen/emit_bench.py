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
from .streams import RESULT, StreamPoint, stream_points

STEADY_FRAMES = 6  # back-to-back frames after which most designs keep a constant interval


@dataclass(frozen=True)
class BenchLayer:
    """A stream as the bench unpacks it: the signals are ``<signal>_t*``; ``title`` in messages."""

    name: str
    title: str
    signal: str
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
            bench_layer(point, point.signal.removeprefix("out_"))
            for point in stream_points(design)
            if point.part == RESULT
        ),
    )


def bench_layer(point: StreamPoint, name: str, title: str = "") -> BenchLayer:
    """How a bench unpacks the stream at ``point`` and what it calls it."""
    return BenchLayer(
        name=identifier(name),
        title=title or f"layer {name}",
        signal=identifier(point.signal),
        lanes=point.layout.lanes,
        channels=point.layout.channels,
        groups=point.layout.groups,
        width=point.tensor.fmt.width,
        signed=point.tensor.fmt.signed,
        shape=point.tensor.shape,
    )


def emit(design: Design, timing: Timing, banner: str, out: Path) -> list[str]:
    """Write ``out/sim/test_<name>.py`` and ``out/sim/run_cocotb.py``; return the written names."""
    context = bench_context(design, timing, banner)
    names = {f"sim/test_{context.top}.py": "test_bench", "sim/run_cocotb.py": "run_cocotb"}
    for name, template in names.items():
        write_text(out / name, render(f"sim/{template}.py.j2", {"m": context}))
    return list(names)
