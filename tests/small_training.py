"""A network and a training set small enough to train in a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lenetgen.codegen.frontend.keras_runtime import import_keras
from lenetgen.models import prune, qat, training
from lenetgen.models.datasets import Dataset, load
from lenetgen.models.recipe import Recipe

PLAIN = Recipe(epochs=4, batch=64, lr=4e-3, weight_noise=0.0, activity_limit=0.0)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A float network with statistics and a layer that draws, in a file."""
    keras = import_keras()
    keras.utils.set_random_seed(5)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(4, 5, strides=4, name="conv1"),
            layers.BatchNormalization(name="norm1"),
            layers.ReLU(name="relu1"),
            layers.Flatten(name="flat"),
            layers.Dropout(0.2, name="drop"),
            layers.Dense(10, activation="softmax", name="fc1"),
        ],
        name="tiny",
    )
    path = tmp_path_factory.mktemp("float") / "tiny.keras"
    model.save(path)
    return path


@pytest.fixture
def few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """Data sets of 300 images for ``train``, ``prune`` and ``qat``."""

    def load_few(name: str, split: str, *others: Any, **more: Any) -> Dataset:
        return load(name, split, *others, **more).first(300)

    for module in (training, prune, qat):
        monkeypatch.setattr(module, "load", load_few)
