"""Pooling over windows."""

from __future__ import annotations

from ..ir import AvgPool2D, MaxPool2D, Op, Tensor, Window
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


def global_max_pool(layer: KerasLayer, x: Tensor) -> list[Op]:
    """GlobalMaxPooling2D: one window over the whole image; the 1×1 image stands for a vector."""
    out, window = _whole(layer, x)
    return [MaxPool2D(name=layer.name, x=x.name, out=out, window=window)]


def global_average_pool(layer: KerasLayer, x: Tensor) -> list[Op]:
    """GlobalAveragePooling2D, likewise."""
    out, window = _whole(layer, x)
    return [AvgPool2D(name=layer.name, x=x.name, out=out, window=window)]


def _whole(layer: KerasLayer, x: Tensor) -> tuple[Tensor, Window]:
    layer.require("data_format", layer.layer.data_format, "channels_last")
    height, width, channels = x.image_shape
    return layer.tensor((1, 1, channels)), Window((height, width), (height, width))


HANDLERS: dict[str, Handler] = {
    "MaxPooling2D": max_pool,
    "AveragePooling2D": average_pool,
    "GlobalMaxPooling2D": global_max_pool,
    "GlobalAveragePooling2D": global_average_pool,
}
