"""Seeded random networks with random types and folds, small enough for every simulator.

Input: a seed; output: a typed graph and a legal fold per weighted layer. The same seed gives the
same network. Networks whose logits are the same for every image are thrown away, so a comparison
of stages over random pixels always compares something.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..codegen.errors import UserError
from ..codegen.formats import FixedPoint, Overflow, Rounding
from ..codegen.ir import (
    AvgPool2D,
    Const,
    Conv2D,
    Dense,
    Flatten,
    Graph,
    InputTable,
    MaxPool2D,
    Op,
    Relu,
    Rescaling,
    Softmax,
    Tensor,
    WeightedOp,
    Window,
)
from ..codegen.layout import input_layout
from ..codegen.pipeline import to_float_graph, to_typed_graph
from ..codegen.precision import LayerPrecision, Precision
from ..codegen.schedule import Fold, Layer, output_layout
from ..sim.float_model import FloatModel
from ..sim.golden import GoldenModel

PROBES = 48  # random images that must not all give the same logits
MAX_MULTIPLIERS = 160  # per layer: wide folds make slow simulators
ATTEMPTS = 64


@dataclass(frozen=True)
class RandomNetwork:
    """A typed graph and the fold of each weighted layer by operator name."""

    graph: Graph
    folds: dict[str, Fold]


def random_network(seed: int) -> RandomNetwork:
    """The network of ``seed`` (any integer >= 0)."""
    for attempt in range(ATTEMPTS):
        rng = np.random.default_rng([seed, attempt])
        graph = to_float_graph(_Builder(rng, f"random_{seed}").build())
        probes = random_images(graph, PROBES, seed)
        try:
            typed = to_typed_graph(graph, _precision(rng, graph, probes))
        except UserError:  # a sum too wide for any accumulator
            continue
        if len(np.unique(GoldenModel(typed).run(probes), axis=0)) > 1:
            return RandomNetwork(typed, _folds(rng, typed))
    raise RuntimeError(f"seed {seed}: no network with varying logits in {ATTEMPTS} attempts")


def random_images(graph: Graph, count: int, seed: int) -> npt.NDArray[np.uint8]:
    """``count`` uint8 images for ``graph``: all black, all white, sparse, noise.

    Shape (count, *input shape); the same seed gives the same images.
    """
    rng = np.random.default_rng([seed, 0xC0FFEE])
    images = rng.integers(0, 256, (count, *graph.input.shape), dtype=np.uint8)
    images[: count // 3] *= rng.random(images[: count // 3].shape) < 0.2
    images[:1] = 0
    images[1:2] = 255
    return images


class _Builder:
    """Appends random layers to a float graph."""

    def __init__(self, rng: np.random.Generator, name: str) -> None:
        self.rng = rng
        self.name = name
        self.ops: list[Op] = []
        if rng.random() < 0.1:
            shape: tuple[int, ...] = (self.integer(1, 24),)
        else:
            shape = (self.side(), self.side(), self.integer(1, 4))
        self.input = self.tensor = Tensor("pixels", shape)

    def integer(self, low: int, high: int) -> int:
        """Uniform in low..high, both included."""
        return int(self.rng.integers(low, high + 1))

    def side(self) -> int:
        """An image side; 1 more often than its share."""
        return 1 if self.rng.random() < 0.08 else self.integer(2, 12)

    def build(self) -> Graph:
        """Rescaling, image layers, Flatten, dense layers, softmax: each of them perhaps."""
        if self.rng.random() < 0.6:
            self.rescaling()
        if len(self.input.shape) == 3:
            for _ in range(self.integer(0, 4)):
                kind = self.rng.choice(["conv", "max", "average", "relu"], p=[0.5, 0.2, 0.2, 0.1])
                {"conv": self.conv, "max": self.max, "average": self.average, "relu": self.relu}[
                    str(kind)
                ]()
        has_weights = any(isinstance(op, WeightedOp) for op in self.ops)
        if not has_weights or self.rng.random() < 0.85:
            if len(self.tensor.shape) == 3:
                self.add(Flatten, (self.tensor.size,))
            for index in range(self.integer(1, 2)):
                if index:
                    self.relu()
                self.dense()
            if self.rng.random() < 0.3:
                self.add(Softmax, self.tensor.shape)
        return Graph(self.name, self.input, tuple(self.ops))

    def add(self, cls: type[Op], shape: tuple[int, ...], **fields: Any) -> None:
        name = f"{cls.__name__.lower()}_{len(self.ops)}"
        out = Tensor(name, shape)
        self.ops.append(cls(name=name, x=self.tensor.name, out=out, **fields))
        self.tensor = out

    def rescaling(self) -> None:
        """1/255, another positive factor, or a mean and deviation (per channel) for a table."""
        size = self.input.shape[2] if len(self.input.shape) == 3 and self.rng.random() < 0.5 else 1
        scale, offset = np.full(size, 1 / 255), np.zeros(size)
        if self.rng.random() < 0.6:
            scale = self.rng.uniform(0.5, 3, size) / 255
            offset = self.rng.uniform(-1.5, 0.5, size)
        self.add(Rescaling, self.tensor.shape, scale=Const(scale), offset=Const(offset))

    def window(self, max_size: int, *, strides: bool) -> Window:
        """A window that fits the image, valid or same."""
        height, width, _ = self.tensor.image_shape
        same = bool(self.rng.random() < 0.5)
        size = tuple(
            self.integer(1, max_size if same else min(max_size, side)) for side in (height, width)
        )
        stride = tuple(self.integer(1, 3) if strides else 1 for _ in size)
        rows, columns = (size[0], size[1]), (stride[0], stride[1])
        if not same:
            return Window(rows, columns)
        return Window.same(rows, columns, (height, width))

    def weights(self, *shape: int) -> Const:
        """Normal values with some zeros, scaled so that sums stay near one."""
        values = self.rng.normal(0, 1.5 / math.sqrt(math.prod(shape[:-1])), shape)
        return Const(np.where(self.rng.random(shape) < 0.15, 0.0, values))

    def conv(self) -> None:
        window = self.window(4, strides=bool(self.rng.random() < 0.4))
        height, width, channels = self.tensor.image_shape
        out = self.integer(1, 6)
        self.add(
            Conv2D,
            (*window.positions(height, width), out),
            weights=self.weights(*window.size, channels, out),
            bias=Const(self.rng.normal(0, 0.3, out)),
            window=window,
        )
        if self.rng.random() < 0.6:
            self.relu()

    def dense(self) -> None:
        out = self.integer(1, 10)
        weights = self.weights(self.tensor.size, out)
        bias = Const(self.rng.normal(0, 0.3, out))
        self.add(Dense, (out,), weights=weights, bias=bias)

    def relu(self) -> None:
        self.add(Relu, self.tensor.shape)

    def max(self) -> None:
        self.pool(MaxPool2D)

    def average(self) -> None:
        self.pool(AvgPool2D)

    def pool(self, cls: type[Op]) -> None:
        window = self.window(3, strides=True)
        height, width, channels = self.tensor.image_shape
        self.add(cls, (*window.positions(height, width), channels), window=window)


def _precision(rng: np.random.Generator, graph: Graph, probes: npt.NDArray[np.uint8]) -> Precision:
    """Types near each value's real range: some saturate, some waste bits."""
    ranges = FloatModel(graph).ranges(probes)
    layers: dict[str, LayerPrecision] = {}
    for op in graph.ops:
        weight = bias = None
        if isinstance(op, WeightedOp):
            weight = _format(rng, op.weights.values, widths=(2, 10))
            bias = _format(rng, op.bias.values, widths=(2, 16))
        result: FixedPoint | None = _format(rng, np.array(ranges[op.name]), widths=(2, 16))
        if isinstance(op, InputTable):
            result = _format(rng, op.table.values, widths=(3, 12))
        last = op is graph.ops[-1] and isinstance(op, WeightedOp)
        if isinstance(op, MaxPool2D) or (last and rng.random() < 0.6):
            result = None
        layers[op.name] = LayerPrecision(weight, bias, result)
    return Precision("random", layers)


def _format(
    rng: np.random.Generator, values: npt.NDArray[np.float64], widths: tuple[int, int]
) -> FixedPoint:
    """A type whose range covers ``values`` but for -2 to +2 bits."""
    largest = max(float(np.max(np.abs(values))), 2.0**-6)
    negative = bool((values < 0).any())
    signed = bool(rng.random() < (0.95 if negative else 0.5))
    headroom = int(rng.choice([-2, -1, 0, 1, 2], p=[0.1, 0.2, 0.4, 0.2, 0.1]))
    width = 1 if rng.random() < 0.03 else int(rng.integers(widths[0], widths[1] + 1))
    integer_bits = int(np.frexp(largest)[1]) + headroom + (1 if signed else 0)
    rounding = Rounding.RND if rng.random() < 0.3 else list(Rounding)[rng.integers(len(Rounding))]
    overflow = Overflow.SAT if rng.random() < 0.4 else list(Overflow)[rng.integers(len(Overflow))]
    return FixedPoint(signed, width, integer_bits, rounding, overflow)


def _folds(rng: np.random.Generator, graph: Graph) -> dict[str, Fold]:
    """A random legal fold per weighted layer; fully sequential and widest more often."""
    result: dict[str, Fold] = {}
    source = input_layout(graph.input)
    for op in graph.ops:
        if isinstance(op, WeightedOp):
            legal = list(Layer.of(op, source).folds())
            small = [fold for fold in legal if fold.multipliers <= MAX_MULTIPLIERS]
            pick = rng.random()
            index = 0 if pick < 0.15 else int(rng.integers(len(small)))
            if 0.15 <= pick < 0.25:
                index = max(range(len(small)), key=lambda i: small[i].multipliers)
            result[op.name] = small[index]
        source = output_layout(op, source, result.get(op.name))
    return result
