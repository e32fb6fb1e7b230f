"""A stand-in for the ``pynq`` package: the names a driver uses, answered by a simulated board.

``installed(board)`` puts it where ``import pynq`` finds it. As on a Zynq, buffers are not coherent:
what was not flushed does not reach the DMA engine, what was not invalidated is old.
"""

from __future__ import annotations

import contextlib
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..codegen.emit_board import MEMORY_BASE
from ..codegen.registers import (
    CORE_BASE,
    CORE_CELL,
    CORE_RANGE,
    DMA_BASE,
    DMA_CELL,
    DMA_RANGE,
)
from .pynq_board import MEMORY_BYTES, Board

PAGE = 4096
GARBAGE = 0xCD  # what fresh memory and stale cache lines hold


class Buffer(npt.NDArray[Any]):
    """What ``pynq.allocate`` gives: an array, its place in memory, and cache maintenance."""

    board: Board | None
    physical_address: int

    def __array_finalize__(self, source: object) -> None:
        """Views are plain arrays as far as memory goes."""
        self.board = None
        self.physical_address = 0

    @property
    def device_address(self) -> int:
        """The same address, as newer releases call it."""
        return self.physical_address

    def flush(self) -> None:
        """Let the DMA engine see what was written."""
        memory, place = self._memory()
        memory[place : place + self.nbytes] = self.tobytes()

    def invalidate(self) -> None:
        """See what the DMA engine wrote."""
        memory, place = self._memory()
        content = np.frombuffer(memory[place : place + self.nbytes], dtype=self.dtype)
        self[...] = content.reshape(self.shape)

    sync_to_device = flush
    sync_from_device = invalidate

    def freebuffer(self) -> None:
        """Its memory is not used again in a simulation; the buffer may no longer be."""
        self.board = None

    close = freebuffer

    def _memory(self) -> tuple[Any, int]:
        assert self.board is not None, "a view, or a freed buffer: only whole buffers have a place"
        return self.board.memory, self.board.offset(self.physical_address, self.nbytes)


class _Bitstreams:
    """Makes the functions and classes of the module for one board."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.next = MEMORY_BASE

    def allocate(self, shape: Any, dtype: Any = "u4", target: Any = None) -> Buffer:
        """A buffer in the memory that the DMA engine reaches."""
        plain = np.zeros(shape, dtype)
        plain.view(np.uint8)[...] = GARBAGE
        buffer = plain.view(Buffer)
        buffer.board, buffer.physical_address = self.board, self.next
        self.next += -(-buffer.nbytes // PAGE) * PAGE
        if self.next > MEMORY_BASE + MEMORY_BYTES:
            raise RuntimeError("Failed to allocate Memory!")  # as pynq says it
        return buffer


def _module(board: Board) -> types.ModuleType:
    bitstreams = _Bitstreams(board)

    class MMIO:
        """Registers from ``base_addr`` on."""

        def __init__(self, base_addr: int, length: int = 4, **_: Any) -> None:
            self.base_addr, self.length = base_addr, length

        def read(self, offset: int = 0, length: int = 4) -> int:
            """A 32-bit word."""
            return board.read(self._address(offset))

        def write(self, offset: int, data: int) -> None:
            """Write one."""
            board.write(self._address(offset), int(data) & 0xFFFF_FFFF)

        def _address(self, offset: int) -> int:
            if offset % 4 or not 0 <= offset < self.length:
                raise IndexError(f"offset {offset} is outside of the range, or not a word")
            return self.base_addr + offset

    class Overlay:
        """A bitstream and its .hwh; the hardware is the board's, whatever they hold."""

        def __init__(self, bitfile_name: str, download: bool = True, **_: Any) -> None:
            for path in (Path(bitfile_name), Path(bitfile_name).with_suffix(".hwh")):
                if not path.is_file():
                    raise FileNotFoundError(f"{path} does not exist.")
            self.bitfile_name = bitfile_name
            self.ip_dict = {
                CORE_CELL: {"phys_addr": CORE_BASE, "addr_range": CORE_RANGE},
                DMA_CELL: {"phys_addr": DMA_BASE, "addr_range": DMA_RANGE},
            }

    class Clocks:
        """The clocks of the programmable logic."""

        fclk0_mhz = 100.0

    module = types.ModuleType("pynq", __doc__)
    module.__dict__.update(
        allocate=bitstreams.allocate, MMIO=MMIO, Overlay=Overlay, Clocks=Clocks, __version__="stub"
    )
    return module


@contextlib.contextmanager
def installed(board: Board) -> Iterator[types.ModuleType]:
    """While the block runs, ``import pynq`` gives the stand-in on ``board``."""
    before = sys.modules.get("pynq")
    sys.modules["pynq"] = module = _module(board)
    try:
        yield module
    finally:
        if before is None:
            del sys.modules["pynq"]
        else:
            sys.modules["pynq"] = before
