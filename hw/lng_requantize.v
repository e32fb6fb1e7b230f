// lng_requantize: ReLU (optional, perhaps limited or leaky), one rounding and one overflow, as an ap_fixed assignment does.
// y = overflow(round(relu(x) / 2^SHIFT)); a negative SHIFT multiplies. Combinational.
// relu(x) is 0 below 0 and, where LIMIT is not 0, LIMIT above it. With NEGATIVE_SHIFT = k > 0 it has
// k fraction bits more than x: it is x below 0 and 2^k times as much as else above.
// Modes: docs/semantics.md, "Cast".
`default_nettype none
module lng_requantize #(
    parameter integer IN_WIDTH   = 16,  // bits of x, signed, >= 1
    parameter integer OUT_WIDTH  = 8,   // bits of y, >= 1
    parameter integer OUT_SIGNED = 1,   // 1: y is signed
    parameter integer SHIFT      = 4,   // fraction bits of relu(x) minus those of y
    parameter integer RELU       = 0,   // 1: negative x becomes 0 first
    // 0 TRN, 1 TRN_ZERO, 2 RND, 3 RND_ZERO, 4 RND_MIN_INF, 5 RND_INF, 6 RND_CONV
    parameter integer ROUNDING   = 2,
    // 0 WRAP, 1 SAT, 2 SAT_SYM, 3 SAT_ZERO
    parameter integer OVERFLOW   = 1,
    // largest x that passes a ReLU; 0: all do
    parameter [IN_WIDTH-1:0] LIMIT = {IN_WIDTH{1'b0}},
    // >= 0; more than 0 with a ReLU only
    parameter integer NEGATIVE_SHIFT = 0
) (
    input  wire [IN_WIDTH-1:0]  x,
    output wire [OUT_WIDTH-1:0] y
);
    localparam integer DOWN = (SHIFT > 0) ? SHIFT : 0;
    localparam integer UP   = (SHIFT < 0) ? -SHIFT : 0;
    // wide enough for x with its dropped bits, for x multiplied, and for the carry of rounding
    localparam integer ACT_WIDTH  = IN_WIDTH + NEGATIVE_SHIFT;
    localparam integer BASE_WIDTH = (ACT_WIDTH > DOWN) ? ACT_WIDTH : DOWN + 1;
    localparam integer FULL_WIDTH = BASE_WIDTH - DOWN + UP + 1;

    wire [ACT_WIDTH-1:0]  activated;
    wire [BASE_WIDTH-1:0] base;
    wire [FULL_WIDTH-1:0] rounded;

    generate
        if (NEGATIVE_SHIFT < 0 || (NEGATIVE_SHIFT > 0 && RELU == 0)) begin : gen_bad_parameter
            lng_requantize_shift_without_relu u_bad_parameter ();
        end
        if (NEGATIVE_SHIFT > 0) begin : gen_leaky
            wire [IN_WIDTH-1:0] top = (LIMIT != {IN_WIDTH{1'b0}} && x > LIMIT) ? LIMIT : x;
            assign activated = x[IN_WIDTH-1] ? { {NEGATIVE_SHIFT{1'b1}}, x}
                                             : {top, {NEGATIVE_SHIFT{1'b0}} };
        end else if (RELU != 0 && LIMIT != {IN_WIDTH{1'b0}}) begin : gen_limited
            assign activated = x[IN_WIDTH-1] ? {IN_WIDTH{1'b0}} : (x > LIMIT) ? LIMIT : x;
        end else if (RELU != 0) begin : gen_relu
            assign activated = x[IN_WIDTH-1] ? {IN_WIDTH{1'b0}} : x;
        end else begin : gen_linear
            assign activated = x;
        end
    endgenerate

    lng_resize #(
        .IN_WIDTH (ACT_WIDTH),
        .OUT_WIDTH(BASE_WIDTH)
    ) u_base (
        .x(activated),
        .y(base)
    );

    generate
        if (DOWN == 0) begin : gen_no_rounding
            if (UP == 0) begin : gen_same
                assign rounded = {base[BASE_WIDTH-1], base};
            end else begin : gen_up
                assign rounded = {base[BASE_WIDTH-1], base, {UP{1'b0}} };
            end
        end else begin : gen_rounding
            wire [FULL_WIDTH-1:0] floor = {base[BASE_WIDTH-1], base[BASE_WIDTH-1:DOWN]};
            wire half = base[DOWN-1];
            wire rest;
            wire negative = base[BASE_WIDTH-1];
            wire increment;
            if (DOWN > 1) begin : gen_rest
                assign rest = |base[DOWN-2:0];
            end else begin : gen_no_rest
                assign rest = 1'b0;
            end
            lng_round_up #(
                .ROUNDING(ROUNDING)
            ) u_round_up (
                .inexact  (half || rest),
                .above    (half && rest),
                .tie      (half && !rest),
                .negative (negative),
                .odd      (floor[0]),
                .increment(increment)
            );
            assign rounded = floor + { {(FULL_WIDTH - 1){1'b0}}, increment};
        end
    endgenerate

    lng_overflow #(
        .IN_WIDTH  (FULL_WIDTH),
        .OUT_WIDTH (OUT_WIDTH),
        .OUT_SIGNED(OUT_SIGNED),
        .OVERFLOW  (OVERFLOW)
    ) u_overflow (
        .x(rounded),
        .y(y)
    );
endmodule
`default_nettype wire
