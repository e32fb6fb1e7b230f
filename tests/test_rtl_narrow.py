"""Folded layers that leave zeros out or share DSP slices, in Verilator: streams and cycles.

All networks are compiled into one simulator and run side by side.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from lenetgen.codegen.ir import Const, Graph, WeightedOp
from lenetgen.codegen.narrowing import packed_width, weight_width
from lenetgen.codegen.passes.assign_formats import with_sum
from lenetgen.codegen.schedule import Fold
from lenetgen.codegen.sparsity import schedule_steps
from lenetgen.models.random_networks import random_images
from lenetgen.sim.compare import Pace, compare, play_all

from .rtl_batch import Batch
from .rtl_networks import Network, make_batch
from .rtl_zoo import PLAIN, Net, unsigned
from .test_passes_drop_dead_channels import with_weights

FRAMES = 8
PACES = {
    "full": Pace("full"),
    "alone": Pace("alone", isolated=True),
    "both": Pace("both", gap=25, stall=25, burst=4),
}


def thinned(graph: Graph, share: float, seed: int) -> Graph:
    """A share of all weights set to zero, at random; every other one even."""
    rng = np.random.default_rng(seed)
    changes = {}
    for op in graph.ops:
        if isinstance(op, WeightedOp):
            kept = rng.random(op.weights.shape) >= share
            codes = np.where(kept, op.weights.values & ~np.int64(seed % 2), 0)
            changes[op.name] = (codes, op.bias.values)
    return with_weights(graph, changes)


def _net(name: str, shape: tuple[int, ...]) -> Net:
    return Net(name, shape)


# name: network, share of zeros, folds
MADE: dict[str, tuple[Net, float, tuple[Fold, ...]]] = {
    "s_serial": (  # a stage in front: a schedule in block RAM is not there right after reset
        _net("s_serial", (30,)).relu(unsigned(8, 0)).dense(9, (1, 1), relu=True).dense(4, (1, 1)),
        0.8,
        (Fold(1, 1), Fold(1, 1, lut=True)),
    ),
    "s_image": (
        _net("s_image", (6, 6, 1)).conv(4, (3, 3), (1, 1)).dense(7, (1, 1)).dense(3, (1, 1)),
        0.7,
        (Fold(1, 2), Fold(2, 2), Fold(2, 1)),
    ),
    "s_pairs": (  # rounds of two: the same round meets itself, and fillers part it
        _net("s_pairs", (24,)).dense(4, (1, 1), relu=True).dense(2, (1, 1)),
        0.75,
        (Fold(2, 1), Fold(1, 1)),
    ),
    "s_words": (  # several stream words a step, a last word that is short
        _net("s_words", (4, 5, 3)).conv(5, (2, 2), (1, 1)).dense(11, (1, 1)).dense(6, (1, 1)),
        0.85,
        (Fold(3, 2), Fold(2, 6), Fold(1, 2)),
    ),
    "p_odd": (  # an output without a partner; inputs with and without sign
        _net("p_odd", (12,))
        .dense(7, (1, 1), result=PLAIN)
        .dense(5, (1, 1), relu=True, result=PLAIN)
        .dense(3, (1, 1)),
        0.0,
        (Fold(4, 3, packed=True), Fold(5, 2, packed=True), Fold(3, 5, packed=True)),
    ),
    "p_image": (
        _net("p_image", (6, 6, 2)).conv(5, (3, 3), (1, 1), relu=False).dense(4, (1, 1)),
        0.2,
        (Fold(2, 4, packed=True), Fold(4, 5, packed=True)),
    ),
    "p_sparse": (
        _net("p_sparse", (30,)).dense(8, (1, 1), relu=True, result=PLAIN).dense(4, (1, 1)),
        0.8,
        (Fold(2, 1, sparse=True, packed=True), Fold(2, 1, sparse=True, packed=True)),
    ),
    "s_empty": (
        _net("s_empty", (20,)).dense(5, (1, 1)).dense(3, (1, 1)),
        1.0,
        (Fold(1, 1), Fold(1, 2)),
    ),
}


def _network(name: str) -> Network:
    net, share, folds = MADE[name]
    graph, _ = net.build()
    weighted = [op.name for op in graph.ops if isinstance(op, WeightedOp)]
    chosen = dict(zip(weighted, folds, strict=True))
    graph = thinned(graph, share, len(name))
    if name.startswith("s_"):
        chosen = {op: replace(fold, sparse=True) for op, fold in chosen.items()}
    else:
        graph = _lowest(graph)
    return Network.of(name, graph, chosen, random_images(graph, FRAMES, len(name)))


def _lowest(graph: Graph) -> Graph:
    """The lowest weight there is beside a negative one: its borrow takes a bit more."""
    op = graph.ops[0]
    assert isinstance(op, WeightedOp) and op.weights.format is not None
    codes = op.weights.values.copy()
    codes[..., 0, :2] = -1, op.weights.format.min_code
    ops = list(graph.ops)
    x = graph.input
    for index, old in enumerate(ops):
        assert isinstance(old, WeightedOp) and old.weights.format is not None
        if index == 0:
            old = replace(old, weights=Const(codes, old.weights.format))
        assert old.accumulator is not None
        exact = old.out.fmt == old.activation.exact(old.accumulator.format)
        ops[index] = with_sum(old, x, None if exact else old.out.fmt)
        x = ops[index].out
    return graph.with_ops(ops)


@pytest.fixture(scope="module")
def networks() -> list[Network]:
    return [_network(name) for name in MADE]


@pytest.fixture(scope="module")
def batch(networks: list[Network], tmp_path_factory: pytest.TempPathFactory) -> Batch:
    return make_batch(tmp_path_factory.mktemp("narrow"), networks, opt="-O0")


@pytest.mark.verilator
@pytest.mark.parametrize("pace", PACES)
def test_every_stream_and_every_cycle(
    batch: Batch, networks: list[Network], pace: str, seed: int
) -> None:
    found = play_all(batch, networks, PACES[pace], seed)
    assert [str(finding) for finding in found] == []


def test_cpp_has_the_same_integers(
    networks: list[Network], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """It multiplies by the zeros."""
    folder = tmp_path_factory.mktemp("narrow_cpp")
    chosen = [network for network in networks if network.name in ("s_words", "p_odd")]
    assert [str(found) for found in compare(chosen, folder, engines=("csim",))] == []


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.95])
@pytest.mark.parametrize("shape", [(3, 2), (9, 2), (12, 3), (30, 7)])
def test_a_schedule_keeps_what_it_must(
    shape: tuple[int, int], share: float, rng: np.random.Generator
) -> None:
    chunks, rounds = shape
    for _ in range(40):
        used = rng.random(shape) < share
        steps = schedule_steps(used)
        real = [(step.chunk, step.round) for step in steps if not step.filler]
        assert len(set(real)) == len(real)
        assert set(zip(*np.nonzero(used), strict=True)) <= set(real)
        order = list(range(rounds))
        assert [step.round for step in steps if step.chunk == 0][:rounds] == order
        assert [step.round for step in steps if step.chunk == chunks - 1] == order
        assert [step.chunk for step in steps] == sorted(step.chunk for step in steps)
        assert {step.chunk for step in steps} == set(range(chunks))
        assert all(a.round != b.round for a, b in pairwise(steps))


def test_nothing_is_left_out_of_what_is_too_small() -> None:
    for shape in ((1, 5), (2, 5), (9, 1)):
        assert len(schedule_steps(np.zeros(shape, dtype=np.bool_))) == shape[0] * shape[1]


def test_the_networks_leave_steps_out(networks: list[Network]) -> None:
    """And reach the cases in which two steps in a row would meet the same accumulator."""
    stages = [stage for network in networks for stage in network.design.stages if stage.fold]
    saved = [stage for stage in stages if stage.steps and not stage.fold.packed]
    assert all(stage.vector_cycles < stage.chunks * stage.rounds for stage in saved)
    assert {stage.op.kind for stage in saved} == {"Conv2D", "Dense"}
    assert any(step.filler for stage in saved for step in stage.steps)
    assert any(stage.packed_words > 1 for stage in saved)
    assert any(not stage.steps for stage in stages)  # two chunks: nothing to leave out
    for network in networks:
        if network.name != "s_empty":
            assert len(np.unique(network.logits, axis=0)) > 1, network.name


def test_the_networks_share_slices(networks: list[Network]) -> None:
    """With signed and unsigned inputs, an output left over, and weights that need one more bit."""
    stages = [stage for network in networks for stage in network.design.stages]
    packed = [stage for stage in stages if stage.fold is not None and stage.fold.packed]
    assert {stage.x.range[0] < 0 for stage in packed} == {False, True}
    wider = set()
    for stage in packed:
        assert stage.fold is not None and isinstance(stage.op, WeightedOp)
        assert stage.fold.slices == (stage.fold.pe + 1) // 2 * stage.fold.simd
        wider.add(packed_width(stage.op, stage.fold.pe) - weight_width(stage.op))
    assert {stage.fold.pe % 2 for stage in packed if stage.fold} == {0, 1}
    assert wider == {0, 1}
