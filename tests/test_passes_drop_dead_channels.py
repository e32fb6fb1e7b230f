"""drop_dead_channels: what goes, what stays, and that no logit changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from lenetgen.codegen.formats import FixedPoint
from lenetgen.codegen.ir import (
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
    Relu,
    Tensor,
    WeightedOp,
)
from lenetgen.codegen.lookup import table_codes
from lenetgen.codegen.passes.assign_formats import with_sum
from lenetgen.codegen.passes.drop_dead_channels import drop_dead_channels
from lenetgen.codegen.pipeline import to_hardware_graph
from lenetgen.codegen.verify import verify
from lenetgen.models.random_networks import random_images, random_network
from lenetgen.sim.golden import GoldenModel

from .rtl_zoo import PLAIN, Net

IMAGES = 40
RESULT = FixedPoint(True, 10, 5)
FINE_BIAS = FixedPoint(True, 20, 4)  # as fine as any product here
ONE = (1, 1)


def with_weights(graph: Graph, changes: dict[str, tuple[np.ndarray, np.ndarray]]) -> Graph:
    """Other codes of weights and biases by layer; sums only get smaller."""
    ops: list[Op] = []
    for op in graph.ops:
        if isinstance(op, WeightedOp) and op.name in changes:
            weights, bias = changes[op.name]
            formats = (op.weights.format, op.bias.format)
            op = replace(op, weights=Const(weights, formats[0]), bias=Const(bias, formats[1]))
        ops.append(op)
    changed = graph.with_ops(ops)
    verify(changed)
    return changed


def pruned(graph: Graph, rng: np.random.Generator, share: float = 0.4) -> Graph:
    """A share of filters without weights (with and without bias), of inputs that nobody reads."""
    changes: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for op in graph.ops:
        if isinstance(op, WeightedOp):
            channels = graph.source(op).image_shape[2]
            weights = op.weights.values.reshape(-1, channels, op.weights.shape[-1]).copy()
            bias = op.bias.values.copy()
            dead = rng.random(bias.size) < share
            weights[:, :, dead] = 0
            bias[dead & (rng.random(bias.size) < 0.5)] = 0
            weights[:, rng.random(channels) < share / 2] = 0
            changes[op.name] = (weights.reshape(op.weights.shape), bias)
    return with_weights(graph, changes)


def layers(graph: Graph) -> dict[str, tuple[int, ...]]:
    return {op.name: op.weights.shape for op in graph.ops if isinstance(op, WeightedOp)}


def same_logits(before: Graph, after: Graph, seed: int) -> bool:
    verify(after)
    images = random_images(before, IMAGES, seed)
    return np.array_equal(GoldenModel(before).run(images), GoldenModel(after).run(images))


def stack(bias: FixedPoint = FINE_BIAS, same: bool = False) -> Graph:
    """conv, ReLU, max pool, mean, conv, dense, dense: one filter of the first without weights."""
    net = Net("stack", (9, 9, 2)).conv(4, (2, 2), ONE).relu(RESULT).max((2, 2), (1, 1))
    net.average((2, 2), (2, 2), same=True, result=RESULT).conv(3, (2, 2), ONE, same=same, bias=bias)
    graph, _ = net.dense(5, ONE, relu=True, result=PLAIN, bias=bias).dense(3, ONE).build()
    return graph


def kill(graph: Graph, name: str, channel: int, bias: int) -> Graph:
    """The layer's filter ``channel`` without weights, with this bias code."""
    (op,) = [op for op in graph.ops if op.name == name]
    assert isinstance(op, WeightedOp)
    weights, biases = op.weights.values.copy(), op.bias.values.copy()
    weights[..., channel] = 0
    biases[channel] = bias
    return with_weights(graph, {name: (weights, biases)})


@pytest.mark.parametrize("number", range(60))
def test_no_logit_of_a_random_network_changes(number: int, rng: np.random.Generator) -> None:
    graph = pruned(random_network(number).graph, rng)
    small = to_hardware_graph(graph)
    assert same_logits(graph, small, number)
    assert drop_dead_channels(small) is small or same_logits(graph, drop_dead_channels(small), 1)


def test_random_networks_get_smaller(rng: np.random.Generator) -> None:
    smaller = 0
    for number in range(60):
        graph = pruned(random_network(number).graph, rng)
        smaller += layers(drop_dead_channels(graph)) != layers(graph)
    assert smaller > 25  # many have a single weighted layer, whose outputs are the logits


def test_nothing_dead_nothing_changed() -> None:
    graph = stack()
    assert drop_dead_channels(graph) is graph


@pytest.mark.parametrize("bias", [-40, 0, 90])
def test_a_filter_without_weights_goes_with_its_maps(bias: int) -> None:
    graph = kill(stack(), "conv2d_0", 1, bias)
    small = drop_dead_channels(graph)
    assert small.ops[0].out.shape == (8, 8, 3)
    assert {op.out.shape[2] for op in small.ops[:4]} == {3}
    assert layers(small)["conv2d_4"] == (2, 2, 3, 3)
    assert layers(small)["dense_5"] == layers(graph)["dense_5"]
    assert same_logits(graph, small, 3)
    (before, after) = (g.ops[4] for g in (graph, small))
    assert isinstance(before, Conv2D) and isinstance(after, Conv2D)
    assert after.bias.format == before.bias.format == FINE_BIAS
    assert np.array_equal(after.bias.values, before.bias.values) == (bias <= 0)


def test_a_bias_that_its_type_cant_hold_gets_a_finer_one() -> None:
    coarse = FixedPoint(True, 6, 4)
    graph = kill(stack(coarse), "conv2d_0", 1, 90)
    small = drop_dead_channels(graph)
    assert small.ops[0].out.shape == (8, 8, 3)
    (op,) = [op for op in small.ops if op.name == "conv2d_4"]
    assert isinstance(op, Conv2D) and op.bias.format is not None and op.accumulator is not None
    assert op.bias.format.fraction_bits == op.accumulator.format.fraction_bits
    assert same_logits(graph, small, 3)


def test_a_constant_that_meets_zero_padding_stays() -> None:
    graph = kill(stack(same=True), "conv2d_0", 1, 90)
    assert drop_dead_channels(graph) is graph
    nothing = kill(stack(same=True), "conv2d_0", 1, -40)  # zero behind the ReLU
    small = drop_dead_channels(nothing)
    assert small.ops[0].out.shape == (8, 8, 3)
    assert same_logits(nothing, small, 3)


def test_a_channel_nobody_reads_goes_with_all_that_only_it_needs(rng: np.random.Generator) -> None:
    """Neuron 2 of the first dense layer is unread; of the maps only it read the second."""
    graph = stack()
    conv, first, second = graph.ops[4], graph.ops[5], graph.ops[6]
    assert isinstance(conv, Conv2D) and isinstance(first, Dense) and isinstance(second, Dense)
    maps = first.weights.values.copy().reshape(-1, 3, 5)
    maps[:, 1, [0, 1, 3, 4]] = 0
    assert maps[:, 1, 2].any()
    last = second.weights.values.copy()
    last[2] = 0
    changes = {
        first.name: (maps.reshape(first.weights.shape), first.bias.values),
        second.name: (last, second.bias.values),
    }
    graph = with_weights(graph, changes)
    small = drop_dead_channels(graph)
    positions = maps.shape[0]
    assert layers(small) == {
        "conv2d_0": (2, 2, 2, 4),
        "conv2d_4": (2, 2, 4, 2),
        "dense_5": (positions * 2, 4),
        "dense_6": (4, 3),
    }
    assert same_logits(graph, small, 4)


def test_image_and_logits_keep_their_shapes() -> None:
    """A dead network: every logit is a bias, and one channel is left of everything between."""
    graph = stack()
    changes = {}
    for op in graph.ops:
        if isinstance(op, WeightedOp):
            changes[op.name] = (np.zeros_like(op.weights.values), op.bias.values)
    graph = with_weights(graph, changes)
    small = drop_dead_channels(graph)
    assert small.input == graph.input and small.output.shape == graph.output.shape
    assert [op.out.shape[-1] for op in small.ops] == [1, 1, 1, 1, 1, 1, 3]
    assert same_logits(graph, small, 5)


def test_constants_pass_tables_and_casts() -> None:
    """A table maps the constant to something else than zero; the next layer's bias takes it."""
    net = Net("tables", (5, 5, 1)).conv(3, (2, 2), ONE, relu=False)
    net.cast(FixedPoint(True, 6, 2)).dense(2, ONE, bias=FINE_BIAS)
    graph, _ = net.build()
    graph = kill(graph, "conv2d_0", 2, -30)
    cast = graph.ops[1]
    assert isinstance(cast, Cast)
    table = Const(table_codes(Function.HARD_SIGMOID, cast.out.fmt, RESULT), RESULT)
    low, high = int(table.values.min()), int(table.values.max())
    out = replace(cast.out, name="t", format=RESULT, low=low, high=high)
    lookup = Lookup(name="t", x=cast.out.name, out=out, function=Function.HARD_SIGMOID, table=table)
    last = graph.ops[2]
    assert isinstance(last, Dense)
    last = with_sum(replace(last, x="t"), out, None)
    graph = graph.with_ops([*graph.ops[:2], lookup, last])
    verify(graph)
    small = drop_dead_channels(graph)
    assert small.ops[0].out.shape == (4, 4, 2)
    assert isinstance(small.ops[3], Dense) and isinstance(graph.ops[3], Dense)
    assert not np.array_equal(small.ops[3].bias.values, graph.ops[3].bias.values)
    assert same_logits(graph, small, 6)


def test_every_kind_of_operator_lies_between() -> None:
    """The random networks above hold what may stand between two layers."""
    between = set()
    for number in range(60):
        ops = random_network(number).graph.ops
        places = [i for i, op in enumerate(ops) if isinstance(op, WeightedOp)]
        if places:
            between |= {type(op) for op in ops[places[0] : places[-1]]}
    assert {MaxPool2D, AvgPool2D, Relu, Cast, Lookup} <= between


def test_ranges_and_sums_follow() -> None:
    graph = kill(stack(), "conv2d_0", 1, 90)
    small = drop_dead_channels(graph)
    before, after = graph.ops[0], small.ops[0]
    assert isinstance(before, Conv2D) and isinstance(after, Conv2D)
    assert before.accumulator is not None and after.accumulator is not None
    assert after.accumulator.high <= before.accumulator.high
    assert small.output.fmt.fraction_bits == graph.output.fmt.fraction_bits
    assert isinstance(small.input, Tensor)
