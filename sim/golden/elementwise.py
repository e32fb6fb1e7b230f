"""Stand-alone activations, stand-alone casts and tables."""

from __future__ import annotations

import numpy as np

from ...codegen.cast import cast_codes
from ...codegen.ir import Cast, InputTable, Lookup, Relu, Tensor
from .arithmetic import Array, Kernel, activation, integers


def relu(op: Relu, x: Tensor) -> Kernel:
    """Kernel of any shape: the activation, then the cast."""
    fraction, fmt = x.fmt.fraction_bits, op.out.fmt
    act = activation(op.activation, fraction, x.range[1])
    fraction += op.activation.negative_shift
    return lambda codes: cast_codes(act(integers(codes)), fraction, fmt)


def cast(op: Cast, x: Tensor) -> Kernel:
    """Kernel of any shape: the cast alone."""
    fraction, fmt = x.fmt.fraction_bits, op.out.fmt
    return lambda codes: cast_codes(integers(codes), fraction, fmt)


def lookup(op: Lookup, x: Tensor) -> Kernel:
    """Kernel of any shape: code to code through the table."""
    assert op.table is not None
    table: Array = op.table.values
    return lambda codes: table[integers(codes) & (len(table) - 1)]


def input_table(op: InputTable, x: Tensor) -> Kernel:
    """Kernel (batch, h, w, c) or (batch, n): raw pixel to code, one table per channel."""
    table: Array = op.table.values
    channels = np.arange(table.shape[0])

    def kernel(codes: Array) -> Array:
        pixels = integers(codes)
        result: Array = table[channels if len(x.shape) == 3 else 0, pixels]
        return result

    return kernel
