"""Drop Flatten and Reshape: elements flow in row-major order, and Dense reads any shape so.

A Reshape in front of the first layer tells how the input is to be read; one behind it, which would
have to cut pixels anew, is refused.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..affine import reshaped
from ..errors import UserError
from ..ir import (
    AffineOp,
    Cast,
    Const,
    Conv2D,
    Flatten,
    Graph,
    InputTable,
    Lookup,
    Op,
    Relu,
    Reshape,
    Tensor,
    WindowOp,
    ZeroPad,
)

_ELEMENTWISE = (Relu, Cast, Lookup, AffineOp)


def drop_flatten(graph: Graph) -> Graph:
    """Return ``graph`` without Flatten and Reshape; elementwise operators take the real shape.

    ``UserError`` for an image layer behind Flatten, and for a Reshape to another image behind a
    layer that computes on pixels.
    """
    if not any(isinstance(op, (Flatten, Reshape)) for op in graph.ops):
        return graph
    start, ops = graph.input, list[Op]()
    before, tensor, flattened = graph.input, graph.input, False
    for op in graph.ops:
        if isinstance(op, Reshape):
            if op.out.shape != tensor.shape:
                start, ops = _at_input(op, start, ops)
                tensor = ops[-1].out if ops else start
            flattened = False
        elif isinstance(op, Flatten):
            flattened = True
        elif flattened and isinstance(op, (WindowOp, ZeroPad)):
            what = {True: "convolution", False: "pooling"}[isinstance(op, Conv2D)]
            what = "zero padding" if isinstance(op, ZeroPad) else what
            raise UserError(f"layer {op.name}: a {what} after Flatten is not supported")
        else:
            elementwise = isinstance(op, _ELEMENTWISE)
            ops.append(_moved(op, before, tensor) if elementwise else replace(op, x=tensor.name))
            tensor = ops[-1].out
            flattened = flattened and elementwise
        before = op.out
    return replace(graph, input=start, ops=tuple(ops))


def _moved(op: Op, before: Tensor, x: Tensor) -> Op:
    """Return an elementwise operator on ``before`` as one on ``x``, the same elements."""
    if isinstance(op, AffineOp) and before.shape != x.shape:
        op = reshaped(op, before, x.shape)
    if isinstance(op, InputTable) and before.image_shape[2] != x.image_shape[2]:
        rows = op.table.values
        if not (rows == rows[0]).all():
            raise UserError(f"layer {op.name}: a Reshape behind it mixes channels")
        op = replace(op, table=Const(np.repeat(rows[:1], x.image_shape[2], axis=0)))
    return replace(op, x=x.name, out=replace(op.out, shape=x.shape))


def _at_input(op: Reshape, start: Tensor, ops: list[Op]) -> tuple[Tensor, list[Op]]:
    """Return input and operators up to ``op`` in the shape ``op`` gives."""
    for earlier in ops:
        if not isinstance(earlier, (*_ELEMENTWISE, InputTable)):
            raise UserError(
                f"layer {op.name}: a Reshape to {op.out.shape} behind {earlier.name} "
                f"({earlier.kind}) is not supported; supported is one in front of all layers"
            )
    new = replace(start, shape=op.out.shape)
    result: list[Op] = []
    before, x = start, new
    for earlier in ops:
        result.append(_moved(earlier, before, x))
        before, x = earlier.out, result[-1].out
    return new, result
