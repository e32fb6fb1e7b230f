from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from lenetgen.codegen.ir import (
    Activation,
    Const,
    Conv2D,
    Dense,
    Graph,
    MaxPool2D,
    Relu,
    Tensor,
    WeightedOp,
    Window,
)
from lenetgen.codegen.passes.fuse_activation import fuse_activation
from lenetgen.codegen.verify import verify

X = Tensor("x", (1, 1, 2))
DENSE = Dense(
    name="layer",
    x="x",
    out=Tensor("t", (3,)),
    weights=Const(np.ones((2, 3))),
    bias=Const(np.ones(3)),
)
CONV = Conv2D(
    name="layer",
    x="x",
    out=Tensor("t", (1, 1, 3)),
    weights=Const(np.ones((1, 1, 2, 3))),
    bias=Const(np.ones(3)),
    window=Window((1, 1)),
)


def relu(name: str, x: str, shape: tuple[int, ...]) -> Relu:
    return Relu(name=name, x=x, out=Tensor(name, shape))


@pytest.mark.parametrize("layer", [DENSE, CONV], ids=["dense", "conv"])
def test_relu_joins_its_layer(layer: WeightedOp) -> None:
    graph = Graph("g", X, (layer, relu("r", "t", layer.out.shape)))
    verify(graph)
    assert fuse_activation(graph) == Graph("g", X, (replace(layer, activation=Activation.RELU),))


def test_limit_comes_along() -> None:
    limited = Activation(relu=True, max_value=6.0)
    graph = Graph("g", X, (DENSE, replace(relu("r", "t", (3,)), activation=limited)))
    assert fuse_activation(graph) == Graph("g", X, (replace(DENSE, activation=limited),))


def test_readers_follow() -> None:
    after = Dense(
        name="next",
        x="r",
        out=Tensor("n", (1,)),
        weights=Const(np.ones((3, 1))),
        bias=Const(np.ones(1)),
    )
    graph = Graph("g", X, (DENSE, relu("r", "t", (3,)), after))
    expected = Graph("g", X, (replace(DENSE, activation=Activation.RELU), replace(after, x="t")))
    assert fuse_activation(graph) == expected
    verify(expected)


def test_second_relu_stays() -> None:
    second = relu("r2", "r", (3,))
    graph = Graph("g", X, (DENSE, relu("r", "t", (3,)), second))
    fused = replace(DENSE, activation=Activation.RELU)
    assert fuse_activation(graph) == Graph("g", X, (fused, replace(second, x="t")))


def test_no_change() -> None:
    pool = MaxPool2D(name="pool", x="t", out=Tensor("p", (1, 1, 3)), window=Window((1, 1)))
    for ops in (
        (relu("r", "x", (1, 1, 2)),),
        (CONV, pool, relu("r", "p", (1, 1, 3))),
        (replace(CONV, activation=Activation.RELU), relu("r", "t", (1, 1, 3))),
    ):
        graph = Graph("g", X, ops)
        verify(graph)
        assert fuse_activation(graph) is graph
