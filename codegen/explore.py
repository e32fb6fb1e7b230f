"""Chooses each layer's engine and fold for a goal and a budget of the part's resources.

Input: a typed graph, a goal (cycles per frame, latency, or the fastest that fits) and a budget.
Output: a ``Schedule``. Every layer is folded (PE x SIMD multipliers) or constant (its weights as
additions); a beam search over the layers keeps the designs that use the least of their scarcest
resource. Without a goal, ``schedule.schedule`` folds everything by multipliers alone.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from .cycles import CycleModel, Timing, measure
from .design import Design, build_design, build_stage
from .errors import UserError
from .feeds import Feed, window_cycles
from .ir import Conv2D, Graph, Op, Tensor, WeightedOp
from .layout import StreamLayout, input_layout
from .narrowing import can_pack, used_width, weight_width
from .resources import Resources, design_resources, stage_resources, total
from .schedule import (
    Fold,
    Layer,
    Schedule,
    fold_steps,
    make_schedule,
    output_layout,
    serial_folds,
    stage_feed,
)

GOAL_ATTEMPTS = 6
DSP_MINIMUM = 8  # bits of a product up to which synthesis takes LUTs anyway
BEAM = 48  # partial designs kept per layer
FOLDS_TRIED = 10  # folded candidates per layer
SPARSE_TRIED = 4  # folds that leave zeros out, per layer
SPARSE_SHARE = 0.3  # of the weights that must be zero before they are looked at
BLOCK = 16  # weights of a block: a larger one is hardly ever all zeros
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

    def __init__(self, graph: Graph, budget: Resources, pixels: int = 1) -> None:
        self.graph = graph
        self.budget = budget
        self.pixels = pixels
        self.costs: dict[tuple[str, StreamLayout, Fold | None], Resources] = {}

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
                constant = nonzero_digits(op) <= CONSTANT_DIGITS
                fold = layer.constant() if constant else whole
                folds[op.name] = _with_units(op, x, source, fold, 1)
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
            x = self.graph.source(op)
            grown: list[Partial] = []
            for partial in beam:
                for fold in self._candidates(op, x, partial.stream, goals.get(op.name, cycles)):
                    folds = dict(partial.folds)
                    if fold is not None:
                        folds[op.name] = fold
                    grown.append(
                        Partial(
                            folds,
                            output_layout(op, x, partial.stream, fold),
                            partial.resources + self._cost(op, x, partial.stream, fold),
                        )
                    )
            beam = self._prune(grown)
        best = beam[0]
        schedule = make_schedule(self.graph, best.folds, self.pixels)
        if best.resources.pressure(self.budget) > 1:
            raise NoFit(schedule, best.resources)
        return schedule

    def _candidates(
        self, op: Op, x: Tensor, source: StreamLayout, cycles: int
    ) -> list[Fold | None]:
        if not isinstance(op, WeightedOp):
            return [None]
        layer = Layer.of(op, source)  # as if fed pixel by pixel: a folded engine always is
        goal = max(cycles, layer.vectors)  # nothing is faster than one vector a cycle
        legal = [fold for fold in layer.folds() if _busy(layer, fold) <= goal]
        legal.sort(key=lambda fold: (fold.multipliers, layer.cycles(fold), -fold.pe))
        chosen = legal[:FOLDS_TRIED] + _sparse_folds(op, source, layer, goal)
        if nonzero_digits(op) <= CONSTANT_DIGITS:
            chosen.append(layer.constant())
        chosen = [
            replace(fold, packed=not fold.constant and can_pack(op, x, fold.pe)) for fold in chosen
        ]
        in_luts = [replace(fold, lut=True, packed=False) for fold in chosen if not fold.constant]
        if used_width(x) + weight_width(op) <= DSP_MINIMUM:
            chosen = [fold for fold in chosen if fold.constant]
        chosen += in_luts
        ready = [_with_units(op, x, source, fold, cycles) for fold in chosen]
        if not isinstance(op, Conv2D):
            return list(ready)
        reach = [_window_goal(op, x, source, fold) for fold in ready]
        limit = max(cycles, min(reach))
        return [fold for fold, needed in zip(ready, reach, strict=True) if needed <= limit]

    def _cost(self, op: Op, x: Tensor, source: StreamLayout, fold: Fold | None) -> Resources:
        key = (op.name, source, fold)
        if key not in self.costs:
            result = output_layout(op, x, source, fold)
            folds = {} if fold is None else {op.name: fold}
            self.costs[key] = stage_resources(build_stage(op, x, source, result, folds))
        return self.costs[key]

    def _prune(self, partials: list[Partial]) -> list[Partial]:
        """The best ``BEAM``, at least one for every stream the next layer could read."""
        ranked = sorted(
            partials,
            key=lambda p: _rank(p.resources, self.budget),
        )
        kept: list[Partial] = []
        streams: set[StreamLayout] = set()
        for partial in ranked:
            if len(kept) < BEAM or partial.stream not in streams:
                kept.append(partial)
                streams.add(partial.stream)
        return kept[: 2 * BEAM]


def _sparse_folds(op: WeightedOp, source: StreamLayout, layer: Layer, goal: int) -> list[Fold]:
    """Folds of small blocks that save cycles by the zeros among the weights, the cheapest."""
    if np.mean(op.weights.values == 0) < SPARSE_SHARE:
        return []
    tried = [replace(fold, sparse=True) for fold in layer.folds() if fold.multipliers <= BLOCK]
    ways = []
    for fold in tried:
        cycles = len(fold_steps(op, source, layer, fold)) * layer.vectors
        if cycles and cycles + _collecting(layer, fold) <= goal:
            ways.append((fold.multipliers, cycles, -fold.pe, fold))
    return [fold for *_, fold in sorted(ways, key=lambda way: way[:3])[:SPARSE_TRIED]]


def _collecting(layer: Layer, fold: Fold) -> int:
    """Cycles per frame in which several stream words are put together for one step."""
    together = min(max(fold.simd // layer.lanes, 1), layer.words)
    return (layer.words - -(-layer.words // together)) * layer.vectors


def _busy(layer: Layer, fold: Fold) -> int:
    """Cycles per frame of a fold that leaves nothing out."""
    return layer.cycles(fold) + _collecting(layer, fold)


def _window_goal(op: Conv2D, x: Tensor, source: StreamLayout, fold: Fold) -> int:
    """Cycles per frame the windows alone take."""
    how = stage_feed(op, x, source, fold)
    return source.words if how is Feed.FLAT else window_cycles(op, x, how, fold.units)


def _with_units(op: Op, x: Tensor, source: StreamLayout, fold: Fold, cycles: int) -> Fold:
    """As many line buffers as it takes to make the windows within ``cycles``."""
    how = stage_feed(op, x, source, fold)
    if not isinstance(op, Conv2D) or how in (Feed.FLAT, Feed.NARROW):
        return fold
    units = 1
    while units < op.out.shape[0] and window_cycles(op, x, how, units) > cycles:
        if window_cycles(op, x, how, units + 1) == window_cycles(op, x, how, units):
            break
        units += 1
    return replace(fold, units=units)


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
