"""Activations: the float graph computes what Keras computes."""

from __future__ import annotations

from collections.abc import Callable
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
            la.Conv2D(3, 3, padding="same"),
            la.BatchNormalization(),
            la.LeakyReLU(negative_slope=0.25),
            la.AveragePooling2D(2),
            la.ReLU(max_value=0.25, negative_slope=2.0**-16),
            la.ZeroPadding2D(1),
            la.LeakyReLU(negative_slope=0),
            la.Conv2D(4, 3),
            la.ReLU(negative_slope=0.5),
            la.Flatten(),
            la.Dense(3),
        ],
        id="leaky",
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


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda la: la.LeakyReLU(name="r"), "0.3 .* the nearest are 1/4 and 1/2"),
        (lambda la: la.LeakyReLU(negative_slope=0.2, name="r"), "nearest are 1/8 and 1/4"),
        (lambda la: la.LeakyReLU(negative_slope=1.0, name="r"), "=1 .* supported are 1/2, 1/4"),
        (lambda la: la.ReLU(negative_slope=2.0**-17, name="r"), r"supported are 1/2, .* 1/65536"),
        (lambda la: la.Activation("leaky_relu", name="r"), "a slope of 0.2; .* use a LeakyReLU"),
    ],
    ids=["default", "above", "one", "tiny", "by_name"],
)
def test_other_slopes_are_refused(
    keras: Any,  # noqa: F811
    build: Callable[[Any], Any],
    message: str,
) -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2), build(keras.layers)])
    with pytest.raises(UserError, match=r"layer 'r' \(\w+\): .*" + message):
        convert(model)


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
