"""Fold normalization (a scale and an offset per channel) into a layer before or after it.

Directions, tried in this order, past pools and ReLUs where real arithmetic allows it:

- back into a Conv2D or Dense, whose weights and bias take it exactly, or into the input scaling;
- ahead into a Conv2D or Dense. Zero padding stands in the way of an offset: hardware pads with
  zeros what Keras pads with zeros *behind* the normalization, and at the edge the two differ.

A Rescaling behind the first operator is the same arithmetic and is folded as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..affine import per_pixel
from ..errors import UserError
from ..ir import (
    Activation,
    AffineOp,
    AvgPool2D,
    BatchNorm,
    Const,
    Conv2D,
    Dense,
    Graph,
    MaxPool2D,
    Op,
    Padding,
    Relu,
    Rescaling,
    Tensor,
)

Stop = Callable[[AffineOp, Op], str]
QUANTIZED = "is quantized already"


def fold_batchnorm(graph: Graph) -> Graph:
    """Return ``graph`` without BatchNorm, at most a leading Rescaling with numbers per channel.

    ``UserError`` in one line with the reasons where a normalization can't move.
    """
    ops = _split_input(list(graph.ops), graph.input)
    changed = ops != list(graph.ops)
    while (index := _next(ops)) is not None:
        folded = _fold(ops, index, ops[index - 1].out if index else graph.input)
        ops = _split_input(folded, graph.input)  # the first may have taken numbers per element
        changed = True
    return graph.with_ops(ops) if changed else graph


def _split_input(ops: list[Op], pixels: Tensor) -> list[Op]:
    """Return ``ops``; a first Rescaling per element became raw pixels and a BatchNorm."""
    if ops and isinstance(first := ops[0], Rescaling) and per_pixel(first):
        raw = replace(pixels, name=f"{first.out.name}_raw")
        return [
            Rescaling(
                name=f"{first.name}_raw",
                x=first.x,
                out=raw,
                scale=Const(np.ones(1)),
                offset=Const(np.zeros(1)),
            ),
            BatchNorm(
                name=first.name, x=raw.name, out=first.out, scale=first.scale, offset=first.offset
            ),
            *ops[1:],
        ]
    return ops


def _next(ops: list[Op]) -> int | None:
    for index, op in enumerate(ops):
        if isinstance(op, BatchNorm) or (index and isinstance(op, Rescaling)):
            return index
    return None


def _fold(ops: list[Op], index: int, x: Tensor) -> list[Op]:
    """Return ``ops`` without the one at ``index``, which reads ``x``."""
    op = ops[index]
    assert isinstance(op, AffineOp)
    behind, why_behind = _target(op, ops[:index][::-1], _stop_before)
    ahead, why_ahead = None, ""
    if behind is None:
        ahead, why_ahead = _target(op, ops[index + 1 :], _stop_after)
    result = list(ops)
    if behind is not None:
        place = index - 1 - behind
        result[place] = _with_output(ops[place], op)
    elif ahead is not None:
        place = index + 1 + ahead
        result[place] = _with_input(ops[place], op, ops[place - 1].out)
    else:
        raise UserError(
            f"layer {op.name}: its normalization can't be folded: "
            f"before it {why_behind}; after it {why_ahead}"
        )
    del result[index]
    if index < len(result):
        result[index] = replace(result[index], x=x.name)
    return result


def _target(op: AffineOp, others: list[Op], stop: Stop) -> tuple[int | None, str]:
    """Return the place among ``others``, nearest first, that takes ``op``, or the reason."""
    for place, other in enumerate(others):
        if isinstance(other, (AvgPool2D, MaxPool2D, Relu)):
            reason = _blocked(op, other)
        else:
            reason = stop(op, other)
            if not reason:
                return place, ""
        if reason:
            return None, f"{other.name} ({other.kind}) {reason}"
    return None, "is no Conv2D or Dense"


def _blocked(op: AffineOp, other: Op) -> str:
    """Why ``op`` does not commute with a pooling or a ReLU; empty if it does."""
    negative = bool((op.scale.values < 0).any())
    if isinstance(other, Relu):
        if not other.activation.homogeneous:
            return "clips at its max_value"
        return "clips at zero" if negative or op.offset.values.any() else ""
    if per_pixel(op):
        return "mixes pixels of different factors"
    if isinstance(other, MaxPool2D) and negative:
        return "takes the maximum, and a factor is negative"
    return ""


def _stop_before(op: AffineOp, other: Op) -> str:
    """Why the layer before can't take ``op`` on its result; empty if it can."""
    if other.own is not None:
        return QUANTIZED
    if isinstance(other, Rescaling):
        return "scales per channel, not per element" if per_pixel(op) else ""
    if isinstance(other, Conv2D) and per_pixel(op):
        return "has one kernel for all pixels"
    if isinstance(other, (Conv2D, Dense)):
        linear = other.activation == Activation.LINEAR
        free = not (op.scale.values < 0).any() and not op.offset.values.any()
        free = free and other.activation.homogeneous
        return "" if linear or free else "ends with a ReLU"
    return "can't take it"


def _stop_after(op: AffineOp, other: Op) -> str:
    """Why the layer after can't take ``op`` on its input; empty if it can."""
    if other.own is not None:
        return QUANTIZED
    if isinstance(other, Conv2D):
        if per_pixel(op):
            return "has one kernel for all pixels"
        padded = other.window.padding != Padding()
        return "pads with zeros" if padded and op.offset.values.any() else ""
    return "" if isinstance(other, (Dense, AffineOp)) else "can't take it"


def _with_output(layer: Op, op: AffineOp) -> Op:
    """Return ``layer`` with ``op`` applied to its result."""
    scale, offset = op.scale.values, op.offset.values
    if isinstance(layer, (Conv2D, Dense)):
        weights = Const(layer.weights.values * scale)
        return replace(layer, weights=weights, bias=Const(layer.bias.values * scale + offset))
    assert isinstance(layer, Rescaling)
    total = Const(layer.offset.values * scale + offset)
    return replace(layer, scale=Const(layer.scale.values * scale), offset=total)


def _with_input(layer: Op, op: AffineOp, x: Tensor) -> Op:
    """Return ``layer``, which reads ``x``, with ``op`` applied to its input."""
    scale, offset = op.scale.values, op.offset.values
    if isinstance(layer, AffineOp):
        total = Const(offset * layer.scale.values + layer.offset.values)
        return replace(layer, scale=Const(scale * layer.scale.values), offset=total)
    assert isinstance(layer, (Conv2D, Dense))
    shape = x.shape if isinstance(layer, Dense) else layer.weights.shape[:3]
    scale = np.broadcast_to(scale, shape).reshape(*layer.weights.shape[:-1], 1)
    offset = np.broadcast_to(offset, shape).reshape(-1)
    taps = layer.weights.values
    bias = layer.bias.values + offset @ taps.reshape(-1, taps.shape[-1])
    return replace(layer, weights=Const(taps * scale), bias=Const(bias))
