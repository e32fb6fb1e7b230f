"""What each layer's C++ file holds: one small frozen context per operator.

``layer_for`` dispatches on the operator; everything a template prints is decided here.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import singledispatch

import numpy as np

from .emit_hls_average import average_for
from .emit_hls_context import Geometry, Layer, Matvec, Stream, Table, Typedef
from .emit_hls_weights import table_weights, weights_for
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
from .layout import StreamLayout
from .schedule import Layer as Folded
from .schedule import Schedule

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
    return replace(
        layer,
        template="hls/conv.h.j2",
        title=f"convolution, {_window_title(op)}, {_shape(x)} to {_shape(op.out)}{_then(op)}",
        geometry=_geometry(op, x),
        gather=source.layout.words_per_group,
    )


@layer_for.register
def _dense(op: Dense, x: Tensor, source: Stream, result: Stream, schedule: Schedule) -> Layer:
    layer = _weighted(op, x, source, result, schedule)
    assert layer.matvec is not None
    return replace(
        layer,
        template="hls/dense.h.j2",
        title=f"dense, {x.size} to {op.out.size}{_then(op)}",
        gather=layer.matvec.lanes // source.lanes,
    )


@layer_for.register
def _max(op: MaxPool2D, x: Tensor, source: Stream, result: Stream, schedule: Schedule) -> Layer:
    return Layer(
        name=op.name,
        template="hls/maxpool.h.j2",
        title=f"largest element, {_window_title(op)}, {_shape(x)} to {_shape(op.out)}",
        x=source,
        y=result,
        typedefs=(Typedef(result.type, result.cpp),),
        geometry=_geometry(op, x),
        gather=source.layout.words_per_group,
        lowest=x.fmt.min_code,
    )


@layer_for.register
def _average(op: AvgPool2D, x: Tensor, source: Stream, result: Stream, schedule: Schedule) -> Layer:
    return Layer(
        name=op.name,
        template="hls/average.h.j2",
        title=f"mean, {_window_title(op)}, {_shape(x)} to {_shape(op.out)}",
        x=source,
        y=result,
        typedefs=(Typedef(result.type, result.cpp),),
        geometry=_geometry(op, x),
        average=average_for(op, x),
        gather=source.layout.words_per_group,
    )


@layer_for.register
def _relu(op: Relu, x: Tensor, source: Stream, result: Stream, schedule: Schedule) -> Layer:
    return Layer(
        name=op.name,
        template="hls/relu.h.j2",
        title=f"{_activation_text(op.activation)} of {_shape(x)}",
        x=source,
        y=result,
        typedefs=(*_active(op, x.fmt), Typedef(result.type, result.cpp)),
        limit=op.activation.binding_limit(x.fmt.fraction_bits, x.range[1]),
        negative_shift=op.activation.negative_shift,
    )


@layer_for.register
def _cast(op: Cast, x: Tensor, source: Stream, result: Stream, schedule: Schedule) -> Layer:
    return Layer(
        name=op.name,
        template="hls/cast.h.j2",
        title=f"cast of {_shape(x)}",
        x=source,
        y=result,
        typedefs=(Typedef(result.type, result.cpp),),
    )


@layer_for.register
def _table(op: InputTable, x: Tensor, source: Stream, result: Stream, schedule: Schedule) -> Layer:
    return Layer(
        name=op.name,
        template="hls/table.h.j2",
        title=f"pixel to number by table, {_shape(x)}",
        x=source,
        y=result,
        typedefs=(Typedef(result.type, result.cpp),),
        weights=table_weights(op, result.type),
        table=Table("i", None, True, "type=rom_1p impl=lutram"),
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
        table=Table("0", entries - 1, False, f"type=rom_np impl={memory}"),
    )


def _weighted(
    op: WeightedOp, x: Tensor, source: Stream, result: Stream, schedule: Schedule
) -> Layer:
    """Everything but template, title and the way inputs are gathered."""
    assert op.weights.format is not None and op.bias.format is not None
    assert op.accumulator is not None
    fold = schedule.folds[op.name]
    folded = Folded.of(op, source.layout)
    simd = folded.effective_simd(fold.simd)
    whole = simd > folded.lanes  # several words of the stream at once
    lanes = simd if whole else folded.lanes
    words = folded.chunks(simd) if whole else folded.words
    sum_format = op.accumulator.format
    product_fraction = x.fmt.fraction_bits + op.weights.format.fraction_bits
    layout = None if isinstance(op, Conv2D) else source.layout
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
        relu=op.activation.relu,
        limit=op.activation.binding_limit(sum_format.fraction_bits, op.accumulator.high),
        negative_shift=op.activation.negative_shift,
        product_shift=sum_format.fraction_bits - product_fraction,
        bias_shift=sum_format.fraction_bits - op.bias.format.fraction_bits,
        storage="lutram" if steps <= SMALL_ROM else "bram",
    )
    return Layer(
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
            *_active(op, sum_format),
            Typedef(result.type, result.cpp),
        ),
        matvec=matvec,
        weights=weights_for(op, _input_order(matvec, layout), matvec.pe),
    )


def _active(op: WeightedOp | Relu, fmt: FixedPoint) -> tuple[Typedef, ...]:
    """The type behind a leaky ReLU, which is finer than ``fmt`` in front of it."""
    if not op.activation.negative_shift:
        return ()
    exact = op.activation.exact(fmt)
    plain = FixedPoint(exact.signed, exact.width, exact.integer_bits)
    return (Typedef(f"{op.name}_active_t", types_of(plain)),)


def _input_order(m: Matvec, layout: StreamLayout | None) -> np.ndarray:
    """Which input each lane of each step multiplies, (steps, simd); -1: none.

    ``layout`` is the stream's for dense layers; None for windows, which come in order.
    """
    order = np.full((m.words, m.parts * m.simd), -1, dtype=np.int64)
    for word in range(m.words):
        for lane in range(m.lanes):
            if layout is None:
                order[word, lane] = lane
                continue
            count = m.lanes // layout.lanes  # stream words in one of ours
            at = word * count + lane // layout.lanes
            element = layout.element(at, lane % layout.lanes) if at < layout.words else None
            order[word, lane] = -1 if element is None else element
    return order.reshape(m.words * m.parts, m.simd)


def _geometry(op: WindowOp, x: Tensor) -> Geometry:
    height, width, channels = x.image_shape
    pad = op.window.padding
    return Geometry(
        height,
        width,
        channels,
        *op.window.size,
        *op.window.stride,
        pad.top,
        pad.bottom,
        pad.left,
        pad.right,
    )


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
