"""Bounds on timing with pauses of the source, and FIFO depths, in the cycle model and in Verilog.

The designs are small; one Verilator build holds those that are simulated.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from lenetgen.codegen.cycle_windows import Fifo
from lenetgen.codegen.cycles import CycleModel, CycleModelError, measure
from lenetgen.codegen.design import FLAG_DEPTH, Design, build_design
from lenetgen.codegen.errors import UserError
from lenetgen.codegen.explore import search
from lenetgen.codegen.gaps import GapBound, least_latency
from lenetgen.codegen.ir import Conv2D, Window
from lenetgen.codegen.pipeline import to_float_graph, to_typed_graph
from lenetgen.codegen.precision import preset
from lenetgen.codegen.resources import part_budget
from lenetgen.codegen.schedule import Fold, make_schedule
from lenetgen.models.random_networks import random_images, random_network
from lenetgen.sim.golden import GoldenModel

from .rtl_batch import Batch, Record
from .rtl_networks import Network, make_batch, problems, record_of, timing_problems
from .rtl_zoo import ZOO
from .small_networks import Builder, small_typed_graph

FRAMES = 4
GAPS = (1, 6)
SEEDS = range(2000, 2006)
LONGEST = 300  # cycles a frame
PART = part_budget("xc7z020clg400-1")
Waits = npt.NDArray[np.uint32]


@functools.cache
def _mini(cycles: int, pixels: int) -> Design:
    """The small LeNet for a goal: constant engines, flat windows, row feeds."""
    name = f"mini_{cycles}_{pixels}"
    return search(name, small_typed_graph("q4.4"), PART, cycles, None, pixels).design


@functools.cache
def _zoo(name: str) -> Design:
    graph, folds = ZOO[name]()
    return build_design(name, graph, make_schedule(graph, folds))


@functools.cache
def _random(seed: int) -> Design:
    network = random_network(seed)
    plan = make_schedule(network.graph, network.folds)
    return build_design(f"random_{seed}", network.graph, plan)


# FIFOs that one word less makes too small: behind what is sent at once
TIGHT = {
    "a_word_a_cycle": (lambda: _mini(64, 1), "conv1"),
    "words_of_a_group": (lambda: _mini(300, 1), "conv2"),
    "words_of_a_vector": (lambda: _random(3003), "dense_5"),
}


def _simulated() -> list[Design]:
    """Folded and constant engines, padding that flushes rows, strides, averages, wide words."""
    names = ("conv_even_strided", "average_strided", "max_overlapping")
    return [_mini(64, 1), _mini(32, 2), *map(_zoo, names)]


def _tight(case: str) -> tuple[Design, Design]:
    """A design, and the same with one word less behind a layer."""
    make, layer = TIGHT[case]
    design = make()
    index = [stage.op.name for stage in design.stages].index(layer)
    less = _with_fifo(design, index, design.stages[index].fifo - 1)
    return design, replace(less, name=f"less_{case}")


def _with_fifo(design: Design, index: int, depth: int) -> Design:
    stages = list(design.stages)
    stages[index] = replace(stages[index], fifo=depth)
    return replace(design, stages=tuple(stages))


def _patterns(words: int, gap: int, rng: np.random.Generator) -> Iterator[Waits]:
    """At most ``gap`` cycles in front of each word but the first: always, often, seldom, once."""
    always = np.full(words, gap)
    for waits in (
        always,
        rng.integers(0, gap + 1, words),
        always * (rng.random(words) < 0.15),
        always * (np.arange(words) == rng.integers(1, max(words, 2))),
    ):
        waits[0] = 0
        yield waits.astype(np.uint32)


class _Paused(CycleModel):
    """The cycle model behind a source that waits in front of every word."""

    skips = False  # the source counts cycles

    def __init__(self, design: Design, waits: Waits) -> None:
        super().__init__(design)
        outer, left = self, [*waits.astype(int).tolist(), 0]

        class Entry(Fifo):
            """Looked at once a cycle, by the source."""

            @property
            def room(self) -> bool:
                word = outer.sent
                if left[word] > 0:
                    left[word] -= 1
                    return False
                outer.sent += self.count < self.depth
                return self.count < self.depth

        self.sent = 0
        self.entry = Entry(self.entry.depth)
        self.fifos[0] = self.stages[0].before = self.entry


def _spans(design: Design, waits: Waits) -> list[tuple[int, int]]:
    return _Paused(design, waits).run(len(waits) // design.source.words)


def _series(waits: Waits, words: int) -> list[int]:
    """Most cycles the frames of a series can be late.

    The last results of a frame are pushed out by the first words of the next one, once that began:
    all pauses up to the next frame's end.
    """
    sums = np.cumsum(waits.astype(int))[words - 1 :: words].tolist()
    return [*sums[1:], sums[-1]]


@pytest.mark.parametrize("gap", GAPS)
def test_pauses_delay_by_their_sum_at_most(gap: int, rng: np.random.Generator) -> None:
    """An isolated frame, and each frame of a series; hence the bounds."""
    checked = 0
    for design in [*_simulated(), *map(_random, SEEDS)]:
        if design.schedule.cycles > LONGEST:
            continue
        words, timing = design.source.words, measure(design)
        assert timing.latency >= least_latency(words, len(design.stages)), design.name
        plain = [end for _, end in CycleModel(design).run(FRAMES)]
        for waits in _patterns(words * FRAMES, gap, rng):
            ((start, end),) = _spans(design, waits[:words])
            assert end - start <= timing.latency + int(waits[:words].sum()), design.name
            ends = [end for _, end in _spans(design, waits)]
            for end, free, late in zip(ends, plain, _series(waits, words), strict=True):
                assert end <= free + late, design.name
            checked += 1
    assert checked >= 40


def test_a_bound_is_reached_and_a_negative_gap_refused() -> None:
    """Where nothing is done before the last word, the formulas are exact."""
    design = _zoo("dense_parallel")
    bound = GapBound.of(design, measure(design))
    words = design.source.words
    assert (bound.timing.interval, words) == (4, 4)
    waits = np.full(words * FRAMES, 3, dtype=np.uint32)
    waits[0] = 0
    spans = _spans(design, waits)
    assert spans[0][1] - spans[0][0] == bound.latency(3) == bound.timing.latency + 3 * (words - 1)
    assert spans[3][1] - spans[2][1] == bound.interval(3) == 16
    assert "4 + 4 G cycles per frame, latency at most" in str(bound)
    with pytest.raises(UserError, match="input gap -1: a number of cycles, 0 or more"):
        bound.latency(-1)


@pytest.fixture(scope="module")
def networks() -> list[Network]:
    found = []
    for design in [*_simulated(), *(_tight(case)[1] for case in TIGHT)]:
        images = random_images(design.graph, FRAMES, len(design.name))
        found.append(Network(design, images, GoldenModel(design.graph).trace(images)))
    return found


@pytest.fixture(scope="module")
def batch(networks: list[Network], tmp_path_factory: pytest.TempPathFactory) -> Batch:
    return make_batch(tmp_path_factory.mktemp("bounds"), networks, opt="-O0")


@pytest.mark.verilator
@pytest.mark.slow
@pytest.mark.parametrize("gap", GAPS)
def test_verilog_keeps_the_bounds(
    batch: Batch, networks: list[Network], gap: int, rng: np.random.Generator
) -> None:
    pauses = [
        list(_patterns(network.design.source.words * FRAMES, gap, rng)) for network in networks
    ]
    for pattern in range(len(pauses[0])):
        for isolated in (True, False):
            plays = {
                f"d_{network.name}": network.play(
                    range(FRAMES), isolated=isolated, waits=waits[pattern]
                )
                for network, waits in zip(networks, pauses, strict=True)
            }
            records = batch.play(plays)
            for network, waits in zip(networks, pauses, strict=True):
                record = record_of(records, network)
                assert problems(network, record, range(FRAMES)) == [], network.name
                _check(network, record, waits[pattern], gap, isolated)


def _check(network: Network, record: Record, waits: Waits, gap: int, isolated: bool) -> None:
    words, timing = network.design.source.words, network.timing
    first = record.taken[::words]
    last = record.out.cycles[network.outputs - 1 :: network.outputs]
    if isolated:
        # the pause in front of a frame is not part of its latency
        inside = waits.astype(int).reshape(FRAMES, words)[:, 1:].sum(axis=1)
        assert (last - first <= timing.latency + inside).all(), network.name
        limit = GapBound.of(network.design, timing).latency(gap)
        assert (last - first).max() <= limit, network.name
        return
    spans = _spans(network.design, waits)
    assert (last - first[0]).tolist() == [end - spans[0][0] for _, end in spans], network.name


@pytest.mark.verilator
@pytest.mark.slow
def test_one_word_less_costs_throughput_in_verilog(batch: Batch, networks: list[Network]) -> None:
    """As much as the cycle model says; the results stay exact."""
    plays = {f"d_{one.name}": one.play([0, 1, 2, 3] * 3) for one in networks}
    records = batch.play(plays)
    interval = {}
    for network in networks:
        record = record_of(records, network)
        assert problems(network, record, [0, 1, 2, 3] * 3) == [], network.name
        assert timing_problems(network, record, 3 * FRAMES) == [], network.name
        ends = record.out.cycles[network.outputs - 1 :: network.outputs]
        interval[network.name] = int(ends[-1] - ends[-2])
    for case in TIGHT:
        assert interval[f"less_{case}"] > measure(_tight(case)[0]).interval, case


def _interval(design: Design, flags: int = FLAG_DEPTH, frames: int = 24) -> float:
    """Cycles per frame in the long run; infinite if nothing moves."""
    model = CycleModel(design)
    model.flags.depth = flags
    try:
        ends = [end for _, end in model.run(frames)]
    except CycleModelError:
        return float("inf")
    half = frames // 2
    return (ends[-1] - ends[-1 - half]) / half


@pytest.mark.parametrize("case", TIGHT)
def test_one_word_less_costs_throughput(case: str) -> None:
    design, less = _tight(case)
    assert _interval(less) > _interval(design)


def test_line_buffers_that_take_turns() -> None:
    """Their FIFOs: the depth suffices, and one word less than it takes costs throughput."""
    builder = Builder((12, 64, 1), 5)
    builder.add(Conv2D, "conv1", (10, 62, 2), window=Window((3, 3)), **builder.weights(3, 3, 1, 2))
    graph = to_float_graph(builder.graph("turns"))
    graph = to_typed_graph(graph, preset("q4.4", graph))
    fold = Fold(2, 9, constant=True, units=2)
    design = build_design("turns", graph, make_schedule(graph, {"conv1": fold}, 2))
    (stage,) = design.stages

    def interval(depth: int) -> float:
        return _interval(replace(design, stages=(replace(stage, unit_fifo=depth),)), frames=8)

    free, low, high = interval(10_000), 0, stage.unit_fifo
    assert interval(high) == free
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if interval(middle) == free else (middle, high)
    assert interval(high - 1) > free


@pytest.mark.parametrize(("cycles", "pixels"), [(16, 4), (64, 1)])
def test_frames_in_flight(cycles: int, pixels: int) -> None:
    """The flag FIFO: one place less than it takes stalls the input; 16 are enough here."""
    design = _mini(cycles, pixels)
    free = _interval(design, 1000)
    assert _interval(design, FLAG_DEPTH) == free
    needed = next(depth for depth in range(1, FLAG_DEPTH) if _interval(design, depth) == free)
    assert needed > 1 and free < _interval(design, needed - 1) < float("inf")
    assert _interval(design, 0) == float("inf")
