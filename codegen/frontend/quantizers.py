"""HGQ2's quantizers as ``ap_fixed`` types, exactly.

Input: ``hgq.quantizer.Quantizer`` layers that are built; output: ``FixedPoint``. HGQ2 counts a sign
bit k, integer bits i and fraction bits f, the sign in neither; its modes carry the names of
``ap_fixed`` (HGQ2 0.2, ``hgq/quantizer/internal``, and its package ``quantizers`` 1.2,
``fixed_point/_fixed_point_ops.py``). Training and the front end both use this module.
"""

from __future__ import annotations

import contextlib
import importlib
import math
import sys
import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import UserError
from ..formats import FixedPoint, Overflow, Rounding, bits_for
from .keras_runtime import import_keras

Integers = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]

# At inference HGQ2's stochastic modes S_... round like the plain ones.
ROUNDINGS = {
    "TRN": Rounding.TRN,
    "TRN_ZERO": Rounding.TRN_ZERO,
    "RND": Rounding.RND,
    "RND_ZERO": Rounding.RND_ZERO,
    "RND_MIN_INF": Rounding.RND_MIN_INF,
    "RND_INF": Rounding.RND_INF,
    "RND_CONV": Rounding.RND_CONV,
    "S_RND": Rounding.RND,
    "S_RND_CONV": Rounding.RND_CONV,
}
# WRAP_SM, which folds the range back at its ends, has no counterpart here.
OVERFLOWS = {"WRAP": Overflow.WRAP, "SAT": Overflow.SAT, "SAT_SYM": Overflow.SAT_SYM}

MAX_BITS = 62  # of a quantizer: what int64 arithmetic holds
_FLOAT_BITS = 53


class FormatError(Exception):
    """A quantizer has no exact type; the message says why and what is allowed."""


def import_hgq() -> Any:
    """Return the ``hgq`` module, whose import registers its layers with Keras.

    ``UserError`` if it isn't installed.
    """
    if (module := sys.modules.get("hgq")) is not None:
        return module
    import_keras()
    with warnings.catch_warnings(), contextlib.redirect_stdout(sys.stderr):
        warnings.simplefilter("ignore")  # of its dependencies
        try:
            return importlib.import_module("hgq")
        except ImportError as error:
            raise UserError(
                f"the model has layers of HGQ2, which can't be imported ({error}); "
                "install it with: pip install HGQ2"
            ) from None


@dataclass(frozen=True)
class Bits:
    """A quantizer's k, i and f, arrays of one shape that broadcasts to the quantized tensor's."""

    k: Integers
    i: Integers
    f: Integers

    @property
    def live(self) -> npt.NDArray[np.bool_]:
        """Where a number is left; with no bits at all HGQ2 gives zero."""
        return np.asarray(self.k + self.i + self.f > 0)


def bits_of(quantizer: Any) -> Bits:
    """Return what training made of a ``kif`` or ``kbi`` quantizer, its scaler included.

    ``FormatError`` for other kinds and for scalings that are no power of two.
    """
    if quantizer.q_type not in ("kif", "kbi"):
        raise FormatError(f"q_type {quantizer.q_type!r} is not supported; supported are kif, kbi")
    if quantizer.affine is not None and tuple(quantizer.affine) != (1.0, 0.0):
        raise FormatError(f"affine={quantizer.affine} is not supported; supported is None")
    shift = 0
    if quantizer.scaler is not None:
        mantissa, exponent = math.frexp(quantizer.scaler)
        if mantissa != 0.5:
            raise FormatError(f"scaler={quantizer.scaler} is not supported; use a power of two")
        shift = exponent - 1
    to_numpy = import_keras().ops.convert_to_numpy
    k, i, f = (np.asarray(to_numpy(value), np.float64) for value in quantizer.quantizer.kif)
    if not all(np.isfinite(value).all() for value in (k, i, f)):
        raise FormatError("its numbers of bits are NaN or infinite")
    counts = [value.astype(np.int64) for value in np.broadcast_arrays(k, i, f)]
    return Bits(counts[0], counts[1] + shift, counts[2] - shift)


def modes_of(quantizer: Any) -> tuple[Rounding, Overflow]:
    """Return a quantizer's rounding and overflow; ``FormatError`` if it has no counterpart."""
    inner = quantizer.quantizer
    rounding, overflow = str(inner.round_mode), str(inner.overflow_mode)
    for what, mode, known in (
        ("round_mode", rounding, ROUNDINGS),
        ("overflow_mode", overflow, OVERFLOWS),
    ):
        if mode not in known:
            raise FormatError(f"{what} {mode!r} is not supported; supported are {', '.join(known)}")
    return ROUNDINGS[rounding], OVERFLOWS[overflow]


def uniform_format(quantizer: Any) -> FixedPoint | None:
    """Return the one type of all elements; None if they differ or nothing but zero is left.

    ``FormatError`` if the quantizer is none of ours or wider than 62 bits.
    """
    bits, (rounding, overflow) = bits_of(quantizer), modes_of(quantizer)
    k, i, f = (int(value.flat[0]) for value in (bits.k, bits.i, bits.f))
    if not ((bits.k == k) & (bits.i == i) & (bits.f == f)).all():
        return None
    width = k + i + f
    # One bit that is the sign, and no most negative code: only zero.
    if width <= 0 or (width == k and overflow is Overflow.SAT_SYM):
        return None
    if width > MAX_BITS:
        raise FormatError(f"it has {width} bits; supported are {MAX_BITS}")
    return FixedPoint(bool(k), width, k + i, rounding, overflow)


def tensor_format(quantizer: Any) -> FixedPoint:
    """Return the type of a quantizer of activations, which must be one for the whole tensor.

    ``FormatError`` where elements have types of their own.
    """
    found = uniform_format(quantizer)
    if found is not None:
        return found
    bits = bits_of(quantizer)
    if not bits.live.any():
        raise FormatError("it has no bits left, so all its results are zero")
    if bits.k.size == 1:
        raise FormatError("it has a sign and no other bit, so all its results are zero")
    ends = (
        f"{name}={v.min()}..{v.max()}" for name, v in (("k", bits.k), ("i", bits.i), ("f", bits.f))
    )
    raise FormatError(
        f"its elements have types of their own ({', '.join(ends)} in shape {bits.k.shape}); "
        "supported is one type for all: heterogeneous_axis=()"
    )


def parameter_format(quantizer: Any, values: Reals) -> FixedPoint:
    """Return the type that holds the quantized ``values`` of weights, biases or a table.

    It is the quantizer's own if it has one for all elements; else its modes with the finest
    fraction and the fewest integer bits that occur. ``FormatError`` above 62 bits.
    """
    rounding, overflow = modes_of(quantizer)
    declared = uniform_format(quantizer)
    if declared is not None and _holds(declared, values):
        return declared
    if overflow is Overflow.SAT_SYM and bool((values < 0).any()):
        values = np.concatenate([values.ravel(), -values.ravel()])
    return replace(covering(values), rounding=rounding, overflow=overflow)


def covering(values: Reals) -> FixedPoint:
    """Return the smallest type that holds finite ``values`` exactly.

    ``FormatError`` if more than 62 bits are needed.
    """
    nonzero = values[values != 0]
    if not nonzero.size:
        return FixedPoint(True, 1, 1)
    mantissas, exponents = np.frexp(nonzero)
    codes = np.ldexp(mantissas, _FLOAT_BITS).astype(np.int64)
    trailing = np.log2((codes & -codes).astype(np.float64)).astype(np.int64)
    fraction = int((_FLOAT_BITS - exponents - trailing).max())
    top = int(np.frexp(np.abs(nonzero).max())[1])
    if top + fraction > MAX_BITS:
        raise FormatError(f"its values span {top + fraction} bits; supported are {MAX_BITS}")
    low, high = (int(np.ldexp(end, fraction)) for end in (nonzero.min(), nonzero.max()))
    signed, width = bits_for(low, high)
    return FixedPoint(signed, width, width - fraction)


def _holds(fmt: FixedPoint, values: Reals) -> bool:
    codes = np.ldexp(values, fmt.fraction_bits)
    whole = bool((codes == np.floor(codes)).all())
    return whole and bool(((codes >= fmt.min_cast_code) & (codes <= fmt.max_code)).all())
