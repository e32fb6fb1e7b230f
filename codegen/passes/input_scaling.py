"""Bring the model's pixel scaling into the integer world.

Pixels enter as raw uint8, code p standing for p/256 (``formats.PIXEL``). A pure positive scaling
goes into the first weighted layer's float weights, times 256, before they are quantized. Anything
else (an offset, say) becomes a 256-entry table per channel, so that zero padding stays zero.
A model that does not scale its pixels was trained on pixels divided by 255.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..errors import UserError
from ..ir import (
    AvgPool2D,
    Const,
    Flatten,
    Graph,
    InputTable,
    MaxPool2D,
    Op,
    Relu,
    Rescaling,
    WeightedOp,
)

INPUT_SCALING = "input_scaling"
_COMMUTES_WITH_SCALE = (MaxPool2D, AvgPool2D, Relu, Flatten)


def assume_unit_range(graph: Graph) -> Graph:
    """Put Rescaling(1/255) in front of a model that has none before its first weighted layer."""
    for op in graph.ops:
        if isinstance(op, (Rescaling, InputTable)):
            return graph
        if isinstance(op, WeightedOp):
            break
    out = replace(graph.input, name=INPUT_SCALING)
    scaling = Rescaling(
        name=INPUT_SCALING,
        x=graph.input.name,
        out=out,
        scale=Const(np.array([1 / 255])),
        offset=Const(np.array([0.0])),
    )
    rest = [replace(op, x=out.name if op.x == graph.input.name else op.x) for op in graph.ops]
    return graph.with_ops([scaling, *rest])


def fold_input_scaling(graph: Graph) -> Graph:
    """Replace a leading Rescaling by scaled weights or an InputTable (float entries)."""
    if not graph.ops or not isinstance(graph.ops[0], Rescaling):
        _refuse_rescaling(graph.ops)
        return graph
    first, rest = graph.ops[0], list(graph.ops[1:])
    _refuse_rescaling(rest)
    scale, offset = first.scale.values, first.offset.values
    target = _weights_reached_by_scale(rest)
    uniform = bool(np.all(scale == scale.flat[0]) and scale.flat[0] > 0 and not offset.any())
    if uniform and target is not None:
        layer = rest[target]
        assert isinstance(layer, WeightedOp)
        factor = 256.0 * float(scale.flat[0])
        rest[target] = replace(layer, weights=Const(layer.weights.values * factor))
        rest[0] = replace(rest[0], x=graph.input.name)
        return graph.with_ops(rest)
    channels = graph.input.image_shape[2] if len(graph.input.shape) == 3 else 1
    pixels = np.arange(256, dtype=np.float64)
    table = np.broadcast_to(scale, (channels,))[:, None] * pixels
    table = table + np.broadcast_to(offset, (channels,))[:, None]
    lookup = InputTable(name=first.name, x=first.x, out=first.out, table=Const(table))
    return graph.with_ops([lookup, *rest])


def _weights_reached_by_scale(ops: list[Op]) -> int | None:
    for index, op in enumerate(ops):
        if isinstance(op, WeightedOp):
            return index
        clips = isinstance(op, Relu) and not op.activation.homogeneous
        if clips or not isinstance(op, _COMMUTES_WITH_SCALE):
            return None
    return None


def _refuse_rescaling(ops: list[Op] | tuple[Op, ...]) -> None:
    for op in ops:
        if isinstance(op, Rescaling):
            raise UserError(
                f"layer {op.name}: Rescaling is supported as the first layer only, once"
            )
