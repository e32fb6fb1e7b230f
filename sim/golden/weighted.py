"""Convolution and dense layers: exact sums through BLAS, activation, one cast."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...codegen.ir import Conv2D, Dense, Tensor, WeightedOp, Window
from .arithmetic import Array, Kernel, activation, exact_dtype, integers, requantizer


def dense(op: Dense, x: Tensor) -> Kernel:
    """Kernel (batch, ...) -> (batch, outputs)."""
    finish = _finish(op, x)
    weights, bias, dtype = _parameters(op, x)

    def kernel(codes: Array) -> Array:
        vectors: Array = codes.reshape(-1, len(weights)).astype(dtype, copy=False)
        return finish(vectors @ weights + bias)

    return kernel


def conv2d(op: Conv2D, x: Tensor) -> Kernel:
    """Kernel (batch, height, width, in) -> (batch, rows, columns, out)."""
    finish = _finish(op, x)
    weights, bias, dtype = _parameters(op, x)
    outputs = op.weights.shape[3]

    def kernel(codes: Array) -> Array:
        windows = extract_windows(codes.astype(dtype, copy=False), op.window, 0)
        batch, rows, columns = windows.shape[:3]
        sums = windows.reshape(batch * rows * columns, len(weights)) @ weights + bias
        return finish(sums).reshape(batch, rows, columns, outputs)

    return kernel


def extract_windows(images: Array, window: Window, fill: int) -> Array:
    """(batch, h, w, c) -> view (batch, rows, columns, kernel rows, kernel columns, c)."""
    pad = window.padding
    if (pad.top, pad.bottom, pad.left, pad.right) != (0, 0, 0, 0):
        widths = ((0, 0), (pad.top, pad.bottom), (pad.left, pad.right), (0, 0))
        images = np.pad(images, widths, constant_values=fill)
    view = np.lib.stride_tricks.sliding_window_view(images, window.size, axis=(1, 2))
    view = view[:, :: window.stride[0], :: window.stride[1]]
    return view.transpose(0, 1, 2, 4, 5, 3)


def largest_sum(op: WeightedOp, x: Tensor) -> int:
    """A bound on every partial sum of ``op``, bias included, as a code of its accumulator."""
    assert op.accumulator is not None and op.weights.format is not None
    largest = max(abs(x.range[0]), abs(x.range[1]))
    taps = np.abs(op.weights.values.reshape(-1, op.weights.shape[-1])).astype(object)
    scale = 1 << _product_shift(op, x)
    sums = taps.sum(axis=0) * (largest * scale) + np.abs(_aligned_bias(op))
    return max(int(value) for value in sums)


def _product_shift(op: WeightedOp, x: Tensor) -> int:
    assert op.accumulator is not None and op.weights.format is not None
    product = x.fmt.fraction_bits + op.weights.format.fraction_bits
    return op.accumulator.format.fraction_bits - product


def _aligned_bias(op: WeightedOp) -> Array:
    assert op.accumulator is not None and op.bias.format is not None
    shift = op.accumulator.format.fraction_bits - op.bias.format.fraction_bits
    return op.bias.values.astype(object) * (1 << shift)


def _parameters(op: WeightedOp, x: Tensor) -> tuple[Array, Array, np.dtype[Any]]:
    dtype = np.dtype(exact_dtype(largest_sum(op, x)))
    weights = op.weights.values.reshape(-1, op.weights.shape[-1])
    scaled = weights.astype(object) * (1 << _product_shift(op, x))
    return scaled.astype(dtype), _aligned_bias(op).astype(dtype), dtype


def _finish(op: WeightedOp, x: Tensor) -> Kernel:
    assert op.accumulator is not None
    fraction, fmt = op.accumulator.format.fraction_bits, op.out.fmt
    act = activation(op.activation, fraction, op.accumulator.high)
    if fmt == op.activation.exact(op.accumulator.format):
        return act
    shift = op.activation.negative_shift
    cast = requantizer(fraction + shift, fmt, largest_sum(op, x) << shift)

    def finish(sums: Array) -> Array:
        if sums.dtype == object:
            sums = integers(sums)
        return cast(act(sums))

    return finish
