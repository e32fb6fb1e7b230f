"""Measured designs and the fit of resource estimates to them.

A design's stages, the FIFOs behind them and its ports are synthesised and counted apart
(``measure``); a weight per feature is fitted to those of the designs that are not held out
(``fit``); ``errors`` compares whole designs. The measurements are kept as JSON beside the weights,
which carry its hash.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..codegen.cost_parts import EXACT, Cost
from ..codegen.cost_stages import fifo_cost, port_cost, stage_cost
from ..codegen.design import Design, Stage
from ..codegen.emit_verilog import emit
from ..codegen.resources import Weights
from ..sim.netlist import Module
from ..sim.synthesis import Netlist, synthesise
from ..sim.utilisation import Utilisation, count
from .calibration_designs import Recipe, held_out, names

RESOURCES = ("lut", "ff", "dsp", "bram")
SMALL = 30.0  # cells: parts below weigh no more in the fit
RELATIVE = 0.75  # 1: all parts weigh the same, 0: all cells do
BANNER = "calibration"
# What a feature should weigh by its structure, 1 where nothing else is known. It counts as one
# typical part more, so that features that always come together share what they cost sensibly.
EXPECTED = {
    "fifo.address": 4.7,
    "fifo.one": 3.5,
    "port.one": 24.0,
    "window.one": 10.0,
    "window.place": 3.0,
    "window.rotate3_even": 1.2,
    "window.rotate3_odd": 2.0,
    "window.rotate4_even": 1.5,
    "window.rotate4_odd": 2.0,
    "window.rotate5_even": 2.0,
    "window.rotate5_odd": 3.5,
    "window.rotate6_even": 2.5,
    "window.rotate6_odd": 3.5,
    "pack.words": 2.3,
    "cast.above": 0.3,
    "weights.deep": 4.5,
    "steps.deep": 4.5,
}


@dataclass(frozen=True)
class Part:
    """A stage, a FIFO or the ports: features by which it is estimated, cells that were counted."""

    name: str
    kind: str
    cost: Cost
    measured: Mapping[str, float]


@dataclass(frozen=True)
class Measured:
    """A synthesised design."""

    recipe: Recipe
    parts: tuple[Part, ...]

    def total(self) -> dict[str, float]:
        """Cells of all parts, by resource."""
        return {name: sum(part.measured[name] for part in self.parts) for name in RESOURCES}

    def estimate(self, weights: Weights) -> dict[str, float]:
        """What ``weights`` make of its features."""
        found = [weights.resources(part.cost) for part in self.parts]
        return {name: sum(getattr(item, name) for item in found) for name in RESOURCES}


def parts_of(design: Design) -> dict[str, tuple[str, Cost]]:
    """Kind and features of a design's parts, by name."""
    found: dict[str, tuple[str, Cost]] = {}
    for stage in design.stages:
        found[stage.op.name] = (stage_kind(stage), stage_cost(stage))
        found[f"{stage.op.name} fifo"] = ("fifo", fifo_cost(stage))
    found["ports"] = ("ports", port_cost(design))
    return found


def stage_kind(stage: Stage) -> str:
    """A stage's kind for tables: its operator and engine."""
    words = [stage.op.kind]
    if stage.fold is not None:
        fold = stage.fold
        words.append("constant" if fold.constant else "LUT" if fold.lut else "DSP")
    return " ".join(words)


def measure(recipe: Recipe) -> Measured:
    """Synthesise a recipe's design, or take it from the cache of syntheses."""
    design = recipe.design()
    with tempfile.TemporaryDirectory() as folder:
        emit(design, BANNER, Path(folder))
        netlist = synthesise(Path(folder) / "rtl", design.name, at_once=True, jobs=1)
    counts = _counts(netlist, design)
    return Measured(
        recipe,
        tuple(
            Part(name, kind, cost, counts[name]) for name, (kind, cost) in parts_of(design).items()
        ),
    )


def _counts(netlist: Netlist, design: Design) -> dict[str, dict[str, float]]:
    """Cells by part."""

    def cells(module: Module) -> Utilisation:
        return count(cell.type for cell in module.cells if cell.type not in netlist.modules)

    top = netlist.modules[netlist.top]
    names = {f"u_stage_{stage.op.name}": stage.op.name for stage in design.stages}
    names |= {f"u_fifo_{name}": f"{name} fifo" for name in list(names.values())}
    found = {"ports": cells(top)}
    for cell in top.cells:
        if cell.type in netlist.modules:
            name = names.get(cell.name, "ports")
            found[name] = found.get(name, Utilisation()) + cells(netlist.modules[cell.type])
    return {
        name: {"lut": used.lut, "ff": used.ff, "dsp": used.dsp, "bram": used.bram36}
        for name, used in found.items()
    }


def fit(designs: Iterable[Measured]) -> dict[str, dict[str, float]]:
    """A weight, never negative, per feature of LUTs and of flip-flops.

    Least squares over the designs' parts, relative to their sizes, and over ``EXPECTED``.
    """
    from scipy.optimize import nnls

    parts = [part for design in designs for part in design.parts]
    found: dict[str, dict[str, float]] = {}
    for resource in ("lut", "ff"):
        features = [getattr(part.cost, resource) for part in parts]
        names = sorted({name for item in features for name in item} - {EXACT})
        matrix = np.array([[item[name] for name in names] for item in features])
        exact = np.array([item[EXACT] for item in features])
        measured = np.array([part.measured[resource] for part in parts])
        scale = np.maximum(measured, SMALL) ** -RELATIVE
        rows, wanted = matrix * scale[:, None], (measured - exact) * scale
        typical = np.sqrt((rows**2).sum(axis=0) / np.maximum((rows != 0).sum(axis=0), 1))
        prior = np.array([EXPECTED.get(name, 1.0) for name in names])
        rows = np.vstack([rows, np.diag(typical)])
        weights, _ = nnls(rows, np.concatenate([wanted, typical * prior]))
        found[resource] = {
            name: round(float(weight), 4) for name, weight in zip(names, weights, strict=True)
        }
    return found


@dataclass(frozen=True)
class Errors:
    """Mean absolute error in percent and the worst design, by resource.

    ``counted``: designs that have, or are said to have, any of it.
    """

    mean: dict[str, float]
    worst: dict[str, tuple[str, float]]
    counted: dict[str, int]


def errors(designs: Iterable[Measured], weights: Weights) -> Errors:
    """Estimates of whole designs against what was measured."""
    mean: dict[str, float] = {}
    worst: dict[str, tuple[str, float]] = {}
    counted: dict[str, int] = {}
    pairs = [(item.recipe.name, item.estimate(weights), item.total()) for item in designs]
    for resource in RESOURCES:
        found = {
            name: 100 * (said[resource] / real[resource] - 1) if real[resource] else 100.0
            for name, said, real in pairs
            if said[resource] or real[resource]
        }
        counted[resource] = len(found)
        if not found:
            continue
        mean[resource] = round(sum(map(abs, found.values())) / len(found), 2)
        name = max(found, key=lambda name: abs(found[name]))
        worst[resource] = (name, round(found[name], 1))
    return Errors(mean, worst, counted)


def split(designs: Iterable[Measured]) -> tuple[list[Measured], list[Measured]]:
    """Those the fit sees, and those held out."""
    held = held_out()
    known = list(designs)
    return (
        [item for item in known if item.recipe.name not in held],
        [item for item in known if item.recipe.name in held],
    )


def table_of(designs: Iterable[Measured], measurements: str) -> dict[str, Any]:
    """The table of weights: fitted, with the errors they leave; ``measurements``: their hash.

    ``missing``: designs that were never measured.
    """
    fitted, held = split(designs)
    found = fit(fitted)
    used = weights_of(found)
    return {
        "measurements": measurements,
        "missing": len(names()) - len(fitted) - len(held),
        "fitted": _errors_json(len(fitted), errors(fitted, used)),
        "held_out": _errors_json(len(held), errors(held, used)),
        **found,
    }


def table_row(title: str, entry: Mapping[str, Any]) -> str:
    """A row of the table in docs/synthesis.md: mean errors, the worst design behind each."""
    cells = []
    for name in RESOURCES:
        worst, error = entry["worst"][name]
        cells.append(f"{entry['mape'][name]:.1f} % ({error:+.1f} %, `{worst}`)")
    return f"| {title} | {entry['designs']} | {' | '.join(cells)} |"


def weights_of(table: Mapping[str, Any]) -> Weights:
    """The weights of a table."""
    return Weights(table["lut"], table["ff"])


def _errors_json(designs: int, found: Errors) -> dict[str, Any]:
    worst = {name: list(item) for name, item in found.worst.items()}
    return {"designs": designs, "mape": found.mean, "counted": found.counted, "worst": worst}


def about(path: Path) -> dict[str, Any]:
    """Tool and script of a file of measurements."""
    document = json.loads(path.read_text(encoding="utf-8"))
    return {name: value for name, value in document.items() if name != "designs"}


def save(path: Path, designs: Iterable[Measured], about: Mapping[str, object]) -> None:
    """Write measurements as JSON, a part a line; ``about``: tool and sources."""
    lines = ["{"]
    lines += [f" {json.dumps(name)}: {json.dumps(value)}," for name, value in about.items()]
    lines.append(' "designs": [')
    blocks = []
    for design in designs:
        head = f'  {{"recipe": {json.dumps(asdict(design.recipe))}, "parts": ['
        rows = ",\n".join(f"   {json.dumps(_part_json(part))}" for part in design.parts)
        blocks.append(f"{head}\n{rows}]}}")
    lines.append(",\n".join(blocks))
    path.write_text("\n".join(lines) + "\n ]\n}\n", encoding="utf-8")


def read(path: Path) -> tuple[Measured, ...]:
    """Read what ``save`` wrote."""
    document = json.loads(path.read_text(encoding="utf-8"))
    return tuple(_measured(item) for item in document["designs"])


def digest(path: Path) -> str:
    """Hash of a file of measurements, which the weights carry."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _part_json(part: Part) -> dict[str, Any]:
    cost = part.cost
    return {
        "name": part.name,
        "kind": part.kind,
        "measured": dict(part.measured),
        "lut": {name: round(value, 3) for name, value in sorted(cost.lut.items())},
        "ff": {name: round(value, 3) for name, value in sorted(cost.ff.items())},
        "dsp": cost.dsp,
        "bram": cost.bram,
    }


def _measured(item: dict[str, Any]) -> Measured:
    recipe = item["recipe"]
    recipe |= {"shape": tuple(recipe["shape"]), "layers": tuple(recipe["layers"])}
    parts = tuple(
        Part(
            part["name"],
            part["kind"],
            Cost.of(part["lut"], part["ff"], part["dsp"], part["bram"]),
            part["measured"],
        )
        for part in item["parts"]
    )
    return Measured(Recipe(**recipe), parts)
