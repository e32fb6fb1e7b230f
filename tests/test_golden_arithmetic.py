"""The number types of the golden model: each is exact where it is chosen, and all agree."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from lenetgen.codegen.cast import cast_codes
from lenetgen.codegen.formats import PIXEL, FixedPoint, Overflow, Rounding
from lenetgen.codegen.ir import Const, Dense, Tensor
from lenetgen.codegen.passes.assign_formats import accumulator_for
from lenetgen.models.random_networks import random_images, random_network
from lenetgen.sim.golden import GoldenModel, arithmetic
from lenetgen.sim.golden.arithmetic import exact_dtype, requantizer
from lenetgen.sim.golden.model import kernel_for

MODES = list(itertools.product(Rounding, Overflow))
BOUNDS = {
    "float32": {},
    "float64": {"FLOAT32_BOUND": 0},
    "int64": {"FLOAT32_BOUND": 0, "FLOAT64_BOUND": 0},
    "object": {"FLOAT32_BOUND": 0, "FLOAT64_BOUND": 0, "INT64_BOUND": 0},
}


@pytest.mark.parametrize(
    ("bound", "dtype"),
    [
        (0, np.float32),
        (2**23 - 1, np.float32),
        (2**23, np.float64),
        (2**52 - 1, np.float64),
        (2**52, np.int64),
        (2**62 - 1, np.int64),
        (2**62, object),
    ],
)
def test_type_by_bound(bound: int, dtype: type) -> None:
    assert np.dtype(exact_dtype(bound)) == np.dtype(dtype)


@pytest.mark.parametrize("name", BOUNDS)
def test_all_types_agree(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(40, 56):
        graph = random_network(number).graph
        images = random_images(graph, 40, number)
        expected = GoldenModel(graph).trace(images)
        with monkeypatch.context() as patch:
            for constant, value in BOUNDS[name].items():
                patch.setattr(arithmetic, constant, value)
            forced = np.dtype(exact_dtype(100))
            assert forced == np.dtype(object if name == "object" else name)
            actual = GoldenModel(graph).trace(images)
        for tensor, codes in expected.items():
            assert np.array_equal(actual[tensor], codes), f"network {number}, {tensor}"


def dense_with_bound(bound: int, shift: int, result: FixedPoint | None) -> tuple[Dense, Tensor]:
    """A Dense of two outputs whose largest sum is ``bound`` and whose least is ``-bound``.

    ``shift``: how many more fraction bits the bias has than the product.
    """
    weight, bias = FixedPoint(True, 32, 32), FixedPoint(True, 62, 62 - 8 - shift)
    largest = (bound >> shift) // (255 * 3)
    left = bound - 3 * 255 * (largest << shift)
    taps = np.array([[largest, -largest]] * 3)
    x = Tensor("x", (3,), PIXEL, 0, 255)
    op = Dense(
        name="dense",
        x="x",
        out=Tensor("y", (2,)),
        weights=Const(taps, weight),
        bias=Const(np.array([left, -left]), bias),
    )
    accumulator = accumulator_for(op, x, op.weights, op.bias)
    assert (accumulator.low, accumulator.high) == (-bound, bound)
    fmt = result or accumulator.format
    out = Tensor("y", (2,), fmt, fmt.min_code, fmt.max_code)
    fields = {**op.__dict__, "accumulator": accumulator, "out": out}
    return Dense(**fields), x


@pytest.mark.parametrize("result", [None, *MODES], ids=str)
@pytest.mark.parametrize(("exponent", "shift"), [(23, 0), (23, 5), (24, 0), (52, 15), (53, 16)])
def test_sums_at_the_bound_of_a_type(
    exponent: int, shift: int, result: tuple[Rounding, Overflow] | None
) -> None:
    """One off in the last bit of the largest sum would show: float32 ends at 2^24."""
    rng = np.random.default_rng(exponent)
    vectors = rng.integers(0, 256, (300, 3), dtype=np.uint8)
    vectors[:4] = [[255, 255, 255], [255, 255, 254], [0, 0, 1], [0, 0, 0]]
    for bound, width in itertools.product((2**exponent - 1, 2**exponent, 2**exponent + 1), (9, 30)):
        fmt = None if result is None else FixedPoint(True, width, 14, *result)
        op, x = dense_with_bound(bound, shift, fmt)
        actual = np.asarray(kernel_for(op, x)(vectors)).astype(np.int64)
        assert op.accumulator is not None
        fraction = op.accumulator.format.fraction_bits
        totals = vectors.astype(object) @ (op.weights.values.astype(object) * 2**shift)
        totals = totals + op.bias.values.astype(object)
        assert totals.max() == bound
        expected = totals if fmt is None else cast_codes(totals, fraction, fmt)
        assert actual.tolist() == expected.tolist(), bound


@pytest.mark.parametrize("mode", MODES, ids=lambda m: f"{m[0].name}-{m[1].name}")
@pytest.mark.parametrize("exponent", [10, 22, 23, 24, 51, 52, 53])
def test_requantizer_near_its_bound(mode: tuple[Rounding, Overflow], exponent: int) -> None:
    for bound, width, shift in itertools.product(
        (2**exponent - 1, 2**exponent), (1, 8, 24), (-3, 0, 1, 8, 22, 23, 24, 25, 40, 64, 65, 160)
    ):
        fmt = FixedPoint(True, width, 4, *mode)
        half = 1 << max(shift - 1, 0)
        near = [half * k + d for k in range(-5, 6) for d in (-1, 0, 1)]
        near += [sign * (bound - d) for sign in (-1, 1) for d in (0, 1, 2, 3)]
        codes = np.array([code for code in near if abs(code) <= bound], dtype=np.int64)
        fraction = fmt.fraction_bits + shift
        cast = requantizer(fraction, fmt, bound)
        actual = cast(codes.astype(exact_dtype(bound))).astype(np.int64)
        expected = cast_codes(codes, fraction, fmt)
        assert actual.tolist() == expected.tolist(), (bound, width, shift)


def test_one_more_bit_would_not_be_exact() -> None:
    """Why the bounds are where they are: at 2^24 float32 loses the last bit."""
    assert int(np.float32(2**24 + 1)) != 2**24 + 1
    assert int(np.float32(2**24 - 1)) == 2**24 - 1
    assert Fraction(float(np.float32(2**23 - 1) + np.float32(0.5))) == Fraction(2**24 - 1, 2)
