"""Bugs to put into an emitted design, and where each must be located.

``RTL`` and ``CPP`` by name; the layers are those of the network in ``test_located_bugs.py``.
"""

from __future__ import annotations

from dataclasses import dataclass

TABLE, CONV, MAX, AVERAGE = "inputtable_0", "conv2d_1", "maxpool2d_2", "avgpool2d_3"
RELU, FIRST, LAST = "relu_4", "dense_5", "dense_6"
INPUT = "pixels"


@dataclass(frozen=True)
class Bug:
    """``old`` becomes ``new`` within ``context`` (``{}``: where) in ``file``; found at the place.

    ``frames``: how many images in a row it takes.
    """

    file: str
    old: str
    new: str
    layer: str
    part: str = ""
    context: str = "{}"
    frames: int = 1


PIXEL = "(p*CHANNELS+c)*LANE_WIDTH +: LANE_WIDTH"
RTL = {
    "input_last_pixel": Bug(
        "rtl/lng_axis_input.v",
        "fill_q ? {DATA_WIDTH{1'b0}} : s_axis_tdata",
        "last ? {DATA_WIDTH{1'b0}} : s_axis_tdata",
        INPUT,
        "input port",
    ),
    "fifo_address": Bug(
        "rtl/lng_fifo.v",
        "read_addr_q == LAST_ADDR",
        "read_addr_q == {ADDR_WIDTH{1'b0}}",
        INPUT,
        "FIFO",
    ),
    "table_address": Bug(
        "rtl/bugs_inputtable_0.v",
        "s_axis_tdata[7:0]",
        "{s_axis_tdata[7:1], 1'b0}",
        TABLE,
        context=".addr({})",
    ),
    "window_ring": Bug(
        "rtl/lng_rows.v",
        "twice[column_bank_q*DATA_WIDTH +: ROWS*DATA_WIDTH]",
        "twice[ROWS*DATA_WIDTH-1:0]",
        CONV,
    ),
    "window_padding": Bug(
        "rtl/lng_window.v", "PAD_VALUE", "{DATA_WIDTH{1'b0}}", MAX, context=": {};"
    ),
    "window_next_frame": Bug(
        "rtl/lng_ring.v",
        "last_row ? frame_bank_next : bank_next",
        "bank_next",
        AVERAGE,
        frames=2,
    ),
    "chunk_order": Bug(
        "rtl/lng_chunk.v",
        "padded[count_q*WIDTH +: WIDTH]",
        "padded[WIDTH-1:0]",
        CONV,
    ),
    "sum_starts": Bug(
        "rtl/lng_pe.v", "next_first ? bias : acc_mem[next_round]", "acc_mem[next_round]", CONV
    ),
    "product_sign": Bug(
        "rtl/lng_product.v",
        "{(X_SIGNED != 0) ? x[X_WIDTH-1] : 1'b0, x}",
        "{x[X_WIDTH-1], x}",
        "dense_5",
    ),
    "bias_of_round": Bug(
        "rtl/lng_mvu.v",
        "early_round",
        "{ROUND_WIDTH{1'b0}}",
        CONV,
        context=".addr  ({})",
    ),
    "signed_maximum": Bug("rtl/lng_reduce_tree.v", "$signed(a) > $signed(b)", "a > b", MAX),
    "pool_channels": Bug(
        "rtl/lng_maxpool.v",
        f"s_axis_tdata[{PIXEL}]",
        "s_axis_tdata[(p*CHANNELS+CHANNELS-1-c)*LANE_WIDTH +: LANE_WIDTH]",
        MAX,
    ),
    "pack_slot": Bug(
        "rtl/lng_pack.v",
        "here ? s_axis_tdata : slot_q",
        "s_axis_tdata",
        MAX,
    ),
    "tie_to_even": Bug("rtl/lng_round_up.v", "tie && odd", "tie && !odd", AVERAGE),
    "pixel_count": Bug(
        "rtl/lng_window_count.v",
        "rows * columns == PIXELS[i*32 +: 32]",
        "rows + columns == PIXELS[i*32 +: 32]",
        AVERAGE,
    ),
    "divisor_delay": Bug(
        "rtl/lng_average.v",
        "quotients[select_q[2*SELECT_WIDTH +: SELECT_WIDTH]*QUOTIENT_WIDTH +: QUOTIENT_WIDTH]",
        "quotients[select_q[1*SELECT_WIDTH +: SELECT_WIDTH]*QUOTIENT_WIDTH +: QUOTIENT_WIDTH]",
        AVERAGE,
    ),
    "reciprocal": Bug(
        "rtl/lng_divide.v", "n_wide * multiplier_wide", "n_wide * (multiplier_wide >> 1)", AVERAGE
    ),
    "relu": Bug(
        "rtl/lng_requantize.v",
        "x[IN_WIDTH-1] ? {IN_WIDTH{1'b0}} : x",
        "x",
        RELU,
    ),
    "saturation": Bug(
        "rtl/lng_overflow.v", "!sign && (|head)", "1'b0", CONV, context="too_high = {};"
    ),
    "starved": Bug("rtl/bugs.v", "fifo_relu_4_tvalid", "1'b0", FIRST, context=".s_axis_tvalid({})"),
    "result_sign": Bug(
        "rtl/lng_axis_output.v",
        "{ {(TDATA_WIDTH - LANE_WIDTH){lane[LANE_WIDTH-1]}}, lane}",
        "{ {(TDATA_WIDTH - LANE_WIDTH){1'b0}}, lane}",
        LAST,
        "output port",
    ),
    "result_last": Bug(
        "rtl/lng_axis_output.v",
        "group_end && group_q == LAST_GROUP",
        "1'b0",
        LAST,
        "output port",
        context="frame_end   = {};",
    ),
}
CPP = {
    "input_channels": Bug(
        "hls/lng_axis.h",
        "beat.data.range(8 * i + 7, 8 * i)",
        "beat.data.range(8 * (N - i) - 1, 8 * (N - i) - 8)",
        INPUT,
        "input port",
        context="pixel = {};",
    ),
    "table_channel": Bug("hls/layers/inputtable_0.h", "lane % 2", "0", TABLE),
    "window_edge": Bug("hls/lng_window.h", "image_x < G::width", "image_x + 1 < G::width", CONV),
    "window_fill": Bug(
        "hls/lng_window.h",
        "inside ? taps[r][c].v[k] : fill",
        "inside ? taps[r][c].v[k] : T(0)",
        MAX,
    ),
    "product": Bug("hls/lng_types.h", "S(x) * S(w)", "S(x) * S(w) + S(1)", CONV),
    "gather_order": Bug(
        "hls/lng_reshape.h", "part.v[i]", "part.v[FROM - 1 - i]", MAX, context="present ? {} :"
    ),
    "maximum": Bug(
        "hls/lng_pool.h",
        "b > a",
        "b < a",
        MAX,
    ),
    "average_tie": Bug("hls/layers/avgpool2d_3.h", "twice == 0", "twice == 1", AVERAGE),
    "relu": Bug("hls/layers/relu_4.h", "limited < 0 ? sum_t(0) : limited", "limited", RELU),
    "first_of_group": Bug(
        "hls/layers/dense_5.h", "w == 0 && k == 0", "w == 0 && k == 0 && g == 0", FIRST
    ),
    "bias_of_group": Bug(
        "hls/layers/dense_6.h", "dense_6_biases[g][p]", "dense_6_biases[0][p]", LAST
    ),
    "result_order": Bug(
        "hls/lng_axis.h",
        "lng_code_of(word.v[i])",
        "lng_code_of(word.v[0])",
        LAST,
        "output port",
    ),
}
BUGS = {**{f"rtl-{n}": b for n, b in RTL.items()}, **{f"cpp-{n}": b for n, b in CPP.items()}}
NUMBERS = {name: number for number, name in enumerate(BUGS, 1)}
