from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from lenetgen.codegen.ir import (
    Activation,
    AvgPool2D,
    Const,
    Conv2D,
    Dense,
    Graph,
    MaxPool2D,
    Op,
    Relu,
    Rescaling,
    Softmax,
    Tensor,
    Window,
)
from lenetgen.codegen.pipeline import to_float_graph
from lenetgen.models.random_networks import random_network
from lenetgen.sim.float_model import CHUNK, FloatModel, evaluate


def windows(op: Conv2D | MaxPool2D | AvgPool2D, x: np.ndarray, row: int, column: int) -> list:
    """(kernel row, kernel column, pixel) of the pixels of one image under a window."""
    pixels = []
    for i, j in itertools.product(*map(range, op.window.size)):
        y = row * op.window.stride[0] + i - op.window.padding.top
        z = column * op.window.stride[1] + j - op.window.padding.left
        if 0 <= y < x.shape[0] and 0 <= z < x.shape[1]:
            pixels.append((i, j, x[y, z]))
    return pixels


@pytest.mark.parametrize(
    ("shape", "size", "stride"),
    [((5, 4, 2), (3, 2), (1, 1)), ((6, 5, 1), (2, 2), (2, 3)), ((1, 4, 3), (4, 3), (1, 2))],
    ids=["odd", "strides", "one_row"],
)
@pytest.mark.parametrize("kind", ["conv", "max", "average"])
def test_windows(
    rng: np.random.Generator, kind: str, shape: tuple, size: tuple, stride: tuple
) -> None:
    window = Window.same(size, stride, shape[:2])
    rows, columns = window.positions(*shape[:2])
    x = rng.normal(size=(3, *shape))
    if kind == "conv":
        weights, bias = rng.normal(size=(*size, shape[2], 4)), rng.normal(size=4)
        op: Conv2D | MaxPool2D | AvgPool2D = Conv2D(
            name="c",
            x="x",
            out=Tensor("c", (rows, columns, 4)),
            window=window,
            weights=Const(weights),
            bias=Const(bias),
            activation=Activation.RELU,
        )
    else:
        cls = MaxPool2D if kind == "max" else AvgPool2D
        op = cls(name="p", x="x", out=Tensor("p", (rows, columns, shape[2])), window=window)
    actual = evaluate(op, x)
    assert actual.shape == (3, *op.out.shape)
    for image, row, column in itertools.product(range(3), range(rows), range(columns)):
        pixels = windows(op, x[image], row, column)
        if isinstance(op, Conv2D):
            total = op.bias.values + sum(p @ op.weights.values[i, j] for i, j, p in pixels)
            expected = np.maximum(total, 0)
        else:
            stack = np.array([pixel for _, _, pixel in pixels])
            expected = stack.max(axis=0) if kind == "max" else stack.mean(axis=0)
        assert np.allclose(actual[image, row, column], expected, rtol=1e-12, atol=1e-12)


def test_softmax_and_relu() -> None:
    x = np.array([[0.0, 1000.0, -1.0], [1.0, 1.0, 1.0]])
    out = Tensor("y", (3,))
    soft = evaluate(Softmax(name="s", x="x", out=out), x)
    assert np.allclose(soft, [[0, 1, 0], [1 / 3, 1 / 3, 1 / 3]])
    assert evaluate(Relu(name="r", x="x", out=out), x).tolist() == np.maximum(x, 0).tolist()
    limited = Relu(name="r", x="x", out=out, activation=Activation(relu=True, max_value=6.0))
    assert evaluate(limited, x).tolist() == [[0, 6, 0], [1, 1, 1]]
    leaky = replace(limited, activation=Activation(True, 6.0, 2))
    assert evaluate(leaky, x).tolist() == [[0, 6, -0.25], [1, 1, 1]]


def test_ranges_and_batches(rng: np.random.Generator) -> None:
    x = Tensor("x", (3, 2, 1))
    ops: tuple[Op, ...] = (
        Dense(
            name="a",
            x="x",
            out=Tensor("a", (4,)),
            weights=Const(rng.normal(size=(6, 4))),
            bias=Const(rng.normal(size=4)),
        ),
        Relu(name="b", x="a", out=Tensor("b", (4,))),
    )
    model = FloatModel(Graph("g", x, ops))
    images = rng.integers(0, 256, (CHUNK + 7, 3, 2, 1), dtype=np.uint8)
    sums = images.reshape(len(images), -1) / 256 @ ops[0].weights.values + ops[0].bias.values
    ranges = model.ranges(images)
    assert list(ranges) == ["a", "b"]
    assert np.allclose(ranges["a"], (sums.min(), sums.max()))
    assert np.allclose(ranges["b"], (0, sums.max()))
    logits = model.run(images)
    assert logits.shape == (CHUNK + 7, 4)
    assert np.allclose(logits, np.maximum(sums, 0))
    assert np.array_equal(model.run(images[CHUNK:]), logits[CHUNK:])
    with pytest.raises(ValueError, match="at least one image"):
        model.ranges(images[:0])
    with pytest.raises(ValueError, match="expected uint8"):
        model.run(images.astype(float))


def test_typed_graphs_are_refused() -> None:
    with pytest.raises(ValueError, match="typed: use the golden model"):
        FloatModel(random_network(0).graph)


@pytest.mark.slow
def test_equals_keras_on_the_bundled_lenet5(root: Path, rng: np.random.Generator) -> None:
    """Same logits as Keras (float32) for the zoo's network: front end and float passes included."""
    from lenetgen.codegen.frontend import load_model
    from lenetgen.codegen.frontend.keras_runtime import import_keras

    path = root / "models" / "checkpoints" / "lenet5.keras"
    graph = load_model(path)
    images = rng.integers(0, 256, (64, *graph.input.shape), dtype=np.uint8)
    images[:32] *= rng.random(images[:32].shape) < 0.2
    model = import_keras().saving.load_model(path, compile=False)
    scaled = any(isinstance(op, Rescaling) for op in graph.ops)
    expected = model.predict(images / np.float32(1 if scaled else 255), verbose=0)
    actual = FloatModel(to_float_graph(graph)).run(images)
    if isinstance(graph.ops[-1], Softmax):
        actual = evaluate(graph.ops[-1], actual)
    assert np.allclose(actual, expected, atol=2e-5)
    assert np.ptp(expected) > 0.5
