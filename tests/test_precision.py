from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from lenetgen.codegen.cast import quantize
from lenetgen.codegen.errors import UserError
from lenetgen.codegen.formats import FixedPoint, Overflow, Rounding, quantized
from lenetgen.codegen.ir import (
    Activation,
    AvgPool2D,
    Const,
    Conv2D,
    Dense,
    Graph,
    InputTable,
    MaxPool2D,
    Relu,
    Tensor,
    Window,
)
from lenetgen.codegen.pipeline import to_typed_graph
from lenetgen.codegen.precision import (
    LayerPrecision,
    Precision,
    auto,
    from_toml,
    preset,
    to_toml,
)

SHAPE = (4, 4, 1)
LEAKY = Activation(relu=True, negative_shift=2)


def network() -> Graph:
    """One operator of every kind a float graph may end up with."""

    def const(*values: float) -> Const:
        return Const(np.array(values))

    window = Window((2, 2), (2, 2))
    return Graph(
        "net",
        Tensor("x", SHAPE),
        (
            InputTable(
                name="table",
                x="x",
                out=Tensor("t", SHAPE),
                table=Const(np.linspace(-1, 1, 256)[None]),
            ),
            Conv2D(
                name="conv",
                x="t",
                out=Tensor("c", SHAPE),
                window=Window((1, 1)),
                weights=Const(np.full((1, 1, 1, 1), 0.75)),
                bias=const(-3.0),
                activation=Activation.RELU,
            ),
            AvgPool2D(name="average", x="c", out=Tensor("a", (2, 2, 1)), window=window),
            MaxPool2D(name="max", x="a", out=Tensor("m", (1, 1, 1)), window=window),
            Dense(
                name="fc1",
                x="m",
                out=Tensor("f", (2,)),
                weights=Const(np.array([[1.5, -2.0]])),
                bias=const(0.0, 0.0),
            ),
            Relu(name="relu", x="f", out=Tensor("r", (2,))),
            Dense(
                name="fc2",
                x="r",
                out=Tensor("y", (1,)),
                weights=Const(np.array([[0.3], [0.4]])),
                bias=const(100.0),
            ),
        ),
    )


RANGES = {
    "table": (-1.0, 1.0),
    "conv": (0.0, 1.99),
    "average": (0.0, 0.6),
    "max": (0.0, 0.6),
    "fc1": (-5.0, 3.0),
    "relu": (0.0, 3.0),
    "fc2": (90.0, 130.0),
}


@pytest.mark.parametrize(
    ("name", "conv", "dense"),
    [("q8.8", 16, 16), ("q6.6", 12, 12), ("q4.4", 8, 8), ("mixed", 8, 12)],
)
def test_presets(name: str, conv: int, dense: int) -> None:
    first, last = quantized(conv, conv // 2), quantized(dense, dense // 2)
    types = preset(name, network())
    assert types.name == name
    assert types.layers == {
        "table": LayerPrecision(None, None, quantized(12, 2)),
        "conv": LayerPrecision(first, first, first),
        "average": LayerPrecision(None, None, first),
        "max": LayerPrecision(None, None, None),
        "fc1": LayerPrecision(last, last, last),
        "relu": LayerPrecision(None, None, last),
        "fc2": LayerPrecision(last, last, None),
    }
    cast = preset(name, network(), "preset").layers["fc2"]
    assert cast == LayerPrecision(last, last, last)


def test_auto() -> None:
    types = auto(network(), RANGES).layers
    signed, unsigned = quantized, lambda i: quantized(8, i, signed=False)
    assert types == {
        "table": LayerPrecision(None, None, quantized(12, 2)),
        "conv": LayerPrecision(signed(8, 1), signed(16, 3), unsigned(1)),
        "average": LayerPrecision(None, None, unsigned(0)),
        "max": LayerPrecision(None, None, None),
        "fc1": LayerPrecision(signed(8, 2), signed(16, 1), signed(8, 4)),
        "relu": LayerPrecision(None, None, unsigned(2)),
        "fc2": LayerPrecision(signed(8, 0), signed(16, 8), None),
    }
    cast = auto(network(), RANGES, "preset").layers["fc2"]
    # the largest value seen is 130: it needs eight integer bits and the sign
    assert cast.result == quantized(8, 9)


def test_auto_at_the_edge_of_a_type() -> None:
    """Half a step above the largest code rounds up and would saturate; below it does not."""

    def result(name: str, low: float, high: float) -> FixedPoint | None:
        return auto(network(), {**RANGES, name: (low, high)}).layers[name].result

    edge = 255.5 / 256
    assert result("average", 0.0, edge) == quantized(8, 1, signed=False)
    assert result("average", 0.0, np.nextafter(edge, 0)) == quantized(8, 0, signed=False)
    assert result("fc1", -1.0, 127.5 / 128) == quantized(8, 2)
    assert result("fc1", -128.5 / 128, 0.0) == quantized(8, 1)
    assert result("fc1", np.nextafter(-128.5 / 128, -2), 0.0) == quantized(8, 2)
    assert result("average", 0.0, 0.0) == quantized(8, 0, signed=False)
    assert result("fc1", 0.0, 0.0) == quantized(8, 1)


@pytest.mark.parametrize("signed", [True, False])
def test_auto_covers_and_wastes_no_bit(rng: np.random.Generator, signed: bool) -> None:
    """What was seen fits without saturating; with one integer bit less it would not."""
    checked = 0
    for exponent in range(-12, 12):
        low, high = sorted(rng.normal(0, 2.0**exponent, 2))
        graph = network()
        ranges = {**RANGES, "fc1": (low, high), "conv": (0.0, abs(high))}
        name = "fc1" if signed else "conv"
        fmt = auto(graph, ranges).layers[name].result
        assert fmt is not None and fmt.signed == signed
        values = np.array(ranges[name])
        exact = quantize(values, FixedPoint(True, 40, 40 - fmt.fraction_bits, Rounding.RND))
        assert np.array_equal(quantize(values, fmt), exact), fmt
        narrow = quantized(8, fmt.integer_bits - 1, signed=signed)
        finer = quantize(values, FixedPoint(True, 40, 40 - narrow.fraction_bits, Rounding.RND))
        checked += not np.array_equal(quantize(values, narrow), finer)
    assert checked >= 20


@pytest.mark.parametrize("name", ["q8.8", "q6.6", "q4.4", "mixed", "auto"])
@pytest.mark.parametrize("logits", ["exact", "preset"])
def test_toml_round_trip(tmp_path: Path, name: str, logits: str) -> None:
    graph = network()
    types = auto(graph, RANGES, logits) if name == "auto" else preset(name, graph, logits)
    path = tmp_path / "types.toml"
    path.write_text(to_toml(types, graph))
    assert from_toml(path, graph) == types
    to_typed_graph(graph, types)


def test_toml_of_odd_types(tmp_path: Path) -> None:
    graph = network()
    odd = FixedPoint(False, 3, -7, Rounding.RND_MIN_INF, Overflow.SAT_ZERO)
    layers = dict(preset("mixed", graph).layers)
    layers["fc1"] = LayerPrecision(odd, odd, odd)
    types = Precision("custom", layers)
    path = tmp_path / "types.toml"
    path.write_text(to_toml(types, graph))
    assert from_toml(path, graph) == types


COMPLETE = to_toml(preset("mixed", network()), network())
BROKEN = [
    ('name = "mixed"', 'nam = "mixed"', r"only 'name' and \[layers"),
    ('name = "mixed"', "name = 3", "name must be 1-40"),
    ('name = "mixed"', 'name = "../x"', "name must be 1-40"),
    ("[layers.fc1]", "[layers.fc9]", "no layer 'fc9'; the layers are table, conv"),
    ("[layers.fc1]", "[layers.fc1", "not TOML"),
    ("[layers.fc1]", '[layers.fc1]\nwidth = "1"', "layer fc1: no field 'width'; allowed: weight"),
    ("[layers.relu]", '[layers.relu]\nweight = "Q4.4"', "layer relu: no field 'weight'"),
    ("[layers.max]", '[layers.max]\nresult = "Q4.4"', "layer max: no field 'result'; allowed: -"),
    ('result = "ap_fixed<12,6,AP_RND,AP_SAT>"', "", "layer fc1: result is missing"),
    ('result = "ap_fixed<12,6,AP_RND,AP_SAT>"', "result = 8", "layer fc1: result is missing"),
    ("ap_fixed<12,6,AP_RND,AP_SAT>", "int8", "layer fc1: weight: 'int8' is no type"),
    ("ap_fixed<12,6,AP_RND,AP_SAT>", "ap_fixed<0,6>", "layer fc1: weight: width 0 is not in"),
    ("ap_fixed<12,6,AP_RND,AP_SAT>", "ap_fixed<33,6>", "fc1: weight: .* is wider than 32 bits"),
    ("ap_fixed<12,6,AP_RND,AP_SAT>", "ap_fixed<8,65>", "fc1: .*integer bits outside -64..64"),
    ("ap_fixed<12,6,AP_RND,AP_SAT>", "ap_fixed<8,4,AP_X>", "fc1: weight: .*the modes are AP_TRN"),
    ("ap_fixed<12,2,AP_RND,AP_SAT>", "exact", "layer table: only convolution and dense"),
]


@pytest.mark.parametrize(("old", "new", "message"), BROKEN, ids=[b[2][:24] for b in BROKEN])
def test_broken_toml(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in COMPLETE
    path = tmp_path / "types.toml"
    path.write_text(COMPLETE.replace(old, new, 1))
    with pytest.raises(UserError, match=message) as error:
        from_toml(path, network())
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_toml_without_a_layer(tmp_path: Path) -> None:
    path = tmp_path / "types.toml"
    path.write_text("\n".join(line for line in COMPLETE.splitlines() if "layers.fc1" not in line))
    with pytest.raises(UserError):
        from_toml(path, network())
    path.write_text('layers = "none"\n')
    with pytest.raises(UserError, match="only 'name' and"):
        from_toml(path, network())
    path.write_text("[layers]\nconv = 1\n")
    with pytest.raises(UserError, match=r"layer table: result is missing"):
        from_toml(path, network())


def test_unreadable_toml(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        from_toml(tmp_path / "none.toml", network())
    with pytest.raises(UserError, match="Is a directory"):
        from_toml(tmp_path, network())
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="not TOML"):
        from_toml(path, network())


def test_a_name_is_optional(tmp_path: Path) -> None:
    path = tmp_path / "types.toml"
    path.write_text(COMPLETE.replace('name = "mixed"', ""))
    assert from_toml(path, network()).name == "custom"


def test_auto_keeps_the_sign_a_leak_lets_through() -> None:
    graph = network()
    leaky = [
        replace(op, activation=LEAKY) if isinstance(op, (Conv2D, Relu)) else op for op in graph.ops
    ]
    ranges = {op.name: (-1.0, 1.0) for op in graph.ops}
    layers = auto(graph.with_ops(leaky), ranges).layers
    for name in ("conv", "average", "fc1", "relu"):
        result = layers[name].result
        assert result is not None and result.signed, name
