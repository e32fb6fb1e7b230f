"""Merge zero padding into the convolution behind it: hardware masks the window's edge instead.

Zeros in front of anything else would have to be streamed as pixels and are refused.
"""

from __future__ import annotations

from dataclasses import replace

from ..affine import per_pixel
from ..errors import UserError
from ..ir import (
    AffineOp,
    AvgPool2D,
    Cast,
    Conv2D,
    Function,
    Graph,
    Lookup,
    MaxPool2D,
    Op,
    Padding,
    Relu,
    Tensor,
    Window,
    ZeroPad,
)


def merge_padding(graph: Graph) -> Graph:
    """Return ``graph`` without ZeroPad; ``UserError`` where its zeros can't go into a Conv2D."""
    if not any(isinstance(op, ZeroPad) for op in graph.ops):
        return graph
    ops: list[Op] = []
    tensor = graph.input
    pending: ZeroPad | None = None  # its padding is the sum of all since the last convolution
    for op in graph.ops:
        if isinstance(op, ZeroPad):
            total = op.padding if pending is None else _sum(pending.padding, op.padding)
            pending = replace(op, padding=total)
            continue
        if pending is None:
            op = replace(op, x=tensor.name)
        elif isinstance(op, Conv2D):
            op = replace(op, x=tensor.name, window=_padded(pending, op, tensor))
            pending = None
        elif _keeps_zero(op):
            op = replace(op, x=tensor.name, out=replace(op.out, shape=tensor.shape))
        else:
            raise _refused(pending, op)
        ops.append(op)
        tensor = op.out
    if pending is not None:
        raise _refused(pending, None)
    return graph.with_ops(ops)


def _sum(first: Padding, second: Padding) -> Padding:
    return Padding(
        first.top + second.top,
        first.bottom + second.bottom,
        first.left + second.left,
        first.right + second.right,
    )


def _keeps_zero(op: Op) -> bool:
    """Whether ``op`` maps zeros to zeros and pixels independently of their place."""
    affine = isinstance(op, AffineOp) and not op.offset.values.any() and not per_pixel(op)
    odd = isinstance(op, Lookup) and op.function is Function.TANH
    return isinstance(op, (Relu, Cast)) or affine or odd


def _padded(pad: ZeroPad, op: Conv2D, x: Tensor) -> Window:
    """Return the window over the image without its zeros; zeros no window reaches are left out."""
    total = _sum(pad.padding, op.window.padding)
    (rows, columns), (down, right) = op.window.size, op.window.stride
    last_row, last_column = (op.out.shape[0] - 1) * down, (op.out.shape[1] - 1) * right
    total = replace(
        total,
        bottom=max(last_row + rows - x.shape[0] - total.top, 0),
        right=max(last_column + columns - x.shape[1] - total.left, 0),
    )
    if total.top + total.bottom >= rows or total.left + total.right >= columns:
        raise UserError(
            f"layer {pad.name}: its zeros make {total.top}+{total.bottom} rows and "
            f"{total.left}+{total.right} columns around {op.name}; "
            f"its {rows}x{columns} window allows {rows - 1} and {columns - 1}"
        )
    return replace(op.window, padding=total)


def _refused(pad: ZeroPad, op: Op | None) -> UserError:
    after = "nothing" if op is None else f"{op.name} ({op.kind})"
    why = ", which would count its zeros as pixels" if isinstance(op, MaxPool2D | AvgPool2D) else ""
    return UserError(
        f"layer {pad.name}: zero padding is supported in front of a Conv2D only, "
        f"but {after} follows{why}"
    )
