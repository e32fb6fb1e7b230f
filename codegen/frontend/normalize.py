"""Layers that scale and shift: BatchNormalization, Normalization and Rescaling."""

from __future__ import annotations

import numpy as np

from ..affine import Reals, spread
from ..ir import BatchNorm, Const, Op, Rescaling, Tensor
from .keras_runtime import import_keras
from .layer import Handler, KerasLayer


def batch_normalization(layer: KerasLayer, x: Tensor) -> list[Op]:
    """BatchNormalization at inference: gamma * (x - mean) / sqrt(variance + epsilon) + beta."""
    keras = layer.layer
    axis = layer.axis(keras.axis)
    names = [name for name, used in (("gamma", keras.scale), ("beta", keras.center)) if used]
    names += ["moving_mean", "moving_variance"]
    values = dict(zip(names, layer.parameters(*names), strict=True))
    variance = values["moving_variance"] + float(keras.epsilon)
    if not (variance > 0).all():
        raise layer.refuse("its moving_variance plus epsilon is not positive")
    scale = values.get("gamma", np.ones(1)) / np.sqrt(variance)
    offset = values.get("beta", np.zeros(1)) - values["moving_mean"] * scale
    along = [1] * len(layer.shape)
    along[axis] = layer.shape[axis]
    return [_affine(BatchNorm, layer, x, scale.reshape(along), offset.reshape(along))]


def normalization(layer: KerasLayer, x: Tensor) -> list[Op]:
    """Normalization with given or adapted statistics: (x - mean) / sqrt(variance), or its inverse.

    Statistics that fit values in 0..1 belong to pixels over 255 (as in a model without Rescaling);
    any other belong to raw pixels if no Rescaling comes before.
    """
    if layer.layer.mean is None:
        raise layer.refuse("it has no mean and variance; call adapt() before saving")
    mean, variance = (
        layer.finite(name, getattr(layer.layer, name))[0] for name in ("mean", "variance")
    )
    if (variance < 0).any():
        raise layer.refuse("its variance is negative")
    deviation = np.maximum(np.sqrt(variance), import_keras().config.epsilon())
    unit = bool(mean.min() >= 0 and mean.max() <= 1 and deviation.max() <= 1)
    kind = BatchNorm if unit else Rescaling
    if layer.layer.invert:
        return [_affine(kind, layer, x, deviation, mean)]
    return [_affine(kind, layer, x, 1 / deviation, -mean / deviation)]


def _affine(
    kind: type[BatchNorm] | type[Rescaling], layer: KerasLayer, x: Tensor, scale: Reals, add: Reals
) -> Op:
    """Return the operator for numbers that broadcast to the layer's shape in Keras."""
    factors, offsets = (
        Const(spread(np.broadcast_to(values, layer.shape).reshape(x.shape), x.shape))
        for values in (scale, add)
    )
    out = layer.tensor(x.shape)
    return kind(name=layer.name, x=x.name, out=out, scale=factors, offset=offsets)


def rescaling(layer: KerasLayer, x: Tensor) -> list[Op]:
    """Rescaling: x * scale + offset, each one number or one per channel."""
    values = []
    for name in ("scale", "offset"):
        value = np.atleast_1d(np.asarray(getattr(layer.layer, name), dtype=np.float64))
        per_channel = len(layer.shape) == 3 and value.shape == (layer.shape[2],)
        if value.shape != (1,) and not per_channel:
            raise layer.refuse(
                f"{name} has shape {value.shape}; supported are one number or one per channel"
            )
        if not np.isfinite(value).all():
            raise layer.refuse(f"{name} is NaN or infinite")
        values.append(Const(value))
    scale, offset = values
    out = layer.tensor(x.shape)
    return [Rescaling(name=layer.name, x=x.name, out=out, scale=scale, offset=offset)]


HANDLERS: dict[str, Handler] = {
    "BatchNormalization": batch_normalization,
    "Normalization": normalization,
    "Rescaling": rescaling,
}
