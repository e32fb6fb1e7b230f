// lng_pe: one output lane of a folded matrix-vector product: adds products up.
// acc[round] = (first ? bias : acc[round]) + (sum over SIMD of products) * 2^PRODUCT_SHIFT.
// The sum of products comes clog2(SIMD) cycles of ce after them, and y
// one cycle later; throughput 1 per cycle. valid, first and round come with the sum; next_first,
// next_round and bias one cycle before it (with a single accumulator bias is a constant). Of
// several accumulators none takes two sums in a row: it is read while the one before is added.
// Sums are exact modulo 2^ACC_WIDTH; interval analysis chose ACC_WIDTH so that nothing overflows.
`default_nettype none
module lng_pe #(
    parameter integer SIMD          = 4,   // products per cycle, >= 1
    parameter integer PRODUCT_WIDTH = 16,  // bits of one product, signed, >= 1
    parameter integer ACC_WIDTH     = 20,  // bits of the accumulator, signed, >= 2
    parameter integer PRODUCT_SHIFT = 0,   // accumulator fraction bits minus product fraction bits
    parameter integer ROUNDS        = 4,   // accumulators, >= 1
    parameter integer ROUND_WIDTH   = 2,   // bits of round, 2^ROUND_WIDTH >= ROUNDS
    parameter integer WAIT_INVERTED = 0    // 1: products come through registers in a row
) (
    input  wire                          clk,
    input  wire                          ce,
    input  wire [SIMD*PRODUCT_WIDTH-1:0] products,   // product 0 in the low bits
    input  wire [ACC_WIDTH-1:0]          bias,       // of the next sum's accumulator
    input  wire                          valid,      // this sum counts
    input  wire                          first,      // this sum starts a vector
    input  wire [ROUND_WIDTH-1:0]        round,      // which accumulator takes it
    input  wire                          next_first, // the same of the next sum
    input  wire [ROUND_WIDTH-1:0]        next_round,
    output reg  [ACC_WIDTH-1:0]          y
);
    generate
        if ((1 << ROUND_WIDTH) < ROUNDS) begin : gen_bad_parameter
            lng_pe_round_width_too_small u_bad_parameter ();
        end
    endgenerate

    localparam integer SUM_WIDTH = PRODUCT_WIDTH + $clog2(SIMD);

    wire [SIMD*SUM_WIDTH-1:0] operand;
    wire [SUM_WIDTH-1:0]      sum;
    wire [ACC_WIDTH-1:0]      term;

    genvar i;
    generate
        for (i = 0; i < SIMD; i = i + 1) begin : gen_operand
            lng_resize #(
                .IN_WIDTH (PRODUCT_WIDTH),
                .OUT_WIDTH(SUM_WIDTH)
            ) u_operand (
                .x(products[i*PRODUCT_WIDTH +: PRODUCT_WIDTH]),
                .y(operand[i*SUM_WIDTH +: SUM_WIDTH])
            );
        end
    endgenerate

    lng_reduce_tree #(
        .OPERANDS     (SIMD),
        .WIDTH        (SUM_WIDTH),
        .OPERATION    (0),
        .WAIT_INVERTED(WAIT_INVERTED)
    ) u_sum (
        .clk(clk),
        .ce (ce),
        .x  (operand),
        .y  (sum)
    );

    generate
        if (PRODUCT_SHIFT > 0) begin : gen_shift
            lng_resize #(
                .IN_WIDTH (SUM_WIDTH + PRODUCT_SHIFT),
                .OUT_WIDTH(ACC_WIDTH)
            ) u_term (
                .x({sum, {PRODUCT_SHIFT{1'b0}} }),
                .y(term)
            );
        end else begin : gen_no_shift
            lng_resize #(
                .IN_WIDTH (SUM_WIDTH),
                .OUT_WIDTH(ACC_WIDTH)
            ) u_term (
                .x(sum),
                .y(term)
            );
        end
    endgenerate

    generate
        if (ROUNDS == 1) begin : gen_register
            // a single accumulator needs no address
            // verilator lint_off UNUSEDSIGNAL
            wire unused = ^{round, next_round, next_first};
            // verilator lint_on UNUSEDSIGNAL
            always @(posedge clk) begin
                if (ce && valid) begin
                    y <= (first ? bias : y) + term;
                end
            end
        end else begin : gen_memory
            // verilator lint_off UNUSEDSIGNAL
            wire unused = first;
            // verilator lint_on UNUSEDSIGNAL
            (* ram_style = "distributed" *)
            reg [ACC_WIDTH-1:0] acc_mem [0:ROUNDS-1];
            reg [ACC_WIDTH-1:0] base_q;
            wire [ACC_WIDTH-1:0] total = base_q + term;
            always @(posedge clk) begin
                if (ce) begin
                    base_q <= next_first ? bias : acc_mem[next_round];
                end
            end
            always @(posedge clk) begin
                if (ce && valid) begin
                    acc_mem[round] <= total;
                    y <= total;
                end
            end
        end
    endgenerate
endmodule
`default_nettype wire
