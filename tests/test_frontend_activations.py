"""Activations: the float graph computes what Keras computes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lenetgen.codegen.errors import UserError
from lenetgen.codegen.frontend import convert, load_model
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
    pytest.param(
        lambda k, la: [
            la.Activation("hard_sigmoid"),
            la.Conv2D(3, 3, padding="same", activation="tanh"),
            la.MaxPooling2D(2),
            la.Activation("sigmoid"),
            la.ZeroPadding2D(1),
            la.Activation("tanh"),
            la.Conv2D(4, 3),
            la.Flatten(),
            la.Activation("tanh"),
            la.Dense(6, activation="hard_sigmoid"),
            la.Dense(3, activation="sigmoid"),
        ],
        id="tables",
    ),
]


def test_padding_stays_behind_a_function_that_moves_zero(keras: Any) -> None:  # noqa: F811
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((4, 4, 1)),
            layers.ZeroPadding2D(1, name="pad"),
            layers.Activation("sigmoid", name="s"),
            layers.Conv2D(1, 3),
        ]
    )
    with pytest.raises(UserError, match=r"layer pad: .* but s \(Lookup\) follows"):
        to_float_graph(convert(model))


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
