"""Writes ``sim/``: the C++ harness for Verilator and the plain Verilog test bench.

The cocotb bench is ``emit_bench``; stimulus and expected results are written where images are.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .cycles import Timing
from .design import Design
from .render import render, write_text
from .streams import stream_points, verilator_config

STIMULUS, EXPECTED = "stimulus.mem", "expected.mem"  # in sim/, read under their bare names
STREAMS = "streams.vlt"  # in sim/: the signals the harness reads


@dataclass(frozen=True)
class HarnessStream:
    """A traced stream: its signals' prefix and the bytes Verilator stores a word in."""

    signal: str
    bytes: int


@dataclass(frozen=True)
class HarnessContext:
    """What ``harness.cpp.j2`` is rendered with."""

    banner: str
    top: str
    in_words: int
    in_bytes: int
    in_bits: int
    out_bits: int
    outputs: int
    patience: int  # cycles without a handshake that mean it hangs
    drain: int  # cycles after which a frame has left every stage
    streams: tuple[HarnessStream, ...]


@dataclass(frozen=True)
class BenchContext:
    """What ``tb.v.j2`` is rendered with; times in cycles, ``half_period`` in ns."""

    banner: str
    top: str
    in_bits: int
    in_words: int
    out_bits: int
    outputs: int
    frames: int
    timeout: int
    half_period: str
    stimulus: str
    expected: str


def storage_bytes(bits: int) -> int:
    """Bytes of Verilator's type for a signal: 1, 2, 4, 8, or whole 32-bit words."""
    for size in (1, 2, 4, 8):
        if bits <= 8 * size:
            return size
    return -(-bits // 32) * 4


def harness_context(design: Design, timing: Timing, banner: str) -> HarnessContext:
    """The context of the harness."""
    return HarnessContext(
        banner=banner,
        top=design.name,
        in_words=design.source.words,
        in_bytes=design.source.lanes,
        in_bits=design.source.lanes * 8,
        out_bits=design.result_bits,
        outputs=design.graph.output.size,
        drain=timing.interval + timing.latency,
        patience=20 * (timing.interval + timing.latency) + 10_000,
        streams=tuple(
            HarnessStream(point.signal, storage_bytes(point.bits))
            for point in stream_points(design)
        ),
    )


def bench_context(
    design: Design, timing: Timing, banner: str, frames: int, clock_ns: float
) -> BenchContext:
    """The context of the Verilog test bench that plays ``frames`` frames."""
    return BenchContext(
        banner=banner,
        top=design.name,
        in_bits=design.source.lanes * 8,
        in_words=design.source.words,
        out_bits=design.result_bits,
        outputs=design.graph.output.size,
        frames=frames,
        timeout=4 * (frames + 1) * (timing.interval + timing.latency) + 1000,
        half_period=f"{clock_ns / 2:.3f}",
        stimulus=STIMULUS,
        expected=EXPECTED,
    )


def emit(
    design: Design, timing: Timing, banner: str, out: Path, *, frames: int, clock_ns: float
) -> list[str]:
    """Write harness, ``streams.vlt`` and ``tb_<name>.v`` (for ``frames`` frames); return them."""
    harness = {"m": harness_context(design, timing, banner)}
    bench = {"m": bench_context(design, timing, banner, frames, clock_ns)}
    texts = {
        "sim/harness.cpp": render("sim/harness.cpp.j2", harness),
        f"sim/{STREAMS}": verilator_config(design),
        f"sim/tb_{design.name}.v": render("sim/tb.v.j2", bench),
    }
    for name, text in texts.items():
        write_text(out / name, text)
    return list(texts)
