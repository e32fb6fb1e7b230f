"""Bit-exact casts between fixed-point formats: one rounding, one overflow, on integer codes.

Meaning: UG1399, quantization and overflow modes of ``ap_fixed``. Compared in the tests with the
compiled ``ap_fixed`` headers for every mode. Arrays are int64; where a width could leave 63 bits
the work is done in Python integers (dtype object).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .formats import FixedPoint, Overflow, Rounding

Codes = npt.NDArray[Any]  # int64, or object holding Python integers


def round_quotient(numerator: Codes, denominator: int | Codes, mode: Rounding) -> Codes:
    """Return ``numerator / denominator`` rounded to integers by ``mode``; exact, denominator > 0.

    ``numerator`` int64 or object of any shape; ``denominator`` an int or an array that broadcasts.
    """
    floor: Codes = numerator // denominator
    if mode is Rounding.TRN:
        return floor
    rest = numerator - floor * denominator  # 0 <= rest < denominator
    if mode is Rounding.TRN_ZERO:
        return floor + ((rest > 0) & (numerator < 0))
    above = 2 * rest > denominator
    tie = 2 * rest == denominator
    up = {
        Rounding.RND: lambda: tie,
        Rounding.RND_MIN_INF: lambda: tie & False,
        Rounding.RND_ZERO: lambda: tie & (numerator < 0),
        Rounding.RND_INF: lambda: tie & (numerator >= 0),
        Rounding.RND_CONV: lambda: tie & (floor % 2 == 1),
    }[mode]()
    rounded: Codes = floor + (above | up)
    return rounded


def overflow_codes(codes: Codes, to: FixedPoint) -> Codes:
    """Bring integers of any size into the range of ``to`` by its overflow mode."""
    low, high = to.min_cast_code, to.max_code
    if to.overflow in (Overflow.SAT, Overflow.SAT_SYM):
        return np.clip(codes, low, high) if codes.dtype != object else _clip(codes, low, high)
    if to.overflow is Overflow.SAT_ZERO:
        return np.where((codes < to.min_code) | (codes > high), 0, codes)
    wrapped = codes & ((1 << to.width) - 1)
    if to.signed:
        wrapped = wrapped - ((wrapped >> (to.width - 1)) << to.width)
    return wrapped


def _clip(codes: Codes, low: int, high: int) -> Codes:
    return np.where(codes < low, low, np.where(codes > high, high, codes))


def cast_codes(codes: Codes, fraction_bits: int, to: FixedPoint) -> Codes:
    """Cast codes with ``fraction_bits`` fraction bits into format ``to``.

    Returns int64 of the same shape when ``to`` has at most 63 bits, else Python integers.
    """
    shift = fraction_bits - to.fraction_bits  # > 0: bits are dropped
    if codes.dtype != object and _needs_python_integers(codes, shift, to):
        codes = codes.astype(object)
    if shift > 0:
        codes = round_quotient(codes, 1 << shift, to.rounding)
    elif shift < 0:
        codes = codes * (1 << -shift)
    result = overflow_codes(codes, to)
    if result.dtype == object and to.width <= 63:
        result = result.astype(np.int64)
    return result


def _needs_python_integers(codes: Codes, shift: int, to: FixedPoint) -> bool:
    if to.width > 62 or shift > 61:
        return True
    if codes.size == 0:
        return False
    largest = max(abs(int(codes.max())), abs(int(codes.min())))
    return largest.bit_length() + max(-shift, 1) > 62


def quantize(values: npt.NDArray[np.float64], to: FixedPoint) -> npt.NDArray[np.int64]:
    """Cast finite float64 reals into codes of ``to`` (the cast of ``ap_fixed(double)``).

    Exact for every float64, since the work is done in Python integers. ``ValueError`` if a value is
    not finite or ``to`` has more than 63 bits.
    """
    reals = np.atleast_1d(np.asarray(values, dtype=np.float64))
    if not np.isfinite(reals).all():
        raise ValueError("only finite values can be quantized")
    if to.width > 63:
        raise ValueError(f"{to} has more than 63 bits")
    mantissas, exponents = np.frexp(reals)  # value = mantissa * 2**exponent, |mantissa| < 1
    numerators = np.ldexp(mantissas, 53).astype(np.int64).astype(object)
    shifts = (exponents.astype(np.int64) - 53 + to.fraction_bits).astype(object)
    ones = np.full(reals.shape, 1, dtype=object)
    codes = numerators * (ones << np.maximum(shifts, 0))
    codes = round_quotient(codes, ones << np.maximum(-shifts, 0), to.rounding)
    return overflow_codes(codes, to).astype(np.int64).reshape(np.shape(values))
