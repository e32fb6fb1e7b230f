"""Widths of average pooling in C++: every number it forms fits the type it is given."""

from __future__ import annotations

import itertools

import pytest
from lenetgen.codegen.emit_hls_average import average_for
from lenetgen.codegen.formats import FixedPoint
from lenetgen.codegen.ir import AvgPool2D, Tensor, Window


@pytest.mark.parametrize("up", [-3, 0, 3])
@pytest.mark.parametrize(
    ("low", "high"), [(0, 511), (39, 511), (500, 511), (-512, 511), (-512, -400), (7, 7), (0, 0)]
)
def test_the_quotient_with_its_two_more_bits_fits(low: int, high: int, up: int) -> None:
    """Codes that never come near zero included: they need a sign bit as well."""
    x = Tensor("x", (3, 3, 1), FixedPoint(low < 0, 10, 2), low, high)
    out = Tensor("y", (1, 1, 1), FixedPoint(True, 12, 4 - up, x.fmt.rounding), 0, 0)
    op = AvgPool2D(name="pool", x="x", out=out, window=Window((3, 3)))
    average = average_for(op, x)
    quotient = FixedPoint.parse(average.quotient)
    for code, tail in itertools.product((low, high), range(4)):
        floor = ((9 * code) << average.up >> average.down) // 9
        assert quotient.signed
        assert quotient.min_code <= 4 * floor + tail <= quotient.max_code
