// lng_add_modulo: y = (x + ADDEND) mod MODULUS for x < MODULUS. Combinational.
`default_nettype none
module lng_add_modulo #(
    parameter integer WIDTH   = 3,  // bits, 2^WIDTH >= MODULUS
    parameter integer ADDEND  = 1,  // 0..MODULUS-1
    parameter integer MODULUS = 5   // >= 1
) (
    input  wire [WIDTH-1:0] x,
    output wire [WIDTH-1:0] y
);
    generate
        if (ADDEND < 0 || ADDEND >= MODULUS || (1 << WIDTH) < MODULUS) begin : gen_bad_parameter
            lng_add_modulo_addend_or_width u_bad_parameter ();
        end
    endgenerate

    localparam [31:0] ADDEND_32 = ADDEND;
    localparam [31:0] BACK_32   = MODULUS - ADDEND;
    localparam [31:0] LIMIT_32  = MODULUS - ADDEND;
    localparam [WIDTH:0]   LIMIT   = LIMIT_32[WIDTH:0];
    localparam [WIDTH-1:0] FORWARD = ADDEND_32[WIDTH-1:0];
    localparam [WIDTH-1:0] BACK    = BACK_32[WIDTH-1:0];

    assign y = ({1'b0, x} < LIMIT) ? x + FORWARD : x - BACK;
endmodule
`default_nettype wire
