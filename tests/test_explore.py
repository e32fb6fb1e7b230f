"""Goals and limits: what the explorer chooses, and what it says when nothing fits."""

from __future__ import annotations

import math
import re

import pytest
from lenetgen.codegen import candidates
from lenetgen.codegen.design import build_design
from lenetgen.codegen.errors import UserError
from lenetgen.codegen.explore import Explorer, Found, NoFit, search
from lenetgen.codegen.ir import Graph, WeightedOp
from lenetgen.codegen.resources import Resources, design_resources, part_budget, total
from lenetgen.codegen.schedule import make_schedule

from .small_networks import small_typed_graph

PART = part_budget("xc7z020clg400-1")


@pytest.fixture(scope="module")
def graph() -> Graph:
    return small_typed_graph("q4.4")


def _constants(found: Found) -> int:
    return sum(fold.constant for fold in found.design.schedule.folds.values())


@pytest.mark.parametrize("pixels", [1, 2, 4, 8])
@pytest.mark.parametrize("cycles", [64, 100, 300, 2000])
def test_goals_are_met(graph: Graph, cycles: int, pixels: int) -> None:
    found = search("mini", graph, PART, cycles, None, pixels)
    assert found.timing.interval <= cycles
    assert found.design.schedule.pixels == pixels
    assert total(design_resources(found.design)).pressure(PART) <= 1
    again = search("mini", graph, PART, cycles, None, pixels)
    assert again.design.schedule == found.design.schedule


def test_the_fastest_design_takes_a_word_a_cycle(graph: Graph) -> None:
    for pixels, interval in ((1, 64), (2, 32)):
        found = search("mini", graph, PART, pixels=pixels)
        assert found.timing.interval == interval
        assert _constants(found) > 0


def test_a_looser_goal_never_costs_more(graph: Graph) -> None:
    pressures = []
    for cycles in (64, 100, 200, 400, 1600):
        pressures.append(search("mini", graph, PART, cycles).resources.pressure(PART))
    assert pressures == sorted(pressures, reverse=True) and pressures[0] > pressures[-1]


def test_more_room_never_makes_it_slower(graph: Graph) -> None:
    intervals = []
    for lut in (1350, 1450, 1600, 20_000):
        budget = Resources(lut, 100_000, 20, 100)
        found = search("mini", graph, budget)
        assert found.resources.pressure(budget) <= 1
        intervals.append(found.timing.interval)
    assert intervals == sorted(intervals, reverse=True) and intervals[0] > intervals[-1]


def test_a_latency_is_met(graph: Graph) -> None:
    slow = search("mini", graph, PART, 400)
    quick = search("mini", graph, PART, 400, slow.timing.latency - 20)
    assert quick.timing.latency <= slow.timing.latency - 20
    assert quick.timing.interval <= 400
    with pytest.raises(UserError, match=r"--target-latency 20: the quickest design found .* \d+ "):
        search("mini", graph, PART, 400, 20)


def test_fewer_cycles_than_the_input_needs_are_refused(graph: Graph) -> None:
    for pixels, least in ((1, 64), (2, 32)):
        with pytest.raises(UserError, match=rf"smallest possible value is {least}$"):
            search("mini", graph, PART, least - 1, None, pixels)


def test_what_binds_is_named_with_the_nearest_design(graph: Graph) -> None:
    budget = Resources(1450, 100_000, 20, 100)
    with pytest.raises(UserError) as refused:
        search("mini", graph, budget, 64)
    text = str(refused.value)
    assert re.match(r"--target-cycles 64: needs about [\d,]+ LUT, 1,450 are allowed; ", text)
    nearest = re.search(r"the nearest design that fits takes (\d+) cycles", text)
    assert nearest is not None
    assert search("mini", graph, budget).timing.interval == int(nearest[1]) > 64
    with pytest.raises(UserError, match=r"even the smallest needs about .* LUT, 10 are allowed"):
        search("mini", graph, Resources(10, 10, 10, 10))


def test_without_slices_layers_are_hard_wired_or_multiply_in_luts(graph: Graph) -> None:
    found = search("mini", graph, Resources(PART.lut, PART.ff, 0, 0), 300)
    folds = found.design.schedule.folds.values()
    assert all(fold.constant or fold.lut for fold in folds)
    assert any(fold.constant for fold in folds) and any(fold.lut for fold in folds)
    assert found.resources.dsp == 0


def test_no_fit_carries_the_nearest_schedule(graph: Graph) -> None:
    explorer = Explorer(graph, Resources(100, 100, 1, 1))
    with pytest.raises(NoFit) as miss:
        explorer.choose(64)
    plan = miss.value.nearest
    assert plan == make_schedule(graph, plan.folds)
    assert total(design_resources(build_design("mini", graph, plan))).lut > 100


def test_a_search_ends_where_only_the_layers_fit(graph: Graph) -> None:
    """FIFOs and ports, which the choice of the folds leaves out, need the rest."""
    with pytest.raises(NoFit) as miss:
        Explorer(graph, Resources(1, 100_000, 20, 100)).choose(10_000)
    budget = Resources(math.ceil(miss.value.resources.lut) + 1, 100_000, 20, 100)
    assert Explorer(graph, budget).choose(10_000)
    with pytest.raises(UserError, match=r"even the smallest needs about [\d,]+ LUT"):
        search("mini", graph, budget)


def test_nothing_is_estimated_twice(graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a search costs: stages estimated, and layers' candidates listed, once for a goal."""
    stages: list[object] = []
    listed: list[object] = []
    estimate, units = candidates.stage_resources, candidates.with_units

    def counted(stage: candidates.Stage) -> Resources:
        stages.append((stage.op.name, stage.source, stage.fold, stage.steps))
        return estimate(stage)

    def counted_units(*args: object) -> object:
        listed.append((args[0].name, *args[2:]))
        return units(*args)

    monkeypatch.setattr(candidates, "stage_resources", counted)
    monkeypatch.setattr(candidates, "with_units", counted_units)
    found = search("mini", graph, Resources(1450, 100_000, 20, 100))
    assert found.timing.interval > 64
    assert 20 < len(stages) == len(set(stages))
    assert 100 < len(listed) == len(set(listed))


def test_what_takes_long_to_hard_wire_is_not_tried(
    graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Digits alone, and digits times inputs, both bound the work on shared additions."""
    weighted = [op for op in graph.ops if isinstance(op, WeightedOp)]
    name, op = weighted[-1].name, weighted[-1]
    digits = candidates.nonzero_digits(op)
    inputs = op.weights.values.size // op.weights.values.shape[-1]
    assert digits > 10 and inputs > 2
    for limits, allowed in (
        ((digits, digits * inputs), True),
        ((digits - 1, digits * inputs), False),
        ((digits, digits * inputs - 1), False),
    ):
        monkeypatch.setattr(candidates, "CONSTANT_DIGITS", limits[0])
        monkeypatch.setattr(candidates, "CONSTANT_WORK", limits[1])
        assert candidates.Candidates(graph).may_be_constant(name) is allowed
