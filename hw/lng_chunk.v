// lng_chunk: hands out a wide word as CHUNKS narrow ones, the low lanes first.
// No latency; the wide word is taken together with its last chunk. Lanes behind the last are zero.
// s_axis_tready depends on m_axis_tready and a counter, never on s_axis_tvalid.
// Reset: synchronous, active high.
`default_nettype none
module lng_chunk #(
    parameter integer LANE_WIDTH = 8,  // bits of one lane, >= 1
    parameter integer IN_LANES   = 6,  // lanes of the wide word, >= 1
    parameter integer OUT_LANES  = 4   // lanes of a chunk, 1..IN_LANES
) (
    input  wire                            clk,
    input  wire                            rst,
    // input stream
    input  wire [IN_LANES*LANE_WIDTH-1:0]  s_axis_tdata,
    input  wire                            s_axis_tvalid,
    output wire                            s_axis_tready,
    // output stream
    output wire [OUT_LANES*LANE_WIDTH-1:0] m_axis_tdata,
    output wire                            m_axis_tvalid,
    input  wire                            m_axis_tready
);
    generate
        if (OUT_LANES < 1 || OUT_LANES > IN_LANES) begin : gen_bad_parameter
            lng_chunk_out_lanes_not_within_in_lanes u_bad_parameter ();
        end
    endgenerate

    localparam integer CHUNKS = (IN_LANES + OUT_LANES - 1) / OUT_LANES;
    localparam integer WIDTH  = OUT_LANES * LANE_WIDTH;

    assign m_axis_tvalid = s_axis_tvalid;

    generate
        if (CHUNKS == 1) begin : gen_through
            // a single chunk needs no counter
            // verilator lint_off UNUSEDSIGNAL
            wire unused = clk & rst;
            // verilator lint_on UNUSEDSIGNAL
            assign m_axis_tdata  = s_axis_tdata;
            assign s_axis_tready = m_axis_tready;
        end else begin : gen_count
            localparam integer COUNT_WIDTH = $clog2(CHUNKS);
            localparam [31:0] LAST_32 = CHUNKS - 1;
            localparam [COUNT_WIDTH-1:0] LAST = LAST_32[COUNT_WIDTH-1:0];
            reg  [COUNT_WIDTH-1:0]  count_q;
            wire [CHUNKS*WIDTH-1:0] padded;
            assign padded[IN_LANES*LANE_WIDTH-1:0] = s_axis_tdata;
            if (CHUNKS * OUT_LANES > IN_LANES) begin : gen_dead_lanes
                assign padded[CHUNKS*WIDTH-1:IN_LANES*LANE_WIDTH] =
                    {(CHUNKS * WIDTH - IN_LANES * LANE_WIDTH){1'b0}};
            end
            assign m_axis_tdata  = padded[count_q*WIDTH +: WIDTH];
            assign s_axis_tready = m_axis_tready && count_q == LAST;
            always @(posedge clk) begin
                if (rst) begin
                    count_q <= {COUNT_WIDTH{1'b0}};
                end else if (s_axis_tvalid && m_axis_tready) begin
                    count_q <= (count_q == LAST) ? {COUNT_WIDTH{1'b0}} : count_q + 1'b1;
                end
            end
        end
    endgenerate
endmodule
`default_nettype wire
