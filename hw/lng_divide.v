// lng_divide: y = round(x * 2^UP / DIVISOR) for a constant divisor, exact for every x in range.
// With n = x * 2^UP + OFFSET >= 0 and OFFSET a multiple of DIVISOR,
// floor(n / DIVISOR) = (n * MULTIPLIER) >> RECIPROCAL_SHIFT; codegen/reciprocal.py proves it for
// all n below 2^N_WIDTH. The remainder then decides the rounding.
// Latency 3 cycles of ce, throughput 1 per cycle. No reset: the caller tracks what counts.
`default_nettype none
module lng_divide #(
    parameter integer IN_WIDTH         = 10,  // bits of x, signed, >= 2
    parameter integer OUT_WIDTH        = 12,  // bits of y, signed, >= quotient bits + 1
    parameter integer UP               = 0,   // >= 0
    parameter integer DIVISOR          = 3,   // >= 1
    parameter integer N_WIDTH          = 11,  // bits of n, >= 1
    parameter integer OFFSET_QUOTIENT  = 0,   // OFFSET / DIVISOR
    parameter integer MULTIPLIER_WIDTH = 12,  // bits of MULTIPLIER, >= 1
    parameter [63:0]  MULTIPLIER       = 1,
    parameter integer RECIPROCAL_SHIFT = 12,  // >= 0
    parameter integer ROUNDING         = 2    // see lng_round_up
) (
    input  wire                 clk,
    input  wire                 ce,
    input  wire [IN_WIDTH-1:0]  x,
    output reg  [OUT_WIDTH-1:0] y
);
    generate
        if (DIVISOR < 1 || UP < 0) begin : gen_bad_parameter
            lng_divide_divisor_below_1 u_bad_parameter ();
        end
    endgenerate

    localparam integer SHIFTED_WIDTH = IN_WIDTH + UP;
    localparam integer PRODUCT_WIDTH = N_WIDTH + MULTIPLIER_WIDTH;
    // one bit more than the quotient of the largest n can need
    localparam integer QUOTIENT_WIDTH = N_WIDTH + 1;
    localparam integer FULL_WIDTH = (PRODUCT_WIDTH > RECIPROCAL_SHIFT + QUOTIENT_WIDTH)
                                        ? PRODUCT_WIDTH : RECIPROCAL_SHIFT + QUOTIENT_WIDTH;

    localparam [31:0] OFFSET_32          = OFFSET_QUOTIENT * DIVISOR;
    localparam [31:0] OFFSET_QUOTIENT_32 = OFFSET_QUOTIENT;
    localparam [31:0] DIVISOR_32         = DIVISOR;

    wire [N_WIDTH-1:0] shifted_low;
    wire [N_WIDTH-1:0] n = shifted_low + OFFSET_32[N_WIDTH-1:0];

    generate
        if (UP > 0) begin : gen_up
            lng_resize #(
                .IN_WIDTH (SHIFTED_WIDTH),
                .OUT_WIDTH(N_WIDTH)
            ) u_shifted (
                .x({x, {UP{1'b0}} }),
                .y(shifted_low)
            );
        end else begin : gen_no_up
            lng_resize #(
                .IN_WIDTH (IN_WIDTH),
                .OUT_WIDTH(N_WIDTH)
            ) u_shifted (
                .x(x),
                .y(shifted_low)
            );
        end
    endgenerate

    // cycle 1: n
    reg [N_WIDTH-1:0] n_q;
    // cycle 2: quotient, and n beside it
    wire [FULL_WIDTH-1:0] n_wide = { {(FULL_WIDTH - N_WIDTH){1'b0}}, n_q};
    wire [FULL_WIDTH-1:0] multiplier_wide =
        { {(FULL_WIDTH - MULTIPLIER_WIDTH){1'b0}}, MULTIPLIER[MULTIPLIER_WIDTH-1:0]};
    // only the bits above RECIPROCAL_SHIFT are the quotient
    // verilator lint_off UNUSEDSIGNAL
    wire [FULL_WIDTH-1:0] product = n_wide * multiplier_wide;
    // verilator lint_on UNUSEDSIGNAL
    reg [QUOTIENT_WIDTH-1:0] quotient_q;
    reg [N_WIDTH-1:0]        n_q2;
    // cycle 3: remainder and rounding
    wire [QUOTIENT_WIDTH-1:0] back      = quotient_q * DIVISOR_32[QUOTIENT_WIDTH-1:0];
    wire [QUOTIENT_WIDTH-1:0] remainder = {1'b0, n_q2} - back;
    wire [QUOTIENT_WIDTH:0]   twice     = {remainder, 1'b0};
    wire [QUOTIENT_WIDTH:0]   divisor   = {1'b0, DIVISOR_32[QUOTIENT_WIDTH-1:0]};
    wire [QUOTIENT_WIDTH-1:0] floor     = quotient_q - OFFSET_QUOTIENT_32[QUOTIENT_WIDTH-1:0];
    wire increment;
    wire [OUT_WIDTH-1:0] floor_wide;

    lng_round_up #(
        .ROUNDING(ROUNDING)
    ) u_round_up (
        .inexact  (remainder != {QUOTIENT_WIDTH{1'b0}}),
        .above    (twice > divisor),
        .tie      (twice == divisor),
        .negative (floor[QUOTIENT_WIDTH-1]),
        .odd      (floor[0]),
        .increment(increment)
    );
    lng_resize #(
        .IN_WIDTH (QUOTIENT_WIDTH),
        .OUT_WIDTH(OUT_WIDTH)
    ) u_floor_wide (
        .x(floor),
        .y(floor_wide)
    );

    always @(posedge clk) begin
        if (ce) begin
            n_q        <= n;
            quotient_q <= product[RECIPROCAL_SHIFT +: QUOTIENT_WIDTH];
            n_q2       <= n_q;
            y          <= floor_wide + { {(OUT_WIDTH - 1){1'b0}}, increment};
        end
    end
endmodule
`default_nettype wire
