"""Runs an emitted design's cocotb bench on the Verilog that Vitis HLS wrote from its C++.

Input: an emitted folder and the folder of that Verilog. Output: a ``CosimReport``. The top module
has other names (``pixels_TDATA``, ``ap_clk``, ...): its ports are read from the text, and a wrapper
gives them the names of the emitted core. Expected results are those of the golden model. Left out
are the tests that ask for what the C++ does not promise: the predicted number of cycles, and
malformed frames (it counts words and looks at no TLAST).
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..codegen.errors import UserError
from ..codegen.render import render, write_text
from ..sim.cosim import CosimReport, run_folder
from ..sim.package import Package, banner
from ..sim.rtl import BUILD_FOLDER
from .hls_report import verilog_folders

TOP = "lng_vitis_top"
TESTS = r"logits/|(?:^|\.)tlast$|reset_in_mid_frame/cut=(?:first_word|middle|next_frame|results)$"
# All warnings off: generated code is full of widths that differ.
LINT = '`verilator_config\nlint_off -file "*"\n'

_PORT = re.compile(
    r"\b(input|output)\b\s*(?:wire\b|reg\b|logic\b)?\s*(?:\[\s*(\d+)\s*:\s*0\s*\])?\s*(\w+)"
)


@dataclass(frozen=True)
class Port:
    """A port of a Verilog module."""

    name: str
    direction: str  # input or output
    width: int


def module_ports(text: str, top: str) -> list[Port]:
    """The ports of module ``top``, declared in its header or behind it; ``UserError`` if none."""
    plain = re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.DOTALL)
    found = re.search(rf"\bmodule\s+{top}\b", plain)
    if found is None:
        raise UserError(f"no module {top} in the Verilog: is it of another design?")
    body = plain[found.end() : plain.find("endmodule", found.end())]
    return [
        Port(name, direction, int(high or 0) + 1) for direction, high, name in _PORT.findall(body)
    ]


def wrapper_context(ports: list[Port], package: Package) -> dict[str, Any]:
    """What ``vitis_top.v.j2`` is rendered with; ``UserError`` if the ports are not as expected."""
    top = package.design.name
    by_name = {port.name: port for port in ports}
    streams = {
        direction: [
            name.removesuffix("_TDATA")
            for name, port in by_name.items()
            if name.endswith("_TDATA") and port.direction == direction
        ]
        for direction in ("input", "output")
    }
    if [len(names) for names in streams.values()] != [1, 1]:
        raise UserError(
            f"{top} of Vitis HLS has the streams {streams['input'] + streams['output']}: one in "
            "and one out are expected"
        )
    source, result = streams["input"][0], streams["output"][0]
    if "ap_start" in by_name:
        raise UserError(
            f"{top} of Vitis HLS has start and done signals: synthesize it without "
            "LNG_BLOCK_CONTROL"
        )
    signals = {
        "ap_clk": "aclk",
        "ap_rst_n": "aresetn",
        "ap_rst": "!aresetn",
        **{f"{source}_{end}": f"s_axis_{end.lower()}" for end in _ENDS},
        **{f"{result}_{end}": f"m_axis_{end.lower()}" for end in _ENDS},
    }
    for name in ("ap_clk", *(f"{stream}_{end}" for stream in (source, result) for end in _ENDS)):
        if name not in by_name:
            raise UserError(f"{top} of Vitis HLS has no port {name}")
    in_bits, out_bits = 8 * package.design.source.lanes, package.design.result_bits
    for name, bits in ((f"{source}_TDATA", in_bits), (f"{result}_TDATA", out_bits)):
        if by_name[name].width != bits:
            raise UserError(
                f"{name} of Vitis HLS has {by_name[name].width} bits, the design {bits}: "
                "synthesize the C++ of this folder again"
            )
    dangling = [port for port in ports if port.name not in signals and port.direction == "output"]
    ones = {
        port.name: f"{{{port.width}{{1'b1}}}}"
        for port in ports
        if port.direction == "input" and re.search(r"_T(?:KEEP|STRB)$", port.name)
    }
    unknown = [
        port.name
        for port in ports
        if port.direction == "input" and port.name not in signals and port.name not in ones
    ]
    if unknown:
        raise UserError(f"{top} of Vitis HLS has inputs of unknown use: {', '.join(unknown)}")
    connections = [
        (name, signals.get(name) or ones.get(name) or f"unused_{name}") for name in by_name
    ]
    return {
        "banner": banner(package.design),
        "top": top,
        "in_bits": in_bits,
        "out_bits": out_bits,
        "connections": connections,
        "dangling": dangling,
    }


_ENDS = ("TDATA", "TVALID", "TREADY", "TLAST")


def find_verilog(package: Package) -> Path:
    """Where Vitis HLS left the Verilog of the design; ``UserError`` if it did not yet."""
    for folder in verilog_folders(package.folder):
        if (folder / f"{package.design.name}.v").is_file():
            return folder
    raise UserError(
        f"no Verilog of Vitis HLS in {package.folder / 'hls'}: run lenetgen vivado "
        f"{package.folder} --stage hls-csynth first, or name its folder with --verilog"
    )


def stage_verilog(package: Package, verilog: Path) -> Path:
    """Copy the Verilog and its tables beside a wrapper to a folder of their own; return it.

    The tables' names lose folder and ending: the simulator reads ``NAME.mem`` where it runs.
    """
    source = verilog / f"{package.design.name}.v"
    if not source.is_file():
        raise UserError(f"{source}: no such file; expected: the folder of Vitis HLS' Verilog")
    context = wrapper_context(
        module_ports(source.read_text(encoding="utf-8"), package.design.name), package
    )
    stage = package.folder / BUILD_FOLDER / "vitis"
    rtl = stage / "rtl"
    shutil.rmtree(rtl, ignore_errors=True)
    rtl.mkdir(parents=True)
    names = []
    for path in sorted(verilog.glob("*.v")):
        text = path.read_text(encoding="utf-8")
        write_text(rtl / path.name, re.sub(r'"(?:\./)?(\w+)\.dat"', r'"\1.mem"', text))
        names.append(path.name)
    for path in sorted(verilog.glob("*.dat")):
        shutil.copyfile(path, rtl / f"{path.stem}.mem")
    write_text(rtl / f"{TOP}.v", render("vivado/vitis_top.v.j2", {"m": context}))
    write_text(rtl / "quiet.vlt", LINT)
    write_text(rtl / "files.f", "".join(f"{name}\n" for name in ("quiet.vlt", f"{TOP}.v", *names)))
    return stage


def run_vitis(
    package: Package,
    verilog: Path | None = None,
    *,
    test_filter: str | None = None,
    waves: bool = False,
    progress: Callable[[str], None] | None = None,
) -> CosimReport:
    """Run the bench of ``package`` on the Verilog of Vitis HLS in ``verilog``.

    ``test_filter`` chooses among ``TESTS``' tests. Raises as ``stage_verilog`` and
    ``sim.cosim.run_benches`` do.
    """
    stage = stage_verilog(package, verilog or find_verilog(package))
    return run_folder(
        stage,
        TOP,
        bench=package.folder / "sim" / f"test_{package.design.name}.py",
        test_filter=f"(?=.*(?:{TESTS})).*(?:{test_filter or ''})",
        waves=waves,
        progress=progress,
    )
