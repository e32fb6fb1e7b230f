"""What each layer's C++ file holds: one small frozen context per operator.

``layer_for`` dispatches on the operator; everything a template prints is decided here.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import singledispatch

import numpy as np

from .emit_hls_adders import adders_for
from .emit_hls_average import average_for
from .emit_hls_context import Active, Layer, Matvec, Stream, Table, Typedef
from .emit_hls_weights import table_weights, weights_for
from .emit_hls_windows import windows_for
from .feeds import Feed
from .formats import FixedPoint
from .ir import (
    Activation,
    AvgPool2D,
    Cast,
    Conv2D,
    Dense,
    InputTable,
    Lookup,
    MaxPool2D,
    Op,
    Relu,
    Tensor,
    WeightedOp,
    WindowOp,
)
from .layout import StreamLayout, pixels_per_word
from .schedule import Fold, Schedule, stage_feed
from .schedule import Layer as Folded

SMALL_ROM = 128  # words up to which a ROM is built of LUTs
SMALL_TABLE = 256  # the same for the narrow words of a table


def types_of(fmt: FixedPoint) -> str:
    """The C++ type, all its modes written out where they are not the default."""
    return fmt.cpp()


def stream_for(op: Op, layout: StreamLayout) -> Stream:
    """The stream ``op`` writes."""
    return Stream(
        stream=f"s_{op.name}",
        type=f"{op.name}_result_t",
        vec=f"{op.name}_vec_t",
        cpp=types_of(op.out.fmt),
        comment="",
        layout=layout,
    )


@singledispatch
def layer_for(op: Op, x: Tensor, source: Stream, result: Stream, schedule: Schedule) -> Layer:
    """Return the context of ``op``, which reads tensor ``x`` from ``source``."""
    raise NotImplementedError(f"{op.kind} has no C++")


@layer_for.register
def _conv(op: Conv2D, x: Tensor, source: Stream, result: Stream, schedule: Schedule) -> Layer:
    layer = _weighted(op, x, source, result, schedule)
    how = stage_feed(op, x, source.layout, schedule.folds[op.name])
    geometry, feed = windows_for(op, x, source.layout, how)
    return replace(
        layer,
        template="hls/conv.h.j2",
        title=f"convolution, {_window_title(op)}, {_shape(x)} to {_shape(op.out)}{_then(op)}",
        geometry=geometry,
        feed=feed,
    )


@layer_for.register
def _dense(op: Dense, x: Tensor, source: Stream, result: Stream, schedule: Schedule) -> Layer:
    layer = _weighted(op, x, source, result, schedule)
    return replace(
        layer,
        template="hls/dense.h.j2",
        title=f"dense, {x.size} to {op.out.size}{_then(op)}",
        gather=layer.matvec.lanes // source.lanes if layer.matvec is not None else 1,
    )


@layer_for.register
def _max(op: MaxPool2D, x: Tensor, source: Stream, result: Stream, schedule: Schedule) -> Layer:
    how = stage_feed(op, x, source.layout, None)
    geometry, feed = windows_for(op, x, source.layout, how)
    return Layer(
        name=op.name,
        template="hls/maxpool.h.j2",
        title=f"largest element, {_window_title(op)}, {_shape(x)} to {_shape(op.out)}",
        x=source,
        y=result,
        typedefs=(Typedef(result.type, result.cpp),),
        geometry=geometry,
        feed=feed,
    )


@layer_for.register
def _average(op: AvgPool2D, x: Tensor, source: Stream, result: Stream, schedule: Schedule) -> Layer:
    how = stage_feed(op, x, source.layout, None)
    geometry, feed = windows_for(op, x, source.layout, how)
    return Layer(
        name=op.name,
        template="hls/average.h.j2",
        title=f"mean, {_window_title(op)}, {_shape(x)} to {_shape(op.out)}",
        x=source,
        y=result,
        typedefs=(Typedef(result.type, result.cpp),),
        geometry=geometry,
        feed=feed,
        average=average_for(op, x),
    )


@layer_for.register
def _relu(op: Relu, x: Tensor, source: Stream, result: Stream, schedule: Schedule) -> Layer:
    return Layer(
        name=op.name,
        template="hls/map.h.j2",
        title=f"{_activation_text(op.activation)} of {_shape(x)}",
        x=source,
        y=result,
        typedefs=(*_active_type(op, x.fmt), Typedef(result.type, result.cpp)),
        activation=_active(op.activation, source.type, x.fmt.fraction_bits, x.range[1]),
    )


@layer_for.register
def _cast(op: Cast, x: Tensor, source: Stream, result: Stream, schedule: Schedule) -> Layer:
    return Layer(
        name=op.name,
        template="hls/map.h.j2",
        title=f"cast of {_shape(x)}",
        x=source,
        y=result,
        typedefs=(Typedef(result.type, result.cpp),),
        activation=_active(Activation.LINEAR, source.type, 0, 0),
    )


@layer_for.register
def _table(op: InputTable, x: Tensor, source: Stream, result: Stream, schedule: Schedule) -> Layer:
    rows = np.atleast_2d(op.table.values).shape[0]
    ports = "rom_1p" if source.lanes == rows else "rom_np"
    return Layer(
        name=op.name,
        template="hls/table.h.j2",
        title=f"pixel to number by table, {_shape(x)}",
        x=source,
        y=result,
        typedefs=(Typedef(result.type, result.cpp),),
        weights=table_weights(op, result.type),
        table=Table(rows, 255, True, f"type={ports} impl=lutram"),
    )


@layer_for.register
def _lookup(op: Lookup, x: Tensor, source: Stream, result: Stream, schedule: Schedule) -> Layer:
    entries = 1 << x.fmt.width
    memory = "lutram" if entries <= SMALL_TABLE else "bram"
    return Layer(
        name=op.name,
        template="hls/table.h.j2",
        title=f"{op.function.value} by table, {_shape(x)}",
        x=source,
        y=result,
        typedefs=(Typedef(result.type, result.cpp),),
        weights=table_weights(op, result.type),
        table=Table(1, entries - 1, False, f"type=rom_np impl={memory}"),
    )


def _weighted(
    op: WeightedOp, x: Tensor, source: Stream, result: Stream, schedule: Schedule
) -> Layer:
    """Everything but template, title and the way inputs are gathered."""
    assert op.weights.format is not None and op.bias.format is not None
    assert op.accumulator is not None
    fold = schedule.folds[op.name]
    how = stage_feed(op, x, source.layout, fold)
    folded = Folded.of(op, source.layout, how)
    sum_format = op.accumulator.format
    layer = Layer(
        name=op.name,
        template="",
        title="",
        notes=(
            f"Sums are exact, codes {op.accumulator.low} to {op.accumulator.high} in {sum_format};",
            f"one cast, to {op.out.fmt}.",
        ),
        x=source,
        y=result,
        typedefs=(
            Typedef(f"{op.name}_weight_t", types_of(op.weights.format)),
            Typedef(f"{op.name}_bias_t", types_of(op.bias.format)),
            Typedef(f"{op.name}_accum_t", types_of(sum_format)),
            *_active_type(op, sum_format),
            Typedef(result.type, result.cpp),
        ),
        activation=_active(
            op.activation,
            f"{op.name}_accum_t",
            sum_format.fraction_bits,
            op.accumulator.high,
        ),
    )
    if not fold.constant:
        return _folded(layer, op, x, folded, fold)
    order = np.concatenate(
        [_order(op, source.layout, word, folded.lanes) for word in range(folded.words)]
    )
    used = np.flatnonzero(order >= 0)
    places = used[np.argsort(order[used])]
    return replace(
        layer,
        adders=adders_for(
            op,
            x,
            vectors=folded.vectors,
            words=folded.words,
            lanes=folded.lanes,
            copies=pixels_per_word(x, source.layout) if how is Feed.FLAT else 1,
            places=tuple(places.tolist()),
        ),
    )


def _folded(layer: Layer, op: WeightedOp, x: Tensor, folded: Folded, fold: Fold) -> Layer:
    """``layer`` with its matrix-vector product and the weights in the order it reads them."""
    assert op.weights.format is not None and op.bias.format is not None
    assert op.accumulator is not None
    simd = folded.effective_simd(fold.simd)
    whole = simd > folded.lanes  # several words of the stream at once
    lanes = simd if whole else folded.lanes
    words = folded.chunks(simd) if whole else folded.words
    fraction = op.accumulator.format.fraction_bits
    steps = folded.chunks(simd) * folded.rounds(fold.pe)
    matvec = Matvec(
        vectors=folded.vectors,
        inputs=math.prod(op.weights.shape[:-1]),
        outputs=folded.outputs,
        lanes=lanes,
        words=words,
        parts=-(-lanes // simd),
        simd=simd,
        groups=folded.rounds(fold.pe),
        pe=fold.pe,
        product_shift=fraction - x.fmt.fraction_bits - op.weights.format.fraction_bits,
        bias_shift=fraction - op.bias.format.fraction_bits,
        storage="lutram" if steps <= SMALL_ROM else "bram",
        fabric=fold.lut,
    )
    order = np.full((words, matvec.parts * simd), -1, dtype=np.int64)
    for word in range(words):
        order[word, :lanes] = _order(op, layer.x.layout, word, lanes)
    weights = weights_for(op, order.reshape(-1, simd), matvec.pe)
    return replace(layer, matvec=matvec, weights=weights)


def _order(op: WeightedOp, layout: StreamLayout, word: int, lanes: int) -> list[int]:
    """The input in each of ``lanes`` lanes of what an engine reads as its ``word``-th; -1: none.

    Windows come in order; a dense layer reads one or several words of the stream at once.
    """
    if isinstance(op, Conv2D):
        return list(range(lanes))
    found = []
    for lane in range(lanes):
        at = word * (lanes // layout.lanes) + lane // layout.lanes
        element = layout.element(at, lane % layout.lanes) if at < layout.words else None
        found.append(-1 if element is None else element)
    return found


def _active(act: Activation, number: str, fraction: int, high: int) -> Active:
    """What happens to codes of the C++ type ``number``, at most ``high``, before their cast."""
    return Active(
        comment=_activation_text(act) or "The sum as it is",
        number=number,
        relu=act.relu,
        limit=act.binding_limit(fraction, high),
        negative_shift=act.negative_shift,
    )


def _active_type(op: WeightedOp | Relu, fmt: FixedPoint) -> tuple[Typedef, ...]:
    """The type behind a leaky ReLU, which is finer than ``fmt`` in front of it."""
    if not op.activation.negative_shift:
        return ()
    exact = op.activation.exact(fmt)
    plain = FixedPoint(exact.signed, exact.width, exact.integer_bits)
    return (Typedef(f"{op.name}_active_t", types_of(plain)),)


def _window_title(op: WindowOp) -> str:
    rows, columns = op.window.size
    down, right = op.window.stride
    pad = op.window.padding
    padding = (
        f"padding {pad.top} {pad.bottom} {pad.left} {pad.right}"
        if any((pad.top, pad.bottom, pad.left, pad.right))
        else "no padding"
    )
    return f"window {rows}x{columns}, stride {down}x{right}, {padding}"


def _then(op: WeightedOp) -> str:
    text = _activation_text(op.activation)
    return f", then {text}" if text else ""


def _activation_text(act: Activation) -> str:
    if not act.relu:
        return ""
    text = f"max(x, x / {1 << act.negative_shift})" if act.negative_shift else "max(x, 0)"
    return text if act.max_value is None else f"min({text}, {act.max_value:g})"


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape))
