from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from lenetgen.codegen.errors import UserError
from lenetgen.codegen.ir import (
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
    Rescaling,
    Tensor,
    Window,
)
from lenetgen.codegen.passes.input_scaling import (
    INPUT_SCALING,
    assume_unit_range,
    fold_input_scaling,
)
from lenetgen.codegen.pipeline import to_float_graph
from lenetgen.codegen.verify import verify
from lenetgen.sim.float_model import FloatModel, evaluate

SHAPE = (4, 4, 2)
X = Tensor("x", SHAPE)


def scaling(scale: list[float], offset: list[float], shape: tuple[int, ...] = SHAPE) -> Rescaling:
    return Rescaling(
        name="scaling",
        x="x",
        out=Tensor("s", shape),
        scale=Const(np.array(scale)),
        offset=Const(np.array(offset)),
    )


def conv(rng: np.random.Generator, x: str, *, same: bool = True) -> Conv2D:
    window = Window.same((3, 3), (1, 1), (4, 4)) if same else Window((3, 3))
    return Conv2D(
        name="conv",
        x=x,
        out=Tensor("c", (*window.positions(4, 4), 3)),
        window=window,
        weights=Const(rng.normal(size=(3, 3, 2, 3))),
        bias=Const(rng.normal(size=3)),
    )


def dense(rng: np.random.Generator, x: str) -> Dense:
    weights, bias = Const(rng.normal(size=(32, 3))), Const(rng.normal(size=3))
    return Dense(name="fc", x=x, out=Tensor("f", (3,)), weights=weights, bias=bias)


def images(rng: np.random.Generator, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return rng.integers(0, 256, (20, *shape), dtype=np.uint8)


def test_a_model_without_scaling_gets_one(rng: np.random.Generator) -> None:
    layer = conv(rng, "x")
    expected = Rescaling(
        name=INPUT_SCALING,
        x="x",
        out=Tensor(INPUT_SCALING, SHAPE),
        scale=Const(np.array([1 / 255])),
        offset=Const(np.array([0.0])),
    )
    graph = assume_unit_range(Graph("g", X, (layer,)))
    assert graph == Graph("g", X, (expected, replace(layer, x=INPUT_SCALING)))
    verify(graph)


def test_a_model_with_scaling_stays(rng: np.random.Generator) -> None:
    graph = Graph("g", X, (scaling([0.5], [0.0]), conv(rng, "s")))
    assert assume_unit_range(graph) is graph


def test_a_rescaling_behind_a_layer_says_nothing_about_pixels(rng: np.random.Generator) -> None:
    late = replace(scaling([0.5], [0.0], (3,)), x="f")
    graph = assume_unit_range(Graph("g", X, (dense(rng, "x"), late)))
    assert [op.name for op in graph.ops] == [INPUT_SCALING, "fc", "scaling"]


def test_a_factor_goes_into_the_weights(rng: np.random.Generator) -> None:
    layer = conv(rng, "s")
    graph = fold_input_scaling(Graph("g", X, (scaling([1 / 255], [0.0]), layer)))
    weights = Const(layer.weights.values * (256 * (1 / 255)))
    assert graph == Graph("g", X, (replace(layer, x="x", weights=weights),))


def test_a_factor_passes_layers_that_commute_with_it(rng: np.random.Generator) -> None:
    window = Window((2, 2), (2, 2))
    pools: list[Op] = [
        MaxPool2D(name="max", x="s", out=Tensor("m", (2, 2, 2)), window=window),
        Relu(name="relu", x="m", out=Tensor("r", (2, 2, 2))),
        AvgPool2D(name="average", x="r", out=Tensor("a", (1, 1, 2)), window=window),
        Flatten(name="flat", x="a", out=Tensor("v", (2,))),
    ]
    layer = Dense(
        name="fc",
        x="v",
        out=Tensor("f", (3,)),
        weights=Const(rng.normal(size=(2, 3))),
        bias=Const(rng.normal(size=3)),
    )
    graph = fold_input_scaling(Graph("g", X, (scaling([0.25], [0.0]), *pools, layer)))
    weights = Const(layer.weights.values * 64)
    assert graph.ops == (replace(pools[0], x="x"), *pools[1:], replace(layer, weights=weights))


def test_no_change(rng: np.random.Generator) -> None:
    graph = Graph("g", X, (conv(rng, "x"),))
    assert fold_input_scaling(graph) is graph


TABLES = [
    pytest.param([1 / 127.5], [-1.0], id="offset"),
    pytest.param([1 / 255, 1 / 128], [0.0], id="factor_per_channel"),
    pytest.param([1 / 255], [0.0, -0.5], id="offset_per_channel"),
    pytest.param([1 / 58, 1 / 61], [-2.1, -1.9], id="mean_and_deviation"),
    pytest.param([-1 / 255], [0.0], id="negative_factor"),
    pytest.param([0.0], [0.0], id="zero_factor"),
]


@pytest.mark.parametrize(("scale", "offset"), TABLES)
def test_anything_else_becomes_a_table(
    rng: np.random.Generator, scale: list[float], offset: list[float]
) -> None:
    layer = conv(rng, "s")
    graph = fold_input_scaling(Graph("g", X, (scaling(scale, offset), layer)))
    verify(graph)
    table = np.empty((2, 256))
    for channel in range(2):
        for pixel in range(256):
            table[channel, pixel] = (
                pixel * scale[channel % len(scale)] + offset[channel % len(offset)]
            )
    lookup = InputTable(name="scaling", x="x", out=Tensor("s", SHAPE), table=Const(table))
    assert graph == Graph("g", X, (lookup, layer))


def test_a_scaling_without_weights_behind_becomes_a_table() -> None:
    pool = MaxPool2D(name="pool", x="s", out=Tensor("p", (2, 2, 2)), window=Window((2, 2), (2, 2)))
    graph = fold_input_scaling(Graph("g", X, (scaling([0.5], [0.0]), pool)))
    assert isinstance(graph.ops[0], InputTable)
    assert graph.ops[1] == pool


def test_a_factor_does_not_pass_a_limit(rng: np.random.Generator) -> None:
    limited = Activation(relu=True, max_value=6.0)
    relu = Relu(name="relu", x="s", out=Tensor("r", SHAPE), activation=limited)
    graph = fold_input_scaling(Graph("g", X, (scaling([0.25], [0.0]), relu, dense(rng, "r"))))
    assert isinstance(graph.ops[0], InputTable)


def test_second_scaling_is_refused(rng: np.random.Generator) -> None:
    again = replace(scaling([0.5], [0.0]), name="again", x="s", out=Tensor("t", SHAPE))
    for ops in (
        (scaling([1.0], [0.0]), again, dense(rng, "t")),
        (dense(rng, "x"), replace(again, x="f")),
    ):
        with pytest.raises(UserError, match="layer again: Rescaling is supported as the first"):
            fold_input_scaling(Graph("g", X, ops))


@pytest.mark.parametrize(
    ("scale", "offset"), [pytest.param([1 / 255], [0.0], id="factor"), *TABLES]
)
@pytest.mark.parametrize("kind", ["conv_same", "pool_conv", "dense"])
def test_real_results_stay(
    rng: np.random.Generator, kind: str, scale: list[float], offset: list[float]
) -> None:
    """Both graphs in float64: raw pixels through Rescaling, and codes through the folded graph."""
    ops: list[Op] = [scaling(scale, offset)]
    if kind == "dense":
        ops.append(dense(rng, "s"))
    else:
        x = "s"
        if kind == "pool_conv":
            window = Window((1, 1))
            ops.append(AvgPool2D(name="pool", x="s", out=Tensor("p", SHAPE), window=window))
            x = "p"
        ops.append(conv(rng, x))
    before = Graph("g", X, tuple(ops))
    verify(before)
    after = fold_input_scaling(before)
    batch = images(rng)
    expected = FloatModel(before).run(batch)
    assert np.ptp(expected) > 0
    assert np.allclose(FloatModel(after).run(batch), expected, rtol=1e-12, atol=1e-12)


def test_pipeline_assumes_pixels_over_255(rng: np.random.Generator) -> None:
    layer = dense(rng, "x")
    batch = images(rng)
    expected = batch.reshape(20, -1) / 255 @ layer.weights.values + layer.bias.values
    actual = FloatModel(to_float_graph(Graph("g", X, (layer,)))).run(batch)
    assert np.allclose(actual, expected, rtol=1e-12, atol=1e-12)
    assert np.allclose(evaluate(layer, batch / 255), expected, rtol=1e-12, atol=1e-12)
