"""Pooling over windows."""

from __future__ import annotations

from ..ir import AvgPool2D, MaxPool2D, Op, Tensor
from .layer import Handler, KerasLayer


def max_pool(layer: KerasLayer, x: Tensor) -> list[Op]:
    """MaxPooling2D; under "same" padding the padding never wins, as in Keras."""
    window = layer.window(layer.layer.pool_size)
    out = layer.tensor((*window.positions(x.shape[0], x.shape[1]), x.shape[2]))
    return [MaxPool2D(name=layer.name, x=x.name, out=out, window=window)]


def average_pool(layer: KerasLayer, x: Tensor) -> list[Op]:
    """AveragePooling2D; under "same" padding the padding is not counted, as in Keras."""
    window = layer.window(layer.layer.pool_size)
    out = layer.tensor((*window.positions(x.shape[0], x.shape[1]), x.shape[2]))
    return [AvgPool2D(name=layer.name, x=x.name, out=out, window=window)]


HANDLERS: dict[str, Handler] = {"MaxPooling2D": max_pool, "AveragePooling2D": average_pool}
