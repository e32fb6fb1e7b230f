// lng_product: x * w of two small integers.
// STYLE 0 is left to DSP slices, with a register behind the multiplier and one at the output;
// STYLE 1 is built of LUTs: up to six input bits together as a table (every bit of the product is
// one LUT6), beyond that as one row of additions for every two bits of w, the last bit counting
// negative, and a tree that adds the rows.
// Latency in cycles of ce: 2 in a DSP slice, 1 as a table, 1 + clog2(rows) as rows. Throughput 1 per
// cycle. No reset: the caller tracks which products count.
`default_nettype none
module lng_product #(
    parameter integer X_WIDTH  = 7,  // bits of x, >= 1
    parameter integer X_SIGNED = 0,  // 1: x is signed
    parameter integer W_WIDTH  = 4,  // bits of w, signed, >= 1
    parameter integer STYLE    = 0,  // 0 DSP, 1 LUTs
    parameter integer WIDTH    = X_WIDTH + W_WIDTH  // bits of the product, signed
) (
    input  wire               clk,
    input  wire               ce,
    input  wire [X_WIDTH-1:0] x,
    input  wire [W_WIDTH-1:0] w,
    output wire [WIDTH-1:0]   y
);
    generate
        if (WIDTH < X_WIDTH + W_WIDTH || W_WIDTH < 1) begin : gen_bad_parameter
            lng_product_width_too_small u_bad_parameter ();
        end
    endgenerate

    wire signed [X_WIDTH:0] wide;  // x with a sign bit
    assign wide = {(X_SIGNED != 0) ? x[X_WIDTH-1] : 1'b0, x};

    genvar i;
    generate
        if (STYLE == 0) begin : gen_dsp
            wire signed [W_WIDTH-1:0] factor = w;
            (* use_dsp = "yes" *)
            wire signed [WIDTH-1:0] product = wide * factor;
            reg [WIDTH-1:0] product_q;
            reg [WIDTH-1:0] product_q2;
            assign y = product_q2;
            always @(posedge clk) begin
                if (ce) begin
                    product_q  <= product;
                    product_q2 <= product_q;
                end
            end
        end else if (X_WIDTH + W_WIDTH <= 6) begin : gen_table
            localparam integer ENTRIES = 1 << (X_WIDTH + W_WIDTH);
            wire [ENTRIES*WIDTH-1:0] table_of_products;
            for (i = 0; i < ENTRIES; i = i + 1) begin : gen_entry
                // i is {w, x}
                localparam integer X_CODE = i % (1 << X_WIDTH);
                localparam integer W_CODE = i / (1 << X_WIDTH);
                localparam integer X_VALUE = (X_SIGNED != 0 && X_CODE >= (1 << (X_WIDTH - 1)))
                                           ? X_CODE - (1 << X_WIDTH) : X_CODE;
                localparam integer W_VALUE = (W_CODE >= (1 << (W_WIDTH - 1)))
                                           ? W_CODE - (1 << W_WIDTH) : W_CODE;
                localparam [31:0] PRODUCT_32 = X_VALUE * W_VALUE;
                assign table_of_products[i*WIDTH +: WIDTH] = PRODUCT_32[WIDTH-1:0];
            end
            // verilator lint_off UNUSEDSIGNAL
            wire unused = wide[X_WIDTH];
            // verilator lint_on UNUSEDSIGNAL
            reg [WIDTH-1:0] product_q;
            assign y = product_q;
            always @(posedge clk) begin
                if (ce) begin
                    product_q <= table_of_products[{w, x}*WIDTH +: WIDTH];
                end
            end
        end else begin : gen_rows
            localparam integer ROWS = (W_WIDTH + 1) / 2;
            reg [ROWS*WIDTH-1:0] rows_q;
            for (i = 0; i < ROWS; i = i + 1) begin : gen_row
                // (w[2i] + 2 w[2i+1]) x, the bit at the top of w negative
                localparam integer BITS = WIDTH - 2 * i;  // of the product, from bit 2i on
                wire [BITS-1:0] extended;
                wire [BITS-1:0] low  = w[2*i] ? extended : {BITS{1'b0}};
                wire [BITS-1:0] row;
                lng_resize #(
                    .IN_WIDTH (X_WIDTH + 1),
                    .OUT_WIDTH(BITS)
                ) u_extended (
                    .x(wide),
                    .y(extended)
                );
                if (2 * i + 1 == W_WIDTH - 1) begin : gen_top_pair
                    assign row = low - (w[2*i+1] ? {extended[BITS-2:0], 1'b0} : {BITS{1'b0}});
                end else if (2 * i == W_WIDTH - 1) begin : gen_top_single
                    assign row = {BITS{1'b0}} - low;
                end else begin : gen_pair
                    assign row = low + (w[2*i+1] ? {extended[BITS-2:0], 1'b0} : {BITS{1'b0}});
                end
                if (i == 0) begin : gen_first
                    always @(posedge clk) begin
                        if (ce) begin
                            rows_q[WIDTH-1:0] <= row;
                        end
                    end
                end else begin : gen_next
                    always @(posedge clk) begin
                        if (ce) begin
                            rows_q[i*WIDTH +: WIDTH] <= {row, {(2 * i){1'b0}} };
                        end
                    end
                end
            end
            lng_reduce_tree #(
                .OPERANDS (ROWS),
                .WIDTH    (WIDTH),
                .OPERATION(0)
            ) u_total (
                .clk(clk),
                .ce (ce),
                .x  (rows_q),
                .y  (y)
            );
        end
    endgenerate
endmodule
`default_nettype wire
