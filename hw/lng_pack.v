// lng_pack: collects words of IN_LANES lanes into one of OUT_LANES, the first in the low lanes.
// A group of TOTAL words makes ceil(TOTAL / PER_WORD) outputs; the last of a group may carry old
// data in lanes that no word filled, which the consumer must ignore (zero weights).
// Adds no latency: the last word of an output passes through.
// s_axis_tready depends on m_axis_tready and counters, never on s_axis_tvalid.
// Reset: synchronous, active high, control bits only.
`default_nettype none
module lng_pack #(
    parameter integer LANE_WIDTH = 8,  // bits of one lane, >= 1
    parameter integer IN_LANES   = 2,  // lanes of an input word, >= 1
    parameter integer OUT_LANES  = 6,  // lanes of an output word, > (PER_WORD-1)*IN_LANES
    parameter integer PER_WORD   = 3,  // input words per output word, >= 1
    parameter integer TOTAL      = 3   // input words per group, >= 1
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
        if (PER_WORD < 1 || TOTAL < 1 || OUT_LANES > PER_WORD * IN_LANES
                || OUT_LANES <= (PER_WORD - 1) * IN_LANES) begin : gen_bad_parameter
            lng_pack_lanes_do_not_fit u_bad_parameter ();
        end
    endgenerate

    localparam integer WIDTH = IN_LANES * LANE_WIDTH;

    generate
        if (PER_WORD == 1) begin : gen_through
            // one word in, one word out: no state; dead lanes end here
            // verilator lint_off UNUSEDSIGNAL
            wire unused = (clk & rst) ^ (^s_axis_tdata);
            // verilator lint_on UNUSEDSIGNAL
            assign m_axis_tdata  = s_axis_tdata[OUT_LANES*LANE_WIDTH-1:0];
            assign m_axis_tvalid = s_axis_tvalid;
            assign s_axis_tready = m_axis_tready;
        end else begin : gen_collect
            localparam integer COUNT_WIDTH = $clog2(PER_WORD);
            localparam integer TOTAL_WIDTH = (TOTAL > 1) ? $clog2(TOTAL) : 1;
            localparam integer HELD        = (PER_WORD - 1) * WIDTH;
            localparam integer LAST_BITS   = OUT_LANES * LANE_WIDTH - HELD;
            localparam [31:0] LAST_32 = PER_WORD - 1;
            localparam [31:0] LAST_TOTAL_32 = TOTAL - 1;
            localparam [COUNT_WIDTH-1:0] LAST = LAST_32[COUNT_WIDTH-1:0];
            localparam [TOTAL_WIDTH-1:0] LAST_TOTAL = LAST_TOTAL_32[TOTAL_WIDTH-1:0];

            reg [COUNT_WIDTH-1:0] count_q;
            reg [TOTAL_WIDTH-1:0] total_q;
            wire group_end = total_q == LAST_TOTAL;
            wire full      = count_q == LAST;
            wire move      = s_axis_tvalid && s_axis_tready;

            // dead lanes of the last word end here
            // verilator lint_off UNUSEDSIGNAL
            wire unused = ^s_axis_tdata;
            // verilator lint_on UNUSEDSIGNAL

            assign m_axis_tvalid = s_axis_tvalid && (full || group_end);
            assign s_axis_tready = m_axis_tready || !(full || group_end);

            always @(posedge clk) begin
                if (rst) begin
                    count_q <= {COUNT_WIDTH{1'b0}};
                    total_q <= {TOTAL_WIDTH{1'b0}};
                end else if (move) begin
                    count_q <= (full || group_end) ? {COUNT_WIDTH{1'b0}} : count_q + 1'b1;
                    total_q <= group_end ? {TOTAL_WIDTH{1'b0}} : total_q + 1'b1;
                end
            end

            genvar k;
            for (k = 0; k < PER_WORD - 1; k = k + 1) begin : gen_slot
                localparam [31:0] SLOT_32 = k;
                reg [WIDTH-1:0] slot_q;
                wire here = count_q == SLOT_32[COUNT_WIDTH-1:0];
                always @(posedge clk) begin
                    if (move && here) begin
                        slot_q <= s_axis_tdata;
                    end
                end
                // the last word of a short group passes through as well
                assign m_axis_tdata[k*WIDTH +: WIDTH] = here ? s_axis_tdata : slot_q;
            end
            assign m_axis_tdata[OUT_LANES*LANE_WIDTH-1:HELD] = s_axis_tdata[LAST_BITS-1:0];
        end
    endgenerate
endmodule
`default_nettype wire
