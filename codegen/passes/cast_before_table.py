"""Give every table an input whose type can be chosen: its codes are the table's addresses.

Most operators have a result type of their own, which becomes the address. Max pooling has none, and
a trained quantizer's may not be changed: behind them comes a cast.
"""

from __future__ import annotations

from dataclasses import replace

from ..ir import Cast, Graph, Lookup, MaxPool2D, Op


def cast_before_table(graph: Graph) -> Graph:
    """Return ``graph`` with a Cast before each Lookup that would read a type it can't choose."""
    ops: list[Op] = []
    names = {op.name for op in graph.ops} | {tensor.name for tensor in graph.tensors()}
    for op in graph.ops:
        before = ops[-1] if ops else None
        fixed = isinstance(before, MaxPool2D) or (before is not None and before.own is not None)
        if before is not None and isinstance(op, Lookup) and fixed:
            name = f"{op.name}_input"
            while name in names:
                name += "_x"
            names.add(name)
            ops.append(Cast(name=name, x=op.x, out=replace(before.out, name=name)))
            op = replace(op, x=name)
        ops.append(op)
    return graph.with_ops(ops) if len(ops) > len(graph.ops) else graph
