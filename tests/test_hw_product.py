"""lng_product against Python's integers: every pair of codes, every style and latency."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pytest
from lenetgen.codegen.emit_verilog import library_folder
from lenetgen.codegen.narrowing import product_registers

from .rtl_batch import Batch, Dut, Play, to_words

pytestmark = pytest.mark.verilator
X_BITS, W_BITS = 5, 5
LATENCY = 3  # of the slowest case
MODULES = ("lng_product", "lng_resize", "lng_reduce_tree", "lng_pipe_control")


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

    @property
    def wait(self) -> int:
        """Cycles that the operands wait so that all results come in the same one."""
        return LATENCY - product_registers(self.x, self.w, bool(self.style))

    def instance(self, index: int, low: int) -> str:
        return (
            f"lng_product #(.X_WIDTH({self.x}), .X_SIGNED({self.signed}), .W_WIDTH({self.w}), "
            f".STYLE({self.style})) u_{index} (.clk(clk), .ce(ce), "
            f".x(x{self.wait}[{self.x - 1}:0]), .w(w{self.wait}[{self.w - 1}:0]), "
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
    waits = "\n".join(
        f"reg [{X_BITS - 1}:0] x{k}; reg [{W_BITS - 1}:0] w{k};\n"
        f"always @(posedge clk) if (ce) begin x{k} <= x{k - 1}; w{k} <= w{k - 1}; end"
        for k in range(1, LATENCY)
    )
    text = f"""generate if (1) begin : NAME
        wire [{X_BITS - 1}:0] x0 = NAME_s_data[{X_BITS - 1}:0];
        wire [{W_BITS - 1}:0] w0 = NAME_s_data[{X_BITS + W_BITS - 1}:{X_BITS}];
        wire [{lows[-1] - 1}:0] y;
        wire ce;
        {waits}
        lng_pipe_control #(.DEPTH({LATENCY})) u_control (.clk(clk), .rst(NAME_rst),
            .s_axis_tvalid(NAME_s_valid), .s_axis_tready(NAME_s_ready),
            .m_axis_tvalid(NAME_m_valid), .m_axis_tready(NAME_m_ready), .ce(ce));
        assign NAME_m_data = y;
        {body}
        end endgenerate
    """
    codes = np.arange(1 << (X_BITS + W_BITS))
    batch = Batch(
        tmp_path_factory.mktemp("product"),
        [Dut("product", X_BITS + W_BITS, lows[-1], text)],
        [library_folder() / f"{name}.v" for name in MODULES],
    )
    assert {case.wait for case in CASES} == set(range(LATENCY))
    words = to_words(codes.tolist(), X_BITS + W_BITS)
    play = Play(words, len(codes), gap=10, stall=10, burst=3)
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
