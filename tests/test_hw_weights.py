"""lng_weights: the words of its file in order, over and over, after a reset from the first on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from lenetgen.codegen.emit_verilog import library_folder
from lenetgen.codegen.rtl_memory import hex_lines
from lenetgen.codegen.weight_memory import WeightMemory, packed_rows, weight_memory

from .rtl_batch import Batch, Dut, Play, to_integers, to_words
from .window_geometry import PACES

pytestmark = pytest.mark.verilator
BITS = 9
# words, block RAM, words a row
CASES = {
    "luts": (6, 0, 1),
    "luts_one": (1, 0, 1),
    "block": (6, 1, 1),
    "block_one": (1, 1, 1),
    "pairs": (6, 1, 2),
    "short_row": (7, 1, 3),
    "last_alone": (7, 1, 2),
    "one_row": (3, 1, 3),
    "one_short_row": (2, 1, 5),
}
TAKEN = 40


def _words(name: str) -> list[int]:
    seed = [ord(letter) for letter in name]
    return np.random.default_rng(seed).integers(0, 1 << BITS, CASES[name][0]).tolist()


def _dut(name: str, folder: Path) -> Dut:
    count, block, pack = CASES[name]
    rows, bits = packed_rows(_words(name), BITS, pack)
    file = folder / f"{name}.mem"
    file.write_text(hex_lines(rows, bits))
    text = f"""generate if (1) begin : NAME
        reg  have_q;
        wire ready;
        wire next = NAME_s_valid && NAME_s_ready;
        assign NAME_s_ready = ready && (!have_q || NAME_m_ready);
        assign NAME_m_valid = have_q;
        always @(posedge clk) begin
            if (NAME_rst) have_q <= 1'b0;
            else have_q <= next || (have_q && !NAME_m_ready);
        end
        lng_weights #(.DATA_WIDTH({BITS}), .WORDS({count}), .BLOCK({block}), .PACK({pack}),
            .INIT_FILE("{file}")) u_weights (.clk(clk), .rst(NAME_rst), .next(next),
            .ready(ready), .data_q(NAME_m_data));
        end endgenerate
    """
    return Dut(name, 1, BITS, text)


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Batch:
    folder = tmp_path_factory.mktemp("weights")
    duts = [_dut(name, folder) for name in CASES]
    return Batch(folder, duts, [library_folder() / "lng_weights.v"])


@pytest.mark.parametrize("pace", PACES)
def test_words_come_in_order_again_and_again(batch: Batch, pace: str) -> None:
    ticks = to_words([0] * (2 * TAKEN), 1)
    resets = np.zeros(2 * TAKEN, dtype=np.bool_)
    resets[TAKEN - 7] = True  # in the middle of a row
    play = Play(ticks, TAKEN + 7, resets=resets, **PACES[pace])
    records = batch.play(dict.fromkeys(CASES, play))
    for name, (count, _, _) in CASES.items():
        record = records[name]
        assert record.finished and not any(record.faults), name
        got = to_integers(record.out.words)
        words = _words(name)
        after = [words[at % count] for at in range(TAKEN + 7)]
        assert list(got[-(TAKEN + 7) :]) == after, name
        before = [words[at % count] for at in range(len(got) - TAKEN - 7)]
        assert list(got[: len(before)]) == before, name


def test_where_weights_lie() -> None:
    assert weight_memory(64, 10_000) == WeightMemory(False, 1)
    assert weight_memory(100, 40) == WeightMemory(False, 1)  # 4,000 bits
    assert weight_memory(100, 41) == WeightMemory(True, 1)
    assert weight_memory(512, 72) == WeightMemory(True, 1)
    assert weight_memory(513, 72) == WeightMemory(True, 2)
    assert weight_memory(2400, 120).rows(2400) == 480


def test_rows_hold_their_first_word_lowest() -> None:
    assert packed_rows([1, 2, 3, 4, 5], 4, 2) == ([0x21, 0x43, 0x5], 8)
    assert packed_rows([7, 9], 4, 1) == ([7, 9], 4)
