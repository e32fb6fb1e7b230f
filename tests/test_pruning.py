"""Pruning pays: what ``lenetgen estimate`` says of a network before and after."""

from __future__ import annotations

import numpy as np
import pytest
from lenetgen.cli.estimate import estimate
from lenetgen.codegen.cycles import measure
from lenetgen.codegen.design import Design, build_design
from lenetgen.codegen.explore import Found, search
from lenetgen.codegen.ir import Graph
from lenetgen.codegen.pipeline import to_hardware_graph
from lenetgen.codegen.resources import part_budget
from lenetgen.codegen.schedule import Fold, make_schedule, schedule

from .rtl_zoo import PLAIN, Net
from .test_passes_drop_dead_channels import kill, layers, stack
from .test_rtl_narrow import thinned

PART = "xc7z020clg400-1"


def _found(graph: Graph, cycles: int | None = None) -> Found:
    return search("pruned", graph, part_budget(PART), cycles)


def _plain(graph: Graph) -> Design:
    return build_design("pruned", graph, schedule(graph, multipliers=12))


@pytest.fixture(scope="module")
def pair() -> tuple[Graph, Graph]:
    """A network with half of the filters and neurons dead, before and after they are dropped."""
    graph = stack()
    for name, channels in (("conv2d_0", (0, 2)), ("conv2d_4", (1,)), ("dense_5", (0, 3))):
        for channel in channels:
            graph = kill(graph, name, channel, 5)
    small = to_hardware_graph(graph)
    assert all(
        np.prod(layers(small)[name]) < np.prod(shape) for name, shape in layers(graph).items()
    )
    return graph, small


def test_dead_structure_at_a_goal(pair: tuple[Graph, Graph]) -> None:
    """As fast, less of everything that counts."""
    before, after = (estimate(_found(graph, 100).design, PART) for graph in pair)
    assert after["share"][before["binding"]] < before["share"][before["binding"]]
    assert after["total"]["lut"] < before["total"]["lut"]
    assert after["total"]["ff"] < before["total"]["ff"]


def test_dead_structure_at_as_many_multipliers(pair: tuple[Graph, Graph]) -> None:
    before, after = (_plain(graph) for graph in pair)
    assert after.schedule.multipliers <= before.schedule.multipliers
    assert measure(after).interval < measure(before).interval
    assert sum(stage.cycles for stage in after.stages) < sum(
        stage.cycles for stage in before.stages
    )


def test_scattered_zeros_in_a_small_design() -> None:
    """Fewer cycles, slices and memory words for the same work; the scheduler finds it."""
    net = Net("thin", (40,)).dense(24, (1, 1), relu=True, result=PLAIN).dense(4, (1, 1))
    before, _ = net.build()
    after = thinned(before, 0.85, 2)
    serial = {"dense_0": Fold(1, 1, sparse=True), "dense_1": Fold(1, 1)}
    cycles = []
    for graph in (before, after):
        design = build_design("thin", graph, make_schedule(graph, serial))
        cycles.append(measure(design).interval)
        assert design.stages[0].vector_cycles <= 40 * 24
    assert cycles[1] < cycles[0] / 3
    goal = 2 * cycles[1]
    plain, thin = (_found(graph, goal) for graph in (before, after))
    assert thin.design.schedule.folds["dense_0"].sparse
    assert not any(fold.sparse for fold in plain.design.schedule.folds.values())
    assert thin.timing.interval <= goal
    for part in ("lut", "dsp"):
        assert getattr(thin.resources, part) < getattr(plain.resources, part), part


def test_shared_slices_are_half() -> None:
    found = _found(stack(), 100).design.schedule.folds.values()
    packed = [fold for fold in found if fold.packed]
    assert packed
    for fold in packed:
        assert fold.slices < fold.multipliers
        assert fold.slices == -(-fold.pe // 2) * fold.simd
