"""Zoo, recipe, training and the bundled checkpoint."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from lenetgen.cli.train import command as train_command
from lenetgen.codegen.errors import UserError
from lenetgen.codegen.frontend import convert, load_model
from lenetgen.codegen.frontend.keras_runtime import import_keras
from lenetgen.codegen.ir import Lookup, WeightedOp
from lenetgen.codegen.pipeline import to_float_graph, to_typed_graph
from lenetgen.codegen.precision import preset
from lenetgen.models import training, zoo
from lenetgen.models.archive import normalize, write_model
from lenetgen.models.datasets import Dataset, load
from lenetgen.models.recipe import Recipe
from lenetgen.models.training import accuracy, scaled, split_validation, train

QUICK = Recipe(epochs=1, batch=32, weight_noise=1 / 16, lr=3e-3)
needs_data = pytest.mark.skipif(
    not os.environ.get("LENETGEN_DATA"), reason="LENETGEN_DATA is not set"
)


@pytest.fixture(scope="module")
def keras() -> Any:
    return import_keras()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, keras: Any) -> tuple[Path, Any, list[int]]:
    """LeNet-5 after one epoch on the digits, its result, and how often progress was told."""
    out = tmp_path_factory.mktemp("train") / "digits.keras"
    steps: list[int] = []
    result = train(
        "lenet5", "digits", out, QUICK, progress=lambda step, steps_, epoch: steps.append(step)
    )
    return out, result, steps


@pytest.mark.parametrize("name", ["lenet5", "lenet5-tanh"])
def test_lenet5_has_the_documented_size(keras: Any, name: str) -> None:
    model = zoo.build(name)
    assert model.count_params() == 61706
    assert model.input_shape == (None, 28, 28, 1)
    assert [layer.name for layer in model.layers] == (
        ["conv1", "pool1", "conv2", "pool2", "flatten", "fc1", "fc2", "fc3"]
    )


@pytest.mark.parametrize(
    ("name", "parameters", "image"),
    [
        ("lenet5-slim", 3354, (28, 28, 1)),
        ("cifar-small", 47818, (32, 32, 3)),
        ("customnet", 549738, (64, 64, 3)),
    ],
)
def test_the_zoo_is_as_documented_and_read_by_the_front_end(
    keras: Any, root: Path, name: str, parameters: int, image: tuple[int, int, int]
) -> None:
    model = zoo.build(name)
    assert (model.count_params(), model.input_shape[1:]) == (parameters, image)
    row = next(
        line
        for line in (root / "docs" / "models.md").read_text(encoding="utf-8").splitlines()
        if line.startswith(f"| `{name}` |")
    )
    assert f"| {parameters:,} |" in row
    graph = to_float_graph(convert(model))
    assert graph.input.shape == image
    assert graph.output.size == 10


def test_mobilenet_has_a_width_and_a_size() -> None:
    assert zoo.entry("mobilenetv2").dataset == "cifar10"
    for name in ("mobilenetv2-9-32", "mobilenetv2-0.5-31", "mobilenetv2-0.5"):
        with pytest.raises(UserError, match=r"write mobilenetv2-WIDTH-SIZE with a width in 0\.05"):
            zoo.entry(name)


def test_unknown_names_list_what_exists() -> None:
    with pytest.raises(UserError, match="no network 'lenet6' in the zoo; there are: lenet5"):
        zoo.build("lenet6")
    with pytest.raises(UserError, match=r"no trained model 'lenet6'.*; there are: .*lenet5"):
        zoo.checkpoint("lenet6")


def test_model_file_takes_names_and_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert zoo.model_file("lenet5") == zoo.CHECKPOINTS / "lenet5.keras"
    assert zoo.model_file("runs/base.keras") == Path("runs/base.keras")
    assert zoo.model_file("base.h5") == Path("base.h5")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lenet5").mkdir()  # a folder of that name: the front end will say what it is
    assert zoo.model_file("lenet5") == Path("lenet5")


def test_lenet5_of_1998_has_tables_and_means(keras: Any) -> None:
    keras.utils.set_random_seed(1)
    graph = to_float_graph(convert(zoo.build("lenet5-tanh")))
    typed = to_typed_graph(graph, preset("mixed", graph))
    kinds = [op.kind for op in typed.ops]
    conv = ["Conv2D", "Lookup", "AvgPool2D"]
    assert kinds == [*conv, *conv, "Dense", "Lookup", "Dense", "Lookup", "Dense"]
    assert [len(op.table.values) for op in typed.ops if isinstance(op, Lookup) and op.table] == [
        256,
        256,
        1024,
        1024,
    ]


def test_checkpoint_is_a_trained_lenet5() -> None:
    graph = load_model(zoo.checkpoint("lenet5"))
    weighted = [op for op in graph.ops if isinstance(op, WeightedOp)]
    assert graph.name == "lenet5"
    assert sum(op.weights.values.size + op.bias.values.size for op in weighted) == 61706
    assert zoo.checkpoint("lenet5").stat().st_size < 300_000  # no optimizer state


@pytest.mark.data
@needs_data
def test_checkpoint_reaches_the_accuracy_of_its_card(keras: Any) -> None:
    model = keras.saving.load_model(zoo.checkpoint("lenet5"), compile=False)
    found = accuracy(model, load("mnist", "test"))
    card = (zoo.CHECKPOINTS / "lenet5.md").read_text(encoding="utf-8")
    assert found >= 0.989
    assert f"{100 * found:.2f} %" in card


def test_training_learns_and_reports(trained: tuple[Path, Any, list[int]], keras: Any) -> None:
    out, result, steps = trained
    assert steps == list(range(1, 42))  # 1,437 - 144 images in batches of 32
    assert result.parameters == 61706
    assert result.best_epoch == 1
    assert result.test_images == 360
    assert result.test_accuracy > 0.5  # chance is 0.1
    model = keras.saving.load_model(out, compile=False)
    assert accuracy(model, load("digits", "test")) == result.test_accuracy
    assert json.loads(json.dumps(result.as_dict()))["recipe"]["seed"] == 1


def test_training_repeats_itself_byte_by_byte(
    trained: tuple[Path, Any, list[int]], tmp_path: Path
) -> None:
    again = tmp_path / "again.keras"
    train("lenet5", "digits", again, QUICK)
    assert again.read_bytes() == trained[0].read_bytes()
    other = tmp_path / "other.keras"
    train("lenet5", "digits", other, Recipe(epochs=1, batch=32, lr=3e-3, seed=2))
    assert other.read_bytes() != trained[0].read_bytes()


def test_best_epoch_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, keras: Any) -> None:
    scores = iter([(0.5, 0.7), (0.4, 0.9), (0.3, 0.9), (0.1, 0.8)])
    weights: list[list[np.ndarray]] = []

    def evaluate(model: Any, _: Dataset, __: bool) -> tuple[float, float]:
        weights.append([np.array(value) for value in model.get_weights()])
        return next(scores)

    monkeypatch.setattr(training, "_evaluate", evaluate)
    out = tmp_path / "best.keras"
    result = train("lenet5", "digits", out, Recipe(epochs=4, batch=256))
    assert result.best_epoch == 3  # the higher accuracy, then the lower loss
    stored = keras.saving.load_model(out, compile=False).get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(stored, weights[2], strict=True))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # the overflow is the point
def test_diverging_loss_writes_nothing(tmp_path: Path) -> None:
    out = tmp_path / "bad.keras"
    with pytest.raises(UserError, match=r"training diverged: loss (nan|inf) in epoch 1, step \d+"):
        train("lenet5", "digits", out, Recipe(epochs=3, optimizer="sgd", lr=1e20))
    assert list(tmp_path.iterdir()) == []


def test_existing_file_stays_unless_forced(tmp_path: Path) -> None:
    out = tmp_path / "model.keras"
    out.write_text("precious")
    with pytest.raises(UserError, match=r"model\.keras: exists; give --force"):
        train("lenet5", "digits", out, QUICK)
    assert out.read_text() == "precious"
    train("lenet5", "digits", out, QUICK, overwrite=True)
    assert out.read_bytes()[:2] == b"PK"


@pytest.mark.parametrize(
    ("network", "dataset", "name", "message"),
    [
        pytest.param("lenet6", "digits", "m.keras", "no network 'lenet6'", id="network"),
        pytest.param("lenet5", "cats", "m.keras", "no data set 'cats'", id="dataset"),
        pytest.param("lenet5", "digits", "m.h5", "must be a .keras file", id="suffix"),
        pytest.param("lenet5", "digits", "folder.keras", "is a folder", id="folder"),
    ],
)
def test_wrong_arguments(
    tmp_path: Path, network: str, dataset: str, name: str, message: str
) -> None:
    (tmp_path / "folder.keras").mkdir()
    with pytest.raises(UserError, match=message):
        train(network, dataset, tmp_path / name, QUICK)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.keras"]


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        pytest.param({"epochs": 0}, "epochs must be at least 1, not 0", id="epochs"),
        pytest.param({"batch": 0}, "batch must be at least 1", id="batch"),
        pytest.param({"seed": -1}, "seed must be in 0", id="seed"),
        pytest.param({"optimizer": "x"}, "optimizer 'x' unknown; there are: adam, sgd", id="opt"),
        pytest.param({"schedule": "x"}, "schedule 'x' unknown", id="schedule"),
        pytest.param({"lr": 0.0}, "learning rate must be positive", id="lr_zero"),
        pytest.param({"lr": float("nan")}, "learning rate must be positive", id="lr_nan"),
        pytest.param({"weight_noise": 2.0}, "weight noise must be in", id="noise"),
        pytest.param({"label_smoothing": 1.0}, "label smoothing must be in", id="smoothing"),
        pytest.param({"activity_limit": -1.0}, "activity limit must not", id="limit"),
        pytest.param({"validation": 1.0}, "validation must be in", id="validation"),
    ],
)
def test_wrong_recipe(knobs: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Recipe(**knobs)


def test_validation_split_is_a_seeded_partition() -> None:
    chosen, kept = split_validation(100, 0.1, 3)
    assert len(kept) == 10
    assert sorted([*chosen, *kept]) == list(range(100))
    assert np.array_equal(split_validation(100, 0.1, 3)[1], kept)
    assert not np.array_equal(split_validation(100, 0.1, 4)[1], kept)
    with pytest.raises(UserError, match="1 training images are too few"):
        split_validation(1, 0.5, 3)


def test_accuracy_refuses_labels_the_model_has_no_output_for(keras: Any) -> None:
    small = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.Flatten()])
    small.add(keras.layers.Dense(3))
    with pytest.raises(UserError, match="the model has 3 outputs, the labels go up to 9"):
        accuracy(small, load("digits", "test"))


def test_archive_bytes_depend_on_the_weights_only(tmp_path: Path, keras: Any) -> None:
    keras.utils.set_random_seed(5)
    first, second = zoo.build("lenet5"), zoo.build("lenet5")
    second.set_weights(first.get_weights())
    write_model(first, tmp_path / "a.keras")
    write_model(second, tmp_path / "b.keras")
    assert (tmp_path / "a.keras").read_bytes() == (tmp_path / "b.keras").read_bytes()
    first.layers[0].bias.assign(np.ones(6))
    write_model(first, tmp_path / "a.keras")
    assert (tmp_path / "a.keras").read_bytes() != (tmp_path / "b.keras").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.keras", "b.keras"]


def test_archive_keeps_no_addresses_and_no_times(tmp_path: Path) -> None:
    def archive(name: str, first: int, second: int, date: str) -> Path:
        config = {"a": {"shared_object_id": first}, "b": [{"shared_object_id": second}] * 2}
        with zipfile.ZipFile(tmp_path / name, "w") as file:
            file.writestr("metadata.json", json.dumps({"keras_version": "3", "date_saved": date}))
            file.writestr("config.json", json.dumps(config))
        normalize(tmp_path / name, tmp_path / f"{name}.fixed")
        return tmp_path / f"{name}.fixed"

    one = archive("one", 140_001, 139_000, "2024-01-01@10:00:00")
    two = archive("two", 7, 8, "2025-01-01@10:00:00")
    same = archive("same", 7, 7, "2025-01-01@10:00:00")
    assert one.read_bytes() == two.read_bytes()
    assert one.read_bytes() != same.read_bytes()  # which objects are shared is content
    with zipfile.ZipFile(one) as file:
        assert json.loads(file.read("config.json"))["b"][1] == {"shared_object_id": 2}


def test_activity_limit_holds_hidden_results_down(tmp_path: Path, keras: Any) -> None:
    largest = []
    for limit in (0.0, 0.5):
        out = tmp_path / f"{limit}.keras"
        train("lenet5", "digits", out, Recipe(epochs=3, batch=32, activity_limit=limit))
        model = keras.saving.load_model(out, compile=False)
        hidden = keras.Model(model.inputs[0], [model.get_layer(n).output for n in ("conv2", "fc1")])
        results = hidden(scaled(load("digits", "test").images))
        largest.append(max(float(np.max(values)) for values in results))
    assert largest[1] < largest[0] / 2


def test_unwritable_folder_is_one_line(tmp_path: Path, keras: Any) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"m\.keras: can't be written"):
        write_model(zoo.build("lenet5"), tmp_path / "file" / "m.keras")


def test_command_writes_and_prints_json(tmp_path: Path) -> None:
    out = tmp_path / "runs" / "m.keras"
    arguments = ["lenet5", "--dataset", "digits", "--out", str(out), "--epochs", "1", "--json"]
    result = CliRunner().invoke(train_command, [*arguments, "--batch", "128"])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["recipe"]["batch"] == 128
    assert report["test_images"] == 360
    assert out.is_file()


def test_command_reports_epochs(tmp_path: Path) -> None:
    out = tmp_path / "m.keras"
    arguments = ["lenet5", "--dataset", "digits", "--out", str(out), "--epochs", "2"]
    result = CliRunner().invoke(train_command, [*arguments, "--batch", "256"])
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert [line.split(":")[0] for line in lines[:2]] == ["epoch 1/2", "epoch 2/2"]
    assert "61,706 parameters" in lines[2]


def test_importing_the_command_imports_no_keras() -> None:
    code = "import sys, lenetgen.cli.train, lenetgen.models.zoo; print('keras' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "False\n"
