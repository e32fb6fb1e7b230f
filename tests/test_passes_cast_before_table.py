"""cast_before_table, and the types that presets, auto and files give a table and its address."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from lenetgen.codegen.errors import UserError
from lenetgen.codegen.formats import LayerPrecision, quantized
from lenetgen.codegen.ir import (
    Cast,
    Const,
    Dense,
    Function,
    Graph,
    Lookup,
    MaxPool2D,
    Op,
    Tensor,
    Window,
)
from lenetgen.codegen.passes.cast_before_table import cast_before_table
from lenetgen.codegen.pipeline import to_typed_graph
from lenetgen.codegen.precision import Precision, auto, from_toml, preset, to_toml
from lenetgen.codegen.verify import verify

X = Tensor("x", (2, 2, 1))
POOL = MaxPool2D(name="pool", x="x", out=Tensor("p", (1, 1, 1)), window=Window((2, 2)))
TANH = Lookup(name="tanh", x="p", out=Tensor("t", (1, 1, 1)), function=Function.TANH)


def dense(name: str, x: Tensor, outputs: int) -> Dense:
    return Dense(
        name=name,
        x=x.name,
        out=Tensor(name, (outputs,)),
        weights=Const(np.linspace(-1, 1, x.size * outputs).reshape(x.size, outputs)),
        bias=Const(np.zeros(outputs)),
    )


def chain(*functions: Function) -> Graph:
    """Dense layers with a function behind each."""
    x, ops = X, list[Op]()
    for index, function in enumerate(functions):
        layer = dense(f"fc{index}", x, 3)
        name = f"f{index}"
        ops += [layer, Lookup(name=name, x=layer.name, out=Tensor(name, (3,)), function=function)]
        x = ops[-1].out
    return Graph("g", X, tuple(ops))


def test_cast_behind_max_pooling() -> None:
    after = cast_before_table(Graph("g", X, (POOL, TANH)))
    cast = Cast(name="tanh_input", x="p", out=Tensor("tanh_input", (1, 1, 1)))
    assert after == Graph("g", X, (POOL, cast, replace(TANH, x="tanh_input")))
    verify(after)


def test_cast_finds_a_name() -> None:
    pool = replace(POOL, name="tanh_input")
    assert [op.name for op in cast_before_table(Graph("g", X, (pool, TANH))).ops][1] == (
        "tanh_input_x"
    )


def test_cast_behind_a_trained_type() -> None:
    own = replace(dense("fc", X, 1), own=LayerPrecision(result=quantized(16, 8)))
    after = cast_before_table(Graph("g", X, (own, replace(TANH, x="fc", out=Tensor("t", (1,))))))
    assert [op.kind for op in after.ops] == ["Dense", "Cast", "Lookup"]


def test_no_change() -> None:
    for graph in (
        chain(Function.TANH),
        Graph("g", X, (replace(TANH, x="x", out=replace(X, name="t")),)),
    ):
        verify(graph)
        assert cast_before_table(graph) is graph


@pytest.mark.parametrize(
    ("name", "address", "result"),
    [("q8.8", (12, 4), (16, 8)), ("mixed", (10, 4), (12, 6)), ("q4.4", (8, 4), (8, 4))],
)
def test_presets_narrow_what_a_table_reads(
    name: str, address: tuple[int, int], result: tuple[int, int]
) -> None:
    graph = chain(Function.TANH, Function.SIGMOID)
    layers = preset(name, graph).layers
    for index in range(2):
        layer = layers[f"fc{index}"]
        assert layer.result == quantized(*address)
        assert layer.weight == layer.bias == quantized(*result)
        assert layers[f"f{index}"].result == quantized(*result)
    to_typed_graph(graph, preset(name, graph))


def test_auto_covers_what_was_seen_within_eight() -> None:
    graph = chain(Function.TANH, Function.SIGMOID, Function.HARD_SIGMOID)
    ranges = {"fc0": (-1.5, 0.5), "fc1": (-3.0, 90.0), "fc2": (0.1, 0.2)}
    ranges |= {"f0": (-0.9, 0.4), "f1": (0.1, 0.9), "f2": (0.4, 0.6)}
    layers = auto(graph, ranges).layers
    results = {name: layer.result for name, layer in layers.items()}
    assert results == {
        "fc0": quantized(10, 2),
        "f0": quantized(8, 1),
        "fc1": quantized(10, 4),
        "f1": quantized(8, 0, signed=False),
        "fc2": quantized(10, -1),
        "f2": quantized(8, 0, signed=False),
    }


def test_a_file_sets_the_address(tmp_path: Path) -> None:
    graph = chain(Function.TANH)
    text = to_toml(preset("q4.4", graph), graph)
    old = 'result = "ap_fixed<8,4,AP_RND,AP_SAT>"'
    assert text.count(old) == 2
    path = tmp_path / "types.toml"
    path.write_text(text.replace(old, 'result = "Q3.9"', 1))
    typed = to_typed_graph(graph, from_toml(path, graph))
    assert typed.ops[0].out.fmt == quantized(12, 3)
    path.write_text(text.replace(old, 'result = "Q3.10"', 1))
    with pytest.raises(UserError, match=r"layer f0: .* 13-bit codes of fc0; allowed are 12 bits"):
        to_typed_graph(graph, from_toml(path, graph))


def test_range_is_that_of_the_reached_entries() -> None:
    """Pixels are 0..255/256: sigmoid of them lies in 1/2..0.7302."""
    lookup = replace(TANH, x="x", out=Tensor("t", X.shape), function=Function.SIGMOID)
    types = Precision("p", {"tanh": LayerPrecision(result=quantized(9, 1))})
    typed = to_typed_graph(Graph("g", X, (lookup,)), types)
    assert typed.ops[0].out.range == (128, 187)
