// lng_product_pair: x * w0 and x * w1 in one DSP48E1, whose product is (w1 * 2^K + w0) * x.
// The product of w0 lies in the low K = X_WIDTH + W_WIDTH bits. A negative one borrows 1 from the
// product above it, so 2^(K-1) is added, which makes the low field w0 * x + 2^(K-1), never
// negative: the high field is w1 * x, and the low one w0 * x with its top bit inverted.
// The factor w1 * 2^K + w0 is put together without an adder: a negative w0 borrows from w1 too, and
// that is done where the weights are stored. So the high half of w holds w1 - (w0 < 0 ? 1 : 0).
// Latency 2 cycles of ce, as lng_product in a DSP slice. Throughput 1 per cycle. No reset.
`default_nettype none
module lng_product_pair #(
    parameter integer X_WIDTH  = 7,  // bits of x, >= 1
    parameter integer X_SIGNED = 0,  // 1: x is signed
    parameter integer W_WIDTH  = 4   // bits of each half of w, signed; X_WIDTH + 2*W_WIDTH <= 25
) (
    input  wire                           clk,
    input  wire                           ce,
    input  wire [X_WIDTH-1:0]             x,
    input  wire [2*W_WIDTH-1:0]           w,   // {w1 - (w0 < 0), w0}
    output wire [2*(X_WIDTH+W_WIDTH)-1:0] y    // {x * w1, x * w0}, signed
);
    localparam integer K = X_WIDTH + W_WIDTH;

    generate
        if (X_WIDTH < 1 || W_WIDTH < 1 || K + W_WIDTH > 25 || X_WIDTH > 17 + X_SIGNED) begin : gen_bad_parameter
            lng_product_pair_wider_than_a_dsp48e1 u_bad_parameter ();
        end
    endgenerate

    wire signed [X_WIDTH:0] wide;  // x with a sign bit
    wire signed [K+W_WIDTH-1:0] factor;
    wire signed [2*K:0] half;
    assign wide   = {(X_SIGNED != 0) ? x[X_WIDTH-1] : 1'b0, x};
    assign factor = {w[W_WIDTH +: W_WIDTH], {X_WIDTH{w[W_WIDTH-1]}}, w[W_WIDTH-1:0]};
    assign half   = {{(K + 1){1'b0}}, 1'b1, {(K - 1){1'b0}}};

    (* use_dsp = "yes" *)
    wire signed [2*K:0] product = wide * factor;
    reg  signed [2*K:0] product_q;
    reg  signed [2*K:0] total_q;

    always @(posedge clk) begin
        if (ce) begin
            product_q <= product;
            total_q   <= product_q + half;
        end
    end

    // verilator lint_off UNUSEDSIGNAL
    wire unused = total_q[2*K];
    // verilator lint_on UNUSEDSIGNAL
    assign y = {total_q[2*K-1:K], !total_q[K-1], total_q[K-2:0]};
endmodule
`default_nettype wire
