"""Casts of any width against an independent formulation in exact fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lenetgen.codegen.cast import cast_codes, overflow_codes, quantize, round_quotient
from lenetgen.codegen.formats import FixedPoint, Overflow, Rounding

DETERMINISTIC = settings(derandomize=True, database=None, max_examples=400, deadline=None)
HALF = Fraction(1, 2)


def rounded(value: Fraction, mode: Rounding) -> int:
    """By choosing among the two neighbours, not by adding and cutting."""
    below, above = math.floor(value), math.ceil(value)
    if mode is Rounding.TRN:
        return below
    if mode is Rounding.TRN_ZERO:
        return min((below, above), key=abs)
    if value - below != HALF:
        return min((below, above), key=lambda n: abs(value - n))
    return {
        Rounding.RND: above,
        Rounding.RND_MIN_INF: below,
        Rounding.RND_ZERO: min((below, above), key=abs),
        Rounding.RND_INF: max((below, above), key=abs),
        Rounding.RND_CONV: below if below % 2 == 0 else above,
    }[mode]


def overflowed(code: int, fmt: FixedPoint) -> int:
    """By the range of the type, as the data sheet says it."""
    low = -(2 ** (fmt.width - 1)) if fmt.signed else 0
    high = low + 2**fmt.width - 1
    if fmt.overflow is Overflow.WRAP:
        return low + (code - low) % 2**fmt.width
    if fmt.overflow is Overflow.SAT_SYM and fmt.signed and fmt.width > 1:
        low = -high
    if low <= code <= high:
        return code
    return 0 if fmt.overflow is Overflow.SAT_ZERO else (low if code < low else high)


def reference(value: Fraction, fmt: FixedPoint) -> int:
    return overflowed(
        rounded(value * Fraction(2) ** (fmt.width - fmt.integer_bits), fmt.rounding), fmt
    )


@st.composite
def formats(draw: st.DrawFn, max_width: int = 80) -> FixedPoint:
    width = draw(st.integers(1, 8) | st.integers(1, max_width))
    return FixedPoint(
        draw(st.booleans()),
        width,
        draw(st.integers(-20, width + 20)),
        draw(st.sampled_from(Rounding)),
        draw(st.sampled_from(Overflow)),
    )


def codes(largest_bits: int) -> st.SearchStrategy[list[int]]:
    near_powers = st.builds(
        lambda sign, bit, delta: sign * (2**bit + delta),
        st.sampled_from([-1, 1]),
        st.integers(0, largest_bits - 1),
        st.integers(-2, 2),
    )
    bound = 2**largest_bits
    return st.lists(
        st.integers(-16, 16) | st.integers(-bound, bound) | near_powers, min_size=1, max_size=8
    )


@DETERMINISTIC
@given(formats(), codes(60), st.integers(-20, 90))
@example(FixedPoint(True, 1, 1, Rounding.RND, Overflow.SAT_SYM), [-2, -1, 0, 1, 2], 0)
@example(FixedPoint(True, 62, 62, Rounding.TRN, Overflow.SAT), [-(2**61), 2**61 - 1], 0)
@example(FixedPoint(True, 63, 63, Rounding.RND, Overflow.WRAP), [-(2**60), 2**60 - 1], -4)
@example(FixedPoint(False, 64, 64, Rounding.RND, Overflow.SAT), [-1, 2**60], -10)
def test_cast_of_int64(fmt: FixedPoint, values: list[int], fraction_bits: int) -> None:
    expected = [reference(Fraction(v) / Fraction(2) ** fraction_bits, fmt) for v in values]
    actual = cast_codes(np.array(values, dtype=np.int64), fraction_bits, fmt)
    assert actual.tolist() == expected
    assert (actual.dtype == np.int64) == (fmt.width <= 63)


@DETERMINISTIC
@given(formats(), codes(100), st.integers(-20, 130))
def test_cast_of_python_integers(fmt: FixedPoint, values: list[int], fraction_bits: int) -> None:
    expected = [reference(Fraction(v) / Fraction(2) ** fraction_bits, fmt) for v in values]
    actual = cast_codes(np.array(values, dtype=object), fraction_bits, fmt)
    assert actual.tolist() == expected


@DETERMINISTIC
@given(codes(55), st.integers(1, 200), st.sampled_from(Rounding))
def test_round_quotient_of_any_divisor(values: list[int], divisor: int, mode: Rounding) -> None:
    expected = [rounded(Fraction(v, divisor), mode) for v in values]
    assert round_quotient(np.array(values, dtype=np.int64), divisor, mode).tolist() == expected


@DETERMINISTIC
@given(
    formats(max_width=63), st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=8)
)
@example(FixedPoint(True, 8, 4, Rounding.TRN, Overflow.SAT), [5e-324, -5e-324, 1.7e308, -1.7e308])
@example(FixedPoint(True, 8, -1500, Rounding.TRN, Overflow.SAT), [5e-324, -5e-324, 1.7e308])
@example(FixedPoint(True, 8, 1500, Rounding.TRN, Overflow.WRAP), [5e-324, -5e-324, 1.7e308])
def test_quantize(fmt: FixedPoint, values: list[float]) -> None:
    expected = [reference(Fraction(value), fmt) for value in values]
    assert quantize(np.array(values, dtype=np.float64), fmt).tolist() == expected


@DETERMINISTIC
@given(formats(max_width=20), st.data())
def test_quantize_at_ties_and_ends(fmt: FixedPoint, data: st.DataObject) -> None:
    halves = data.draw(
        st.lists(st.integers(4 * fmt.min_code - 4, 4 * fmt.max_code + 4), min_size=1, max_size=20)
    )
    values = [float(Fraction(half, 2) * fmt.step) for half in halves]
    assert quantize(np.array(values), fmt).tolist() == [reference(Fraction(v), fmt) for v in values]


def documented(n: int, m: int, mode: Rounding) -> int:
    """The table of docs/semantics.md, section 3.1, word by word."""
    b = n // m
    r = n - b * m
    sign = (n > 0) - (n < 0)
    nearest = (2 * n + m) // (2 * m)
    return {
        Rounding.TRN: b,
        Rounding.TRN_ZERO: b + 1 if r > 0 and n < 0 else b,
        Rounding.RND: nearest,
        Rounding.RND_MIN_INF: -((m - 2 * n) // (2 * m)),
        Rounding.RND_ZERO: sign * -((m - 2 * abs(n)) // (2 * m)),
        Rounding.RND_INF: sign * ((2 * abs(n) + m) // (2 * m)),
        Rounding.RND_CONV: nearest - 1 if 2 * r == m and nearest % 2 == 1 else nearest,
    }[mode]


@pytest.mark.parametrize("mode", Rounding)
def test_formulas_of_the_document(mode: Rounding) -> None:
    for m in (1, 2, 3, 4, 6, 8, 9, 16):
        for n in range(-5 * m - 1, 5 * m + 2):
            assert documented(n, m, mode) == rounded(Fraction(n, m), mode), (n, m)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_quantize_refuses_what_is_no_number(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        quantize(np.array([0.0, value]), FixedPoint(True, 8, 4))


def test_quantize_refuses_wide_formats() -> None:
    with pytest.raises(ValueError, match="more than 63 bits"):
        quantize(np.zeros(1), FixedPoint(True, 64, 4))


def test_shapes_are_kept() -> None:
    fmt = FixedPoint(True, 8, 4, Rounding.RND, Overflow.SAT)
    assert quantize(np.zeros((0, 3)), fmt).shape == (0, 3)
    assert quantize(np.float64(1.5), fmt).shape == ()
    assert cast_codes(np.zeros((2, 0), dtype=np.int64), 70, fmt).shape == (2, 0)
    assert cast_codes(np.zeros((2, 1, 3), dtype=np.int64), 9, fmt).shape == (2, 1, 3)


def test_overflow_examples_of_the_manual() -> None:
    """UG1399 shows 19 and -19 in four integer bits."""
    values = np.array([19, -19])
    signed = {o: FixedPoint(True, 4, 4, Rounding.TRN, o) for o in Overflow}
    assert overflow_codes(values, signed[Overflow.SAT]).tolist() == [7, -8]
    assert overflow_codes(values, signed[Overflow.SAT_ZERO]).tolist() == [0, 0]
    assert overflow_codes(values, signed[Overflow.SAT_SYM]).tolist() == [7, -7]
    assert overflow_codes(values, signed[Overflow.WRAP]).tolist() == [3, -3]


def test_rounding_examples_of_the_manual() -> None:
    """UG1399 shows 1.25 and -1.25 with one fraction bit."""
    quarters = np.array([5, -5, 6, -6])  # 1.25, -1.25, 1.5, -1.5; the result counts halves
    expected = {
        Rounding.RND: [3, -2, 3, -3],
        Rounding.RND_ZERO: [2, -2, 3, -3],
        Rounding.RND_MIN_INF: [2, -3, 3, -3],
        Rounding.RND_INF: [3, -3, 3, -3],
        Rounding.RND_CONV: [2, -2, 3, -3],
        Rounding.TRN: [2, -3, 3, -3],
        Rounding.TRN_ZERO: [2, -2, 3, -3],
    }
    for mode, codes_ in expected.items():
        assert round_quotient(quarters, 2, mode).tolist() == codes_, mode
