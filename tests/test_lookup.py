"""Table entries against slow exact arithmetic and against float64."""

from __future__ import annotations

import itertools
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from lenetgen.codegen.formats import FixedPoint, Overflow, Rounding, quantized
from lenetgen.codegen.ir import Function
from lenetgen.codegen.lookup import address_format, table_codes

from .test_golden_ops import cast

MODES = list(itertools.product(Rounding, (Overflow.SAT, Overflow.WRAP)))
SERIES = 60  # terms of e**x: |x| <= 8 leaves less than 2**-80


def exponential(x: Fraction) -> Fraction:
    """e**x, cut off far below any step used here."""
    total = term = Fraction(1)
    for k in range(1, SERIES):
        term = term * x / k
        total += term
    return total


def real(function: Function, x: Fraction) -> Fraction:
    if function is Function.TANH:
        power = exponential(2 * x)
        return (power - 1) / (power + 1)
    if function is Function.SIGMOID:
        return 1 - 1 / (exponential(x) + 1)
    return max(Fraction(0), min(Fraction(1), x / 6 + Fraction(1, 2)))


def codes_of(fmt: FixedPoint) -> list[int]:
    """The code of each address."""
    low = [code for code in range(1 << fmt.width) if code <= fmt.max_code]
    return low + [code - (1 << fmt.width) for code in range(len(low), 1 << fmt.width)]


@pytest.mark.parametrize("function", Function)
def test_every_entry_is_rounded_once(function: Function) -> None:
    for address in (quantized(6, 3), FixedPoint(False, 5, 3), FixedPoint(True, 4, -2)):
        values = [real(function, address.real(code)) for code in codes_of(address)]
        for mode in MODES:
            for result in (FixedPoint(True, 9, 2, *mode), FixedPoint(False, 3, 0, *mode)):
                table = table_codes(function, address, result)
                assert table.tolist() == [cast(value, result) for value in values], result


@pytest.mark.parametrize("function", Function)
def test_wide_tables_follow_float64(function: Function) -> None:
    address, result = FixedPoint(True, 12, 4), quantized(20, 2)
    x = np.array([float(address.real(code)) for code in codes_of(address)])
    close = {
        Function.TANH: np.tanh(x),
        Function.SIGMOID: 1 / (1 + np.exp(-x)),
        Function.HARD_SIGMOID: np.clip(x / 6 + 0.5, 0, 1),
    }[function]
    table = table_codes(function, address, result)
    assert np.abs(table - close * 2**18).max() < 0.5 + 1e-9
    assert table[0] == (0 if function is Function.TANH else 1 << 17)


@pytest.mark.parametrize("integer_bits", [20, 64])
def test_far_values_stay_below_their_limit(integer_bits: int) -> None:
    """tanh of a million is no 1: rounded down it is the code below, to nearest it is 1."""
    address = FixedPoint(True, 4, integer_bits)
    for rounding, top, bottom in (
        (Rounding.TRN, 255, -256),
        (Rounding.TRN_ZERO, 255, -255),
        (Rounding.RND, 256, -256),
    ):
        result = FixedPoint(True, 10, 2, rounding, Overflow.SAT)
        table = table_codes(Function.TANH, address, result).tolist()
        assert table == [0, *[top] * 7, *[bottom] * 8]
    sigmoid = table_codes(Function.SIGMOID, address, FixedPoint(True, 10, 2))
    assert sigmoid.tolist() == [128, *[255] * 7, *[0] * 8]


def test_near_zero_tanh_is_less_than_its_argument() -> None:
    """Argument and result have the same step, 2**-60; the difference is below 2**-150."""
    address = FixedPoint(True, 3, -57)
    down = FixedPoint(True, 8, -52, Rounding.TRN, Overflow.SAT)
    assert table_codes(Function.TANH, address, down).tolist() == [0, 0, 1, 2, -4, -3, -2, -1]
    near = replace(down, rounding=Rounding.RND_ZERO)
    assert table_codes(Function.TANH, address, near).tolist() == [0, 1, 2, 3, -4, -3, -2, -1]


def test_hard_sigmoid_has_ties() -> None:
    """3/8 gives 9/16, half way between two codes of three fraction bits."""
    address = FixedPoint(True, 5, 2)
    for mode, code in ((Rounding.RND, 5), (Rounding.RND_MIN_INF, 4), (Rounding.RND_CONV, 4)):
        table = table_codes(
            Function.HARD_SIGMOID, address, FixedPoint(False, 4, 1, mode, Overflow.SAT)
        )
        assert table[3] == code


@pytest.mark.parametrize(
    ("result", "address"),
    [
        ((16, 8), (12, 4)),
        ((12, 6), (10, 4)),
        ((8, 4), (8, 4)),
        ((8, 2), (8, 2)),
        ((20, 2), (12, 2)),
    ],
)
def test_addresses_reach_eight(result: tuple[int, int], address: tuple[int, int]) -> None:
    assert address_format(quantized(*result)) == quantized(*address)


def test_wide_addresses_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 12 bits"):
        table_codes(Function.TANH, FixedPoint(True, 13, 4), quantized(8, 4))
