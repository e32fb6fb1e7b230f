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
from lenetgen.codegen.schedule import schedule

from .test_passes_drop_dead_channels import kill, layers, stack

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
