"""Files as Keras 2 wrote them, where they differ from what Keras 3 writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from lenetgen.codegen.frontend import load_model
from lenetgen.codegen.frontend.keras_runtime import import_keras
from lenetgen.codegen.frontend.legacy import ONLY_TF_KERAS

from .damage import edit_config, pack, unpack
from .model_files import refused, small_model

pytestmark = [
    # Keras 3.15 with numpy 2: Variable.__array__ has no copy argument.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't:DeprecationWarning"),
    # Keras tells everyone who writes .h5 that .keras is the native format.
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5:UserWarning"),
]


def test_batchnorm_axis_as_a_list(tmp_path: Path, rng: np.random.Generator) -> None:
    """Keras 2 stored ``axis`` as a list of one, and dtypes as plain names."""
    keras = import_keras()
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((6, 5, 1)),
            layers.Conv2D(2, 3),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )
    model.set_weights([rng.uniform(0.5, 1, w.shape) for w in model.get_weights()])
    path = tmp_path / "model.h5"
    model.save(path)
    expected = load_model(path)
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        for layer in config["config"]["layers"]:
            layer["config"]["dtype"] = "float32"
            if layer["class_name"] == "BatchNormalization":
                layer["config"]["axis"] = [3]
        del file.attrs["model_config"]
        file.attrs["model_config"] = json.dumps(config)
    assert load_model(path) == expected


def _as_keras_2(path: Path, edit: Callable[[list[dict[str, Any]]], None]) -> Path:
    """Make a file look as tf-keras 2.15 writes it: its version, and layers changed by ``edit``."""
    edit_config(path, lambda config: edit(config["config"]["layers"]))
    if path.suffix == ".h5":
        with h5py.File(path, "r+") as file:
            file.attrs["keras_version"] = "2.15.0"
    else:
        members = unpack(path)
        members["metadata.json"] = b'{"keras_version": "2.15.0", "date_saved": ""}'
        pack(path, members)
    return path


def _input_shape_in_the_first_layer(layers: list[dict[str, Any]]) -> None:
    """Keras 2 gave the first layer the shape and, up to 2.3, listed no input layer."""
    first = layers.pop(0)
    layers[0]["config"]["batch_input_shape"] = first["config"]["batch_shape"]


@pytest.mark.parametrize("bare", [False, True], ids=["named", "bare-list"])
def test_input_shape_in_the_first_layer(tmp_path: Path, bare: bool) -> None:
    path = small_model(tmp_path / "model.h5")
    expected = load_model(path)
    _as_keras_2(path, _input_shape_in_the_first_layer)
    if bare:
        edit_config(path, lambda config: config.update(config=config["config"]["layers"]))
    content = path.read_bytes()
    assert load_model(path).ops == expected.ops
    assert path.read_bytes() == content


def test_inner_model_without_input_layer(tmp_path: Path) -> None:
    keras = import_keras()
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)], name="inner")
    model = keras.Sequential([keras.Input((4,)), inner, keras.layers.Dense(2)])
    path = tmp_path / "m.h5"
    model.save(path)
    expected = load_model(path)

    def strip(layers: list[dict[str, Any]]) -> None:
        layers.pop(0)
        _input_shape_in_the_first_layer(layers[0]["config"]["layers"])
        layers[0]["config"]["batch_input_shape"] = [None, 4]

    assert load_model(_as_keras_2(path, strip)).ops == expected.ops


def test_archives_of_keras_2(tmp_path: Path) -> None:
    path = _as_keras_2(small_model(tmp_path / "model.keras"), _input_shape_in_the_first_layer)
    text = refused(path)
    assert text.startswith("Keras 3.")
    assert text.endswith(f"; written by Keras 2.15.0, {ONLY_TF_KERAS}")
    members = unpack(path)  # the same damage in a file of Keras 3 gets no such advice
    members["metadata.json"] = b'{"keras_version": "3.1.0"}'
    pack(path, members)
    assert "tf-keras" not in refused(path)
    members["metadata.json"] = b"[]"
    pack(path, members)
    assert "tf-keras" not in refused(path)


def test_mixed_precision_of_keras_2(tmp_path: Path) -> None:
    def mixed(layers: list[dict[str, Any]]) -> None:
        layers[1]["config"]["dtype"] = {"class_name": "Policy", "config": {"name": "mixed_float16"}}

    path = small_model(tmp_path / "m.h5")
    expected = load_model(path)
    assert load_model(_as_keras_2(path, mixed)) == expected


@pytest.mark.parametrize("kind", ["TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer"])
def test_tensorflow_functions_as_layers(tmp_path: Path, kind: str) -> None:
    def function(layers: list[dict[str, Any]]) -> None:
        settings = {"name": "tf.nn.relu", "trainable": True, "function": "nn.relu"}
        layers.insert(2, {"class_name": kind, "config": settings})

    text = refused(_as_keras_2(small_model(tmp_path / "m.h5"), function))
    start = "layer 'tf.nn.relu' is a function of TensorFlow called as a layer"
    assert text == f"{start}; {ONLY_TF_KERAS}"


def test_model_inside_a_functional_model_of_keras_2(tmp_path: Path) -> None:
    """Keras 2 counts the calls of an inner model from 1; Keras 3 takes that for a loop."""
    keras = import_keras()
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)], name="inner")
    start = keras.Input((4,))
    model = keras.Model(start, keras.layers.Dense(2, name="out")(inner(start)))
    path = tmp_path / "m.h5"
    model.save(path)

    def nodes(layers: list[dict[str, Any]]) -> None:
        layers[1]["inbound_nodes"] = [[[layers[0]["name"], 0, 0, {}]]]
        layers[2]["inbound_nodes"] = [[["inner", 1, 0, {}]]]

    text = refused(_as_keras_2(path, nodes))
    assert "can't load it: " in text
    assert text.endswith(f"; written by Keras 2.15.0, {ONLY_TF_KERAS}")
