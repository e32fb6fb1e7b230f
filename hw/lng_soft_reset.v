// lng_soft_reset: a pulse becomes a reset of CYCLES cycles.
// Reset: synchronous, active high; it ends a soft reset, too.
`default_nettype none
module lng_soft_reset #(
    parameter integer CYCLES = 8  // >= 1
) (
    input  wire clk,
    input  wire rst,
    input  wire start,
    output wire active
);
    generate
        if (CYCLES < 1) begin : gen_bad_parameter
            lng_soft_reset_cycles_below_1 u_bad_parameter ();
        end
    endgenerate

    reg [CYCLES-1:0] shift_q;

    assign active = shift_q[0];

    always @(posedge clk) begin
        if (rst) begin
            shift_q <= {CYCLES{1'b0}};
        end else begin
            shift_q <= start ? {CYCLES{1'b1}} : shift_q >> 1;
        end
    end
endmodule
`default_nettype wire
