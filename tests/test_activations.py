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
from lenetgen.codegen.ir import Activation, Const, Function, Lookup, Op
from lenetgen.codegen.precision import LayerPrecision
from lenetgen.codegen.serialize import from_parts, to_parts
from lenetgen.models.random_networks import random_images
from lenetgen.sim.compare import compare
from lenetgen.sim.golden.model import kernel_for
from lenetgen.sim.rtl_networks import Network

from .rtl_zoo import PLAIN, Net, unsigned

pytestmark = [pytest.mark.verilator, pytest.mark.slow]

FRAMES = 12
TRN_ZERO = (Rounding.TRN_ZERO, Overflow.SAT)
NEEDLESS = ("dense_3", Activation.RELU)  # no sum reaches the limit it really has
WIDE = FixedPoint(True, 9, 4, Rounding.RND, Overflow.SAT)
CONV = FixedPoint(True, 6, 4, Rounding.RND_CONV, Overflow.SAT)


def relu(limit: float | None) -> Activation:
    return Activation(relu=True, max_value=limit)


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


MAKERS = (fused_limits, lone_limits, tables)
NETS: dict[str, Callable[[], Net]] = {make.__name__: make for make in MAKERS}


def plainer(op: Op) -> list[Op]:
    """``op`` with each property of its activation left out; none if it has no property."""
    if isinstance(op, Lookup):
        assert op.table is not None and op.table.format is not None
        return [replace(op, table=Const(np.roll(op.table.values, 1), op.table.format))]
    act = getattr(op, "activation", Activation.LINEAR)
    others = {Activation.LINEAR, replace(act, max_value=None)} - {act}
    return [replace(op, activation=other) for other in others]  # type: ignore[call-arg]


@pytest.fixture(scope="module")
def networks() -> dict[str, Network]:
    found = {}
    for name, make in NETS.items():
        graph, folds = make().build()
        found[name] = Network.of(name, graph, folds, random_images(graph, FRAMES, len(name)))
    return found


def test_three_ways(networks: dict[str, Network], tmp_path: Path, seed: int) -> None:
    """Golden model, C++ of the declared widths and Verilog: every stream, every cycle."""
    assert compare(list(networks.values()), tmp_path, exact=True, seed=seed) == []


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
            assert same == ((op.name, getattr(other, "activation", None)) == NEEDLESS), op
