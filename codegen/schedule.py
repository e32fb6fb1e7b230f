"""Chooses how each layer is folded: PE output channels times SIMD inputs per cycle.

Input: a typed graph, a budget of multipliers and, if wanted, a goal in cycles per frame. Output: a
``Schedule``. A folded layer takes ceil(inputs / SIMD) * ceil(outputs / PE) cycles per vector; the
fold factors need not divide the layer's sizes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .errors import UserError
from .ir import Conv2D, Graph, Tensor, WeightedOp

DEFAULT_MULTIPLIERS = 190  # of the XC7Z020's 220 DSP48E1: about 15 % stay free


@dataclass(frozen=True)
class Fold:
    """``pe`` outputs and ``simd`` inputs of a matrix-vector product computed per cycle."""

    pe: int
    simd: int

    @property
    def multipliers(self) -> int:
        """Products per cycle."""
        return self.pe * self.simd


@dataclass(frozen=True)
class Layer:
    """A weighted layer as a matrix-vector product: ``vectors`` times (outputs × inputs)."""

    inputs: int
    outputs: int
    vectors: int
    lanes: int  # elements arriving together that must not be split further than into equal words

    @classmethod
    def of(cls, op: WeightedOp, x: Tensor) -> Layer:
        """Geometry of ``op``: a convolution multiplies one vector per window position."""
        outputs = op.weights.shape[-1]
        inputs = math.prod(op.weights.shape[:-1])
        if isinstance(op, Conv2D):
            return cls(inputs, outputs, op.out.shape[0] * op.out.shape[1], inputs)
        return cls(inputs, outputs, 1, x.image_shape[2])

    def chunks(self, simd: int) -> int:
        """Words of ``simd`` inputs that make one vector."""
        if self.lanes == self.inputs or simd <= self.lanes:
            return -(-self.lanes // simd) * (self.inputs // self.lanes)
        return -(-(self.inputs // self.lanes) // (simd // self.lanes))

    def cycles(self, fold: Fold) -> int:
        """Cycles per frame."""
        return self.chunks(fold.simd) * -(-self.outputs // fold.pe) * self.vectors

    def folds(self) -> Iterator[Fold]:
        """All folds worth trying: no smaller one takes the same number of cycles."""
        for simd in self.simd_choices():
            for pe in _useful(self.outputs):
                yield Fold(pe, simd)

    def simd_choices(self) -> list[int]:
        """Legal SIMD values: parts of the arriving word, or whole multiples of it."""
        parts = _useful(self.lanes)
        words = self.inputs // self.lanes
        return parts + [self.lanes * k for k in _useful(words) if k > 1]


def _useful(total: int) -> list[int]:
    """The smallest factor for every possible number of rounds of ``total``."""
    return sorted({-(-total // rounds) for rounds in range(1, total + 1)})


@dataclass(frozen=True)
class Schedule:
    """A fold per weighted layer, and the cycles per frame the slowest one needs."""

    folds: Mapping[str, Fold]
    cycles: int

    @property
    def multipliers(self) -> int:
        """Products per cycle in the whole design."""
        return sum(fold.multipliers for fold in self.folds.values())


def schedule(
    graph: Graph, target_cycles: int | None = None, multipliers: int = DEFAULT_MULTIPLIERS
) -> Schedule:
    """Fold every weighted layer so that the design is balanced.

    With ``target_cycles`` the fewest multipliers that reach it; without, the fewest cycles that
    ``multipliers`` allow. ``UserError`` if the goal is below what the input port or full
    parallelism allow, or needs more multipliers than there are.
    """
    layers = {
        op.name: Layer.of(op, graph.source(op)) for op in graph.ops if isinstance(op, WeightedOp)
    }
    floor = input_cycles(graph)
    if target_cycles is not None:
        if target_cycles < floor:
            raise UserError(
                f"--target-cycles {target_cycles}: one frame has {floor} input words, one a "
                f"cycle; the smallest possible value is {floor}"
            )
        folds = _folds_for(layers, target_cycles)
        best = _fastest(layers, floor, multipliers)
        need = sum(fold.multipliers for fold in folds.values())
        if need > multipliers:
            raise UserError(
                f"--target-cycles {target_cycles}: needs {need} multipliers, {multipliers} are "
                f"allowed; the nearest design that fits takes {best} cycles"
            )
    else:
        folds = _folds_for(layers, _fastest(layers, floor, multipliers))
    cycles = max([floor, *(layer.cycles(folds[name]) for name, layer in layers.items())])
    return Schedule(folds, cycles)


def input_cycles(graph: Graph) -> int:
    """Input words per frame: one pixel (all channels), or one vector element, a cycle."""
    shape = graph.input.shape
    return shape[0] * shape[1] if len(shape) == 3 else graph.input.size


def _folds_for(layers: Mapping[str, Layer], cycles: int) -> dict[str, Fold]:
    """Per layer the cheapest fold within ``cycles``; ties go to fewer cycles, then wider PE."""
    result: dict[str, Fold] = {}
    for name, layer in layers.items():
        legal = [fold for fold in layer.folds() if layer.cycles(fold) <= cycles]
        if not legal:
            fastest = layer.cycles(Fold(layer.outputs, layer.inputs))
            raise UserError(
                f"layer {name}: a folded layer needs at least {fastest} cycles per frame, "
                f"the goal is {cycles}"
            )
        result[name] = min(legal, key=lambda fold: (fold.multipliers, layer.cycles(fold), -fold.pe))
    return result


def _fastest(layers: Mapping[str, Layer], floor: int, multipliers: int) -> int:
    """The fewest cycles per frame reachable with ``multipliers`` products a cycle.

    A network with more layers than multipliers still gets one multiplier per layer.
    """
    low = max([floor, *(layer.vectors for layer in layers.values())])
    high = max([low, *(layer.cycles(Fold(1, 1)) for layer in layers.values())])
    while low < high:
        middle = (low + high) // 2
        need = sum(fold.multipliers for fold in _folds_for(layers, middle).values())
        low, high = (low, middle) if need <= multipliers else (middle + 1, high)
    return low
