"""Pruning, its schedules and shrinking: what goes, what stays zero, what results stay the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from lenetgen.cli.main import main
from lenetgen.cli.prune import command
from lenetgen.codegen.errors import UserError
from lenetgen.codegen.frontend import convert
from lenetgen.codegen.frontend.keras_runtime import import_keras
from lenetgen.codegen.pipeline import to_float_graph, to_typed_graph
from lenetgen.codegen.precision import preset
from lenetgen.models import zoo
from lenetgen.models.datasets import load
from lenetgen.models.keras_file import load_keras
from lenetgen.models.prune import prune
from lenetgen.models.pruning import Masks, Pruning, polynomial, shares
from lenetgen.models.recipe import Recipe
from lenetgen.models.shrinking import shrink
from lenetgen.sim.golden import GoldenModel

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't:DeprecationWarning"
)


QUICK = Recipe(epochs=1, batch=128, lr=3e-3, weight_noise=0.0, activity_limit=0.0)


@pytest.fixture
def model(seed: int) -> Any:
    """Convolutions with and without normalization and padding, then three dense layers."""
    keras = import_keras()
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    made = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(8, 3, strides=2, padding="same", name="conv1"),
            layers.BatchNormalization(name="norm1"),
            layers.ReLU(name="relu1"),
            layers.MaxPooling2D(2, name="pool1"),
            layers.Conv2D(10, 3, activation="relu", name="conv2"),
            layers.Flatten(name="flat"),
            layers.Dense(20, activation="relu", use_bias=False, name="fc1"),
            layers.Dense(12, activation="tanh", name="fc2"),
            layers.Dense(10, activation="softmax", name="fc3"),
        ],
        name="mixture",
    )
    rng = np.random.default_rng(seed)
    for layer in made.layers:
        for variable in layer.weights:
            if len(variable.shape) == 1:
                variable.assign(rng.uniform(0.1, 0.9, variable.shape))
    return made


def _outputs(model: Any) -> np.ndarray:
    """Integers of the hardware on 40 images."""
    graph = to_float_graph(convert(model))
    typed = to_typed_graph(graph, preset("q8.8", graph))
    return GoldenModel(typed).run(load("digits", "test").images[:40])


def _kernels(model: Any) -> dict[str, np.ndarray]:
    return {each.name: np.array(each.kernel) for each in model.layers if hasattr(each, "kernel")}


def test_the_smallest_weights_of_all_layers_go(model: Any) -> None:
    before = np.concatenate([each.ravel() for each in _kernels(model).values()])
    masks = Masks(model, Pruning("unstructured", 0.7))
    masks.tighten(0.7)
    after = np.concatenate([each.ravel() for each in _kernels(model).values()])
    assert abs(masks.reached - 0.7) < 0.005
    assert (after == 0).mean() == pytest.approx(masks.reached)
    assert np.abs(before[after == 0]).max() < np.abs(after[after != 0]).min()
    assert (after[after != 0] == before[after != 0]).all()


def test_a_named_layer_alone_is_pruned(model: Any) -> None:
    before = _kernels(model)
    Masks(model, Pruning("unstructured", 0.5, ("fc1",))).tighten(0.5)
    after = _kernels(model)
    assert abs((after["fc1"] == 0).mean() - 0.5) < 0.005
    assert all((after[name] == before[name]).all() for name in before if name != "fc1")


def test_the_weakest_filters_go_with_bias_and_normalization(model: Any) -> None:
    norms = np.linalg.norm(_kernels(model)["conv1"].reshape(-1, 8), axis=0)
    masks = Masks(model, Pruning("structured", 0.5, ("conv1",)))
    masks.tighten(0.5)
    weak = np.argsort(norms)[:4]
    left = np.setdiff1d(np.arange(8), weak)
    norm = model.get_layer("norm1")
    for variable in (model.get_layer("conv1").bias, norm.gamma, norm.beta):
        assert not np.asarray(variable)[weak].any()
        assert np.asarray(variable)[left].all()
    assert not _kernels(model)["conv1"][..., weak].any()
    assert masks.by_layer() == {"conv1": (4, 8)}


@pytest.mark.parametrize("part", [0.0, 0.3, 0.5, 0.7, 0.99])
def test_shares_come_nearest_to_the_part(part: float) -> None:
    sizes = [100, 7, 90, 33]
    counts = shares(sizes, part)
    assert sum(counts) == min(round(sum(sizes) * part), sum(sizes) - len(sizes))
    assert all(0 <= count < size for count, size in zip(counts, sizes, strict=True))


def test_the_polynomial_rises_to_the_sparsity() -> None:
    values = [polynomial(0.8, step / 10) for step in range(12)]
    assert values == sorted(values)
    assert (values[0], values[10], values[11]) == (0.0, 0.8, 0.8)
    assert values[5] == pytest.approx(0.8 * 0.875)


@pytest.mark.parametrize("method", ["unstructured", "structured"])
def test_a_smaller_network_has_the_same_results(model: Any, method: str) -> None:
    how = Pruning(method, 0.6)
    Masks(model, how).tighten(0.6)
    model.get_layer("fc3").kernel.assign(
        np.array(model.get_layer("fc3").kernel) * (np.arange(12) != 5)[:, None]
    )  # nobody reads the neuron
    expected = _outputs(model)
    small = shrink(model)
    assert small.count_params() < model.count_params()
    assert small.get_layer("fc2").units <= 11
    assert (_outputs(small) == expected).all()
    images = load("digits", "test").images[:20] / np.float32(255)
    np.testing.assert_allclose(small(images), model(images), atol=1e-5)
    if method == "structured":
        sizes = [small.get_layer(name).kernel.shape[-1] for name in ("conv1", "conv2", "fc1")]
        assert sizes == [3, 4, 8]


def test_shrinking_leaves_what_is_not_zero(model: Any) -> None:
    norm = model.get_layer("norm1")
    kernel = np.array(model.get_layer("conv1").kernel)
    kernel[..., 2] = 0  # its bias, and the normalization's offset, keep it alive
    model.get_layer("conv1").kernel.assign(kernel)
    assert [layer.name for layer in shrink(model).layers] == [layer.name for layer in model.layers]
    assert shrink(model).count_params() == model.count_params()
    norm.gamma.assign(np.array(norm.gamma) * (np.arange(8) != 6))
    assert shrink(model).count_params() == model.count_params()
    norm.beta.assign(np.array(norm.beta) * (np.arange(8) != 6))
    assert shrink(model).get_layer("conv1").filters == 7


def test_the_command_hits_the_sparsity_and_keeps_it(model: Any, tmp_path: Path) -> None:
    source, out = tmp_path / "m.keras", tmp_path / "p.keras"
    model.save(source)
    words = [str(source), "--method", "unstructured", "--sparsity", "0.8", "--finetune", "2"]
    words += ["--schedule", "polynomial", "--dataset", "digits", "--batch", "128", "--json"]
    done = CliRunner().invoke(command, [*words, "--out", str(out)], catch_exceptions=False)
    report = json.loads(done.stdout)
    assert done.exit_code == 0
    found = np.concatenate([each.ravel() for each in _kernels(load_keras(str(out))).values()])
    assert abs((found == 0).mean() - 0.8) < 0.005
    assert report["sparsity"] == pytest.approx((found == 0).mean())
    assert report["nonzero"] == np.count_nonzero(found)
    assert report["best_epoch"] == 2  # the first one ends in the middle of the ramp


def test_finetuned_and_shrunk(model: Any, tmp_path: Path) -> None:
    out = tmp_path / "p.keras"
    before = _kernels(model)["conv2"]
    result = prune(
        model, Pruning("structured", 0.5, ("conv2",)), "digits", out, QUICK, smaller=True
    )
    small = load_keras(str(out))
    assert small.get_layer("conv2").filters == 5
    assert result.parameters == small.count_params() < result.parameters_before
    assert result.layers == {"conv2": (5, 10)}
    kept = np.linalg.norm(before.reshape(-1, 10), axis=0).argsort()[5:]
    assert (_kernels(small)["conv2"] != before[..., np.sort(kept)]).mean() > 0.3  # it was trained


def test_mobilenet_is_pruned_but_not_shrunk() -> None:
    model = zoo.build("mobilenetv2-0.1-40")
    assert (model.input_shape, model.output_shape) == ((None, 40, 40, 3), (None, 10))
    masks = Masks(model, Pruning("structured", 0.3))
    masks.tighten(0.3)
    assert abs(masks.reached - 0.3) < 0.005
    whole = Masks(model, Pruning("unstructured", 0.5))
    whole.tighten(0.5)
    assert abs(whole.reached - 0.5) < 0.005
    with pytest.raises(UserError, match=r"is used 2 times|takes 2 tensors|can't be shrunk"):
        shrink(model)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--sparsity", "1"], "sparsity must be in [0, 1), not 1.0"),
        (["--sparsity", "nan"], "sparsity must be in [0, 1), not nan"),
        (["--sparsity", "-0.1"], "sparsity must be in [0, 1), not -0.1"),
        (["--sparsity", "0.5", "--layer", "fc3"], "no layer 'fc3' for structured pruning; there"),
        (["--sparsity", "0.5", "--schedule", "polynomial"], "give it an epoch or more"),
        (["--sparsity", "0.5", "--dataset", "mnits"], "no data set 'mnits'; there are: mnist"),
    ],
)
def test_mistakes_are_told_in_a_line(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.keras"
    with pytest.raises(SystemExit) as left:
        main(["prune", "lenet5", "--method", "structured", "--out", str(out), *words])
    error = capsys.readouterr().err
    assert left.value.code == 2
    assert message in error
    assert len(error.strip().splitlines()) == 1
    assert not out.exists()
