"""Where the binary point of a type goes: three rules that weigh step against range.

Input: real values and a width; output: a ``FixedPoint`` of that width. Every rule picks among the
same candidates, the type that covers all values and finer ones that saturate more and more of
them. A stream of any length is judged in memory that depends on the candidates alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from .cast import quantize
from .formats import FixedPoint, Overflow, Rounding, quantized

FINER = 8  # candidates finer than the covering type: their ranges are down to 1/256 of its own
WIDE = 62  # bits in which no candidate's code overflows
BLOCK = 1 << 18  # values judged at once: their copies stay small

Reals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Method:
    """A rule: ``min-max``, ``percentile`` or ``mse``.

    ``percentile`` (0..100): the share of the values that may not saturate; 100 is ``min-max``.
    """

    name: str
    percentile: Fraction = Fraction(100)

    MIN_MAX: ClassVar[Method]
    MSE: ClassVar[Method]


Method.MIN_MAX = Method("min-max")
Method.MSE = Method("mse")


class Losses:
    """What quantizing a stream of values to each of several types would lose; add, then choose."""

    def __init__(self, candidates: Sequence[FixedPoint]) -> None:
        """``candidates``: the coarsest type first, each a bit finer than the one before."""
        self.candidates = tuple(candidates)
        self.count = 0
        self.outside = [0] * len(self.candidates)  # values that saturate (or wrap)
        self.squares = [0.0] * len(self.candidates)  # sums of squared errors, saturation included

    def add(self, values: Reals) -> None:
        """Add finite values of any shape."""
        flat = values.reshape(-1)
        self.count += flat.size
        for start in range(0, flat.size, BLOCK):
            block = flat[start : start + BLOCK]
            for index, fmt in enumerate(self.candidates):
                outside, squares = _loss(block, fmt)
                self.outside[index] += outside
                self.squares[index] += squares

    def choose(self, method: Method) -> FixedPoint:
        """The candidate ``method`` picks; of equal ones the finest."""
        order = range(len(self.candidates))
        if method.name == Method.MSE.name:
            return self.candidates[min(order, key=lambda index: (self.squares[index], -index))]
        allowed = int((100 - method.percentile) * self.count / 100)
        allowed = max(allowed, min(self.outside))
        return self.candidates[max(i for i in order if self.outside[i] <= allowed)]


def _loss(values: Reals, fmt: FixedPoint) -> tuple[int, float]:
    """(how many values ``fmt`` has no code for, sum of squared errors)."""
    if fmt.rounding is Rounding.RND and fmt.overflow is Overflow.SAT:
        wanted = np.floor(np.ldexp(values, fmt.fraction_bits) + 0.5)
        codes = np.clip(wanted, fmt.min_code, fmt.max_code)
    else:
        wide = replace(fmt, signed=True, width=WIDE, integer_bits=WIDE - fmt.fraction_bits)
        wanted, codes = (quantize(values, to).astype(np.float64) for to in (wide, fmt))
    errors = np.ldexp(codes, -fmt.fraction_bits) - values
    return int(np.count_nonzero(codes != wanted)), float(np.dot(errors, errors))


def covering(width: int, values: Reals, *, signed: bool) -> FixedPoint:
    """The finest ``width``-bit format whose range holds all ``values`` after rounding."""
    largest = float(np.max(np.abs(values), initial=0.0))
    if largest == 0.0:
        return quantized(width, 1 if signed else 0, signed=signed)
    low, high = min(float(np.min(values)), 0.0), max(float(np.max(values)), 0.0)
    integer_bits = int(np.frexp(largest)[1]) + (1 if signed else 0) - 1
    while True:
        fmt = quantized(width, integer_bits, signed=signed)
        # half a step below the least code rounds up to it; above the largest it rounds away
        half = float(fmt.step) / 2
        least = float(fmt.real(fmt.min_code)) - half if signed else low
        if least <= low and high < float(fmt.real(fmt.max_code)) + half:
            return fmt
        integer_bits += 1


def candidates(width: int, values: Reals, *, signed: bool) -> tuple[FixedPoint, ...]:
    """The covering type and finer ones, coarsest first; of zeros alone just one.

    ``values``: all of them, or the least and the largest.
    """
    first = covering(width, values, signed=signed)
    count = 1 + FINER if np.any(values) else 1
    return tuple(replace(first, integer_bits=first.integer_bits - k) for k in range(count))


def fitted(fmt: FixedPoint, values: Reals, method: Method = Method.MIN_MAX) -> FixedPoint:
    """``fmt`` with the binary point that ``method`` picks for ``values``; width and modes stay."""
    found = candidates(fmt.width, values, signed=fmt.signed)
    if len(found) == 1:
        return replace(fmt, integer_bits=found[0].integer_bits)
    points = [found[0].integer_bits + 1, *(one.integer_bits for one in found)]  # TRN may need one
    losses = Losses([replace(fmt, integer_bits=point) for point in points])
    losses.add(np.asarray(values, dtype=np.float64))
    return losses.choose(method)
