"""Which Keras layers and types hls4ml gets for an operator, and what it can't express."""

import json
from dataclasses import replace

import numpy as np
import pytest
from lenetgen.codegen.formats import quantized
from lenetgen.codegen.ir import (
    Activation,
    AvgPool2D,
    Cast,
    Const,
    Conv2D,
    Dense,
    Function,
    Graph,
    Lookup,
    MaxPool2D,
    Op,
    Padding,
    Relu,
    Window,
)
from lenetgen.sim.hls4ml_layers import Layer, split

from .crosscheck_networks import edited, typed
from .small_networks import Builder, small_design


def _only(graph: Graph) -> dict[str, Layer]:
    (segment,), reasons = split(graph)
    assert not reasons
    return {layer.name: layer for layer in segment.layers}


def test_layers_and_their_types() -> None:
    graph = small_design().graph
    assert [op.name for op in graph.ops] == ["conv1", "pool1", "conv2", "fc1", "fc2"]
    q44, q66 = "ap_fixed<8,4,AP_RND,AP_SAT>", "ap_fixed<12,6,AP_RND,AP_SAT>"
    conv = {"filters": 3, "kernel_size": (3, 3), "strides": (1, 1), "padding": "same"}
    assert list(_only(graph).values()) == [
        Layer("Conv2D", "op0", conv, {"weight": q44, "bias": q44}),
        Layer("Activation", "op0_relu", {"activation": "relu"}, {"result": q44}),
        Layer(
            "MaxPooling2D",
            "op1",
            {"pool_size": (2, 2), "strides": (2, 2), "padding": "valid"},
            {"result": q44},
        ),
        Layer(
            "Conv2D",
            "op2",
            {"filters": 4, "kernel_size": (2, 2), "strides": (1, 1), "padding": "valid"},
            {"weight": q44, "bias": q44},
        ),
        Layer("Activation", "op2_relu", {"activation": "relu"}, {"result": q44}),
        Layer("Flatten", "op3_flat"),
        Layer("Dense", "op3", {"units": 7}, {"weight": q66, "bias": q66}),
        Layer("Activation", "op3_relu", {"activation": "relu"}, {"result": q66}),
        # exact logits: accumulator and result are hls4ml's own choice
        Layer("Dense", "op4", {"units": 5}, {"weight": q66, "bias": q66}),
    ]
    (segment,), _ = split(graph)
    assert segment.stream and segment.input_shape == (8, 8, 1)
    assert segment.results["conv1"] == "op0_relu" and segment.results["fc2"] == "op4"
    document = segment.document("somewhere")
    assert document["input"] == {"shape": (8, 8, 1), "type": "ap_ufixed<8,0>"}
    assert json.loads(json.dumps(document))["io_type"] == "io_stream"


@pytest.mark.parametrize(
    ("padding", "expected"),
    [
        pytest.param(Padding(1, 1, 1, 1), ["Conv2D same"], id="same"),
        pytest.param(Padding(), ["Conv2D valid"], id="valid"),
        pytest.param(
            Padding(0, 2, 1, 1), ["ZeroPadding2D ((0, 2), (1, 1))", "Conv2D valid"], id="own"
        ),
    ],
)
def test_convolution_padding(padding: Padding, expected: list[str]) -> None:
    b = Builder((6, 5, 1), 1)
    window = Window((3, 3), padding=padding)
    b.add(Conv2D, "conv1", (*window.positions(6, 5), 2), window=window, **b.weights(3, 3, 1, 2))
    layers = _only(typed(b)).values()
    assert [f"{layer.kind} {layer.arguments['padding']}" for layer in layers] == expected


@pytest.mark.parametrize(
    ("size", "stride", "same", "stream", "strides"),
    [
        pytest.param((2, 2), (2, 2), False, True, (2, 2), id="tiling"),
        pytest.param((3, 3), (2, 2), False, False, (2, 2), id="overlapping"),
        pytest.param((2, 2), (2, 2), True, False, (2, 2), id="padded"),
        pytest.param((7, 7), (1, 1), False, True, (7, 7), id="global"),
        pytest.param((1, 7), (8, 1), False, False, (8, 7), id="once_in_a_long_image"),
    ],
)
def test_pools(
    size: tuple[int, int],
    stride: tuple[int, int],
    same: bool,
    stream: bool,
    strides: tuple[int, int],
) -> None:
    b = Builder((7, 7, 1), 1)
    window = Window.same(size, stride, (7, 7)) if same else Window(size, stride)
    b.add(Relu, "relu1", (7, 7, 1))
    b.add(AvgPool2D, "pool1", (*window.positions(7, 7), 1), window=window)
    (segment,), _ = split(typed(b))
    assert segment.stream is stream
    assert segment.layers[1].arguments == {
        "pool_size": size,
        "strides": strides,
        "padding": "same" if same else "valid",
    }


class _Mystery(Op):
    pass


def test_what_hls4ml_cannot_express_splits_the_network() -> None:
    graph = small_design().graph
    pool = graph.ops[1]
    strange = _Mystery(name="pool1", x=pool.x, out=pool.out)
    segments, reasons = split(graph.with_ops([graph.ops[0], strange, *graph.ops[2:]]))
    assert reasons == {"pool1": "hls4ml has no _Mystery of the same meaning"}
    assert [[op.name for op in segment.ops] for segment in segments] == [
        ["conv1"],
        ["conv2", "fc1", "fc2"],
    ]
    assert segments[1].x == pool.out and segments[1].input_shape == (4, 4, 3)


def test_tables_are_named() -> None:
    graph = small_design().graph
    first = graph.ops[0]
    table = Const(np.zeros(256), quantized(8, 1))
    lookup = Lookup(
        name="pool1", x=first.out.name, out=first.out, function=Function.TANH, table=table
    )
    assert split(graph.with_ops([first, lookup]))[1] == {
        "pool1": "hls4ml has tables or constants of its own for tanh"
    }


def test_a_limit_counts_only_where_it_is_reached() -> None:
    graph = small_design().graph
    fc1 = graph.ops[3]
    assert isinstance(fc1, Dense) and fc1.accumulator is not None
    largest = float(fc1.accumulator.high * fc1.accumulator.format.step)
    limited = Activation(True, largest / 2)
    reasons = split(edited(graph, "fc1", activation=limited))[1]
    assert reasons == {"fc1": f"hls4ml has no {limited.value} of the same meaning"}
    layers = _only(edited(graph, "fc1", activation=Activation(True, largest)))
    assert layers["op3_relu"].arguments == {"activation": "relu"}
    x = graph.ops[0].out
    relu = Relu(name="pool1", x=x.name, out=x, activation=Activation(True, float(x.fmt.step)))
    assert set(split(graph.with_ops([graph.ops[0], relu]))[1]) == {"pool1"}


def test_a_padded_pool_of_unsigned_codes_gets_zeros() -> None:
    b = Builder((4, 4, 1), 5)
    b.add(MaxPool2D, "pool1", (2, 2, 1), window=Window.same((3, 3), (2, 2), (4, 4)))
    b.add(Dense, "fc1", (3,), **b.weights(4, 3))
    layers = _only(typed(b))
    assert layers["op0_pad"].arguments == {"padding": ((0, 1), (0, 1))}
    assert layers["op0"].arguments["padding"] == "valid"


def test_a_cast_alone() -> None:
    graph = small_design().graph
    pool = graph.ops[1]
    same = Cast(name="pool1", x=pool.x, out=graph.ops[0].out)
    assert split(graph.with_ops([graph.ops[0], same]))[1] == {
        "pool1": "hls4ml drops a cast to the same type"
    }
    other = replace(same, out=replace(same.out, format=quantized(6, 3)))
    assert _only(graph.with_ops([graph.ops[0], other]))["op1"] == Layer(
        "Activation", "op1", {"activation": "linear"}, {"result": "ap_fixed<6,3,AP_RND,AP_SAT>"}
    )


def test_codes_wider_than_a_double_are_left_out() -> None:
    graph = small_design().graph
    wide = replace(graph.output, high=1 << 53)
    segments, reasons = split(edited(graph, "fc2", out=wide))
    assert set(reasons) == {"fc2"} and len(segments) == 1
    assert not split(edited(graph, "fc2", out=replace(wide, high=(1 << 53) - 1)))[1]
