"""What synthesis found out about a design: resources per layer and module, slowest paths.

Input: a :class:`~.synthesis.Netlist`. Output: a ``SynthReport``, as plain data on request. Nothing
is run here but the reading of cell delays.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from . import timing, yosys
from .cell_timing import cell_timings
from .synthesis import Netlist, synthesis_commands
from .timing import Path as TimingPath
from .utilisation import XC7Z020, Device, Utilisation, count

LOGIC_BUDGET = 2.5  # ns: half a period of 200 MHz, the other half is left to routing
PORTS = "ports"  # the row of everything that belongs to no layer
_LAYER = re.compile(r"u_(?:stage|fifo)_(\w+)")


@dataclass(frozen=True)
class Row:
    """A module instance, or the sum of a layer's: its cells, and the slowest path ending in it."""

    name: str
    module: str
    used: Utilisation
    path: TimingPath | None


@dataclass(frozen=True)
class SynthReport:
    """Everything measured; ``modules`` by instance, ``layers`` in the order of the design."""

    device: Device
    tool: str
    layers: tuple[Row, ...]
    modules: tuple[Row, ...]
    total: Row
    memories: dict[str, str]
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Plain data; the paths of the modules only (a layer's is the worst of its modules')."""
        return {
            "tool": self.tool,
            "script": synthesis_commands("TOP"),
            "device": {"name": self.device.name, **_budget(self.device)},
            "total": {
                **self.total.used.as_json(),
                "percent": {k: round(v, 2) for k, v in self.total.used.share(self.device).items()},
            },
            "layers": [_row_json(row) for row in self.layers],
            "modules": [_row_json(row) for row in self.modules],
            "memories": self.memories,
            "timing": {
                "label": timing.LABEL,
                "logic_budget_ns": LOGIC_BUDGET,
                "worst": None if self.total.path is None else self.total.path.as_json(),
                "modules": {row.name: row.path.as_json() for row in self.modules if row.path},
            },
            "synthesis_seconds": self.seconds,
        }


def _budget(device: Device) -> dict[str, float]:
    return {"lut": device.lut, "ff": device.ff, "dsp": device.dsp, "bram36": device.bram36}


def _row_json(row: Row) -> dict[str, Any]:
    return {
        "name": row.name,
        "module": row.module,
        **row.used.as_json(),
        "logic_ns": None if row.path is None else row.path.delay / 1000,
    }


def measure(netlist: Netlist, layers: tuple[str, ...], device: Device = XC7Z020) -> SynthReport:
    """Count and time ``netlist``; ``layers``: names of the stages in order."""
    modules = netlist.modules
    cells = [cell for module in modules.values() for cell in module.cells]
    timings = cell_timings(cell for cell in cells if cell.type not in modules)
    paths = timing.slowest_paths(modules, netlist.top, timings)
    sizes = {
        name: count(cell.type for cell in module.cells if cell.type not in modules)
        for name, module in modules.items()
    }
    rows = [
        Row(cell.name, _plain(cell.type), sizes[cell.type], paths.get(cell.name))
        for cell in modules[netlist.top].cells
        if cell.type in modules
    ]
    rows.append(Row("", netlist.top, sizes[netlist.top], paths.get("")))
    rows.sort(key=lambda row: row.name)
    seconds = sum(unit.seconds for unit in netlist.units)
    return SynthReport(
        device=device,
        tool=yosys.find().version,
        layers=_layers(rows, layers),
        modules=tuple(rows),
        total=_sum("total", rows),
        memories=netlist.memories,
        seconds=round(seconds, 1),
    )


def _plain(module: str) -> str:
    """``lng_fifo`` out of ``$paramod$3279...\\lng_fifo`` or ``$paramod\\lng_fifo\\DEPTH=...``."""
    parts = module.split("\\")
    return parts[1] if len(parts) > 1 else module


def _layers(rows: list[Row], names: tuple[str, ...]) -> tuple[Row, ...]:
    found: dict[str, list[Row]] = {name: [] for name in names}
    rest: list[Row] = []
    for row in rows:
        match = _LAYER.fullmatch(row.name)
        (found[match[1]] if match and match[1] in found else rest).append(row)
    return tuple(_sum(name, parts) for name, parts in [*found.items(), (PORTS, rest)] if parts)


def _sum(name: str, rows: list[Row]) -> Row:
    used = sum((row.used for row in rows), Utilisation())
    paths = [row.path for row in rows if row.path is not None]
    return Row(name, "", used, max(paths, key=lambda path: path.delay, default=None))
