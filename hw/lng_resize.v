// lng_resize: y = x as a signed number of OUT_WIDTH bits.
// Combinational. Wider: sign extension. Narrower: the low bits, so the value is kept modulo
// 2^OUT_WIDTH; the caller proves that it fits.
`default_nettype none
module lng_resize #(
    parameter integer IN_WIDTH  = 8,  // bits, >= 1
    parameter integer OUT_WIDTH = 8   // bits, >= 1
) (
    input  wire [IN_WIDTH-1:0]  x,
    output wire [OUT_WIDTH-1:0] y
);
    generate
        if (OUT_WIDTH > IN_WIDTH) begin : gen_extend
            assign y = { {(OUT_WIDTH - IN_WIDTH){x[IN_WIDTH-1]}}, x};
        end else if (OUT_WIDTH == IN_WIDTH) begin : gen_same
            assign y = x;
        end else begin : gen_truncate
            // the bits above OUT_WIDTH are dropped on purpose
            // verilator lint_off UNUSEDSIGNAL
            wire [IN_WIDTH-OUT_WIDTH-1:0] dropped = x[IN_WIDTH-1:OUT_WIDTH];
            // verilator lint_on UNUSEDSIGNAL
            assign y = x[OUT_WIDTH-1:0];
        end
    endgenerate
endmodule
`default_nettype wire
