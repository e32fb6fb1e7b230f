"""What of the supported layers can't become hardware is refused in one line with the reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from lenetgen.codegen.errors import UserError
from lenetgen.codegen.frontend import convert
from lenetgen.codegen.frontend.keras_runtime import import_keras
from lenetgen.codegen.pipeline import to_float_graph

# Keras 3.15 with numpy 2: Variable.__array__ has no copy argument.
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't:DeprecationWarning"
)

Layers = Callable[[Any, Any], list[Any]]  # (keras, keras.layers) -> layers behind the input


@pytest.fixture(scope="module")
def keras() -> Any:
    return import_keras()


REFUSED: list[Any] = [
    pytest.param(
        lambda k, la: [
            la.Conv2D(2, 3, activation="relu", name="c1"),
            la.BatchNormalization(name="bn"),
            la.Conv2D(2, 3, padding="same", name="c2"),
        ],
        "layer bn: its normalization can't be folded: before it c1 (Conv2D) ends with a ReLU; "
        "after it c2 (Conv2D) pads with zeros",
        id="batchnorm_between_relu_and_padding",
    ),
    pytest.param(
        lambda k, la: [
            la.Conv2D(2, 3),
            la.ReLU(name="r1"),
            la.BatchNormalization(name="bn"),
            la.ReLU(name="r2"),
            la.Flatten(),
            la.Dense(2),
        ],
        "layer bn: its normalization can't be folded: before it r1 (Relu) clips at zero; "
        "after it r2 (Relu) clips at zero",
        id="batchnorm_between_relus",
    ),
    pytest.param(
        lambda k, la: [la.Conv2D(2, 3, activation="relu", name="c"), la.BatchNormalization()],
        "before it c (Conv2D) ends with a ReLU; after it is no Conv2D or Dense",
        id="batchnorm_last",
    ),
    pytest.param(
        lambda k, la: [
            la.Conv2D(2, 3, name="c"),
            la.BatchNormalization(axis=1),
            la.Conv2D(2, 3, name="d"),
        ],
        "before it c (Conv2D) has one kernel for all pixels; "
        "after it d (Conv2D) has one kernel for all pixels",
        id="batchnorm_per_row",
    ),
    pytest.param(
        lambda k, la: [
            la.ZeroPadding2D(1, name="z"),
            la.MaxPooling2D(2, name="p"),
            la.Conv2D(1, 1),
        ],
        "layer z: zero padding is supported in front of a Conv2D only, but p (MaxPool2D) follows, "
        "which would count its zeros as pixels",
        id="padding_in_front_of_pooling",
    ),
    pytest.param(
        lambda k, la: [la.ZeroPadding2D(1, name="z"), la.Flatten(), la.Dense(1, name="d")],
        "layer z: zero padding is supported in front of a Conv2D only, but d (Dense) follows",
        id="padding_in_front_of_dense",
    ),
    pytest.param(
        lambda k, la: [la.Conv2D(1, 1), la.ZeroPadding2D(1, name="z")],
        "layer z: zero padding is supported in front of a Conv2D only, but nothing follows",
        id="padding_last",
    ),
    pytest.param(
        lambda k, la: [la.ZeroPadding2D(2, name="z"), la.Conv2D(1, (3, 5), name="c")],
        "layer z: its zeros make 2+2 rows and 2+2 columns around c; its 3x5 window allows 2 and 4",
        id="too_much_padding",
    ),
    pytest.param(
        lambda k, la: [la.ZeroPadding2D(1, name="z"), la.Conv2D(1, 3, padding="same", name="c")],
        "layer z: its zeros make 2+2 rows and 2+2 columns around c; its 3x3 window allows 2 and 2",
        id="padding_and_same",
    ),
    pytest.param(
        lambda k, la: [
            la.Conv2D(2, 1, name="c"),
            la.Reshape((4, 9, 2), name="r"),
            la.Conv2D(1, 1),
        ],
        "layer r: a Reshape to (4, 9, 2) behind c (Conv2D) is not supported; "
        "supported is one in front of all layers",
        id="reshape_behind_layers",
    ),
    pytest.param(
        lambda k, la: [la.Reshape((2, 2, 3, 3), name="r"), la.Flatten(), la.Dense(1)],
        "layer 'r' (Reshape): a Reshape to (2, 2, 3, 3) is not supported; "
        "supported are 1 to 3 axes",
        id="reshape_4_axes",
    ),
    pytest.param(
        lambda k, la: [la.SeparableConv2D(2, 3, name="s")],
        "layer 's' (SeparableConv2D) is not supported; supported are Activation, ",
        id="separable",
    ),
    pytest.param(
        lambda k, la: [la.DepthwiseConv2D(3, name="d")],
        "layer 'd' (DepthwiseConv2D) is not supported; supported are Activation, ",
        id="depthwise",
    ),
    pytest.param(
        lambda k, la: [la.ZeroPadding2D(1, data_format="channels_first"), la.Conv2D(1, 1)],
        "data_format='channels_first' is not supported; supported is 'channels_last'",
        id="channels_first_padding",
    ),
    pytest.param(
        lambda k, la: [la.GlobalMaxPooling2D(data_format="channels_first"), la.Dense(1)],
        "data_format='channels_first' is not supported; supported is 'channels_last'",
        id="channels_first_global",
    ),
    pytest.param(
        lambda k, la: [la.Normalization(mean=0.5, variance=-1.0, name="n"), la.Conv2D(1, 1)],
        "layer 'n' (Normalization): its variance is negative",
        id="negative_variance",
    ),
]


@pytest.mark.parametrize(("layers", "message"), REFUSED)
def test_refused_in_one_line(keras: Any, layers: Layers, message: str) -> None:
    model = keras.Sequential([keras.Input((6, 6, 1)), *layers(keras, keras.layers)])
    for layer in model.layers:
        if type(layer).__name__ == "BatchNormalization":
            layer.set_weights([np.linspace(0.5, 1, w.shape[0]) for w in layer.weights])
    with pytest.raises(UserError) as caught:
        to_float_graph(convert(model))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("index", "value", "message"),
    [
        (2, np.nan, "1 of 2 values of its moving_mean are NaN or infinite"),
        (3, -1.0, "its moving_variance plus epsilon is not positive"),
    ],
)
def test_statistics_that_are_no_statistics(
    keras: Any, index: int, value: float, message: str
) -> None:
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((4, 4, 1)), layers.Conv2D(2, 1), layers.BatchNormalization(name="bn")]
    )
    weights = model.layers[1].get_weights()
    weights[index][0] = value
    model.layers[1].set_weights(weights)
    with pytest.raises(UserError) as caught:
        convert(model)
    assert str(caught.value) == f"layer 'bn' (BatchNormalization): {message}"
