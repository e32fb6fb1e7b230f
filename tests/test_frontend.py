"""Keras models become the float graph that is expected, from memory and from both file formats."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lenetgen.codegen.frontend import convert, load_model
from lenetgen.codegen.frontend.keras_runtime import import_keras
from lenetgen.codegen.ir import (
    Activation,
    AvgPool2D,
    Const,
    Conv2D,
    Dense,
    Flatten,
    Graph,
    MaxPool2D,
    Padding,
    Relu,
    Rescaling,
    Softmax,
    Tensor,
    Window,
)
from lenetgen.codegen.pipeline import to_float_graph
from lenetgen.sim.float_model import FloatModel

pytestmark = [
    # Keras 3.15 with numpy 2: Variable.__array__ has no copy argument.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't:DeprecationWarning"),
    # Keras tells everyone who writes .h5 that .keras is the native format.
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5:UserWarning"),
]

Save = Callable[[Any], Path]


@pytest.fixture(scope="module")
def keras() -> Any:
    return import_keras()


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    return int.from_bytes(hashlib.sha256(request.node.nodeid.encode()).digest()[:4], "big")


@pytest.fixture(params=[".keras", ".h5"])
def save(request: pytest.FixtureRequest, tmp_path: Path) -> Save:
    """Write a model in one of the two formats and return the file."""

    def write(model: Any) -> Path:
        path = tmp_path / f"model{request.param}"
        model.save(path)
        return path

    return write


def randomized(model: Any, seed: int) -> Any:
    """Give every parameter, biases too, a random value."""
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(0, 0.4, w.shape).astype(w.dtype) for w in model.get_weights()])
    return model


def float64(values: Any) -> Const:
    return Const(np.asarray(values, dtype=np.float64))


def lenet_like(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((12, 10, 2)),
            layers.Rescaling(1 / 255, name="scale"),
            layers.Conv2D(3, (3, 5), strides=(2, 1), padding="same", activation="relu", name="C 1"),
            layers.MaxPooling2D(2, name="pool"),
            layers.Conv2D(4, 2, use_bias=False, name="conv2"),
            layers.ReLU(name="wire"),
            layers.AveragePooling2D((2, 3), strides=1, padding="same", name="avg"),
            layers.Dropout(0.3, name="drop"),
            layers.Flatten(name="flat"),
            layers.Dense(5, activation="relu", name="fc1"),
            layers.Dense(3, activation="softmax", name="fc2"),
        ],
        name="My Net",
    )


def expected_lenet_like(weights: list[np.ndarray]) -> Graph:
    w1, b1, w2, w3, b3, w4, b4 = weights
    return Graph(
        "my_net",
        Tensor("image", (12, 10, 2)),
        (
            Rescaling(
                name="scale",
                x="image",
                out=Tensor("scale", (12, 10, 2)),
                scale=float64([1 / 255]),
                offset=float64([0.0]),
            ),
            Conv2D(
                name="c_1",
                x="scale",
                out=Tensor("c_1", (6, 10, 3)),
                weights=float64(w1),
                bias=float64(b1),
                window=Window((3, 5), (2, 1), Padding(0, 1, 2, 2)),
                activation=Activation.RELU,
            ),
            MaxPool2D(
                name="pool", x="c_1", out=Tensor("pool", (3, 5, 3)), window=Window((2, 2), (2, 2))
            ),
            Conv2D(
                name="conv2",
                x="pool",
                out=Tensor("conv2", (2, 4, 4)),
                weights=float64(w2),
                bias=float64(np.zeros(4)),
                window=Window((2, 2)),
            ),
            Relu(name="wire_x", x="conv2", out=Tensor("wire_x", (2, 4, 4))),
            AvgPool2D(
                name="avg",
                x="wire_x",
                out=Tensor("avg", (2, 4, 4)),
                window=Window((2, 3), (1, 1), Padding(0, 1, 1, 1)),
            ),
            Flatten(name="flat", x="avg", out=Tensor("flat", (32,))),
            Dense(
                name="fc1",
                x="flat",
                out=Tensor("fc1", (5,)),
                weights=float64(w3),
                bias=float64(b3),
                activation=Activation.RELU,
            ),
            Dense(
                name="fc2",
                x="fc1",
                out=Tensor("fc2", (3,)),
                weights=float64(w4),
                bias=float64(b4),
            ),
            Softmax(name="fc2_softmax", x="fc2", out=Tensor("fc2_softmax", (3,))),
        ),
    )


def test_every_layer_from_file(keras: Any, save: Save, seed: int) -> None:
    model = randomized(lenet_like(keras), seed)
    assert load_model(save(model)) == expected_lenet_like(model.get_weights())


def test_memory_and_file_give_the_same_graph(keras: Any, save: Save, seed: int) -> None:
    model = randomized(lenet_like(keras), seed)
    graph = load_model(save(model))
    assert graph == convert(model)
    model.layers[1].bias.assign(model.layers[1].bias + 1)
    assert graph != convert(model)


@pytest.mark.parametrize("size", [(11, 9), (12, 10), (7, 8)])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_graph_computes_what_keras_computes(
    keras: Any, seed: int, size: tuple[int, int], padding: str
) -> None:
    """Windows, padding and layouts agree with Keras' own inference, up to float32's rounding."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((*size, 3)),
            layers.Conv2D(4, (2, 3), strides=2, padding=padding, activation="relu"),
            layers.AveragePooling2D(2, strides=1, padding=padding),
            layers.MaxPooling2D((1, 2), strides=1, padding=padding),
            layers.Conv2D(2, 1),
            layers.Flatten(),
            layers.Dense(4),
        ]
    )
    randomized(model, seed)
    images = np.random.default_rng(seed).integers(0, 256, (6, *size, 3), dtype=np.uint8)
    ours = FloatModel(to_float_graph(convert(model))).run(images)
    theirs = np.asarray(model(images.astype(np.float32) / 255))
    assert np.abs(ours - theirs).max() < 1e-4 * np.abs(theirs).max()


def test_functional_chain_with_nested_models(keras: Any, save: Save, seed: int) -> None:
    layers = keras.layers
    inner = keras.Sequential(
        [keras.Input((6, 6, 2)), layers.Conv2D(2, 3, name="conv"), layers.Activation("relu")],
        name="inner",
    )
    start = keras.Input((6, 6, 1))
    x = layers.Conv2D(2, 1, name="conv")(start)
    x = inner(x)
    x = layers.Flatten()(x)
    model = keras.Model(start, layers.Dense(2)(layers.Activation("linear")(x)), name="outer")
    randomized(model, seed)
    graph = load_model(save(model))
    assert [(op.kind, op.name) for op in graph.ops] == [
        ("Conv2D", "conv"),
        ("Conv2D", "conv_2"),
        ("Relu", graph.ops[2].name),
        ("Flatten", graph.ops[3].name),
        ("Dense", graph.ops[4].name),
    ]
    first, second = graph.ops[0], graph.ops[1]
    assert isinstance(first, Conv2D)
    assert isinstance(second, Conv2D)
    assert np.array_equal(first.weights.values, model.layers[1].get_weights()[0])
    assert np.array_equal(second.weights.values, inner.layers[0].get_weights()[0])


def test_sequential_without_input_layer(keras: Any, save: Save) -> None:
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(2)])
    model.build((None, 4, 3, 1))
    graph = load_model(save(model))
    assert graph.input == Tensor("image", (4, 3, 1))


@pytest.mark.parametrize(
    ("shape", "image"),
    [((5, 4), (5, 4, 1)), ((20,), (1, 20, 1)), ((5, 4, 1), (5, 4, 1))],
)
def test_input_without_channel_axis(
    keras: Any, seed: int, shape: tuple[int, ...], image: tuple[int, int, int]
) -> None:
    layers = keras.layers
    model = keras.Sequential([keras.Input(shape), layers.Flatten(), layers.Dense(3)])
    randomized(model, seed)
    graph = convert(model)
    assert graph.input.shape == image
    assert isinstance(graph.ops[-1], Dense)
    assert np.array_equal(graph.ops[-1].weights.values, model.get_weights()[0])


def test_rescaling_per_channel(keras: Any) -> None:
    layers = keras.layers
    scaling = layers.Rescaling([0.5, 0.25, 2.0], offset=[-1.0, 0.0, 1.0])
    model = keras.Sequential([keras.Input((2, 2, 3)), scaling, layers.Conv2D(1, 1)])
    first = convert(model).ops[0]
    assert isinstance(first, Rescaling)
    assert first.scale == float64([0.5, 0.25, 2.0])
    assert first.offset == float64([-1.0, 0.0, 1.0])


def test_zero_weights_stay_zero(keras: Any, save: Save, seed: int) -> None:
    model = randomized(lenet_like(keras), seed)
    masked = [w * (np.abs(w) > 0.3) for w in model.get_weights()]
    model.set_weights(masked)
    graph = load_model(save(model))
    kernels = [op.weights.values for op in graph.ops if isinstance(op, (Conv2D, Dense))]
    originals = [w for w in masked if w.ndim > 1]
    for kernel, original in zip(kernels, originals, strict=True):
        assert 0 < np.count_nonzero(kernel) < kernel.size
        assert np.array_equal(kernel == 0, original == 0)


def test_names_from_the_model_become_identifiers(keras: Any) -> None:
    layers = keras.layers
    names = ["clk", "{{7*7}}", "слой", "input_scaling", "fc softmax", "fc"]
    model = keras.Sequential([keras.Input((4,)), *(layers.Dense(4, name=n) for n in names)])
    model.layers[-1].activation = keras.activations.softmax
    assert [op.name for op in convert(model).ops] == [
        "clk_x",
        "n7_7",
        "layer_x",
        "input_scaling_x",
        "fc_softmax",
        "fc",
        "fc_softmax_2",
    ]


@pytest.mark.data
@pytest.mark.skipif(not os.environ.get("LENETGEN_DATA"), reason="LENETGEN_DATA is not set")
@pytest.mark.parametrize(
    ("name", "kinds", "parameters"),
    [
        ("Jhas876622__mnist-digit-recognition__mnist_cnn.keras", "CMCMFDDS", 225034),
        ("MLpaper__LeNet5__LeNet5.h5", "CACAFDDDS", 44426),
        ("Moonflower2022__MNIST-models__mnist_model.h5", "CMCMFDS", 34826),
        ("Moonflower2022__MNIST-models__mnist_model.keras", "CMCMFDS", 34826),
        ("hplusm__fashion_mnist_project__model.keras", "FDD", 101770),
    ],
)
def test_models_of_other_people(keras: Any, name: str, kinds: str, parameters: int) -> None:
    path = Path(os.environ["LENETGEN_DATA"]) / "keras-models" / name
    graph = load_model(path)
    assert "".join(op.kind[0] for op in graph.ops) == kinds
    weighted = [op for op in graph.ops if isinstance(op, (Conv2D, Dense))]
    assert sum(op.weights.values.size + op.bias.values.size for op in weighted) == parameters
    images = np.random.default_rng(1).integers(0, 256, (4, 28, 28, 1), dtype=np.uint8)
    model = keras.saving.load_model(path, compile=False)
    scaled = images.reshape(4, *model.input_shape[1:]).astype(np.float32) / 255
    theirs = np.asarray(model(scaled)).argmax(axis=1)
    ours = FloatModel(to_float_graph(graph)).run(images).argmax(axis=1)
    assert ours.tolist() == theirs.tolist()
