"""Every supported layer: the float graph after all float passes computes what Keras computes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lenetgen.codegen.frontend import convert, load_model
from lenetgen.codegen.frontend.keras_runtime import import_keras
from lenetgen.codegen.ir import Graph, InputTable
from lenetgen.codegen.pipeline import to_float_graph
from lenetgen.sim.float_model import FloatModel

pytestmark = [
    # Keras 3.15 with numpy 2: Variable.__array__ has no copy argument.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't:DeprecationWarning"),
    # Keras tells everyone who writes .h5 that .keras is the native format.
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5:UserWarning"),
]

Layers = Callable[[Any, Any], list[Any]]  # (keras, keras.layers) -> layers behind the input


@pytest.fixture(scope="module")
def keras() -> Any:
    return import_keras()


def randomized(model: Any, rng: np.random.Generator) -> Any:
    """Random parameters, and moving statistics far from 0 and 1; variances positive.

    Statistics of Normalization stay: the test sets them.
    """
    for layer in model.layers:
        if type(layer).__name__ == "Normalization":
            continue
        values = []
        for variable in layer.weights:
            value = rng.normal(0, 0.5, variable.shape)
            if variable.name in ("moving_variance", "gamma"):
                value = rng.uniform(0.3, 2, variable.shape)
            values.append(value.astype(np.float32))
        layer.set_weights(values)
    return model


def built(keras: Any, shape: tuple[int, ...], layers: Layers, rng: np.random.Generator) -> Any:
    return randomized(keras.Sequential([keras.Input(shape), *layers(keras, keras.layers)]), rng)


def compare(model: Any, graph: Graph, rng: np.random.Generator, divisor: float) -> None:
    """Keras' float32 prediction on pixels over ``divisor`` against our float64 graph."""
    images = rng.integers(0, 256, (5, *graph.input.shape), dtype=np.uint8)
    images[0], images[1] = 0, 255
    ours = FloatModel(graph).run(images)
    given = images.reshape(5, *model.input_shape[1:]).astype(np.float32) / np.float32(divisor)
    theirs = np.asarray(model(given)).reshape(5, -1)
    assert np.ptp(theirs) > 1e-2
    assert np.abs(ours - theirs).max() < 1e-5 * max(1.0, np.abs(theirs).max())


EQUAL: list[Any] = [
    pytest.param(
        (8, 9, 2),
        lambda k, la: [
            la.Conv2D(3, 3, padding="same", use_bias=False),
            la.BatchNormalization(),
            la.ReLU(),
            la.MaxPooling2D(2),
            la.Flatten(),
            la.Dense(4, use_bias=False),
            la.BatchNormalization(scale=False),
            la.Activation("relu"),
            la.Dense(3),
            la.BatchNormalization(center=False, epsilon=0.1),
        ],
        255,
        id="batchnorm_behind_linear_layers",
    ),
    pytest.param(
        (8, 9, 2),
        lambda k, la: [
            la.Conv2D(3, 3, activation="relu"),
            la.BatchNormalization(),
            la.MaxPooling2D(2),
            la.Dropout(0.5),
            la.Conv2D(4, 2, activation="relu"),
            la.BatchNormalization(),
            la.AveragePooling2D((1, 2), strides=1, padding="same"),
            la.BatchNormalization(),
            la.Flatten(),
            la.Dense(4, activation="relu"),
            la.BatchNormalization(),
            la.Dense(3),
        ],
        255,
        id="batchnorm_in_front_of_layers",
    ),
    pytest.param(
        (6, 6, 2),
        lambda k, la: [
            la.BatchNormalization(),
            la.Conv2D(3, 3, padding="same", activation="relu"),
            la.Flatten(),
            la.BatchNormalization(),
            la.Dense(3),
        ],
        255,
        id="batchnorm_first_and_behind_flatten",
    ),
    pytest.param(
        (6, 5),
        lambda k, la: [la.BatchNormalization(), la.Flatten(), la.Dense(3)],
        255,
        id="batchnorm_per_column",
    ),
    pytest.param(
        (9,),
        lambda k, la: [la.Rescaling(1 / 100), la.BatchNormalization(), la.Dense(3)],
        1,
        id="batchnorm_on_a_vector",
    ),
    pytest.param(
        (6, 7, 2),
        lambda k, la: [
            la.Conv2D(4, 3, activation="relu"),
            la.GlobalAveragePooling2D(),
            la.BatchNormalization(),
            la.Dense(3),
        ],
        255,
        id="global_average",
    ),
    pytest.param(
        (6, 7, 2),
        lambda k, la: [
            la.Conv2D(4, 3),
            la.GlobalMaxPooling2D(keepdims=True),
            la.Conv2D(3, 1),
            la.GlobalAveragePooling2D(keepdims=True),
        ],
        255,
        id="global_keepdims",
    ),
    pytest.param(
        (6, 7, 2),
        lambda k, la: [la.Conv2D(4, 3), la.GlobalMaxPooling2D(), la.Activation("relu")],
        255,
        id="global_max_last",
    ),
    pytest.param(
        (7, 8, 2),
        lambda k, la: [
            la.ZeroPadding2D(((1, 2), (2, 0))),
            la.Conv2D(3, (4, 3)),
            la.BatchNormalization(),
            la.ZeroPadding2D(1),
            la.ReLU(),
            la.ZeroPadding2D(((0, 1), (1, 0))),
            la.Conv2D(3, 5, strides=2, activation="relu"),
            la.ZeroPadding2D(((0, 1), (0, 1))),
            la.Conv2D(3, 2, strides=2),
            la.Flatten(),
            la.Dense(2),
        ],
        255,
        id="zero_padding",
    ),
    pytest.param(
        (8, 8, 1),
        lambda k, la: [
            la.Rescaling(1 / 127.5, offset=-1),
            la.ZeroPadding2D(1),
            la.Conv2D(2, 3, strides=2, padding="valid"),
            la.Flatten(),
            la.Dense(2),
        ],
        1,
        id="zero_padding_behind_an_offset",
    ),
    pytest.param(
        (5, 5, 3),
        lambda k, la: [
            la.Rescaling([1 / 200, 1 / 100, -1 / 50], offset=[0.1, 0, 1]),
            la.Conv2D(2, 3, padding="same"),
            la.Flatten(),
            la.Dense(2),
        ],
        1,
        id="rescaling_per_channel",
    ),
    pytest.param(
        (5, 5, 1),
        lambda k, la: [
            la.Rescaling(1 / 255),
            la.Rescaling(2.0, offset=-1),
            la.Conv2D(2, 3),
            la.Rescaling(0.5, offset=0.25),
            la.Flatten(),
            la.Dense(2),
            la.Rescaling(4.0),
        ],
        1,
        id="rescaling_anywhere",
    ),
    pytest.param(
        (6, 6, 2),
        lambda k, la: [
            la.Normalization(mean=[30.0, 120.0], variance=[400.0, 900.0]),
            la.Conv2D(3, 3, padding="same"),
            la.Flatten(),
            la.Dense(3),
        ],
        1,
        id="normalization_of_raw_pixels",
    ),
    pytest.param(
        (6, 6, 2),
        lambda k, la: [
            la.Normalization(axis=None, mean=0.13, variance=0.09),
            la.Conv2D(3, 3, padding="same"),
            la.Flatten(),
            la.Dense(3),
        ],
        255,
        id="normalization_of_unit_pixels",
    ),
    pytest.param(
        (6, 6, 2),
        lambda k, la: [
            la.Rescaling(1 / 255),
            la.Normalization(mean=[0.3, 2.0], variance=[0.04, 0.09]),
            la.Conv2D(3, 3, padding="same"),
            la.Flatten(),
            la.Dense(3),
        ],
        1,
        id="normalization_behind_rescaling",
    ),
    pytest.param(
        (12,),
        lambda k, la: [
            la.Normalization(mean=np.arange(12) * 20.0, variance=np.arange(1, 13) * 90.0),
            la.Dense(3),
        ],
        1,
        id="normalization_per_element",
    ),
    pytest.param(
        (42,),
        lambda k, la: [
            la.Rescaling(1 / 128, offset=-1),
            la.Reshape((6, 7, 1)),
            la.Conv2D(2, 3, padding="same", activation="relu"),
            la.Reshape((-1,)),
            la.Dense(3),
            la.Reshape((3,)),
        ],
        1,
        id="reshape_vector_to_image",
    ),
    pytest.param(
        (6, 7),
        lambda k, la: [la.Reshape((6, 7, 1)), la.Conv2D(2, 3), la.Flatten(), la.Dense(2)],
        255,
        id="reshape_adds_the_channel",
    ),
    pytest.param(
        (6, 4, 1),
        lambda k, la: [la.Flatten(), la.Reshape((3, 4, 2)), la.Conv2D(2, 2), la.Reshape((12,))],
        255,
        id="reshape_image_to_image",
    ),
    pytest.param(
        (4, 5, 2),
        lambda k, la: [
            la.BatchNormalization(axis=2),
            la.Reshape((40,)),
            la.BatchNormalization(),
            la.Dense(3),
        ],
        255,
        id="batchnorm_axis_and_reshape",
    ),
    pytest.param(
        (6, 6, 2),
        lambda k, la: [
            la.Identity(),
            la.GaussianNoise(0.5),
            la.Conv2D(3, 3),
            la.Activation("linear"),
            la.SpatialDropout2D(0.5),
            la.GaussianDropout(0.5),
            la.Activation("relu"),
            la.AlphaDropout(0.5),
            la.ActivityRegularization(l2=0.1),
            la.Dense(4, activation="relu"),
            la.Dense(2),
            la.Dropout(0.5),
        ],
        255,
        id="noops_and_dense_on_images",
    ),
    pytest.param(
        (7, 8, 2),
        lambda k, la: [
            la.MaxPooling2D((3, 2), strides=(1, 3), padding="same"),
            la.AveragePooling2D(3, strides=2, padding="same"),
            la.Conv2D(3, (1, 2)),
            la.AveragePooling2D((2, 1), strides=(3, 1), padding="same"),
            la.Flatten(),
            la.Dense(2),
        ],
        255,
        id="pooling_same_with_strides",
    ),
]


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize(("shape", "layers", "divisor"), EQUAL)
def test_equals_keras(
    keras: Any,
    rng: np.random.Generator,
    tmp_path: Path,
    shape: tuple[int, ...],
    layers: Layers,
    divisor: float,
    suffix: str,
) -> None:
    model = built(keras, shape, layers, rng)
    path = tmp_path / f"model{suffix}"
    model.save(path)
    compare(model, to_float_graph(load_model(path)), rng, divisor)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize(
    ("pixels", "divisor"), [pytest.param(255, 1, id="raw"), pytest.param(1, 255, id="unit")]
)
def test_adapted_normalization(
    keras: Any, rng: np.random.Generator, tmp_path: Path, pixels: float, divisor: float, suffix: str
) -> None:
    layers = keras.layers
    layer = layers.Normalization()
    layer.adapt((rng.random((50, 5, 5, 2)) * pixels).astype(np.float32))
    model = keras.Sequential(
        [keras.Input((5, 5, 2)), layer, layers.Conv2D(2, 3), layers.Flatten(), layers.Dense(2)]
    )
    path = tmp_path / f"model{suffix}"
    randomized(model, rng).save(path)
    graph = to_float_graph(load_model(path))
    assert isinstance(graph.ops[0], InputTable)
    compare(model, graph, rng, divisor)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_inverse_normalization(
    keras: Any, rng: np.random.Generator, tmp_path: Path, suffix: str
) -> None:
    layers = keras.layers
    inverse = layers.Normalization(mean=[1.0, 2.0], variance=[4.0, 9.0], invert=True)
    model = built(keras, (4, 4, 1), lambda k, la: [la.Conv2D(2, 3), inverse, la.Flatten()], rng)
    path = tmp_path / f"model{suffix}"
    model.save(path)
    compare(model, to_float_graph(load_model(path)), rng, 255)


def test_negative_factors(keras: Any, rng: np.random.Generator) -> None:
    """Negative gammas go through average pooling and into both neighbours."""
    model = built(
        keras,
        (7, 7, 2),
        lambda k, la: [
            la.Conv2D(3, 2),
            la.AveragePooling2D(2),
            la.BatchNormalization(),
            la.MaxPooling2D(2, strides=1),
            la.BatchNormalization(),
            la.Conv2D(2, 2),
            la.Flatten(),
        ],
        rng,
    )
    for layer in model.layers:
        if type(layer).__name__ == "BatchNormalization":
            rest = layer.get_weights()[1:]
            layer.set_weights([np.array([-1.5, 0.5, -0.25], np.float32), *rest])
    compare(model, to_float_graph(convert(model)), rng, 255)
