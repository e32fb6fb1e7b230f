"""Fixed-point formats with the names and meaning of ``ap_fixed<W,I,Q,O>`` (UG1399, "Overview of
Arbitrary Precision Fixed-Point Data Types").

A hardware number is an integer code and a format; its real value is ``code * 2**-fraction_bits``.
This module knows formats only; casting codes from one to another is ``cast.py``.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from fractions import Fraction


class Rounding(enum.Enum):
    """What happens to bits below the last fraction bit (quantization mode ``Q``)."""

    TRN = "AP_TRN"  # towards minus infinity
    TRN_ZERO = "AP_TRN_ZERO"  # towards zero
    RND = "AP_RND"  # to nearest, ties towards plus infinity
    RND_ZERO = "AP_RND_ZERO"  # to nearest, ties towards zero
    RND_MIN_INF = "AP_RND_MIN_INF"  # to nearest, ties towards minus infinity
    RND_INF = "AP_RND_INF"  # to nearest, ties away from zero
    RND_CONV = "AP_RND_CONV"  # to nearest, ties to even


class Overflow(enum.Enum):
    """What happens to values outside the range (overflow mode ``O``, no wrap-around bits ``N``)."""

    WRAP = "AP_WRAP"  # keep the low bits
    SAT = "AP_SAT"  # clamp to the range
    SAT_SYM = "AP_SAT_SYM"  # clamp to the range without its most negative code
    SAT_ZERO = "AP_SAT_ZERO"  # zero


MAX_WIDTH = 1024  # ap_fixed's own default limit (AP_INT_MAX_W)
_TEXT = re.compile(
    r"ap_(?P<u>u?)fixed<\s*(?P<w>\d+)\s*,\s*(?P<i>-?\d+)\s*"
    r"(?:,\s*(?P<q>AP_[A-Z_]+)\s*(?:,\s*(?P<o>AP_[A-Z_]+)\s*)?)?>"
)
_Q_NOTATION = re.compile(r"[qQ](?P<m>-?\d+)\.(?P<n>-?\d+)")


@dataclass(frozen=True)
class FixedPoint:
    """``ap_[u]fixed<width, integer_bits, rounding, overflow>``.

    ``integer_bits`` counts the bits left of the binary point, the sign bit included; it may be
    negative or larger than ``width``. ``ValueError`` if the width is not in 1..1024.
    """

    signed: bool
    width: int
    integer_bits: int
    rounding: Rounding = Rounding.TRN
    overflow: Overflow = Overflow.WRAP

    def __post_init__(self) -> None:
        if not 1 <= self.width <= MAX_WIDTH:
            raise ValueError(f"width {self.width} is not in 1..{MAX_WIDTH}")
        if abs(self.integer_bits) > 2 * MAX_WIDTH:
            raise ValueError(f"integer bits {self.integer_bits} out of reason")

    @property
    def fraction_bits(self) -> int:
        """Bits right of the binary point; may be negative."""
        return self.width - self.integer_bits

    @property
    def min_code(self) -> int:
        """The most negative code a variable of this format can hold."""
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def max_code(self) -> int:
        """The largest code."""
        return (1 << (self.width - 1)) - 1 if self.signed else (1 << self.width) - 1

    @property
    def min_cast_code(self) -> int:
        """The most negative code a cast into this format returns (SAT_SYM leaves one out)."""
        if self.signed and self.overflow is Overflow.SAT_SYM and self.width > 1:
            return -self.max_code
        return self.min_code

    @property
    def step(self) -> Fraction:
        """The real value of code 1."""
        return Fraction(2) ** -self.fraction_bits

    def real(self, code: int) -> Fraction:
        """The exact real value of ``code``."""
        return code * self.step

    def cpp(self) -> str:
        """The C++ type; default modes are left out, as people write it."""
        name = "ap_fixed" if self.signed else "ap_ufixed"
        modes = ""
        if self.rounding is not Rounding.TRN or self.overflow is not Overflow.WRAP:
            modes = f",{self.rounding.value}"
        if self.overflow is not Overflow.WRAP:
            modes += f",{self.overflow.value}"
        return f"{name}<{self.width},{self.integer_bits}{modes}>"

    def __str__(self) -> str:
        return self.cpp()

    @classmethod
    def parse(cls, text: str) -> FixedPoint:
        """Read ``ap_fixed<8,4,AP_RND,AP_SAT>`` (modes optional) or ``Q4.4``.

        Qm.n is m+n bits, n of them fraction bits, sign included, rounded half up and saturated.
        ``ValueError`` with the allowed forms if the text is neither.
        """
        stripped = text.strip()
        if match := _Q_NOTATION.fullmatch(stripped):
            m, n = int(match["m"]), int(match["n"])
            return cls(True, m + n, m, Rounding.RND, Overflow.SAT)
        match = _TEXT.fullmatch(stripped)
        if not match:
            raise ValueError(f"{text!r} is no type: write ap_fixed<8,4,AP_RND,AP_SAT> or Q4.4")
        try:
            rounding = Rounding(match["q"] or "AP_TRN")
            overflow = Overflow(match["o"] or "AP_WRAP")
        except ValueError as error:
            names = ", ".join(mode.value for mode in (*Rounding, *Overflow))
            raise ValueError(f"{error} in {text!r}: the modes are {names}") from None
        return cls(not match["u"], int(match["w"]), int(match["i"]), rounding, overflow)


@dataclass(frozen=True)
class LayerPrecision:
    """Types of one layer; ``weight`` and ``bias`` are None where it has no parameters.

    ``result`` None is the exact result: a weighted layer's accumulator, a mean's exact quotient,
    and the input's type of anything that only picks or clips.
    """

    weight: FixedPoint | None = None
    bias: FixedPoint | None = None
    result: FixedPoint | None = None


def quantized(width: int, integer_bits: int, *, signed: bool = True) -> FixedPoint:
    """The format of weights and results: rounded half up, saturated."""
    return FixedPoint(signed, width, integer_bits, Rounding.RND, Overflow.SAT)


def bits_for(low: int, high: int) -> tuple[bool, int]:
    """Return (signed, width) of the smallest integer that holds ``low..high``."""
    if low > high:
        raise ValueError(f"empty range {low}..{high}")
    if low < 0:
        return True, max((-low - 1).bit_length(), max(high, 0).bit_length()) + 1
    return False, max(high.bit_length(), 1)


PIXEL = FixedPoint(signed=False, width=8, integer_bits=0)  # code p is p / 256
