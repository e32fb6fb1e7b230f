"""The folds that are worth trying for a layer, and what each takes.

Input: an operator, the stream it reads, a goal in cycles per frame. Output: ``Way``s, the cheapest
first. What does not depend on the goal is found once: a search asks for many goals.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass, replace

import numpy as np

from .design import build_stage
from .feeds import Feed, window_cycles
from .ir import Conv2D, Graph, Op, Tensor, WeightedOp
from .layout import StreamLayout
from .narrowing import can_pack, used_width, weight_width
from .resources import Resources, stage_resources
from .schedule import Fold, Layer, fold_steps, least_steps, output_layout, stage_feed

DSP_MINIMUM = 8  # bits of a product up to which synthesis takes LUTs anyway
FOLDS_TRIED = 10  # folded candidates per layer
SPARSE_TRIED = 4  # folds that leave zeros out, per layer
SPARSE_SHARE = 0.3  # of the weights that must be zero before they are looked at
BLOCK = 16  # weights of a block: a larger one is hardly ever all zeros
CONSTANT_DIGITS = 12_000  # nonzero signed digits: beyond, finding shared additions takes minutes,
CONSTANT_WORK = 2_000_000  # and half a minute where digits times inputs go beyond this


@dataclass(frozen=True)
class Way:
    """A fold of a layer (None: it has no weights), the stream it writes, what it takes."""

    fold: Fold | None
    stream: StreamLayout
    resources: Resources


@dataclass(frozen=True)
class _Timed:
    """A fold and the cycles per frame it is busy, or at least so many."""

    fold: Fold
    cycles: int


class Candidates:
    """Ways to compute the layers of a graph; remembers all it found."""

    def __init__(self, graph: Graph) -> None:
        self.ops = {op.name: (op, graph.source(op)) for op in graph.ops}
        self.ways = functools.cache(self._ways)
        self._cost = functools.cache(self._measured)
        self._folds = functools.cache(self._sorted_folds)
        self._blocks = functools.cache(self._small_blocks)
        self._steps = functools.cache(self._sparse_steps)
        self._packs = functools.cache(self._can_pack)
        self.may_be_constant = functools.cache(self._few_digits)

    def _ways(self, name: str, source: StreamLayout, cycles: int) -> tuple[Way, ...]:
        """Ways for the layer ``name`` to read ``source`` and to take ``cycles`` per frame.

        Where nothing is that fast, those that are nearly as fast as it gets.
        """
        op, x = self.ops[name]
        folds = self._chosen(op, x, source, cycles) if isinstance(op, WeightedOp) else [None]
        return tuple(
            Way(fold, output_layout(op, x, source, fold), self._cost(name, source, fold))
            for fold in folds
        )

    def _chosen(
        self, op: WeightedOp, x: Tensor, source: StreamLayout, cycles: int
    ) -> list[Fold] | list[None]:
        layer = Layer.of(op, source)  # as if fed pixel by pixel: a folded engine always is
        goal = max(cycles, layer.vectors)  # nothing is faster than one vector a cycle
        chosen = _within(self._folds(layer), goal, FOLDS_TRIED)
        chosen += self._sparse_folds(op.name, source, layer, goal)
        if self.may_be_constant(op.name):
            chosen.append(layer.constant())
        chosen = [
            replace(fold, packed=not fold.constant and self._packs(op.name, fold.pe))
            for fold in chosen
        ]
        in_luts = [replace(fold, lut=True, packed=False) for fold in chosen if not fold.constant]
        if used_width(x) + weight_width(op) <= DSP_MINIMUM:
            chosen = [fold for fold in chosen if fold.constant]
        chosen += in_luts
        ready = [with_units(op, x, source, fold, cycles) for fold in chosen]
        if not isinstance(op, Conv2D):
            return ready
        reach = [_window_goal(op, x, source, fold) for fold in ready]
        limit = max(cycles, min(reach))
        return [fold for fold, needed in zip(ready, reach, strict=True) if needed <= limit]

    def _measured(self, name: str, source: StreamLayout, fold: Fold | None) -> Resources:
        op, x = self.ops[name]
        result = output_layout(op, x, source, fold)
        folds = {} if fold is None else {name: fold}
        return stage_resources(build_stage(op, x, source, result, folds))

    def _sorted_folds(self, layer: Layer) -> list[_Timed]:
        """All folds of a layer, the cheapest first."""
        folds = sorted(
            layer.folds(), key=lambda fold: (fold.multipliers, layer.cycles(fold), -fold.pe)
        )
        return [_Timed(fold, layer.cycles(fold) + _collecting(layer, fold)) for fold in folds]

    def _sparse_folds(self, name: str, source: StreamLayout, layer: Layer, goal: int) -> list[Fold]:
        """Folds that save cycles by the zeros among the weights, the cheapest."""
        chosen: list[Fold] = []
        for _, alike in itertools.groupby(
            self._blocks(name, source), key=lambda timed: timed.fold.multipliers
        ):
            ways = []
            for fold in (timed.fold for timed in alike if timed.cycles <= goal):
                cycles = self._steps(name, source, fold) * layer.vectors
                if cycles and cycles + _collecting(layer, fold) <= goal:
                    ways.append((cycles, -fold.pe, fold))
            chosen += [fold for *_, fold in sorted(ways, key=lambda way: way[:2])]
            if len(chosen) >= SPARSE_TRIED:
                break
        return chosen[:SPARSE_TRIED]

    def _small_blocks(self, name: str, source: StreamLayout) -> list[_Timed]:
        """Sparse folds by their multipliers, with the fewest cycles they can take."""
        op, _ = self.ops[name]
        assert isinstance(op, WeightedOp)
        if np.mean(op.weights.values == 0) < SPARSE_SHARE:
            return []
        layer = Layer.of(op, source)
        folds = [replace(fold, sparse=True) for fold in layer.folds() if fold.multipliers <= BLOCK]
        least = [
            least_steps(op, source, layer, fold) * layer.vectors + _collecting(layer, fold)
            for fold in folds
        ]
        timed = [_Timed(fold, cycles) for fold, cycles in zip(folds, least, strict=True)]
        return sorted(timed, key=lambda one: one.fold.multipliers)

    def _sparse_steps(self, name: str, source: StreamLayout, fold: Fold) -> int:
        """Steps of a sparse fold; 0 where it saves none."""
        op, _ = self.ops[name]
        assert isinstance(op, WeightedOp)
        return len(fold_steps(op, source, Layer.of(op, source), fold))

    def _can_pack(self, name: str, pe: int) -> bool:
        op, x = self.ops[name]
        assert isinstance(op, WeightedOp)
        return can_pack(op, x, pe)

    def _few_digits(self, name: str) -> bool:
        """Whether the layer ``name`` has few enough digits to be hard-wired."""
        op, _ = self.ops[name]
        if not isinstance(op, WeightedOp):
            return False
        digits, values = nonzero_digits(op), op.weights.values
        inputs = values.size // values.shape[-1]
        return digits <= CONSTANT_DIGITS and digits * inputs <= CONSTANT_WORK


def _within(folds: list[_Timed], goal: int, count: int) -> list[Fold]:
    """The first ``count`` that take ``goal`` cycles at most."""
    found = (timed.fold for timed in folds if timed.cycles <= goal)
    return [fold for fold, _ in zip(found, range(count), strict=False)]


def _collecting(layer: Layer, fold: Fold) -> int:
    """Cycles per frame in which several stream words are put together for one step."""
    together = min(max(fold.simd // layer.lanes, 1), layer.words)
    return (layer.words - -(-layer.words // together)) * layer.vectors


def _window_goal(op: Conv2D, x: Tensor, source: StreamLayout, fold: Fold) -> int:
    """Cycles per frame the windows alone take."""
    how = stage_feed(op, x, source, fold)
    return source.words if how is Feed.FLAT else window_cycles(op, x, how, fold.units)


def with_units(op: Op, x: Tensor, source: StreamLayout, fold: Fold, cycles: int) -> Fold:
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
