"""Chooses how each layer is folded: PE output channels times SIMD inputs per cycle.

Input: a typed graph, a budget of multipliers and, if wanted, a goal in cycles per frame. Output: a
``Schedule``. A folded layer takes (words of SIMD inputs) * ceil(outputs / PE) cycles per vector;
the fold factors need not divide the layer's sizes.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .errors import UserError
from .feeds import Feed, feed, flat_result, window_cycles
from .ir import Conv2D, Graph, MaxPool2D, Op, Tensor, WeightedOp, WindowOp
from .layout import StreamLayout, folded_layout, input_layout, pixel_layout
from .sparsity import Step, blocks, input_order, schedule_steps

DEFAULT_MULTIPLIERS = 186  # of the XC7Z020's 220 DSP48E1: 15 % stay free


@dataclass(frozen=True)
class Fold:
    """``pe`` outputs and ``simd`` inputs of a matrix-vector product computed per cycle.

    ``constant``: all of them at once, the weights hard-wired as additions (distributed arithmetic).
    ``lut``: its multipliers are built of LUTs, not of DSP slices.
    ``units``: line buffers of a convolution that take turns, so that rows follow without a pause.
    ``packed``: two products of an input, for two outputs, share a DSP slice.
    ``sparse``: blocks of PE x SIMD weights that are all zero take no cycle and no memory.
    """

    pe: int
    simd: int
    constant: bool = False
    units: int = 1
    lut: bool = False
    sparse: bool = False
    packed: bool = False

    @property
    def multipliers(self) -> int:
        """Products of two variables per cycle."""
        return 0 if self.constant else self.pe * self.simd

    @property
    def slices(self) -> int:
        """DSP slices its products take."""
        if self.constant or self.lut:
            return 0
        return (-(-self.pe // 2) if self.packed else self.pe) * self.simd


@dataclass(frozen=True)
class Layer:
    """A weighted layer as ``vectors`` matrix-vector products per frame.

    A vector arrives as ``words`` words of ``lanes`` inputs, dead lanes included; a convolution's
    window arrives whole, as one word.
    """

    outputs: int
    vectors: int
    lanes: int
    words: int

    @classmethod
    def of(cls, op: WeightedOp, source: StreamLayout, how: Feed = Feed.PIXELS) -> Layer:
        """Geometry of ``op`` reading a stream laid out as ``source``, fed as ``how`` says."""
        outputs = op.weights.shape[-1]
        if isinstance(op, Conv2D):
            inputs = math.prod(op.weights.shape[:-1])
            if how is Feed.FLAT:
                return cls(outputs, source.words, inputs, 1)
            return cls(outputs, op.out.shape[0] * op.out.shape[1], inputs, 1)
        return cls(outputs, 1, source.lanes, source.words)

    def effective_simd(self, simd: int) -> int:
        """The lanes of a word that ``simd`` really uses: whole stream words once it spans one."""
        if simd <= self.lanes:
            return simd
        return min(simd // self.lanes, self.words) * self.lanes

    def chunks(self, simd: int) -> int:
        """Words of ``simd`` inputs that make one vector."""
        if simd <= self.lanes:
            return -(-self.lanes // simd) * self.words
        return -(-self.words // (simd // self.lanes))

    def rounds(self, pe: int) -> int:
        """Groups of ``pe`` outputs."""
        return -(-self.outputs // pe)

    def cycles(self, fold: Fold) -> int:
        """Cycles per frame."""
        return self.chunks(fold.simd) * self.rounds(fold.pe) * self.vectors

    def constant(self) -> Fold:
        """The fold of a constant engine: everything at once."""
        return Fold(self.outputs, self.lanes * self.words, constant=True)

    def folds(self) -> Iterator[Fold]:
        """All folds worth trying: no smaller one takes the same number of cycles."""
        whole = [self.lanes * words for words in _useful(self.words) if words > 1]
        for simd in _useful(self.lanes) + whole:
            for pe in _useful(self.outputs):
                yield Fold(pe, simd)


def fold_steps(op: WeightedOp, source: StreamLayout, layer: Layer, fold: Fold) -> tuple[Step, ...]:
    """The steps of a sparse fold; none where leaving blocks out saves nothing, or for any other.

    ``source`` is the stream ``op`` reads, ``layer`` its geometry.
    """
    if not fold.sparse or fold.constant:
        return ()
    simd = layer.effective_simd(fold.simd)
    return _sparse_steps(op, source, layer.chunks(fold.simd), simd, fold.pe)


@functools.lru_cache(maxsize=1024)
def _sparse_steps(
    op: WeightedOp, source: StreamLayout, chunks: int, simd: int, pe: int
) -> tuple[Step, ...]:
    used = _used_blocks(op, source, chunks, simd, pe)
    steps = schedule_steps(used)
    return steps if len(steps) < used.size else ()


def _used_blocks(
    op: WeightedOp, source: StreamLayout, chunks: int, simd: int, pe: int
) -> npt.NDArray[np.bool_]:
    """(chunks, rounds): blocks that hold a weight."""
    order = input_order(op, source, chunks, simd)
    used: npt.NDArray[np.bool_] = (blocks(op.weights.values, order, pe) != 0).any(axis=(2, 3))
    return used


def least_steps(op: WeightedOp, source: StreamLayout, layer: Layer, fold: Fold) -> int:
    """Steps that ``fold`` can't do without, sparse or not; ``fold_steps`` may add some."""
    simd = layer.effective_simd(fold.simd)
    used = _used_blocks(op, source, layer.chunks(fold.simd), simd, fold.pe)
    chunks, rounds = used.shape
    if chunks < 3 or rounds < 2:
        return int(used.size)
    return int(2 * rounds + np.maximum(used[1:-1].sum(axis=1), 1).sum())


def vector_cycles(op: WeightedOp, source: StreamLayout, layer: Layer, fold: Fold) -> int:
    """Cycles per matrix-vector product."""
    steps = fold_steps(op, source, layer, fold)
    return len(steps) or layer.chunks(fold.simd) * layer.rounds(fold.pe)


def _useful(total: int) -> list[int]:
    """The smallest factor for every possible number of rounds of ``total``."""
    return sorted({-(-total // rounds) for rounds in range(1, total + 1)})


@dataclass(frozen=True)
class Schedule:
    """A fold per weighted layer, and the cycles per frame the slowest one needs.

    ``pixels``: pixels per word of the input port.
    """

    folds: Mapping[str, Fold]
    cycles: int
    pixels: int = 1

    @property
    def multipliers(self) -> int:
        """Products per cycle in the whole design."""
        return sum(fold.multipliers for fold in self.folds.values())


def stage_feed(op: Op, x: Tensor, source: StreamLayout, fold: Fold | None) -> Feed:
    """How ``op`` takes tensor ``x`` from ``source``."""
    return feed(op, x, source, fold is not None and fold.constant)


def output_layout(op: Op, x: Tensor, source: StreamLayout, fold: Fold | None) -> StreamLayout:
    """The stream ``op`` writes when it reads ``x`` from ``source``; ``fold`` of a weighted one."""
    if stage_feed(op, x, source, fold) is Feed.FLAT:
        assert isinstance(op, (Conv2D, MaxPool2D))
        return flat_result(op, x, source)
    if isinstance(op, WeightedOp):
        assert fold is not None
        return folded_layout(op.out, fold.pe)
    return pixel_layout(op.out) if isinstance(op, WindowOp) else source


def layouts(
    graph: Graph, folds: Mapping[str, Fold], pixels: int = 1
) -> Iterator[tuple[Op, StreamLayout, StreamLayout]]:
    """Every operator with the stream it reads and the stream it writes.

    ``pixels`` per word of the input port.
    """
    source = input_layout(graph.input, pixels)
    for op in graph.ops:
        result = output_layout(op, graph.source(op), source, folds.get(op.name))
        yield op, source, result
        source = result


def choose_folds(graph: Graph, cycles: int) -> dict[str, Fold]:
    """Per layer the cheapest fold within ``cycles``; ties go to fewer cycles, then wider PE.

    ``UserError`` naming the layer that can't reach it.
    """
    folds: dict[str, Fold] = {}
    source = input_layout(graph.input)
    for op in graph.ops:
        if isinstance(op, WeightedOp):
            layer = Layer.of(op, source)
            legal = [fold for fold in layer.folds() if layer.cycles(fold) <= cycles]
            if not legal:
                raise UserError(
                    f"layer {op.name}: a folded layer needs at least {layer.vectors} cycles per "
                    f"frame, the goal is {cycles}"
                )
            folds[op.name] = min(
                legal, key=lambda fold: (fold.multipliers, layer.cycles(fold), -fold.pe)
            )
        source = output_layout(op, graph.source(op), source, folds.get(op.name))
    return folds


def schedule(
    graph: Graph, target_cycles: int | None = None, multipliers: int = DEFAULT_MULTIPLIERS
) -> Schedule:
    """Fold every weighted layer so that the design is balanced.

    With ``target_cycles`` the fewest multipliers that reach it; without, the fewest cycles that
    ``multipliers`` allow. ``UserError`` if the goal is below what the input port or full
    parallelism allow, or needs more multipliers than there are.
    """
    floor = minimum_cycles(graph)
    if target_cycles is None:
        folds = choose_folds(graph, _fastest(graph, floor, multipliers))
        return make_schedule(graph, folds)
    if target_cycles < floor:
        raise UserError(
            f"--target-cycles {target_cycles}: the input and every layer's windows pass one a "
            f"cycle; the smallest possible value is {floor}"
        )
    folds = choose_folds(graph, target_cycles)
    need = sum(fold.multipliers for fold in folds.values())
    if need > multipliers:
        best = _fastest(graph, floor, multipliers)
        raise UserError(
            f"--target-cycles {target_cycles}: needs {need} multipliers, {multipliers} are "
            f"allowed; the nearest design that fits takes {best} cycles"
        )
    return make_schedule(graph, folds)


def make_schedule(graph: Graph, folds: Mapping[str, Fold], pixels: int = 1) -> Schedule:
    """The schedule that given ``folds`` make; ``cycles`` is the slowest stage's work."""
    cycles = input_layout(graph.input, pixels).words
    for op, source, result in layouts(graph, folds, pixels):
        x, fold = graph.source(op), folds.get(op.name)
        how = stage_feed(op, x, source, fold)
        if isinstance(op, WeightedOp):
            layer = Layer.of(op, source, how)
            work = vector_cycles(op, source, layer, folds[op.name]) * layer.vectors
            cycles = max(cycles, work)
        if isinstance(op, WindowOp):
            units = fold.units if fold is not None else 1
            flat = source.words if how is Feed.FLAT else window_cycles(op, x, how, units)
            cycles = max(cycles, flat, result.words)
    return Schedule(dict(folds), cycles, pixels)


def minimum_cycles(graph: Graph) -> int:
    """What no fold can beat at a pixel a cycle: the input port, and the columns windows read."""
    cycles = input_layout(graph.input).words
    for op in graph.ops:
        if isinstance(op, WindowOp):
            cycles = max(cycles, window_cycles(op, graph.source(op), Feed.PIXELS, 1))
    return cycles


def _fastest(graph: Graph, floor: int, multipliers: int) -> int:
    """The fewest cycles per frame reachable with ``multipliers`` products a cycle.

    A network with more layers than multipliers still gets one multiplier per layer.
    """
    low, high = floor, max(floor, make_schedule(graph, serial_folds(graph)).cycles)
    while low < high:
        middle = (low + high) // 2
        need = sum(fold.multipliers for fold in choose_folds(graph, middle).values())
        low, high = (low, middle) if need <= multipliers else (middle + 1, high)
    return low


def serial_folds(graph: Graph) -> dict[str, Fold]:
    """One multiplier for every weighted layer: the smallest design, and the slowest."""
    return {op.name: Fold(1, 1) for op in graph.ops if isinstance(op, WeightedOp)}
