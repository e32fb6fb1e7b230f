"""The cycle model alone: bounds, FIFO depths, deadlock.

That it equals the RTL is shown in ``test_rtl_networks``.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from lenetgen.codegen import cycles
from lenetgen.codegen.cycles import CycleModel, CycleModelError, Timing, measure
from lenetgen.codegen.design import Design, build_design
from lenetgen.codegen.formats import FixedPoint, Overflow, Rounding
from lenetgen.codegen.ir import Activation, Const, Conv2D, Dense, Graph, MaxPool2D, Tensor, Window
from lenetgen.codegen.pipeline import to_typed_graph
from lenetgen.codegen.precision import LayerPrecision, Precision
from lenetgen.codegen.schedule import Fold, make_schedule, schedule, serial_folds
from lenetgen.models.random_networks import random_network

from .rtl_zoo import ZOO

SEEDS = range(200, 260)
TARGETS = (784, 1200, 2400, 5000)
UNLIMITED = 100_000
CODE = FixedPoint(True, 8, 4, Rounding.RND, Overflow.SAT)


@lru_cache
def _lenet() -> Graph:
    """LeNet-5's shapes; the weights don't matter here."""
    tensor, ops, layers = Tensor("pixels", (28, 28, 1)), [], {}
    same = Window.same((5, 5), (1, 1), (28, 28))
    plan = [
        ("conv1", (28, 28, 6), (5, 5, 1, 6), same),
        ("pool1", (14, 14, 6), None, Window((2, 2), (2, 2))),
        ("conv2", (10, 10, 16), (5, 5, 6, 16), Window((5, 5))),
        ("pool2", (5, 5, 16), None, Window((2, 2), (2, 2))),
        ("fc1", (120,), (400, 120), None),
        ("fc2", (84,), (120, 84), None),
        ("fc3", (10,), (84, 10), None),
    ]
    for name, shape, weights, window in plan:
        more: dict[str, object] = {"window": window} if window is not None else {}
        if weights is not None:
            more["weights"] = Const(np.full(weights, 0.25))
            more["bias"] = Const(np.zeros(weights[-1]))
            more["activation"] = Activation.RELU
        kind = MaxPool2D if weights is None else Dense if window is None else Conv2D
        ops.append(kind(name=name, x=tensor.name, out=Tensor(name, shape), **more))
        types = (CODE, CODE, CODE) if weights is not None else (None, None, None)
        layers[name] = LayerPrecision(*types)
        tensor = ops[-1].out
    return to_typed_graph(
        Graph("lenet", Tensor("pixels", (28, 28, 1)), tuple(ops)), Precision("test", layers)
    )


@lru_cache
def _lenet_design(target: int) -> Design:
    return build_design("lenet", _lenet(), schedule(_lenet(), target, multipliers=10_000))


def _with_depths(design: Design, depths: dict[int, int]) -> Design:
    """The design with other FIFOs behind some stages."""
    stages = list(design.stages)
    for index, depth in depths.items():
        stages[index] = replace(stages[index], fifo=depth)
    return replace(design, stages=tuple(stages))


def _all_designs() -> list[Design]:
    designs = []
    for name, make in ZOO.items():
        graph, folds = make()
        designs.append(build_design(name, graph, make_schedule(graph, folds)))
    for seed in SEEDS:
        network = random_network(seed)
        plan = make_schedule(network.graph, network.folds, network.pixels)
        if plan.cycles <= 4000:
            designs.append(build_design(f"random_{seed}", network.graph, plan))
    return designs


@pytest.fixture(scope="module")
def timings() -> dict[str, tuple[Design, Timing]]:
    return {design.name: (design, measure(design)) for design in _all_designs()}


def test_no_design_is_faster_than_its_slowest_stage(
    timings: dict[str, tuple[Design, Timing]],
) -> None:
    for design, timing in timings.values():
        outputs = design.graph.output.size  # one result a cycle
        assert timing.interval >= max(design.schedule.cycles, outputs), design.name
        assert timing.latency >= max(design.source.words, outputs), design.name


def test_fifos_never_hold_more_than_they_can(timings: dict[str, tuple[Design, Timing]]) -> None:
    for design, timing in timings.values():
        assert len(timing.peaks) == len(design.stages)
        for stage, peak in zip(design.stages, timing.peaks, strict=True):
            assert 1 <= peak <= stage.fifo, (design.name, stage.op.name)


def test_latency_is_that_of_the_first_frame(timings: dict[str, tuple[Design, Timing]]) -> None:
    """Frames behind the first don't slow it down; every frame leaves after it came."""
    for design, timing in list(timings.values())[::3]:
        spans = CycleModel(design).run(5)
        starts, ends = zip(*spans, strict=True)
        assert spans[0] == (0, timing.latency), design.name
        assert list(ends) == sorted(set(ends))
        assert all(end - start >= timing.latency for start, end in zip(starts, ends, strict=True))


def test_sleeping_changes_nothing(
    timings: dict[str, tuple[Design, Timing]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every stage lives through every cycle: the same interval, latency and fill."""
    awake = list(timings.values())[1::2]
    for seed in (2, 56, 167):  # 167: windows of a frame pushed out by nothing
        network = random_network(seed)
        plan = make_schedule(network.graph, network.folds, network.pixels)
        design = build_design(f"random_{seed}", network.graph, plan)
        awake.append((design, measure(design)))
    monkeypatch.setattr(
        cycles._Stage, "wake", property(lambda _: 0, lambda *_: None), raising=False
    )
    monkeypatch.setattr(CycleModel, "skips", False)
    for design, timing in awake:
        assert measure(design) == timing, design.name


def test_cycles_that_only_count_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow design takes as long to simulate as words and results move, whatever its cycles."""
    design = build_design("lenet", _lenet(), make_schedule(_lenet(), serial_folds(_lenet())))
    moves = 0
    move = cycles._Stage._move

    def counted(stage: cycles._Stage) -> bool:
        nonlocal moves
        moves += 1
        return move(stage)

    monkeypatch.setattr(cycles._Stage, "_move", counted)
    assert CycleModel(design).latency() > 250_000
    assert 10_000 < moves < 60_000


@pytest.mark.parametrize("target", TARGETS)
def test_fifo_depths_cost_no_throughput(target: int) -> None:
    """Unlimited FIFOs would not make LeNet-5 faster."""
    design = _lenet_design(target)
    unlimited = _with_depths(design, dict.fromkeys(range(len(design.stages)), UNLIMITED))
    assert measure(design).interval == measure(unlimited).interval


@pytest.mark.parametrize("target", TARGETS)
def test_interval_exceeds_the_schedule_by_the_refill_of_a_window_at_most(target: int) -> None:
    """A layer that binds also waits for its next frame's first window."""
    design = _lenet_design(target)
    fill = max(
        (stage.window.size[0] - 1 - stage.window.padding.top) * stage.x.image_shape[1]
        + stage.window.size[1]
        for stage in design.stages
        if stage.window is not None
    )
    excess = measure(design).interval - design.schedule.cycles
    assert 0 <= excess <= fill + 3  # and passes through it


@pytest.mark.parametrize(("target", "layer"), [(784, "fc1"), (784, "fc2"), (2400, "fc1")])
def test_one_word_less_behind_a_dense_layer_costs_throughput(target: int, layer: str) -> None:
    """It emits a frame's words back to back while the next layer takes them one in a while."""
    design = _lenet_design(target)
    index = [stage.op.name for stage in design.stages].index(layer)
    timing = measure(design)
    assert timing.peaks[index] == design.stages[index].fifo == design.stages[index].result.words
    less = _with_depths(design, {index: design.stages[index].fifo - 1})
    assert measure(less).interval > timing.interval


@pytest.mark.parametrize("layer", ["conv1", "pool1", "fc1", "fc2"])
def test_single_word_fifos_cost_throughput(layer: str) -> None:
    design = _lenet_design(784)
    index = [stage.op.name for stage in design.stages].index(layer)
    assert measure(_with_depths(design, {index: 1})).interval > measure(design).interval


def test_results_of_a_whole_frame_fit_where_they_wait_for_its_end() -> None:
    """Without a dense layer results are there before the frame's end is; less room deadlocks."""
    graph, folds = ZOO["table_only"]()
    design = build_design("table_only", graph, make_schedule(graph, folds))
    assert design.stages[-1].fifo == design.result.words
    assert measure(design).interval == design.graph.output.size
    with pytest.raises(CycleModelError, match="nothing moved"):
        CycleModel(_with_depths(design, {0: 2})).run(1)


def test_deadlock_is_reported() -> None:
    with pytest.raises(CycleModelError, match="nothing moved for"):
        measure(_with_depths(_lenet_design(784), {2: 0}))


def test_a_stage_busy_for_long_is_no_deadlock() -> None:
    """For 16,000 cycles of every 20,001 no word enters or leaves any FIFO."""
    graph, folds = _wide_dense()
    timing = measure(build_design("wide", graph, make_schedule(graph, folds)))
    assert timing.interval == 20_001


def _wide_dense() -> tuple[Graph, dict[str, Fold]]:
    op = Conv2D(
        name="wide",
        x="pixels",
        out=Tensor("wide", (1, 1, 4000)),
        weights=Const(np.full((1, 1, 5, 4000), 0.25)),
        bias=Const(np.zeros(4000)),
        window=Window((1, 1)),
    )
    precision = Precision("test", {"wide": LayerPrecision(CODE, CODE, CODE)})
    graph = to_typed_graph(Graph("wide", Tensor("pixels", (1, 1, 5)), (op,)), precision)
    return graph, {"wide": Fold(1, 1)}
