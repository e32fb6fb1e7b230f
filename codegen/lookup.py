"""Tables of functions over the codes of their input, every entry correctly rounded.

Input: a function, the input's type (the address) and the result's; output: a code per address. The
value of each entry is enclosed by exact rational bounds until both round alike, so an entry is
what ``ap_fixed`` would make of the true real value, in every rounding mode. It knows no operator
but ``Lookup`` and emits nothing.
"""

from __future__ import annotations

import decimal
import math
from fractions import Fraction
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from .cast import overflow_codes, round_quotient
from .formats import FixedPoint, quantized
from .ir import Function, Graph, Lookup, Op

MAX_ADDRESS_BITS = 12
REACH_BITS = 4  # integer bits of an address a preset chooses: beyond -8..8 the functions are flat
AUTO_ADDRESS_BITS = 10
FIRST_DIGITS = 30  # decimal digits of the first try; most entries need no second one


@lru_cache(maxsize=64)
def table_codes(
    function: Function, address: FixedPoint, result: FixedPoint
) -> npt.NDArray[np.int64]:
    """Return int64 (2**width,): entry ``code mod 2**width`` is ``function(code)`` as a code.

    Read-only. ``ValueError`` if the address has more than ``MAX_ADDRESS_BITS`` bits.
    """
    if address.width > MAX_ADDRESS_BITS:
        raise ValueError(f"{address} has more than {MAX_ADDRESS_BITS} bits")
    size = 1 << address.width
    codes = [code - size if code > address.max_code else code for code in range(size)]
    values = [_value(function, address.real(code), result.fraction_bits) for code in codes]
    scale = Fraction(2) ** result.fraction_bits
    numerators = np.array([(value * scale).numerator for value in values], dtype=object)
    denominators = np.array([(value * scale).denominator for value in values], dtype=object)
    rounded = round_quotient(numerators, denominators, result.rounding)
    table: npt.NDArray[np.int64] = overflow_codes(rounded, result).astype(np.int64)
    table.setflags(write=False)
    return table


def _value(function: Function, x: Fraction, fraction_bits: int) -> Fraction:
    """The value at ``x``, or a number that every mode rounds to the same code as the value."""
    if function is Function.HARD_SIGMOID:
        return min(max(x + 3, Fraction(0)), Fraction(6)) / 6
    if x == 0:
        return Fraction(0) if function is Function.TANH else Fraction(1, 2)
    # Anywhere else the value is transcendental (Lindemann): never a tie, never a code itself.
    digits = FIRST_DIGITS
    halves = Fraction(2) ** (fraction_bits + 1)
    while True:
        low, high = _enclosure(function, x, digits)
        if math.floor(low * halves) == math.ceil(high * halves) - 1:
            return (low + high) / 2  # no code and no tie lies between
        digits *= 2


def _enclosure(function: Function, x: Fraction, digits: int) -> tuple[Fraction, Fraction]:
    """Bounds with tanh(x) or sigmoid(x) strictly between, about ``digits`` digits apart."""
    if x < 0:
        low, high = _enclosure(function, -x, digits)
        one = 0 if function is Function.TANH else 1
        return one - high, one - low
    if x > 3 * digits:  # e^-3 < 1/10
        return 1 - Fraction(1, 10**digits), Fraction(1)
    power = _exp(2 * x if function is Function.TANH else x, digits)
    error = power * Fraction(1, 10 ** (digits - 1))
    two = 2 if function is Function.TANH else 1
    return 1 - two / (power - error + 1), 1 - two / (power + error + 1)


def _exp(x: Fraction, digits: int) -> Fraction:
    """e**x for a dyadic x, to ``digits`` decimal digits."""
    places = x.denominator.bit_length() - 1
    operand = decimal.Decimal((0, tuple(map(int, str(x.numerator * 5**places))), -places))
    return Fraction(decimal.Context(prec=digits).exp(operand))


def feeds_table(graph: Graph, op: Op) -> bool:
    """Whether a ``Lookup`` reads the result of ``op``, which is then its address."""
    return any(isinstance(other, Lookup) and other.x == op.out.name for other in graph.ops)


def address_format(fmt: FixedPoint) -> FixedPoint:
    """The address a preset takes in place of result type ``fmt``: within -8..8, 12 bits at most."""
    integer_bits = min(fmt.integer_bits, REACH_BITS)
    return quantized(min(integer_bits + fmt.fraction_bits, MAX_ADDRESS_BITS), integer_bits)


def clipped(low: float, high: float) -> npt.NDArray[np.float64]:
    """The part of a real range in which the functions are not flat."""
    reach = 2.0 ** (REACH_BITS - 1)
    top = reach * (1 - 2.0 ** (1 - AUTO_ADDRESS_BITS))  # the largest code of such an address
    return np.array([min(max(end, -reach), top) for end in (low, high)])
