"""TensorFlow Lite files: what is in them, what they compute; the study and its report."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lenetgen.codegen.errors import UserError
from lenetgen.codegen.frontend import convert
from lenetgen.codegen.frontend.keras_runtime import import_keras
from lenetgen.codegen.ir import WeightedOp
from lenetgen.codegen.pipeline import to_float_graph
from lenetgen.codegen.precision import preset
from lenetgen.models.datasets import Dataset, load
from lenetgen.models.pruning import Masks, Pruning
from lenetgen.models.qat import keras_logits, typed_graph
from lenetgen.models.quantized_model import Quantization, quantized_model
from lenetgen.models.recipe import Recipe
from lenetgen.models.split import split
from lenetgen.models.studies import microcontroller as study
from lenetgen.models.studies import tflite
from lenetgen.models.studies.microcontroller_report import report
from lenetgen.models.studies.rows import Chain, Options, Place
from lenetgen.models.studies.worker import work

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't:DeprecationWarning"
)
SEED = 20
SPARSITY = 0.7
IMAGES = 50


@pytest.fixture(scope="module")
def model() -> Any:
    """A convolution and two dense layers with biases, 70 % of the weights pruned, not trained."""
    keras = import_keras()
    keras.utils.set_random_seed(SEED)
    layers = keras.layers
    made = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(4, 5, strides=2, activation="relu", name="conv"),
            layers.MaxPooling2D(2, name="pool"),
            layers.Flatten(name="flat"),
            layers.Dense(24, activation="relu", name="hidden"),
            layers.Dense(10, activation="softmax", name="last"),
        ],
        name="small",
    )
    Masks(made, Pruning("unstructured", SPARSITY)).tighten(SPARSITY)
    rng = np.random.default_rng(SEED)
    for layer in made.layers:
        if layer.weights:
            layer.bias.assign(rng.uniform(-0.2, 0.2, layer.bias.shape))
    return made


@pytest.fixture(scope="module")
def test_images() -> Dataset:
    return load("digits", "test").first(IMAGES)


@pytest.fixture(scope="module")
def files(model: Any) -> dict[str, bytes]:
    """Every kind of file of ``model``."""
    images = load("digits", "train").images[:100]
    twin = tflite.plain(model)
    return {kind: tflite.convert(twin, kind, images) for kind in tflite.KINDS}


def _types(content: bytes) -> tuple[type, type, set[str]]:
    """Types of input and output, and of all tensors."""
    found = tflite.interpreter_of(content)
    every = {np.dtype(each["dtype"]).name for each in found.get_tensor_details()}
    return found.get_input_details()[0]["dtype"], found.get_output_details()[0]["dtype"], every


def test_int8_only_has_no_float_at_all(files: dict[str, bytes]) -> None:
    assert _types(files["int8"]) == (np.int8, np.int8, {"int8", "int32"})


def test_int8_with_fallback_is_float_outside_only(files: dict[str, bytes]) -> None:
    entry, result, every = _types(files["int8-fallback"])
    assert (entry, result) == (np.float32, np.float32)
    assert every == {"int8", "int32", "float32"}


@pytest.mark.parametrize(
    ("kind", "stored"),
    [
        pytest.param("float32", ["float32"], id="float32"),
        pytest.param("dynamic", ["float32", "float32", "int8"], id="dynamic"),
        pytest.param("float16", ["float16"], id="float16"),
        pytest.param("int8-fallback", ["int8"], id="int8-fallback"),
        pytest.param("int8", ["int8"], id="int8"),
    ],
)
def test_weights_are_stored_as_the_kind_says(
    model: Any, files: dict[str, bytes], kind: str, stored: list[str]
) -> None:
    found = tflite.weights(files[kind], tflite.kernel_shapes(model))
    assert sorted(each.dtype.name for each in found) == sorted(stored * (3 // len(stored)))
    left = sum(int(np.count_nonzero(each)) for each in found)
    kept = sum(int(np.count_nonzero(each)) for each in model.get_weights() if each.ndim > 1)
    if "int8" in stored:  # rounding makes more of them zero, never fewer
        assert 0.95 * kept < left <= kept
    else:
        assert left == kept


def test_sizes_are_in_order(files: dict[str, bytes]) -> None:
    sizes = {kind: len(content) for kind, content in files.items()}
    assert sizes["int8"] < sizes["int8-fallback"] < sizes["float16"] < sizes["float32"]
    assert sizes["dynamic"] < sizes["float16"]
    assert tflite.packed(files["float32"]) < 0.5 * sizes["float32"]  # 70 % zeros


def test_the_same_weights_give_the_same_bytes(model: Any, files: dict[str, bytes]) -> None:
    images = load("digits", "train").images[:100]
    for kind in ("float32", "int8"):
        assert tflite.convert(tflite.plain(model), kind, images) == files[kind]


def test_float_file_computes_what_keras_does(
    model: Any, files: dict[str, bytes], test_images: Dataset
) -> None:
    expected = keras_logits(model, test_images.images).argmax(axis=1)
    run = tflite.run_images(tflite.interpreter_of(files["float32"]), test_images.images)
    assert (run.classes == expected).all()
    assert len(set(expected)) > 1  # the biases make it depend on the scale of the pixels
    assert run.micros.shape == (IMAGES,) and (run.micros > 0).all()


def test_integer_pixels_reach_the_file(files: dict[str, bytes], test_images: Dataset) -> None:
    interpreter = tflite.interpreter_of(files["int8"])
    tflite.run_images(interpreter, test_images.images[-1:])
    seen = interpreter.get_tensor(interpreter.get_input_details()[0]["index"])
    assert (seen[0] == test_images.images[-1].astype(np.int64) - 128).all()


def test_measure_counts(model: Any, files: dict[str, bytes], test_images: Dataset) -> None:
    run = tflite.run_images(tflite.interpreter_of(files["int8"]), test_images.images)
    labels = run.classes.copy()
    labels[:5] = (labels[:5] + 1) % 10
    right = Dataset(test_images.images, labels, "digits", "")
    found = tflite.measure(files["int8"], right, tflite.kernel_shapes(model))
    assert (found["correct"], found["images"]) == (IMAGES - 5, IMAGES)
    assert found["accuracy"] == (IMAGES - 5) / IMAGES
    assert (found["bytes"], found["floats"]) == (len(files["int8"]), 0)
    assert found["micros"][1] <= found["micros"][0] <= found["micros"][2]


def test_an_unknown_kind_lists_what_there_is(model: Any) -> None:
    with pytest.raises(UserError, match=r"no TensorFlow Lite variant 'int4'; there are: float32,"):
        tflite.convert(model, "int4", np.zeros((1, 28, 28, 1), np.uint8))


def test_a_tensorflow_without_lite_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorflow as tf

    tflite.check_lite()
    monkeypatch.setattr(tf, "lite", object())
    with pytest.raises(UserError, match=r"^TensorFlow [0-9.]+ has no tf.lite.TFLiteConverter"):
        tflite.check_lite()
    with pytest.raises(UserError, match=r"ai-edge-litert has an interpreter too$"):
        tflite.interpreter_of(b"")


def test_a_quantized_twin_has_the_weights_of_the_hardware(model: Any, test_images: Dataset) -> None:
    graph = to_float_graph(convert(model))
    quantized = quantized_model(graph, Quantization(preset("q8.8", graph).layers))
    twin = tflite.plain(quantized)
    golden = [op for op in typed_graph(quantized).ops if isinstance(op, WeightedOp)]
    assert len(golden) == 3
    for number, op in enumerate(golden):
        codes = op.weights.values.astype(np.float64) * float(op.weights.format.step)
        found = np.asarray(twin.get_layer(op.name).kernel, np.float64)
        assert (found == (codes * 255 / 256 if number == 0 else codes)).all()
    scores = np.log(
        np.stack([np.asarray(twin(x[None] / np.float32(255)))[0] for x in test_images.images])
    )
    logits = keras_logits(quantized, test_images.images)
    difference = scores - logits
    assert np.ptp(difference, axis=1).max() < 0.05 < np.ptp(logits, axis=1).min()


def _content(results: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """``study.json`` of one chain."""
    return {
        "options": {"seeds": [1], "full": False},
        "versions": {"keras": "3"},
        "machine": {"processor": "a processor"},
        "seconds": 60,
        "rows": [
            {"chain": "digits-1", "row": name, "result": result} for name, result in results.items()
        ],
    }


def test_the_report_says_what_was_measured(tmp_path: Path) -> None:
    history = [{"number": 1, "loss": 1, "validation_loss": 2, "validation_accuracy": 0.5}]
    before = {"bytes": 250400, "gzip": 230000, "accuracy": 0.99, "nonzero": 61470, "ties": 0}
    before |= {"images": 10000, "micros": [20.0, 19, 21], "own_micros": [40.0, 39, 41]}
    after = {"bytes": 62600, "gzip": 57500, "accuracy": 0.985, "nonzero": 60000, "ties": 7}
    after |= {"images": 10000, "micros": [10.0, 9, 11], "own_micros": [36.0, 35, 37]}
    golden = {"accuracy": 0.9876, "ties": 3, "stored_bits": 480000, "nonzero": 59000}
    golden["images"] = 10000
    rows = {"float": {"history": history}, "float-auto": golden}
    rows |= {"float-float32": before, "float-int8": after}
    lines = report(_content(rows), tmp_path)
    assert "| float | float32 | 250.4 | 230.0 | 99.00 | 0 | 61,470 | 20.0 | 40.0 |" in lines
    assert "| float | int8 only | 62.6 | 57.5 | 98.50 | 7 | 60,000 | 10.0 | 36.0 |" in lines
    assert "| float | auto | 98.76 | 3 | 60.0 | 59,000 |" in lines
    assert "Accuracies of 10,000 images less than 0.31 points apart rank nothing." in lines
    change = "| float, float32 | -0.50 | -75 % | -75 % | -50 % | -10 % |"
    assert [line for line in lines if line.endswith(change)] == [
        "| int8 only instead of float32 " + change
    ]


@pytest.mark.slow
def test_the_study_runs_and_reports(tmp_path: Path) -> None:
    quick = Recipe(epochs=1, lr=3e-3, augment=False, weight_noise=0.0, activity_limit=0.0)
    names = ("float", "sparse", "sparse-qat")
    networks = [each for each in study.NETWORKS if each.name in names]
    rows = study.rows(study.Work("digits", quick, quick), networks, ("int8",))
    chain = Chain("digits-1", rows)
    with (tmp_path / "events").open("w") as line:
        work(chain, Options(seeds=(1,)), tmp_path, line)
    kept = tmp_path / "rows" / "digits-1"
    results = {row.name: json.loads((kept / f"{row.name}.json").read_text()) for row in rows}
    found = {name: each["result"] for name, each in results.items()}
    assert found["sparse"]["sparsity"] == pytest.approx(0.8, abs=1e-4)
    assert found["sparse-qat-int8"]["nonzero"] <= 0.2001 * found["float-mixed"]["weights"]
    assert found["sparse-qat"]["differing"] == 0
    assert found["float-int8"]["floats"] == 0
    assert {each["images"] for each in found.values() if "images" in each} == {360}
    same = abs(found["sparse-qat-int8"]["accuracy"] - found["sparse-qat-model"]["accuracy"])
    assert same <= 0.05  # the same weights, two arithmetics
    content = _content({name: each["result"] for name, each in results.items()})
    text = "\n".join(report(content, tmp_path))
    for name in ("float-int8", "sparse-int8", "sparse-qat-int8", "sparse-qat-model"):
        assert f"| {100 * found[name]['accuracy']:.2f} |" in text
    assert "| 80 % pruned, quantized training | int8 only |" in text
    drawn = {name: (tmp_path / name).read_text() for name in re.findall(r"\((.*\.svg)\)", text)}
    assert set(drawn) == {"digits-storage.svg", "digits-curves.svg"}
    assert "80 % pruned, QAT" in drawn["digits-storage.svg"]


def test_calibration_sees_neither_test_nor_validation_images(tmp_path: Path) -> None:
    recipe = Recipe(seed=5, validation=0.7)
    work_ = study.Work("digits", recipe, recipe)
    images = work_.calibration(Place(tmp_path, Options(seeds=(5,)), {}))
    chosen, held = split(load("digits", "train"), 0.7, 5)
    assert (images == chosen.images[: study.CALIBRATION]).all() and len(images) == 431
    seen = {image.tobytes() for image in images}
    for other in (held, load("digits", "test")):
        assert not seen & {image.tobytes() for image in other.images}


def test_chains_of_the_study() -> None:
    chains = study.chains(Options(seeds=(3,)))
    assert [chain.name for chain in chains] == ["mnist-3", "fashion-mnist-3"]
    names = {row.name for row in chains[0].rows}
    assert {f"{each.name}-{kind}" for each in study.NETWORKS for kind in tflite.KINDS} < names
    full = study.chains(Options(seeds=(3,), full=True))
    assert full[0].rows[0].settings != chains[0].rows[0].settings
