"""Interrupted trainings go on to the same bytes; their states, whole, damaged and foreign."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lenetgen.codegen.errors import UserError
from lenetgen.codegen.frontend import load_model
from lenetgen.codegen.pipeline import to_float_graph
from lenetgen.codegen.precision import preset
from lenetgen.models import prune as prune_module
from lenetgen.models import qat as qat_module
from lenetgen.models import training
from lenetgen.models.history import Epoch
from lenetgen.models.keras_file import load_keras
from lenetgen.models.pruning import Pruning
from lenetgen.models.quantized_model import Quantization
from lenetgen.models.recipe import Recipe
from lenetgen.models.resume import Reached, StateFile, replacing, state_path

from .small_training import PLAIN, few_images, source

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't:DeprecationWarning"),
    pytest.mark.usefixtures("few_images"),
]
__all__ = ["few_images", "source"]  # fixtures

RECIPE = Recipe(epochs=4, batch=64, lr=4e-3)
Train = Callable[..., Any]


def _training(command: str, source: Path) -> Train:
    """The function behind a command, on ``digits``; it takes ``out`` and the other keywords."""
    if command == "train":
        return partial(training.train, "lenet5-slim", "digits", recipe=RECIPE)
    if command == "prune":
        how = Pruning("unstructured", 0.6, (), "polynomial")
        recipe = replace(PLAIN, optimizer="sgd", lr=0.05)

        def prune(out: Path, **more: Any) -> Any:
            model = load_keras(str(source))
            return prune_module.prune(model, how, "digits", out, recipe, **more)

        return prune
    graph = to_float_graph(load_model(source))
    types = Quantization(preset("mixed", graph).layers, 1e-6)
    return partial(qat_module.qat, graph, "digits", how=types, recipe=PLAIN)


def _stop_in(epoch: int, seen: list[int]) -> training.Progress:
    """Ctrl-C behind the second step of an epoch; the epochs done go to ``seen``."""

    def progress(step: int, _: int, done: Epoch | None) -> None:
        if done is not None:
            seen.append(done.number)
        elif step == 2 and len(seen) == epoch - 1:
            raise KeyboardInterrupt

    return progress


@pytest.mark.parametrize("command", ["train", "prune", "qat"])
def test_an_interrupted_training_ends_with_the_same_bytes(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    if command == "train":  # the best epoch is one of those done before
        scores = cycle([(0.5, 0.6), (0.5, 0.9), (0.5, 0.8), (0.5, 0.7)])
        monkeypatch.setattr(training, "_evaluate", lambda *_: next(scores))
    run = _training(command, source)
    whole, out = tmp_path / "whole.keras", tmp_path / "out.keras"
    expected = run(out=whole)
    assert [path.name for path in tmp_path.iterdir()] == ["whole.keras"]
    state_path(out).write_bytes(b"of an earlier command")  # without resume nobody reads it
    seen: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        run(out=out, progress=_stop_in(4, seen))
    assert seen == [1, 2, 3]  # past the ramp of the masks, and past the best epoch
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "out.keras.resume.npz",
        "whole.keras",
    ]
    found = run(out=out, resume=True, progress=_stop_in(9, seen))
    assert seen == [1, 2, 3, 4]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.keras", "whole.keras"]
    assert out.read_bytes() == whole.read_bytes()

    def report(result: Any) -> Any:
        history = tuple(replace(epoch, seconds=0.0) for epoch in result.history)
        return replace(result, history=history)

    assert report(found) == report(expected)


def test_a_training_that_was_done_but_for_its_file(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, out = _training("prune", source), tmp_path / "out.keras"
    with monkeypatch.context() as patch:
        patch.setattr("lenetgen.models.session.write_model", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(out=out)
    assert [path.name for path in tmp_path.iterdir()] == ["out.keras.resume.npz"]
    seen: list[int] = []
    result = run(out=out, resume=True, progress=_stop_in(1, seen))
    assert seen == []  # no epoch was missing
    assert len(result.history) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["out.keras"]


def _interrupted(*_: Any) -> None:
    raise KeyboardInterrupt


class _Variable:
    """What a state needs of a variable."""

    def __init__(self, value: np.ndarray) -> None:
        self.value = value

    def numpy(self) -> np.ndarray:
        return self.value

    def assign(self, value: np.ndarray) -> None:
        self.value = value


@pytest.fixture
def reached(rng: np.random.Generator) -> Reached:
    epochs = [Epoch(n, 0.5, 0.1 * n, 0.4, 0.2 * n, 1e-3, 1.5) for n in (1, 2)]
    return Reached(epochs, epochs[1], [rng.normal(size=(3, 2)).astype(np.float32)])


def _variables(rng: np.random.Generator) -> list[_Variable]:
    return [
        _Variable(rng.normal(size=(4, 2)).astype(np.float32)),
        _Variable(np.array(rng.integers(1000), np.int64)),
        _Variable(rng.integers(2**32, size=2, dtype=np.uint32)),
    ]


FACTS = {"command": "train", "lr": 0.1, "learn": None, "epochs": 7, "augment": True}


def test_a_state_holds_every_number(
    tmp_path: Path, rng: np.random.Generator, reached: Reached
) -> None:
    out, saved, other = tmp_path / "m.keras", _variables(rng), _variables(rng)
    StateFile(out, FACTS, resume=False).save(saved, reached)  # type: ignore[arg-type]
    found = StateFile(out, FACTS, resume=True).load(other, reached.weights)
    assert (found.history, found.best) == (reached.history, reached.best)
    assert np.array_equal(found.weights[0], reached.weights[0])
    assert all(np.array_equal(a.value, b.value) for a, b in zip(saved, other, strict=True))
    assert StateFile(out, FACTS, resume=False).load(other, reached.weights) == Reached()
    StateFile(out, FACTS, resume=True).remove()
    assert list(tmp_path.iterdir()) == []
    assert StateFile(out, FACTS, resume=True).load(other, reached.weights) == Reached()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"lr": 0.2}, "differs in lr (0.1 there, 0.2 here); without --resume"),
        ({"command": "qat", "epochs": 8}, "in command (train there, qat here), epochs (7 there, 8"),
        ({"input bits": 4}, "input bits (- there, 4 here)"),
        ({"learn": 1e-7}, "learn (None there, 1e-07 here)"),
        ({"augment": False}, "augment (True there, False here)"),
    ],
)
def test_the_state_of_another_training(
    tmp_path: Path,
    rng: np.random.Generator,
    reached: Reached,
    changed: dict[str, Any],
    message: str,
) -> None:
    out, variables = tmp_path / "m.keras", _variables(rng)
    before = [variable.value for variable in variables]
    StateFile(out, FACTS, resume=False).save(_variables(rng), reached)
    with pytest.raises(UserError) as refused:
        StateFile(out, FACTS | changed, resume=True).load(variables, reached.weights)
    assert message in str(refused.value) and "\n" not in str(refused.value)
    assert str(refused.value).startswith(f"{out}.resume.npz: the state of another training")
    assert [variable.value for variable in variables] == before


def test_a_damaged_state_is_refused_in_a_line(
    tmp_path: Path, rng: np.random.Generator, reached: Reached
) -> None:
    state = StateFile(tmp_path / "m.keras", FACTS, resume=True)
    saved = _variables(rng)
    state.save(saved, reached)
    good = state.path.read_bytes()
    damaged = [b"", b"x", b"\x93NUMPY", good[: len(good) // 2], good[:-5], good[30:]]
    for _ in range(300):
        bad = bytearray(good)
        bad[rng.integers(len(bad))] ^= 1 << rng.integers(8)
        damaged.append(bytes(bad))
    refusals = 0
    for content in damaged:
        state.path.write_bytes(content)
        variables = _variables(rng)
        before = [variable.value for variable in variables]
        try:
            found = state.load(variables, reached.weights)
        except UserError as error:
            refusals += 1
            assert "\n" not in str(error) and "without --resume" in str(error)
            assert [variable.value for variable in variables] == before
        else:  # a bit of no meaning, such as a time in the archive
            assert found.history == reached.history
            assert np.array_equal(found.weights[0], reached.weights[0])
            assert all(
                np.array_equal(a.value, b.value) for a, b in zip(variables, saved, strict=True)
            )
    assert refusals > 150
    state.save([_Variable(np.zeros(3, np.float32)), *saved[1:]], reached)
    with pytest.raises(UserError, match=r"an array \(3,\) where \(4, 2\) belongs"):
        state.load(_variables(rng), reached.weights)


def test_a_state_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_text("before")
    with pytest.raises(KeyboardInterrupt), replacing(path) as place:
        place.write_text("half of it")
        raise KeyboardInterrupt
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(UserError, match=r"below: can't be written"), replacing(path / "below"):
        pass
