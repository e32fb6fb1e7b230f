"""Activations that are layers of their own."""

from __future__ import annotations

from ..ir import Op, Relu, Tensor
from .layer import Handler, KerasLayer


def activation(layer: KerasLayer, x: Tensor) -> list[Op]:
    """Activation("linear" | "relu" | "softmax")."""
    kind = layer.activation()
    if kind == "relu":
        return [Relu(name=layer.name, x=x.name, out=layer.tensor(x.shape))]
    if kind == "softmax":
        return [layer.softmax(x, layer.name)]
    return []


def relu(layer: KerasLayer, x: Tensor) -> list[Op]:
    """Plain ReLU: max(x, 0) without a limit, a slope or a threshold."""
    layer.require("max_value", layer.layer.max_value, None)
    layer.require("negative_slope", float(layer.layer.negative_slope), 0.0)
    layer.require("threshold", float(layer.layer.threshold), 0.0)
    return [Relu(name=layer.name, x=x.name, out=layer.tensor(x.shape))]


def softmax(layer: KerasLayer, x: Tensor) -> list[Op]:
    """Softmax over the last axis."""
    if layer.layer.axis not in (-1, len(layer.shape)):
        layer.require("axis", layer.layer.axis, -1)
    return [layer.softmax(x, layer.name)]


HANDLERS: dict[str, Handler] = {"Activation": activation, "ReLU": relu, "Softmax": softmax}
