from __future__ import annotations

import itertools
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from lenetgen.codegen.errors import UserError
from lenetgen.codegen.formats import PIXEL, FixedPoint, Overflow, Rounding, quantized
from lenetgen.codegen.ir import (
    Accumulator,
    Activation,
    AvgPool2D,
    Const,
    Conv2D,
    Dense,
    Flatten,
    Graph,
    InputTable,
    MaxPool2D,
    Op,
    Relu,
    Tensor,
    Window,
)
from lenetgen.codegen.passes.assign_formats import accumulator_for, assign_formats
from lenetgen.codegen.precision import LayerPrecision, Precision
from lenetgen.codegen.verify import verify
from lenetgen.models.random_networks import random_network
from lenetgen.sim.golden import GoldenModel

Q44 = quantized(8, 4)
X = Tensor("x", (2, 2, 1))
TYPED_X = Tensor("x", (2, 2, 1), PIXEL, 0, 255)


def run(op: Op, types: LayerPrecision, x: Tensor = X) -> Op:
    graph = assign_formats(Graph("g", x, (op,)), Precision("test", {op.name: types}))
    verify(graph)
    assert graph.input == replace(x, format=PIXEL, low=0, high=255)
    return graph.ops[0]


def dense(weights: list[list[float]], bias: list[float]) -> Dense:
    taps, offset = Const(np.array(weights)), Const(np.array(bias))
    return Dense(name="fc", x="x", out=Tensor("y", (len(bias),)), weights=taps, bias=offset)


def test_dense() -> None:
    op = dense([[0.5, -9.0], [1.0, 0.03125], [-0.25, 0.0], [0.0, 2.0]], [0.5, -1.0])
    # codes of Q4.4, half up and saturated; products have 8 + 4 fraction bits
    weights = Const(np.array([[8, -128], [16, 1], [-4, 0], [0, 32]]), Q44)
    bias = Const(np.array([8, -16]), Q44)
    least = min(8 * 256 - 4 * 255, -16 * 256 - 128 * 255)
    largest = max(8 * 256 + 24 * 255, -16 * 256 + 33 * 255)
    accumulator = Accumulator(FixedPoint(True, 17, 5), least, largest)
    expected = replace(
        op,
        weights=weights,
        bias=bias,
        accumulator=accumulator,
        out=Tensor("y", (2,), Q44, -128, (largest + 128) // 256),
    )
    assert run(op, LayerPrecision(Q44, Q44, Q44)) == expected
    exact = replace(expected, out=Tensor("y", (2,), FixedPoint(True, 17, 5), least, largest))
    assert run(op, LayerPrecision(Q44, Q44, None)) == exact


def test_sum_is_as_wide_as_what_the_cast_drops() -> None:
    """A layer pruned to nothing needs two bits, but the C++ headers can't drop eight of two."""
    op = dense([[0.0]] * 4, [0.0])
    typed = run(op, LayerPrecision(Q44, Q44, Q44))
    assert isinstance(typed, Dense)
    assert typed.accumulator == Accumulator(FixedPoint(True, 8, -4), 0, 0)
    exact = run(op, LayerPrecision(Q44, Q44, None))
    assert isinstance(exact, Dense)
    assert exact.accumulator == Accumulator(FixedPoint(True, 2, -10), 0, 0)


def test_relu_cuts_the_range_but_not_the_accumulator() -> None:
    op = replace(dense([[-1.0]] * 4, [0.0]), activation=Activation.RELU)
    typed = run(op, LayerPrecision(Q44, Q44, Q44))
    assert isinstance(typed, Dense)
    assert typed.accumulator is not None
    assert (typed.accumulator.low, typed.accumulator.high) == (-4 * 16 * 255, 0)
    assert typed.out.range == (0, 0)


def test_limit_cuts_the_range() -> None:
    """Sums of up to 4 * 255 / 256 * 3: the limit is below; 12 fraction bits."""
    op = replace(dense([[3.0]] * 4, [0.0]), activation=Activation(relu=True, max_value=6.0))
    typed = run(op, LayerPrecision(Q44, Q44, None))
    assert isinstance(typed, Dense)
    assert typed.out.range == (0, 6 << 12)
    fine = replace(op, activation=Activation(relu=True, max_value=6 + 2.0**-12))
    assert run(fine, LayerPrecision(Q44, Q44, None)).out.range == (0, (6 << 12) + 1)
    finer = replace(op, activation=Activation(relu=True, max_value=6 + 2.0**-13))
    with pytest.raises(UserError, match=r"max_value=6\.0001.* of 2\^-12, the step of its e"):
        run(finer, LayerPrecision(Q44, Q44, None))
    relu = Relu(name="relu", x="x", out=Tensor("y", (2, 2, 1)), activation=finer.activation)
    with pytest.raises(UserError, match=r"layer relu: .* of 2\^-8, the step of its input"):
        run(relu, LayerPrecision(None, None, Q44))


def test_max_pool_keeps_the_type_and_needs_none() -> None:
    op = MaxPool2D(name="pool", x="x", out=Tensor("y", (1, 1, 1)), window=Window((2, 2)))
    expected = replace(op, out=Tensor("y", (1, 1, 1), PIXEL, 0, 255))
    assert run(op, LayerPrecision(None, None, None)) == expected


def test_average_pool_and_relu_cast_the_range() -> None:
    fmt = FixedPoint(True, 4, 1, Rounding.RND, Overflow.SAT)  # 3 fraction bits: 255 -> 8 -> 7
    pool = AvgPool2D(name="pool", x="x", out=Tensor("y", (1, 1, 1)), window=Window((2, 2)))
    expected: Op = replace(pool, out=Tensor("y", (1, 1, 1), fmt, 0, 7))
    assert run(pool, LayerPrecision(None, None, fmt)) == expected
    relu = Relu(name="relu", x="x", out=Tensor("y", (2, 2, 1)))
    wraps = replace(fmt, overflow=Overflow.WRAP)
    expected = replace(relu, out=Tensor("y", (2, 2, 1), wraps, -8, 7))
    assert run(relu, LayerPrecision(None, None, wraps)) == expected


def test_input_table_is_quantized() -> None:
    table = np.linspace(-2, 2, 256)[None]
    op = InputTable(name="t", x="x", out=Tensor("y", (2, 2, 1)), table=Const(table))
    typed = run(op, LayerPrecision(None, None, Q44))
    assert isinstance(typed, InputTable)
    half_up = [int((Fraction(float(v)) * 16 + Fraction(1, 2)).__floor__()) for v in table[0]]
    assert typed.table == Const(np.array([half_up]), Q44)
    assert typed.out == Tensor("y", (2, 2, 1), Q44, -32, 32)


def test_what_has_no_hardware_meaning_is_refused() -> None:
    op = Flatten(name="flat", x="x", out=Tensor("y", (4,)))
    with pytest.raises(UserError, match="layer flat: Flatten has no hardware meaning"):
        run(op, LayerPrecision(None, None, Q44))


def test_too_wide_a_sum_is_refused() -> None:
    op = dense([[1.0]] * 4, [2.0**50])
    coarse, fine = FixedPoint(True, 32, 60), FixedPoint(True, 32, -20)
    with pytest.raises(UserError, match=r"layer fc: its exact sum needs \d+ bits; allowed are 62"):
        run(op, LayerPrecision(fine, coarse, None))


@pytest.mark.parametrize(
    "bias", [FixedPoint(True, 6, 2), FixedPoint(True, 16, 2), FixedPoint(False, 5, 9)]
)
@pytest.mark.parametrize("signed", [True, False])
def test_bound_is_the_extreme_of_all_inputs(
    rng: np.random.Generator, bias: FixedPoint, signed: bool
) -> None:
    """Try every corner input, every subset of inputs zero: no sum leaves, the ends are reached."""
    fmt = FixedPoint(signed, 5, 2)
    x = Tensor("x", (6,), fmt, fmt.min_code if signed else 0, fmt.max_code)
    weight = FixedPoint(True, 6, 3)
    op = dense([[0.0] * 3] * 6, [0.0] * 3)
    taps = rng.integers(weight.min_code, weight.max_code, (6, 3), endpoint=True)
    offset = rng.integers(bias.min_code, bias.max_code, 3, endpoint=True)
    acc = accumulator_for(op, x, Const(taps, weight), Const(offset, bias))
    low, high = x.range
    corners = np.array(list(itertools.product({low, 0, high}, repeat=6)))
    step = acc.format.step
    scale = [int(fmt.step * weight.step / step), int(bias.step / step)]
    sums = corners @ taps * scale[0] + offset * scale[1]
    assert max(int(sums.max()), 0) == acc.high
    assert min(int(sums.min()), 0) == acc.low
    assert acc.format.signed
    width = acc.format.width
    assert acc.format.min_code <= acc.low and acc.high <= acc.format.max_code
    narrower = FixedPoint(True, width - 1, 0)
    assert width == 2 or not (narrower.min_code <= acc.low and acc.high <= narrower.max_code)


def test_zero_padding_counts_even_where_zero_is_no_code_of_the_input() -> None:
    """A table may map all pixels to 3..5; padding and partial sums still meet zeros."""
    fmt = FixedPoint(True, 4, 4)
    x = Tensor("x", (2, 2, 1), fmt, 3, 5)
    op = Conv2D(
        name="conv",
        x="x",
        out=Tensor("y", (2, 2, 1)),
        window=Window.same((2, 2), (1, 1), (2, 2)),
        weights=Const(np.array([2, -2, 2, -2]).reshape(2, 2, 1, 1), fmt),
        bias=Const(np.array([7]), fmt),
    )
    acc = accumulator_for(op, x, op.weights, op.bias)
    assert (acc.low, acc.high) == (7 - 4 * 5, 7 + 4 * 5)


def test_ranges_hold_for_the_extreme_images() -> None:
    """Images that drive the first layer to its bound reach exactly the range of its result."""
    reached = 0
    for number in range(60):
        graph = random_network(number).graph
        op = graph.ops[0]
        if not isinstance(op, Dense) or op.accumulator is None:
            continue
        taps = op.weights.values
        images = np.concatenate([np.where(taps > 0, 255, 0).T, np.where(taps < 0, 255, 0).T])
        images = images.reshape(-1, *graph.input.shape).astype(np.uint8)
        exact = replace(
            op,
            activation=Activation.LINEAR,
            out=Tensor(
                "y", op.out.shape, op.accumulator.format, op.accumulator.low, op.accumulator.high
            ),
        )
        sums = GoldenModel(Graph("g", graph.input, (exact,))).run(images)
        assert max(int(sums.max()), 0) == op.accumulator.high
        assert min(int(sums.min()), 0) == op.accumulator.low
        reached += 1
    assert reached >= 3
