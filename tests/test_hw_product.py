"""lng_product against Python's integers: every pair of codes, every style."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pytest
from lenetgen.codegen.emit_verilog import library_folder

from .rtl_batch import Batch, Dut, Play, to_words

pytestmark = pytest.mark.verilator
X_BITS, W_BITS = 5, 5


@dataclass(frozen=True)
class Case:
    """Parameters of an instance."""

    x: int
    signed: int
    w: int
    style: int

    @property
    def width(self) -> int:
        return self.x + self.w

    def instance(self, index: int, low: int) -> str:
        return (
            f"lng_product #(.X_WIDTH({self.x}), .X_SIGNED({self.signed}), .W_WIDTH({self.w}), "
            f".STYLE({self.style})) u_{index} (.x(x[{self.x - 1}:0]), .w(w[{self.w - 1}:0]), "
            f".y(y[{low + self.width - 1}:{low}]));"
        )


CASES = [
    Case(*parameters)
    for parameters in itertools.product(range(1, X_BITS + 1), (0, 1), range(1, W_BITS + 1), (0, 1))
]


def _signed(codes: np.ndarray, bits: int) -> np.ndarray:
    low = codes & ((1 << bits) - 1)
    return np.where(low >> (bits - 1), low - (1 << bits), low)


def test_every_product(tmp_path_factory: pytest.TempPathFactory) -> None:
    lows = np.cumsum([0] + [case.width for case in CASES]).tolist()
    body = "\n".join(
        case.instance(i, low) for i, (case, low) in enumerate(zip(CASES, lows, strict=False))
    )
    text = f"""generate if (1) begin : NAME
        wire [{X_BITS - 1}:0] x = NAME_s_data[{X_BITS - 1}:0];
        wire [{W_BITS - 1}:0] w = NAME_s_data[{X_BITS + W_BITS - 1}:{X_BITS}];
        wire [{lows[-1] - 1}:0] y;
        assign NAME_m_data = y;
        assign NAME_m_valid = NAME_s_valid;
        assign NAME_s_ready = NAME_m_ready;
        {body}
        end endgenerate
    """
    codes = np.arange(1 << (X_BITS + W_BITS))
    batch = Batch(
        tmp_path_factory.mktemp("product"),
        [Dut("product", X_BITS + W_BITS, lows[-1], text)],
        [library_folder() / f"{name}.v" for name in ("lng_product", "lng_resize")],
    )
    play = Play(to_words(codes.tolist(), X_BITS + W_BITS), len(codes))
    record = batch.play({"product": play})["product"]
    assert record.finished and not any(record.faults)
    bits = np.unpackbits(record.out.words, axis=1, bitorder="little").astype(np.int64)
    assert len(bits) == len(codes)
    x, w = codes & ((1 << X_BITS) - 1), codes >> X_BITS
    for case, low in zip(CASES, lows, strict=False):
        field = bits[:, low : low + case.width]
        got = _signed(field @ (np.int64(1) << np.arange(case.width)), case.width)
        left = _signed(x, case.x) if case.signed else x & ((1 << case.x) - 1)
        assert np.array_equal(got, left * _signed(w, case.w)), case
