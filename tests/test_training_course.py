"""What the commands that train are asked for: patience, rates, a history; what ends them early."""

from __future__ import annotations

import csv
import json
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lenetgen.cli.main import main
from lenetgen.cli.recipe_options import Report
from lenetgen.codegen.errors import UserError
from lenetgen.codegen.frontend.keras_runtime import import_keras
from lenetgen.models import prune as prune_module
from lenetgen.models import training
from lenetgen.models.datasets import Dataset, load
from lenetgen.models.history import Epoch
from lenetgen.models.recipe import Recipe
from lenetgen.models.training_step import learning_rate, make_optimizer

from .small_training import PLAIN, few_images, source

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't:DeprecationWarning"),
    pytest.mark.usefixtures("few_images"),
]
__all__ = ["few_images", "source"]  # fixtures


def _fit(recipe: Recipe, first_choice: int = 1) -> tuple[list[Epoch], Epoch]:
    """Train the smallest of networks; the scores are those of the fixture below."""
    tf, keras = training.prepare_tensorflow(), import_keras()
    layers = [keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(10)]
    extras = training.Extras(logits=True, first_choice=first_choice)
    data = load("digits", "train").first(40)
    return training.fit(tf, keras, keras.Sequential(layers), data, recipe, extras=extras)


@pytest.mark.parametrize(
    ("patience", "first_choice", "epochs", "best"),
    [
        pytest.param(0, 1, 6, 6, id="off"),
        pytest.param(1, 1, 2, 1, id="one"),
        pytest.param(2, 1, 5, 3, id="two"),
        pytest.param(3, 1, 6, 6, id="three"),
        pytest.param(1, 4, 5, 4, id="not_before_the_first_choice"),
    ],
)
def test_patience(
    monkeypatch: pytest.MonkeyPatch, patience: int, first_choice: int, epochs: int, best: int
) -> None:
    scores = iter([(0.5, 0.8), (0.5, 0.7), (0.4, 0.8), (0.5, 0.8), (0.5, 0.7), (0.5, 0.9)])
    monkeypatch.setattr(training, "_evaluate", lambda *_: next(scores))
    recipe = replace(PLAIN, epochs=6, patience=patience, augment=False)
    history, chosen = _fit(recipe, first_choice)
    assert (len(history), chosen.number) == (epochs, best)


def test_a_validation_loss_that_is_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "_evaluate", lambda *_: (float("nan"), 0.1))
    with pytest.raises(UserError, match="diverged: validation loss nan in epoch 1; try"):
        _fit(replace(PLAIN, augment=False))


def test_the_rate_falls_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    keras = import_keras()
    recipe = replace(PLAIN, schedule="step", lr=1.0, epochs=8, augment=False)
    rate = learning_rate(keras, recipe, 8)
    expected = [1.0] * 4 + [0.1] * 2 + [0.01] * 2
    assert [float(rate(step)) for step in range(8)] == pytest.approx(expected)
    assert [epoch.learning_rate for epoch in _fit(recipe)[0]] == pytest.approx(expected)


def test_the_accuracy_of_an_epoch_is_that_before_its_step() -> None:
    """One batch, so one step: the accuracy of the network as it was."""
    tf, keras = training.prepare_tensorflow(), import_keras()
    keras.utils.set_random_seed(3)
    layers = [keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(10)]
    model, data = keras.Sequential(layers), load("digits", "train").first(600)
    recipe = replace(PLAIN, epochs=1, batch=600, augment=False)
    chosen, _ = training.split_validation(600, recipe.validation, recipe.seed)
    part = Dataset(data.images[chosen], data.labels[chosen], data.name, data.source)
    expected = training.accuracy(model, part)
    history, _ = training.fit(tf, keras, model, data, recipe, extras=training.Extras(logits=True))
    assert history[0].accuracy == expected != training.accuracy(model, part)


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_momentum(momentum: float) -> None:
    keras = import_keras()
    recipe = replace(PLAIN, optimizer="sgd", momentum=momentum, lr=0.25, schedule="constant")
    optimizer = make_optimizer(keras, recipe, 10)
    variable = keras.Variable(np.zeros(1, np.float32))
    optimizer.build([variable])
    places, velocity, place = [], 0.0, 0.0
    for _ in range(3):
        optimizer.apply_gradients([(np.ones(1, np.float32), variable)])
        velocity = momentum * velocity - 0.25
        place += momentum * velocity - 0.25  # Nesterov's; without momentum the plain step
        places.append((float(variable.numpy()[0]), place))
    assert all(found == expected for found, expected in places)


@pytest.fixture
def words(source: Path, tmp_path: Path) -> Iterator[Callable[..., list[str]]]:
    """The words of each command that trains; ``out.keras`` is there already and stays."""
    out = tmp_path / "out.keras"
    out.write_bytes(b"precious")

    def words(command: str, *more: str) -> list[str]:
        start = {
            "train": ["train", "lenet5-slim"],
            "prune": ["prune", str(source), "--method", "structured", "--sparsity", "0.5"],
            "qat": ["qat", str(source)],
        }[command]
        epochs = "--finetune" if command == "prune" else "--epochs"
        return [*start, "--dataset", "digits", epochs, "2", "--out", str(out), "--force", *more]

    yield words
    assert out.read_bytes() == b"precious"


@pytest.mark.parametrize("command", ["train", "prune", "qat"])
def test_ctrl_c_while_training(
    words: Callable[..., list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    command: str,
) -> None:
    """The signal itself, in the second epoch."""
    real = Report.step

    def step(report: Report, number: int, steps: int, epoch: Epoch | None) -> None:
        real(report, number, steps, epoch)
        if report._done and epoch is None:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Report, "step", step)
    history = tmp_path / "h.csv"
    with pytest.raises(SystemExit) as left:
        main(words(command, "--history", str(history)))
    assert left.value.code == 130
    lines = capfd.readouterr().err.strip().splitlines()
    assert "epoch 1 is kept: --resume goes on behind it" in lines
    assert lines[-1] == "lenetgen: interrupted"
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["out.keras", "out.keras.resume.npz"]


@pytest.mark.parametrize("command", ["prune", "qat"])
def test_a_loss_that_is_no_number(
    words: Callable[..., list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    command: str,
) -> None:
    """In the second epoch, so that there is a state."""
    made = training.make_step

    def make_step(*values: Any) -> Any:
        step, calls = made(*values), iter(range(100))
        return lambda *batch: (float("nan"), 0) if next(calls) == 6 else step(*batch)

    monkeypatch.setattr(training, "make_step", make_step)
    with pytest.raises(SystemExit) as left:
        main(words(command, "--json"))
    assert left.value.code == 2
    printed = capfd.readouterr()
    assert printed.out == ""
    message = "lenetgen: training diverged: loss nan in epoch 2, step 2; try a learning rate below"
    assert [line for line in printed.err.splitlines() if line.startswith("lenetgen: ")] == [
        f"{message} 0.001"
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["out.keras"]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # the overflow is the point
def test_a_rate_that_is_too_large(words: Callable[..., list[str]], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as left:
        main(words("prune", "--optimizer", "sgd", "--lr", "1e38"))
    assert left.value.code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["out.keras"]


@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_the_history_is_written(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    file, out = tmp_path / f"h{suffix}", tmp_path / "m.keras"
    words = ["prune", str(source), "--method", "structured", "--sparsity", "0.5", "--json"]
    words += ["--finetune", "2", "--dataset", "digits", "--history", str(file), "--lr", "0.05"]
    with pytest.raises(SystemExit) as left:
        main([*words, "--out", str(out)])
    assert left.value.code == 0
    report = json.loads(capsys.readouterr().out)
    if suffix == ".json":
        rows = json.loads(file.read_text())
    else:
        rows = [
            {name: float(value) for name, value in row.items()}
            for row in csv.DictReader(file.read_text().splitlines())
        ]
    assert rows == report["history"]
    assert [row["number"] for row in rows] == [1, 2]
    assert rows[0]["learning_rate"] == 0.05 > rows[1]["learning_rate"] > 0
    assert 0 < rows[0]["accuracy"] < rows[1]["accuracy"] <= 1
    assert report["stopped_early"] is False
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([file.name, out.name])


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--history", "h.txt"], "h.txt: the history must end in .csv or .json"),
        (["--history", "h"], "h: the history must end in .csv or .json"),
        (["--history", "old.csv"], "old.csv: exists; give --force to replace it"),
        (["--history", "folder.csv"], "folder.csv: is a folder; name a file for the history"),
        (["--history", "h.csv", "--finetune", "0"], "h.csv: without an epoch of fine-tuning"),
        (["--patience", "-1"], "recipe: patience must not be negative, not -1"),
        (["--momentum", "1"], "recipe: momentum must be in [0, 1), not 1.0"),
    ],
)
def test_mistakes_are_told_before_the_work(
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(prune_module, "load", None)  # no data set is read
    (tmp_path / "old.csv").touch()
    (tmp_path / "folder.csv").mkdir()
    words = ["prune", str(source), "--method", "structured", "--sparsity", "0.5", "--finetune", "1"]
    with pytest.raises(SystemExit) as left:
        main([*words, "--dataset", "digits", "--out", "m.keras", *more])
    assert left.value.code == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines == [f"lenetgen: {message}{lines[0].split(message)[-1]}"]
    assert not (tmp_path / "m.keras").exists()


def test_a_training_that_stopped_early_says_so(
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    scores = iter([(0.5, 0.7), (0.5, 0.6), (0.5, 0.6)])
    monkeypatch.setattr(training, "_evaluate", lambda *_: next(scores))
    words = ["prune", str(source), "--method", "structured", "--sparsity", "0.5", "--finetune", "9"]
    words += ["--dataset", "digits", "--patience", "2", "--out", str(tmp_path / "m.keras")]
    with pytest.raises(SystemExit) as left:
        main(words)
    assert left.value.code == 0
    told = capsys.readouterr().out
    assert "fine-tuned: epoch 1 of 3 (stopped early: 2 without a better one)\n" in told
