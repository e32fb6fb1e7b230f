"""Draws the layers of a random network: a front-end graph, as Keras models become one.

Input: a random generator; output: an untyped graph of any operator the IR knows, in an order that
is usually legal. What the passes refuse is drawn anew by the caller.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..codegen.formats import FixedPoint, LayerPrecision, Overflow, Rounding
from ..codegen.ir import (
    Activation,
    AvgPool2D,
    BatchNorm,
    Cast,
    Const,
    Conv2D,
    Dense,
    Flatten,
    Function,
    Graph,
    Lookup,
    MaxPool2D,
    Op,
    Padding,
    Relu,
    Rescaling,
    Reshape,
    Softmax,
    Tensor,
    WeightedOp,
    Window,
    ZeroPad,
)

MAX_SIDE = 12
MAX_VECTOR = 24
TILING = 0.6  # share of max pools without overlap or padding


class LayerBuilder:
    """Appends random layers to a float graph."""

    def __init__(self, rng: np.random.Generator, name: str) -> None:
        self.rng = rng
        self.name = name
        self.ops: list[Op] = []
        self.flat = False  # no image layer may follow
        if self.chance(0.12):
            shape: tuple[int, ...] = (self.integer(1, MAX_VECTOR),)
        else:
            shape = (self.side(), self.side(), self.integer(1, 4))
        self.input = self.tensor = Tensor("pixels", shape)

    def chance(self, probability: float) -> bool:
        """True with that probability."""
        return bool(self.rng.random() < probability)

    def integer(self, low: int, high: int) -> int:
        """Uniform in low..high, both included."""
        return int(self.rng.integers(low, high + 1))

    def side(self) -> int:
        """An image side; 1 more often than its share."""
        return 1 if self.chance(0.08) else self.integer(2, MAX_SIDE)

    def build(self) -> Graph:
        """Scaling, image layers, Flatten, dense layers, softmax: each of them perhaps."""
        if self.chance(0.65):
            self.rescaling()
        if self.chance(0.06):
            self.batch_norm()
        if self.chance(0.5 if len(self.input.shape) == 1 else 0.08):
            self.reshape()
        if len(self.tensor.shape) == 3:
            self.image_layers()
        has_weights = any(isinstance(op, WeightedOp) for op in self.ops)
        if not has_weights or self.chance(0.85):
            self.vector_layers()
        return Graph(self.name, self.input, tuple(self.ops))

    def image_layers(self) -> None:
        """Up to four convolutions, pools and elementwise layers."""
        layers: dict[Callable[[], None], float] = {
            self.conv: 0.5,
            self.max: 0.14,
            self.average: 0.14,
            self.activation: 0.08,
            self.cast: 0.05,
            self.batch_norm: 0.05,
            self.global_pool: 0.04,
        }
        choices, shares = list(layers), list(layers.values())
        for _ in range(self.integer(0, 4)):
            choices[int(self.rng.choice(len(choices), p=shares))]()

    def vector_layers(self) -> None:
        """Flatten, up to two dense layers with something between, softmax."""
        if len(self.tensor.shape) == 3:
            self.add(Flatten, (self.tensor.size,))
            self.flat = True
            if self.chance(0.1):
                self.batch_norm()
        for index in range(self.integer(1, 2)):
            if index:
                self.after_weights()
            self.dense()
        if self.chance(0.12):
            self.batch_norm()
        if self.chance(0.15):
            self.activation()
        if self.chance(0.3):
            self.add(Softmax, self.tensor.shape)

    def add(self, cls: type[Op], shape: tuple[int, ...], **fields: Any) -> None:
        """Append an operator whose result has ``shape``."""
        name = f"{cls.__name__.lower()}_{len(self.ops)}"
        out = Tensor(name, shape)
        self.ops.append(cls(name=name, x=self.tensor.name, out=out, **fields))
        self.tensor = out

    def numbers(self, *, whole: bool) -> tuple[int, ...]:
        """The shape of a normalization's numbers: one, one per channel, or one per element."""
        weighted = any(isinstance(op, WeightedOp) for op in self.ops)
        if len(self.tensor.shape) == 1 and not self.flat and not weighted:
            return (1,)  # the front end makes an image of a vector with numbers per element
        pick = self.rng.random()
        if pick < 0.25 and whole:
            return self.tensor.shape
        return self.tensor.shape[-1:] if pick < 0.7 else (1,)

    def rescaling(self) -> None:
        """1/255, another positive factor, or a mean and deviation for a table."""
        shape = self.numbers(whole=self.chance(0.2))
        scale, offset = np.full((1,), 1 / 255), np.zeros(1)
        if self.chance(0.6):
            scale = self.rng.uniform(0.5, 3, shape) / 255
            offset = self.rng.uniform(-1.5, 0.5, shape)
        self.add(Rescaling, self.tensor.shape, scale=Const(scale), offset=Const(offset))

    def batch_norm(self) -> None:
        """A normalization, or a rescaling behind the first layer, which is the same."""
        shape = self.numbers(whole=self.flat or len(self.tensor.shape) == 1)
        scale = self.rng.uniform(0.4, 2, shape)
        if self.chance(0.2):
            scale *= self.rng.choice([-1, 0, 1], shape, p=[0.3, 0.1, 0.6])
        offset = self.rng.normal(0, 0.5, shape) * self.chance(0.6)
        cls = Rescaling if self.ops and self.chance(0.2) else BatchNorm
        self.add(cls, self.tensor.shape, scale=Const(scale), offset=Const(offset))

    def reshape(self) -> None:
        """The same elements as another image."""
        size = self.tensor.size
        channels = int(self.rng.choice([n for n in (1, 2, 3, 4) if size % n == 0]))
        pixels = size // channels
        sides = [n for n in range(1, pixels + 1) if pixels % n == 0]
        height = int(self.rng.choice(sides))
        if max(height, pixels // height) <= 2 * MAX_SIDE:
            self.add(Reshape, (height, pixels // height, channels))

    def window(self, max_size: int, *, strides: bool) -> Window:
        """A window that fits the image, valid or same."""
        height, width, _ = self.tensor.image_shape
        same = self.chance(0.5)
        size = tuple(
            self.integer(1, max_size if same else min(max_size, side)) for side in (height, width)
        )
        if self.chance(0.25) and min(height, width) >= 3:
            size = (3, 3)
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
        """A convolution, perhaps with zeros before it and something after it."""
        window = self.zero_pad() if self.chance(0.2) else None
        if window is None:
            window = self.window(4, strides=self.chance(0.4))
        height, width, channels = self.tensor.image_shape
        out = self.integer(1, 6)
        self.add(
            Conv2D,
            (*window.positions(height, width), out),
            weights=self.weights(*window.size, channels, out),
            bias=Const(self.rng.normal(0, 0.3, out)),
            window=window,
        )
        self.after_weights()

    def zero_pad(self) -> Window:
        """Zeros, often on one side only; returns a window that allows as many."""
        height, width, channels = self.tensor.image_shape
        size = tuple(self.integer(min(2, side), min(4, side)) for side in (height, width))
        pads: list[int] = []
        for length in size:
            before = self.integer(0, length - 1)
            pads += [before, self.integer(0, length - 1 - before)]
        top, bottom, left, right = pads
        shape = (height + top + bottom, width + left + right, channels)
        self.add(ZeroPad, shape, padding=Padding(top, bottom, left, right))
        if self.chance(0.15):  # zeros stay zeros
            self.activation()
        return Window((size[0], size[1]), (self.integer(1, 2), self.integer(1, 2)))

    def after_weights(self) -> None:
        """A normalization, a cast and an activation: each of them perhaps."""
        if self.chance(0.15):
            self.batch_norm()
        if self.chance(0.05):
            self.cast()
        if self.chance(0.8):
            self.activation()

    def dense(self) -> None:
        """A dense layer."""
        out = self.integer(1, 10)
        weights = self.weights(self.tensor.size, out)
        bias = Const(self.rng.normal(0, 0.3, out))
        self.add(Dense, (out,), weights=weights, bias=bias)

    def activation(self) -> None:
        """A function of every element."""
        if self.chance(0.35):
            function = list(Function)[self.integer(0, len(Function) - 1)]
            self.add(Lookup, self.tensor.shape, function=function)
            return
        limit = float(self.rng.choice([0.25, 0.5, 1, 2, 6])) if self.chance(0.3) else None
        shift = self.integer(1, 5) if self.chance(0.25) else 0
        self.add(Relu, self.tensor.shape, activation=Activation(True, limit, shift))

    def cast(self) -> None:
        """A trained quantizer: its type is the layer's own."""
        signed = self.chance(0.7)
        width, integer_bits = self.integer(2, 10), self.integer(0, 3)
        fmt = FixedPoint(signed, width, integer_bits, *random_modes(self.rng))
        self.add(Cast, self.tensor.shape, own=LayerPrecision(result=fmt))

    def max(self) -> None:
        """A max pool, often one that tiles the rows."""
        self.pool(MaxPool2D, self.tiles() if self.chance(TILING) else self.window(3, strides=True))

    def tiles(self) -> Window:
        """A window that leaves no column over and covers none twice."""
        height, width, _ = self.tensor.image_shape
        columns = int(self.rng.choice([n for n in (1, 2, 3) if width % n == 0]))
        size = (self.integer(1, min(3, height)), columns)
        return Window(size, size)

    def average(self) -> None:
        """An average pool."""
        self.pool(AvgPool2D, self.window(3, strides=True))

    def global_pool(self) -> None:
        """One window over the whole image."""
        height, width, _ = self.tensor.image_shape
        self.pool(AvgPool2D if self.chance(0.6) else MaxPool2D, Window((height, width)))

    def pool(self, cls: type[Op], window: Window) -> None:
        """A pool of that window."""
        height, width, channels = self.tensor.image_shape
        self.add(cls, (*window.positions(height, width), channels), window=window)


def random_modes(rng: np.random.Generator) -> tuple[Rounding, Overflow]:
    """A rounding and an overflow mode; the usual ones more often."""
    rounding = Rounding.RND if rng.random() < 0.2 else list(Rounding)[rng.integers(len(Rounding))]
    overflow = Overflow.SAT if rng.random() < 0.2 else list(Overflow)[rng.integers(len(Overflow))]
    return rounding, overflow
