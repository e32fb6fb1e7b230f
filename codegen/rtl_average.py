"""Parameters of ``hw/lng_avgpool.v``: divisors, offsets and proven reciprocals."""

from __future__ import annotations

from .errors import UserError
from .ir import AvgPool2D, Tensor
from .reciprocal import reciprocals


def average_parameters(op: AvgPool2D, x: Tensor) -> dict[str, int | str]:
    """All parameters of lng_avgpool but the cast's; ``UserError`` beyond its number sizes."""
    rows, columns = op.window.size
    up = max(op.out.fmt.fraction_bits - x.fmt.fraction_bits, 0)
    down = max(x.fmt.fraction_bits - op.out.fmt.fraction_bits, 0)
    height, width, _ = x.image_shape
    image_rows, image_columns = op.window.covered(height, width)
    counts = sorted({r * c for r in image_rows for c in image_columns}, reverse=True)
    divisors = [count << down for count in counts]
    low = rows * columns * min(x.fmt.min_code, 0) << up
    high = rows * columns * max(x.fmt.max_code, 0) << up
    offsets = [-(low // divisor) for divisor in divisors]
    largest = max(
        high + offset * divisor for offset, divisor in zip(offsets, divisors, strict=True)
    )
    n_width = max(largest.bit_length(), divisors[0].bit_length(), 1)
    found = reciprocals({divisor: (1 << n_width) - 1 for divisor in divisors})
    shift = found[divisors[0]].shift
    multipliers = [found[divisor].multiplier for divisor in divisors]
    multiplier_width = max(value.bit_length() for value in multipliers)
    if n_width > 31 or multiplier_width > 64:
        raise UserError(
            f"layer {op.name}: its average needs a division of {n_width} bits; allowed are 31: "
            "use narrower types or fewer fraction bits apart"
        )
    return {
        "ROWS": rows,
        "COLUMNS": columns,
        "CHANNELS": x.image_shape[2],
        "IN_WIDTH": x.fmt.width,
        "IN_SIGNED": int(x.fmt.signed),
        "COUNTS": len(counts),
        "SELECT_WIDTH": max((len(counts) - 1).bit_length(), 1),
        "UP": up,
        "N_WIDTH": n_width,
        "MULTIPLIER_WIDTH": multiplier_width,
        "RECIPROCAL_SHIFT": shift,
        "PIXELS": _packed(counts, 32),
        "DIVISORS": _packed(divisors, 32),
        "OFFSET_QUOTIENTS": _packed(offsets, 32),
        "MULTIPLIERS": _packed(multipliers, 64),
    }


def _packed(values: list[int], bits: int) -> str:
    """A Verilog literal of the values side by side, the first in the low bits."""
    number = sum(value << (index * bits) for index, value in enumerate(values))
    return f"{len(values) * bits}'h{number:x}"
