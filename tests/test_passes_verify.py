"""Every invariant broken on purpose is reported with the operator's name."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from lenetgen.codegen.formats import FixedPoint, quantized
from lenetgen.codegen.ir import (
    Accumulator,
    BatchNorm,
    Const,
    Conv2D,
    Dense,
    Flatten,
    Graph,
    InputTable,
    MaxPool2D,
    Op,
    Padding,
    Relu,
    Rescaling,
    Reshape,
    Softmax,
    Tensor,
    Window,
    ZeroPad,
)
from lenetgen.codegen.pipeline import to_typed_graph
from lenetgen.codegen.precision import preset
from lenetgen.codegen.verify import IRError, verify


def float_graph() -> Graph:
    x = Tensor("x", (4, 4, 2))
    table = InputTable(
        name="table", x="x", out=Tensor("t", (4, 4, 2)), table=Const(np.ones((2, 256)))
    )
    conv = Conv2D(
        name="conv",
        x="t",
        out=Tensor("c", (4, 4, 3)),
        window=Window.same((3, 3), (1, 1), (4, 4)),
        weights=Const(np.ones((3, 3, 2, 3))),
        bias=Const(np.ones(3)),
    )
    pool = MaxPool2D(name="pool", x="c", out=Tensor("p", (2, 2, 3)), window=Window((2, 2), (2, 2)))
    relu = Relu(name="relu", x="p", out=Tensor("r", (2, 2, 3)))
    dense = Dense(
        name="fc",
        x="r",
        out=Tensor("f", (5,)),
        weights=Const(np.ones((12, 5))),
        bias=Const(np.ones(5)),
    )
    return Graph("net", x, (table, conv, pool, relu, dense))


def typed_graph() -> Graph:
    graph = float_graph()
    return to_typed_graph(graph, preset("mixed", graph))


def change(graph: Graph, target: str, fields: dict[str, Any]) -> Graph:
    """Replace fields of one operator; a callable gets the old value."""
    ops: list[Op] = []
    for op in graph.ops:
        if op.name == target:
            new = {k: v(getattr(op, k)) if callable(v) else v for k, v in fields.items()}
            op = replace(op, **new)
        ops.append(op)
    return graph.with_ops(ops)


def without(graph: Graph, name: str) -> Graph:
    return graph.with_ops([op for op in graph.ops if op.name != name])


def test_sound_graphs_pass() -> None:
    verify(float_graph())
    verify(typed_graph())


def tensor(**fields: Any) -> Callable[[Tensor], Tensor]:
    return lambda old: replace(old, **fields)


def window(**fields: Any) -> Callable[[Window], Window]:
    return lambda old: replace(old, **fields)


def accumulator(**fields: Any) -> Callable[[Accumulator], Accumulator]:
    return lambda old: replace(old, **fields)


def describe(value: object) -> str:
    """A short test id: the operator and the field that breaks it."""
    if isinstance(value, dict):
        return next(iter(value))
    return re.sub(r"[^A-Za-z0-9]+", "_", str(value)).strip("_")


NAN = Const(np.full((12, 5), np.nan))
FLOAT_BREAKS = [
    ("conv", {"name": "1st"}, "1st: bad name"),
    ("conv", {"name": "a b"}, "a b: bad name"),
    ("conv", {"name": "é"}, "é: bad name"),
    ("conv", {"name": "a\n"}, "bad name"),
    ("conv", {"name": "fc"}, "fc: duplicate name"),
    ("conv", {"out": tensor(name="x")}, "conv: tensor x defined twice"),
    ("pool", {"x": "t"}, "pool: reads t, but the chain is at c"),
    ("conv", {"out": tensor(shape=(4, 4, 4))}, "conv: shape"),
    ("pool", {"out": tensor(shape=(4, 4, 3))}, "pool: shape"),
    ("relu", {"out": tensor(shape=(12,))}, "relu: shape"),
    ("fc", {"out": tensor(shape=(1, 5))}, "fc: shape"),
    ("conv", {"weights": Const(np.ones((3, 3, 1, 3)))}, "conv: weights"),
    ("conv", {"bias": Const(np.ones(2))}, "conv: bias"),
    ("fc", {"weights": Const(np.ones((11, 5)))}, "fc: weights"),
    ("fc", {"bias": Const(np.ones(4))}, "fc: bias"),
    ("table", {"table": Const(np.ones((1, 256)))}, "table: table"),
    ("table", {"table": Const(np.ones((2, 255)))}, "table: table"),
    ("fc", {"weights": NAN}, "fc: weights: NaN"),
    ("fc", {"bias": Const(np.full(5, np.inf))}, "fc: bias: NaN or inf"),
    ("pool", {"window": window(size=(5, 5))}, "pool: window larger"),
    ("pool", {"window": window(stride=(0, 1))}, "pool: .*below 1"),
    ("pool", {"window": window(size=(0, 1))}, "pool: .*below 1"),
    ("pool", {"window": window(padding=Padding(-1))}, "pool: negative"),
    ("conv", {"window": window(padding=Padding(3))}, "conv: padding as large"),
    ("conv", {"window": window(padding=Padding(right=3))}, "conv: padding"),
    ("fc", {"bias": Const(np.ones(5), quantized(8, 4))}, "fc: bias: float/integer"),
    ("pool", {"out": tensor(format=quantized(8, 4))}, "pool: typed and untyped"),
]


@pytest.mark.parametrize(("name", "fields", "message"), FLOAT_BREAKS, ids=describe)
def test_broken_float_graph(name: str, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(IRError, match=message):
        verify(change(float_graph(), name, fields))


TYPED_BREAKS = [
    ("fc", {"accumulator": None}, "fc: no accumulator"),
    ("fc", {"accumulator": accumulator(low=1)}, "fc: accumulator"),
    ("fc", {"accumulator": accumulator(high=-1)}, "fc: accumulator"),
    ("fc", {"accumulator": accumulator(high=2**60)}, "fc: accumulator"),
    ("fc", {"accumulator": accumulator(low=-(2**60))}, "fc: accumulator"),
    (
        "fc",
        {"accumulator": lambda a: replace(a, format=replace(a.format, integer_bits=1))},
        "fc: accumulator's binary point",
    ),
    ("conv", {"out": tensor(low=-129)}, "conv: range -129"),
    ("conv", {"out": tensor(high=128)}, "conv: range .*128"),
    ("conv", {"out": tensor(low=9, high=8)}, "conv: range"),
    ("pool", {"out": tensor(format=quantized(9, 4))}, "pool: max pooling changes"),
    (
        "conv",
        {"bias": Const(np.array([0, 0, 128]), quantized(8, 4))},
        r"conv: bias: codes 0..128 outside ap_fixed<8,4",
    ),
    ("fc", {"bias": Const(np.ones(5))}, "fc: bias: float/integer mixed"),
    ("relu", {"out": tensor(format=None)}, "relu: typed and untyped"),
]


@pytest.mark.parametrize(("name", "fields", "message"), TYPED_BREAKS, ids=describe)
def test_broken_typed_graph(name: str, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(IRError, match=message):
        verify(change(typed_graph(), name, fields))


def test_broken_chains() -> None:
    with pytest.raises(IRError, match="net: no operators"):
        verify(Graph("net", Tensor("x", (1,))))
    with pytest.raises(IRError, match="conv: reads t"):
        verify(without(float_graph(), "table"))
    graph = float_graph()
    with pytest.raises(IRError, match="fc: "):
        verify(graph.with_ops([*graph.ops[:3], graph.ops[4], graph.ops[3]]))


def test_images_and_tables_at_their_place() -> None:
    vector = Tensor("x", (4,))
    pool = MaxPool2D(name="pool", x="x", out=Tensor("p", (2,)), window=Window((2, 2)))
    with pytest.raises(IRError, match="pool: needs an image"):
        verify(Graph("net", vector, (pool,)))
    relu = Relu(name="relu", x="x", out=Tensor("r", (4,)))
    table = InputTable(name="t", x="r", out=Tensor("t", (4,)), table=Const(np.ones((1, 256))))
    with pytest.raises(IRError, match="t: a table must come first"):
        verify(Graph("net", vector, (relu, table)))


def test_float_only_operators() -> None:
    fmt = FixedPoint(True, 8, 4)
    x, out = Tensor("x", (4,), fmt, 0, 1), Tensor("y", (4,), fmt, 0, 1)
    one = Const(np.ones(1))
    operators: list[Op] = [
        Flatten(name="op", x="x", out=out),
        Softmax(name="op", x="x", out=out),
        Rescaling(name="op", x="x", out=out, scale=one, offset=one),
        BatchNorm(name="op", x="x", out=out, scale=one, offset=one),
    ]
    for op in operators:
        with pytest.raises(IRError, match=f"op: {op.kind} in a typed graph"):
            verify(Graph("net", x, (op,)))
    image, same = replace(x, shape=(2, 2, 1)), replace(out, shape=(2, 2, 1))
    images: list[Op] = [
        Reshape(name="op", x="x", out=same),
        ZeroPad(name="op", x="x", out=same, padding=Padding()),
    ]
    for op in images:
        with pytest.raises(IRError, match=f"op: {op.kind} in a typed graph"):
            verify(Graph("net", image, (op,)))


def test_shapes_of_float_only_operators() -> None:
    x = Tensor("x", (2, 3, 4))

    def check(op: Op) -> None:
        verify(Graph("net", x, (op,)))

    def norm(scale: tuple[int, ...], offset: tuple[int, ...]) -> BatchNorm:
        values = Const(np.ones(scale)), Const(np.ones(offset))
        return BatchNorm(
            name="bn", x="x", out=Tensor("y", x.shape), scale=values[0], offset=values[1]
        )

    check(norm((1,), (4,)))
    check(norm((2, 3, 4), (4,)))
    for wrong in ((3,), (1, 1, 4), (24,)):
        with pytest.raises(IRError, match=r"bn: .* numbers for"):
            check(norm((1,), wrong))
    bad = replace(norm((1,), (1,)), offset=Const(np.array([np.nan])))
    with pytest.raises(IRError, match="bn: offset: NaN or infinity"):
        check(bad)
    check(Reshape(name="r", x="x", out=Tensor("y", (1, 8, 3))))
    for shape in ((24,), (2, 3, 5)):
        with pytest.raises(IRError, match="r: from"):
            check(Reshape(name="r", x="x", out=Tensor("y", shape)))
    check(ZeroPad(name="z", x="x", out=Tensor("y", (5, 4, 4)), padding=Padding(1, 2, 0, 1)))
    with pytest.raises(IRError, match="z: shape"):
        check(ZeroPad(name="z", x="x", out=Tensor("y", (5, 4, 4)), padding=Padding(1, 2, 1, 1)))
    with pytest.raises(IRError, match="z: negative padding"):
        check(ZeroPad(name="z", x="x", out=Tensor("y", (2, 2, 4)), padding=Padding(1, -1, 0, -1)))
