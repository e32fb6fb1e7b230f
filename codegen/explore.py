"""Chooses each layer's engine and fold for a goal and a budget of the part's resources.

Input: a typed graph, a goal (cycles per frame, latency, or the fastest that fits) and a budget.
Output: a ``Schedule``. Every layer is folded (PE x SIMD multipliers) or constant (its weights as
additions); a beam search over the layers keeps the designs that use the least of their scarcest
resource. Without a goal, ``schedule.schedule`` folds everything by multipliers alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .cycles import CycleModel, Timing, measure
from .design import Design, build_design, build_stage
from .errors import UserError
from .ir import Graph, Op, WeightedOp
from .layout import StreamLayout, input_layout
from .resources import Resources, design_resources, stage_resources, total
from .schedule import Fold, Layer, Schedule, make_schedule, minimum_cycles, output_layout

GOAL_ATTEMPTS = 6
BEAM = 48  # partial designs kept per layer
FOLDS_TRIED = 10  # folded candidates per layer
CONSTANT_DIGITS = 12_000  # nonzero signed digits: beyond, finding shared additions takes minutes


@dataclass(frozen=True)
class Partial:
    """A design up to some layer."""

    folds: Mapping[str, Fold]
    stream: StreamLayout
    resources: Resources


class NoFit(Exception):
    """No design reaches the goal within the budget; ``nearest`` is the one that exceeds least."""

    def __init__(self, nearest: Schedule, resources: Resources) -> None:
        super().__init__("no design fits")
        self.nearest = nearest
        self.resources = resources


class Explorer:
    """Remembers what it measured: candidates of a layer are the same for many goals."""

    def __init__(self, graph: Graph, budget: Resources) -> None:
        self.graph = graph
        self.budget = budget
        self.costs: dict[tuple[str, StreamLayout, Fold | None], Resources] = {}

    def choose(self, cycles: int, tail: Mapping[str, int] | None = None) -> Schedule:
        """The design whose layers take ``cycles`` that uses the least; ``tail``: goals by layer.

        A layer that can't be that fast is as fast as it can.

        ``NoFit`` if it exceeds the budget.
        """
        goals = tail or {}
        beam = [Partial({}, input_layout(self.graph.input), Resources())]
        for op in self.graph.ops:
            grown: list[Partial] = []
            for partial in beam:
                for fold in self._candidates(op, partial.stream, goals.get(op.name, cycles)):
                    folds = dict(partial.folds)
                    if fold is not None:
                        folds[op.name] = fold
                    grown.append(
                        Partial(
                            folds,
                            output_layout(op, partial.stream, fold),
                            partial.resources + self._cost(op, partial.stream, fold),
                        )
                    )
            beam = self._prune(grown)
        best = beam[0]
        schedule = make_schedule(self.graph, best.folds)
        if best.resources.pressure(self.budget) > 1:
            raise NoFit(schedule, best.resources)
        return schedule

    def _candidates(self, op: Op, source: StreamLayout, cycles: int) -> list[Fold | None]:
        if not isinstance(op, WeightedOp):
            return [None]
        layer = Layer.of(op, source)
        goal = max(cycles, layer.vectors)  # nothing is faster than one vector a cycle
        legal = [fold for fold in layer.folds() if layer.cycles(fold) <= goal]
        legal.sort(key=lambda fold: (fold.multipliers, layer.cycles(fold), -fold.pe))
        chosen: list[Fold | None] = list(legal[:FOLDS_TRIED])
        if nonzero_digits(op) <= CONSTANT_DIGITS:
            chosen.append(layer.constant())
        return chosen

    def _cost(self, op: Op, source: StreamLayout, fold: Fold | None) -> Resources:
        key = (op.name, source, fold)
        if key not in self.costs:
            result = output_layout(op, source, fold)
            folds = {} if fold is None else {op.name: fold}
            stage = build_stage(op, self.graph.source(op), source, result, folds)
            self.costs[key] = stage_resources(stage)
        return self.costs[key]

    def _prune(self, partials: list[Partial]) -> list[Partial]:
        """The best ``BEAM``, at least one for every stream the next layer could read."""
        ranked = sorted(
            partials,
            key=lambda p: _rank(p.resources, self.budget),
        )
        kept, streams = [], set()
        for partial in ranked:
            if len(kept) < BEAM or partial.stream not in streams:
                kept.append(partial)
                streams.add(partial.stream)
        return kept[: 2 * BEAM]


def _rank(resources: Resources, budget: Resources) -> tuple[float, float]:
    """Less is better: the scarcest resource, then all of them."""
    return resources.pressure(budget), sum(resources.used_of(budget).values())


def nonzero_digits(op: WeightedOp) -> int:
    """Nonzero digits of all weights in canonical signed-digit form: additions without sharing."""
    magnitude = np.abs(op.weights.values.astype(np.int64))
    # a digit is nonzero where n and 3n differ (J. Arndt, Matters Computational, section 1.23)
    different = (magnitude ^ (3 * magnitude)) >> 1
    count = 0
    while different.any():
        count += int((different & 1).sum())
        different >>= 1
    return count


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
) -> Found:
    """The cheapest design within ``cycles`` per frame and ``latency`` cycles.

    Without ``cycles`` the fastest that fits ``budget``. ``UserError`` naming the binding resource,
    what is needed and there is, and the nearest design that fits.
    """
    explorer = Explorer(graph, budget)
    floor = minimum_cycles(graph)
    if cycles is not None and cycles < floor:
        raise UserError(
            f"--target-cycles {cycles}: the input and every layer's windows pass one a cycle; the "
            f"smallest possible value is {floor}"
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
    serial = {op.name: Fold(1, 1) for op in graph.ops if isinstance(op, WeightedOp)}
    low, high = floor, max(floor, make_schedule(graph, serial).cycles)
    try:
        explorer.choose(high)
    except NoFit as miss:
        need = _shortage(miss.resources, explorer.budget)
        raise UserError(f"no design of {graph.name} fits: even the smallest needs {need}") from None
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
            low += max(1, low // 50)


def _no_fit(explorer: Explorer, name: str, goal: str, miss: NoFit) -> str:
    nearest = _fastest(explorer, name, minimum_cycles(explorer.graph))
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
    cycles = max(found.timing.interval, minimum_cycles(explorer.graph))
    goals: dict[str, int] = {}
    best = CycleModel(found.design).latency()
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
