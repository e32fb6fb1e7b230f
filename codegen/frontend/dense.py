"""Fully connected layers."""

from __future__ import annotations

from ..ir import Dense, Op, Tensor
from .layer import Handler, KerasLayer, fused


def dense(layer: KerasLayer, x: Tensor) -> list[Op]:
    """Dense over a vector (over an image Keras means something else: one product per pixel)."""
    if len(layer.shape) != 1:
        raise layer.refuse(f"its input has shape {layer.shape}; put a Flatten layer before it")
    weights, bias = layer.kernel_and_bias()
    kind = layer.activation()
    out = layer.tensor((weights.shape[1],))
    op = Dense(
        name=layer.name,
        x=x.name,
        out=out,
        weights=weights,
        bias=bias,
        activation=fused(kind),
    )
    if kind == "softmax":
        return [op, layer.softmax(out, layer.fresh(f"{layer.name}_softmax"))]
    return [op]


HANDLERS: dict[str, Handler] = {"Dense": dense}
