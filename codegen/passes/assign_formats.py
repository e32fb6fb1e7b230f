"""Give every tensor its format and quantize the parameters: the float graph becomes typed.

Accumulators get their width here as well, because an exact result has the accumulator's format:
interval analysis with the real weights and the input's code range, zero always included, so that
no partial sum that starts with the bias can leave the accumulator.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np

from ..cast import cast_codes, quantize
from ..errors import UserError
from ..formats import PIXEL, FixedPoint, Overflow, bits_for
from ..ir import (
    Accumulator,
    AvgPool2D,
    Cast,
    Const,
    Graph,
    InputTable,
    Lookup,
    MaxPool2D,
    Op,
    Relu,
    Tensor,
    WeightedOp,
)
from ..lookup import MAX_ADDRESS_BITS, table_codes
from ..precision import LayerPrecision, Precision

MAX_ACCUMULATOR_BITS = 62  # int64 in the golden model, with room for one doubling


def assign_formats(graph: Graph, precision: Precision) -> Graph:
    """Return the typed graph; ``UserError`` where a layer's sum needs more than 62 bits."""
    tensor = replace(graph.input, format=PIXEL, low=PIXEL.min_code, high=PIXEL.max_code)
    start, ops = tensor, []
    for op in graph.ops:
        if isinstance(op, WeightedOp):
            op = replace(op, bias=precision.bias(op))
        typed = typed_op(replace(op, own=None), tensor, precision.layers[op.name])
        tensor = typed.out
        ops.append(typed)
    return replace(graph, input=start, ops=tuple(ops))


def typed_op(op: Op, x: Tensor, types: LayerPrecision) -> Op:
    """``op`` reading the typed tensor ``x``, with the types ``types`` and the range that follow."""
    if isinstance(op, WeightedOp):
        return _typed_weighted(op, x, types)
    if isinstance(op, MaxPool2D):
        return replace(op, out=replace(op.out, format=x.format, low=x.low, high=x.high))
    result = types.result or _exact_result(op, x)
    if isinstance(op, Lookup):
        return _typed_table(op, x, result)
    if isinstance(op, InputTable):
        codes = quantize(op.table.values, result)
        out = replace(op.out, format=result, low=int(codes.min()), high=int(codes.max()))
        return replace(op, out=out, table=Const(codes, result))
    low, high = x.range
    fraction = x.fmt.fraction_bits
    if isinstance(op, Relu):
        low, high = _activated(op, low, high, fraction)
        fraction += op.activation.negative_shift
    elif not isinstance(op, (AvgPool2D, Cast)):
        raise UserError(f"layer {op.name}: {op.kind} has no hardware meaning here")
    return replace(op, out=_cast_tensor(op.out, fraction, low, high, result))


def _typed_table(op: Lookup, x: Tensor, result: FixedPoint) -> Lookup:
    if x.fmt.width > MAX_ADDRESS_BITS:
        raise UserError(
            f"layer {op.name}: its table would have an entry for each of the {x.fmt.width}-bit "
            f"codes of {x.name}; allowed are {MAX_ADDRESS_BITS} bits: use a narrower result type "
            "there"
        )
    table = table_codes(op.function, x.fmt, result)
    reached = table[np.arange(x.range[0], x.range[1] + 1) & (len(table) - 1)]
    out = replace(op.out, format=result, low=int(reached.min()), high=int(reached.max()))
    return replace(op, out=out, table=Const(table, result))


def _exact_result(op: Op, x: Tensor) -> FixedPoint:
    """The type that holds every result of ``op`` on ``x`` exactly."""
    if isinstance(op, Relu):
        return op.activation.exact(x.fmt)
    assert isinstance(op, AvgPool2D), f"{op.name}: {op.kind} needs a result type"
    pixels = max(math.prod(pair) for pair in itertools.product(*op.window.covered(*x.shape[:2])))
    return replace(x.fmt, width=x.fmt.width + pixels.bit_length() - 1)


def _typed_weighted(op: WeightedOp, x: Tensor, types: LayerPrecision) -> Op:
    assert types.weight is not None and types.bias is not None
    weights = Const(quantize(op.weights.values, types.weight), types.weight)
    bias = Const(quantize(op.bias.values, types.bias), types.bias)
    return with_sum(replace(op, weights=weights, bias=bias), x, types.result)


def with_sum(op: WeightedOp, x: Tensor, result: FixedPoint | None) -> WeightedOp:
    """``op``, its parameters quantized, with accumulator and result range; ``x`` is what it reads.

    ``result`` None keeps the exact sum. ``UserError`` where that needs too many bits.
    """
    accumulator = _castable(accumulator_for(op, x, op.weights, op.bias), result)
    low, high = _activated(op, accumulator.low, accumulator.high, accumulator.format.fraction_bits)
    exact = op.activation.exact(accumulator.format)
    if exact.width > MAX_ACCUMULATOR_BITS:
        raise UserError(
            f"layer {op.name}: its activated sum needs {exact.width} bits; allowed are "
            f"{MAX_ACCUMULATOR_BITS}: use narrower weight, bias or input types"
        )
    if result is None:
        out = replace(op.out, format=exact, low=low, high=high)
    else:
        out = _cast_tensor(op.out, exact.fraction_bits, low, high, result)
    return replace(op, accumulator=accumulator, out=out)


def _activated(op: WeightedOp | Relu, low: int, high: int, fraction: int) -> tuple[int, int]:
    """The range behind the activation; ``UserError`` if its limit is no code."""
    try:
        return op.activation.bounds(low, high, fraction)
    except ValueError:
        what = "its exact sum" if isinstance(op, WeightedOp) else "its input"
        raise UserError(
            f"layer {op.name}: max_value={op.activation.max_value} is not exact: allowed are "
            f"multiples of 2^{-fraction}, the step of {what}"
        ) from None


def _castable(accumulator: Accumulator, result: FixedPoint | None) -> Accumulator:
    """Widen to the number of bits the cast drops: the ``ap_fixed`` headers assert it."""
    fmt = accumulator.format
    dropped = 0 if result is None else fmt.fraction_bits - result.fraction_bits
    width = min(max(fmt.width, dropped), MAX_ACCUMULATOR_BITS)
    return replace(accumulator, format=FixedPoint(True, width, width - fmt.fraction_bits))


def accumulator_for(op: WeightedOp, x: Tensor, weights: Const, bias: Const) -> Accumulator:
    """Bound the exact sum of ``op`` over all inputs within ``x``'s range and zero."""
    assert weights.format is not None and bias.format is not None
    product_fraction = x.fmt.fraction_bits + weights.format.fraction_bits
    fraction = max(product_fraction, bias.format.fraction_bits)
    low, high = min(x.range[0], 0), max(x.range[1], 0)
    taps = weights.values.reshape(-1, weights.shape[-1]).astype(object)
    positive = np.where(taps > 0, taps, 0).sum(axis=0)
    negative = np.where(taps < 0, taps, 0).sum(axis=0)
    scale = 1 << (fraction - product_fraction)
    base = bias.values.astype(object) * (1 << (fraction - bias.format.fraction_bits))
    least = min(int(v) for v in base + (positive * low + negative * high) * scale)
    largest = max(int(v) for v in base + (positive * high + negative * low) * scale)
    least, largest = min(least, 0), max(largest, 0)
    width = max(bits_for(min(least, -1), largest)[1], 2)
    if width > MAX_ACCUMULATOR_BITS:
        raise UserError(
            f"layer {op.name}: its exact sum needs {width} bits; allowed are "
            f"{MAX_ACCUMULATOR_BITS}: use narrower weight, bias or input types"
        )
    return Accumulator(FixedPoint(True, width, width - fraction), least, largest)


def _cast_tensor(out: Tensor, fraction: int, low: int, high: int, fmt: FixedPoint) -> Tensor:
    """The range after a cast: all modes are monotone as long as nothing overflows."""
    wide = replace(fmt, width=min(fmt.width + 900, 1024), signed=True)
    wide = replace(wide, integer_bits=wide.width - fmt.fraction_bits)
    ends = cast_codes(np.array([low, high], dtype=object), fraction, wide)
    first, last = int(ends[0]), int(ends[1])
    fits = first >= fmt.min_cast_code and last <= fmt.max_code
    if not fits and fmt.overflow in (Overflow.SAT, Overflow.SAT_SYM):
        first = min(max(first, fmt.min_cast_code), fmt.max_code)
        last = min(max(last, fmt.min_cast_code), fmt.max_code)
    elif not fits:
        first, last = fmt.min_code, fmt.max_code
    return replace(out, format=fmt, low=first, high=last)
