from __future__ import annotations

import numpy as np
import pytest
from lenetgen.codegen.errors import UserError
from lenetgen.codegen.ir import (
    Const,
    Conv2D,
    Dense,
    Flatten,
    Graph,
    MaxPool2D,
    Op,
    Relu,
    Rescaling,
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
