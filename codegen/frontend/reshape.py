"""Layers that compute nothing at inference: other shapes, zeros around an image, no-ops."""

from __future__ import annotations

from ..ir import Flatten, Op, Padding, Reshape, Tensor, ZeroPad
from .layer import Handler, KerasLayer


def flatten(layer: KerasLayer, x: Tensor) -> list[Op]:
    """Flatten an image row by row, channels innermost; a vector stays as it is."""
    if len(layer.shape) == 1:
        return []
    layer.require("data_format", layer.layer.data_format, "channels_last")
    return [Flatten(name=layer.name, x=x.name, out=layer.tensor((x.size,)))]


def reshape(layer: KerasLayer, x: Tensor) -> list[Op]:
    """Reshape to a vector, like Flatten, or to an image; (height, width) gets one channel."""
    target = tuple(int(n) for n in layer.layer.compute_output_shape((None, *layer.shape))[1:])
    if len(target) == 1:
        if len(layer.shape) == 1:
            return []
        return [Flatten(name=layer.name, x=x.name, out=layer.tensor((x.size,)))]
    if len(target) not in (2, 3):
        raise layer.refuse(f"a Reshape to {target} is not supported; supported are 1 to 3 axes")
    image = target if len(target) == 3 else (*target, 1)
    if image == x.shape:
        return []
    return [Reshape(name=layer.name, x=x.name, out=layer.tensor(image))]


def zero_padding(layer: KerasLayer, x: Tensor) -> list[Op]:
    """ZeroPadding2D: rows above and below, columns left and right."""
    layer.require("data_format", layer.layer.data_format, "channels_last")
    (top, bottom), (left, right) = layer.layer.padding
    pad = Padding(int(top), int(bottom), int(left), int(right))
    height, width, channels = x.image_shape
    shape = (height + pad.top + pad.bottom, width + pad.left + pad.right, channels)
    return [ZeroPad(name=layer.name, x=x.name, out=layer.tensor(shape), padding=pad)]


def nothing(layer: KerasLayer, x: Tensor) -> list[Op]:
    """Dropout, noise and penalties do nothing outside of training."""
    return []


HANDLERS: dict[str, Handler] = {
    "Flatten": flatten,
    "Reshape": reshape,
    "ZeroPadding2D": zero_padding,
    "Dropout": nothing,
    "SpatialDropout2D": nothing,
    "GaussianNoise": nothing,
    "GaussianDropout": nothing,
    "AlphaDropout": nothing,
    "ActivityRegularization": nothing,
    "Identity": nothing,
}
