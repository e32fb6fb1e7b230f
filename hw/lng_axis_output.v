// lng_axis_output: results to AXI4-Stream, one sign- or zero-extended element per word, TLAST on
// the frame's last. Frames whose flag says so are swallowed. Lanes behind a group are skipped.
// No latency, one element per cycle. s_axis_tready does not depend on s_axis_tvalid.
// Reset: synchronous, active high.
`default_nettype none
module lng_axis_output #(
    parameter integer LANES       = 2,   // elements in an input word, >= 1
    parameter integer LANE_WIDTH  = 24,  // bits of an element, <= TDATA_WIDTH
    parameter integer LANE_SIGNED = 1,   // 1: elements are signed
    parameter integer GROUP       = 10,  // elements per group (channels); a group starts a word
    parameter integer GROUPS      = 1,   // groups per frame, >= 1
    parameter integer TDATA_WIDTH = 32   // bits of an output word
) (
    input  wire                        clk,
    input  wire                        rst,
    // input stream
    input  wire [LANES*LANE_WIDTH-1:0] s_axis_tdata,
    input  wire                        s_axis_tvalid,
    output wire                        s_axis_tready,
    // flag stream: one per frame, 1 = drop
    input  wire                        flag_tdata,
    input  wire                        flag_tvalid,
    output wire                        flag_tready,
    // output stream
    output wire [TDATA_WIDTH-1:0]      m_axis_tdata,
    output wire                        m_axis_tlast,
    output wire                        m_axis_tvalid,
    input  wire                        m_axis_tready
);
    generate
        if (LANE_WIDTH > TDATA_WIDTH) begin : gen_bad_parameter
            lng_axis_output_lane_wider_than_tdata u_bad_parameter ();
        end
    endgenerate

    localparam integer LANE_INDEX_WIDTH = (LANES > 1) ? $clog2(LANES) : 1;
    localparam integer ELEMENT_WIDTH    = (GROUP > 1) ? $clog2(GROUP) : 1;
    localparam integer GROUP_WIDTH      = (GROUPS > 1) ? $clog2(GROUPS) : 1;
    localparam [31:0] LAST_LANE_32    = LANES - 1;
    localparam [31:0] LAST_ELEMENT_32 = GROUP - 1;
    localparam [31:0] LAST_GROUP_32   = GROUPS - 1;
    localparam [LANE_INDEX_WIDTH-1:0] LAST_LANE    = LAST_LANE_32[LANE_INDEX_WIDTH-1:0];
    localparam [ELEMENT_WIDTH-1:0]    LAST_ELEMENT = LAST_ELEMENT_32[ELEMENT_WIDTH-1:0];
    localparam [GROUP_WIDTH-1:0]      LAST_GROUP   = LAST_GROUP_32[GROUP_WIDTH-1:0];

    reg [LANE_INDEX_WIDTH-1:0] lane_q;
    reg [ELEMENT_WIDTH-1:0]    element_q;
    reg [GROUP_WIDTH-1:0]      group_q;

    wire drop        = flag_tdata;
    wire group_end   = element_q == LAST_ELEMENT;
    wire frame_end   = group_end && group_q == LAST_GROUP;
    wire word_end    = group_end || lane_q == LAST_LANE;
    wire may_advance = flag_tvalid && (drop || m_axis_tready);
    wire advance     = may_advance && s_axis_tvalid;

    assign s_axis_tready = may_advance && word_end;
    assign flag_tready   = s_axis_tvalid && (drop || m_axis_tready) && frame_end;
    assign m_axis_tvalid = s_axis_tvalid && flag_tvalid && !drop;
    assign m_axis_tlast  = frame_end;

    wire [LANE_WIDTH-1:0] lane;
    generate
        if (LANES == 1) begin : gen_single_lane
            assign lane = s_axis_tdata;
        end else begin : gen_lanes
            assign lane = s_axis_tdata[lane_q*LANE_WIDTH +: LANE_WIDTH];
        end
        if (LANE_WIDTH == TDATA_WIDTH) begin : gen_full
            assign m_axis_tdata = lane;
        end else if (LANE_SIGNED != 0) begin : gen_signed
            assign m_axis_tdata = { {(TDATA_WIDTH - LANE_WIDTH){lane[LANE_WIDTH-1]}}, lane};
        end else begin : gen_unsigned
            assign m_axis_tdata = { {(TDATA_WIDTH - LANE_WIDTH){1'b0}}, lane};
        end
    endgenerate

    always @(posedge clk) begin
        if (rst) begin
            lane_q    <= {LANE_INDEX_WIDTH{1'b0}};
            element_q <= {ELEMENT_WIDTH{1'b0}};
            group_q   <= {GROUP_WIDTH{1'b0}};
        end else if (advance) begin
            lane_q    <= word_end ? {LANE_INDEX_WIDTH{1'b0}} : lane_q + 1'b1;
            element_q <= group_end ? {ELEMENT_WIDTH{1'b0}} : element_q + 1'b1;
            if (group_end) begin
                group_q <= frame_end ? {GROUP_WIDTH{1'b0}} : group_q + 1'b1;
            end
        end
    end
endmodule
`default_nettype wire
