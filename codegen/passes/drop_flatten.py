"""Drop Flatten: elements already flow in row-major order, and Dense reads any shape so."""

from __future__ import annotations

from dataclasses import replace

from ..errors import UserError
from ..ir import Conv2D, Flatten, Graph, Op, Relu, Rescaling, WindowOp


def drop_flatten(graph: Graph) -> Graph:
    """Return ``graph`` without Flatten; elementwise operators after one take the image's shape."""
    if not any(isinstance(op, Flatten) for op in graph.ops):
        return graph
    ops: list[Op] = []
    tensor, flattened = graph.input, False
    for op in graph.ops:
        if isinstance(op, Flatten):
            flattened = True
            continue
        if flattened and isinstance(op, WindowOp):
            what = "convolution" if isinstance(op, Conv2D) else "pooling"
            raise UserError(f"layer {op.name}: a {what} after Flatten is not supported")
        elementwise = isinstance(op, (Relu, Rescaling))
        out = replace(op.out, shape=tensor.shape) if elementwise else op.out
        flattened = flattened and elementwise
        ops.append(replace(op, x=tensor.name, out=out))
        tensor = out
    return graph.with_ops(ops)
