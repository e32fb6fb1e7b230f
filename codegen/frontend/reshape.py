"""Layers that compute nothing at inference, and the scaling of the input."""

from __future__ import annotations

import numpy as np

from ..ir import Const, Flatten, Op, Rescaling, Tensor
from .layer import Handler, KerasLayer


def flatten(layer: KerasLayer, x: Tensor) -> list[Op]:
    """Flatten an image row by row, channels innermost; a vector stays as it is."""
    if len(layer.shape) == 1:
        return []
    layer.require("data_format", layer.layer.data_format, "channels_last")
    return [Flatten(name=layer.name, x=x.name, out=layer.tensor((x.size,)))]


def dropout(layer: KerasLayer, x: Tensor) -> list[Op]:
    """Dropout does nothing outside of training."""
    return []


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


HANDLERS: dict[str, Handler] = {"Flatten": flatten, "Dropout": dropout, "Rescaling": rescaling}
