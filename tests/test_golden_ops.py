"""Every golden function against slow loops over Python integers and fractions."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from lenetgen.codegen.formats import PIXEL, FixedPoint, Overflow, Rounding
from lenetgen.codegen.ir import (
    Activation,
    AvgPool2D,
    Cast,
    Const,
    Conv2D,
    Dense,
    Function,
    Graph,
    InputTable,
    Lookup,
    MaxPool2D,
    Op,
    Padding,
    Relu,
    Tensor,
    Window,
)
from lenetgen.codegen.passes.assign_formats import accumulator_for
from lenetgen.codegen.verify import verify
from lenetgen.models.random_networks import random_images, random_network
from lenetgen.sim.golden import GoldenModel
from lenetgen.sim.golden.model import kernel_for

Q44 = FixedPoint(True, 8, 4, Rounding.RND, Overflow.SAT)
MODES = list(itertools.product(Rounding, Overflow))
RELU6 = Activation(relu=True, max_value=6.0)
LEAKY = Activation(relu=True, negative_shift=3)
ACTIVATIONS = (Activation.LINEAR, Activation.RELU, RELU6, LEAKY)


# --- the reference: values, never codes, until the one cast at the end -----------------


def cast(value: Fraction, fmt: FixedPoint) -> int:
    """``value`` as a code of ``fmt``: nearest neighbours first, then the range."""
    scaled = value * Fraction(2) ** (fmt.width - fmt.integer_bits)
    below, above = math.floor(scaled), math.ceil(scaled)
    inward, outward = sorted((below, above), key=abs)
    tie = {
        Rounding.RND: above,
        Rounding.RND_MIN_INF: below,
        Rounding.RND_ZERO: inward,
        Rounding.RND_INF: outward,
        Rounding.RND_CONV: below if below % 2 == 0 else above,
    }
    if fmt.rounding is Rounding.TRN:
        code = below
    elif fmt.rounding is Rounding.TRN_ZERO:
        code = inward
    elif 2 * scaled == below + above:
        code = tie[fmt.rounding] if below != above else below
    else:
        code = min((below, above), key=lambda n: abs(scaled - n))
    low = -(2 ** (fmt.width - 1)) if fmt.signed else 0
    high = low + 2**fmt.width - 1
    if fmt.overflow is Overflow.WRAP:
        return low + (code - low) % 2**fmt.width
    if fmt.overflow is Overflow.SAT_SYM and fmt.signed and fmt.width > 1:
        low = -high
    if low <= code <= high:
        return code
    return 0 if fmt.overflow is Overflow.SAT_ZERO else (low if code < low else high)


def reference(op: Op, x: Tensor, image: Any) -> np.ndarray:
    """``op`` on one image of codes, element by element."""
    if isinstance(op, (Conv2D, MaxPool2D, AvgPool2D)):
        shape = op.out.shape
        result = np.zeros(shape, dtype=object)
        for row, column, channel in itertools.product(*map(range, shape)):
            result[row, column, channel] = _window(op, x, image, row, column, channel)
        return result
    if isinstance(op, Dense):
        values = [int(v) * x.fmt.step for v in np.ravel(image)]
        return np.array([_dense(op, values, n) for n in range(op.out.size)], dtype=object)
    if isinstance(op, (Relu, Cast)):
        act = op.activation if isinstance(op, Relu) else Activation.LINEAR
        reals = [activate(act, int(v) * x.fmt.step) for v in np.ravel(image)]
        flat = [cast(real, op.out.fmt) for real in reals]
        return np.array(flat, dtype=object).reshape(op.out.shape)
    if isinstance(op, Lookup):  # its entries have a test of their own
        assert op.table is not None
        entries = [int(op.table.values[int(v) % op.table.values.size]) for v in np.ravel(image)]
        return np.array(entries, dtype=object).reshape(op.out.shape)
    assert isinstance(op, InputTable)
    result = np.zeros(op.out.shape, dtype=object)
    for index in np.ndindex(op.out.shape):
        channel = index[2] if len(index) == 3 else 0
        result[index] = int(op.table.values[channel, int(image[index])])
    return result


def _window(op: Any, x: Tensor, image: Any, row: int, column: int, channel: int) -> int:
    height, width, channels = x.image_shape
    total, seen = Fraction(0), []
    for i, j in itertools.product(range(op.window.size[0]), range(op.window.size[1])):
        y = row * op.window.stride[0] + i - op.window.padding.top
        z = column * op.window.stride[1] + j - op.window.padding.left
        if not (0 <= y < height and 0 <= z < width):
            continue
        if isinstance(op, Conv2D):
            for k in range(channels):
                weight = int(op.weights.values[i, j, k, channel]) * op.weights.format.step
                total += int(image[y, z, k]) * x.fmt.step * weight
        else:
            seen.append(int(image[y, z, channel]))
    if isinstance(op, MaxPool2D):
        return max(seen)
    if isinstance(op, AvgPool2D):
        return cast(Fraction(sum(seen), len(seen)) * x.fmt.step, op.out.fmt)
    return _finish(op, total, channel)


def _dense(op: Dense, values: list[Fraction], output: int) -> int:
    assert op.weights.format is not None
    step = op.weights.format.step
    total = sum(
        (v * int(w) * step for v, w in zip(values, op.weights.values[:, output], strict=True))
    )
    return _finish(op, Fraction(total), output)


def _finish(op: Any, total: Fraction, output: int) -> int:
    total += int(op.bias.values[output]) * op.bias.format.step
    return cast(activate(op.activation, total), op.out.fmt)


def activate(act: Activation, value: Fraction) -> Fraction:
    if not act.relu:
        return value
    if value < 0 and act.negative_shift:
        return value / 2**act.negative_shift
    top = value if act.max_value is None else Fraction(act.max_value)
    return max(min(value, top), Fraction(0))


# --- tiny typed graphs of one operator -------------------------------------------------


def weighted(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    outputs: int,
    window: Window | None,
    *,
    x_format: FixedPoint = PIXEL,
    weight: FixedPoint = Q44,
    bias: FixedPoint = Q44,
    result: FixedPoint | None = Q44,
    activation: Activation = Activation.LINEAR,
) -> tuple[Op, Tensor]:
    """A Conv2D (with a window) or Dense with random codes over its whole formats."""
    x = Tensor("x", shape, x_format, x_format.min_code, x_format.max_code)
    taps = (*window.size, shape[2], outputs) if window else (math.prod(shape), outputs)
    fields: dict[str, Any] = {
        "weights": Const(codes(rng, weight, taps), weight),
        "bias": Const(codes(rng, bias, (outputs,)), bias),
        "activation": activation,
    }
    out_shape = (*window.positions(shape[0], shape[1]), outputs) if window else (outputs,)
    out = Tensor("y", out_shape)
    op: Any = (
        Conv2D(name="layer", x="x", out=out, window=window, **fields)
        if window
        else Dense(name="layer", x="x", out=out, **fields)
    )
    accumulator = accumulator_for(op, x, op.weights, op.bias)
    fmt = result or activation.exact(accumulator.format)
    typed = Tensor("y", out_shape, fmt, fmt.min_code, fmt.max_code)
    return type(op)(**{**op.__dict__, "out": typed, "accumulator": accumulator}), x


def codes(rng: np.random.Generator, fmt: FixedPoint, shape: tuple[int, ...]) -> np.ndarray:
    """Random codes of ``fmt``, extremes included."""
    values = rng.integers(fmt.min_code, fmt.max_code, shape, endpoint=True)
    flat = values.reshape(-1)
    flat[:1] = fmt.min_code
    flat[-1:] = fmt.max_code
    return values


def check(op: Op, x: Tensor, images: np.ndarray) -> np.ndarray:
    """Golden equals the reference on every image; returns the codes."""
    verify(Graph("one", x, (op,)))
    actual = np.asarray(kernel_for(op, x)(images.copy())).reshape(len(images), *op.out.shape)
    for index, image in enumerate(images):
        expected = reference(op, x, image)
        assert actual[index].astype(object).tolist() == expected.tolist(), f"image {index}"
    return actual


def same(size: tuple[int, int], stride: tuple[int, int], shape: tuple[int, ...]) -> Window:
    return Window.same(size, stride, (shape[0], shape[1]))


GEOMETRIES = [
    pytest.param((5, 6, 2), Window((3, 3)), id="3x3_valid"),
    pytest.param((5, 6, 2), same((3, 3), (1, 1), (5, 6)), id="3x3_same"),
    pytest.param((5, 4, 1), same((2, 4), (1, 1), (5, 4)), id="even_same"),
    pytest.param((7, 5, 3), same((2, 3), (2, 3), (7, 5)), id="stride_same"),
    pytest.param((7, 8, 1), Window((2, 3), (3, 2)), id="stride_leaves_pixels_out"),
    pytest.param((4, 9, 2), Window((1, 1), (2, 3)), id="stride_beyond_window"),
    pytest.param((1, 7, 2), same((3, 3), (1, 1), (1, 7)), id="one_row"),
    pytest.param((6, 1, 1), same((4, 5), (1, 2), (6, 1)), id="one_column"),
    pytest.param((1, 1, 1), Window((1, 1)), id="one_pixel"),
    pytest.param((3, 4, 2), Window((3, 4)), id="window_is_the_image"),
    pytest.param((4, 4, 1), Window((3, 3), (1, 1), Padding(2, 0, 0, 2)), id="one_sided_padding"),
]


@pytest.mark.parametrize(("shape", "window"), GEOMETRIES)
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda act: act.value)
def test_conv(
    rng: np.random.Generator, shape: tuple[int, ...], window: Window, activation: Activation
) -> None:
    op, x = weighted(rng, shape, 3, window, activation=activation)
    check(op, x, codes(rng, PIXEL, (3, *shape)))


@pytest.mark.parametrize(("shape", "window"), GEOMETRIES)
@pytest.mark.parametrize("signed", [True, False])
def test_max_pool(
    rng: np.random.Generator, shape: tuple[int, ...], window: Window, signed: bool
) -> None:
    fmt = FixedPoint(signed, 6, 3)
    x = Tensor("x", shape, fmt, fmt.min_code, fmt.max_code)
    out = Tensor("y", (*window.positions(*shape[:2]), shape[2]), fmt, fmt.min_code, fmt.max_code)
    op = MaxPool2D(name="pool", x="x", out=out, window=window)
    images = codes(rng, fmt, (4, *shape))
    images[0] = fmt.min_code  # padding must not win against the lowest code either
    check(op, x, images)


@pytest.mark.parametrize(("shape", "window"), GEOMETRIES)
@pytest.mark.parametrize("mode", range(0, len(MODES), 3))
def test_average_pool(
    rng: np.random.Generator, shape: tuple[int, ...], window: Window, mode: int
) -> None:
    fmt = FixedPoint(True, 6, 3)
    x = Tensor("x", shape, fmt, fmt.min_code, fmt.max_code)
    for width, integer_bits in ((5, 3), (6, 3), (9, 3), (4, 1), (3, 5)):
        to = FixedPoint(True, width, integer_bits, *MODES[mode])
        out = Tensor("y", (*window.positions(*shape[:2]), shape[2]), to, to.min_code, to.max_code)
        op = AvgPool2D(name="pool", x="x", out=out, window=window)
        check(op, x, codes(rng, fmt, (2, *shape)))


@pytest.mark.parametrize("to_bits", [(32, -40), (32, 90), (8, -55)])
def test_average_pool_far_from_its_input(
    rng: np.random.Generator, to_bits: tuple[int, int]
) -> None:
    """Binary points so far apart that the quotient needs more than 63 bits."""
    fmt = FixedPoint(True, 16, 8)
    to = FixedPoint(True, *to_bits, Rounding.RND_CONV, Overflow.WRAP)
    x = Tensor("x", (3, 3, 1), fmt, fmt.min_code, fmt.max_code)
    out = Tensor("y", (1, 1, 1), to, to.min_code, to.max_code)
    op = AvgPool2D(name="pool", x="x", out=out, window=Window((3, 3)))
    check(op, x, codes(rng, fmt, (4, 3, 3, 1)))


@pytest.mark.parametrize("mode", MODES, ids=lambda m: f"{m[0].name}-{m[1].name}")
def test_dense_in_every_mode(rng: np.random.Generator, mode: tuple[Rounding, Overflow]) -> None:
    """Signed and unsigned results, dropping bits, keeping them and adding some."""
    saturated = 0
    for signed, (width, integer_bits) in itertools.product(
        (True, False), ((4, 3), (8, 5), (12, 2), (20, 8), (1, 1), (6, -1))
    ):
        result = FixedPoint(signed, width, integer_bits, *mode)
        op, x = weighted(rng, (7,), 5, None, result=result, weight=FixedPoint(True, 5, 2))
        out = check(op, x, codes(rng, PIXEL, (6, 7)))
        saturated += int((out == result.max_code).sum())
    assert saturated > 0


@pytest.mark.parametrize("mode", MODES, ids=lambda m: f"{m[0].name}-{m[1].name}")
def test_relu_in_every_mode(rng: np.random.Generator, mode: tuple[Rounding, Overflow]) -> None:
    fmt = FixedPoint(True, 9, 4)
    x = Tensor("x", (2, 3, 2), fmt, fmt.min_code, fmt.max_code)
    for signed, width in itertools.product((True, False), (3, 6, 12)):
        to = FixedPoint(signed, width, 3, *mode)
        out = Tensor("y", x.shape, to, to.min_code, to.max_code)
        for act in (*ACTIVATIONS, Activation(True, 0.5), Activation(True, 0.5, 2)):
            op = Relu(name="relu", x="x", out=out, activation=act)
            check(op, x, codes(rng, fmt, (20, 2, 3, 2)))


@pytest.mark.parametrize("shape", [(4, 3, 2), (4, 3, 1), (5,)], ids=["two", "one", "vector"])
def test_input_table(rng: np.random.Generator, shape: tuple[int, ...]) -> None:
    fmt = FixedPoint(True, 7, 2)
    channels = shape[2] if len(shape) == 3 else 1
    table = Const(codes(rng, fmt, (channels, 256)), fmt)
    x = Tensor("x", shape, PIXEL, 0, 255)
    out = Tensor("y", shape, fmt, fmt.min_code, fmt.max_code)
    check(InputTable(name="t", x="x", out=out, table=table), x, codes(rng, PIXEL, (30, *shape)))


@pytest.mark.parametrize("signed", [True, False])
def test_lookup(rng: np.random.Generator, signed: bool) -> None:
    """Every code of the address; the reference indexes by the code itself."""
    x_format, fmt = FixedPoint(signed, 5, 3), FixedPoint(True, 7, 2)
    entries = codes(rng, fmt, (32,))
    x = Tensor("x", (32,), x_format, x_format.min_code, x_format.max_code)
    out = Tensor("y", (32,), fmt, fmt.min_code, fmt.max_code)
    op = Lookup(name="t", x="x", out=out, function=Function.TANH, table=Const(entries, fmt))
    verify(Graph("one", x, (op,)))
    every = np.arange(x_format.min_code, x_format.max_code + 1)
    assert kernel_for(op, x)(every[None]).tolist() == [[int(entries[code]) for code in every]]


@pytest.mark.parametrize("shape", [(1,), (9,), (3, 2, 2)], ids=["one", "vector", "image"])
def test_dense_reads_row_major(rng: np.random.Generator, shape: tuple[int, ...]) -> None:
    op, x = weighted(rng, shape, 4, None)
    check(op, x, codes(rng, PIXEL, (5, *shape)))


@pytest.mark.parametrize(
    "bias", [FixedPoint(True, 6, 4), FixedPoint(True, 20, 2), FixedPoint(False, 8, 12)]
)
def test_bias_is_aligned(rng: np.random.Generator, bias: FixedPoint) -> None:
    """Fewer, more and negative fraction bits than the product has."""
    op, x = weighted(rng, (6,), 4, None, bias=bias, result=FixedPoint(True, 24, 12))
    check(op, x, codes(rng, PIXEL, (5, 6)))


def test_unsigned_and_signed_inputs_and_weights(rng: np.random.Generator) -> None:
    for signed_x, signed_w in itertools.product((True, False), repeat=2):
        op, x = weighted(
            rng,
            (4, 4, 2),
            2,
            Window((2, 2)),
            x_format=FixedPoint(signed_x, 5, 1),
            weight=FixedPoint(signed_w, 4, 1),
            result=None,
        )
        check(op, x, codes(rng, x.fmt, (4, 4, 4, 2)))


# --- whole networks --------------------------------------------------------------------


@pytest.mark.parametrize("number", range(12))
def test_network_equals_reference(number: int) -> None:
    graph = random_network(number).graph
    images = random_images(graph, 4, number)
    trace = GoldenModel(graph).trace(images)
    for index in range(len(images)):
        values: Any = images[index]
        for op in graph.ops:
            values = reference(op, graph.source(op), values)
            actual = trace[op.out.name][index]
            assert actual.astype(object).tolist() == values.tolist(), f"{op.name}, image {index}"
