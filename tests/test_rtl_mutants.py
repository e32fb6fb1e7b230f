"""Faults put into the hardware on purpose: each must make the comparison with golden fail.

Every mutant is a network with its own, renamed copy of the library in which one line differs; all
of them, and the same networks unharmed, are compiled into one simulator.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from lenetgen.models.random_networks import random_images

from .rtl_batch import Batch
from .rtl_networks import Network, make_batch, problems, timing_problems
from .rtl_zoo import ZOO
from .wide_networks import WIDE

pytestmark = [pytest.mark.verilator, pytest.mark.slow]

FRAMES = 6


@dataclass(frozen=True)
class Mutant:
    """``old`` becomes ``new`` in ``file`` of the network; ``timing``: only cycles change."""

    network: str
    file: str
    old: str
    new: str
    timing: bool = False


def _swap_lines(text: str) -> str:
    lines = text.splitlines(keepends=True)
    different = next(i for i in range(1, len(lines)) if lines[i] != lines[0])
    lines[0], lines[different] = lines[different], lines[0]
    return "".join(lines)


MUTANTS = {
    "rounding": Mutant(
        "mixed",
        "lng_requantize.v",
        "rounded = floor +",  # ties: the biases hold the half unit, nothing is left to drop
        "rounded = floor - { {(FULL_WIDTH - 1){1'b0}}, ROUNDING == 0 && !half && !rest} +",
    ),
    "rounding_to_even": Mutant(
        "average", "lng_round_up.v", "above || (tie && odd)", "above || (tie && !odd)"
    ),
    "saturation": Mutant(
        "mixed", "lng_overflow.v", "HIGH  = LIMIT - ONE;", "HIGH  = LIMIT - ONE - ONE;"
    ),
    "relu": Mutant("mixed", "lng_requantize.v", "x[IN_WIDTH-1] ? {IN_WIDTH{1'b0}} : x;", "x;"),
    "line_order": Mutant(
        "mixed", "lng_rows.v", "row_mem[write_addr] <=", "row_mem[LAST_WORD - write_addr] <="
    ),
    "ring": Mutant("mixed", "lng_rows.v", "twice[column_bank_q*DATA", "twice[bank*DATA"),
    "next_frame": Mutant(
        "mixed", "lng_ring.v", "last_row ? frame_bank_next : bank_next", "bank_next"
    ),
    "mask": Mutant("mixed", "lng_window.v", ".LOW  (COLUMNS - 1 - LAG - c)", ".LOW  (0)"),
    "pad_value": Mutant("pool", "lng_window.v", ": PAD_VALUE;", ": {DATA_WIDTH{1'b0}};"),
    "flush": Mutant("mixed", "lng_window.v", "wire dummy = !present &&", "wire dummy = 1'b0 &&"),
    "overwrite": Mutant(
        "mixed",
        "lng_window.v",
        "(ROWS * SLOTS - PAD_TOP) * WIDTH;",
        "(ROWS * SLOTS - PAD_TOP) * WIDTH + 1;",
    ),
    "weight_order": Mutant("mixed", "WEIGHTS", "", ""),
    "bias_order": Mutant("mixed", "BIAS", "", ""),
    "pack_order": Mutant(
        "dense",
        "lng_pack.v",
        "localparam [31:0] SLOT_32 = k;",
        "localparam [31:0] SLOT_32 = PER_WORD - 2 - k;",
    ),
    "pack_group": Mutant(
        "dense",
        "lng_pack.v",
        "wire group_end = total_q == LAST",
        "wire group_end = 1'b0 && total_q == LAST",
    ),
    "round": Mutant("mixed", "lng_pe.v", "acc_mem[round] <= total", "acc_mem[round ^ 1] <= total"),
    "first": Mutant("mixed", "lng_pe.v", "next_first ? bias : ", "1'b0 ? bias : "),
    "product_sign": Mutant(
        "mixed", "lng_product.v", "? x[X_WIDTH-1] : 1'b0", "? x[X_WIDTH-1] : x[X_WIDTH-1]"
    ),
    "tree": Mutant("mixed", "lng_reduce_tree.v", "<= a + b;", "<= a | b;"),
    "signed_max": Mutant("pool", "lng_reduce_tree.v", "$signed(a) > $signed(b)", "a > b"),
    "fifo_pointer": Mutant(
        "mixed", "lng_fifo.v", "(read_addr_q == LAST_ADDR)", "(read_addr_q == 0)"
    ),
    "fifo_full": Mutant("mixed", "lng_fifo.v", "s_axis_tready = ready_q", "s_axis_tready = 1'b1"),
    "count": Mutant("average", "lng_window_count.v", "rows * columns ==", "rows + columns =="),
    "select_delay": Mutant(
        "average", "lng_average.v", "select_q[2*SELECT_WIDTH +:", "select_q[1*SELECT_WIDTH +:"
    ),
    "reciprocal": Mutant(
        "average", "lng_divide.v", "n_wide * multiplier_wide", "n_wide * (multiplier_wide - 1)"
    ),
    "offset": Mutant(
        "average",
        "lng_divide.v",
        "floor     = quotient_q - OFFSET",
        "floor     = quotient_q + OFFSET",
    ),
    "chunk_order": Mutant(
        "mixed", "lng_chunk.v", "padded[count_q*WIDTH", "padded[(LAST - count_q)*WIDTH"
    ),
    "extension": Mutant(
        "mixed", "lng_axis_output.v", "lane[LANE_WIDTH-1]}}, lane}", "1'b0}}, lane}"
    ),
    "last": Mutant(
        "mixed", "lng_axis_output.v", "frame_end   = group_end &&", "frame_end   = group_end ||"
    ),
    "stall": Mutant(
        "mixed", "lng_mvu.v", "wire ce = !result_valid_q || m_axis_tready;", "wire ce = 1'b1;"
    ),
    "table": Mutant("average", "CHANNEL", "", ""),
    "held_back": Mutant(
        "mixed",
        "lng_window.v",
        "(ROWS * SLOTS - PAD_TOP) * WIDTH;",
        "(ROWS * SLOTS - PAD_TOP) * WIDTH - 1;",
        timing=True,
    ),
    "flat_mask": Mutant(
        "flat", "lng_flat_window.v", "(row_inside_q[r] && column_inside_q[c])", "row_inside_q[r]"
    ),
    "flat_flush": Mutant("flat", "lng_flat_window.v", "= !s_axis_tvalid &&", "= 1'b0 &&"),
    "flat_frame": Mutant(
        "flat", "lng_flat_window.v", "if (word_q == LAST_WORD) begin", "if (1'b0) begin"
    ),
    "adders": Mutant("flat", "ADDERS", "", ""),
    "pool_row": Mutant(
        "flat_pool", "lng_flat_maxpool.v", "(below ? phase_next : phase_q) ==", "phase_q =="
    ),
    "pool_line": Mutant(
        "flat_pool", "lng_flat_maxpool.v", "history[((p+k*ROW)*", "history[((p+k*POOLED)*"
    ),
    "groups": Mutant("flat_pool", "lng_groups.v", "left[k-1:0] == {k{1'b0}}", "1'b1"),
    "turn": Mutant("turns", "lng_windows.v", "turn_q <= (y_q == LAST_Y) ?", "turn_q <= 1'b0 ?"),
    "slot": Mutant("turns", "lng_rows.v", "BANK_32[BANK_WIDTH-1:0] < bank;", "1'b0;"),
    "slot_carry": Mutant("turns", "lng_ring_step.v", "carry ? AFTER_32", "1'b0 ? AFTER_32"),
    "short_word": Mutant("narrow", "lng_chunk.v", "short ? SHORT_32", "1'b0 ? SHORT_32"),
}
SOURCES = {
    "mixed": "tiny",
    "dense": "dense_spans_words",
    "pool": "max_signed_padded",
    "average": "average_tiny",
    "flat": "w_same_5",
    "flat_pool": "w_pool_last",
    "turns": "w_average_6",
    "narrow": "w_valid_7",
}


def _network(name: str, source: str) -> Network:
    if source in WIDE:
        wide = WIDE[source]()
        images = random_images(wide.graph, FRAMES, 5)
        return Network.of(name, wide.graph, wide.folds, images, wide.pixels)
    graph, folds = ZOO[source]()
    return Network.of(name, graph, folds, random_images(graph, FRAMES, 5))


def _patch(mutant: Mutant) -> Callable[[str, str], str]:
    kinds = {"WEIGHTS": "_weights.mem", "BIAS": "_bias.mem", "CHANNEL": "_channel0.mem"}

    def patch(name: str, text: str) -> str:
        if mutant.file in kinds:
            first = "_dense" if mutant.network == "dense" else ""
            return (
                _swap_lines(text) if name.endswith(kinds[mutant.file]) and first in name else text
            )
        if mutant.file == "ADDERS" and name.endswith("conv2d_0_adders.v"):
            return re.sub(r"(<= .*?) - ", r"\1 + ", text, count=1)
        if name != mutant.file:
            return text
        assert text.count(mutant.old) == 1, f"{mutant.old!r} is not once in {name}"
        return text.replace(mutant.old, mutant.new)

    return patch


@dataclass(frozen=True)
class Bench:
    batch: Batch
    networks: dict[str, Network]

    def faults(self, name: str) -> list[str]:
        """The first differences at full speed, isolated, with pauses; a hang is one as well."""
        network = self.networks[name]
        found: list[str] = []
        frames = list(range(FRAMES))
        for isolated, pauses in (
            (False, {}),
            (True, {}),
            (False, {"stall": 3, "burst": 900}),
        ):
            play = network.play(frames, isolated=isolated, **pauses)
            record = self.batch.play({f"d_{name}": play}, 20_000)[f"d_{name}"]
            found = problems(network, record, frames)
            if not found and not pauses and not isolated:
                found = timing_problems(network, record, FRAMES)
            if found:
                break
        return found


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    networks = {f"ok_{name}": _network(f"ok_{name}", source) for name, source in SOURCES.items()}
    patches = {}
    for name, mutant in MUTANTS.items():
        key = f"mutant_{name}"
        networks[key] = _network(key, SOURCES[mutant.network])
        patches[key] = _patch(mutant)
    for name in SOURCES:  # renamed as well, but unharmed
        patches[f"ok_{name}"] = lambda _, text: text
    batch = make_batch(tmp_path_factory.mktemp("mutants"), list(networks.values()), patches, "-O0")
    return Bench(batch, networks)


@pytest.mark.parametrize("name", SOURCES)
def test_unharmed_copies_pass(bench: Bench, name: str) -> None:
    assert bench.faults(f"ok_{name}") == []


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_caught(bench: Bench, name: str) -> None:
    faults = bench.faults(f"mutant_{name}")
    assert faults
    if MUTANTS[name].timing:
        assert not any("logits" in fault for fault in faults)
