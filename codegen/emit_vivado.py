"""Vivado and Vitis HLS scripts of an emitted folder.

Input: names of the files other emitters wrote, the clock and the part. Output: the scripts
``vivado/create_project.tcl``, ``vivado/build.tcl``, ``vivado/clock.xdc`` and ``hls/run_hls.tcl``.
It neither reads those files nor runs a tool; ``lenetgen.vivado`` checks and runs the scripts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from .errors import UserError
from .render import identifier, render, write_text

DEFAULT_PART = "xc7z020clg400-1"

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
        "argv_option": f' -argv "{" ".join(context.hls_csim_argv)}"' * bool(context.hls_csim_argv),
    }
    texts = {
        "hls/run_hls.tcl": render("vivado/run_hls.tcl.j2", hls_values),
        "vivado/build.tcl": render("vivado/build.tcl.j2", values),
        "vivado/clock.xdc": render("vivado/clock.xdc.j2", values),
        "vivado/create_project.tcl": render("vivado/create_project.tcl.j2", values),
    }
    for name, text in texts.items():
        write_text(out / name, text)
    return sorted(texts)
