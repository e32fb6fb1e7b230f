"""Fuse a cast into the operator before it, where every integer stays the same.

A cast that saturates never changes which of two numbers is the larger, so it may pass a max pooling
on its way; one that wraps around stays behind it.
"""

from __future__ import annotations

from dataclasses import replace

from ..formats import LayerPrecision, Overflow
from ..ir import AvgPool2D, Cast, Graph, MaxPool2D, Op, Relu, WeightedOp

_MONOTONE = (Overflow.SAT, Overflow.SAT_SYM)


def fuse_casts(graph: Graph) -> Graph:
    """Return ``graph`` without the casts that an operator before them can do itself."""
    ops: list[Op] = []
    fused = False
    x = graph.input.name
    for op in graph.ops:
        op = replace(op, x=x)
        place = _target(ops, op) if isinstance(op, Cast) else None
        if place is None:
            ops.append(op)
        else:
            assert op.own is not None
            own = ops[place].own or LayerPrecision()
            ops[place] = replace(ops[place], own=replace(own, result=op.own.result))
            fused = True
        x = ops[-1].out.name
    return graph.with_ops(ops) if fused else graph


def _target(ops: list[Op], cast: Cast) -> int | None:
    """Return the place of the operator that takes ``cast``, None if there is none.

    A cast whose type is not its own, but the precision's to choose, stays where it is.
    """
    if cast.own is None or cast.own.result is None:
        return None
    for place in range(len(ops) - 1, -1, -1):
        op = ops[place]
        if isinstance(op, MaxPool2D) and cast.own.result.overflow in _MONOTONE:
            continue
        free = op.own is None or op.own.result is None
        return place if free and isinstance(op, (WeightedOp, Relu, AvgPool2D)) else None
    return None
