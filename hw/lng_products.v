// lng_products: the PE * SIMD products of SIMD inputs and their weights, PE weights an input.
// STYLE 0 takes a DSP slice a product, STYLE 1 LUTs. STYLE 2 takes a DSP slice for the products of
// two outputs with the same input, 2j and 2j + 1; there w holds, for output 2j + 1, the weight less
// 1 where that of output 2j is negative (lng_product_pair). With PE odd the last is on its own.
// Latency in cycles of ce: that of lng_product, STYLE 2 as STYLE 0. Throughput 1 per cycle.
`default_nettype none
module lng_products #(
    parameter integer PE           = 2,   // outputs, >= 1
    parameter integer SIMD         = 4,   // inputs, >= 1
    parameter integer IN_WIDTH     = 8,   // bits of one input, >= 1
    parameter integer IN_SIGNED    = 1,   // 1: inputs are signed
    parameter integer USED_WIDTH   = IN_WIDTH,  // low bits of an input that carry its value
    parameter integer STYLE        = 0,   // 0 DSP, 1 LUTs, 2 two products a DSP
    parameter integer WEIGHT_WIDTH = 8    // bits of one weight, signed, >= 1
) (
    input  wire                               clk,
    input  wire                               ce,
    input  wire [SIMD*IN_WIDTH-1:0]           x,  // input 0 in the low bits
    input  wire [PE*SIMD*WEIGHT_WIDTH-1:0]    w,  // output 0 in the low bits, of it input 0
    output wire [PE*SIMD*(USED_WIDTH+WEIGHT_WIDTH)-1:0] y  // in the order of w
);
    localparam integer PRODUCT_WIDTH = USED_WIDTH + WEIGHT_WIDTH;

    generate
        if (STYLE < 0 || STYLE > 2) begin : gen_bad_parameter
            lng_products_unknown_style u_bad_parameter ();
        end
    endgenerate

    generate
        if (USED_WIDTH < IN_WIDTH) begin : gen_narrowed
            // the rest of an input repeats its sign, or is zero
            // verilator lint_off UNUSEDSIGNAL
            wire unused = ^x;
            // verilator lint_on UNUSEDSIGNAL
        end
    endgenerate

    genvar p;
    genvar i;
    generate
        for (p = 0; p < PE; p = p + 1) begin : gen_output
            for (i = 0; i < SIMD; i = i + 1) begin : gen_input
                localparam integer AT   = p * SIMD + i;
                localparam integer NEXT = AT + SIMD;  // the next output's
                if (STYLE == 2 && p % 2 == 0 && p + 1 < PE) begin : gen_pair
                    lng_product_pair #(
                        .X_WIDTH (USED_WIDTH),
                        .X_SIGNED(IN_SIGNED),
                        .W_WIDTH (WEIGHT_WIDTH)
                    ) u_pair (
                        .clk(clk),
                        .ce (ce),
                        .x  (x[i*IN_WIDTH +: USED_WIDTH]),
                        .w  ({w[NEXT*WEIGHT_WIDTH +: WEIGHT_WIDTH], w[AT*WEIGHT_WIDTH +: WEIGHT_WIDTH]}),
                        .y  ({y[NEXT*PRODUCT_WIDTH +: PRODUCT_WIDTH], y[AT*PRODUCT_WIDTH +: PRODUCT_WIDTH]})
                    );
                end else if (STYLE != 2 || p % 2 == 0) begin : gen_single
                    lng_product #(
                        .X_WIDTH (USED_WIDTH),
                        .X_SIGNED(IN_SIGNED),
                        .W_WIDTH (WEIGHT_WIDTH),
                        .STYLE   (STYLE % 2)
                    ) u_product (
                        .clk(clk),
                        .ce (ce),
                        .x  (x[i*IN_WIDTH +: USED_WIDTH]),
                        .w  (w[AT*WEIGHT_WIDTH +: WEIGHT_WIDTH]),
                        .y  (y[AT*PRODUCT_WIDTH +: PRODUCT_WIDTH])
                    );
                end
            end
        end
    endgenerate
endmodule
`default_nettype wire
