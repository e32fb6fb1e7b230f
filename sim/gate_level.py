"""The synthesised netlist, simulated in Verilator and compared with the golden model.

Input: an emitted package, its netlist (:mod:`.synthesis`) and uint8 images. The netlist is what
Yosys wrote. Cells behave as in ``templates/sim/xc7_*``, written after the vendor's documents; any
others as in Yosys' library. The harness and its protocol are those of the RTL.
"""

from __future__ import annotations

import importlib.resources
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..codegen.design import Design
from ..codegen.errors import UserError
from ..codegen.render import render, write_text
from ..codegen.streams import stream_points
from . import verilator, yosys
from .golden import GoldenModel
from .package import Package, banner
from .rtl import BUILD_FOLDER, RtlSimulation
from .rtl_check import RtlRun, narrow, play
from .synthesis import Netlist
from .toolrun import ToolError

FOLDER = "gates"  # below the build folder
# The netlist has unconnected pins and cells' vectors of unequal width by nature; the harness
# compares results of a whole design, so nothing of it is judged by its style.
VERILATOR_ARGS = ("-Wno-fatal", "-Wno-lint", "-Wno-style", "--output-split", "20000")


@dataclass(frozen=True)
class BlockRam:
    """A block RAM cell for the template: sizes of address, data and byte-enable ports in bits."""

    name: str
    bits: int  # address bits in use
    address: int
    data: int
    init: tuple[str, ...]
    initp: tuple[str, ...]

    @property
    def bytes(self) -> int:
        """Bytes of one port."""
        return self.data // 8


def _block_ram(name: str, bits: int, address: int, data: int) -> BlockRam:
    init = tuple(f"INIT_{place:02X}" for place in range((1 << bits) // 256))
    initp = tuple(f"INITP_{place:02X}" for place in range((1 << bits) // 2048))
    return BlockRam(name, bits, address, data, init, initp)


@dataclass(frozen=True)
class _CellsContext:
    banner: str
    cells: tuple[BlockRam, ...] = (
        _block_ram("RAMB18E1", 14, 14, 16),
        _block_ram("RAMB36E1", 15, 16, 32),
    )


@dataclass(frozen=True)
class GateRun:
    """What the netlist's simulation gave, and how many cells it had."""

    run: RtlRun
    cells: int

    @property
    def ok(self) -> bool:
        """Whether all results are the golden model's."""
        return self.run.ok

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "images": self.run.images,
            "wrong_images": self.run.wrong_images,
            "cells": self.cells,
            "seconds": round(self.run.seconds, 1),
            "failure": self.run.failure,
            "difference": None if self.run.difference is None else str(self.run.difference),
        }

    def __str__(self) -> str:
        what = f"gate level: {self.run.images} images through {self.cells:,} cells"
        if self.ok:
            return f"{what}, all integers are equal"
        reason = self.run.failure or self.run.difference or f"{self.run.wrong_images} wrong"
        return f"{what}: {reason}"


class GateSimulation(RtlSimulation):
    """The netlist of an emitted design, compiled; played like its RTL, its layers traced alike."""

    def __init__(
        self, design: Design, folder: Path, netlist: Netlist, line: str, opt: str = "-O1"
    ) -> None:
        self.design = design
        self.rtl = (folder / "rtl").resolve()  # where the harness runs; nothing is read there
        target = folder.resolve() / BUILD_FOLDER / FOLDER
        files = write_sources(netlist, line, target / "netlist")
        self.executable = verilator.build_executable(
            target / "build",
            files,
            design.name,
            folder / "sim" / "harness.cpp",
            VERILATOR_ARGS,
            opt,
        )
        self.points = stream_points(design)


def write_sources(netlist: Netlist, line: str, out: Path) -> list[Path]:
    """Write the netlist and its cells below ``out``; return the files for Verilator."""
    modules = netlist.modules
    used = {cell.type for module in modules.values() for cell in module.cells} - modules.keys()
    watched = [
        f'public_flat_rd -module "{netlist.top}" -var "*_{end}"'
        for end in ("tdata", "tvalid", "tready")
    ]
    files = {
        # the signals the harness looks at; the netlist has lost the comments that said so
        "public.vlt": "\n".join(("`verilator_config", *watched)) + "\n",
        "cells.v": cell_models(used, line),
        **{f"{unit.unit.module}.v": unit.verilog() for unit in netlist.units},
    }
    for name, text in files.items():
        write_text(out / name, text)
    return [out / name for name in files]


def cell_models(types: set[str], line: str) -> str:
    """Verilog of the cells: the package's own models, and Yosys' of those it has none of."""
    text = (importlib.resources.files("lenetgen") / "templates/sim/xc7_cells.v").read_text()
    text += render("sim/xc7_block_ram.v.j2", {"m": _CellsContext(line)})
    own = set(re.findall(r"^module (\w+)", text, re.MULTILINE))
    return text + library_cells(types - own)


def library_cells(names: set[str]) -> str:
    """The models of those cells in Yosys' library, without their timing."""
    if not names:
        return ""
    library = yosys.find().xilinx_cells.read_text(encoding="utf-8")
    found = []
    for name in sorted(names):
        match = re.search(rf"^module {name}\s*\(.*?^endmodule$", library, re.MULTILINE | re.DOTALL)
        if match is None:
            raise ToolError(f"Yosys' library has no model of the cell {name}")
        found.append(re.sub(r"^\s*specify$.*?^\s*endspecify$", "", match[0], flags=re.M | re.S))
    return "\n" + "\n\n".join(found) + "\n"


def simulate(
    package: Package,
    netlist: Netlist,
    images: npt.NDArray[np.uint8],
    progress: Callable[[str, int, int], None] | None = None,
    opt: str = "-O1",
) -> GateRun:
    """Play ``images`` (n, *shape) through the netlist and compare every logit and layer.

    ``opt``: the C++ compiler's optimization. ``UserError`` for a flattened netlist: it has no
    layers to look at.
    """
    if len(netlist.modules) == 1:
        raise UserError("--gate-level goes with --per-module: a flat netlist has no layers")
    tell = progress or (lambda *_: None)
    modules = netlist.modules.values()
    cells = sum(cell.type not in netlist.modules for module in modules for cell in module.cells)
    run = RtlRun("gate level", len(images))
    tell(run.name, 0, len(images))
    try:
        line = banner(package.design)
        simulation = GateSimulation(package.design, package.folder, netlist, line, opt)
    except ToolError as error:
        run.failure = str(error)
        return GateRun(run, cells)
    model = GoldenModel(package.design.graph)
    play(run, package, model, simulation, images, model.run(images), tell)
    # all logits may be right where a wrong layer was rounded away
    if run.difference is None:
        narrow(run, model, simulation, images, 0)
    return GateRun(run, cells)
