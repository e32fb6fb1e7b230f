// lng_packet_output: TLAST of every packet_frames-th frame only. Data goes by outside.
// No latency, control bits only. Reset: synchronous, active high.
`default_nettype none
module lng_packet_output #(
    parameter integer COUNT_WIDTH = 16  // bits of packet_frames
) (
    input  wire                   clk,
    input  wire                   rst,
    input  wire [COUNT_WIDTH-1:0] packet_frames,  // >= 1
    input  wire                   frame_tlast,
    input  wire                   take,           // a word moves
    output wire                   packet_tlast
);
    reg [COUNT_WIDTH-1:0] frame_q;  // in the packet

    assign packet_tlast = frame_tlast && frame_q == packet_frames - 1'b1;

    always @(posedge clk) begin
        if (rst) begin
            frame_q <= {COUNT_WIDTH{1'b0}};
        end else if (take && frame_tlast) begin
            frame_q <= packet_tlast ? {COUNT_WIDTH{1'b0}} : frame_q + 1'b1;
        end
    end
endmodule
`default_nettype wire
