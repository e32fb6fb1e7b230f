"""Activations in golden model, compiled C++ and Verilog: every stream, every cycle.

That each activation matters is asserted: with a plainer one in its place, its results would be
others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lenetgen.codegen.formats import FixedPoint, Overflow, Rounding
from lenetgen.codegen.ir import Activation, Const, Function, Lookup, Op, Relu, Tensor, WeightedOp
from lenetgen.codegen.precision import LayerPrecision
from lenetgen.codegen.serialize import from_parts, to_parts
from lenetgen.models.random_networks import random_images
from lenetgen.sim.compare import compare
from lenetgen.sim.golden.model import kernel_for
from lenetgen.sim.rtl_networks import Network

from .rtl_zoo import PLAIN, Net, unsigned

pytestmark = [pytest.mark.verilator, pytest.mark.slow]

FRAMES = 12
ENGINES = ("csim-exact", "rtl")
TRN_ZERO = (Rounding.TRN_ZERO, Overflow.SAT)
NEEDLESS = ("dense_3", Activation.RELU)  # no sum reaches the limit it really has
WIDE = FixedPoint(True, 9, 4, Rounding.RND, Overflow.SAT)
CONV = FixedPoint(True, 6, 4, Rounding.RND_CONV, Overflow.SAT)


def relu(limit: float | None) -> Activation:
    return Activation(relu=True, max_value=limit)


def leaky(shift: int, limit: float | None = None) -> Activation:
    return Activation(True, limit, shift)


def acting(net: Net, activation: Activation) -> Net:
    """``net`` with another activation in its last layer."""
    net.ops[-1] = replace(net.ops[-1], activation=activation)  # type: ignore[call-arg]
    return net


def alone(net: Net, activation: Activation, result: FixedPoint) -> Net:
    """``net`` with a stand-alone activation behind it."""
    return acting(net.relu(result), activation)


def fused_limits() -> Net:
    """Limits inside layers: before rounding, in an exact result, one no sum reaches."""
    net = acting(Net("fused_limits", (5, 4, 2)).conv(3, (2, 2), (2, 5), result=WIDE), relu(0.5))
    net = acting(net.conv(4, (2, 2), (3, 7), same=True, result=CONV), relu(0.375))
    net = acting(net.dense(5, (2, 6), result=unsigned(8, 4)), relu(0.25))
    net = acting(net.dense(4, (4, 3), result=PLAIN), relu(1e6))
    return acting(net.dense(3, (2, 2)), relu(0.5))


def lone_limits() -> Net:
    """Limits of stages on their own, signed and unsigned inputs, gaining and losing bits."""
    net = alone(Net("lone_limits", (4, 3, 2)), relu(0.625), unsigned(7, 0))
    net = alone(net, relu(0.5), FixedPoint(True, 5, 2, Rounding.RND, Overflow.SAT))
    net = net.conv(4, (2, 2), (3, 8), relu=False, result=WIDE).average((2, 1), (1, 1), result=WIDE)
    net = alone(net, relu(0.3125), FixedPoint(True, 11, 4, Rounding.TRN, Overflow.WRAP))
    return alone(net, relu(0.1875), FixedPoint(True, 5, 2, Rounding.RND_INF, Overflow.SAT_SYM))


def leaks() -> Net:
    """Slopes below zero, in layers and alone: exact results, limits, unsigned inputs."""
    net = alone(Net("leaks", (5, 4, 2)), leaky(3), unsigned(7, 0))
    net = acting(net.conv(3, (2, 2), (2, 5), result=WIDE), leaky(2))
    net = acting(net.conv(4, (2, 2), (3, 7), result=CONV), leaky(1, 0.25))
    net = alone(net, leaky(4), FixedPoint(True, 9, 3, Rounding.TRN_ZERO, Overflow.SAT))
    net = alone(net, leaky(2, 0.125), FixedPoint(True, 8, 2, Rounding.RND_CONV, Overflow.WRAP))
    net = acting(net.dense(6, (2, 6), result=None), leaky(5))
    return acting(net.dense(3, (2, 2)), leaky(16, 0.375))


def table(net: Net, function: Function, result: FixedPoint = PLAIN) -> Net:
    """``net`` with a table of ``function`` behind it."""
    types = LayerPrecision(None, None, result)
    return net._add(Lookup, net.tensor.shape, types, function=function)


def tables() -> Net:
    """Every function; addresses signed and unsigned, of 1 bit to 12, of pixels and of a pool."""
    net = table(Net("tables", (5, 4, 2)), Function.SIGMOID, FixedPoint(True, 9, 1, *TRN_ZERO))
    net = net.conv(3, (2, 2), (2, 5), relu=False, result=FixedPoint(True, 12, 3))
    net = table(net, Function.TANH, FixedPoint(True, 10, 1, Rounding.RND_CONV, Overflow.SAT_SYM))
    net = table(net.max((2, 2), (1, 1)), Function.HARD_SIGMOID, unsigned(6, 1))
    net = net.conv(4, (1, 1), (3, 3), relu=False, result=unsigned(7, 1))
    net = table(net, Function.TANH, FixedPoint(True, 5, 0, Rounding.TRN, Overflow.WRAP))
    net = table(net.dense(6, (4, 3), result=FixedPoint(True, 1, 1)), Function.SIGMOID)
    return table(net.dense(5, (2, 6), result=FixedPoint(True, 6, 3)), Function.HARD_SIGMOID)


MAKERS = (fused_limits, lone_limits, leaks, tables)
NETS: dict[str, Callable[[], Net]] = {make.__name__: make for make in MAKERS}


def plainer(op: Op) -> list[Op]:
    """``op`` with each property of its activation left out; none if it has no property."""
    if isinstance(op, Lookup):
        assert op.table is not None and op.table.format is not None
        return [replace(op, table=Const(np.roll(op.table.values, 1), op.table.format))]
    act = getattr(op, "activation", Activation.LINEAR)
    others = {Activation.LINEAR, replace(act, max_value=None), replace(act, negative_shift=0)}
    return [replace(op, activation=other) for other in others - {act}]  # type: ignore[call-arg]


def needless(op: Op, other: Op, x: Tensor) -> bool:
    """Whether ``other`` may do the same: nothing is negative, or no sum reaches the limit."""
    if not isinstance(op, (WeightedOp, Relu)) or not isinstance(other, type(op)):
        return False
    same_limit = other.activation.max_value == op.activation.max_value
    positive = isinstance(op, Relu) and x.range[0] >= 0
    return (op.name, other.activation) == NEEDLESS or (same_limit and positive)


@pytest.fixture(scope="module")
def networks() -> dict[str, Network]:
    found = {}
    for name, make in NETS.items():
        graph, folds = make().build()
        found[name] = Network.of(name, graph, folds, random_images(graph, FRAMES, len(name)))
    return found


def test_three_ways(networks: dict[str, Network], tmp_path: Path, seed: int) -> None:
    """Golden model, C++ of the declared widths and Verilog: every stream, every cycle."""
    assert compare(list(networks.values()), tmp_path, engines=ENGINES, seed=seed) == []


@pytest.mark.parametrize("name", NETS)
def test_round_trip_through_design_json(name: str, networks: dict[str, Network]) -> None:
    graph = networks[name].design.graph
    assert from_parts(*to_parts(graph)) == graph


@pytest.mark.parametrize("name", NETS)
def test_every_activation_matters(name: str, networks: dict[str, Network]) -> None:
    network = networks[name]
    for op in network.design.graph.ops:
        assert len(np.unique(network.expected[op.out.name])) > 1, op.name
        x = network.design.graph.source(op)
        for other in plainer(op):
            codes: Any = kernel_for(other, x)(network.expected[x.name].copy())
            same = np.array_equal(codes.reshape(-1), network.expected[op.out.name].reshape(-1))
            assert same == needless(op, other, x), op
