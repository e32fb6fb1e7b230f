"""The float meaning of a float graph, in float64: accuracy reports and calibration use it.

Input: a graph as ``to_float_graph`` returns it, or a front-end graph that starts with Rescaling.
Pixels count as code/256 (``formats.PIXEL``); a leading Rescaling or InputTable takes the raw code.
Output: float64 logits or per-operator value ranges. It is approximate by nature: no integer result
is ever compared with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatch
from typing import Any

import numpy as np
import numpy.typing as npt

from ..codegen.cast import cast_codes
from ..codegen.formats import PIXEL
from ..codegen.ir import (
    AvgPool2D,
    BatchNorm,
    Cast,
    Conv2D,
    Dense,
    Flatten,
    Function,
    Graph,
    InputTable,
    Lookup,
    MaxPool2D,
    Op,
    Relu,
    Rescaling,
    Reshape,
    Softmax,
    WeightedOp,
    Window,
    ZeroPad,
)

Reals = npt.NDArray[np.float64]
CHUNK = 256  # images per step, to bound memory
EXTRA_BITS = 16  # below a cast's last bit; sums of quantized networks seldom have more


class FloatModel:
    """Float64 model of a float graph; ``ValueError`` if the graph is typed."""

    def __init__(self, graph: Graph) -> None:
        if graph.input.format is not None:
            raise ValueError(f"graph {graph.name} is typed: use the golden model")
        self.graph = graph
        raw = bool(graph.ops) and isinstance(graph.ops[0], (Rescaling, InputTable))
        self._scale = 1.0 if raw else float(PIXEL.step)

    def run(self, images: npt.NDArray[np.uint8]) -> Reals:
        """Logits, float64 (batch, outputs), of uint8 ``images`` (batch, *input shape)."""
        self._check(images)
        result = np.empty((len(images), self.graph.output.size))
        for start in range(0, len(images), CHUNK):
            values = self._input(images[start : start + CHUNK])
            for op in self.graph.ops:
                values = evaluate(op, values)
            result[start : start + CHUNK] = values.reshape(len(values), -1)
        return result

    def ranges(self, images: npt.NDArray[np.uint8]) -> dict[str, tuple[float, float]]:
        """(least, largest) value of every operator's result over ``images``, by operator name.

        ``ValueError`` for an empty batch.
        """
        result: dict[str, tuple[float, float]] = {}
        for op, _, values in self.steps(images):
            low, high = result.get(op.name, (np.inf, -np.inf))
            result[op.name] = (min(low, float(values.min())), max(high, float(values.max())))
        return result

    def steps(self, images: npt.NDArray[np.uint8]) -> Iterator[tuple[Op, Reals, Reals]]:
        """Every operator, what it reads and its result (batch, *shape), chunk by chunk.

        ``ValueError`` for an empty batch.
        """
        self._check(images)
        if not len(images):
            raise ValueError("calibration needs at least one image")
        for start in range(0, len(images), CHUNK):
            values = self._input(images[start : start + CHUNK])
            for op in self.graph.ops:
                x, values = values, evaluate(op, values)
                yield op, x, values

    def _input(self, images: npt.NDArray[np.uint8]) -> Reals:
        return images.astype(np.float64) * self._scale

    def _check(self, images: npt.NDArray[Any]) -> None:
        if images.dtype != np.uint8 or images.shape[1:] != self.graph.input.shape:
            raise ValueError(
                f"images are {images.dtype} {images.shape[1:]}, expected uint8 "
                f"{self.graph.input.shape}"
            )


@singledispatch
def evaluate(op: Op, x: Reals) -> Reals:
    """The real result of ``op`` on a batch ``x`` (batch, *shape)."""
    raise NotImplementedError(f"{op.kind} has no float function")


@evaluate.register
def _conv2d(op: Conv2D, x: Reals) -> Reals:
    windows = _windows(x, op.window, 0.0)
    taps = op.weights.values.reshape(-1, op.weights.shape[-1])
    sums = windows.reshape(-1, len(taps)) @ taps
    sums += op.bias.values
    return _activate(op, sums).reshape(*windows.shape[:3], -1)


@evaluate.register
def _dense(op: Dense, x: Reals) -> Reals:
    return _activate(op, x.reshape(len(x), -1) @ op.weights.values + op.bias.values)


@evaluate.register
def _max_pool(op: MaxPool2D, x: Reals) -> Reals:
    return _over_windows(np.maximum, _windows(x, op.window, -np.inf))


@evaluate.register
def _average_pool(op: AvgPool2D, x: Reals) -> Reals:
    rows, columns = op.window.covered(x.shape[1], x.shape[2])
    result = _over_windows(np.add, _windows(x, op.window, 0.0))
    result /= np.multiply.outer(rows, columns)[..., np.newaxis]
    return result


@evaluate.register
def _relu(op: Relu, x: Reals) -> Reals:
    return _activate(op, x)


@evaluate.register
def _cast(op: Cast, x: Reals) -> Reals:
    if op.own is None or op.own.result is None:  # its type is not chosen yet
        return x
    fmt = op.own.result
    fraction = fmt.fraction_bits + EXTRA_BITS
    codes = np.floor(np.ldexp(x, fraction)).astype(np.int64)
    return cast_codes(codes, fraction, fmt) * float(fmt.step)


@evaluate.register
def _lookup(op: Lookup, x: Reals) -> Reals:
    if op.function is Function.TANH:
        return np.tanh(x)
    if op.function is Function.SIGMOID:
        return 0.5 * (1 + np.tanh(x / 2))
    assert op.function is Function.HARD_SIGMOID
    return np.clip(x + 3, 0.0, 6.0) / 6


@evaluate.register
def _flatten(op: Flatten, x: Reals) -> Reals:
    return x.reshape(len(x), -1)


@evaluate.register
def _reshape(op: Reshape, x: Reals) -> Reals:
    return x.reshape(len(x), *op.out.shape)


@evaluate.register
def _zero_pad(op: ZeroPad, x: Reals) -> Reals:
    pad = op.padding
    return np.pad(x, ((0, 0), (pad.top, pad.bottom), (pad.left, pad.right), (0, 0)))


@evaluate.register
def _softmax(op: Softmax, x: Reals) -> Reals:
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    result: Reals = powers / powers.sum(axis=-1, keepdims=True)
    return result


@evaluate.register
def _rescaling(op: Rescaling, x: Reals) -> Reals:
    result: Reals = x * op.scale.values + op.offset.values
    return result


@evaluate.register
def _batch_norm(op: BatchNorm, x: Reals) -> Reals:
    result: Reals = x * op.scale.values + op.offset.values
    return result


@evaluate.register
def _input_table(op: InputTable, x: Reals) -> Reals:
    channels = np.arange(op.table.shape[0]) if x.ndim == 4 else 0
    result: Reals = op.table.values[channels, x.astype(np.int64)]
    return result


def _activate(op: WeightedOp | Relu, sums: Reals) -> Reals:
    if not op.activation.relu:
        return sums
    top = op.activation.max_value
    if not op.activation.negative_shift:
        return np.clip(sums, 0.0, top)
    slope = 2.0**-op.activation.negative_shift
    result: Reals = np.where(
        sums < 0, slope * sums, np.minimum(sums, np.inf if top is None else top)
    )
    return result


def _over_windows(combine: np.ufunc, windows: Reals) -> Reals:
    """Pixels of every window combined, kernel place by place: many times a strided reduction."""
    result: Reals = windows[:, :, :, 0, 0].copy()
    for row in range(windows.shape[3]):
        for column in range(windows.shape[4]):
            if row or column:
                combine(result, windows[:, :, :, row, column], out=result)
    return result


def _windows(x: Reals, window: Window, fill: float) -> Reals:
    """(batch, h, w, c) -> (batch, rows, columns, kernel rows, kernel columns, c)."""
    pad = window.padding
    widths = ((0, 0), (pad.top, pad.bottom), (pad.left, pad.right), (0, 0))
    padded = np.pad(x, widths, constant_values=fill)
    view = np.lib.stride_tricks.sliding_window_view(padded, window.size, axis=(1, 2))
    strided: Reals = view[:, :: window.stride[0], :: window.stride[1]]
    return strided.transpose(0, 1, 2, 4, 5, 3)
