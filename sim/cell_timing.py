"""Delays of xc7 cells, as Yosys' cell library states them.

The library (``xilinx/cells_sim.v``) carries ``specify`` blocks whose numbers come from the Artix-7
timings of the Project X-Ray database (named there, number by number). Yosys itself evaluates them
here, once per kind of cell and set of parameters, since those of a DSP48E1 depend on its registers.
The library names no speed grade. What it lacks: the clock-to-output delay of a block RAM without
output register (its condition never holds; the number is taken as meant), setup times of clock
enables and resets of DSP48E1 and block RAM (taken as 0).
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import yosys
from .netlist import Cell

PinBit = tuple[str, int]  # port and index
# Parameters that hold contents, not structure.
_CONTENTS = ("INIT", "SRVAL", "MASK", "PATTERN")
RAM_WITHOUT_REGISTER = 2454  # ps, clock to output: cells_sim.v, RAMB18E1 and RAMB36E1


@dataclass(frozen=True)
class CellTiming:
    """One kind of cell, in picoseconds.

    ``through``: per output bit, (input bit, delay). ``launch``: clock to output. ``setup``: input
    before clock. ``clocks``: clock inputs.
    """

    through: dict[PinBit, tuple[tuple[PinBit, int], ...]]
    launch: dict[PinBit, int]
    setup: dict[PinBit, int]
    clocks: frozenset[str]

    @property
    def clocked(self) -> bool:
        """Whether the cell has a register or memory in use."""
        return bool(self.launch or self.setup)


Kind = tuple[str, tuple[tuple[str, str], ...]]  # type and structural parameters


def kind_of(cell: Cell) -> Kind:
    """What a cell's delays depend on."""
    chosen = {
        name: value for name, value in cell.parameters.items() if not name.startswith(_CONTENTS)
    }
    return cell.type, tuple(sorted(chosen.items()))


def cell_timings(cells: Iterable[Cell]) -> dict[Kind, CellTiming]:
    """The delays of every kind among ``cells``; Yosys runs once. Raises ToolError."""
    kinds = sorted({kind_of(cell) for cell in cells})
    folder = Path(tempfile.mkdtemp(prefix="lenetgen-cells-"))
    try:
        library = yosys.find().xilinx_cells.read_text(encoding="utf-8")
        # else the two outputs of a DSP48E1, with delays of their own, would be one net
        (folder / "cells.v").write_text(library.replace("assign PCOUT = P;", ""))
        instances = "".join(
            f"  {_instance(kind)} u{place} ();\n" for place, kind in enumerate(kinds)
        )
        (folder / "probe.v").write_text(f"module probe ();\n{instances}endmodule\n")
        yosys.run(
            "read_verilog -specify -defer cells.v\nread_verilog probe.v\nhierarchy -top probe\n"
            "proc\nopt_expr\nwrite_json probe.json\n",
            folder,
            timeout=600,
        )
        modules = json.loads((folder / "probe.json").read_text(encoding="utf-8"))["modules"]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    found = modules["probe"]["cells"]
    return {
        kind: _read(kind, modules[found[f"u{place}"]["type"]]) for place, kind in enumerate(kinds)
    }


def _instance(kind: Kind) -> str:
    name, parameters = kind
    values = [f".{key}({_literal(value)})" for key, value in parameters]
    if name.startswith("LUT"):
        # the parity of all inputs: with the library's default the output would be constant
        size = 1 << int(name[3])
        bits = "".join(str(row.bit_count() & 1) for row in reversed(range(size)))
        values.append(f".INIT({size}'b{bits})")
    return f"{name} #({', '.join(values)})" if values else name


def _literal(value: str) -> str:
    if value and set(value) <= set("01xz"):
        return f"{len(value)}'b{value}"
    return '"' + value.rstrip() + '"'


def _read(kind: Kind, module: dict[str, Any]) -> CellTiming:
    pins: dict[int | str, PinBit] = {
        bit: (port, place)
        for port, about in module["ports"].items()
        for place, bit in enumerate(about["bits"])
    }
    through: dict[PinBit, dict[PinBit, int]] = {}
    launch: dict[PinBit, int] = {}
    setup: dict[PinBit, int] = {}
    clocks: set[str] = set()
    for cell in module["cells"].values():
        if not cell["type"].startswith("$spec"):
            continue
        parameters, wires = cell["parameters"], cell["connections"]
        sources, targets = ([pins[bit] for bit in wires[end]] for end in ("SRC", "DST"))
        if "0" in (*wires.get("EN", ()), *wires.get("DST_EN", ()), *wires.get("SRC_EN", ())):
            continue
        time = _number(parameters["T_RISE_MAX" if "T_RISE_MAX" in parameters else "T_LIMIT_MAX"])
        if cell["type"] == "$specify2":
            for source, target in _pairs(parameters, sources, targets):
                arcs = through.setdefault(target, {})
                arcs[source] = max(time, arcs.get(source, 0))
        elif cell["type"] == "$specify3":
            clocks |= {port for port, _ in sources}
            for target in targets:
                launch[target] = max(time, launch.get(target, 0))
        elif parameters["TYPE"].strip() == "$setup":
            clocks |= {port for port, _ in targets}
            for source in sources:
                setup[source] = max(time, setup.get(source, 0))
    if kind[0] in ("RAMB18E1", "RAMB36E1"):
        for pin in pins.values():
            if pin[0] in ("DOADO", "DOPADOP", "DOBDO", "DOPBDOP"):
                launch.setdefault(pin, RAM_WITHOUT_REGISTER)
    paths = {target: tuple(sorted(arcs.items())) for target, arcs in through.items()}
    return CellTiming(paths, launch, setup, frozenset(clocks))


def _number(bits: str) -> int:
    """Picoseconds; 0 where the library's function gives nothing for these parameters."""
    return 0 if "x" in bits else int(bits, 2)


def _pairs(
    parameters: dict[str, str], sources: list[PinBit], targets: list[PinBit]
) -> list[tuple[PinBit, PinBit]]:
    if int(parameters["FULL"], 2) or len(sources) != len(targets):
        return [(source, target) for source in sources for target in targets]
    return list(zip(sources, targets, strict=True))
