"""Which number type holds a layer's sums exactly, and the cast at a layer's output.

Arrays hold integers in float32, float64, int64 or Python integers. Floats are used only where a
bound proves every intermediate value exact: below 2^23 in float32, below 2^52 in float64 (one bit
less than the mantissa holds, for the half that rounding adds).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ...codegen.cast import cast_codes
from ...codegen.formats import FixedPoint, Overflow, Rounding
from ...codegen.ir import Activation

Array = npt.NDArray[Any]
Kernel = Callable[[Array], Array]

FLOAT32_BOUND = 1 << 23
FLOAT64_BOUND = 1 << 52
INT64_BOUND = 1 << 62


def exact_dtype(bound: int) -> npt.DTypeLike:
    """The fastest number type in which integers up to ``bound`` in magnitude stay exact."""
    if bound < FLOAT32_BOUND:
        return np.float32
    if bound < FLOAT64_BOUND:
        return np.float64
    if bound < INT64_BOUND:
        return np.int64
    return object


def integers(values: Array) -> npt.NDArray[np.int64]:
    """The same integers as int64."""
    return np.asarray(values, dtype=np.int64)


def activation(act: Activation, fraction_bits: int, high: int) -> Kernel:
    """Return ``act`` on codes of ``fraction_bits`` fraction bits, none larger than ``high``.

    Results have ``act.negative_shift`` fraction bits more. They may overwrite the argument.
    """
    if not act.relu:
        return lambda codes: codes
    limit = act.binding_limit(fraction_bits, high)
    if not act.negative_shift:
        return lambda codes: np.clip(codes, 0, limit, out=codes)
    scale = 1 << act.negative_shift
    top = high if limit is None else limit

    def leak(codes: Array) -> Array:
        whole = integers(codes)
        return np.where(whole < 0, whole, np.minimum(whole, top) * scale)

    return leak


def requantizer(fraction_bits: int, to: FixedPoint, bound: int) -> Kernel:
    """Return the cast from ``fraction_bits`` to format ``to`` for integers up to ``bound``.

    The result may overwrite its argument.
    """
    shift = fraction_bits - to.fraction_bits
    low, high = to.min_cast_code, to.max_code
    rounds = to.rounding in (Rounding.TRN, Rounding.RND) or shift <= 0
    saturates = to.overflow in (Overflow.SAT, Overflow.SAT_SYM)
    magnitude = max(bound << max(-shift, 0), -low, high)
    dtype = np.dtype(exact_dtype(magnitude))
    # a shift beyond 64 would come near float32's smallest numbers
    if not (rounds and saturates and shift <= 64) or dtype.kind != "f":
        return lambda codes: cast_codes(integers(codes), fraction_bits, to)

    number = np.float32 if dtype == np.float32 else np.float64
    scale, half = number(2.0**-shift), number(0.5)

    def cast(codes: Array) -> Array:
        values = codes.astype(dtype, copy=False)
        if shift != 0:
            np.multiply(values, scale, out=values)
        if shift > 0:
            if to.rounding is Rounding.RND:
                values += half
            np.floor(values, out=values)
        return np.clip(values, low, high, out=values)

    return cast
