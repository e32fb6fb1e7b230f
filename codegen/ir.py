"""The intermediate representation: a chain of frozen operators on named tensors.

Shapes leave the batch out: ``(height, width, channels)`` for images, ``(elements,)`` for vectors.
Before ``assign_formats`` parameters are floats and tensors have no format (the *float graph*);
afterwards parameters are integer codes and every tensor has a format and a code range (the *typed
graph*). ``docs/semantics.md`` defines each typed operator, ``sim/golden`` executes it. The IR knows
no emitter.
"""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from .formats import FixedPoint, LayerPrecision


@dataclass(frozen=True, eq=False)
class Const:
    """Read-only parameters: floats when ``format`` is None, else integer codes of that format."""

    values: npt.NDArray[Any]
    format: FixedPoint | None = None

    def __post_init__(self) -> None:
        dtype = np.float64 if self.format is None else np.int64
        values = np.array(self.values, dtype=dtype, order="C")
        values.setflags(write=False)
        object.__setattr__(self, "values", values)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Const):
            return NotImplemented
        return self.format == other.format and np.array_equal(self.values, other.values)

    def __hash__(self) -> int:
        return hash((self.format, self.values.shape, self.values.tobytes()))

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's shape."""
        return self.values.shape


@dataclass(frozen=True)
class Tensor:
    """A value flowing between operators; ``low`` and ``high`` bound its codes."""

    name: str
    shape: tuple[int, ...]
    format: FixedPoint | None = None
    low: int | None = None
    high: int | None = None

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels); a vector is a 1×1 image of its elements."""
        if len(self.shape) == 3:
            return (self.shape[0], self.shape[1], self.shape[2])
        return (1, 1, self.size)

    @property
    def fmt(self) -> FixedPoint:
        """The format of a typed tensor."""
        if self.format is None:
            raise ValueError(f"tensor {self.name} has no format yet")
        return self.format

    @property
    def range(self) -> tuple[int, int]:
        """(lowest, highest) code of a typed tensor."""
        if self.low is None or self.high is None:
            raise ValueError(f"tensor {self.name} has no range yet")
        return self.low, self.high


@dataclass(frozen=True)
class Activation:
    """Function between a layer's exact sum and its cast: linear, or some kind of ReLU."""

    relu: bool = False
    max_value: float | None = None  # results of a ReLU end here; None: no limit
    negative_shift: int = 0  # k > 0: below zero a ReLU multiplies by 2**-k; 0: it returns zero

    LINEAR: ClassVar[Activation]
    RELU: ClassVar[Activation]

    @property
    def value(self) -> str:
        """``linear``, ``relu`` or ``relu(max=6.0,shift=3)``: its text in files and messages."""
        if not self.relu:
            return "linear"
        settings = [] if self.max_value is None else [f"max={self.max_value!r}"]
        settings += [f"shift={self.negative_shift}"] if self.negative_shift else []
        return f"relu({','.join(settings)})" if settings else "relu"

    @classmethod
    def parse(cls, text: str) -> Activation:
        """Read what ``value`` writes; ``ValueError`` for anything else."""
        if text in ("linear", "relu"):
            return cls(text == "relu")
        match = re.fullmatch(r"relu\((?:max=([0-9.e+-]+))?,?(?:shift=([1-9][0-9]?))?\)", text)
        act = match and cls(True, float(match[1]) if match[1] else None, int(match[2] or 0))
        if not act or act.value != text:
            raise ValueError(f"{text!r} is no activation")
        return act

    @property
    def homogeneous(self) -> bool:
        """Whether it commutes with every positive factor."""
        return self.max_value is None

    @property
    def negative(self) -> bool:
        """Whether a result can be negative."""
        return not self.relu or self.negative_shift > 0

    def limit(self, fraction_bits: int) -> int | None:
        """The argument beyond which results stay, as a code; ``ValueError`` if it is none."""
        if self.max_value is None:
            return None
        code = Fraction(self.max_value) * Fraction(2) ** fraction_bits
        if code.denominator != 1:
            raise ValueError(f"{self.max_value} is no multiple of 2^{-fraction_bits}")
        return int(code)

    def binding_limit(self, fraction_bits: int, high: int) -> int | None:
        """``limit``, or None where no code is larger than it, ``high`` being the largest."""
        limit = self.limit(fraction_bits)
        return None if limit is None or limit >= high else limit

    def bounds(self, low: int, high: int, fraction_bits: int) -> tuple[int, int]:
        """The (least, largest) result for codes in ``low..high``.

        Results have ``negative_shift`` fraction bits more than the arguments.
        """
        limit = self.binding_limit(fraction_bits, high)
        if limit is not None:
            low, high = min(low, limit), limit
        if self.relu and not self.negative_shift:
            return max(low, 0), max(high, 0)
        first, last = (end << self.negative_shift if end > 0 else end for end in (low, high))
        return first, last

    def exact(self, fmt: FixedPoint) -> FixedPoint:
        """The format that holds every result for arguments of format ``fmt``."""
        return replace(fmt, width=fmt.width + self.negative_shift)


Activation.LINEAR = Activation()
Activation.RELU = Activation(relu=True)


@dataclass(frozen=True)
class Padding:
    """Rows and columns of zeros around an image."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0


@dataclass(frozen=True)
class Window:
    """Geometry of a sliding window: size and stride as (rows, columns), and padding."""

    size: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: Padding = Padding()

    def positions(self, height: int, width: int) -> tuple[int, int]:
        """Number of window positions (rows, columns) over a ``height`` × ``width`` image."""
        rows = height + self.padding.top + self.padding.bottom - self.size[0]
        columns = width + self.padding.left + self.padding.right - self.size[1]
        return rows // self.stride[0] + 1, columns // self.stride[1] + 1

    def covered(self, height: int, width: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """How many image rows lie under each row of positions, and columns likewise."""
        counts = []
        for size, stride, before, length, positions in zip(
            self.size,
            self.stride,
            (self.padding.top, self.padding.left),
            (height, width),
            self.positions(height, width),
            strict=True,
        ):
            starts = [position * stride - before for position in range(positions)]
            counts.append(tuple(min(at + size, length) - max(at, 0) for at in starts))
        return counts[0], counts[1]

    @classmethod
    def same(cls, size: tuple[int, int], stride: tuple[int, int], image: tuple[int, int]) -> Window:
        """Keras' ``padding="same"``: ceil(n / stride) positions, the odd zero at bottom/right."""
        pads: list[int] = []
        for k, s, n in zip(size, stride, image, strict=True):
            total = max((-(-n // s) - 1) * s + k - n, 0)
            pads += [total // 2, total - total // 2]
        return cls(size, stride, Padding(*pads))


@dataclass(frozen=True)
class Accumulator:
    """The exact sum of a layer: its format and the range of its codes, from interval analysis."""

    format: FixedPoint
    low: int
    high: int


@dataclass(frozen=True, kw_only=True)
class Op:
    """An operator: reads tensor ``x``, defines tensor ``out``.

    ``own``: the types a trained quantizer chose, which nothing may change; float graph only.
    """

    name: str
    x: str
    out: Tensor
    own: LayerPrecision | None = None

    @property
    def kind(self) -> str:
        """The class name, as design.json and messages show it."""
        return type(self).__name__


@dataclass(frozen=True, kw_only=True)
class Conv2D(Op):
    """2-D convolution; weights (rows, columns, in, out), bias (out,)."""

    weights: Const
    bias: Const
    window: Window
    activation: Activation = Activation.LINEAR
    accumulator: Accumulator | None = None


@dataclass(frozen=True, kw_only=True)
class Dense(Op):
    """Fully connected layer over the row-major flattened input; weights (in, out), bias (out,)."""

    weights: Const
    bias: Const
    activation: Activation = Activation.LINEAR
    accumulator: Accumulator | None = None


@dataclass(frozen=True, kw_only=True)
class MaxPool2D(Op):
    """Largest code under the window; padding never wins."""

    window: Window


@dataclass(frozen=True, kw_only=True)
class AvgPool2D(Op):
    """Mean of the codes under the window, padding not counted; one rounding of the quotient."""

    window: Window


@dataclass(frozen=True, kw_only=True)
class Flatten(Op):
    """Row-major reshape to a vector; moves no data."""


@dataclass(frozen=True, kw_only=True)
class Reshape(Op):
    """Row-major reshape to another image; float graph only, moves no data."""


@dataclass(frozen=True, kw_only=True)
class ZeroPad(Op):
    """Zeros around an image; float graph only, merged into the convolution behind it."""

    padding: Padding


@dataclass(frozen=True, kw_only=True)
class Relu(Op):
    """An activation, then a cast; only where it could not be fused into the layer before."""

    activation: Activation = Activation.RELU


@dataclass(frozen=True, kw_only=True)
class Cast(Op):
    """A cast of every element; only where it could not be fused into the operator before."""


@dataclass(frozen=True, kw_only=True)
class Softmax(Op):
    """Softmax; legal only as the last operator of a float graph, and dropped."""


@dataclass(frozen=True, kw_only=True)
class Rescaling(Op):
    """x * scale + offset, where ``x`` in front of the first layer is the raw pixel 0..255.

    Scale and offset hold one float for all, one per channel, or one per element; float graph only.
    """

    scale: Const
    offset: Const


@dataclass(frozen=True, kw_only=True)
class BatchNorm(Op):
    """x * scale + offset with the shapes of Rescaling: normalization at inference; float only."""

    scale: Const
    offset: Const


@dataclass(frozen=True, kw_only=True)
class InputTable(Op):
    """Raw pixel to code through a 256-entry table per channel; table (channels, 256)."""

    table: Const


class Function(enum.Enum):
    """What a ``Lookup`` tabulates; ``HARD_SIGMOID`` is Keras 3's: min(max(x + 3, 0), 6) / 6."""

    TANH = "tanh"
    SIGMOID = "sigmoid"
    HARD_SIGMOID = "hard_sigmoid"


@dataclass(frozen=True, kw_only=True)
class Lookup(Op):
    """A function of every element, read from a table with an entry per code of the input.

    ``table`` (2**bits,), by the code modulo 2**bits; None in a float graph.
    """

    function: Function
    table: Const | None = None


WeightedOp = Conv2D | Dense
AffineOp = Rescaling | BatchNorm
TableOp = InputTable | Lookup
WindowOp = Conv2D | MaxPool2D | AvgPool2D


@dataclass(frozen=True)
class Graph:
    """A chain of operators from ``input`` to ``output``; ``ops`` are in topological order."""

    name: str
    input: Tensor
    ops: tuple[Op, ...] = field(default_factory=tuple)

    @property
    def output(self) -> Tensor:
        """The tensor the graph computes (the logits)."""
        return self.ops[-1].out if self.ops else self.input

    def tensor(self, name: str) -> Tensor:
        """The tensor called ``name``; ``KeyError`` if there is none."""
        for tensor in self.tensors():
            if tensor.name == name:
                return tensor
        raise KeyError(name)

    def tensors(self) -> Iterator[Tensor]:
        """All tensors, the input first."""
        yield self.input
        for op in self.ops:
            yield op.out

    def source(self, op: Op) -> Tensor:
        """The tensor ``op`` reads."""
        return self.tensor(op.x)

    def with_ops(self, ops: list[Op] | tuple[Op, ...]) -> Graph:
        """A copy with other operators."""
        return replace(self, ops=tuple(ops))
