// lng_relu: max(x, 0), which can be limited, leaky or left out, and a cast, lane by lane.
// Throughput one word per cycle, latency 1 cycle. Reset: control bits only.
`default_nettype none
module lng_relu #(
    parameter integer LANES      = 6,  // lanes of a word, >= 1
    parameter integer IN_WIDTH   = 8,  // bits of an input lane, >= 1
    parameter integer IN_SIGNED  = 1,  // 1: input lanes are signed
    parameter integer OUT_WIDTH  = 8,  // bits of a result lane, >= 1
    parameter integer OUT_SIGNED = 1,  // 1: result lanes are signed
    parameter integer SHIFT      = 0,  // input, activated, minus result fraction bits
    parameter integer RELU       = 1,  // 0: the cast alone
    parameter integer ROUNDING   = 2,  // see lng_requantize
    parameter integer OVERFLOW   = 1,  // see lng_requantize
    parameter [IN_WIDTH:0] LIMIT = {(IN_WIDTH + 1){1'b0}},  // see lng_requantize, sign included
    parameter integer NEGATIVE_SHIFT = 0  // see lng_requantize
) (
    input  wire                       clk,
    input  wire                       rst,
    // input stream
    input  wire [LANES*IN_WIDTH-1:0]  s_axis_tdata,
    input  wire                       s_axis_tvalid,
    output wire                       s_axis_tready,
    // output stream
    output wire [LANES*OUT_WIDTH-1:0] m_axis_tdata,
    output wire                       m_axis_tvalid,
    input  wire                       m_axis_tready
);
    localparam integer X_WIDTH = (IN_SIGNED != 0) ? IN_WIDTH : IN_WIDTH + 1;

    wire ce;
    wire [LANES*OUT_WIDTH-1:0] result;
    reg  [LANES*OUT_WIDTH-1:0] result_q;

    assign m_axis_tdata = result_q;

    lng_pipe_control #(
        .DEPTH(1)
    ) u_control (
        .clk          (clk),
        .rst          (rst),
        .s_axis_tvalid(s_axis_tvalid),
        .s_axis_tready(s_axis_tready),
        .m_axis_tvalid(m_axis_tvalid),
        .m_axis_tready(m_axis_tready),
        .ce           (ce)
    );

    always @(posedge clk) begin
        if (ce) begin
            result_q <= result;
        end
    end

    genvar i;
    generate
        for (i = 0; i < LANES; i = i + 1) begin : gen_lane
            wire [X_WIDTH-1:0] lane;
            if (IN_SIGNED != 0) begin : gen_signed
                assign lane = s_axis_tdata[i*IN_WIDTH +: IN_WIDTH];
            end else begin : gen_unsigned
                assign lane = {1'b0, s_axis_tdata[i*IN_WIDTH +: IN_WIDTH]};
            end
            lng_requantize #(
                .IN_WIDTH  (X_WIDTH),
                .OUT_WIDTH (OUT_WIDTH),
                .OUT_SIGNED(OUT_SIGNED),
                .SHIFT     (SHIFT),
                .RELU      (RELU),
                .ROUNDING  (ROUNDING),
                .OVERFLOW  (OVERFLOW),
                .LIMIT     (LIMIT[X_WIDTH-1:0]),
                .NEGATIVE_SHIFT(NEGATIVE_SHIFT)
            ) u_requantize (
                .x(lane),
                .y(result[i*OUT_WIDTH +: OUT_WIDTH])
            );
        end
    endgenerate
endmodule
`default_nettype wire
