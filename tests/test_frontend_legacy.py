"""Files as Keras 2 wrote them, where they differ from what Keras 3 writes."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from lenetgen.codegen.frontend import load_model
from lenetgen.codegen.frontend.keras_runtime import import_keras

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
