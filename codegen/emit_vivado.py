"""Vivado and Vitis HLS scripts of an emitted folder.

Input: names of the files other emitters wrote, the clock, the part or the board. Output: scripts
``vivado/create_project.tcl``, ``vivado/build.tcl``, ``vivado/clock.xdc``, ``hls/run_hls.tcl`` and
``hls/hls_config.cfg``; for a board the numbered steps of ``STEPS`` as well. It neither reads those
files nor runs a tool; ``lenetgen.vivado`` checks and runs the scripts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from .boards import Board
from .errors import UserError
from .registers import CORE_BASE, CORE_CELL, CORE_RANGE, DMA_BASE, DMA_CELL, DMA_RANGE
from .render import identifier, render, write_text

DEFAULT_PART = "xc7z020clg400-1"
OLDEST = "2019.1"  # the first Vivado the scripts work with
STEPS = (  # of a board project, in order
    "01_project",
    "02_block_design",
    "03_synth",
    "04_impl",
    "05_bitstream",
    "06_export",
)
HP_BITS = 64  # width of the high performance port of the processing system (UG585)

# Device, package, speed grade of a 7-series or Zynq-7000 part (Xilinx DS180, DS190).
_PART = re.compile(
    r"xc7(?:z\d{3}s?|[aksv][xh]?\d{1,4}t?)[il]?[a-z]{3,4}\d{3,4}-(?:1|2|3|1L|2L)", re.ASCII
)
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
_FLAG = re.compile(r"[A-Za-z0-9_./=+-]+")
_CODE = (".cpp", ".cc", ".cxx", ".c")
_HEADERS = (".h", ".hpp", ".hh")
_BENCH = (".v", ".sv")


def validate_part(part: str) -> str:
    """Return ``part`` if it is named like a 7-series or Zynq-7000 part; ``UserError`` otherwise."""
    if not _PART.fullmatch(part):
        raise UserError(
            f"--part {part!r} is not a 7-series or Zynq-7000 part name; "
            f"expected device, package and speed grade as in {DEFAULT_PART}"
        )
    return part


def validate_clock(clock_ns: float) -> float:
    """Return the clock period in ns if 7-series logic could meet it; ``UserError`` otherwise."""
    if not (math.isfinite(clock_ns) and 1.0 <= clock_ns <= 1000.0):
        raise UserError(f"clock period {clock_ns} ns is out of range; allowed: 1 to 1000 ns")
    return clock_ns


@dataclass(frozen=True, kw_only=True)
class VivadoContext:
    """What the scripts need to know; all file names are relative to the emitted folder.

    A bad part or clock raises ``UserError``; a file name with a blank or one of an unexpected
    kind is a mistake of the caller and raises ``ValueError``.
    """

    banner: str  # comment lines: generator, version, model hash, "do not edit"
    top: str  # Verilog top module; also the name of the project
    clock_ns: float  # clock period in ns, of the Verilog and of the C++
    rtl_files: tuple[str, ...]  # Verilog, *.v
    mem_files: tuple[str, ...] = ()  # read by $readmemh under their bare names, *.mem
    sim_files: tuple[str, ...] = ()  # benches *.v, *.sv and their data, for the simulation set
    sim_top: str = ""  # bench module in sim_files; "": the simulation set shows the core itself
    part: str = DEFAULT_PART
    board: Board | None = None  # a project with processing system and DMA for it; gives the part
    axi_top: str = ""  # for a board: the module with the AXI ports of docs/registers.md
    axi_files: tuple[str, ...] = ()  # all Verilog of the axi_top, the core's included, *.v
    in_bits: int = 8  # widths of its streams: what AXI DMA can feed, 8 to 1024
    out_bits: int = 32
    clock_port: str = "aclk"  # clock input of the top module
    hls_top: str  # C++ top function
    hls_files: tuple[str, ...]  # C++ sources under hls/; headers may be named, too
    hls_tb_files: tuple[str, ...]  # test bench sources
    hls_data_files: tuple[str, ...] = ()  # files or folders the bench reads: copied beside it
    hls_cflags: tuple[str, ...] = ("-std=c++14",)  # for the design and the test bench
    hls_csim_argv: tuple[str, ...] = ()  # arguments of the test bench in C simulation

    def __post_init__(self) -> None:
        validate_part(self.part)
        validate_clock(self.clock_ns)
        for name in (self.top, self.sim_top or self.top, self.clock_port, self.hls_top):
            identifier(name)
        _expect(self.rtl_files, (".v",), "Verilog file")
        _expect(self.axi_files, (".v",), "Verilog file")
        _expect(self.mem_files, (".mem",), "memory file")
        _expect(self.sim_files, (), "simulation file")
        _expect(self.hls_files, _CODE + _HEADERS, "C++ file")
        _expect(self.hls_tb_files, _CODE + _HEADERS, "C++ test bench file")
        _expect(self.hls_data_files, (), "test bench data")
        for word in self.hls_cflags + self.hls_csim_argv:
            if not _FLAG.fullmatch(word):
                raise ValueError(f"not a plain flag or argument: {word!r}")
        if self.sim_top and not any(name.endswith(_BENCH) for name in self.sim_files):
            raise ValueError(f"sim_top {self.sim_top!r} needs a Verilog file in sim_files")
        if not self.rtl_files or not self.hls_files:
            raise ValueError("no Verilog files or no C++ files")
        if self.board is not None:
            identifier(self.axi_top)
            if self.part != self.board.part:
                raise ValueError(f"the part of {self.board.name} is {self.board.part}")
            for bits in (self.in_bits, self.out_bits):
                if bits not in {8 << shift for shift in range(8)}:
                    raise ValueError(f"AXI DMA has no streams of {bits} bits")


def _expect(names: Iterable[str], suffixes: tuple[str, ...], what: str) -> None:
    """Raise ``ValueError`` unless every name is a plain relative one with one of the suffixes."""
    seen = set()
    for name in names:
        if not _FILE.fullmatch(name) or (suffixes and not name.endswith(suffixes)):
            raise ValueError(f"not a plain name of a {what}: {name!r}")
        if name in seen:
            raise ValueError(f"{what} named twice: {name!r}")
        seen.add(name)


def _beside_hls(names: Iterable[str]) -> list[str]:
    """Return names relative to the folder ``hls/``: without it, or through its parent."""
    return [
        str(PurePosixPath(*path.parts[1:])) if path.parts[0] == "hls" else f"../{path}"
        for path in map(PurePosixPath, names)
    ]


def emit(context: VivadoContext, out: Path) -> list[str]:
    """Write the scripts under ``out``; return their names relative to it, sorted.

    The same context gives the same bytes. ``OSError`` if the folder can't be written.
    """
    values = {
        "banner": [line.rstrip("\\ ") for line in context.banner.splitlines()],
        "top": context.top,
        "part": context.part,
        "period": f"{context.clock_ns:.3f}",
        "clock_port": context.clock_port,
        "rtl_files": context.rtl_files,
        "mem_files": context.mem_files,
        "sim_files": context.sim_files,
        "sim_top": context.sim_top or context.top,
        "sim_bench": bool(context.sim_top),
    }
    hls_values = {
        "banner": values["banner"],
        "part": context.part,
        "period": values["period"],
        "hls_top": context.hls_top,
        # Headers are found beside the sources that include them.
        "hls_sources": _beside_hls(n for n in context.hls_files if n.endswith(_CODE)),
        "hls_tb_sources": _beside_hls(n for n in context.hls_tb_files if n.endswith(_CODE)),
        "hls_data": _beside_hls(context.hls_data_files),
        "cflags": " ".join(context.hls_cflags),
        "csim_argv": " ".join(context.hls_csim_argv),
        "argv_option": f' -argv "{" ".join(context.hls_csim_argv)}"' * bool(context.hls_csim_argv),
    }
    texts = {
        "hls/hls_config.cfg": render("vivado/hls_config.cfg.j2", hls_values),
        "hls/run_hls.tcl": render("vivado/run_hls.tcl.j2", hls_values),
        "vivado/build.tcl": render("vivado/build.tcl.j2", values),
        "vivado/clock.xdc": render("vivado/clock.xdc.j2", values),
        "vivado/create_project.tcl": render("vivado/create_project.tcl.j2", values),
    }
    if context.board is not None:
        board = {**values, **_board_values(context, context.board)}
        texts["vivado/common.tcl"] = render("vivado/common.tcl.j2", board)
        for step in STEPS:
            texts[f"vivado/{step}.tcl"] = render(f"vivado/{step}.tcl.j2", board)
        entry = render("vivado/create_board_project.tcl.j2", board)
        texts["vivado/create_project.tcl"] = entry
    for name, text in texts.items():
        write_text(out / name, text)
    return sorted(texts)


def _board_values(context: VivadoContext, board: Board) -> dict[str, Any]:
    """What the templates of a board project need beyond the other values."""
    return {
        "rtl_files": context.axi_files,
        "board": board,
        "axi_top": context.axi_top,
        "minimum": OLDEST,
        "clock_mhz": f"{1000.0 / context.clock_ns:.6f}",
        "core_cell": CORE_CELL,
        "dma_cell": DMA_CELL,
        "in_bits": context.in_bits,
        "memory_in_bits": max(context.in_bits, HP_BITS),
        "memory_out_bits": max(context.out_bits, HP_BITS),
        "ddr_range": f"{board.ddr_bytes >> 20}M",
        "address_map": (
            _row(DMA_CELL, "S_AXI_LITE/*", DMA_BASE, DMA_RANGE),
            _row(CORE_CELL, "s_axi/*", CORE_BASE, CORE_RANGE),
        ),
    }


def _row(cell: str, segment: str, base: int, size: int) -> dict[str, str]:
    """A line of the address map; ``size`` in bytes, whole KiB."""
    return {"cell": cell, "segment": segment, "base": f"0x{base:08X}", "range": f"{size >> 10}K"}
