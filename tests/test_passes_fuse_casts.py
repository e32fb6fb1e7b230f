"""fuse_casts: which operator takes a cast, and past what."""

from __future__ import annotations

import numpy as np
import pytest
from lenetgen.codegen.formats import FixedPoint, LayerPrecision, Overflow, Rounding
from lenetgen.codegen.ir import (
    AvgPool2D,
    Cast,
    Const,
    Conv2D,
    Graph,
    MaxPool2D,
    Op,
    Relu,
    Tensor,
    Window,
)
from lenetgen.codegen.passes.fuse_casts import fuse_casts
from lenetgen.codegen.verify import verify

SHAPE = (4, 4, 2)
W = FixedPoint(True, 5, 1)


def _type(overflow: Overflow, width: int = 6) -> LayerPrecision:
    return LayerPrecision(result=FixedPoint(True, width, 2, Rounding.RND, overflow))


SAT, SYM, WRAP, ZERO = (
    _type(mode) for mode in (Overflow.SAT, Overflow.SAT_SYM, Overflow.WRAP, Overflow.SAT_ZERO)
)
OTHER = _type(Overflow.SAT, 9)


def _graph(*kinds: str | LayerPrecision) -> Graph:
    """A chain of operators by their letters; a type stands for a cast to it."""
    ops: list[Op] = []
    at = Tensor("image", SHAPE)
    for index, kind in enumerate(kinds):
        name = f"{kind}{index}" if isinstance(kind, str) else f"cast{index}"
        fields = {"name": name, "x": at.name, "out": Tensor(name, SHAPE)}
        if isinstance(kind, LayerPrecision):
            ops.append(Cast(**fields, own=kind))
        elif kind == "conv":
            weights = Const(np.zeros((1, 1, 2, 2)))
            types = LayerPrecision(W, W)
            bias = Const(np.zeros(2))
            ops.append(
                Conv2D(**fields, weights=weights, bias=bias, window=Window((1, 1)), own=types)
            )
        elif kind == "relu":
            ops.append(Relu(**fields))
        else:
            cls = MaxPool2D if kind == "max" else AvgPool2D
            ops.append(cls(**fields, window=Window((1, 1))))
        at = ops[-1].out
    return Graph("g", Tensor("image", SHAPE), tuple(ops))


def _results(graph: Graph) -> list[tuple[str, FixedPoint | None]]:
    verify(graph)
    return [(op.name, op.own.result if op.own else None) for op in graph.ops]


@pytest.mark.parametrize("taker", ["conv", "relu", "mean"])
@pytest.mark.parametrize("types", [SAT, SYM, WRAP, ZERO], ids=["sat", "sym", "wrap", "zero"])
def test_the_operator_before_takes_it(taker: str, types: LayerPrecision) -> None:
    graph = fuse_casts(_graph(taker, types, "relu"))
    assert _results(graph) == [(f"{taker}0", types.result), ("relu2", None)]
    if taker == "conv":
        assert graph.ops[0].own == LayerPrecision(W, W, types.result)


@pytest.mark.parametrize("types", [SAT, SYM], ids=["sat", "sym"])
def test_what_saturates_passes_pools(types: LayerPrecision) -> None:
    graph = fuse_casts(_graph("conv", "max", "max", types, "relu"))
    expected = [("conv0", types.result), ("max1", None), ("max2", None), ("relu4", None)]
    assert _results(graph) == expected


@pytest.mark.parametrize("types", [WRAP, ZERO], ids=["wrap", "zero"])
def test_what_does_not_keep_the_order_stays_behind_a_pool(types: LayerPrecision) -> None:
    graph = _graph("conv", "max", types, "relu")
    assert fuse_casts(graph) == graph


@pytest.mark.parametrize(
    "kinds",
    [
        pytest.param((SAT, "conv"), id="nothing before it"),
        pytest.param(("max", SAT, "conv"), id="only a pool before it"),
        pytest.param(("conv", "max"), id="no cast"),
    ],
)
def test_no_taker_no_change(kinds: tuple[str | LayerPrecision, ...]) -> None:
    graph = _graph(*kinds)
    assert fuse_casts(graph) is graph


def test_one_cast_each() -> None:
    graph = fuse_casts(_graph("conv", SAT, OTHER, "max", SYM, "relu", WRAP))
    assert _results(graph) == [
        ("conv0", SAT.result),
        ("cast2", OTHER.result),
        ("max3", None),
        ("cast4", SYM.result),
        ("relu5", WRAP.result),
    ]
