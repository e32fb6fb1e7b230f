"""How hls4ml would write each operator of a typed graph, or why it can't.

Input: an operator of a typed graph; output: Keras layers for hls4ml's converter with the type of
each of their variables (``ap_fixed`` as text, which hls4ml reads), or ``Inexpressible``. Types
that are not named are left to hls4ml: its accumulators and exact results come from its own
analysis, not from the graph's. Nothing of hls4ml is imported here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any

import numpy as np
import numpy.typing as npt

from ..codegen.formats import FixedPoint
from ..codegen.ir import (
    Activation,
    AvgPool2D,
    Cast,
    Conv2D,
    Dense,
    Graph,
    InputTable,
    Lookup,
    MaxPool2D,
    Op,
    Padding,
    Relu,
    Tensor,
    WeightedOp,
    Window,
)

Arrays = Mapping[str, npt.NDArray[np.float64]]  # "weights" and "bias"
DOUBLE_BITS = 53  # hls4ml hands results over as doubles


class Inexpressible(Exception):
    """hls4ml has nothing that means the same; the text says why."""


@dataclass(frozen=True)
class Layer:
    """A Keras layer: class, constructor's arguments, and types by hls4ml's names for them."""

    kind: str
    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Segment:
    """Operators in a row that hls4ml can express: one hls4ml model.

    ``results`` maps each operator's name to the Keras layer that computes its result; ``stream``
    says whether its streaming library will do (it knows only pools that tile an unpadded image).
    """

    ops: tuple[Op, ...]
    x: Tensor
    layers: tuple[Layer, ...]
    results: dict[str, str]
    stream: bool

    @property
    def input_shape(self) -> tuple[int, ...]:
        """A vector for dense layers, else (height, width, channels)."""
        return _input_shape(self.ops[0], self.x)

    def document(self, folder: str) -> dict[str, Any]:
        """What the child process needs, as plain data; ``folder`` gets hls4ml's project."""
        return {
            "folder": folder,
            "io_type": "io_stream" if self.stream else "io_parallel",
            "input": {"shape": self.input_shape, "type": self.x.fmt.cpp()},
            "layers": [vars(layer) for layer in self.layers],
            "results": list(self.results.values()),
        }


def split(graph: Graph) -> tuple[list[Segment], dict[str, str]]:
    """The longest runs of operators that hls4ml can express, and the others' reasons by name."""
    segments: list[Segment] = []
    reasons: dict[str, str] = {}
    run: list[tuple[Op, list[Layer]]] = []
    for index, op in enumerate(graph.ops):
        try:
            run.append((op, _layers(op, graph.source(op), f"op{index}")))
        except Inexpressible as reason:
            reasons[op.name] = str(reason)
            segments += [_segment(graph, run)] if run else []
            run = []
    segments += [_segment(graph, run)] if run else []
    return segments, reasons


def _segment(graph: Graph, run: list[tuple[Op, list[Layer]]]) -> Segment:
    x = graph.source(run[0][0])
    layers: list[Layer] = []
    for place, (op, own) in enumerate(run):
        source = graph.source(op)
        shape = _input_shape(op, x) if place == 0 else source.shape
        if isinstance(op, Dense) and len(shape) > 1:
            layers.append(Layer("Flatten", f"{own[0].name}_flat"))
        layers += own
    return Segment(
        ops=tuple(op for op, _ in run),
        x=x,
        layers=tuple(layers),
        results={op.name: own[-1].name for op, own in run},
        stream=all(_tiles(op, graph.source(op)) for op, _ in run),
    )


def _input_shape(op: Op, x: Tensor) -> tuple[int, ...]:
    return (x.size,) if isinstance(op, Dense) or len(x.shape) < 3 else x.image_shape


def _layers(op: Op, x: Tensor, name: str) -> list[Layer]:
    for tensor in (x, op.out):
        if max(abs(code) for code in tensor.range).bit_length() > DOUBLE_BITS:
            raise Inexpressible(
                f"{tensor.fmt} does not fit the doubles that hls4ml takes and gives"
            )
    return _translate(op, x, name)


@singledispatch
def _translate(op: Op, x: Tensor, name: str) -> list[Layer]:
    raise Inexpressible(f"hls4ml has no {op.kind} of the same meaning")


@_translate.register
def _(op: InputTable, x: Tensor, name: str) -> list[Layer]:
    raise Inexpressible("hls4ml has no table of 256 entries from pixels to codes")


@_translate.register
def _(op: Lookup, x: Tensor, name: str) -> list[Layer]:
    raise Inexpressible(f"hls4ml has tables or constants of its own for {op.function.value}")


@_translate.register
def _(op: Conv2D, x: Tensor, name: str) -> list[Layer]:
    arguments = {
        "filters": op.weights.shape[3],
        "kernel_size": op.window.size,
        "strides": op.window.stride,
    }
    height, width, _ = x.image_shape
    if op.window.padding == Padding():
        return _weighted(op, "Conv2D", name, arguments | {"padding": "valid"})
    if op.window == Window.same(op.window.size, op.window.stride, (height, width)):
        return _weighted(op, "Conv2D", name, arguments | {"padding": "same"})
    return [
        _zeros(op.window.padding, f"{name}_pad"),
        *_weighted(op, "Conv2D", name, arguments | {"padding": "valid"}),
    ]


@_translate.register
def _(op: Dense, x: Tensor, name: str) -> list[Layer]:
    return _weighted(op, "Dense", name, {"units": op.weights.shape[1]})


def _weighted(op: WeightedOp, kind: str, name: str, arguments: dict[str, Any]) -> list[Layer]:
    assert op.weights.format is not None and op.bias.format is not None
    assert op.accumulator is not None
    types = {"weight": op.weights.format.cpp(), "bias": op.bias.format.cpp()}
    if _is_relu(op.activation, op.accumulator.format.fraction_bits, op.accumulator.high):
        return [Layer(kind, name, arguments, types), _function("relu", f"{name}_relu", op.out)]
    if op.out.fmt != op.accumulator.format:  # the exact sum gets hls4ml's own type
        types["result"] = op.out.fmt.cpp()
    return [Layer(kind, name, arguments, types)]


@_translate.register
def _(op: Relu, x: Tensor, name: str) -> list[Layer]:
    if _is_relu(op.activation, x.fmt.fraction_bits, x.range[1]):
        return [_function("relu", name, op.out)]
    return _cast(op, x, name)


def _is_relu(activation: Activation, fraction_bits: int, high: int) -> bool:
    """ReLU or nothing, for codes up to ``high``; a limit that none of them reaches is none."""
    limited = activation.binding_limit(fraction_bits, high) is not None
    if limited or activation.negative_shift:
        raise Inexpressible(f"hls4ml has no {activation.value} of the same meaning")
    return activation.relu


@_translate.register(Cast)
def _cast(op: Cast | Relu, x: Tensor, name: str) -> list[Layer]:
    if x.fmt == op.out.fmt:
        raise Inexpressible("hls4ml drops a cast to the same type")
    return [_function("linear", name, op.out)]


def _function(function: str, name: str, out: Tensor) -> Layer:
    return Layer("Activation", name, {"activation": function}, {"result": out.fmt.cpp()})


@_translate.register
def _(op: MaxPool2D, x: Tensor, name: str) -> list[Layer]:
    types = {"result": op.out.fmt.cpp()}
    pad = op.window.padding
    if pad != Padding() and x.range[0] >= 0:
        # nnet_pooling.h, pad_val: the top bit alone, which is no least value of an unsigned type
        arguments = _pool(Window(op.window.size, op.window.stride), x)
        return [_zeros(pad, f"{name}_pad"), Layer("MaxPooling2D", name, arguments, types)]
    return [Layer("MaxPooling2D", name, _pool(op.window, x), types)]


def _zeros(pad: Padding, name: str) -> Layer:
    return Layer("ZeroPadding2D", name, {"padding": ((pad.top, pad.bottom), (pad.left, pad.right))})


@_translate.register
def _(op: AvgPool2D, x: Tensor, name: str) -> list[Layer]:
    arguments = _pool(op.window, x)
    types = {"result": op.out.fmt.cpp(), "accum": _quotient(op, x).cpp()}
    return [Layer("AveragePooling2D", name, arguments, types)]


def _quotient(op: AvgPool2D, x: Tensor) -> FixedPoint:
    """An accumulator in which hls4ml's two roundings of a mean are as good as one.

    It divides towards zero down to the accumulator's last bit, then casts. A mean that is not on
    a boundary of that cast (a multiple of half the result's step, or of the sum's) is at least
    the boundaries' step divided by the number of taps away from it: with a step no larger
    than that the first rounding reaches no boundary.
    """
    taps = (op.window.size[0] * op.window.size[1]).bit_length()
    fraction = max(x.fmt.fraction_bits, op.out.fmt.fraction_bits + 1, 0) + taps
    integer = max(x.fmt.integer_bits, 1) + taps + 1
    return FixedPoint(True, fraction + integer, integer)


def _pool(window: Window, x: Tensor) -> dict[str, Any]:
    height, width, _ = x.image_shape
    window = _tiling(window, x)
    same = Window.same(window.size, window.stride, (height, width))
    if window.padding not in (Padding(), same.padding):
        raise Inexpressible("hls4ml has pools with no or 'same' padding only")
    padding = "valid" if window.padding == Padding() else "same"
    return {"pool_size": window.size, "strides": window.stride, "padding": padding}


def _tiling(window: Window, x: Tensor) -> Window:
    """The same positions; where the window fits only once, the stride may be its size."""
    if window.padding != Padding():
        return window
    rows, columns = (
        size if length < 2 * size and (length - size) // step == 0 else step
        for size, step, length in zip(window.size, window.stride, x.image_shape[:2], strict=True)
    )
    return Window(window.size, (rows, columns))


def _tiles(op: Op, x: Tensor) -> bool:
    if not isinstance(op, MaxPool2D | AvgPool2D):
        return True
    window = _tiling(op.window, x)
    return window.stride == window.size and window.padding == Padding()
