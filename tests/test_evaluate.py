"""``lenetgen evaluate``: scores against a count by hand, bits, reports, and what it refuses."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from lenetgen.cli.common import float_graph
from lenetgen.cli.evaluate import command
from lenetgen.codegen.errors import UserError
from lenetgen.codegen.ir import Graph, WeightedOp
from lenetgen.codegen.pipeline import to_float_graph, to_typed_graph
from lenetgen.codegen.precision import preset, to_toml
from lenetgen.models.datasets import Dataset, load
from lenetgen.models.evaluation import as_dict, check_labels, evaluate, per_class
from lenetgen.models.images import seeded_random_images
from lenetgen.sim.golden import GoldenModel

from .hgq_networks import lenet, save, trained
from .small_networks import small_float_graph


@pytest.fixture
def graph() -> Graph:
    """A small network of 8×8×1 images, its float passes done."""
    return to_float_graph(small_float_graph())


def labelled(graph: Graph, count: int, rng: np.random.Generator) -> Dataset:
    images = seeded_random_images(graph.input.image_shape, count, 5)
    labels = rng.integers(0, graph.output.size, count)
    return Dataset(images, labels, "drawn", f"{count} drawn images")


def test_scores_are_those_of_the_golden_integers(graph: Graph, rng: np.random.Generator) -> None:
    typed = to_typed_graph(graph, preset("q4.4", graph, "preset"))
    data = labelled(graph, 150, rng)
    assert data.labels is not None
    told: list[int] = []
    score = evaluate(typed, data, "q4.4", told.append)
    assert sum(told) == 150
    correct = ties = 0
    for row, label in zip(GoldenModel(typed).run(data.images).tolist(), data.labels, strict=True):
        correct += row.index(max(row)) == label
        ties += row.count(max(row)) > 1
    assert (score.correct, score.ties) == (correct, ties)
    assert ties > 0
    assert score.accuracy == correct / 150
    base = evaluate(graph, data)
    row = as_dict(score, base)
    assert row["loss"] == pytest.approx(100 * (base.accuracy - score.accuracy))
    assert row["other_class"] == int((base.classes != score.classes).sum()) > 0


def test_storage_counts_every_weight_in_the_fewest_bits(
    graph: Graph, rng: np.random.Generator
) -> None:
    typed = to_typed_graph(graph, preset("mixed", graph))
    data = labelled(graph, 3, rng)
    declared = stored = nonzero = parameters = 0
    for op in typed.ops:
        if isinstance(op, WeightedOp):
            codes = op.weights.values.astype(int).reshape(-1).tolist()
            least = max(max(codes), -min(codes) - 1)  # of a code's bits without the sign
            bits = max(2, least.bit_length() + 1)
            width = 8 if op.name.startswith("conv") else 12
            declared += (len(codes) + op.bias.values.size) * width
            stored += len(codes) * bits + op.bias.values.size * width
            nonzero += sum(code != 0 for code in codes)
            parameters += len(codes) + op.bias.values.size
    score = evaluate(typed, data)
    assert (score.declared_bits, score.stored_bits) == (declared, stored)
    assert stored < declared
    assert (score.nonzero, score.parameters) == (nonzero, parameters)
    assert evaluate(graph, data).stored_bits == 32 * parameters


def test_per_class_against_counts(graph: Graph, rng: np.random.Generator) -> None:
    data = labelled(graph, 60, rng)
    assert data.labels is not None
    score = evaluate(graph, data)
    last = graph.output.size - 1
    labels = np.where(data.labels == last, 0, data.labels)  # a class without images
    report = per_class(score, labels, last + 1)
    confusion = np.zeros((last + 1, last + 1), dtype=int)
    for label, found in zip(labels, score.classes, strict=True):
        confusion[label, found] += 1
    assert np.array_equal(report.confusion, confusion)
    for number in range(last + 1):
        hits = confusion[number, number]
        found, there = confusion[:, number].sum(), confusion[number].sum()
        assert report.precision[number] == (hits / found if found else 0)
        assert report.recall[number] == (hits / there if there else 0)
        assert report.f1[number] == pytest.approx(2 * hits / max(found + there, 1))
        assert report.support[number] == there
    assert report.support[last] == 0


def test_labels_and_images_that_do_not_fit(graph: Graph, rng: np.random.Generator) -> None:
    data = labelled(graph, 4, rng)
    outputs = graph.output.size
    high = np.array([0, 1, 2, outputs])
    with pytest.raises(UserError, match=f"has {outputs} outputs, the labels of drawn are 0 to"):
        evaluate(graph, dataclasses.replace(data, labels=high))
    with pytest.raises(UserError, match="are -1 to"):
        evaluate(graph, dataclasses.replace(data, labels=high - 1 - (high == outputs)))
    with pytest.raises(UserError, match="have no labels"):
        check_labels(graph, dataclasses.replace(data, labels=None))
    with pytest.raises(UserError, match=r"takes images \(8, 8, 1\), drawn has \(4, 16, 1\)"):
        check_labels(graph, dataclasses.replace(data, images=data.images.reshape(4, 4, 16, 1)))
    with pytest.raises(UserError, match="no images"):
        empty = np.zeros(0, np.int64)
        check_labels(graph, dataclasses.replace(data, images=data.images[:0], labels=empty))


def test_ten_thousand_images_take_seconds() -> None:
    """Processor time, which others on the machine add little to; 10 s are 5 on two cores."""
    loaded = float_graph("lenet5")
    images = load("digits", "train").images
    data = Dataset(images, np.zeros(len(images), np.int64), "digits", "digits")
    for graph in (loaded, to_typed_graph(loaded, preset("q8.8", loaded))):
        started = time.process_time()
        evaluate(graph, data)
        assert (time.process_time() - started) * 10_000 / len(images) < 10


def run(*arguments: str) -> Any:
    result = CliRunner().invoke(command, [*arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_bundled_network_on_the_digits(tmp_path: Path) -> None:
    toml = tmp_path / "mine.toml"
    loaded = float_graph("lenet5")
    toml.write_text(to_toml(preset("mixed", loaded), loaded))
    asked = f"float,q8.8,mixed,auto,{toml},mixed"
    (result,) = run("lenet5", "--dataset", "digits", "--per-class", "--precision", asked)
    rows = {row["precision"]: row for row in result["rows"]}
    assert list(rows) == ["float", "q8.8", "mixed", "auto", str(toml)]
    assert result["float_accuracy"] == rows["float"]["accuracy"] > 0.9
    assert rows["float"]["loss"] == rows["float"]["other_class"] == 0
    assert rows["float"]["stored_bits"] == 32 * 61706
    assert rows["mixed"]["declared_bits"] == 8 * 2572 + 12 * (61706 - 2572)
    assert rows["mixed"] | {"precision": "", "seconds": 0} == rows[str(toml)] | {
        "precision": "",
        "seconds": 0,
    }
    for row in rows.values():
        assert row["images"] == 360
        assert sum(map(sum, row["confusion"])) == 360
        assert sum(row["confusion"][i][i] for i in range(10)) == row["correct"]
        assert abs(row["loss"]) < 3
    table = CliRunner().invoke(command, ["lenet5", "--dataset", "digits", "--images", "50"])
    assert table.exit_code == 0
    assert [line.split()[0] for line in table.stdout.splitlines()] == [
        "precision",
        "float",
        "mixed",
    ]


def test_a_model_with_its_own_types_gets_one_integer_row(tmp_path: Path) -> None:
    model = trained(lenet, (28, 28, 1), 5, steps=1)
    path = save(model, tmp_path / "m.keras")
    (result,) = run(str(path), "--dataset", "digits", "--images", "40", "--precision", "q8.8,auto")
    assert [row["precision"] for row in result["rows"]] == ["model"]
    data = load("digits", "test").first(40)
    pixels = data.images.astype(np.float32) / np.float32(255)
    found = np.asarray(model.predict(pixels, verbose=0)).argmax(axis=1)
    assert result["rows"][0]["correct"] == int((found == data.labels).sum())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["--precision", "q5.5"], "choose one of q8.8", id="preset"),
        pytest.param(["--precision", "float,,q4.4"], "a name is missing", id="comma"),
        pytest.param(["--data", "x"], "say with --dataset which set", id="data"),
        pytest.param(["--dataset", "cats"], "there are: mnist, .*cifar10", id="dataset"),
        pytest.param(["--dataset", "digits", "--precision", "a.toml"], "a.toml", id="toml"),
    ],
)
def test_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        CliRunner().invoke(command, ["lenet5", *arguments], catch_exceptions=False)
