// lng_mvu: folded matrix-vector unit; PE x SIMD products per cycle, weights on chip.
// A vector arrives as CHUNKS words of SIMD inputs. Each word is held for ROUNDS cycles, in which
// ROUNDS groups of PE accumulators take it in; with the last word the PE results of each round
// leave, one round per cycle, after ReLU and requantization.
// With STEPS < CHUNKS*ROUNDS a schedule leaves out groups whose weights are zero: lng_mvu_steps.
// Throughput: one vector per STEPS cycles, no gap between vectors.
// Latency from taking the last word in round r to the result of round r: clog2(SIMD) + 4 cycles.
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
    parameter integer STYLE         = 0,   // of the multipliers: 0 DSP, 1 LUTs
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

    localparam integer LEVELS      = $clog2(SIMD);
    localparam integer DELAY       = LEVELS + 1;  // from a word and its weights to its sum
    localparam integer ADDR_WIDTH  = (STEPS > 1) ? $clog2(STEPS) : 1;
    localparam integer ROUND_WIDTH = (ROUNDS > 1) ? $clog2(ROUNDS) : 1;

    // the step at hand
    wire [ADDR_WIDTH-1:0]  addr;
    wire [ROUND_WIDTH-1:0] round;
    wire                   first;
    wire                   last;
    wire                   done;

    // a word and what it is, in step with its weights; index k: k cycles later
    reg [SIMD*IN_WIDTH-1:0]         x_q;
    reg [DELAY:0]                   valid_q;
    reg [DELAY:0]                   first_q;
    reg [DELAY:0]                   last_q;
    reg [(DELAY+1)*ROUND_WIDTH-1:0] rounds_q;
    reg                             sum_valid_q;
    reg                             result_valid_q;
    reg [PE*OUT_WIDTH-1:0]          result_q;

    wire [PE*SIMD*WEIGHT_WIDTH-1:0] weights;
    wire [PE*ACC_WIDTH-1:0]         biases;
    wire [PE*ACC_WIDTH-1:0]         sums;
    wire [PE*OUT_WIDTH-1:0]         results;

    wire ce = !result_valid_q || m_axis_tready;
    wire take = ce && s_axis_tvalid;

    assign s_axis_tready = ce && done;
    assign m_axis_tdata  = result_q;
    assign m_axis_tvalid = result_valid_q;

    lng_mvu_steps #(
        .CHUNKS     (CHUNKS),
        .ROUNDS     (ROUNDS),
        .STEPS      (STEPS),
        .ADDR_WIDTH (ADDR_WIDTH),
        .ROUND_WIDTH(ROUND_WIDTH),
        .STEP_FILE  (STEP_FILE)
    ) u_steps (
        .clk  (clk),
        .rst  (rst),
        .take (take),
        .addr (addr),
        .round(round),
        .first(first),
        .last (last),
        .done (done)
    );

    always @(posedge clk) begin
        if (ce) begin
            x_q      <= s_axis_tdata;
            first_q  <= {first_q[DELAY-1:0], first};
            last_q   <= {last_q[DELAY-1:0], last};
            rounds_q <= {rounds_q[DELAY*ROUND_WIDTH-1:0], round};
            result_q <= results;
        end
    end

    always @(posedge clk) begin
        if (rst) begin
            valid_q        <= {(DELAY + 1){1'b0}};
            sum_valid_q    <= 1'b0;
            result_valid_q <= 1'b0;
        end else if (ce) begin
            valid_q        <= {valid_q[DELAY-1:0], s_axis_tvalid};
            sum_valid_q    <= valid_q[DELAY] && last_q[DELAY];
            result_valid_q <= sum_valid_q;
        end
    end

    lng_rom #(
        .DATA_WIDTH(PE * SIMD * WEIGHT_WIDTH),
        .DEPTH     (STEPS),
        .ADDR_WIDTH(ADDR_WIDTH),
        .INIT_FILE (WEIGHT_FILE)
    ) u_weights (
        .clk   (clk),
        .en    (ce),
        .addr  (addr),
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
        .addr  (rounds_q[(DELAY-1)*ROUND_WIDTH +: ROUND_WIDTH]),
        .data_q(biases)
    );

    genvar p;
    generate
        for (p = 0; p < PE; p = p + 1) begin : gen_pe
            lng_pe #(
                .SIMD         (SIMD),
                .IN_WIDTH     (IN_WIDTH),
                .IN_SIGNED    (IN_SIGNED),
                .USED_WIDTH   (USED_WIDTH),
                .STYLE        (STYLE),
                .WEIGHT_WIDTH (WEIGHT_WIDTH),
                .ACC_WIDTH    (ACC_WIDTH),
                .PRODUCT_SHIFT(PRODUCT_SHIFT),
                .ROUNDS       (ROUNDS),
                .ROUND_WIDTH  (ROUND_WIDTH)
            ) u_pe (
                .clk  (clk),
                .ce   (ce),
                .x    (x_q),
                .w    (weights[p*SIMD*WEIGHT_WIDTH +: SIMD*WEIGHT_WIDTH]),
                .bias (biases[p*ACC_WIDTH +: ACC_WIDTH]),
                .valid(valid_q[DELAY]),
                .first(first_q[DELAY]),
                .round(rounds_q[DELAY*ROUND_WIDTH +: ROUND_WIDTH]),
                .y    (sums[p*ACC_WIDTH +: ACC_WIDTH])
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
