"""Invariants of the IR, checked after every pass.

A violation is a bug of lenetgen or of the caller, never a user's mistake: ``IRError``.
"""

from __future__ import annotations

import re

import numpy as np

from .ir import (
    AffineOp,
    AvgPool2D,
    BatchNorm,
    Const,
    Conv2D,
    Dense,
    Flatten,
    Graph,
    InputTable,
    Lookup,
    MaxPool2D,
    Op,
    Relu,
    Rescaling,
    Reshape,
    Softmax,
    TableOp,
    Tensor,
    WeightedOp,
    Window,
    ZeroPad,
)

_FLOAT_ONLY = (Flatten, Reshape, Rescaling, BatchNorm, ZeroPad, Softmax)


class IRError(Exception):
    """The graph breaks an invariant; the message names the operator."""


def verify(graph: Graph) -> None:
    """Check names, chain order, shapes and, where there are any, formats and code ranges."""
    _require(len(graph.ops) > 0, graph.name, "no operators")
    seen = {graph.input.name}
    names: set[str] = set()
    current = graph.input
    for op in graph.ops:
        _require(re.fullmatch(r"[A-Za-z_]\w*", op.name, re.ASCII) is not None, op.name, "bad name")
        _require(op.name not in names, op.name, "duplicate name")
        _require(op.out.name not in seen, op.name, f"tensor {op.out.name} defined twice")
        _require(op.x == current.name, op.name, f"reads {op.x}, but the chain is at {current.name}")
        expected = result_shape(op, current)
        _require(op.out.shape == expected, op.name, f"shape {op.out.shape}, expected {expected}")
        first = current is graph.input
        _require(first or not isinstance(op, InputTable), op.name, "a table must come first")
        _check_types(op, current)
        names.add(op.name)
        seen.add(op.out.name)
        current = op.out


def result_shape(op: Op, x: Tensor) -> tuple[int, ...]:
    """The shape ``op`` gives an input tensor; ``IRError`` if it can't take it."""
    if isinstance(op, (Conv2D, MaxPool2D, AvgPool2D)):
        _require(len(x.shape) == 3, op.name, f"needs an image, got shape {x.shape}")
        _check_window(op.name, op.window)
        height, width, channels = x.image_shape
        rows, columns = op.window.positions(height, width)
        _require(rows > 0 and columns > 0, op.name, f"window larger than the image {x.shape}")
        if isinstance(op, Conv2D):
            want = (*op.window.size, channels)
            _require(op.weights.shape[:3] == want, op.name, f"weights {op.weights.shape}")
            _require(op.bias.shape == op.weights.shape[3:], op.name, f"bias {op.bias.shape}")
            channels = op.weights.shape[3]
        return rows, columns, channels
    if isinstance(op, Dense):
        _require(op.weights.shape[:1] == (x.size,), op.name, f"weights {op.weights.shape}")
        _require(op.bias.shape == op.weights.shape[1:], op.name, f"bias {op.bias.shape}")
        return (op.weights.shape[1],)
    if isinstance(op, Flatten):
        return (x.size,)
    if isinstance(op, Reshape):
        _require(op.out.size == x.size and len(op.out.shape) == 3, op.name, f"from {x.shape}")
        return op.out.shape
    if isinstance(op, ZeroPad):
        _require(len(x.shape) == 3, op.name, f"needs an image, got shape {x.shape}")
        pad = op.padding
        pads = (pad.top, pad.bottom, pad.left, pad.right)
        _require(min(pads) >= 0, op.name, "negative padding")
        height, width, channels = x.image_shape
        return height + pad.top + pad.bottom, width + pad.left + pad.right, channels
    if isinstance(op, AffineOp):
        allowed = ((1,), x.shape[-1:], x.shape)
        for const in (op.scale, op.offset):
            _require(const.shape in allowed, op.name, f"{const.shape} numbers for {x.shape}")
    if isinstance(op, InputTable):
        channels = x.shape[2] if len(x.shape) == 3 else 1
        _require(op.table.shape == (channels, 256), op.name, f"table {op.table.shape}")
    if isinstance(op, Lookup) and x.format is not None:
        entries = (1 << x.format.width,)
        _require(op.table is not None and op.table.shape == entries, op.name, f"not {entries}")
    return x.shape


def _check_window(name: str, window: Window) -> None:
    _require(min(window.size + window.stride) >= 1, name, f"{window} has a size or stride below 1")
    pad = window.padding
    pads = (pad.top, pad.bottom, pad.left, pad.right)
    _require(min(pads) >= 0, name, "negative padding")
    inside = max(pads[:2]) < window.size[0] and max(pads[2:]) < window.size[1]
    _require(inside, name, "padding as large as the window")


def _check_types(op: Op, x: Tensor) -> None:
    typed = op.out.format is not None
    _require(typed == (x.format is not None), op.name, "typed and untyped tensors mixed")
    _require(not (typed and isinstance(op, _FLOAT_ONLY)), op.name, f"{op.kind} in a typed graph")
    for label, const in _constants(op):
        _require(typed == (const.format is not None), op.name, f"{label}: float/integer mixed")
        if const.format is None:
            _require(bool(np.isfinite(const.values).all()), op.name, f"{label}: NaN or infinity")
        elif const.values.size:
            low, high = int(const.values.min()), int(const.values.max())
            inside = const.format.min_code <= low and high <= const.format.max_code
            _require(inside, op.name, f"{label}: codes {low}..{high} outside {const.format}")
    if not typed:
        return
    low, high = op.out.range
    inside = op.out.fmt.min_code <= low <= high <= op.out.fmt.max_code
    _require(inside, op.name, f"range {low}..{high} outside {op.out.fmt}")
    if isinstance(op, WeightedOp):
        _check_accumulator(op, x)
    if isinstance(op, WeightedOp | Relu):
        acc = op.accumulator if isinstance(op, WeightedOp) else None
        try:
            op.activation.limit(x.fmt.fraction_bits if acc is None else acc.format.fraction_bits)
        except ValueError as error:
            raise IRError(f"{op.name}: limit {error}") from None
    if isinstance(op, TableOp) and op.table is not None:
        _require(op.table.format == op.out.fmt, op.name, "the table's type is not the result's")
    if isinstance(op, MaxPool2D):
        _require(op.out.fmt == x.fmt, op.name, "max pooling changes the format")


def _check_accumulator(op: WeightedOp, x: Tensor) -> None:
    acc = op.accumulator
    if acc is None:
        raise IRError(f"{op.name}: no accumulator")
    inside = acc.format.min_code <= acc.low <= 0 <= acc.high <= acc.format.max_code
    _require(inside, op.name, f"accumulator {acc.low}..{acc.high} around zero outside {acc.format}")
    assert op.weights.format is not None and op.bias.format is not None
    product = x.fmt.fraction_bits + op.weights.format.fraction_bits
    fraction = max(product, op.bias.format.fraction_bits)
    _require(acc.format.fraction_bits == fraction, op.name, "accumulator's binary point")


def _constants(op: Op) -> list[tuple[str, Const]]:
    if isinstance(op, WeightedOp):
        return [("weights", op.weights), ("bias", op.bias)]
    if isinstance(op, TableOp):
        return [] if op.table is None else [("table", op.table)]
    if isinstance(op, AffineOp):
        return [("scale", op.scale), ("offset", op.offset)]
    return []


def _require(condition: bool, where: str, message: str) -> None:
    if not condition:
        raise IRError(f"{where}: {message}")
