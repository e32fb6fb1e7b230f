"""Scales and offsets of normalizing operators, one number for all, per channel or per element.

Input: arrays that broadcast to a tensor's shape; output: the shortest of the three forms the IR
knows: ``(1,)`` is up to the caller, ``(channels,)``, or the tensor's whole shape.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from .ir import AffineOp, Const, Tensor

Reals = npt.NDArray[np.float64]


def spread(values: Reals, shape: tuple[int, ...]) -> Reals:
    """Broadcast ``values`` to a tensor's ``shape``; one pixel's worth if all pixels agree."""
    full = np.broadcast_to(values, shape)
    if len(shape) == 3 and bool((full == full[:1, :1]).all()):
        full = full[0, 0]
    return np.ascontiguousarray(full)


def per_pixel(op: AffineOp) -> bool:
    """Whether the numbers differ from pixel to pixel of an image."""
    return max(op.scale.values.ndim, op.offset.values.ndim) > 1


def reshaped(op: AffineOp, x: Tensor, shape: tuple[int, ...]) -> AffineOp:
    """``op`` on the elements of ``x`` in row-major order seen as ``shape``; it reads as before."""
    consts = []
    for const in (op.scale, op.offset):
        values = const.values
        if values.size > 1:
            values = spread(np.broadcast_to(values, x.shape).reshape(shape), shape)
        consts.append(Const(values))
    scale, offset = consts
    return replace(op, out=replace(op.out, shape=shape), scale=scale, offset=offset)
