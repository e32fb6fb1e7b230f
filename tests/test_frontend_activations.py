"""Activations: the float graph computes what Keras computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lenetgen.codegen.frontend import load_model
from lenetgen.codegen.pipeline import to_float_graph

from .test_frontend_layers import Layers, built, compare, keras  # noqa: F401 (a fixture)

# Keras 3.15 with numpy 2: Variable.__array__ has no copy argument.
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't:DeprecationWarning"
)

EQUAL: list[Any] = [
    pytest.param(
        lambda k, la: [
            la.Conv2D(3, 3, padding="same", activation="relu6"),
            la.AveragePooling2D(2),
            la.ReLU(max_value=0.25),
            la.Conv2D(4, 2),
            la.Activation("relu6"),
            la.Flatten(),
            la.Dense(6),
            la.ReLU(max_value=0.5),
            la.Dense(3),
        ],
        id="limited_relu",
    ),
]


@pytest.mark.parametrize("layers", EQUAL)
def test_equals_keras(
    keras: Any,  # noqa: F811
    rng: np.random.Generator,
    tmp_path: Path,
    layers: Layers,
) -> None:
    model = built(keras, (6, 6, 2), layers, rng)
    path = tmp_path / "model.keras"
    model.save(path)
    compare(model, to_float_graph(load_model(path)), rng, 255)
