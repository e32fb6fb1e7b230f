from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from lenetgen.codegen.errors import UserError
from lenetgen.codegen.ir import (
    BatchNorm,
    Const,
    Conv2D,
    Dense,
    Flatten,
    Graph,
    MaxPool2D,
    Op,
    Relu,
    Rescaling,
    Reshape,
    Tensor,
    Window,
)
from lenetgen.codegen.passes.drop_flatten import drop_flatten
from lenetgen.codegen.verify import verify

X = Tensor("x", (2, 3, 1))
FLATTEN = Flatten(name="flat", x="x", out=Tensor("flat", (6,)))


def dense(x: str) -> Dense:
    weights, bias = Const(np.ones((6, 2))), Const(np.zeros(2))
    return Dense(name="fc", x=x, out=Tensor("fc", (2,)), weights=weights, bias=bias)


def relu(x: str, shape: tuple[int, ...]) -> Relu:
    return Relu(name="relu", x=x, out=Tensor("relu", shape))


def run(*ops: Op) -> Graph:
    graph = Graph("g", X, ops)
    verify(graph)
    result = drop_flatten(graph)
    verify(result)
    return result


def test_dense_reads_the_image() -> None:
    assert run(FLATTEN, dense("flat")) == Graph("g", X, (dense("x"),))


def test_elementwise_operators_take_the_image_shape() -> None:
    expected = Graph("g", X, (relu("x", (2, 3, 1)), dense("relu")))
    assert run(FLATTEN, relu("flat", (6,)), dense("relu")) == expected

    def scaling(x: str, shape: tuple[int, ...]) -> Rescaling:
        one = Const(np.array([0.5]))
        return Rescaling(name="s", x=x, out=Tensor("s", shape), scale=one, offset=one)

    expected = Graph("g", X, (scaling("x", (2, 3, 1)), dense("s")))
    assert run(FLATTEN, scaling("flat", (6,)), dense("s")) == expected


def test_two_flattens_go() -> None:
    again = Flatten(name="flat2", x="flat", out=Tensor("flat2", (6,)))
    assert run(FLATTEN, again, dense("flat2")) == Graph("g", X, (dense("x"),))


def test_no_change() -> None:
    graph = Graph("g", X, (relu("x", (2, 3, 1)), dense("relu")))
    assert drop_flatten(graph) is graph


def test_image_layers_behind_are_refused() -> None:
    x = Tensor("x", (1, 1, 6))
    flat = Flatten(name="flat", x="x", out=Tensor("flat", (6,)))
    pool = MaxPool2D(name="pool", x="flat", out=Tensor("pool", (1, 1, 6)), window=Window((1, 1)))
    with pytest.raises(UserError, match="layer pool: a pooling after Flatten"):
        drop_flatten(Graph("g", x, (flat, pool)))
    conv = Conv2D(
        name="conv",
        x="relu",
        out=Tensor("conv", (1, 1, 1)),
        window=Window((1, 1)),
        weights=Const(np.ones((1, 1, 6, 1))),
        bias=Const(np.zeros(1)),
    )
    with pytest.raises(UserError, match="layer conv: a convolution after Flatten"):
        drop_flatten(Graph("g", x, (flat, relu("flat", (6,)), conv)))


def test_numbers_per_element_take_the_image_shape() -> None:
    scale, offset = np.arange(6.0), np.repeat(3.0, 6)
    norm = BatchNorm(
        name="bn", x="flat", out=Tensor("bn", (6,)), scale=Const(scale), offset=Const(offset)
    )
    moved = replace(
        norm,
        x="x",
        out=Tensor("bn", (2, 3, 1)),
        scale=Const(scale.reshape(2, 3, 1)),
        offset=Const(np.array([3.0])),
    )
    assert run(FLATTEN, norm, dense("bn")) == Graph("g", X, (moved, dense("bn")))


def test_reshape_in_front_reads_the_input_anew() -> None:
    scale = Const(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).reshape(2, 3, 1))
    norm = BatchNorm(name="bn", x="x", out=Tensor("bn", (2, 3, 1)), scale=scale, offset=scale)
    image = Reshape(name="image", x="bn", out=Tensor("image", (1, 2, 3)))
    moved = Const(np.arange(1.0, 7.0).reshape(1, 2, 3))
    expected = replace(norm, out=Tensor("bn", (1, 2, 3)), scale=moved, offset=moved)
    assert run(norm, image, dense("image")) == Graph(
        "g", Tensor("x", (1, 2, 3)), (expected, dense("bn"))
    )


def test_flatten_and_back() -> None:
    image = Reshape(name="image", x="flat", out=Tensor("image", (2, 3, 1)))
    pool = MaxPool2D(name="p", x="image", out=Tensor("p", (2, 3, 1)), window=Window((1, 1)))
    assert run(FLATTEN, image, pool) == Graph("g", X, (replace(pool, x="x"),))


def test_reshape_behind_layers_is_refused() -> None:
    pool = MaxPool2D(name="p", x="x", out=Tensor("p", (2, 3, 1)), window=Window((1, 1)))
    image = Reshape(name="image", x="p", out=Tensor("image", (3, 2, 1)))
    with pytest.raises(UserError, match=r"layer image: a Reshape to \(3, 2, 1\) behind p"):
        run(pool, image, dense("image"))
