// lng_mvu: folded matrix-vector unit; PE x SIMD products per cycle, weights on chip.
// A vector arrives as CHUNKS words of SIMD inputs. Each word is held for ROUNDS cycles, in which
// ROUNDS groups of PE accumulators take it in; with the last word the PE results of each round
// leave, one round per cycle, after ReLU and requantization.
// With STEPS < CHUNKS*ROUNDS a schedule leaves out groups whose weights are zero: lng_mvu_steps.
// Throughput: one vector per STEPS cycles, no gap between vectors.
// Latency from taking the last word in round r to the result of round r: clog2(SIMD) + P + 3
// cycles, P being lng_product's latency.
// s_axis_tready depends on m_axis_tready and on counters, never on s_axis_tvalid.
// Reset: synchronous, active high, control bits only.
`default_nettype none
module lng_mvu #(
    parameter integer PE            = 2,   // outputs per cycle, >= 1
    parameter integer SIMD          = 4,   // inputs per cycle, >= 1
    parameter integer CHUNKS        = 4,   // words per vector, >= 1
    parameter integer ROUNDS        = 4,   // groups of PE outputs, >= 1
    parameter integer IN_WIDTH      = 8,   // bits of one input, >= 1
    parameter integer IN_SIGNED     = 1,   // 1: inputs are signed
    parameter integer USED_WIDTH    = IN_WIDTH,  // low bits of an input that carry its value
    parameter integer STYLE         = 0,   // of the multipliers: 0 DSP, 1 LUTs, 2 two a DSP
    parameter integer WEIGHT_WIDTH  = 8,   // bits of one weight, signed, >= 1
    parameter integer ACC_WIDTH     = 20,  // bits of the exact sum, signed, >= 2
    parameter integer PRODUCT_SHIFT = 0,   // accumulator minus product fraction bits, >= 0
    parameter integer OUT_WIDTH     = 8,   // bits of one result, >= 1
    parameter integer OUT_SIGNED    = 1,   // 1: results are signed
    parameter integer SHIFT         = 4,   // accumulator, activated, minus result fraction bits
    parameter integer RELU          = 0,   // 1: negative sums become 0
    parameter integer ROUNDING      = 2,   // see lng_requantize
    parameter integer OVERFLOW      = 1,   // see lng_requantize
    parameter integer STEPS         = CHUNKS * ROUNDS,  // see lng_mvu_steps
    parameter         STEP_FILE     = "",  // see lng_mvu_steps
    parameter integer WEIGHT_BLOCK  = 0,   // see lng_weights
    parameter integer WEIGHT_PACK   = 1,   // see lng_weights
    parameter         WEIGHT_FILE   = "",  // STEPS words, round fastest
    parameter         BIAS_FILE     = "",  // ROUNDS words
    parameter [ACC_WIDTH-1:0] LIMIT = {ACC_WIDTH{1'b0}},  // see lng_requantize
    parameter integer NEGATIVE_SHIFT = 0                  // see lng_requantize
) (
    input  wire                     clk,
    input  wire                     rst,
    // input stream: SIMD inputs, the first in the low bits
    input  wire [SIMD*IN_WIDTH-1:0] s_axis_tdata,
    input  wire                     s_axis_tvalid,
    output wire                     s_axis_tready,
    // output stream: PE results, the first in the low bits
    output wire [PE*OUT_WIDTH-1:0]  m_axis_tdata,
    output wire                     m_axis_tvalid,
    input  wire                     m_axis_tready
);
    generate
        if (PE < 1 || SIMD < 1 || CHUNKS < 1 || ROUNDS < 1 || ACC_WIDTH < 2 || PRODUCT_SHIFT < 0) begin : gen_bad_parameter
            lng_mvu_parameter_too_small u_bad_parameter ();
        end
    endgenerate

    localparam integer PRODUCT     = (STYLE != 1) ? 2
                                   : (USED_WIDTH + WEIGHT_WIDTH <= 6) ? 1
                                   : 1 + $clog2((WEIGHT_WIDTH + 1) / 2);
    // from a word and its weights to its sum
    localparam integer DELAY       = $clog2(SIMD) + PRODUCT;
    localparam integer PRODUCT_WIDTH = USED_WIDTH + WEIGHT_WIDTH;
    localparam integer ROUND_WIDTH = (ROUNDS > 1) ? $clog2(ROUNDS) : 1;

    // the step at hand
    wire [ROUND_WIDTH-1:0] round;
    wire                   first;
    wire                   last;
    wire                   done;
    wire                   steps_ready;
    wire                   weights_ready;

    // a word and what it is, in step with its weights; index k: k cycles later
    reg [SIMD*IN_WIDTH-1:0] x_q;
    reg [DELAY:0]           valid_q;
    reg [DELAY:0]           emit_q;  // valid, and the last word of its vector
    reg                     sum_valid_q;
    reg                     result_valid_q;
    reg [PE*OUT_WIDTH-1:0]  result_q;

    // whose sum comes next, and whose is there; a reset keeps them out of shift registers
    reg                     next_first_q;
    reg                     sum_first_q;
    reg [ROUND_WIDTH-1:0]   next_round_q;
    reg [ROUND_WIDTH-1:0]   sum_round_q;
    wire                    early_first;
    wire [ROUND_WIDTH-1:0]  early_round;

    wire [PE*SIMD*WEIGHT_WIDTH-1:0] weights;
    wire [PE*SIMD*PRODUCT_WIDTH-1:0] products;
    wire [PE*ACC_WIDTH-1:0]         biases;
    wire [PE*ACC_WIDTH-1:0]         sums;
    wire [PE*OUT_WIDTH-1:0]         results;

    wire ready = steps_ready && weights_ready;
    wire ce = !result_valid_q || m_axis_tready;
    wire take = ce && s_axis_tvalid && ready;

    assign s_axis_tready = ce && done && ready;
    assign m_axis_tdata  = result_q;
    assign m_axis_tvalid = result_valid_q;

    lng_mvu_steps #(
        .CHUNKS     (CHUNKS),
        .ROUNDS     (ROUNDS),
        .STEPS      (STEPS),
        .ROUND_WIDTH(ROUND_WIDTH),
        .STEP_FILE  (STEP_FILE)
    ) u_steps (
        .clk  (clk),
        .rst  (rst),
        .take (take),
        .ready(steps_ready),
        .round(round),
        .first(first),
        .last (last),
        .done (done)
    );

    always @(posedge clk) begin
        if (ce) begin
            x_q      <= s_axis_tdata;
            result_q <= results;
        end
    end

    always @(posedge clk) begin
        if (rst) begin
            valid_q        <= {(DELAY + 1){1'b0}};
            emit_q         <= {(DELAY + 1){1'b0}};
            next_first_q   <= 1'b0;
            sum_first_q    <= 1'b0;
            next_round_q   <= {ROUND_WIDTH{1'b0}};
            sum_round_q    <= {ROUND_WIDTH{1'b0}};
            sum_valid_q    <= 1'b0;
            result_valid_q <= 1'b0;
        end else if (ce) begin
            valid_q        <= {valid_q[DELAY-1:0], take};
            emit_q         <= {emit_q[DELAY-1:0], take && last};
            next_first_q   <= early_first;
            sum_first_q    <= next_first_q;
            next_round_q   <= early_round;
            sum_round_q    <= next_round_q;
            sum_valid_q    <= emit_q[DELAY];
            result_valid_q <= sum_valid_q;
        end
    end

    generate
        if (DELAY == 1) begin : gen_now
            assign early_first = first;
            assign early_round = round;
        end else if (DELAY == 2) begin : gen_one_later
            reg                   first_q;
            reg [ROUND_WIDTH-1:0] round_q;
            assign early_first = first_q;
            assign early_round = round_q;
            always @(posedge clk) begin
                if (ce) begin
                    first_q <= first;
                    round_q <= round;
                end
            end
        end else begin : gen_later
            reg [DELAY-2:0]                   first_q;
            reg [(DELAY-1)*ROUND_WIDTH-1:0] rounds_q;
            assign early_first = first_q[DELAY-2];
            assign early_round = rounds_q[(DELAY-2)*ROUND_WIDTH +: ROUND_WIDTH];
            always @(posedge clk) begin
                if (ce) begin
                    first_q  <= {first_q[DELAY-3:0], first};
                    rounds_q <= {rounds_q[(DELAY-2)*ROUND_WIDTH-1:0], round};
                end
            end
        end
    endgenerate

    lng_weights #(
        .DATA_WIDTH(PE * SIMD * WEIGHT_WIDTH),
        .WORDS     (STEPS),
        .BLOCK     (WEIGHT_BLOCK),
        .PACK      (WEIGHT_PACK),
        .INIT_FILE (WEIGHT_FILE)
    ) u_weights (
        .clk   (clk),
        .rst   (rst),
        .next  (take),
        .ready (weights_ready),
        .data_q(weights)
    );

    lng_rom #(
        .DATA_WIDTH(PE * ACC_WIDTH),
        .DEPTH     (ROUNDS),
        .ADDR_WIDTH(ROUND_WIDTH),
        .INIT_FILE (BIAS_FILE)
    ) u_biases (
        .clk   (clk),
        .en    (ce),
        .addr  (early_round),
        .data_q(biases)
    );

    lng_products #(
        .PE          (PE),
        .SIMD        (SIMD),
        .IN_WIDTH    (IN_WIDTH),
        .IN_SIGNED   (IN_SIGNED),
        .USED_WIDTH  (USED_WIDTH),
        .STYLE       (STYLE),
        .WEIGHT_WIDTH(WEIGHT_WIDTH)
    ) u_products (
        .clk(clk),
        .ce (ce),
        .x  (x_q),
        .w  (weights),
        .y  (products)
    );

    genvar p;
    generate
        for (p = 0; p < PE; p = p + 1) begin : gen_pe
            lng_pe #(
                .SIMD         (SIMD),
                .PRODUCT_WIDTH(PRODUCT_WIDTH),
                .ACC_WIDTH    (ACC_WIDTH),
                .PRODUCT_SHIFT(PRODUCT_SHIFT),
                .ROUNDS       (ROUNDS),
                .ROUND_WIDTH  (ROUND_WIDTH),
                .WAIT_INVERTED((STYLE == 1) ? 1 : 0)
            ) u_pe (
                .clk       (clk),
                .ce        (ce),
                .products  (products[p*SIMD*PRODUCT_WIDTH +: SIMD*PRODUCT_WIDTH]),
                .bias      (biases[p*ACC_WIDTH +: ACC_WIDTH]),
                .valid     (valid_q[DELAY]),
                .first     (sum_first_q),
                .round     (sum_round_q),
                .next_first(next_first_q),
                .next_round(next_round_q),
                .y         (sums[p*ACC_WIDTH +: ACC_WIDTH])
            );
            lng_requantize #(
                .IN_WIDTH  (ACC_WIDTH),
                .OUT_WIDTH (OUT_WIDTH),
                .OUT_SIGNED(OUT_SIGNED),
                .SHIFT     (SHIFT),
                .RELU      (RELU),
                .ROUNDING  (ROUNDING),
                .OVERFLOW  (OVERFLOW),
                .LIMIT     (LIMIT),
                .NEGATIVE_SHIFT(NEGATIVE_SHIFT)
            ) u_requantize (
                .x(sums[p*ACC_WIDTH +: ACC_WIDTH]),
                .y(results[p*OUT_WIDTH +: OUT_WIDTH])
            );
        end
    endgenerate
endmodule
`default_nettype wire
