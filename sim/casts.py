"""The numbers in front of every cast of an operator: what rounding and overflow decide about.

Input: a typed operator and the codes it reads; output: exact quotients, one ``Sums`` per cast. Only
measurement uses this: the golden model computes results by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import singledispatch

import numpy as np

from ..codegen.cast import round_quotient
from ..codegen.formats import FixedPoint
from ..codegen.ir import (
    AvgPool2D,
    Cast,
    Conv2D,
    Dense,
    InputTable,
    Lookup,
    MaxPool2D,
    Op,
    Relu,
    Tensor,
    WeightedOp,
)
from .golden.arithmetic import Array, activation
from .golden.model import kernel_for
from .golden.pool import window_counts
from .golden.weighted import extract_windows


@dataclass(frozen=True)
class Sums:
    """``numerators / denominators`` (Python integers, > 0) in steps of ``to``, before the cast."""

    numerators: Array
    denominators: Array
    to: FixedPoint

    def rounded(self) -> Array:
        """The codes after rounding, before overflow is dealt with."""
        return round_quotient(self.numerators, self.denominators, self.to.rounding)

    @classmethod
    def of(cls, codes: Array, fraction_bits: int, to: FixedPoint, count: Array | int = 1) -> Sums:
        """``codes / count`` with ``fraction_bits`` fraction bits, cast to ``to``."""
        shift = fraction_bits - to.fraction_bits
        numerators = codes.astype(object) * (1 << max(-shift, 0))
        divisors = np.asarray(count, dtype=object) * (1 << max(shift, 0))
        return cls(numerators, np.broadcast_to(divisors, numerators.shape), to)


@singledispatch
def casts_of(op: Op, x: Tensor, codes: Array) -> list[Sums]:
    """The casts ``op`` makes of ``codes`` (batch, *shape of x)."""
    raise NotImplementedError(f"{op.kind}: nobody has said what it casts")


@casts_of.register(MaxPool2D)
@casts_of.register(InputTable)
@casts_of.register(Lookup)
def _none(op: Op, x: Tensor, codes: Array) -> list[Sums]:
    return []


@casts_of.register(Conv2D)
@casts_of.register(Dense)
def _weighted(op: WeightedOp, x: Tensor, codes: Array) -> list[Sums]:
    acc = op.accumulator
    assert acc is not None
    fmt = op.activation.exact(acc.format)
    if op.out.fmt == fmt:
        return []
    low, high = op.activation.bounds(acc.low, acc.high, acc.format.fraction_bits)
    exact = replace(op.out, format=fmt, low=low, high=high)
    sums = kernel_for(replace(op, out=exact), x)(codes.copy())
    return [Sums.of(sums.astype(np.int64), fmt.fraction_bits, op.out.fmt)]


@casts_of.register
def _relu(op: Relu, x: Tensor, codes: Array) -> list[Sums]:
    act = activation(op.activation, x.fmt.fraction_bits, x.range[1])
    fraction = op.activation.exact(x.fmt).fraction_bits
    return [Sums.of(act(codes.copy()), fraction, op.out.fmt)]


@casts_of.register
def _cast(op: Cast, x: Tensor, codes: Array) -> list[Sums]:
    return [Sums.of(codes, x.fmt.fraction_bits, op.out.fmt)]


@casts_of.register
def _average(op: AvgPool2D, x: Tensor, codes: Array) -> list[Sums]:
    totals = extract_windows(codes, op.window, 0).sum(axis=(3, 4))
    return [Sums.of(totals, x.fmt.fraction_bits, op.out.fmt, window_counts(op, x))]
