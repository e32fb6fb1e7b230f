"""Writes the C++ of a simulated board: the AXI top, an AXI DMA engine and memory.

Input: a ``Design``. The program is for ``sim/pynq_board.py``, which builds and runs it; emitted
folders don't hold it.
"""

from __future__ import annotations

from dataclasses import dataclass

from .design import Design
from .registers import CORE_BASE, CORE_RANGE, DMA_BASE, DMA_RANGE, stream_bytes
from .render import identifier, render

MEMORY_BASE = 0x1000_0000  # physical address of the memory software and DMA share
LENGTH_BITS = 26  # of the DMA engine's length registers


@dataclass(frozen=True)
class BoardContext:
    """What ``board.cpp.j2`` is rendered with."""

    banner: str
    top: str
    memory_base: int
    core_base: int
    core_range: int
    dma_base: int
    dma_range: int
    length_bits: int
    in_bytes: int
    out_bytes: int


def board_source(design: Design, banner: str) -> str:
    """The program's text."""
    context = BoardContext(
        banner=banner,
        top=f"{identifier(design.name)}_axi",
        memory_base=MEMORY_BASE,
        core_base=CORE_BASE,
        core_range=CORE_RANGE,
        dma_base=DMA_BASE,
        dma_range=DMA_RANGE,
        length_bits=LENGTH_BITS,
        in_bytes=stream_bytes(design.source.lanes * 8),
        out_bytes=design.result_bits // 8,
    )
    return render("sim/board.cpp.j2", {"m": context})
