"""Average pooling in integers: counts, reciprocals and widths.

The mean of a window that covers n elements is ``sum * 2**up / (n * 2**down)`` in the result's
codes. Its floor is ``((sum * 2**up >> down) + bias*n) * multiplier >> shift) - bias``; the exact
remainder then says how the quotient rounds. ``bias`` makes numerators non-negative.
"""

from __future__ import annotations

from dataclasses import dataclass

from .errors import UserError
from .formats import FixedPoint, bits_for
from .ir import AvgPool2D, Tensor
from .reciprocal import reciprocals

MAX_PRODUCT_BITS = 128
MAX_NUMBER_BITS = 64


@dataclass(frozen=True)
class Average:
    """Constants of one average pooling."""

    rows: tuple[int, ...]  # image rows under the window, per row of the result
    columns: tuple[int, ...]
    taps: tuple[int, ...]  # the distinct products of the two
    multipliers: tuple[int, ...]  # by number of elements
    shift: int
    max_numerator: int
    bias: int
    up: int
    down: int
    number_bits: int  # signed: every number but the product
    product_bits: int  # unsigned
    quotient: str  # C++ type of the quotient with two more bits

    @property
    def uniform(self) -> bool:
        """Whether all windows cover the same number of elements."""
        return len(self.taps) == 1


def average_for(op: AvgPool2D, x: Tensor) -> Average:
    """Return the constants of ``op``; ``UserError`` if its numbers are wider than 64 bits."""
    height, width, _ = x.image_shape
    fmt = op.out.fmt
    rows, columns = op.window.covered(height, width)
    taps = tuple(sorted({row * column for row in rows for column in columns}))
    up = max(fmt.fraction_bits - x.fmt.fraction_bits, 0)
    down = max(x.fmt.fraction_bits - fmt.fraction_bits, 0)
    low, high = x.range
    bias = max(0, -((low << up) >> down))
    largest = {n: max(((n * high) << up >> down) + bias * n, 0) for n in taps}
    found = reciprocals(largest)
    shift = next(iter(found.values())).shift
    product = max(largest[n] * found[n].multiplier for n in taps)
    multipliers = [found[n].multiplier if n in found else 0 for n in range(taps[-1] + 1)]

    most = taps[-1]
    sums = [(most * min(low, 0)) << up, (most * max(high, 0)) << up]
    quotient = [((low << up) >> down) - 1, (high << up >> down) + 1]
    numbers = [*sums, *(value * (most << down) for value in quotient)]  # sum, quotient * divisor
    numbers += [4 * quotient[0], 4 * quotient[1] + 3, (most << down) * 2, -(most << down)]
    numbers += [max(largest.values()), bias * most]
    number_bits = bits_for(min(*numbers, -1), max(numbers))[1]
    product_bits = bits_for(0, max(product, *multipliers, *largest.values()))[1]
    if number_bits > MAX_NUMBER_BITS or product_bits > MAX_PRODUCT_BITS:
        raise UserError(
            f"layer {op.name}: its exact mean needs {number_bits} bits; allowed are "
            f"{MAX_NUMBER_BITS}: use fewer fraction bits in the type of its input or result"
        )
    whole = bits_for(min(4 * quotient[0] - 1, -1), 4 * quotient[1] + 3)[1]  # a signed type
    return Average(
        rows=rows,
        columns=columns,
        taps=taps,
        multipliers=tuple(multipliers),
        shift=shift,
        max_numerator=max(largest.values()),
        bias=bias,
        up=up,
        down=down,
        number_bits=number_bits,
        product_bits=product_bits,
        quotient=FixedPoint(True, whole, whole - fmt.fraction_bits - 2).cpp(),
    )
