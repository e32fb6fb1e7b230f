"""What a netlist of xc7 cells takes of the device, counted as Vivado's utilisation report counts.

A LUT is a LUT used as logic or as memory. Two small LUTs that could share one LUT6 (its O5 and O6
outputs) are counted as two, likewise two SRL16E: the count is an upper bound in that. Inverters
count as a LUT each; placement absorbs most of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from .toolrun import ToolError

# LUTs per distributed memory or shift register: Xilinx UG474 (v1.8), tables 2-3 and 2-7.
LUTS_AS_MEMORY = {
    "RAM32X1S": 1,
    "RAM64X1S": 1,
    "RAM128X1S": 2,
    "RAM256X1S": 4,
    "RAM32X1D": 2,
    "RAM64X1D": 2,
    "RAM128X1D": 4,
    "RAM32M": 4,
    "RAM64M": 4,
    "SRL16E": 1,
    "SRLC16E": 1,
    "SRLC32E": 1,
}
LOGIC = frozenset({"INV", "LUT1", "LUT2", "LUT3", "LUT4", "LUT5", "LUT6"})
REGISTERS = frozenset({"FDRE", "FDSE", "FDCE", "FDPE"})
LATCHES = frozenset({"LDCE", "LDPE"})
MUXES = frozenset({"MUXF7", "MUXF8"})
BRAM36 = {"RAMB18E1": 0.5, "RAMB36E1": 1.0}
FREE = frozenset({"GND", "VCC", "IBUF", "OBUF", "BUFG"})


@dataclass(frozen=True)
class Device:
    """What a part holds."""

    name: str
    lut: int
    ff: int
    dsp: int
    bram36: float


# Xilinx DS190, Zynq-7000 SoC overview.
XC7Z020 = Device("XC7Z020", lut=53_200, ff=106_400, dsp=220, bram36=140)
RESOURCES = ("lut", "ff", "dsp", "bram36")


@dataclass(frozen=True)
class Utilisation:
    """Counts of one module, or the sum of several."""

    logic_luts: int = 0
    memory_luts: int = 0
    ff: int = 0
    dsp: int = 0
    bram36: float = 0.0
    latches: int = 0
    carry4: int = 0
    muxes: int = 0
    cells: Counter[str] = field(default_factory=Counter)

    @property
    def lut(self) -> int:
        """LUTs as logic and as memory."""
        return self.logic_luts + self.memory_luts

    def __add__(self, other: Utilisation) -> Utilisation:
        numbers = {
            name: getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__
        }
        return Utilisation(**numbers)

    def share(self, device: Device) -> dict[str, float]:
        """Percent of the device, by resource."""
        return {name: 100 * getattr(self, name) / getattr(device, name) for name in RESOURCES}

    def as_json(self) -> dict[str, Any]:
        """Plain numbers, and the cells by type."""
        return {
            "lut": self.lut,
            "lut_logic": self.logic_luts,
            "lut_memory": self.memory_luts,
            "ff": self.ff,
            "dsp": self.dsp,
            "bram36": self.bram36,
            "carry4": self.carry4,
            "muxf": self.muxes,
            "latches": self.latches,
            "cells": dict(sorted(self.cells.items())),
        }


def count(types: Iterable[str]) -> Utilisation:
    """Count cells by type; a type without a known cost raises :class:`ToolError`."""
    cells = Counter(types)
    known = LOGIC | REGISTERS | LATCHES | MUXES | FREE | {"DSP48E1", "CARRY4"}
    unknown = sorted(set(cells) - known - set(LUTS_AS_MEMORY) - set(BRAM36))
    if unknown:
        raise ToolError(f"the netlist holds cells of unknown size: {', '.join(unknown)}")
    return Utilisation(
        logic_luts=sum(cells[name] for name in LOGIC),
        memory_luts=sum(number * cells[name] for name, number in LUTS_AS_MEMORY.items()),
        ff=sum(cells[name] for name in REGISTERS),
        dsp=cells["DSP48E1"],
        bram36=sum(size * cells[name] for name, size in BRAM36.items()),
        latches=sum(cells[name] for name in LATCHES),
        carry4=cells["CARRY4"],
        muxes=sum(cells[name] for name in MUXES),
        cells=cells,
    )
