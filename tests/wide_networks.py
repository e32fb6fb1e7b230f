"""Networks with hard-wired layers and several pixels a clock: hand-picked ones and random plans.

A ``Wide`` is a typed graph, a fold per weighted layer and the pixels per word of the input port.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from lenetgen.codegen.ir import Graph, WeightedOp
from lenetgen.codegen.layout import input_layout
from lenetgen.codegen.schedule import Fold, Layer, output_layout
from lenetgen.models.random_networks import random_folds
from lenetgen.sim.shrink_case import in_turns

from .rtl_zoo import Net

DIGITS = 900  # of a layer that may be hard-wired: more make slow simulators
MULTIPLIERS = 60  # of a folded layer


@dataclass(frozen=True)
class Wide:
    """A network and how it is to be built."""

    graph: Graph
    folds: Mapping[str, Fold]
    pixels: int


def plan(graph: Graph, pixels: int, rng: np.random.Generator, constant: float) -> Wide:
    """Random folds; ``constant``: the share of layers that are hard-wired if they are small."""
    folds = random_folds(
        rng,
        graph,
        pixels,
        constant=constant,
        digits=DIGITS,
        multipliers=MULTIPLIERS,
        extremes=0,
        flat_constant=0,
    )
    return Wide(graph, folds, pixels)


def _hard_wired(graph: Graph, pixels: int, units: int = 1) -> Wide:
    """Every layer hard-wired; ``units`` where line buffers may take turns."""
    folds: dict[str, Fold] = {}
    source = input_layout(graph.input, pixels)
    for op in graph.ops:
        x = graph.source(op)
        if isinstance(op, WeightedOp):
            fold = Layer.of(op, source).constant()
            folds[op.name] = in_turns(fold, op, x, source, units)
        source = output_layout(op, x, source, folds.get(op.name))
    return Wide(graph, folds, pixels)


def _lenet(net: Net) -> Net:
    one = (1, 1)
    net.conv(2, (3, 3), one, same=True).max((2, 2), (2, 2)).conv(3, (3, 3), one).max((2, 2), (2, 2))
    return net.dense(4, one, relu=True).dense(3, one)


def _same_twice(net: Net) -> Net:
    one = (1, 1)
    return net.conv(2, (3, 3), one, same=True).conv(2, (2, 4), one, same=True).dense(3, one)


def _pools(net: Net) -> Net:
    net.conv(2, (1, 1), (1, 1), same=True).max((3, 3), (3, 3))
    return net.conv(2, (2, 2), (1, 1), same=True).dense(2, (1, 1))


def _ends_wide(net: Net) -> Net:
    return net.conv(2, (3, 3), (1, 1), same=True)


def _pool_first(net: Net) -> Net:
    return net.table().max((2, 2), (2, 2)).conv(2, (3, 3), (1, 1), same=True).dense(2, (1, 1))


def _pool_last(net: Net) -> Net:
    return net.conv(3, (3, 3), (1, 1), same=True).max((2, 2), (2, 2))


def _valid(net: Net) -> Net:
    return net.conv(2, (3, 3), (1, 1), stride=(2, 1)).max((2, 2), (1, 1)).dense(2, (1, 1))


def _overlap(net: Net) -> Net:
    return net.max((3, 2), (1, 1)).conv(2, (2, 2), (1, 1)).dense(2, (1, 1))


def _average(net: Net) -> Net:
    return net.average((2, 2), (2, 2)).conv(2, (2, 2), (1, 1), same=True).dense(2, (1, 1))


def _dense(net: Net) -> Net:
    return net.dense(5, (1, 1), relu=True).dense(3, (1, 1))


def _relu_cast(net: Net) -> Net:
    net.conv(2, (3, 3), (1, 1), same=True, relu=False).relu()
    return net.max((1, 2), (1, 2)).dense(2, (1, 1))


# name: image, layers, pixels a clock, line buffers that take turns
_NETS: dict[str, tuple[tuple[int, ...], Callable[[Net], Net], int, int]] = {
    "w_lenet_1": ((10, 10, 1), _lenet, 1, 2),
    "w_lenet_2": ((12, 12, 1), _lenet, 2, 2),
    "w_lenet_4": ((12, 12, 1), _lenet, 4, 3),
    "w_lenet_8": ((12, 12, 1), _lenet, 8, 3),
    "w_lenet_28": ((8, 28, 1), _lenet, 8, 2),
    "w_odd_2": ((9, 9, 1), _lenet, 2, 2),
    "w_odd_4": ((10, 9, 2), _lenet, 4, 2),
    "w_same_5": ((5, 5, 1), _same_twice, 4, 1),
    "w_same_9": ((4, 9, 1), _same_twice, 8, 1),
    "w_same_12": ((5, 12, 1), _same_twice, 8, 1),
    "w_narrow_row": ((6, 3, 1), _same_twice, 4, 1),
    "w_below_a_word": ((1, 2, 1), _same_twice, 4, 1),
    "w_single_pixel": ((1, 1, 3), _same_twice, 8, 1),
    "w_column": ((9, 1, 1), _same_twice, 2, 2),
    "w_pools_9": ((9, 9, 1), _pools, 3, 1),
    "w_pools_12": ((7, 12, 2), _pools, 6, 1),
    "w_ends_wide": ((5, 6, 1), _ends_wide, 4, 1),
    "w_ends_wide_7": ((3, 7, 1), _ends_wide, 2, 1),
    "w_pool_first": ((6, 12, 2), _pool_first, 4, 2),
    "w_pool_first_7": ((7, 6, 1), _pool_first, 2, 2),
    "w_pool_last": ((6, 12, 1), _pool_last, 8, 1),
    "w_valid_7": ((7, 7, 1), _valid, 4, 2),
    "w_valid_8": ((9, 8, 1), _valid, 4, 4),
    "w_overlap_8": ((6, 8, 2), _overlap, 4, 2),
    "w_average_6": ((6, 6, 2), _average, 2, 2),
    "w_average_7": ((7, 7, 1), _average, 4, 2),
    "w_dense": ((3, 5, 1), _dense, 4, 1),
    "w_vector": ((13,), _dense, 4, 1),
    "w_relu": ((4, 6, 1), _relu_cast, 4, 1),
}


def _make(name: str) -> Wide:
    shape, layers, pixels, units = _NETS[name]
    graph, _ = layers(Net(name, shape)).build()
    if zlib.crc32(name.encode()) % 3:
        return _hard_wired(graph, pixels, units)
    return plan(graph, pixels, np.random.default_rng(len(name)), 0.5)


WIDE: dict[str, Callable[[], Wide]] = {name: (lambda n=name: _make(n)) for name in _NETS}
