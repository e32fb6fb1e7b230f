// lng_chunk: hands out a wide word as CHUNKS narrow ones, the low lanes first.
// No latency; the wide word is taken together with its last chunk. Lanes behind the last are zero.
// s_axis_tready depends on m_axis_tready and a counter, never on s_axis_tvalid.
// Reset: synchronous, active high.
`default_nettype none
module lng_chunk #(
    parameter integer LANE_WIDTH = 8,  // bits of one lane, >= 1
    parameter integer IN_LANES   = 6,  // lanes of the wide word, >= 1
    parameter integer OUT_LANES  = 4,  // lanes of a chunk, 1..IN_LANES
    parameter integer WORDS      = 1,  // wide words per frame, >= 1
    parameter integer LAST_LANES = IN_LANES  // lanes of the frame's last word that count
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
        if (OUT_LANES < 1 || OUT_LANES > IN_LANES || LAST_LANES < 1 || LAST_LANES > IN_LANES) begin : gen_bad_parameter
            lng_chunk_out_lanes_not_within_in_lanes u_bad_parameter ();
        end
    endgenerate

    localparam integer CHUNKS = (IN_LANES + OUT_LANES - 1) / OUT_LANES;
    localparam integer LAST_CHUNKS = (LAST_LANES + OUT_LANES - 1) / OUT_LANES;
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
            wire                    last;  // the last chunk of the word
            assign padded[IN_LANES*LANE_WIDTH-1:0] = s_axis_tdata;
            if (CHUNKS * OUT_LANES > IN_LANES) begin : gen_dead_lanes
                assign padded[CHUNKS*WIDTH-1:IN_LANES*LANE_WIDTH] =
                    {(CHUNKS * WIDTH - IN_LANES * LANE_WIDTH){1'b0}};
            end
            assign m_axis_tdata  = padded[count_q*WIDTH +: WIDTH];
            assign s_axis_tready = m_axis_tready && last;
            if (LAST_CHUNKS == CHUNKS) begin : gen_whole_words
                assign last = count_q == LAST;
            end else begin : gen_short_word
                localparam integer WORD_WIDTH = (WORDS > 1) ? $clog2(WORDS) : 1;
                localparam [31:0] LAST_WORD_32 = WORDS - 1;
                localparam [31:0] SHORT_32 = LAST_CHUNKS - 1;
                localparam [WORD_WIDTH-1:0] LAST_WORD = LAST_WORD_32[WORD_WIDTH-1:0];
                reg  [WORD_WIDTH-1:0] word_q;
                wire short = word_q == LAST_WORD;
                assign last = count_q == (short ? SHORT_32[COUNT_WIDTH-1:0] : LAST);
                always @(posedge clk) begin
                    if (rst) begin
                        word_q <= {WORD_WIDTH{1'b0}};
                    end else if (s_axis_tvalid && s_axis_tready) begin
                        word_q <= short ? {WORD_WIDTH{1'b0}} : word_q + 1'b1;
                    end
                end
            end
            always @(posedge clk) begin
                if (rst) begin
                    count_q <= {COUNT_WIDTH{1'b0}};
                end else if (s_axis_tvalid && m_axis_tready) begin
                    count_q <= last ? {COUNT_WIDTH{1'b0}} : count_q + 1'b1;
                end
            end
        end
    endgenerate
endmodule
`default_nettype wire
