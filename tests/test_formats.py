from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lenetgen.codegen.formats import (
    PIXEL,
    FixedPoint,
    Overflow,
    Rounding,
    bits_for,
    quantized,
)

DETERMINISTIC = settings(derandomize=True, database=None, max_examples=200, deadline=None)


def test_q4_4_is_ap_fixed_8_4() -> None:
    fmt = FixedPoint.parse("Q4.4")
    assert fmt == FixedPoint(True, 8, 4, Rounding.RND, Overflow.SAT)
    assert (fmt.real(fmt.min_code), fmt.real(fmt.max_code)) == (-8, Fraction(127, 16))
    assert fmt == quantized(8, 4)


@pytest.mark.parametrize(
    ("fmt", "low", "high", "step"),
    [
        pytest.param(FixedPoint(True, 1, 1), -1, 0, 1, id="one_bit"),
        pytest.param(FixedPoint(False, 1, 1), 0, 1, 1, id="one_bit_unsigned"),
        pytest.param(FixedPoint(True, 4, -2), -8, 7, Fraction(1, 64), id="negative_integer_bits"),
        pytest.param(FixedPoint(False, 4, 6), 0, 15, 4, id="integer_bits_above_width"),
        pytest.param(PIXEL, 0, 255, Fraction(1, 256), id="pixel"),
    ],
)
def test_codes_and_step(fmt: FixedPoint, low: int, high: int, step: Fraction) -> None:
    assert (fmt.min_code, fmt.max_code, fmt.step) == (low, high, step)
    assert fmt.fraction_bits == fmt.width - fmt.integer_bits


def test_only_symmetric_saturation_leaves_out_a_code() -> None:
    for overflow in Overflow:
        low = FixedPoint(True, 8, 4, Rounding.TRN, overflow).min_cast_code
        assert low == (-127 if overflow is Overflow.SAT_SYM else -128)
    assert FixedPoint(True, 1, 1, Rounding.TRN, Overflow.SAT_SYM).min_cast_code == -1
    assert FixedPoint(False, 8, 8, Rounding.TRN, Overflow.SAT_SYM).min_cast_code == 0


@DETERMINISTIC
@given(
    st.booleans(),
    st.integers(1, 1024),
    st.integers(-64, 1100),
    st.sampled_from(Rounding),
    st.sampled_from(Overflow),
)
def test_text_round_trip(
    signed: bool, width: int, integer_bits: int, rounding: Rounding, overflow: Overflow
) -> None:
    fmt = FixedPoint(signed, width, integer_bits, rounding, overflow)
    assert FixedPoint.parse(str(fmt)) == fmt


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" ap_fixed< 8 , 4 , AP_RND , AP_SAT > ", quantized(8, 4)),
        ("ap_ufixed<8,0>", PIXEL),
        ("ap_fixed<6,-2,AP_RND_CONV>", FixedPoint(True, 6, -2, Rounding.RND_CONV)),
        ("q0.6", quantized(6, 0)),
        ("Q-2.10", quantized(8, -2)),
    ],
)
def test_parse(text: str, expected: FixedPoint) -> None:
    assert FixedPoint.parse(text) == expected


def test_default_modes_are_left_out() -> None:
    assert FixedPoint(True, 8, 4).cpp() == "ap_fixed<8,4>"
    assert FixedPoint(False, 8, 4, Rounding.RND).cpp() == "ap_ufixed<8,4,AP_RND>"
    wraps = FixedPoint(True, 8, 4, Rounding.TRN, Overflow.SAT)
    assert wraps.cpp() == "ap_fixed<8,4,AP_TRN,AP_SAT>"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("int8", "write ap_fixed"),
        ("ap_fixed<8>", "write ap_fixed"),
        ("ap_fixed<8,4,AP_RND,AP_SAT,1>", "write ap_fixed"),
        ("ap_fixed<8,4,AP_UP>", "the modes are"),
        ("ap_fixed<8,4,AP_RND,AP_WRAP_SM>", "the modes are"),
        ("ap_fixed<0,0>", "width 0"),
        ("Q0.0", "width 0"),
        ("ap_fixed<1025,4>", "width 1025"),
        ("ap_fixed<8,99999>", "out of reason"),
        ("", "write ap_fixed"),
    ],
)
def test_parse_refuses(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FixedPoint.parse(text)


@DETERMINISTIC
@given(st.integers(-(2**70), 2**70), st.integers(-(2**70), 2**70))
def test_bits_for_is_the_smallest(first: int, second: int) -> None:
    low, high = min(first, second), max(first, second)
    signed, width = bits_for(low, high)

    def holds(fmt: FixedPoint) -> bool:
        return fmt.min_code <= low and high <= fmt.max_code

    assert signed == (low < 0)
    assert holds(FixedPoint(signed, width, width))
    assert width == 1 or not holds(FixedPoint(signed, width - 1, width))


def test_bits_for_corners() -> None:
    assert bits_for(0, 0) == (False, 1)
    assert bits_for(-1, -1) == (True, 1)
    assert bits_for(-1, 0) == (True, 1)
    assert bits_for(-128, 127) == (True, 8)
    assert bits_for(-129, 127) == (True, 9)
    with pytest.raises(ValueError, match="empty range"):
        bits_for(1, 0)
