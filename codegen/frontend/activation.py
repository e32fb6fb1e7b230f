"""Activations that are layers of their own."""

from __future__ import annotations

import math

from ..ir import Activation, Op, Relu, Tensor
from .layer import FUSED, TABLED, Handler, KerasLayer

MAX_SHIFT = 16  # slopes down to 1/65536


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
    """ReLU, perhaps with a largest value and a slope below zero; no threshold."""
    limit = layer.layer.max_value
    if limit is not None and not 0 < limit < math.inf:
        raise layer.refuse(f"max_value={limit!r} is not supported; supported is a positive number")
    shift = negative_shift(layer, float(layer.layer.negative_slope))
    layer.require("threshold", float(layer.layer.threshold), 0.0)
    top = None if limit is None else float(limit)
    return [_relu(layer, x, Activation(True, top, shift))]


def leaky_relu(layer: KerasLayer, x: Tensor) -> list[Op]:
    """LeakyReLU whose slope is a power of two."""
    shift = negative_shift(layer, float(layer.layer.negative_slope))
    return [_relu(layer, x, Activation(True, negative_shift=shift))]


def negative_shift(layer: KerasLayer, slope: float) -> int:
    """Return k for a slope of 2**-k, 0 for a slope of 0; any other is refused."""
    if slope == 0:
        return 0
    mantissa, exponent = math.frexp(slope)  # slope = mantissa * 2**exponent, 1/2 <= mantissa < 1
    if mantissa == 0.5 and 1 <= 1 - exponent <= MAX_SHIFT:
        return 1 - exponent
    allowed = f"1/2, 1/4, ... 1/{1 << MAX_SHIFT}"
    if 2.0**-MAX_SHIFT < slope < 0.5:
        nearest = f"1/{1 << (1 - exponent)} and 1/{1 << -exponent}"
        allowed = f"powers of two; the nearest are {nearest}"
    raise layer.refuse(f"negative_slope={slope:g} is not supported; supported are {allowed}")


def _relu(layer: KerasLayer, x: Tensor, act: Activation) -> Relu:
    return Relu(name=layer.name, x=x.name, out=layer.tensor(x.shape), activation=act)


def softmax(layer: KerasLayer, x: Tensor) -> list[Op]:
    """Softmax over the last axis."""
    if layer.layer.axis not in (-1, len(layer.shape)):
        layer.require("axis", layer.layer.axis, -1)
    return [layer.softmax(x, layer.name)]


HANDLERS: dict[str, Handler] = {
    "Activation": activation,
    "LeakyReLU": leaky_relu,
    "ReLU": relu,
    "Softmax": softmax,
}
