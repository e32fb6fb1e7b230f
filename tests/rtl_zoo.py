"""Hand-picked small networks: every layer kind and every corner of the stream layouts.

``ZOO`` maps a name to a function that returns a typed graph and a fold per weighted layer.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from lenetgen.codegen.formats import FixedPoint, Overflow, Rounding
from lenetgen.codegen.ir import (
    Activation,
    AvgPool2D,
    Cast,
    Const,
    Conv2D,
    Dense,
    Graph,
    InputTable,
    MaxPool2D,
    Op,
    Relu,
    Tensor,
    Window,
)
from lenetgen.codegen.pipeline import to_typed_graph
from lenetgen.codegen.precision import LayerPrecision, Precision
from lenetgen.codegen.schedule import Fold

Folds = dict[str, Fold]
Size = tuple[int, int]
PLAIN = FixedPoint(True, 7, 3, Rounding.RND, Overflow.SAT)
WEIGHT = FixedPoint(True, 6, 2, Rounding.RND, Overflow.SAT)
BIAS = FixedPoint(True, 9, 2, Rounding.RND, Overflow.SAT)


MODES = (Rounding.RND, Overflow.SAT)


def unsigned(width: int, integer_bits: int) -> FixedPoint:
    """A rounding, saturating unsigned type."""
    return FixedPoint(False, width, integer_bits, Rounding.RND, Overflow.SAT)


@dataclass
class Net:
    """Collects layers; weights come from the network's name."""

    name: str
    shape: tuple[int, ...]
    ops: list[Op] = field(default_factory=list)
    types: dict[str, LayerPrecision] = field(default_factory=dict)
    folds: Folds = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(zlib.crc32(self.name.encode()))
        self.tensor = Tensor("pixels", self.shape)

    def build(self) -> tuple[Graph, Folds]:
        """The typed graph and the folds."""
        graph = Graph(self.name, Tensor("pixels", self.shape), tuple(self.ops))
        return to_typed_graph(graph, Precision("zoo", self.types)), self.folds

    def _add(
        self, cls: type[Op], shape: tuple[int, ...], types: LayerPrecision, **more: object
    ) -> Net:
        name = f"{cls.__name__.lower()}_{len(self.ops)}"
        out = Tensor(name, shape)
        self.ops.append(cls(name=name, x=self.tensor.name, out=out, **more))
        self.types[name] = types
        self.tensor = out
        return self

    def _window(self, size: Size, stride: Size, same: bool) -> tuple[Window, Size]:
        image = self.tensor.image_shape[:2]
        window = Window.same(size, stride, image) if same else Window(size, stride)
        return window, window.positions(*image)

    def _constants(self, *shape: int, spread: float = 2.2) -> dict[str, object]:
        scale = spread / np.sqrt(np.prod(shape[:-1]))
        bias = self.rng.normal(0, 0.4, shape[-1])
        return {"weights": Const(self.rng.normal(0, scale, shape)), "bias": Const(bias)}

    def conv(
        self,
        out: int,
        size: Size,
        fold: Size,
        *,
        stride: Size = (1, 1),
        same: bool = False,
        relu: bool = True,
        result: FixedPoint | None = PLAIN,
        weight: FixedPoint = WEIGHT,
        bias: FixedPoint = BIAS,
    ) -> Net:
        window, positions = self._window(size, stride, same)
        channels = self.tensor.image_shape[2]
        self.folds[f"conv2d_{len(self.ops)}"] = Fold(*fold)
        return self._add(
            Conv2D,
            (*positions, out),
            LayerPrecision(weight, bias, result),
            **self._constants(*size, channels, out),
            window=window,
            activation=Activation.RELU if relu else Activation.LINEAR,
        )

    def dense(
        self,
        out: int,
        fold: Size,
        *,
        relu: bool = False,
        result: FixedPoint | None = None,
        weight: FixedPoint = WEIGHT,
        bias: FixedPoint = BIAS,
    ) -> Net:
        self.folds[f"dense_{len(self.ops)}"] = Fold(*fold)
        return self._add(
            Dense,
            (out,),
            LayerPrecision(weight, bias, result),
            **self._constants(self.tensor.size, out),
            activation=Activation.RELU if relu else Activation.LINEAR,
        )

    def max(self, size: Size, stride: Size, *, same: bool = False) -> Net:
        window, positions = self._window(size, stride, same)
        shape = (*positions, self.tensor.image_shape[2])
        return self._add(MaxPool2D, shape, LayerPrecision(None, None, None), window=window)

    def average(
        self, size: Size, stride: Size, *, same: bool = False, result: FixedPoint = PLAIN
    ) -> Net:
        window, positions = self._window(size, stride, same)
        shape = (*positions, self.tensor.image_shape[2])
        return self._add(AvgPool2D, shape, LayerPrecision(None, None, result), window=window)

    def relu(self, result: FixedPoint = PLAIN) -> Net:
        return self._add(Relu, self.tensor.shape, LayerPrecision(None, None, result))

    def cast(self, result: FixedPoint) -> Net:
        return self._add(Cast, self.tensor.shape, LayerPrecision(None, None, result))

    def table(self, result: FixedPoint = PLAIN) -> Net:
        channels = self.shape[2] if len(self.shape) == 3 else 1
        values = self.rng.uniform(-3, 3, (channels, 256))
        return self._add(
            InputTable, self.shape, LayerPrecision(None, None, result), table=Const(values)
        )


def _average_modes(net: Net) -> Net:
    """One average per rounding mode, with every overflow mode, gaining and losing fraction bits."""
    overflows = [*Overflow, *Overflow]
    for index, rounding in enumerate(Rounding):
        width, integer_bits = 6 + index % 3, (2, 1, 0, 0, -1, -2, -2)[index]
        result = FixedPoint(index % 3 != 2, width, integer_bits, rounding, overflows[index])
        size = ((3, 3), (2, 2), (1, 3), (2, 1), (3, 2), (4, 4), (2, 2))[index]
        net.average(size, (1, 1), same=True, result=result)
    return net


def _modes() -> list[FixedPoint]:
    """Every rounding and every overflow mode, losing and gaining fraction bits."""
    overflows = [*Overflow, *Overflow]
    return [
        FixedPoint(index % 2 == 0, 9 - index, 2 + index % 2, rounding, overflows[index])
        for index, rounding in enumerate(Rounding)
    ]


def _relu_modes(net: Net) -> Net:
    """ReLU stages back to back: every rounding and every overflow mode, also multiplying."""
    for result in _modes():
        net.relu(result)
    return net


def _cast_modes(net: Net) -> Net:
    """Casts back to back, on negative codes too."""
    for result in _modes():
        net.cast(result)
    return net


WIDE_WEIGHT = FixedPoint(True, 24, 4, Rounding.RND, Overflow.SAT)
WIDE_BIAS = FixedPoint(True, 42, 4, Rounding.RND, Overflow.SAT)
TINY = FixedPoint(True, 1, 1, Rounding.TRN, Overflow.SAT)

_ALL: dict[str, Callable[[], Net]] = {}


def _entry(name: str, shape: tuple[int, ...], layers: Callable[[Net], Net]) -> None:
    _ALL[name] = lambda: layers(Net(name, shape))


_entry(
    "lenet_small",
    (12, 12, 1),
    lambda n: (
        n.conv(3, (5, 5), (2, 5), same=True)
        .max((2, 2), (2, 2))
        .conv(5, (3, 3), (3, 9))
        .max((2, 2), (2, 2))
        .dense(9, (4, 5), relu=True, result=PLAIN)
        .dense(4, (1, 3))
    ),
)
_entry(
    "conv_even_strided",
    (9, 8, 3),
    lambda n: n.conv(4, (4, 2), (3, 5), stride=(2, 3), same=True).dense(3, (2, 2)),
)
_entry(
    "conv_rectangular",
    (7, 6, 2),
    lambda n: n.conv(3, (1, 4), (1, 8)).conv(2, (5, 1), (2, 15), relu=False).dense(3, (3, 2)),
)
_entry(
    "conv_skips_rows",
    (10, 9, 1),
    lambda n: n.conv(2, (1, 1), (2, 1), stride=(3, 4)).conv(2, (2, 2), (1, 3), same=True),
)
_entry(
    "conv_whole_image", (5, 4, 2), lambda n: n.conv(6, (5, 4), (4, 7)).dense(3, (2, 12), relu=True)
)
_entry(
    "kernel_larger_than_image",
    (2, 3, 2),
    lambda n: n.conv(3, (4, 5), (2, 7), same=True).max((3, 4), (2, 2), same=True).dense(2, (1, 1)),
)
_entry(
    "tiny",
    (7, 5, 1),
    lambda n: (
        n.conv(3, (3, 3), (2, 4), stride=(2, 1), same=True, result=FixedPoint(True, 6, 1, *MODES))
        .max((2, 2), (2, 2))
        .dense(4, (2, 9), relu=True, result=PLAIN)
        .dense(3, (1, 2))
    ),
)
_entry(
    "average_tiny",
    (4, 5, 1),
    lambda n: (
        n.table()
        .average((3, 3), (1, 2), same=True, result=FixedPoint(True, 6, 3, Rounding.RND_CONV))
        .average((2, 2), (1, 1), same=True, result=FixedPoint(True, 8, 3, Rounding.RND_CONV))
    ),
)
_entry(
    "vector_input", (13,), lambda n: n.dense(5, (3, 4), relu=True, result=PLAIN).dense(2, (2, 5))
)
_entry("vector_table", (6,), lambda n: n.table().dense(3, (1, 1)))
_entry("dense_parallel", (4, 1, 2), lambda n: n.dense(3, (3, 8)))
_entry("dense_serial", (3, 3, 2), lambda n: n.dense(4, (1, 1)))
_entry("one_pixel", (1, 1, 1), lambda n: n.dense(2, (2, 1)))
_entry(
    "dense_after_conv",
    (5, 5, 2),
    lambda n: n.conv(5, (3, 3), (2, 6)).dense(6, (4, 6), relu=True, result=PLAIN).dense(3, (1, 8)),
)
_entry(
    "dense_spans_words",
    (3, 7, 2),
    lambda n: n.conv(3, (1, 1), (2, 1)).dense(3, (2, 16)),
)
_entry(
    "max_overlapping",
    (8, 7, 2),
    lambda n: (
        n.max((3, 3), (2, 2), same=True).conv(3, (2, 2), (2, 4)).max((2, 3), (1, 1), same=True)
    ),
)
_entry(
    "max_signed_padded",
    (5, 6, 2),
    lambda n: n.table().max((3, 2), (2, 3), same=True).max((2, 2), (1, 1), same=True),
)
_entry("average_modes", (6, 5, 2), lambda n: _average_modes(n.table()).dense(3, (2, 10)))
_entry(
    "average_strided",
    (9, 10, 3),
    lambda n: n.average((3, 3), (2, 2), same=True).average((2, 3), (3, 2)),
)
_entry("average_to_bit", (4, 4, 1), lambda n: n.table().average((2, 2), (2, 2), result=TINY))
_entry("relu_first", (4, 5, 2), lambda n: n.relu(unsigned(5, 0)).conv(3, (2, 2), (3, 8)))
_entry(
    "relu_middle", (6, 6, 2), lambda n: _relu_modes(n.table().max((2, 2), (2, 2))).dense(2, (1, 3))
)
_entry("cast_modes", (5, 4, 2), lambda n: _cast_modes(n.table()).dense(2, (1, 3)))
_entry("relu_last_unsigned", (3, 4, 1), lambda n: n.table().relu(unsigned(9, 3)))
_entry(
    "table_channels", (4, 4, 3), lambda n: n.table().conv(2, (3, 3), (2, 9), same=True, relu=False)
)
_entry("table_only", (3, 2, 2), lambda n: n.table())
_entry("nine_channels", (3, 4, 9), lambda n: n.conv(4, (2, 2), (3, 7)).dense(2, (1, 5)))
_entry("logits_of_conv", (5, 6, 4), lambda n: n.conv(5, (3, 3), (3, 10), relu=False, result=None))
_entry("logits_of_pool", (6, 6, 12), lambda n: n.max((2, 2), (2, 2)))
_entry(
    "wide_sums",
    (4, 4, 1),
    lambda n: n.conv(2, (3, 3), (1, 4), weight=WIDE_WEIGHT, result=FixedPoint(True, 30, 6)).dense(
        3, (2, 3), weight=WIDE_WEIGHT, bias=WIDE_BIAS
    ),
)
_entry(
    "unsigned_logits",
    (3, 3, 1),
    lambda n: n.dense(4, (2, 3), relu=True, bias=WIDE_BIAS, result=unsigned(32, 1)),
)
_entry(
    "bits",
    (5, 5, 1),
    lambda n: n.conv(3, (2, 2), (2, 3), relu=False, weight=TINY, result=TINY).dense(2, (1, 2)),
)

ZOO = {name: (lambda make=make: make().build()) for name, make in _ALL.items()}
