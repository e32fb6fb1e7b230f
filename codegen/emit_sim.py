"""Writes ``sim/``: the C++ harness for Verilator (the cocotb bench is ``emit_bench``)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .cycles import Timing
from .design import Design
from .emit_verilog import output_bits
from .render import render, write_text


@dataclass(frozen=True)
class HarnessStage:
    """A traced stream: its name and the bytes Verilator stores a word in."""

    name: str
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
    patience: int
    stages: tuple[HarnessStage, ...]


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
        out_bits=output_bits(design),
        outputs=design.graph.output.size,
        patience=20 * (timing.interval + timing.latency) + 10_000,
        stages=tuple(
            HarnessStage(s.op.name, storage_bytes(s.result.lanes * s.op.out.fmt.width))
            for s in design.stages
        ),
    )


def emit(design: Design, timing: Timing, banner: str, out: Path) -> list[str]:
    """Write ``out/sim/harness.cpp``; return the written names."""
    context = harness_context(design, timing, banner)
    write_text(out / "sim" / "harness.cpp", render("sim/harness.cpp.j2", {"m": context}))
    return ["sim/harness.cpp"]
