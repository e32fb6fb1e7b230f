"""Quantized training: Keras' results equal the golden integers; types, zeros, refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from lenetgen.cli.main import main
from lenetgen.cli.qat import command
from lenetgen.cli.recipe_options import default_output
from lenetgen.codegen.errors import UserError
from lenetgen.codegen.formats import FixedPoint, LayerPrecision, Overflow, Rounding
from lenetgen.codegen.frontend import convert, load_model
from lenetgen.codegen.frontend.keras_runtime import import_keras
from lenetgen.codegen.ir import AvgPool2D, Graph, InputTable, Lookup, WeightedOp
from lenetgen.codegen.pipeline import to_float_graph, to_typed_graph
from lenetgen.codegen.precision import own, preset
from lenetgen.models.datasets import load
from lenetgen.models.qat import compare_with_golden, qat, typed_graph
from lenetgen.models.quantized_model import Quantization, quantized_model, weighted_layers
from lenetgen.models.recipe import Recipe

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't:DeprecationWarning"
)
QUICK = Recipe(epochs=1, batch=128, lr=3e-3, weight_noise=0.0, activity_limit=0.0)


def _model(seed: int) -> Any:
    """28×28×1 with all that can be trained: padding, a mean, ReLU6, a leaky ReLU, normalization."""
    keras = import_keras()
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(3, 5, strides=2, padding="same", name="conv1"),
            layers.BatchNormalization(name="norm1"),
            layers.ReLU(name="relu1"),
            layers.MaxPooling2D(2, name="pool1"),
            layers.ZeroPadding2D(((1, 0), (0, 1)), name="pad2"),
            layers.Conv2D(4, 2, activation="relu6", name="conv2"),
            layers.AveragePooling2D((2, 1), padding="valid", name="pool2"),
            layers.Flatten(name="flat"),
            layers.Dense(8, name="fc1"),
            layers.LeakyReLU(negative_slope=0.25, name="leaky"),
            layers.Dense(10, activation="softmax", name="fc2"),
        ],
        name="tiny",
    )
    rng = np.random.default_rng(seed)
    for variable in model.get_layer("norm1").weights:
        variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    return model


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its file, with zeros in the kernels and one output that is nothing but zeros."""
    model = _model(3)
    kernel = np.array(model.get_layer("fc1").kernel)
    kernel[:5], kernel[:, 2] = 0, 0
    model.get_layer("fc1").kernel.assign(kernel)
    path = tmp_path_factory.mktemp("float") / "float.keras"
    model.save(path)
    return path


@pytest.fixture(scope="module")
def graph(source: Path) -> Graph:
    return to_float_graph(load_model(source))


@pytest.fixture(scope="module")
def given(source: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """What the command makes of it, with given types: a file and a report."""
    out = tmp_path_factory.mktemp("qat") / "given.keras"
    words = [str(source), "--epochs", "1", "--batch", "128", "--lr", "0.003", "--input-bits", "5"]
    words += ["--dataset", "digits", "--precision", "mixed", "--out", str(out), "--json"]
    done = CliRunner().invoke(command, words, catch_exceptions=False)
    assert done.exit_code == 0
    return out, json.loads(done.stdout)


@pytest.fixture(scope="module")
def learned(graph: Graph, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The same with learned types."""
    out = tmp_path_factory.mktemp("qat") / "learned.keras"
    how = Quantization(preset("mixed", graph).layers, 1e-3)
    result = qat(graph, "digits", out, how, replace(QUICK, lr=0.03, batch=32))
    return out, result.as_dict()


@pytest.fixture(params=["given", "learned"])
def trained(request: pytest.FixtureRequest) -> tuple[Path, dict[str, Any]]:
    """Either of them."""
    found: tuple[Path, dict[str, Any]] = request.getfixturevalue(request.param)
    return found


def test_keras_equals_the_golden_integers(trained: tuple[Path, dict[str, Any]]) -> None:
    out, report = trained
    assert (report["differing"], report["test_images"]) == (0, 360)
    model = import_keras().saving.load_model(out, compile=False)
    loaded = to_float_graph(load_model(out))
    typed = to_typed_graph(loaded, own(loaded))
    found = compare_with_golden(model, typed, load("digits", "test"))
    assert found == (report["test_accuracy"], 0)


def test_a_difference_is_found(given: tuple[Path, dict[str, Any]]) -> None:
    model = import_keras().saving.load_model(given[0], compile=False)
    typed = typed_graph(model)
    bias = model.layers[-1].bias
    bias.assign(np.asarray(bias) + np.eye(10, dtype=np.float32)[4] * 0.5)
    _, differing = compare_with_golden(model, typed, load("digits", "test").first(50))
    assert differing == 50


def test_given_types_are_kept(graph: Graph, given: tuple[Path, dict[str, Any]]) -> None:
    loaded = to_float_graph(load_model(given[0]))
    types, asked = own(loaded).layers, preset("mixed", graph).layers
    for op in graph.ops:
        if isinstance(op, WeightedOp):
            assert types[op.name].weight == asked[op.name].weight
            assert types[op.name].bias == asked[op.name].bias
        if isinstance(op, AvgPool2D):
            assert types[op.name].result == asked[op.name].result
    assert types["conv2"].result == asked["conv2"].result
    table = loaded.ops[0]
    assert isinstance(table, InputTable)  # five bits of the pixel
    assert (table.table.values == np.arange(256) // 8 / 32).all()


def test_all_eight_bits_of_a_pixel_need_no_table(learned: tuple[Path, dict[str, Any]]) -> None:
    loaded = to_float_graph(load_model(learned[0]))
    assert not any(isinstance(op, InputTable) for op in loaded.ops)


def test_learning_narrows_the_types(
    given: tuple[Path, dict[str, Any]], learned: tuple[Path, dict[str, Any]]
) -> None:
    bits = []
    for path, _ in (given, learned):
        layers = weighted_layers(import_keras().saving.load_model(path, compile=False))
        shapes = [layer.kernel.shape for layer in layers]
        widths = [
            np.asarray(layer.kq.bits_(shape)) for layer, shape in zip(layers, shapes, strict=True)
        ]
        bits.append(sum(int(each.sum()) for each in widths))
    assert bits[1] < 0.9 * bits[0]


def test_zeros_stay(graph: Graph, trained: tuple[Path, dict[str, Any]]) -> None:
    before = {op.name: op for op in graph.ops if isinstance(op, WeightedOp)}
    layer = import_keras().saving.load_model(trained[0], compile=False).get_layer("fc1")
    zeros = before["fc1"].weights.values == 0
    assert zeros.sum() > 5
    assert not np.asarray(layer.kernel)[zeros].any()
    assert np.asarray(layer.kernel)[~zeros].all()
    assert float(layer.bias[2]) == 0
    assert np.asarray(layer.bias)[[0, 1, 3]].all()  # the others were trained


def test_training_repeats_itself(
    graph: Graph, given: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    again = tmp_path / "again.keras"
    how = Quantization(preset("mixed", graph).layers, pixel_bits=5)
    qat(graph, "digits", again, how, QUICK)
    assert again.read_bytes() == given[0].read_bytes()


def test_emit_takes_the_file(given: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    words = ["emit", str(given[0]), "--precision", "model", "--out", str(tmp_path / "d"), "--json"]
    with pytest.raises(SystemExit) as left:
        main(words)
    assert left.value.code == 0


def test_the_output_has_a_name() -> None:
    assert default_output("runs/base.keras", "qat-mixed") == Path("runs/base-qat-mixed.keras")
    assert default_output("lenet5", "qat-mixed") == Path("runs/lenet5-qat-mixed.keras")


def test_what_cannot_be_trained_is_refused(graph: Graph, tmp_path: Path) -> None:
    types = dict(preset("mixed", graph).layers)
    good = Quantization(types)
    out = tmp_path / "new.keras"

    def wraps(overflow: Overflow) -> Quantization:
        fmt = FixedPoint(True, 8, 4, Rounding.RND, overflow)
        return Quantization({**types, "conv2": LayerPrecision(fmt, fmt, fmt)})

    with pytest.raises(
        UserError,
        match=r"conv2: type ap_fixed<8,4,AP_RND> can't be trained; its overflow must be",
    ):
        qat(graph, "digits", out, wraps(Overflow.WRAP), QUICK)
    with pytest.raises(UserError, match=r"input bits must be in 1\.\.8, not 9"):
        Quantization(types, pixel_bits=9)
    with pytest.raises(UserError, match=r"price of a bit operation must be in \[0, 1\), not -1"):
        Quantization(types, -1.0)
    done = typed_graph(quantized_model(graph, good))
    assert [op.out.fmt for op in done.ops] == [
        op.out.fmt for op in to_typed_graph(graph, preset("mixed", graph)).ops
    ]
    quantized = to_float_graph(convert(quantized_model(graph, good)))
    with pytest.raises(UserError, match="has quantizers already"):
        qat(quantized, "digits", out, good, QUICK)
    assert not out.exists()


def test_a_table_is_refused(tmp_path: Path) -> None:
    keras = import_keras()
    layers = [keras.Input((28, 28, 1)), keras.layers.Flatten()]
    layers += [keras.layers.Dense(4, activation="tanh", name="fc1"), keras.layers.Dense(10)]
    graph = to_float_graph(convert(keras.Sequential(layers)))
    assert any(isinstance(op, Lookup) for op in graph.ops)
    with pytest.raises(UserError, match="layer fc1_tanh: Lookup is not exact in Keras"):
        qat(graph, "digits", tmp_path / "t.keras", Quantization(preset("mixed", graph).layers))
