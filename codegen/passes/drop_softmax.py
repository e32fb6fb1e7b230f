"""Drop a final softmax: hardware returns logits, and softmax does not change their order."""

from __future__ import annotations

from ..errors import UserError
from ..ir import Graph, Softmax


def drop_softmax(graph: Graph) -> Graph:
    """Return ``graph`` without its last Softmax; ``UserError`` if one stands elsewhere."""
    ops = list(graph.ops)
    if ops and isinstance(ops[-1], Softmax):
        ops.pop()
    for op in ops:
        if isinstance(op, Softmax):
            raise UserError(f"layer {op.name}: softmax is supported as the last layer only")
    return graph.with_ops(ops) if len(ops) != len(graph.ops) else graph
