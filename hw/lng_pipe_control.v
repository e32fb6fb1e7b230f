// lng_pipe_control: the valid bits and the clock enable of a pipeline of DEPTH registers.
// ce moves every register; it stops only while a finished word waits at the end.
// s_axis_tready depends on m_axis_tready and registers, never on s_axis_tvalid.
// Reset: synchronous, active high.
`default_nettype none
module lng_pipe_control #(
    parameter integer DEPTH = 1  // registers between input and output, >= 0
) (
    input  wire clk,
    input  wire rst,
    input  wire s_axis_tvalid,
    output wire s_axis_tready,
    output wire m_axis_tvalid,
    input  wire m_axis_tready,
    output wire ce
);
    assign s_axis_tready = ce;

    generate
        if (DEPTH == 0) begin : gen_through
            // no register, no state
            // verilator lint_off UNUSEDSIGNAL
            wire unused = clk & rst;
            // verilator lint_on UNUSEDSIGNAL
            assign m_axis_tvalid = s_axis_tvalid;
            assign ce            = m_axis_tready;
        end else begin : gen_pipe
            reg  [DEPTH-1:0] valid_q;
            wire [DEPTH:0]   valid_shifted = {valid_q, s_axis_tvalid};
            assign m_axis_tvalid = valid_shifted[DEPTH];
            assign ce            = !m_axis_tvalid || m_axis_tready;
            always @(posedge clk) begin
                if (rst) begin
                    valid_q <= {DEPTH{1'b0}};
                end else if (ce) begin
                    valid_q <= valid_shifted[DEPTH-1:0];
                end
            end
        end
    endgenerate
endmodule
`default_nettype wire
