"""Small hand-made networks that several test files emit and simulate."""

from __future__ import annotations

from typing import Any

import numpy as np
from lenetgen.codegen.design import Design, build_design
from lenetgen.codegen.ir import (
    Const,
    Conv2D,
    Dense,
    Graph,
    MaxPool2D,
    Op,
    Relu,
    Softmax,
    Tensor,
    Window,
)
from lenetgen.codegen.pipeline import to_float_graph, to_typed_graph
from lenetgen.codegen.precision import preset
from lenetgen.codegen.schedule import Fold, make_schedule

FOLDS = {"conv1": Fold(2, 5), "conv2": Fold(3, 7), "fc1": Fold(3, 4), "fc2": Fold(2, 3)}


class Builder:
    """Appends layers with random weights to a chain."""

    def __init__(self, shape: tuple[int, ...], seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.input = Tensor("image", shape)
        self.at = self.input
        self.ops: list[Op] = []

    def add(self, kind: type[Op], name: str, shape: tuple[int, ...], **fields: Any) -> Builder:
        out = Tensor(name, shape)
        self.ops.append(kind(name=name, x=self.at.name, out=out, **fields))
        self.at = out
        return self

    def weights(self, *shape: int) -> dict[str, Const]:
        scale = 2.0 / np.sqrt(np.prod(shape[:-1]))
        return {
            "weights": Const(self.rng.normal(0, scale, shape)),
            "bias": Const(self.rng.normal(0, 0.2, shape[-1])),
        }

    def graph(self, name: str) -> Graph:
        return Graph(name, self.input, tuple(self.ops))


def small_float_graph(seed: int = 7) -> Graph:
    """LeNet-5 in small: 8×8×1, two convolutions (same, valid), a pool, two dense layers."""
    b = Builder((8, 8, 1), seed)
    same = Window.same((3, 3), (1, 1), (8, 8))
    b.add(Conv2D, "conv1", (8, 8, 3), window=same, **b.weights(3, 3, 1, 3))
    b.add(Relu, "relu1", (8, 8, 3))
    b.add(MaxPool2D, "pool1", (4, 4, 3), window=Window((2, 2), (2, 2)))
    b.add(Conv2D, "conv2", (3, 3, 4), window=Window((2, 2)), **b.weights(2, 2, 3, 4))
    b.add(Relu, "relu2", (3, 3, 4))
    b.add(Dense, "fc1", (7,), **b.weights(36, 7))
    b.add(Relu, "relu3", (7,))
    b.add(Dense, "fc2", (5,), **b.weights(7, 5))
    b.add(Softmax, "softmax", (5,))
    return b.graph("mini")


def small_typed_graph(precision: str = "mixed", seed: int = 7) -> Graph:
    """The same, quantized by a preset."""
    graph = to_float_graph(small_float_graph(seed))
    return to_typed_graph(graph, preset(precision, graph))


def small_design(precision: str = "mixed", seed: int = 7) -> Design:
    """The same, with folds that divide nothing."""
    graph = small_typed_graph(precision, seed)
    return build_design("mini", graph, make_schedule(graph, FOLDS))


def random_images(count: int, seed: int, shape: tuple[int, ...] = (8, 8, 1)) -> np.ndarray:
    """Random pixels; the first image is black, the second white."""
    images = np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)
    images[0] = 0
    images[1:2] = 255
    return images


def leftover_design() -> Design:
    """A network whose pool leaves a row and a column over: they are computed after the results."""
    b = Builder((7, 7, 1), 3)
    b.add(Conv2D, "conv1", (5, 5, 2), window=Window((3, 3)), **b.weights(3, 3, 1, 2))
    b.add(Relu, "relu1", (5, 5, 2))
    b.add(MaxPool2D, "pool1", (2, 2, 2), window=Window((2, 2), (2, 2)))
    b.add(Dense, "fc1", (3,), **b.weights(8, 3))
    float_graph = to_float_graph(b.graph("leftover"))
    graph = to_typed_graph(float_graph, preset("q4.4", float_graph))
    folds = {"conv1": Fold(1, 3), "fc1": Fold(3, 2)}
    return build_design("leftover", graph, make_schedule(graph, folds))
