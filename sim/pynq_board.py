"""A board in simulation, for software: the emitted AXI top, an AXI DMA engine and memory.

Input: an emitted folder. A process of its own steps the clock (``templates/sim/board.cpp.j2``);
registers are read and written over pipes, memory is a file both map. :mod:`.pynq_stub` puts the
interface of the ``pynq`` package on top.
"""

from __future__ import annotations

import enum
import mmap
import struct
import subprocess
import tempfile
from pathlib import Path

from ..codegen.design import Design
from ..codegen.emit_axi import FILE_LIST
from ..codegen.emit_board import MEMORY_BASE, board_source
from ..codegen.render import write_text
from . import verilator
from .rtl import BUILD_FOLDER
from .toolrun import ToolError

MEMORY_BYTES = 1 << 24
ANSWERS = {0: "OKAY", 2: "SLVERR", 3: "DECERR"}


class BusError(RuntimeError):
    """An access the bus answered with an error; a processor would end the program."""


class Behaviour(enum.IntEnum):
    """What can be set while it runs; the numbers and meanings are those of ``board.cpp.j2``."""

    HOST_CYCLES = 0  # cycles that pass with every access of the processor
    STALL = 1  # percent of the cycles in which the DMA engine does not move a word
    INPUT_STUCK = 2  # words of a transfer after which the engine stops sending; 0: never
    OUTPUT_STUCK = 3  # 1: the engine never takes a result
    CUT_BYTES = 4  # bytes missing at the end of each transfer to the core


def build(design: Design, folder: Path) -> Path:
    """Compile the board of the design emitted to ``folder``; return the program."""
    build_folder = folder.resolve() / BUILD_FOLDER
    source = build_folder / "board.cpp"
    write_text(source, board_source(design, "Written by lenetgen for a simulation."))
    rtl = folder.resolve() / "rtl"
    names = (folder / FILE_LIST).read_text(encoding="utf-8").split()
    return verilator.build_executable(
        build_folder / "board",
        [rtl / name for name in names],
        f"{design.name}_axi",
        source,
        opt="-O1",  # it compiles longer than it runs
    )


class Board:
    """A running board; a context manager, since it holds a process."""

    def __init__(self, program: Path, folder: Path, **behaviour: int) -> None:
        """Start ``program``, built from ``folder``; ``behaviour``: names in lower case."""
        self._scratch = tempfile.TemporaryDirectory(prefix="lenetgen-board-")
        scratch = Path(self._scratch.name)
        for file in (folder.resolve() / "rtl").glob("*.mem"):  # read under their bare names
            (scratch / file.name).symlink_to(file)
        path = scratch / "memory"
        with path.open("wb") as file_:
            file_.truncate(MEMORY_BYTES)
        with path.open("r+b") as file_:
            self.memory = mmap.mmap(file_.fileno(), MEMORY_BYTES)
        self._process = subprocess.Popen(
            [program, path, str(MEMORY_BYTES)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=scratch,
        )
        for name, value in behaviour.items():
            self.set(Behaviour[name.upper()], value)

    def __enter__(self) -> Board:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process and give the memory back."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()
        self.memory.close()
        self._scratch.cleanup()

    def read(self, address: int) -> int:
        """The 32-bit register at a physical address; ``BusError`` if there is none."""
        return self._access(0, address, 0)

    def write(self, address: int, value: int) -> None:
        """Write it; ``BusError`` if there is none or the value is refused."""
        self._access(1, address, value)

    def advance(self, cycles: int) -> None:
        """Let cycles pass."""
        self._ask(2, cycles, 0)

    def set(self, what: Behaviour, value: int) -> None:
        """Change how the board behaves."""
        self._ask(3, int(what), value)

    def offset(self, address: int, size: int) -> int:
        """Where ``size`` bytes at a physical address lie in ``memory``."""
        place = address - MEMORY_BASE
        assert 0 <= place <= MEMORY_BYTES - size, f"{address:#x} is no memory"
        return place

    def _access(self, operation: int, address: int, value: int) -> int:
        response, value = self._ask(operation, address, value)
        if response:
            what = "write to" if operation else "read of"
            raise BusError(f"{what} {address:#010x}: {ANSWERS[response]}")
        return value

    def _ask(self, operation: int, first: int, second: int) -> tuple[int, int]:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        stdin.write(struct.pack("<3I", operation, first, second))
        stdin.flush()
        answer = stdout.read(8)
        if len(answer) != 8:
            raise ToolError(f"the simulated board ended (exit status {self._process.wait(10)})")
        response, value = struct.unpack("<2I", answer)
        return response, value
