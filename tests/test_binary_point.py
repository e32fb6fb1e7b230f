from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from lenetgen.codegen.binary_point import FINER, Losses, Method, candidates, fitted
from lenetgen.codegen.cast import quantize
from lenetgen.codegen.formats import FixedPoint, Overflow, Rounding, quantized

METHODS = [Method.MIN_MAX, Method.MSE, Method("percentile", Fraction("99.9"))]


def squares(values: np.ndarray, fmt: FixedPoint) -> float:
    errors = quantize(values, fmt) * float(fmt.step) - values
    return float((errors**2).sum())


def outside(values: np.ndarray, fmt: FixedPoint) -> int:
    wide = replace(fmt, signed=True, width=60, integer_bits=60 - fmt.fraction_bits)
    return int((quantize(values, fmt) != quantize(values, wide)).sum())


def stream(rng: np.random.Generator, signed: bool) -> np.ndarray:
    """Long tails: the three methods disagree about them."""
    values = rng.standard_t(3, 4000) * 2.0 ** rng.integers(-6, 6)
    return values if signed else np.maximum(values, 0.0)


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("width", [3, 5, 8])
def test_each_method_keeps_its_promise(rng: np.random.Generator, width: int, signed: bool) -> None:
    values = stream(rng, signed)
    found = candidates(width, values[[values.argmin(), values.argmax()]], signed=signed)
    assert [one.integer_bits - found[0].integer_bits for one in found] == [
        -k for k in range(FINER + 1)
    ]
    losses = Losses(found)
    for part in np.array_split(values, 7):
        losses.add(part)
    assert losses.choose(Method.MIN_MAX) == found[0]
    assert losses.choose(Method("percentile")) == found[0]
    assert losses.outside == [outside(values, fmt) for fmt in found]
    assert outside(values, found[0]) == 0 < outside(values, found[1])
    best = min(squares(values, fmt) for fmt in found)
    chosen = losses.choose(Method.MSE)
    assert squares(values, chosen) == pytest.approx(best, rel=1e-9)
    for share, allowed in (("99.9", 4), ("99", 40), ("99.99", 0), ("90", 400)):
        chosen = losses.choose(Method("percentile", Fraction(share)))
        finer = replace(chosen, integer_bits=chosen.integer_bits - 1)
        assert outside(values, chosen) <= allowed < outside(values, finer), share


def test_the_methods_disagree(rng: np.random.Generator) -> None:
    """On a long tail the coarsest is min-max, and few bits make mse cut more than a percentile."""
    values = stream(rng, True)
    points = [fitted(quantized(3, 0), values, method).integer_bits for method in METHODS]
    minmax, mse, percentile = points
    assert minmax > percentile > mse


def test_ties_take_the_finest() -> None:
    """0.5 is a code of every candidate here but the ones that saturate."""
    assert fitted(quantized(4, 9), np.array([0.5, -0.5]), Method.MSE) == quantized(4, 1)
    assert fitted(quantized(4, 9), np.array([-0.5]), Method.MSE) == quantized(4, 0)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_zeros_and_nothing(method: Method) -> None:
    for values in (np.zeros(3), np.zeros(0)):
        assert fitted(quantized(8, 4), values, method) == quantized(8, 1)
        assert fitted(quantized(8, 4, signed=False), values, method).integer_bits == 0


def test_modes_stay_and_count() -> None:
    """Rounding down reaches the code below the least one, where AP_RND does not."""
    values = np.array([-1.0 - 2.0**-9, 0.5])  # AP_RND: code -128 of 1/128; AP_TRN: -129
    assert fitted(quantized(8, 4), values) == quantized(8, 1)
    down = FixedPoint(True, 8, 4, Rounding.TRN, Overflow.WRAP)
    assert fitted(down, values) == replace(down, integer_bits=2)
    assert fitted(down, values, Method.MSE) == replace(down, integer_bits=2)
    saturating = replace(down, overflow=Overflow.SAT)
    assert fitted(saturating, values, Method.MSE) == replace(saturating, integer_bits=1)


def test_an_unsigned_type_covers_what_it_can() -> None:
    fmt = quantized(8, 0, signed=False)
    assert fitted(fmt, np.array([-3.0, 0.75])) == fmt
