"""Division by a constant as multiplication and shift, proven equal for every numerator.

Let ``m = ceil(2**s / d)`` and ``e = m*d - 2**s``, so ``0 <= e < d``. For ``n = q*d + r``

    n*m / 2**s  =  q + (r + n*e / 2**s) / d

so ``(n*m) >> s == q`` exactly if ``n*e < (d - r) * 2**s``. For numerators up to N the condition is
sharpest at the largest n with r = d - 1, and, among the larger ones, where r only grows with n, at
N itself; those two decide for all. If it holds for s it holds for s + 1, where e at most doubles;
a multiplier below m is wrong at n = d, one above it has a larger e, so m is the best for its s.
(Granlund and Montgomery, "Division by Invariant Integers using Multiplication", 1994.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Reciprocal:
    """``n // divisor == (n * multiplier) >> shift``."""

    multiplier: int
    shift: int

    def divide(self, numerator: int) -> int:
        """The quotient, as hardware computes it."""
        return (numerator * self.multiplier) >> self.shift


def reciprocal(divisor: int, max_numerator: int, min_shift: int = 0) -> Reciprocal:
    """Return the smallest shift, at least ``min_shift``, exact for 0..``max_numerator``.

    ``ValueError`` if the divisor is not positive or the largest numerator is negative.
    """
    if divisor < 1 or max_numerator < 0 or min_shift < 0:
        raise ValueError(f"no reciprocal of {divisor} for 0..{max_numerator}, shift {min_shift}")
    shift = min_shift
    while not _exact(divisor, max_numerator, shift):
        shift += 1
    return Reciprocal(-(-(1 << shift) // divisor), shift)


def reciprocals(max_numerators: Mapping[int, int]) -> dict[int, Reciprocal]:
    """Return reciprocals with one common shift, by divisor.

    ``max_numerators`` maps each divisor to its largest numerator.
    """
    found = [reciprocal(divisor, largest) for divisor, largest in max_numerators.items()]
    shift = max((one.shift for one in found), default=0)
    return {
        divisor: reciprocal(divisor, largest, shift) for divisor, largest in max_numerators.items()
    }


def _exact(divisor: int, max_numerator: int, shift: int) -> bool:
    error = -(-(1 << shift) // divisor) * divisor - (1 << shift)
    worst = [max_numerator, (max_numerator + 1) // divisor * divisor - 1]
    return all(n < 0 or n * error < (divisor - n % divisor) << shift for n in worst)
