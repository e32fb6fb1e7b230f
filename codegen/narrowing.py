"""Lossless narrowing: how few bits carry the real weights and codes of a layer.

The declared types stay in the C++ interface; only multipliers, memories and constants get narrower.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from .formats import bits_for
from .ir import Tensor, WeightedOp
from .sparsity import blocks

DSP_FACTOR_BITS, DSP_INPUT_BITS = 25, 18  # of a DSP48E1's multiplier, both signed (UG479)


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


def with_borrows(grid: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Blocks (chunks, rounds, PE, SIMD) as they are stored for two products a DSP slice.

    Of two outputs the lower one's weight, where it is negative, borrows 1 from the other's.
    """
    stored = grid.copy()
    pairs = grid.shape[2] // 2
    stored[:, :, 1::2] -= grid[:, :, : 2 * pairs : 2] < 0
    return stored


@functools.lru_cache(maxsize=1024)
def packed_width(op: WeightedOp, pe: int) -> int:
    """Bits that hold every weight stored for two products a DSP slice, ``pe`` outputs at once."""
    inputs = np.arange(op.weights.values.size // op.weights.shape[-1])[None]
    stored = with_borrows(blocks(narrow_weights(op), inputs, pe))
    return max(bits_for(min(int(stored.min()), -1), max(int(stored.max()), 0))[1], 2)


def stored_width(op: WeightedOp, pe: int, packed: bool) -> int:
    """Bits of a weight in memory and at its multiplier."""
    return packed_width(op, pe) if packed else weight_width(op)


def can_pack(op: WeightedOp, x: Tensor, pe: int) -> bool:
    """Whether two outputs' products with an input of ``x`` fit a DSP48E1's 25 x 18 bits."""
    used, signed = used_width(x), x.range[0] < 0
    if pe < 2 or used > DSP_INPUT_BITS - (not signed):
        return False
    return used + 2 * packed_width(op, pe) <= DSP_FACTOR_BITS


def used_width(x: Tensor) -> int:
    """Low bits that carry every code the tensor takes, zeros of padding and dead lanes included."""
    low, high = x.range
    return bits_for(min(low, 0), max(high, 0))[1]


def product_registers(x_bits: int, w_bits: int, lut: bool) -> int:
    """Registers of ``lng_product``: a DSP slice's two, a table's one, rows and their adder tree."""
    if not lut:
        return 2
    return 1 if x_bits + w_bits <= 6 else 1 + (-(-w_bits // 2) - 1).bit_length()
