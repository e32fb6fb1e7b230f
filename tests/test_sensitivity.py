"""``lenetgen sensitivity``: every number against networks put together and counted by hand."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from lenetgen.cli.sensitivity import command
from lenetgen.codegen.errors import UserError
from lenetgen.codegen.formats import FixedPoint, LayerPrecision
from lenetgen.codegen.ir import Const, Dense, Graph, MaxPool2D, Tensor, WeightedOp
from lenetgen.codegen.pipeline import to_float_graph, to_typed_graph
from lenetgen.codegen.precision import Precision, preset
from lenetgen.models.datasets import Dataset
from lenetgen.models.random_networks import random_images, random_network
from lenetgen.models.sensitivity import Sensitivity, Step, fewest, reference, sensitivity
from lenetgen.models.variants import Family, Outcome, exchanged
from lenetgen.models.weight_use import weight_histogram, weight_histograms, weight_use
from lenetgen.sim.float_model import FloatModel
from lenetgen.sim.golden import GoldenModel

from .small_networks import small_float_graph

LAYERS = ["conv1", "conv2", "fc1", "fc2"]
Q44 = FixedPoint.parse("Q4.4")


@pytest.fixture
def graph() -> Graph:
    """A small network of 8×8×1 images, its float passes done."""
    return to_float_graph(small_float_graph())


@pytest.fixture
def data(graph: Graph, rng: np.random.Generator) -> Dataset:
    """150 images, which is no whole number of chunks; most labels are the float network's."""
    images = rng.integers(0, 256, (150, 8, 8, 1), dtype=np.uint8)
    labels = FloatModel(graph).run(images).argmax(axis=1)
    labels[::4] = rng.integers(0, 4, len(labels[::4]))
    return Dataset(images, np.where(labels == 4, 3, labels), "drawn", "150 drawn images")


def golden(graph: Graph, types: Precision, data: Dataset) -> list[list[float]]:
    """Real logits of the golden model of ``graph`` with ``types``."""
    typed = to_typed_graph(graph, types)
    codes = GoldenModel(typed).run(data.images)
    return [[code * float(typed.output.fmt.step) for code in row] for row in codes.tolist()]


def check(outcome: Outcome, found: list[list[float]], other: list[list[float]], data: Dataset):
    """Every field of ``outcome`` from the logits of two networks."""
    assert data.labels is not None
    labels = data.labels.tolist()
    right = [row.index(max(row)) == label for row, label in zip(found, labels, strict=True)]
    before = [row.index(max(row)) == label for row, label in zip(other, labels, strict=True)]
    won = [label for label, r, b in zip(labels, right, before, strict=True) if r and not b]
    lost = [label for label, r, b in zip(labels, right, before, strict=True) if b and not r]
    assert (outcome.correct, outcome.accuracy) == (sum(right), sum(right) / len(labels))
    assert (outcome.won, outcome.lost) == (len(won), len(lost))
    assert outcome.change == pytest.approx(100 * (sum(right) - sum(before)) / len(labels))
    pairs = list(zip(found, other, strict=True))
    assert outcome.other_class == sum(a.index(max(a)) != b.index(max(b)) for a, b in pairs)
    for number, change in enumerate(outcome.recall_change):
        images = max(labels.count(number), 1)
        assert change == pytest.approx(100 * (won.count(number) - lost.count(number)) / images)
    noise = sum((a - b) ** 2 for x, y in pairs for a, b in zip(x, y, strict=True))
    power = sum(b**2 for _, y in pairs for b in y)
    if noise == 0:
        assert outcome.sqnr_db is None
    else:
        assert outcome.sqnr_db == pytest.approx(10 * math.log10(power / noise))


def test_every_layer_against_networks_made_by_hand(graph: Graph, data: Dataset) -> None:
    types = preset("q4.4", graph)
    told: list[tuple[str, int, int]] = []
    result = sensitivity(
        graph,
        types,
        data,
        data.images[:20],
        bits=(3, 2),
        progress=lambda *step: told.append(step),
    )
    wide = reference(graph, data.images[:20])
    exact, full = (golden(graph, each, data) for each in (wide, types))
    check(result.reference, exact, exact, data)
    check(result.quantized, full, exact, data)
    assert result.quantized.change != 0
    assert [layer.name for layer in result.layers] == LAYERS
    for layer in result.layers:
        alone = Precision("a", wide.layers | {layer.name: types.layers[layer.name]})
        spared = Precision("s", types.layers | {layer.name: wide.layers[layer.name]})
        check(layer.alone, golden(graph, alone, data), exact, data)
        check(layer.spared, golden(graph, spared, data), full, data)
        assert [step.bits for step in layer.sweep] == [3, 2]
        for step in layer.sweep:
            op = next(op for op in graph.ops if op.name == layer.name)
            assert isinstance(op, WeightedOp)
            fmt = FixedPoint.parse(step.type)
            assert fmt.width == step.bits
            values = op.weights.values  # rounding takes none to more than half a step beyond
            assert values.max() < float(fmt.real(fmt.max_code)) + float(fmt.step) / 2
            assert values.min() >= float(fmt.real(fmt.min_code)) - float(fmt.step) / 2
            entry = dataclasses.replace(wide.layers[layer.name], weight=fmt)
            narrow = Precision("n", wide.layers | {layer.name: entry})
            check(step.outcome, golden(graph, narrow, data), exact, data)
    assert any(layer.alone.change != 0 for layer in result.layers)
    assert data.labels is not None
    assert result.support == tuple(data.labels.tolist().count(number) for number in range(5))
    logits = FloatModel(graph).run(data.images)
    assert result.float_accuracy == (logits.argmax(axis=1) == data.labels).mean()
    assert result.float_other_class == 0
    runs = 2 + 4 * 2 + 4 * 2
    assert told[-1] == ("golden model", 150 * runs, 150 * runs)
    json.dumps(result.as_dict(), allow_nan=False)


def test_a_family_shares_what_is_shared_and_nothing_else(graph: Graph, data: Dataset) -> None:
    """Members that branch before their parent does, that equal it, and biases of their own."""
    wide, types = reference(graph, data.images[:20]), preset("q4.4", graph)
    late = exchanged(wide, types, ["fc2"])
    early = exchanged(late, types, ["conv2"])
    last = graph.ops[-1]
    assert isinstance(last, Dense)
    moved = Precision("b", types.layers, {"fc2": Const(last.bias.values + 1)})
    kept = exchanged(moved, wide, ["fc1"])
    cured = exchanged(kept, types, ["fc2"])
    assert (list(kept.biases), list(cured.biases)) == (["fc2"], [])
    assert exchanged(types, moved, ["fc2"]).biases == moved.biases
    members = [(wide, 0), (late, 0), (early, 1), (late, 1), (late, 3), (kept, 2), (wide, 4)]
    family = Family(graph)
    for types_, parent in members:
        family.add(types_, parent)
    assert data.labels is not None
    results = family.run(data.images, data.labels)
    logits = [golden(graph, types_, data) for types_, _ in members]
    for number, (_, parent) in enumerate(members):
        check(results.outcome(number), logits[number], logits[parent], data)
    assert results.outcome(3).sqnr_db is results.outcome(4).sqnr_db is None
    assert results.outcome(5).sqnr_db is not None


@pytest.mark.parametrize("seed", range(12))
def test_the_reference_stands_for_the_float_network(seed: int) -> None:
    graph = to_float_graph(random_network(seed).source)
    images = random_images(graph, 40, seed)
    typed = to_typed_graph(graph, reference(graph, images[:20]))
    found = GoldenModel(typed).run(images) * float(typed.output.fmt.step)
    wanted = FloatModel(graph).run(images)
    tables = any(op.kind == "Lookup" for op in graph.ops)  # addresses of 12 bits
    error = np.abs(found - wanted).max() / max(float(np.abs(wanted).max()), 1e-6)
    assert error < (0.02 if tables else 1e-3)


def test_the_reference_of_tiny_and_large_parameters() -> None:
    tiny, large = Const(np.full((4, 2), 1e-30)), Const(np.array([0.25, -3.0]))
    op = Dense(name="fc", x="x", out=Tensor("fc", (2,)), weights=tiny, bias=large)
    graph = Graph("g", Tensor("x", (2, 2, 1)), (op,))
    images = np.full((3, 2, 2, 1), 255, dtype=np.uint8)
    typed = to_typed_graph(graph, reference(graph, images))
    logits = GoldenModel(typed).run(images) * float(typed.output.fmt.step)
    assert logits.tolist() == [[0.25, -3.0]] * 3


def layer(values: list[float]) -> Dense:
    """A dense layer ``fc`` with these weights, one for each input."""
    weights = Const(np.array(values).reshape(-1, 1))
    return Dense(name="fc", x="x", out=Tensor("fc", (1,)), weights=weights, bias=Const([0.0]))


def typed_layer(op: Dense, fmt: FixedPoint) -> Dense:
    graph = Graph("g", Tensor("x", (op.weights.shape[0],)), (op,))
    types = Precision("p", {"fc": LayerPrecision(fmt, Q44, None)})
    result = to_typed_graph(graph, types).ops[0]
    assert isinstance(result, Dense)
    return result


def test_weight_use_of_a_few_weights() -> None:
    op = layer([0.3, -0.3, 0.02, 0.0])
    use = weight_use(op, typed_layer(op, Q44))  # codes 5, -5, 0, 0
    assert use.range_use == 0.0375
    assert (use.weights, use.least, use.largest) == (4, -0.3, 0.3)
    assert (use.to_zero, use.zero, use.saturated) == (0.25, 0.5, 0)
    assert use.bits_used == 4
    assert use.entropy_bits == 1.5
    assert dict(use.percentiles)[50.0] == pytest.approx(0.01)
    wide = layer([9.0, -8.0, 7.96, -8.01])  # only the first is more than a step outside
    use = weight_use(wide, typed_layer(wide, Q44))
    assert (use.saturated, use.bits_used) == (0.25, 8)
    assert use.range_use == pytest.approx(17.01 / 16)
    same = layer([0.5, 0.5])
    assert weight_use(same, typed_layer(same, Q44)).entropy_bits == 0


def test_histogram_and_grid(graph: Graph) -> None:
    op = layer([-0.3, -0.1, 0.1, 0.26])
    found = weight_histogram(op, Q44, 4)
    assert found.counts.tolist() == [1, 1, 1, 1]
    assert found.edges.tolist() == pytest.approx([-0.3, -0.16, -0.02, 0.12, 0.26])
    assert found.grid().tolist() == [step / 16 for step in range(-4, 5)]
    given = weight_histogram(op, Q44, [-9.0, 0.0, 9.0])
    assert given.counts.tolist() == [2, 2]
    assert (given.grid()[0], given.grid()[-1]) == (-8.0, 7.9375)
    assert given.as_dict()["codes"] == [-128, 127]
    coarse = FixedPoint.parse("ap_fixed<2,4>")
    assert weight_histogram(op, coarse, [0.5, 3.0]).grid().tolist() == []
    with pytest.raises(ValueError, match=r"fc: .* values of ap_fixed<32,2>"):
        weight_histogram(op, FixedPoint.parse("ap_fixed<32,2>")).grid()
    for bins in (0, [1.0], [0.0, 0.0]):
        with pytest.raises(UserError, match="histogram needs at least"):
            weight_histogram(op, Q44, bins)
    typed = to_typed_graph(graph, preset("mixed", graph))
    all_layers = weight_histograms(graph, typed, 8)
    assert [each.name for each in all_layers] == LAYERS
    for each in all_layers:
        real = next(op for op in graph.ops if op.name == each.name)
        assert isinstance(real, WeightedOp)
        assert each.counts.sum() == real.weights.values.size
        assert each.step == (1 / 16 if each.name.startswith("conv") else 1 / 64)
    with pytest.raises(ValueError, match="has no types"):
        weight_histograms(graph, graph)


def test_fewest_bits_do_not_skip_a_width_that_loses_more() -> None:
    def steps(**changes: float) -> list[Step]:
        outcomes = {
            name: Outcome(0.0, 0, change, 0, 0, 0, None, ()) for name, change in changes.items()
        }
        return [Step(int(name[1:]), "", outcome) for name, outcome in outcomes.items()]

    assert fewest(steps(b2=-0.05, b3=-0.2, b4=-0.1, b5=0.3), 0.1) == 4
    assert fewest(steps(b8=-0.3, b4=0.0), 0.1) is None
    assert fewest(steps(b4=-0.5, b3=-0.5), 0.5) == 3
    assert fewest([], 0.1) is None


def run(*arguments: str) -> Any:
    result = CliRunner().invoke(
        command, ["lenet5", "--dataset", "digits", *arguments], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    return result


def test_the_bundled_network_on_the_digits() -> None:
    found = json.loads(run("--precision", "q4.4", "--bits", "2,8", "--json").stdout)
    assert found["source"].startswith("validation part of 144 of scikit-learn digits")
    assert found["images"] == found["reference"]["correct"] / found["reference"]["accuracy"] == 144
    assert [each["name"] for each in found["layers"]] == ["conv1", "conv2", "fc1", "fc2", "fc3"]
    for each in found["layers"]:
        assert 0 < each["weights"]["range_use"] < 0.15
        assert each["alone"]["sqnr_db"] > found["quantized"]["sqnr_db"] > 10
        assert [step["bits"] for step in each["sweep"]] == [8, 2]
        assert each["sweep"][0]["sqnr_db"] > each["sweep"][1]["sqnr_db"] + 20
    some = ("--split", "test", "--layer", "fc3", "--images", "20", "--bits", "4")
    table = run("--precision", "mixed", *some)
    assert "enlarged to 28x28, test set of 360 (built in); 20 used" in table.stderr
    lines = [line.split() for line in table.stdout.splitlines() if line]
    assert [words[0] for words in lines].count("fc3") == 3
    assert not {"conv1", "conv2", "fc1", "fc2"} & {words[0] for words in lines}
    assert lines[0][:2] == ["accuracy:", "float"]
    assert [words[0] for words in lines[-10:]] == list("0123456789")
    assert sum(int(words[1]) for words in lines[-10:]) == 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--bits", "1-8"], "'1-8': numbers 2 to 16", id="one_bit"),
        pytest.param(["--bits", "8-2"], "numbers 2 to 16", id="falling"),
        pytest.param(["--bits", "2,,3"], "numbers 2 to 16", id="comma"),
        pytest.param(["--data", "x"], "say with --dataset", id="data"),
    ],
)
def test_refused_before_the_model_is_loaded(arguments: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        CliRunner().invoke(command, ["lenet5", *arguments], catch_exceptions=False)


def test_refused_by_the_library(graph: Graph, data: Dataset) -> None:
    def measure(graph: Graph = graph, data: Dataset = data, **more: Any) -> Sensitivity:
        return sensitivity(graph, preset("q4.4", graph), data, data.images[:4], **more)

    listed = "no layer 'conv9' with types; there are: conv1, conv2, fc1, fc2$"
    with pytest.raises(UserError, match=listed):
        measure(layers=("conv1", "conv9"))
    pool = next(op.name for op in graph.ops if isinstance(op, MaxPool2D))
    with pytest.raises(UserError, match=f"no layer '{pool}' with types"):
        measure(layers=(pool,))
    with pytest.raises(UserError, match=r"must lie in 2\.\.16"):
        measure(bits=(8, 1))
    with pytest.raises(UserError, match=r"must lie in 2\.\.16"):
        measure(bits=(17,))
    with pytest.raises(UserError, match="have no labels"):
        measure(data=dataclasses.replace(data, labels=None))
    own = [dataclasses.replace(op, own=LayerPrecision(Q44, Q44, Q44)) for op in graph.ops]
    with pytest.raises(UserError, match="quantizers of its own: take the float model"):
        measure(graph.with_ops(own))
