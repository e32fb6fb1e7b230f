"""Convolutions."""

from __future__ import annotations

from ..ir import Conv2D, Op, Tensor
from .layer import Handler, KerasLayer, fused


def conv2d(layer: KerasLayer, x: Tensor) -> list[Op]:
    """Conv2D of any kernel size and stride, padding same or valid; Keras' kernel order is ours."""
    layer.require("groups", int(layer.layer.groups), 1)
    layer.require("dilation_rate", tuple(int(v) for v in layer.layer.dilation_rate), (1, 1))
    window = layer.window(layer.layer.kernel_size)
    weights, bias = layer.kernel_and_bias()
    kind = layer.activation()
    rows, columns = window.positions(x.shape[0], x.shape[1])
    out = layer.tensor((rows, columns, weights.shape[3]))
    op = Conv2D(
        name=layer.name,
        x=x.name,
        out=out,
        weights=weights,
        bias=bias,
        window=window,
        activation=fused(kind),
    )
    return [op, *layer.behind(kind, out)]


HANDLERS: dict[str, Handler] = {"Conv2D": conv2d}
