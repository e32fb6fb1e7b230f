// lng_average: one channel's sum over the pixels of a window divided by their number.
// COUNTS divisors are possible (windows at a padded edge hold fewer pixels); select names one.
// Latency 4 cycles of ce (after the sum), throughput 1 per cycle. No reset.
`default_nettype none
module lng_average #(
    parameter integer IN_WIDTH         = 10,  // bits of the sum, signed, >= 2
    parameter integer OUT_WIDTH        = 8,   // bits of the mean, >= 1
    parameter integer OUT_SIGNED       = 1,   // 1: the mean is signed
    parameter integer COUNTS           = 1,   // possible divisors, >= 1
    parameter integer SELECT_WIDTH     = 1,   // bits of select, 2^SELECT_WIDTH >= COUNTS
    parameter integer UP               = 0,   // fraction bits gained, >= 0
    parameter integer N_WIDTH          = 11,  // see lng_divide
    parameter integer MULTIPLIER_WIDTH = 12,  // see lng_divide
    parameter integer RECIPROCAL_SHIFT = 12,  // see lng_divide, the same for all divisors
    parameter [COUNTS*32-1:0] DIVISORS = 4,          // divisor 0 in the low 32 bits
    parameter [COUNTS*32-1:0] OFFSET_QUOTIENTS = 0,  // see lng_divide
    parameter [COUNTS*64-1:0] MULTIPLIERS = 1024,    // see lng_divide
    parameter integer ROUNDING         = 2,   // see lng_round_up
    parameter integer OVERFLOW         = 1    // see lng_overflow
) (
    input  wire                    clk,
    input  wire                    ce,
    input  wire [IN_WIDTH-1:0]     sum,
    input  wire [SELECT_WIDTH-1:0] select,
    output reg  [OUT_WIDTH-1:0]    mean
);
    generate
        if ((1 << SELECT_WIDTH) < COUNTS) begin : gen_bad_parameter
            lng_average_select_width_too_small u_bad_parameter ();
        end
    endgenerate

    localparam integer QUOTIENT_WIDTH = N_WIDTH + 2;

    wire [COUNTS*QUOTIENT_WIDTH-1:0] quotients;
    wire [QUOTIENT_WIDTH-1:0]        quotient;
    wire [OUT_WIDTH-1:0]             limited;

    genvar k;
    generate
        for (k = 0; k < COUNTS; k = k + 1) begin : gen_divisor
            lng_divide #(
                .IN_WIDTH        (IN_WIDTH),
                .OUT_WIDTH       (QUOTIENT_WIDTH),
                .UP              (UP),
                .DIVISOR         (DIVISORS[k*32 +: 32]),
                .N_WIDTH         (N_WIDTH),
                .OFFSET_QUOTIENT (OFFSET_QUOTIENTS[k*32 +: 32]),
                .MULTIPLIER_WIDTH(MULTIPLIER_WIDTH),
                .MULTIPLIER      (MULTIPLIERS[k*64 +: 64]),
                .RECIPROCAL_SHIFT(RECIPROCAL_SHIFT),
                .ROUNDING        (ROUNDING)
            ) u_divide (
                .clk(clk),
                .ce (ce),
                .x  (sum),
                .y  (quotients[k*QUOTIENT_WIDTH +: QUOTIENT_WIDTH])
            );
        end
        if (COUNTS == 1) begin : gen_single
            // one divisor: nothing to select
            // verilator lint_off UNUSEDSIGNAL
            wire unused = ^select;
            // verilator lint_on UNUSEDSIGNAL
            assign quotient = quotients;
        end else begin : gen_select
            reg [3*SELECT_WIDTH-1:0] select_q;
            always @(posedge clk) begin
                if (ce) begin
                    select_q <= {select_q[2*SELECT_WIDTH-1:0], select};
                end
            end
            assign quotient =
                quotients[select_q[2*SELECT_WIDTH +: SELECT_WIDTH]*QUOTIENT_WIDTH +: QUOTIENT_WIDTH];
        end
    endgenerate

    lng_overflow #(
        .IN_WIDTH  (QUOTIENT_WIDTH),
        .OUT_WIDTH (OUT_WIDTH),
        .OUT_SIGNED(OUT_SIGNED),
        .OVERFLOW  (OVERFLOW)
    ) u_overflow (
        .x(quotient),
        .y(limited)
    );

    always @(posedge clk) begin
        if (ce) begin
            mean <= limited;
        end
    end
endmodule
`default_nettype wire
