// lng_largest: the largest of some operands. Combinational.
`default_nettype none
module lng_largest #(
    parameter integer OPERANDS = 2,  // >= 1
    parameter integer WIDTH    = 8,  // bits per operand, >= 1
    parameter integer SIGNED   = 1   // 1: operands are signed
) (
    input  wire [OPERANDS*WIDTH-1:0] x,
    output wire [WIDTH-1:0]          y
);
    wire [OPERANDS*WIDTH-1:0] best;  // of operands 0..i
    assign best[WIDTH-1:0] = x[WIDTH-1:0];
    assign y = best[(OPERANDS-1)*WIDTH +: WIDTH];

    genvar i;
    generate
        for (i = 1; i < OPERANDS; i = i + 1) begin : gen_operand
            wire [WIDTH-1:0] a = best[(i-1)*WIDTH +: WIDTH];
            wire [WIDTH-1:0] b = x[i*WIDTH +: WIDTH];
            wire greater;
            if (SIGNED != 0) begin : gen_signed
                assign greater = $signed(a) > $signed(b);
            end else begin : gen_unsigned
                assign greater = a > b;
            end
            assign best[i*WIDTH +: WIDTH] = greater ? a : b;
        end
    endgenerate
endmodule
`default_nettype wire
