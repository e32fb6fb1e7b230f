"""lng_product_pair: both products of every pair of stored codes, for every input.

Small widths against Python's integers; eight bits by eight, the widest of equal widths that a
DSP48E1 holds, inside the simulator.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from lenetgen.codegen.emit_sim import storage_bytes
from lenetgen.codegen.emit_verilog import library_folder

from .rtl_batch import Batch, Dut, Play, Record, lanes

pytestmark = pytest.mark.verilator
LATENCY = 2
SMALL = list(itertools.product(range(1, 5), (0, 1), range(1, 5)))  # bits of x, signed, bits of w
WIDE = [(8, 0, 8), (8, 1, 8)]
SIDE = 4  # bits of w1 whose codes are tried side by side
PIPE = f"""
        reg [{LATENCY - 1}:0] valid_q = 0;
        assign NAME_s_ready = 1'b1;
        assign NAME_m_valid = valid_q[{LATENCY - 1}];
        always @(posedge clk) valid_q <= {{valid_q[0], NAME_s_valid}};
"""


def _small() -> Dut:
    """Side by side all widths; each reads its bits from the low end of x, w0 and w1."""
    low, parts = 0, []
    for index, (x, signed, w) in enumerate(SMALL):
        high = low + 2 * (x + w) - 1
        parts.append(
            f"lng_product_pair #(.X_WIDTH({x}), .X_SIGNED({signed}), .W_WIDTH({w})) u_{index} ("
            f".clk(clk), .ce(1'b1), .x(NAME_s_data[{x - 1}:0]), "
            f".w({{NAME_s_data[{8 + w - 1}:8], NAME_s_data[{4 + w - 1}:4]}}), "
            f".y(NAME_m_data[{high}:{low}]));"
        )
        low = high + 1
    text = "generate if (1) begin : NAME\n" + PIPE + "\n".join(parts) + "\nend endgenerate"
    return Dut("narrow", 12, low, text)


def _wide(x: int, signed: int, w: int) -> Dut:
    """An instance for every code of the low bits of w1; the result is whether any is wrong."""
    sign = f"NAME_s_data[{x - 1}]" if signed else "1'b0"
    k, bits = x + w, x + 2 * w - SIDE
    text = f"""generate if (1) begin : NAME
        {PIPE}
        genvar i;
        wire signed [{x}:0] x = {{{sign}, NAME_s_data[{x - 1}:0]}};
        wire [{w - SIDE - 1}:0] high = NAME_s_data[{bits - 1}:{k}];
        wire signed [{w - 1}:0] w0 = NAME_s_data[{k - 1}:{x}];
        wire [{(1 << SIDE) - 1}:0] wrong;
        for (i = 0; i < {1 << SIDE}; i = i + 1) begin : each
            localparam [31:0] CODE = i;
            wire signed [{w - 1}:0] stored = {{high, CODE[{SIDE - 1}:0]}};
            wire signed [{w}:0] w1 = stored + $signed({{1'b0, w0[{w - 1}]}});
            wire signed [{k - 1}:0] both = x * w0;
            wire signed [{k - 1}:0] top = x * w1;
            reg [{2 * k - 1}:0] expected_q, expected_q2;
            wire [{2 * k - 1}:0] y;
            always @(posedge clk) begin
                expected_q <= {{top, both}};
                expected_q2 <= expected_q;
            end
            lng_product_pair #(.X_WIDTH({x}), .X_SIGNED({signed}), .W_WIDTH({w})) u_pair (
                .clk(clk), .ce(1'b1), .x(NAME_s_data[{x - 1}:0]), .w({{stored, w0}}), .y(y));
            assign wrong[i] = y != expected_q2;
        end
        assign NAME_m_data = |wrong;
        end endgenerate"""
    return Dut(f"wide_{signed}", bits, 1, text)


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Record]:
    duts = [_small(), *(_wide(*case) for case in WIDE)]
    files = [library_folder() / "lng_product_pair.v"]
    batch = Batch(tmp_path_factory.mktemp("pair"), duts, files)
    plays = {}
    for dut in duts:
        words = np.arange(1 << dut.in_bits, dtype="<u4").view(np.uint8).reshape(-1, 4)
        words = words[:, : storage_bytes(dut.in_bits)]
        plays[dut.name] = Play(words, len(words))
    return batch.play(plays, 1 << 21)


def _codes(bits: np.ndarray, width: int, signed: bool) -> np.ndarray:
    low = bits & ((1 << width) - 1)
    return np.where(signed & (low >> (width - 1) == 1), low - (1 << width), low)


def test_every_small_pair(records: dict[str, Record]) -> None:
    record, words = records["narrow"], np.arange(1 << 12)
    assert record.finished and len(record.out.words) == len(words)
    low = 0
    bits = np.unpackbits(record.out.words, axis=1, bitorder="little")
    for x_bits, signed, w_bits in SMALL:
        width = x_bits + w_bits
        field = np.packbits(bits[:, low : low + 2 * width], axis=1, bitorder="little")
        got = lanes(field, 2, width, signed=True)
        x = _codes(words, x_bits, bool(signed))
        w0 = _codes(words >> 4, w_bits, True)
        w1 = _codes(words >> 8, w_bits, True) + (w0 < 0)
        assert np.array_equal(got[:, 0], x * w0), (x_bits, signed, w_bits)
        assert np.array_equal(got[:, 1], x * w1), (x_bits, signed, w_bits)
        low += 2 * width


@pytest.mark.parametrize("signed", [0, 1])
def test_every_pair_of_eight_bits(records: dict[str, Record], signed: int) -> None:
    record = records[f"wide_{signed}"]
    assert record.finished and len(record.out.words) == 1 << 24 - SIDE
    assert not record.out.words.any()
