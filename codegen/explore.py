"""Chooses each layer's engine and fold for a goal and a budget of the part's resources.

Input: a typed graph, a goal (cycles per frame, latency, or the fastest that fits) and a budget.
Output: a ``Schedule``. Every layer is folded (PE x SIMD multipliers) or constant (its weights as
additions); a beam search over the layers keeps the designs that use the least of their scarcest
resource. Without a goal, ``schedule.schedule`` folds everything by multipliers alone.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .candidates import Candidates, Way, with_units
from .cycles import CycleModel, Timing, measure
from .design import Design, build_design
from .errors import UserError
from .ir import Graph, Op, WeightedOp
from .layout import StreamLayout, input_layout
from .resources import Resources, design_resources, total
from .schedule import Fold, Layer, Schedule, make_schedule, output_layout, serial_folds

GOAL_ATTEMPTS = 6
BEAM = 48  # partial designs kept per layer


@dataclass(frozen=True)
class Partial:
    """A design up to some layer."""

    folds: Mapping[str, Fold]
    stream: StreamLayout
    resources: Resources

    def grown(self, op: Op, way: Way) -> Partial:
        """With the next layer."""
        folds = self.folds if way.fold is None else {**self.folds, op.name: way.fold}
        return Partial(folds, way.stream, self.resources + way.resources)


class NoFit(Exception):
    """No design reaches the goal within the budget; ``nearest`` is the one that exceeds least."""

    def __init__(self, nearest: Schedule, resources: Resources) -> None:
        super().__init__("no design fits")
        self.nearest = nearest
        self.resources = resources


class Explorer:
    """Remembers what it measured: candidates of a layer are the same for many goals."""

    def __init__(self, graph: Graph, budget: Resources, pixels: int = 1) -> None:
        self.graph = graph
        self.budget = budget
        self.pixels = pixels
        self.candidates = Candidates(graph)

    @functools.cached_property
    def floor(self) -> int:
        """The fewest cycles per frame there can be: all that may be constant is, all else full."""
        folds: dict[str, Fold] = {}
        source = input_layout(self.graph.input, self.pixels)
        for op in self.graph.ops:
            x = self.graph.source(op)
            if isinstance(op, WeightedOp):
                layer = Layer.of(op, source)
                whole = Fold(layer.outputs, layer.lanes * layer.words)
                fold = layer.constant() if self.candidates.may_be_constant(op.name) else whole
                folds[op.name] = with_units(op, x, source, fold, 1)
            source = output_layout(op, x, source, folds.get(op.name))
        return make_schedule(self.graph, folds, self.pixels).cycles

    def choose(self, cycles: int, tail: Mapping[str, int] | None = None) -> Schedule:
        """The design whose layers take ``cycles`` that uses the least; ``tail``: goals by layer.

        A layer that can't be that fast is as fast as it can.

        ``NoFit`` if it exceeds the budget.
        """
        goals = tail or {}
        beam = [Partial({}, input_layout(self.graph.input, self.pixels), Resources())]
        for op in self.graph.ops:
            goal = goals.get(op.name, cycles)
            grown = [
                (partial, way)
                for partial in beam
                for way in self.candidates.ways(op.name, partial.stream, goal)
            ]
            beam = [partial.grown(op, way) for partial, way in self._prune(grown)]
        best = beam[0]
        schedule = make_schedule(self.graph, best.folds, self.pixels)
        if best.resources.pressure(self.budget) > 1:
            raise NoFit(schedule, best.resources)
        return schedule

    def _prune(self, grown: list[tuple[Partial, Way]]) -> list[tuple[Partial, Way]]:
        """The best ``BEAM``, at least one for every stream the next layer could read."""
        kept: list[tuple[Partial, Way]] = []
        streams: set[StreamLayout] = set()
        for index in self._ranked(grown):
            partial, way = grown[index]
            if len(kept) < BEAM or way.stream not in streams:
                kept.append((partial, way))
                streams.add(way.stream)
                if len(kept) == 2 * BEAM:
                    break
        return kept

    def _ranked(self, grown: list[tuple[Partial, Way]]) -> Iterator[int]:
        """Indices, the best first: less of the scarcest resource, then less of all of them."""
        used = _table([partial.resources for partial, _ in grown])
        used += _table([way.resources for _, way in grown])
        (have,) = _table([self.budget])
        none = np.where(used > 0, np.inf, 0.0)  # shares of nothing
        shares = np.where(have > 0, used / np.where(have > 0, have, 1.0), none)
        lut, ff, dsp, bram = shares.T
        order: list[int] = np.lexsort((lut + ff + dsp + bram, shares.max(axis=1))).tolist()
        return iter(order)


def _table(rows: list[Resources]) -> npt.NDArray[np.float64]:
    """(rows, resources)."""
    return np.array([(row.lut, row.ff, row.dsp, row.bram) for row in rows], dtype=np.float64)


@dataclass(frozen=True)
class Found:
    """A design that meets its goals, its timing and what it takes."""

    design: Design
    timing: Timing
    resources: Resources


def search(
    name: str,
    graph: Graph,
    budget: Resources,
    cycles: int | None = None,
    latency: int | None = None,
    pixels: int = 1,
) -> Found:
    """The cheapest design within ``cycles`` per frame and ``latency`` cycles.

    Without ``cycles`` the fastest that fits ``budget``; ``pixels`` per word of the input port.
    ``UserError`` naming the binding resource,
    what is needed and there is, and the nearest design that fits.
    """
    explorer = Explorer(graph, budget, pixels)
    floor = explorer.floor
    if cycles is not None and cycles < floor:
        raise UserError(
            f"--target-cycles {cycles}: {pixels} pixels and one window a cycle pass the input and "
            f"each layer; the smallest possible value is {floor}"
        )
    if cycles is None:
        found = _fastest(explorer, name, floor)
    else:
        try:
            found = _within(explorer, name, cycles, {})
        except NoFit as miss:
            raise UserError(_no_fit(explorer, name, f"--target-cycles {cycles}", miss)) from None
    if latency is not None and found.timing.latency > latency:
        found = _quicker(explorer, name, found, latency)
    return found


def _within(explorer: Explorer, name: str, cycles: int, tail: Mapping[str, int]) -> Found:
    """The cheapest design whose interval, pauses between stages included, is ``cycles``."""
    goal = cycles
    for _ in range(GOAL_ATTEMPTS):
        chosen = explorer.choose(goal, tail)
        design = build_design(name, explorer.graph, chosen)
        resources = total(design_resources(design))
        if resources.pressure(explorer.budget) > 1:
            raise NoFit(chosen, resources)
        timing = measure(design)
        if timing.interval <= cycles:
            return Found(design, timing, resources)
        goal -= timing.interval - cycles
    raise UserError(
        f"--target-cycles {cycles}: the nearest design found takes {timing.interval} cycles per "
        "frame"
    )


def _fastest(explorer: Explorer, name: str, floor: int) -> Found:
    """Bisect the cycles per frame: the fewest that fit."""
    graph = explorer.graph
    slowest = make_schedule(graph, serial_folds(graph), explorer.pixels)
    low, high = floor, max(floor, slowest.cycles)
    slowest_cycles = high
    try:
        explorer.choose(high)
    except NoFit as miss:
        raise UserError(_nothing_fits(explorer, miss.resources)) from None
    while low < high:
        middle = (low + high) // 2
        try:
            explorer.choose(middle)
            high = middle
        except NoFit:
            low = middle + 1
    while True:
        try:
            return _within(explorer, name, low, {})
        except (NoFit, UserError):
            if low >= slowest_cycles:  # from here on the same designs are chosen
                whole = build_design(name, graph, explorer.choose(low))
                resources = total(design_resources(whole))
                if resources.pressure(explorer.budget) > 1:
                    raise UserError(_nothing_fits(explorer, resources)) from None
            low += max(1, low // 50)


def _nothing_fits(explorer: Explorer, resources: Resources) -> str:
    need = _shortage(resources, explorer.budget)
    return f"no design of {explorer.graph.name} fits: even the smallest needs {need}"


def _no_fit(explorer: Explorer, name: str, goal: str, miss: NoFit) -> str:
    nearest = _fastest(explorer, name, explorer.floor)
    return (
        f"{goal}: needs {_shortage(miss.resources, explorer.budget)}; the nearest design that fits "
        f"takes {nearest.timing.interval} cycles per frame"
    )


def _shortage(need: Resources, budget: Resources) -> str:
    binding = need.binding(budget)
    return (
        f"about {getattr(need, binding):,.0f} {binding.upper()}, "
        f"{getattr(budget, binding):,.0f} are allowed"
    )


def _quicker(explorer: Explorer, name: str, found: Found, latency: int) -> Found:
    """Speed single layers up, each time the one that saves most cycles for what it costs."""
    cycles = max(found.timing.interval, explorer.floor)
    goals: dict[str, int] = {}
    best = found.timing.latency
    design = found.design
    while best > latency:
        steps = []
        for stage in design.stages:
            if stage.fold is None or stage.fold.constant or stage.chunks * stage.rounds == 1:
                continue
            tighter = goals | {stage.op.name: max(1, stage.cycles * 3 // 4)}
            try:
                trial = build_design(name, explorer.graph, explorer.choose(cycles, tighter))
            except (NoFit, UserError):
                continue
            saved = best - CycleModel(trial).latency()
            pressure = total(design_resources(trial)).pressure(explorer.budget)
            if saved > 0 and pressure <= 1:
                steps.append((saved / max(pressure, 1e-6), stage.op.name, tighter, trial, saved))
        if not steps:
            raise UserError(
                f"--target-latency {latency}: the quickest design found that fits takes {best} "
                "cycles from the first pixel to the last logit"
            )
        _, _, goals, design, saved = max(steps, key=lambda step: step[:2])
        best -= saved
    return _within(explorer, name, cycles, goals)
