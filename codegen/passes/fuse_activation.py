"""Fuse a ReLU into the weighted layer before it: one rounding per layer, after the activation."""

from __future__ import annotations

from dataclasses import replace

from ..ir import Activation, Graph, Op, Relu, WeightedOp


def fuse_activation(graph: Graph) -> Graph:
    """Return ``graph`` with every Relu that follows a linear Conv2D or Dense merged into it."""
    ops: list[Op] = []
    renamed: dict[str, str] = {}
    for op in graph.ops:
        before = ops[-1] if ops else None
        if (
            isinstance(op, Relu)
            and isinstance(before, WeightedOp)
            and before.activation == Activation.LINEAR
        ):
            ops[-1] = replace(before, activation=op.activation)
            renamed[op.out.name] = before.out.name
            continue
        ops.append(replace(op, x=renamed.get(op.x, op.x)))
    return graph.with_ops(ops) if renamed else graph
