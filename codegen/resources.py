"""What a stage costs on a 7-series part, before any synthesis.

Input: a ``Stage``; output: ``Resources``. Structure gives the features (``cost_stages``), exactly
for DSP slices and block RAM; ``cost_table.json`` gives the LUTs and flip-flops of each, fitted to
designs that Yosys synthesised (``make calibrate``, docs/synthesis.md).
"""

from __future__ import annotations

import functools
import importlib.resources
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from .cost_parts import Cost
from .cost_stages import fifo_cost, port_cost, stage_cost
from .design import Design, Stage
from .errors import UserError

TABLE = "cost_table.json"


@dataclass(frozen=True)
class Resources:
    """Counts of what the part has: LUTs, flip-flops, DSP48E1 slices, 36-Kbit block RAMs."""

    lut: float = 0.0
    ff: float = 0.0
    dsp: float = 0.0
    bram: float = 0.0

    def __add__(self, other: Resources) -> Resources:
        return Resources(
            self.lut + other.lut, self.ff + other.ff, self.dsp + other.dsp, self.bram + other.bram
        )

    def used_of(self, budget: Resources) -> dict[str, float]:
        """Share of ``budget`` used, by resource; infinite where there is none of it."""
        shares = {}
        for item in fields(self):
            need, have = getattr(self, item.name), getattr(budget, item.name)
            shares[item.name] = need / have if have else (float("inf") if need else 0.0)
        return shares

    def binding(self, budget: Resources) -> str:
        """The resource of which the largest share is used."""
        shares = self.used_of(budget)
        return max(shares, key=lambda name: shares[name])

    def pressure(self, budget: Resources) -> float:
        """The largest share; above 1 it does not fit."""
        return max(self.used_of(budget).values())


# DS190 (Zynq-7000 overview), table of the Z-7010/7020/7030/7045
PARTS: Mapping[str, Resources] = {
    "xc7z010": Resources(17_600, 35_200, 80, 60),
    "xc7z020": Resources(53_200, 106_400, 220, 140),
    "xc7z030": Resources(78_600, 157_200, 400, 265),
    "xc7z045": Resources(218_600, 437_200, 900, 545),
}


def known_part(part: str) -> bool:
    """Whether the resources of ``part`` are known."""
    return any(part.lower().startswith(prefix) for prefix in PARTS)


def part_budget(part: str) -> Resources:
    """What ``part`` (a full name such as xc7z020clg400-1) holds; ``UserError`` if unknown."""
    for prefix, budget in PARTS.items():
        if part.lower().startswith(prefix):
            return budget
    known = ", ".join(PARTS)
    raise UserError(f"part {part}: its resources are not known; known are {known}")


@dataclass(frozen=True)
class Weights:
    """LUTs and flip-flops per unit of a feature; a feature that was never measured weighs 1."""

    lut: Mapping[str, float]
    ff: Mapping[str, float]

    def resources(self, cost: Cost) -> Resources:
        """What ``cost`` takes of a part."""
        lut = sum(amount * self.lut.get(name, 1.0) for name, amount in cost.lut.items())
        ff = sum(amount * self.ff.get(name, 1.0) for name, amount in cost.ff.items())
        return Resources(lut, ff, cost.dsp, cost.bram)


@functools.lru_cache(maxsize=1)
def table() -> dict[str, Any]:
    """``cost_table.json``: the weights, the errors they leave, the hash of the measurements."""
    path = importlib.resources.files("lenetgen") / "codegen" / TABLE
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


@functools.lru_cache(maxsize=1)
def weights() -> Weights:
    """The weights that ``make calibrate`` fitted."""
    found = table()
    return Weights(found["lut"], found["ff"])


def design_resources(design: Design) -> dict[str, Resources]:
    """Resources by stage name, and "ports" for the top level's own logic."""
    parts = {stage.op.name: stage_resources(stage) for stage in design.stages}
    parts["ports"] = weights().resources(port_cost(design))
    return parts


def total(parts: Mapping[str, Resources]) -> Resources:
    """The sum."""
    result = Resources()
    for part in parts.values():
        result += part
    return result


def stage_resources(stage: Stage) -> Resources:
    """A stage with the FIFO behind it."""
    return weights().resources(stage_cost(stage)) + weights().resources(fifo_cost(stage))
