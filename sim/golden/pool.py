"""Max and average pooling."""

from __future__ import annotations

import numpy as np

from ...codegen.cast import overflow_codes, round_quotient
from ...codegen.ir import AvgPool2D, MaxPool2D, Tensor
from .arithmetic import Array, Kernel, integers
from .weighted import extract_windows


def max_pool(op: MaxPool2D, x: Tensor) -> Kernel:
    """Kernel (batch, h, w, c) -> (batch, rows, columns, c)."""
    low = x.range[0]

    def kernel(codes: Array) -> Array:
        windows = extract_windows(codes, op.window, low)
        result = windows[:, :, :, 0, 0].copy()  # not a view: the next operator may overwrite it
        for row in range(op.window.size[0]):
            for column in range(op.window.size[1]):
                if row or column:
                    result = np.maximum(result, windows[:, :, :, row, column])
        return result

    return kernel


def average_pool(op: AvgPool2D, x: Tensor) -> Kernel:
    """Kernel (batch, h, w, c) -> (batch, rows, columns, c); one rounding of the exact quotient."""
    fmt = op.out.fmt
    up = max(fmt.fraction_bits - x.fmt.fraction_bits, 0)
    down = max(x.fmt.fraction_bits - fmt.fraction_bits, 0)
    counts = window_counts(op, x)
    largest = max(abs(x.range[0]), abs(x.range[1]), 1) * int(counts.max())
    # the rounding doubles both sides of the quotient once
    bits = max(largest.bit_length() + up, int(counts.max()).bit_length() + down, fmt.width)
    number = np.int64 if bits <= 61 else object
    divisors = counts.astype(number) * (1 << down)

    def kernel(codes: Array) -> Array:
        windows = extract_windows(integers(codes), op.window, 0)
        sums = windows.sum(axis=(3, 4)).astype(number) * (1 << up)
        return integers(overflow_codes(round_quotient(sums, divisors, fmt.rounding), fmt))

    return kernel


def window_counts(op: AvgPool2D, x: Tensor) -> Array:
    """How many pixels of the image each window covers: int64 (rows, columns, 1)."""
    height, width, _ = x.image_shape
    ones = np.ones((1, height, width, 1), dtype=np.int64)
    counts: Array = extract_windows(ones, op.window, 0).sum(axis=(3, 4))[0]
    return counts
