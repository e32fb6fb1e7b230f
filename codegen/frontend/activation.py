"""Activations that are layers of their own."""

from __future__ import annotations

import math

from ..ir import Activation, Op, Relu, Tensor
from .layer import FUSED, TABLED, Handler, KerasLayer


def activation(layer: KerasLayer, x: Tensor) -> list[Op]:
    """Activation of any name in ``SUPPORTED_ACTIVATIONS``."""
    kind = layer.activation()
    if kind in FUSED:
        return [_relu(layer, x, FUSED[kind])]
    if kind in TABLED:
        return [layer.lookup(kind, x, layer.name)]
    if kind == "softmax":
        return [layer.softmax(x, layer.name)]
    return []


def relu(layer: KerasLayer, x: Tensor) -> list[Op]:
    """ReLU, perhaps with a largest value; no slope and no threshold."""
    limit = layer.layer.max_value
    if limit is not None and not 0 < limit < math.inf:
        raise layer.refuse(f"max_value={limit!r} is not supported; supported is a positive number")
    layer.require("negative_slope", float(layer.layer.negative_slope), 0.0)
    layer.require("threshold", float(layer.layer.threshold), 0.0)
    act = Activation.RELU if limit is None else Activation(relu=True, max_value=float(limit))
    return [_relu(layer, x, act)]


def _relu(layer: KerasLayer, x: Tensor, act: Activation) -> Relu:
    return Relu(name=layer.name, x=x.name, out=layer.tensor(x.shape), activation=act)


def softmax(layer: KerasLayer, x: Tensor) -> list[Op]:
    """Softmax over the last axis."""
    if layer.layer.axis not in (-1, len(layer.shape)):
        layer.require("axis", layer.layer.axis, -1)
    return [layer.softmax(x, layer.name)]


HANDLERS: dict[str, Handler] = {"Activation": activation, "ReLU": relu, "Softmax": softmax}
