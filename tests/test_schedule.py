from __future__ import annotations

import math

import numpy as np
import pytest
from lenetgen.codegen.errors import UserError
from lenetgen.codegen.ir import (
    Const,
    Conv2D,
    Dense,
    Graph,
    MaxPool2D,
    Op,
    Tensor,
    WeightedOp,
    Window,
)
from lenetgen.codegen.layout import StreamLayout, folded_layout, input_layout, pixel_layout
from lenetgen.codegen.schedule import (
    DEFAULT_MULTIPLIERS,
    Fold,
    Layer,
    choose_folds,
    layouts,
    make_schedule,
    minimum_cycles,
    schedule,
)
from lenetgen.models.random_networks import random_network


def lenet5() -> Graph:
    """LeNet-5's geometry; the schedule does not look at weights."""
    tensor = Tensor("pixels", (28, 28, 1))
    ops: list[Op] = []

    def add(cls: type[Op], name: str, shape: tuple[int, ...], **fields: object) -> None:
        nonlocal tensor
        out = Tensor(name, shape)
        ops.append(cls(name=name, x=tensor.name, out=out, **fields))
        tensor = out

    def parameters(*shape: int) -> dict[str, Const]:
        return {"weights": Const(np.zeros(shape)), "bias": Const(np.zeros(shape[-1]))}

    pool = Window((2, 2), (2, 2))
    same = Window.same((5, 5), (1, 1), (28, 28))
    add(Conv2D, "conv1", (28, 28, 6), window=same, **parameters(5, 5, 1, 6))
    add(MaxPool2D, "pool1", (14, 14, 6), window=pool)
    add(Conv2D, "conv2", (10, 10, 16), window=Window((5, 5)), **parameters(5, 5, 6, 16))
    add(MaxPool2D, "pool2", (5, 5, 16), window=pool)
    add(Dense, "fc1", (120,), **parameters(400, 120))
    add(Dense, "fc2", (84,), **parameters(120, 84))
    add(Dense, "fc3", (10,), **parameters(84, 10))
    return Graph("lenet5", Tensor("pixels", (28, 28, 1)), tuple(ops))


def work(layer: Layer, fold: Fold) -> int:
    """Cycles by stepping through the words one by one."""
    cycles = 0
    for _ in range(layer.vectors):
        for _ in range(0, layer.outputs, fold.pe):
            if fold.simd <= layer.lanes:
                for _ in range(layer.words):
                    cycles += len(range(0, layer.lanes, fold.simd))
            else:
                cycles += len(range(0, layer.words, fold.simd // layer.lanes))
    return cycles


LAYERS = [
    pytest.param(Layer(outputs=6, vectors=3, lanes=25, words=1), id="conv"),
    pytest.param(Layer(outputs=7, vectors=1, lanes=4, words=9), id="dense_of_words"),
    pytest.param(Layer(outputs=1, vectors=1, lanes=1, words=1), id="smallest"),
    pytest.param(Layer(outputs=5, vectors=1, lanes=1, words=11), id="dense_of_elements"),
    pytest.param(Layer(outputs=13, vectors=2, lanes=8, words=1), id="one_word"),
]


@pytest.mark.parametrize("layer", LAYERS)
def test_cycles_are_counted_right(layer: Layer) -> None:
    folds = list(layer.folds())
    assert len(set(folds)) == len(folds)
    assert Fold(1, 1) in folds
    for fold in folds:
        assert layer.cycles(fold) == work(layer, fold), fold
        assert 1 <= fold.pe <= layer.outputs
        assert fold.simd <= layer.lanes or fold.simd % layer.lanes == 0
        assert layer.effective_simd(fold.simd) == fold.simd
    fastest = Fold(layer.outputs, layer.lanes * layer.words)
    assert fastest in folds
    assert layer.cycles(fastest) == layer.vectors


@pytest.mark.parametrize("layer", LAYERS)
def test_no_fold_is_left_out_that_would_be_cheaper(layer: Layer) -> None:
    """For every number of cycles some legal fold reaches, ``folds`` has one as cheap."""
    simds = [s for s in range(1, layer.lanes + 1)]
    simds += [layer.lanes * k for k in range(2, layer.words + 1)]
    best: dict[int, int] = {}
    for simd in simds:
        for pe in range(1, layer.outputs + 1):
            cycles, cost = layer.cycles(Fold(pe, simd)), pe * simd
            best[cycles] = min(best.get(cycles, cost), cost)
    offered: dict[int, int] = {}
    for fold in layer.folds():
        cycles = layer.cycles(fold)
        offered[cycles] = min(offered.get(cycles, fold.multipliers), fold.multipliers)
    assert offered == best


def test_layers_of_lenet5() -> None:
    graph = lenet5()
    sources = {op.name: source for op, source, _ in layouts(graph, choose_folds(graph, 784))}
    layers = {
        op.name: Layer.of(op, sources[op.name]) for op in graph.ops if isinstance(op, WeightedOp)
    }
    assert layers["conv1"] == Layer(outputs=6, vectors=784, lanes=25, words=1)
    assert layers["conv2"] == Layer(outputs=16, vectors=100, lanes=150, words=1)
    assert (layers["fc1"].outputs, layers["fc1"].vectors) == (120, 1)
    assert layers["fc1"].lanes * layers["fc1"].words >= 400


def test_layouts() -> None:
    image, vector = Tensor("i", (3, 4, 5)), Tensor("v", (7,))
    assert input_layout(image) == pixel_layout(image) == StreamLayout(5, 5, 12)
    assert input_layout(vector) == StreamLayout(1, 7, 1)
    folded = folded_layout(image, 2)
    assert (folded.words_per_group, folded.words) == (3, 36)
    seen = [folded.element(word, lane) for word in range(folded.words) for lane in range(2)]
    assert [n for n in seen if n is not None] == list(range(60))
    assert seen.count(None) == 12  # the third word of a pixel has one dead lane
    assert seen[5] is None


def test_without_a_goal_the_multipliers_bind() -> None:
    graph = lenet5()
    plan = schedule(graph)
    assert plan.multipliers <= DEFAULT_MULTIPLIERS
    faster = choose_folds(graph, plan.cycles - 1)
    assert sum(fold.multipliers for fold in faster.values()) > DEFAULT_MULTIPLIERS
    assert plan == make_schedule(graph, plan.folds)
    assert schedule(graph) == plan


@pytest.mark.parametrize("multipliers", [5, 6, 12, 50, 186, 1000, 100_000])
def test_more_multipliers_are_never_slower(multipliers: int) -> None:
    graph = lenet5()
    plan = schedule(graph, multipliers=multipliers)
    assert plan.multipliers <= max(multipliers, 5)
    assert plan.cycles >= minimum_cycles(graph)
    assert schedule(graph, multipliers=multipliers * 2).cycles <= plan.cycles
    if multipliers == 100_000:
        assert plan.cycles == minimum_cycles(graph) == 784


def test_one_multiplier_a_layer_is_the_least() -> None:
    plan = schedule(lenet5(), multipliers=1)
    assert set(plan.folds.values()) == {Fold(1, 1)}
    assert plan.cycles == 10 * 10 * 16 * 150


@pytest.mark.parametrize("cycles", [784, 1000, 5000, 20_000, 240_000])
def test_a_goal_is_met_with_the_fewest(cycles: int) -> None:
    graph = lenet5()
    plan = schedule(graph, target_cycles=cycles, multipliers=10_000)
    assert plan.cycles <= cycles
    for op, source, _ in layouts(graph, plan.folds):
        if not isinstance(op, WeightedOp):
            continue
        layer = Layer.of(op, source)
        for fold in layer.folds():
            if fold.multipliers < plan.folds[op.name].multipliers:
                assert layer.cycles(fold) > cycles, (op.name, fold)


def test_goals_out_of_reach() -> None:
    graph = lenet5()
    with pytest.raises(UserError, match=r"--target-cycles 783: .*smallest possible value is 784"):
        schedule(graph, target_cycles=783)
    with pytest.raises(UserError, match=r"needs \d+ multipliers, 20 are allowed; .* takes \d+"):
        schedule(graph, target_cycles=1000, multipliers=20)


def test_the_nearest_design_that_fits_does_fit() -> None:
    graph = lenet5()
    with pytest.raises(UserError) as error:
        schedule(graph, target_cycles=800, multipliers=60)
    best = int(str(error.value).split("takes ")[1].split()[0])
    assert schedule(graph, target_cycles=best, multipliers=60).cycles <= best
    with pytest.raises(UserError):
        schedule(graph, target_cycles=best - 1, multipliers=60)


@pytest.mark.parametrize("number", range(20))
def test_random_networks_get_legal_folds(number: int) -> None:
    graph = random_network(number).graph
    plan = schedule(graph, multipliers=40)
    weighted = [op for op in graph.ops if isinstance(op, WeightedOp)]
    assert set(plan.folds) == {op.name for op in weighted}
    for op, source, _ in layouts(graph, plan.folds):
        if isinstance(op, WeightedOp):
            layer = Layer.of(op, source)
            assert plan.folds[op.name] in list(layer.folds())
            assert layer.cycles(plan.folds[op.name]) <= plan.cycles
    assert plan.multipliers <= max(40, len(weighted))
    ideal = sum(
        math.prod(op.weights.shape) * (math.prod(op.out.shape[:2]) if isinstance(op, Conv2D) else 1)
        for op in weighted
    )
    assert plan.cycles * plan.multipliers >= ideal
