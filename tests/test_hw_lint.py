"""Every library module is clean under ``verilator --lint-only -Wall`` for many parameter sets, and
illegal parameters stop elaboration."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from lenetgen.codegen.emit_verilog import library_folder
from lenetgen.sim import verilator
from lenetgen.sim.toolrun import ToolError

pytestmark = pytest.mark.verilator

Parameters = dict[str, int | str]


def _sets(**choices: tuple[int, ...]) -> list[Parameters]:
    """All combinations."""
    return [
        dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())
    ]


LEGAL: dict[str, list[Parameters]] = {
    "lng_add_modulo": [
        {"WIDTH": 1, "ADDEND": 0, "MODULUS": 1},
        {"WIDTH": 1, "ADDEND": 1, "MODULUS": 2},
        {"WIDTH": 3, "ADDEND": 4, "MODULUS": 8},
    ],
    "lng_average": [
        {"UP": 2, "N_WIDTH": 14, "ROUNDING": 6, "OVERFLOW": 3},
        {
            "COUNTS": 3,
            "SELECT_WIDTH": 2,
            "DIVISORS": "96'h000000020000000300000004",
            "OFFSET_QUOTIENTS": "96'h0",
            "MULTIPLIERS": "192'h800000000000005560000000000000400",
        },
    ],
    "lng_avgpool": [
        {"CHANNELS": 1, "IN_SIGNED": 0, "OUT_SIGNED": 0},
        {
            "ROWS": 1,
            "COLUMNS": 1,
            "CHANNELS": 2,
            "PIXELS": 1,
            "DIVISORS": 1,
            "MULTIPLIERS": "64'd4096",
        },
        {"ROWS": 3, "COLUMNS": 2, "IN_WIDTH": 1, "OUT_WIDTH": 1, "PIXELS": 6, "DIVISORS": 6},
    ],
    "lng_axi_lite": _sets(ADDR_WIDTH=(3, 32)),
    "lng_axis_input": _sets(DATA_WIDTH=(8, 72), PIXELS=(1, 2, 5, 784)),
    "lng_axis_output": [
        *_sets(LANES=(1, 3), LANE_WIDTH=(1, 32), GROUP=(1, 7)),
        *_sets(LANE_SIGNED=(0, 1), GROUPS=(1, 4)),
        {"LANE_WIDTH": 40, "TDATA_WIDTH": 64},
    ],
    "lng_between": [
        {"WIDTH": 1, "LOW": low, "HIGH": high, "MAX": 1}
        for low, high in ((-3, 0), (0, 0), (1, 1), (1, 9), (-4, -1), (2, 5), (0, 4))
    ]
    + [{"LOW": low, "HIGH": high} for low, high in ((0, 26), (3, 27), (3, 26))],
    "lng_change": [{}, {"WIDTH": 12, "WRITE": -8, "STEP": 1, "FULL": 2000, "LAST": -3}],
    "lng_chunk": [
        {"IN_LANES": i, "OUT_LANES": o} for i, o in ((1, 1), (6, 6), (6, 3), (7, 3), (5, 1))
    ]
    + [
        {"IN_LANES": i, "OUT_LANES": o, "WORDS": words, "LAST_LANES": last}
        for i, o, words, last in ((8, 1, 7, 3), (6, 2, 1, 2), (6, 2, 5, 5), (8, 2, 2, 1))
    ],
    "lng_core_monitor": _sets(FRAMES=(1, 3)),
    "lng_divide": [*_sets(UP=(0, 3), ROUNDING=(0, 1, 2)), {"DIVISOR": 1, "MULTIPLIER": 1}],
    "lng_fifo": [*_sets(DEPTH=(1, 2, 3, 4, 5, 1000)), {"DATA_WIDTH": 1}],
    "lng_flat_maxpool": [
        {
            "LANE_WIDTH": 3,
            "SIGNED": signed,
            "CHANNELS": channels,
            "PIXELS": pixels,
            "HEIGHT": height,
            "WIDTH": width,
            "ROWS": rows,
            "COLUMNS": columns,
            "GROUP": group,
        }
        for signed, channels, pixels, height, width, rows, columns, group in (
            (0, 1, 2, 2, 2, 2, 2, 1),
            (1, 2, 8, 7, 12, 2, 2, 2),
            (1, 1, 4, 5, 6, 1, 2, 1),
            (0, 3, 4, 5, 6, 3, 1, 2),
            (1, 1, 6, 9, 9, 3, 3, 1),
        )
    ],
    "lng_flat_window": [
        {
            "DATA_WIDTH": 3,
            "PIXELS": pixels,
            "HEIGHT": height,
            "WIDTH": width,
            "ROWS": rows,
            "COLUMNS": columns,
            "PAD_TOP": top,
            "PAD_LEFT": left,
            "COLUMN_STEP": step,
        }
        for pixels, height, width, rows, columns, top, left, step in (
            (1, 1, 1, 1, 1, 0, 0, 1),
            (2, 3, 2, 3, 3, 1, 1, 2),
            (8, 9, 12, 5, 5, 2, 2, 4),
            (4, 7, 7, 2, 4, 0, 1, 1),
            (8, 1, 9, 1, 1, 0, 0, 1),
            (4, 2, 5, 5, 1, 4, 0, 1),
            (3, 4, 6, 1, 5, 0, 4, 3),
        )
    ],
    "lng_groups": _sets(GROUPS=(1, 2, 5), GROUP_WIDTH=(1, 9)),
    "lng_largest": _sets(OPERANDS=(1, 2, 5), SIGNED=(0, 1), WIDTH=(1, 8)),
    "lng_maxpool": [*_sets(POSITIONS=(1, 2, 9), SIGNED=(0, 1)), {"CHANNELS": 1, "LANE_WIDTH": 1}],
    "lng_mvu": [
        *_sets(PE=(1, 3), SIMD=(1, 5), CHUNKS=(1, 3)),
        *_sets(ROUNDS=(1, 3), IN_SIGNED=(0, 1), ACC_WIDTH=(2, 50)),
        *_sets(PRODUCT_SHIFT=(0, 7), SHIFT=(-5, 30)),
        {"IN_WIDTH": 1, "WEIGHT_WIDTH": 1, "RELU": 1},
        {"RELU": 1, "LIMIT": "20'd300", "NEGATIVE_SHIFT": 2},
        {"CHUNKS": 5, "STEPS": 15},
        *_sets(SIMD=(1, 2), STYLE=(1,), USED_WIDTH=(2, 4), WEIGHT_WIDTH=(2, 5)),
        {"CHUNKS": 40, "WEIGHT_BLOCK": 1},
        {"CHUNKS": 150, "WEIGHT_BLOCK": 1, "WEIGHT_PACK": 2},
    ],
    "lng_mvu_steps": [
        *_sets(CHUNKS=(1, 4), ROUNDS=(1, 3)),
        {"STEPS": 11},
        {"CHUNKS": 3, "ROUNDS": 2, "STEPS": 5, "ROUND_WIDTH": 1},
        {"CHUNKS": 30, "STEPS": 90},
    ],
    "lng_overflow": _sets(
        IN_WIDTH=(2, 8), OUT_WIDTH=(1, 20), OUT_SIGNED=(0, 1), OVERFLOW=(0, 1, 3)
    ),
    "lng_pack": [
        {"IN_LANES": i, "OUT_LANES": o, "PER_WORD": p, "TOTAL": t}
        for i, o, p, t in ((3, 3, 1, 1), (3, 2, 1, 4), (2, 6, 3, 8), (2, 5, 3, 1), (1, 2, 2, 2))
    ],
    "lng_packet_input": [
        *_sets(BYTES=(8,), WORD_BYTES=(8, 6), LAST_BYTES=(1, 6), WORDS=(1, 98)),
        {"COUNT_WIDTH": 1},
    ],
    "lng_packet_output": _sets(COUNT_WIDTH=(1,)),
    "lng_pe": [
        *_sets(SIMD=(1, 3), ROUNDS=(1, 4)),
        {"PRODUCT_SHIFT": 5},
        {"PRODUCT_WIDTH": 1},
    ],
    "lng_product": [
        *_sets(X_WIDTH=(1, 3, 7), W_WIDTH=(1, 2, 3, 8), STYLE=(0, 1)),
        {"X_SIGNED": 1, "STYLE": 1, "WIDTH": 20},
    ],
    "lng_product_pair": [
        {"X_WIDTH": x, "X_SIGNED": signed, "W_WIDTH": w}
        for x, signed, w in ((1, 0, 1), (1, 1, 1), (8, 0, 8), (18, 1, 3), (17, 0, 2))
    ],
    "lng_products": [
        *_sets(PE=(1, 2, 5), SIMD=(1, 3), STYLE=(0, 1, 2)),
        *_sets(USED_WIDTH=(3, 8), STYLE=(0, 2), IN_SIGNED=(0, 1)),
        {"IN_WIDTH": 1, "WEIGHT_WIDTH": 1, "STYLE": 2},
    ],
    "lng_pipe_control": _sets(DEPTH=(0, 1, 2, 9)),
    "lng_reduce_tree": _sets(OPERANDS=(1, 2, 3, 7), WIDTH=(1, 8), OPERATION=(0, 1, 2))
    + _sets(OPERANDS=(2, 5, 7), WAIT_INVERTED=(1,)),
    "lng_relu": [
        *_sets(LANES=(1, 2), IN_SIGNED=(0, 1), OUT_SIGNED=(0, 1), SHIFT=(-2, 0, 3, 12)),
        *_sets(IN_SIGNED=(0, 1), LIMIT=("9'd100",)),
        {"RELU": 0},
        {"NEGATIVE_SHIFT": 3, "IN_SIGNED": 0},
    ],
    "lng_requantize": _sets(IN_WIDTH=(1, 7), OUT_WIDTH=(1, 5), SHIFT=(-2, 0, 1, 7, 9))
    + _sets(RELU=(0, 1), ROUNDING=(0, 1, 6))
    + _sets(RELU=(0, 1), LIMIT=("16'd0", "16'd5"))
    + _sets(RELU=(1,), LIMIT=("16'd0", "16'd5"), NEGATIVE_SHIFT=(1, 9)),
    "lng_resize": _sets(IN_WIDTH=(1, 5), OUT_WIDTH=(1, 4, 9)),
    "lng_ring": [
        {"ROWS": 1, "BANK_WIDTH": 1, "PAD_TOP": 0},
        {"ROWS": 3, "SLOTS": 4, "BANK_WIDTH": 2, "SLOT_WIDTH": 2, "PAD_TOP": 1, "STRIDE": 2},
        {"ROWS": 5, "SLOTS": 2, "PAD_TOP": -2, "STRIDE": 4, "HEIGHT": 14},
    ],
    "lng_ring_step": [
        {"ROWS": rows, "SLOTS": slots, "BANK_WIDTH": bank, "SLOT_WIDTH": slot, "ADDEND": addend}
        for rows, slots, bank, slot, addend in (
            (1, 1, 1, 1, 1),
            (1, 4, 1, 2, 7),
            (2, 2, 1, 1, 4),
            (5, 4, 3, 2, 13),
            (8, 1, 3, 1, 9),
        )
    ],
    "lng_rom": [{"DEPTH": 1}, {"DEPTH": 5, "ADDR_WIDTH": 3}],
    "lng_round_up": _sets(ROUNDING=(0, 1, 2, 3, 4, 5, 6)),
    "lng_rows": [
        {
            "WIDTH": width,
            "ROWS": rows,
            "PIXELS": pixels,
            "SLOTS": slots,
            "BANK_WIDTH": max((rows - 1).bit_length(), 1),
            "SLOT_WIDTH": max((slots - 1).bit_length(), 1),
            "X_WIDTH": max((width - 1).bit_length(), 1),
        }
        for width, rows, pixels, slots in ((1, 1, 1, 1), (6, 1, 2, 4), (5, 3, 5, 1), (12, 4, 4, 2))
    ],
    "lng_soft_reset": _sets(CYCLES=(1, 3)),
    "lng_weights": [
        *_sets(WORDS=(1, 5, 8), BLOCK=(0, 1)),
        *_sets(WORDS=(1, 7, 8, 9), PACK=(2, 3), DATA_WIDTH=(1, 8)),
    ],
    "lng_window": [
        {"WIDTH": 28, "PIXELS": 4, "SLOTS": 4, "PAD_TOP": -3, "OUT_HEIGHT": 12, "STRIDE_Y": 2},
        {"WIDTH": 6, "PIXELS": 6, "OUT_WIDTH": 6},
        {"ROWS": 1, "PAD_TOP": -1, "OUT_HEIGHT": 9, "STRIDE_Y": 3, "SLOTS": 8, "PIXELS": 2},
    ]
    + [
        {
            "DATA_WIDTH": 3,
            "HEIGHT": h,
            "WIDTH": w,
            "ROWS": r,
            "COLUMNS": c,
            "STRIDE_Y": sy,
            "STRIDE_X": sx,
            "PAD_TOP": pt,
            "PAD_LEFT": pl,
            "OUT_HEIGHT": oh,
            "OUT_WIDTH": ow,
        }
        for h, w, r, c, sy, sx, pt, pl, oh, ow in (
            (1, 1, 1, 1, 1, 1, 0, 0, 1, 1),
            (1, 1, 3, 3, 1, 1, 1, 1, 1, 1),
            (1, 9, 1, 5, 1, 1, 0, 2, 1, 9),
            (9, 1, 5, 1, 1, 1, 2, 0, 9, 1),
            (28, 28, 2, 2, 2, 2, 0, 0, 14, 14),
            (28, 28, 3, 4, 3, 2, 1, 1, 10, 14),
            (10, 10, 1, 2, 7, 8, 0, 0, 2, 2),
            (16, 16, 5, 5, 1, 1, 2, 2, 16, 16),
        )
    ],
    "lng_windows": [
        {},
        {"UNITS": 3, "PIXELS": 4, "SLOTS": 2, "DEPTH": 28},
        {"UNITS": 2, "STRIDE_Y": 2, "OUT_HEIGHT": 13, "PAD_TOP": 0, "DATA_WIDTH": 1},
    ],
    "lng_window_count": [
        {},
        {"COUNTS": 2, "PIXELS": "64'h0000000200000004", "ROWS": 2, "COLUMNS": 2, "DELAY": 0},
        {"COUNTS": 2, "PIXELS": "64'h0000000200000004", "ROWS": 2, "COLUMNS": 2, "DELAY": 3},
    ],
}

# module, parameters, the module that is missing on purpose
ILLEGAL = [
    ("lng_add_modulo", {"ADDEND": 5}, "lng_add_modulo_addend_or_width"),
    ("lng_add_modulo", {"WIDTH": 2}, "lng_add_modulo_addend_or_width"),
    ("lng_average", {"SELECT_WIDTH": 1, "COUNTS": 3}, "lng_average_select_width_too_small"),
    ("lng_axi_lite", {"ADDR_WIDTH": 2}, "lng_axi_lite_addr_width_below_3"),
    ("lng_axis_input", {"PIXELS": 0}, "lng_axis_input_pixels_below_1"),
    ("lng_axis_output", {"LANE_WIDTH": 33}, "lng_axis_output_lane_wider_than_tdata"),
    ("lng_chunk", {"OUT_LANES": 7}, "lng_chunk_out_lanes_not_within_in_lanes"),
    ("lng_divide", {"DIVISOR": 0}, "lng_divide_divisor_below_1"),
    ("lng_chunk", {"LAST_LANES": 7}, "lng_chunk_out_lanes_not_within_in_lanes"),
    ("lng_flat_maxpool", {"COLUMNS": 3}, "lng_flat_maxpool_sizes_do_not_fit"),
    ("lng_flat_maxpool", {"GROUP": 4}, "lng_flat_maxpool_sizes_do_not_fit"),
    ("lng_flat_window", {"PIXELS": 32}, "lng_flat_window_parameter_out_of_range"),
    ("lng_flat_window", {"COLUMN_STEP": 8}, "lng_flat_window_column_step_no_divisor"),
    ("lng_fifo", {"DEPTH": 0}, "lng_fifo_depth_below_1"),
    ("lng_mvu", {"PRODUCT_SHIFT": -1}, "lng_mvu_parameter_too_small"),
    ("lng_mvu", {"STEPS": 17}, "lng_mvu_steps_parameter_out_of_range"),
    ("lng_mvu_steps", {"STEPS": 3}, "lng_mvu_steps_parameter_out_of_range"),
    ("lng_overflow", {"OVERFLOW": 4}, "lng_overflow_unknown_mode_or_width"),
    ("lng_pack", {"OUT_LANES": 7}, "lng_pack_lanes_do_not_fit"),
    ("lng_pack", {"OUT_LANES": 4}, "lng_pack_lanes_do_not_fit"),
    ("lng_packet_input", {"WORDS": 0}, "lng_packet_input_words_below_1"),
    ("lng_packet_input", {"WORD_BYTES": 2}, "lng_packet_input_bytes_out_of_range"),
    ("lng_packet_input", {"LAST_BYTES": 0}, "lng_packet_input_bytes_out_of_range"),
    ("lng_pe", {"ROUNDS": 5}, "lng_pe_round_width_too_small"),
    ("lng_product", {"WIDTH": 10}, "lng_product_width_too_small"),
    ("lng_product_pair", {"X_WIDTH": 9, "W_WIDTH": 9}, "lng_product_pair_wider_than_a_dsp48e1"),
    ("lng_product_pair", {"X_WIDTH": 18, "W_WIDTH": 2}, "lng_product_pair_wider_than_a_dsp48e1"),
    ("lng_products", {"STYLE": 3}, "lng_products_unknown_style"),
    ("lng_reduce_tree", {"OPERATION": 3}, "lng_reduce_tree_unknown_operation"),
    ("lng_requantize", {"ROUNDING": 7}, "lng_round_up_unknown_rounding"),
    ("lng_requantize", {"OVERFLOW": -1}, "lng_overflow_unknown_mode_or_width"),
    ("lng_requantize", {"NEGATIVE_SHIFT": 1}, "lng_requantize_shift_without_relu"),
    ("lng_rom", {"DEPTH": 3, "ADDR_WIDTH": 1}, "lng_rom_addr_width_too_small"),
    ("lng_soft_reset", {"CYCLES": 0}, "lng_soft_reset_cycles_below_1"),
    ("lng_weights", {"BLOCK": 0, "PACK": 2}, "lng_weights_pack_without_block_ram"),
    ("lng_window", {"PAD_TOP": 5}, "lng_window_padding_not_below_size"),
    ("lng_window", {"PIXELS": 8}, "lng_window_padding_not_below_size"),
    ("lng_window", {"SLOTS": 3}, "lng_window_padding_not_below_size"),
    ("lng_windows", {"UNITS": 1}, "lng_windows_units_out_of_range"),
    ("lng_windows", {"UNITS": 29}, "lng_windows_units_out_of_range"),
    ("lng_window", {"OUT_WIDTH": 31}, "lng_window_position_outside_image"),
]


def test_every_module_is_in_the_list() -> None:
    assert sorted(LEGAL) == sorted(path.stem for path in library_folder().glob("*.v"))


# Verilator takes the inner instances of a recursive top module for the top itself
WRAPPED = """\
module wrapped_lng_reduce_tree #(
    parameter integer OPERANDS = 4, parameter integer WIDTH = 8, parameter integer OPERATION = 0,
    parameter integer WAIT_INVERTED = 0
) (
    input wire clk, input wire ce, input wire [OPERANDS*WIDTH-1:0] x, output wire [WIDTH-1:0] y
);
    lng_reduce_tree #(
        .OPERANDS(OPERANDS), .WIDTH(WIDTH), .OPERATION(OPERATION), .WAIT_INVERTED(WAIT_INVERTED)
    ) u_tree (
        .clk(clk), .ce(ce), .x(x), .y(y)
    );
endmodule
"""


@pytest.mark.parametrize("module", LEGAL)
def test_lint(module: str, tmp_path: Path) -> None:
    folder = library_folder()
    source, top = folder / f"{module}.v", module
    if module == "lng_reduce_tree":
        source, top = tmp_path / f"wrapped_{module}.v", f"wrapped_{module}"
        source.write_text(WRAPPED)
    for parameters in [{}, *LEGAL[module]]:
        verilator.lint([source], top, [folder], parameters=parameters)


@pytest.mark.parametrize(("module", "parameters", "trap"), ILLEGAL)
def test_illegal_parameters_stop_elaboration(
    module: str, parameters: Parameters, trap: str
) -> None:
    folder = library_folder()
    with pytest.raises(ToolError, match=trap):
        verilator.lint([folder / f"{module}.v"], module, [folder], parameters=parameters)
