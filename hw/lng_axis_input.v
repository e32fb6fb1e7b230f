// lng_axis_input: cuts the AXI4-Stream into frames of exactly PIXELS words.
// A frame closed by TLAST too early is filled with zero words; one that does not close with its
// last word is discarded up to the next TLAST. Both are marked to be dropped, so that frames
// before and after them are not disturbed. One flag per frame leaves on the flag stream.
// No latency. s_axis_tready does not depend on s_axis_tvalid. Reset: synchronous, active high.
`default_nettype none
module lng_axis_input #(
    parameter integer DATA_WIDTH = 8,   // bits per word, >= 1
    parameter integer PIXELS     = 784  // words per frame, >= 1
) (
    input  wire                  clk,
    input  wire                  rst,
    // input stream
    input  wire [DATA_WIDTH-1:0] s_axis_tdata,
    input  wire                  s_axis_tlast,
    input  wire                  s_axis_tvalid,
    output wire                  s_axis_tready,
    // output stream: whole frames
    output wire [DATA_WIDTH-1:0] m_axis_tdata,
    output wire                  m_axis_tvalid,
    input  wire                  m_axis_tready,
    // flag stream: 1 = drop this frame's result
    output wire                  flag_tdata,
    output wire                  flag_tvalid,
    input  wire                  flag_tready
);
    generate
        if (PIXELS < 1) begin : gen_bad_parameter
            lng_axis_input_pixels_below_1 u_bad_parameter ();
        end
    endgenerate

    localparam integer COUNT_WIDTH = (PIXELS > 1) ? $clog2(PIXELS) : 1;
    localparam [31:0] LAST_32 = PIXELS - 1;
    localparam [COUNT_WIDTH-1:0] LAST = LAST_32[COUNT_WIDTH-1:0];

    reg                   fill_q;   // completing a short frame
    reg                   drain_q;  // discarding the rest of a long frame
    reg [COUNT_WIDTH-1:0] count_q;

    wire last = count_q == LAST;
    wire room = m_axis_tready && flag_tready && !rst;
    wire move = m_axis_tvalid && m_axis_tready;

    assign s_axis_tready = drain_q ? !rst : (room && !fill_q);
    assign m_axis_tvalid = flag_tready && !rst && (fill_q || (s_axis_tvalid && !drain_q));
    assign m_axis_tdata  = fill_q ? {DATA_WIDTH{1'b0}} : s_axis_tdata;
    assign flag_tvalid   = move && last;
    assign flag_tdata    = fill_q || !s_axis_tlast;

    always @(posedge clk) begin
        if (rst) begin
            fill_q  <= 1'b0;
            drain_q <= 1'b0;
            count_q <= {COUNT_WIDTH{1'b0}};
        end else begin
            if (move) begin
                count_q <= last ? {COUNT_WIDTH{1'b0}} : count_q + 1'b1;
                fill_q  <= !last && (fill_q || s_axis_tlast);
            end
            if (move && last && !fill_q && !s_axis_tlast) begin
                drain_q <= 1'b1;
            end else if (drain_q && s_axis_tvalid && s_axis_tlast) begin
                drain_q <= 1'b0;
            end
        end
    end
endmodule
`default_nettype wire
