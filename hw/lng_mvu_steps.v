// lng_mvu_steps: which word of weights a folded matrix-vector unit uses next, and for what.
// A vector takes STEPS steps. With STEPS = CHUNKS*ROUNDS every word of inputs meets every group of
// outputs, round by round. With fewer, a schedule in STEP_FILE leaves groups out whose weights are
// all zero: a step a line, {last, first, done, round}; every chunk keeps a step, the first and the
// last chunk all of them, in order.
// round, first, last and done belong to the step that take, when 1, uses up. take may be 1 while
// ready only; a schedule is ready a few cycles after reset.
// Reset: synchronous, active high, at least one cycle.
`default_nettype none
module lng_mvu_steps #(
    parameter integer CHUNKS      = 4,   // words of inputs per vector, >= 1
    parameter integer ROUNDS      = 4,   // groups of outputs, >= 1
    parameter integer STEPS       = CHUNKS * ROUNDS,  // steps per vector, CHUNKS..CHUNKS*ROUNDS
    parameter integer ROUND_WIDTH = 2,   // bits, 2^ROUND_WIDTH >= ROUNDS
    parameter         STEP_FILE   = ""   // STEPS hexadecimal words of ROUND_WIDTH + 3 bits
) (
    input  wire                   clk,
    input  wire                   rst,
    input  wire                   take,   // the step is used up
    output wire                   ready,
    output wire [ROUND_WIDTH-1:0] round,  // its group of outputs
    output wire                   first,  // it belongs to the vector's first word of inputs
    output wire                   last,   // ... to the last one
    output wire                   done    // it is the last one of its word of inputs
);
    generate
        if (STEPS < CHUNKS || STEPS > CHUNKS * ROUNDS || (1 << ROUND_WIDTH) < ROUNDS) begin : gen_bad_parameter
            lng_mvu_steps_parameter_out_of_range u_bad_parameter ();
        end
    endgenerate

    generate
        if (STEPS == CHUNKS * ROUNDS) begin : gen_all
            localparam integer CHUNK_WIDTH = (CHUNKS > 1) ? $clog2(CHUNKS) : 1;
            localparam [31:0] LAST_CHUNK_32 = CHUNKS - 1;
            localparam [31:0] LAST_ROUND_32 = ROUNDS - 1;
            localparam [ROUND_WIDTH-1:0] LAST_ROUND = LAST_ROUND_32[ROUND_WIDTH-1:0];
            localparam [CHUNK_WIDTH-1:0] LAST_CHUNK = LAST_CHUNK_32[CHUNK_WIDTH-1:0];
            reg [ROUND_WIDTH-1:0] round_q;
            reg [CHUNK_WIDTH-1:0] chunk_q;
            assign ready = 1'b1;
            assign round = round_q;
            assign first = chunk_q == {CHUNK_WIDTH{1'b0}};
            assign last  = chunk_q == LAST_CHUNK;
            assign done  = round_q == LAST_ROUND;
            always @(posedge clk) begin
                if (rst) begin
                    round_q <= {ROUND_WIDTH{1'b0}};
                    chunk_q <= {CHUNK_WIDTH{1'b0}};
                end else if (take) begin
                    round_q <= done ? {ROUND_WIDTH{1'b0}} : round_q + 1'b1;
                    if (done) begin
                        chunk_q <= last ? {CHUNK_WIDTH{1'b0}} : chunk_q + 1'b1;
                    end
                end
            end
        end else begin : gen_scheduled
            // read one step ahead, so that the step at hand is always there
            localparam integer DEEP = (STEPS > 64) ? 1 : 0;
            reg  here_q;
            wire file_ready;
            assign ready = here_q && file_ready;
            always @(posedge clk) begin
                if (rst) begin
                    here_q <= 1'b0;
                end else if (file_ready) begin
                    here_q <= 1'b1;
                end
            end
            lng_weights #(
                .DATA_WIDTH(ROUND_WIDTH + 3),
                .WORDS     (STEPS),
                .BLOCK     (DEEP),
                .PACK      (1),
                .INIT_FILE (STEP_FILE)
            ) u_steps (
                .clk   (clk),
                .rst   (rst),
                .next  (take || (file_ready && !here_q)),
                .ready (file_ready),
                .data_q({last, first, done, round})
            );
        end
    endgenerate
endmodule
`default_nettype wire
