"""A ``Design``: a typed, scheduled graph with everything the RTL's shape depends on.

Input: a typed graph and a schedule. Output: one ``Stage`` per operator with its streams, folding,
pipeline depth and the FIFO behind it. Widths inside a stage are the emitter's business, cycles are
``cycles.py``'s.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from .adder_graph import AdderGraph, adder_graph
from .feeds import Feed
from .ir import AvgPool2D, Conv2D, Dense, Graph, MaxPool2D, Op, Tensor, WeightedOp, Window, WindowOp
from .layout import StreamLayout, input_layout, pixels_per_word, result_word_bits
from .narrowing import product_registers, used_width, weight_width
from .schedule import Fold, Layer, Schedule, fold_steps, layouts, stage_feed
from .sparsity import Step

FLAG_DEPTH = 16  # frames that may be in flight between input and output
CONSTANT_TAIL = 2  # registers behind additions: the sum with its constant, the cast result
FOLDED_REGISTERS = 3  # around products and adder tree: inputs, accumulator, cast result
LUTRAM_WORDS = 32  # depth of 7-series distributed RAM in its widest shape (UG474)
PORT_DEPTH = 2  # FIFO behind the input port and in front of the output port


@dataclass(frozen=True)
class Stage:
    """One operator in hardware.

    ``chunks`` words of SIMD inputs times ``rounds`` groups of PE outputs make one vector of a
    weighted stage (1 and 1 elsewhere); ``depth`` is its pipeline's registers from the last input
    to the result; ``fifo`` the words of the FIFO behind it; ``adders`` what a constant engine adds;
    ``unit_fifo`` the words of the FIFOs inside it; ``steps`` the schedule of an engine that leaves
    blocks of zeros out.
    """

    op: Op
    x: Tensor
    source: StreamLayout
    result: StreamLayout
    fold: Fold | None
    chunks: int
    rounds: int
    depth: int
    fifo: int
    adders: AdderGraph | None = None
    feed: Feed = Feed.PIXELS
    unit_fifo: int = 0
    steps: tuple[Step, ...] = ()

    @property
    def window(self) -> Window | None:
        """The sliding window, if the operator has one."""
        return self.op.window if isinstance(self.op, WindowOp) else None

    @property
    def cycles(self) -> int:
        """Cycles per frame it is busy: products of a weighted stage, result words of any other."""
        if self.feed is Feed.FLAT:
            return self.source.words
        if self.fold is None:
            return self.result.words
        rows, columns, _ = self.op.out.image_shape
        return self.vector_cycles * rows * columns

    @property
    def vector_cycles(self) -> int:
        """Cycles of a weighted stage per vector: the words of its weight memory."""
        return len(self.steps) or self.chunks * self.rounds

    @property
    def pixels(self) -> int:
        """Pixels of the image it reads in a word."""
        return pixels_per_word(self.x, self.source)

    @property
    def copies(self) -> int:
        """Engines that work on a word's windows at once."""
        return self.pixels if self.feed is Feed.FLAT else 1

    @property
    def units(self) -> int:
        """Line buffers that take turns."""
        return self.fold.units if self.fold is not None else 1

    @property
    def slots(self) -> int:
        """Image rows in each row memory: where line buffers take turns, what 32 words hold.

        Rows of the next frame wait there; distributed RAM is 32 words deep at no cost.
        """
        if self.units == 1:
            return 1
        words = 1 << max(self.x.image_shape[1] // self.pixels - 1, 0).bit_length()
        return max(LUTRAM_WORDS // words, 1)

    @property
    def packed_words(self) -> int:
        """Stream words collected into one word before the stage works on it."""
        if isinstance(self.op, WindowOp):
            return self.source.words_per_group if self.feed is Feed.PIXELS else 1
        if isinstance(self.op, Dense):
            assert self.fold is not None
            return min(max(self.fold.simd // self.source.lanes, 1), self.source.words)
        return 1


@dataclass(frozen=True)
class Design:
    """Stages in order; ``name`` is the identifier all generated modules and files start with."""

    name: str
    graph: Graph
    stages: tuple[Stage, ...]
    schedule: Schedule
    source: StreamLayout

    @property
    def result(self) -> StreamLayout:
        """The stream of logits inside the core."""
        return self.stages[-1].result

    @property
    def result_bits(self) -> int:
        """Bits of a word of the result port."""
        return result_word_bits(self.graph.output.fmt)


def levels(operands: int) -> int:
    """Levels of a binary tree over ``operands``: ceil(log2)."""
    return (operands - 1).bit_length()


def constant_adders(op: WeightedOp, x: Tensor) -> AdderGraph:
    """The additions that replace the layer's weights; ``x`` is what it reads."""
    outputs = op.weights.shape[-1]
    matrix = op.weights.values.reshape(-1, outputs)
    return _solved(matrix.tobytes(), outputs, *x.range)


@functools.lru_cache(maxsize=64)
def _solved(codes: bytes, outputs: int, low: int, high: int) -> AdderGraph:
    return adder_graph(np.frombuffer(codes, dtype=np.int64).reshape(-1, outputs), low, high)


def build_design(name: str, graph: Graph, schedule: Schedule) -> Design:
    """Lay the stages of ``graph`` out as ``schedule`` folds them."""
    plain: list[Stage] = []
    for op, source, result in layouts(graph, schedule.folds, schedule.pixels):
        plain.append(build_stage(op, graph.source(op), source, result, schedule.folds))
    stages = [
        _with_fifo(stage, plain[index + 1] if index + 1 < len(plain) else None)
        for index, stage in enumerate(plain)
    ]
    if not any(isinstance(stage.op, Dense) for stage in stages):
        # Results may leave the last stage while their frame still arrives, but the output port
        # can't pass them on before it knows that the frame is well formed: room for all of them.
        stages[-1] = replace(stages[-1], fifo=max(stages[-1].fifo, stages[-1].result.words))
    port = input_layout(graph.input, schedule.pixels)
    return Design(name, graph, tuple(stages), schedule, port)


def build_stage(
    op: Op, x: Tensor, source: StreamLayout, result: StreamLayout, folds: Mapping[str, Fold]
) -> Stage:
    """The stage of ``op`` between two streams, without the FIFO behind it."""
    how = stage_feed(op, x, source, folds.get(op.name))
    inner = _unit_fifo(op, x, source, how, folds.get(op.name))
    if isinstance(op, WeightedOp):
        fold = folds[op.name]
        layer = Layer.of(op, source, how)
        simd = layer.effective_simd(fold.simd)
        products = product_registers(used_width(x), weight_width(op), fold.lut)
        depth = products + levels(simd) + FOLDED_REGISTERS
        chunks, rounds = layer.chunks(fold.simd), layer.rounds(fold.pe)
        adders = None
        if fold.constant:
            adders = constant_adders(op, x)
            depth = adders.depth + CONSTANT_TAIL
        steps = fold_steps(op, source, layer, fold)
        fold = replace(fold, simd=simd)
        built = Stage(op, x, source, result, fold, chunks, rounds, depth, 0, adders, how, inner)
        return replace(built, steps=steps)
    depth = 1
    if isinstance(op, (MaxPool2D, AvgPool2D)) and how is not Feed.FLAT:
        positions = op.window.size[0] * op.window.size[1]
        depth = levels(positions) + (4 if isinstance(op, AvgPool2D) else 0)
    return Stage(op, x, source, result, None, 1, 1, depth, 0, None, how, inner)


def _unit_fifo(op: Op, x: Tensor, source: StreamLayout, how: Feed, fold: Fold | None) -> int:
    """Words of the FIFOs inside a stage: of each line buffer that takes turns, of flat pooling.

    A unit reads one output row while the others send theirs; meanwhile the rows it does not want
    yet must go somewhere: as many as there are units, and one more on the way. Flat pooling
    completes a row of groups in the time of a row, and has the time of all the window's rows to
    send them.
    """
    pixels = pixels_per_word(x, source)
    if isinstance(op, Conv2D) and fold is not None and fold.units > 1:
        return (fold.units + 1) * -(-x.image_shape[1] // pixels)
    if isinstance(op, MaxPool2D) and how is Feed.FLAT:
        return -(-x.image_shape[1] // pixels) + 1
    return 0


def _with_fifo(stage: Stage, consumer: Stage | None) -> Stage:
    """Size the FIFO behind ``stage`` so that no burst of it stops the stages before.

    - A folded stage emits the words of a group back to back: room for them.
    - Pooling emits a row of results while it gets one row in ``stride``: room for a row.
    - A convolution can't start a frame before its first window is complete: room for what
      arrives until then, while it still works on the frame before.
    """
    words = -(-stage.op.out.image_shape[2] // stage.result.lanes)  # of a pixel
    pixels = pixels_per_word(stage.op.out, stage.result)
    need = max(2, words)
    if isinstance(stage.op, (MaxPool2D, AvgPool2D)) and stage.op.window.stride[0] > 1:
        need = max(need, -(-stage.op.out.shape[1] // pixels))
    if consumer is not None and isinstance(consumer.op, Conv2D) and consumer.feed is not Feed.FLAT:
        window = consumer.op.window
        rows = window.size[0] - 1 - window.padding.top
        waiting = rows * consumer.x.image_shape[1] + window.size[1]
        need = max(need, -(-waiting // pixels) * words)
    return replace(stage, fifo=need)
