"""Drop filters, channels and neurons of a typed graph that no result depends on.

Input: a typed graph; output: one that computes the same integers with smaller layers. A channel
goes when every weight that reads it is zero. A channel that is constant (all weights of its filter
are zero) is first added to the biases of the layer that reads it, exactly; then nothing reads it.
Removal works back from the logits, so a filter that only dead filters read goes too. The image and
the logits keep their shapes, and every tensor keeps at least one channel.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ..cast import cast_codes
from ..formats import FixedPoint, LayerPrecision, bits_for
from ..ir import (
    AvgPool2D,
    Cast,
    Const,
    Conv2D,
    Dense,
    Graph,
    Lookup,
    MaxPool2D,
    Op,
    Padding,
    Relu,
    Tensor,
    WeightedOp,
)
from .assign_formats import typed_op, with_sum

_CHANNELWISE = (MaxPool2D, AvgPool2D, Relu, Cast, Lookup)
Codes = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def drop_dead_channels(graph: Graph) -> Graph:
    """Return ``graph`` without channels that don't reach the logits, constants folded."""
    ops = _fold_constants(graph)
    live = _live(graph, ops)
    if all(a is b for a, b in zip(ops, graph.ops, strict=True)) and all(
        keep.all() for keep in live.values()
    ):
        return graph
    return graph.with_ops(_rebuilt(graph, ops, live))


def _by_channel(op: WeightedOp, x: Tensor) -> Codes:
    """The weights as (positions, input channels, outputs)."""
    return op.weights.values.reshape(-1, x.image_shape[2], op.weights.shape[-1])


def _used(op: WeightedOp, x: Tensor, axes: tuple[int, int], outputs: Mask | None = None) -> Mask:
    """Where any weight of ``outputs`` (None: of all) along ``axes`` of ``_by_channel`` is set."""
    weights = _by_channel(op, x)
    weights = weights if outputs is None else weights[:, :, outputs]
    return np.asarray(weights.any(axis=axes), dtype=np.bool_)


def _fold_constants(graph: Graph) -> list[Op]:
    """The operators, every constant channel moved into the biases of the layer that reads it."""
    ops: list[Op] = []
    known: Codes | None = None  # codes of the constant channels of the tensor at hand
    is_constant: Mask | None = None
    for op in graph.ops:
        x = graph.source(op)
        if isinstance(op, WeightedOp):
            if known is not None and is_constant is not None and is_constant.any():
                op = _absorbed(op, x, known, is_constant)
            is_constant = np.logical_not(_used(op, x, (0, 1)))
            known = _result(op, x, _bias_sum(op))
        elif isinstance(op, _CHANNELWISE):
            known = None if known is None else _result(op, x, known)
        else:
            known = None
        ops.append(op)
    return ops


def _bias_sum(op: WeightedOp) -> Codes:
    """The sum of each output whose inputs add nothing, as codes of the accumulator."""
    assert op.accumulator is not None and op.bias.format is not None
    shift = op.accumulator.format.fraction_bits - op.bias.format.fraction_bits
    return op.bias.values << shift


def _result(op: Op, x: Tensor, codes: Codes) -> Codes:
    """What ``op`` makes of channels that hold the same code everywhere; sums of a weighted one."""
    if isinstance(op, MaxPool2D):
        return codes
    if isinstance(op, Lookup):
        assert op.table is not None
        entries: Codes = op.table.values[codes & (op.table.values.size - 1)]
        return entries
    fraction = x.fmt.fraction_bits
    if isinstance(op, WeightedOp):
        assert op.accumulator is not None
        fraction = op.accumulator.format.fraction_bits
    if isinstance(op, WeightedOp | Relu):
        act = op.activation
        codes = np.array([act.bounds(int(c), int(c), fraction)[0] for c in codes], dtype=np.int64)
        fraction += act.negative_shift
    return np.asarray(cast_codes(codes, fraction, op.out.fmt), dtype=np.int64)


def _absorbed(op: WeightedOp, x: Tensor, known: Codes, is_constant: Mask) -> WeightedOp:
    """``op`` with the constant channels it reads moved into its biases.

    Behind zero padding only zeros: elsewhere the border's sums have fewer terms.
    """
    weights = _by_channel(op, x)
    padded = isinstance(op, Conv2D) and op.window.padding != Padding()
    moved = is_constant & weights.any(axis=(0, 2))
    if padded:
        moved &= known == 0
    if not moved.any():
        return op
    added = np.tensordot(known[moved], weights[:, moved].sum(axis=0), axes=1)
    rest = weights.copy()
    rest[:, moved] = 0
    kept = Const(rest.reshape(op.weights.shape), op.weights.format)
    return replace(op, weights=kept, bias=_with_added(op, x, added))


def _with_added(op: WeightedOp, x: Tensor, products: Codes) -> Const:
    """The biases plus sums of products; a type that can't hold them exactly gets the bits."""
    old, weight, acc = op.bias.format, op.weights.format, op.accumulator
    assert old is not None and weight is not None and acc is not None
    if not products.any():
        return op.bias
    finer = acc.format.fraction_bits - x.fmt.fraction_bits - weight.fraction_bits
    total = _bias_sum(op) + (products << finer)
    shift = acc.format.fraction_bits - old.fraction_bits
    codes = total >> shift
    if (
        np.array_equal(codes << shift, total)
        and old.min_code <= codes.min()
        and codes.max() <= old.max_code
    ):
        return Const(codes, old)
    width = bits_for(min(int(total.min()), -1), max(int(total.max()), 0))[1]
    integer_bits = width - acc.format.fraction_bits
    return Const(total, FixedPoint(True, width, integer_bits, old.rounding, old.overflow))


def _live(graph: Graph, ops: list[Op]) -> dict[str, Mask]:
    """Which outputs of each weighted operator are to stay; ``ops`` read what ``graph`` holds."""
    live: dict[str, Mask] = {}
    read: Mask | None = None  # channels behind the operator that something reads; None: all
    for op in reversed(ops):
        if isinstance(op, WeightedOp):
            keep = np.ones(op.weights.shape[-1], dtype=np.bool_) if read is None else read
            keep[0] |= not keep.any()
            live[op.name] = keep
            read = _used(op, graph.source(op), (0, 2), keep)
        elif not isinstance(op, _CHANNELWISE):
            read = None
    return live


def _rebuilt(graph: Graph, ops: list[Op], live: dict[str, Mask]) -> list[Op]:
    """The operators without the other channels, with the ranges and sums that follow."""
    result: list[Op] = []
    x, kept = graph.input, None
    for op in ops:
        if isinstance(op, WeightedOp):
            weights = _by_channel(op, graph.source(op))
            weights = weights if kept is None else weights[:, kept]
            kept = live[op.name]
            window = op.window.size if isinstance(op, Conv2D) else ()
            positions = weights.shape[0] if isinstance(op, Dense) else 1
            shape = (*window, positions * weights.shape[1], int(kept.sum()))
            assert op.accumulator is not None
            exact = op.out.fmt == op.activation.exact(op.accumulator.format)
            small = replace(
                op,
                weights=Const(weights[:, :, kept].reshape(shape), op.weights.format),
                bias=Const(op.bias.values[kept], op.bias.format),
                out=_narrowed(op.out, kept),
            )
            new: Op = with_sum(small, x, None if exact else op.out.fmt)
        elif kept is None:
            new = op  # in front of all weights
        else:
            types = LayerPrecision(result=op.out.format)
            new = typed_op(replace(op, out=_narrowed(op.out, kept)), x, types)
        result.append(new)
        x = new.out
    return result


def _narrowed(tensor: Tensor, kept: Mask) -> Tensor:
    return replace(tensor, shape=(*tensor.shape[:-1], int(kept.sum())))
