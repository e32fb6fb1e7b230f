"""Overflow certificates: for each sum of the network an input that drives it to its bound.

Input: a typed graph. Output: per weighted layer and average pool the lowest and the highest value
its sum can take, where, and codes of the layer's input tensor that reach it. Every code is the end
of the tensor's range that the weight's sign asks for, so the value is exact by construction; it is
added up here with Python integers, independently of the golden model. Whether an *image* makes the
layers before produce these codes is ``certify_search``'s question.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import numpy as np
import numpy.typing as npt

from ..codegen.ir import AvgPool2D, Conv2D, Dense, Graph, Op, Tensor, WeightedOp, Window

Codes = npt.NDArray[np.int64]
SIDES = ("low", "high")


@dataclass(frozen=True)
class Place:
    """An element of a layer's output; ``channel`` is the index into a vector."""

    row: int
    column: int
    channel: int


@dataclass(frozen=True, eq=False)
class Extreme:
    """One end of a layer's sum.

    ``bound`` is what the width was chosen for (interval analysis, zero included); ``value`` what
    ``codes``, shaped like the layer's input, make of the sum at ``place``.
    """

    bound: int
    value: int
    place: Place
    codes: Codes

    @property
    def attained(self) -> bool:
        """Whether the bound is reached, not only respected."""
        return self.value == self.bound


@dataclass(frozen=True)
class Certificate:
    """Both ends of the sum of ``op``, which reads ``x``."""

    op: Op
    x: Tensor
    low: Extreme
    high: Extreme

    def side(self, name: str) -> Extreme:
        """``low`` or ``high``."""
        return self.low if name == "low" else self.high


def certificates(graph: Graph) -> tuple[Certificate, ...]:
    """A certificate of every operator of a typed graph that adds up, in order."""
    found = []
    for op in graph.ops:
        if isinstance(op, WeightedOp | AvgPool2D):
            x = graph.source(op)
            low, high = (_extreme(op, x, highest=side == "high") for side in SIDES)
            found.append(Certificate(op, x, low, high))
    return tuple(found)


@singledispatch
def _extreme(op: Op, x: Tensor, *, highest: bool) -> Extreme:
    """The end of the sum of ``op``."""
    raise NotImplementedError(f"{op.kind} has no sum")


@_extreme.register
def _dense(op: Dense, x: Tensor, *, highest: bool) -> Extreme:
    channel = _channel(op, x, highest=highest)
    codes = _chosen(op.weights.values[:, channel], x, highest=highest).reshape(x.shape)
    value = _weighted_sum(op, x, codes.reshape(-1), op.weights.values[:, channel], channel)
    return Extreme(_bound(op, highest=highest), value, Place(0, 0, channel), codes)


@_extreme.register
def _conv(op: Conv2D, x: Tensor, *, highest: bool) -> Extreme:
    channel = _channel(op, x, highest=highest)
    weights = op.weights.values[..., channel]
    wanted = _chosen(weights, x, highest=highest)
    row, column = _fullest(op.window, x)
    codes, taps = _paste(wanted, op.window, x, row, column)
    value = _weighted_sum(op, x, taps.reshape(-1), weights.reshape(-1), channel)
    return Extreme(_bound(op, highest=highest), value, Place(row, column, channel), codes)


@_extreme.register
def _average(op: AvgPool2D, x: Tensor, *, highest: bool) -> Extreme:
    """The sum is bounded by the window's size times the range; a constant image reaches it."""
    row, column = _fullest(op.window, x)
    rows, columns = op.window.covered(*x.image_shape[:2])
    end = x.range[highest]
    count = rows[row] * columns[column]
    return Extreme(
        end * max(rows) * max(columns),
        end * count,
        Place(row, column, 0),
        np.full(x.shape, end, dtype=np.int64),
    )


def _bound(op: WeightedOp, *, highest: bool) -> int:
    assert op.accumulator is not None
    return op.accumulator.high if highest else op.accumulator.low


def _channel(op: WeightedOp, x: Tensor, *, highest: bool) -> int:
    """The output whose sum goes furthest (the first of several)."""
    low, high = min(x.range[0], 0), max(x.range[1], 0)
    taps = op.weights.values.reshape(-1, op.weights.shape[-1]).astype(object)
    ends = (high, low) if highest else (low, high)
    products = np.where(taps > 0, taps * ends[0], taps * ends[1]).sum(axis=0)
    sums = [_scaled(op, x, int(total), at) for at, total in enumerate(products)]
    return max(range(len(sums)), key=lambda at: sums[at] if highest else -sums[at])


def _scaled(op: WeightedOp, x: Tensor, products: int, channel: int) -> int:
    """Products and bias as a code of the accumulator (``docs/semantics.md``, section 4)."""
    assert op.accumulator is not None
    assert op.weights.format is not None and op.bias.format is not None
    fraction = op.accumulator.format.fraction_bits
    up = fraction - x.fmt.fraction_bits - op.weights.format.fraction_bits
    bias = int(op.bias.values[channel]) << (fraction - op.bias.format.fraction_bits)
    return (products << up) + bias


def _chosen(weights: npt.NDArray[Any], x: Tensor, *, highest: bool) -> Codes:
    """Per weight the end of ``x``'s range that its sign asks for; what is nearest zero for none."""
    low, high = x.range
    rest = min(max(0, low), high)
    upwards = weights > 0 if highest else weights < 0
    chosen: Codes = np.where(weights == 0, rest, np.where(upwards, high, low)).astype(np.int64)
    return chosen


def _weighted_sum(op: WeightedOp, x: Tensor, codes: Codes, weights: Codes, channel: int) -> int:
    pairs = zip(codes.tolist(), weights.tolist(), strict=True)
    return _scaled(op, x, sum(code * weight for code, weight in pairs), channel)


def _fullest(window: Window, x: Tensor) -> tuple[int, int]:
    """A window position that covers as much of the image as any, the middle one of several."""
    at = []
    for counts in window.covered(*x.image_shape[:2]):
        best = [place for place, count in enumerate(counts) if count == max(counts)]
        at.append(best[len(best) // 2])
    return at[0], at[1]


def _paste(wanted: Codes, window: Window, x: Tensor, row: int, column: int) -> tuple[Codes, Codes]:
    """``x`` with ``wanted`` (rows, columns, channels) under a window, and what the window sees."""
    low, high = x.range
    pad = window.padding
    height, width, _ = x.image_shape
    codes = np.full(x.shape, min(max(0, low), high), dtype=np.int64)
    seen = np.zeros_like(wanted)
    for i in range(window.size[0]):
        for j in range(window.size[1]):
            u, v = row * window.stride[0] + i - pad.top, column * window.stride[1] + j - pad.left
            if 0 <= u < height and 0 <= v < width:
                codes[u, v] = seen[i, j] = wanted[i, j]
    return codes, seen


def summary(certificate: Certificate) -> dict[str, dict[str, Any]]:
    """Both ends as plain data for design.json: bound, value, attained, place."""
    return {
        side: {
            "bound": extreme.bound,
            "value": extreme.value,
            "attained": extreme.attained,
            **vars(extreme.place),
        }
        for side in SIDES
        for extreme in (certificate.side(side),)
    }
