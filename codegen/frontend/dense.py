"""Fully connected layers."""

from __future__ import annotations

from ..ir import Const, Conv2D, Dense, Op, Tensor, Window
from .layer import Handler, KerasLayer, fused


def dense(layer: KerasLayer, x: Tensor) -> list[Op]:
    """Dense over a vector; over an image one product per pixel, which is a 1×1 convolution."""
    if len(layer.shape) not in (1, 3):
        raise layer.refuse(f"its input has shape {layer.shape}; put a Flatten layer before it")
    weights, bias = layer.kernel_and_bias()
    kind = layer.activation()
    op: Conv2D | Dense
    if len(layer.shape) == 3:
        op = Conv2D(
            name=layer.name,
            x=x.name,
            out=layer.tensor((x.shape[0], x.shape[1], weights.shape[1])),
            weights=Const(weights.values[None, None]),
            bias=bias,
            window=Window((1, 1)),
            activation=fused(kind),
        )
    else:
        op = Dense(
            name=layer.name,
            x=x.name,
            out=layer.tensor((weights.shape[1],)),
            weights=weights,
            bias=bias,
            activation=fused(kind),
        )
    return [op, *layer.behind(kind, op.out)]


HANDLERS: dict[str, Handler] = {"Dense": dense}
