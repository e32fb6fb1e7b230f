// lng_maxpool: the largest of each channel over a window of POSITIONS pixels.
// Throughput one window per cycle, latency clog2(POSITIONS) cycles.
// Reset: synchronous, active high, control bits only.
`default_nettype none
module lng_maxpool #(
    parameter integer POSITIONS  = 4,  // pixels in a window, >= 1
    parameter integer CHANNELS   = 6,  // lanes of a pixel, >= 1
    parameter integer LANE_WIDTH = 8,  // bits of one lane, >= 1
    parameter integer SIGNED     = 1   // 1: lanes are signed
) (
    input  wire                                     clk,
    input  wire                                     rst,
    // input stream: windows
    input  wire [POSITIONS*CHANNELS*LANE_WIDTH-1:0] s_axis_tdata,
    input  wire                                     s_axis_tvalid,
    output wire                                     s_axis_tready,
    // output stream: pixels
    output wire [CHANNELS*LANE_WIDTH-1:0]           m_axis_tdata,
    output wire                                     m_axis_tvalid,
    input  wire                                     m_axis_tready
);
    wire ce;

    lng_pipe_control #(
        .DEPTH($clog2(POSITIONS))
    ) u_control (
        .clk          (clk),
        .rst          (rst),
        .s_axis_tvalid(s_axis_tvalid),
        .s_axis_tready(s_axis_tready),
        .m_axis_tvalid(m_axis_tvalid),
        .m_axis_tready(m_axis_tready),
        .ce           (ce)
    );

    genvar c;
    genvar p;
    generate
        for (c = 0; c < CHANNELS; c = c + 1) begin : gen_channel
            wire [POSITIONS*LANE_WIDTH-1:0] operands;
            for (p = 0; p < POSITIONS; p = p + 1) begin : gen_position
                assign operands[p*LANE_WIDTH +: LANE_WIDTH] =
                    s_axis_tdata[(p*CHANNELS+c)*LANE_WIDTH +: LANE_WIDTH];
            end
            lng_reduce_tree #(
                .OPERANDS (POSITIONS),
                .WIDTH    (LANE_WIDTH),
                .OPERATION((SIGNED != 0) ? 1 : 2)
            ) u_maximum (
                .clk(clk),
                .ce (ce),
                .x  (operands),
                .y  (m_axis_tdata[c*LANE_WIDTH +: LANE_WIDTH])
            );
        end
    endgenerate
endmodule
`default_nettype wire
