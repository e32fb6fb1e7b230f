"""Lossless narrowing: how few bits carry the real weights and codes of a layer.

The declared types stay in the C++ interface; only multipliers, memories and constants get narrower.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .formats import bits_for
from .ir import Tensor, WeightedOp


def weight_shift(op: WeightedOp) -> int:
    """Zeros at the end of every weight of the layer; 0 where all weights are zero."""
    together = int(np.bitwise_or.reduce(op.weights.values, axis=None))
    return (together & -together).bit_length() - 1 if together else 0


def narrow_weights(op: WeightedOp) -> npt.NDArray[np.int64]:
    """The weights' codes without ``weight_shift`` zeros; shaped as the weights."""
    shifted: npt.NDArray[np.int64] = op.weights.values >> weight_shift(op)
    return shifted


def weight_width(op: WeightedOp) -> int:
    """Bits that hold every weight of the layer (lossless narrowing), at least 2."""
    values = narrow_weights(op)
    low, high = int(values.min(initial=0)), int(values.max(initial=0))
    return max(bits_for(min(low, -1), high)[1], 2)


def used_width(x: Tensor) -> int:
    """Low bits that carry every code the tensor takes, zeros of padding and dead lanes included."""
    low, high = x.range
    return bits_for(min(low, 0), max(high, 0))[1]


def product_registers(x_bits: int, w_bits: int, lut: bool) -> int:
    """Registers of ``lng_product``: a DSP slice's two, a table's one, rows and their adder tree."""
    if not lut:
        return 2
    return 1 if x_bits + w_bits <= 6 else 1 + (-(-w_bits // 2) - 1).bit_length()
