"""Lossless narrowing: the fewest bits that hold the real weights and codes."""

from __future__ import annotations

import numpy as np
import pytest
from lenetgen.codegen.formats import FixedPoint
from lenetgen.codegen.ir import Const, Dense, Tensor
from lenetgen.codegen.narrowing import narrow_weights, used_width, weight_shift, weight_width

TYPE = FixedPoint(True, 12, 6)


def dense(*codes: int) -> Dense:
    weights = Const(np.array(codes)[:, None], TYPE)
    return Dense(
        name="fc", x="x", out=Tensor("fc", (1,)), weights=weights, bias=Const(np.zeros(1), TYPE)
    )


@pytest.mark.parametrize(
    ("codes", "shift", "width"),
    [
        pytest.param((3, -4, 0), 0, 3, id="odd"),
        pytest.param((4, -8, 0, 12), 2, 3, id="fours"),
        pytest.param((-32,), 5, 2, id="one_power"),
        pytest.param((0, 0), 0, 2, id="zeros"),
        pytest.param((1,), 0, 2, id="one"),
        pytest.param((-2048, 2047), 0, 12, id="all_bits"),
        pytest.param((-2048, 1024), 10, 2, id="ends"),
    ],
)
def test_weights(codes: tuple[int, ...], shift: int, width: int) -> None:
    op = dense(*codes)
    assert (weight_shift(op), weight_width(op)) == (shift, width)
    narrow = narrow_weights(op)
    assert np.array_equal(narrow << shift, op.weights.values)
    assert narrow.min() >= -(1 << (width - 1)) and narrow.max() < 1 << (width - 1)


@pytest.mark.parametrize(
    ("low", "high", "width"), [(0, 0, 1), (3, 200, 8), (-3, 3, 3), (-4, -1, 3), (-5, 0, 4)]
)
def test_inputs(low: int, high: int, width: int) -> None:
    assert used_width(Tensor("x", (4,), TYPE, low, high)) == width
