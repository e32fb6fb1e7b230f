// lng_groups: sends the marked groups of a word one by one, the lowest first.
// Throughput: one group per cycle; a word leaves with its last marked group. At least one group of
// a word must be marked. Combinational from input to output; s_axis_tready depends on m_axis_tready.
// Reset: control bits only.
`default_nettype none
module lng_groups #(
    parameter integer GROUP_WIDTH = 8,  // bits of a group, >= 1
    parameter integer GROUPS      = 2   // groups in a word, >= 1
) (
    input  wire                          clk,
    input  wire                          rst,
    // input stream: words; tuser marks the groups that count
    input  wire [GROUPS*GROUP_WIDTH-1:0] s_axis_tdata,
    input  wire [GROUPS-1:0]             s_axis_tuser,
    input  wire                          s_axis_tvalid,
    output wire                          s_axis_tready,
    // output stream: groups
    output wire [GROUP_WIDTH-1:0]        m_axis_tdata,
    output wire                          m_axis_tvalid,
    input  wire                          m_axis_tready
);
    assign m_axis_tvalid = s_axis_tvalid;

    generate
        if (GROUPS == 1) begin : gen_through
            // a single group needs no state
            // verilator lint_off UNUSEDSIGNAL
            wire unused = ^{clk, rst, s_axis_tuser};
            // verilator lint_on UNUSEDSIGNAL
            assign m_axis_tdata  = s_axis_tdata;
            assign s_axis_tready = m_axis_tready;
        end else begin : gen_select
            reg  [GROUPS-1:0] sent_q;
            wire [GROUPS-1:0] left = s_axis_tuser & ~sent_q;
            wire [GROUPS-1:0] first;  // one-hot: the lowest group left
            wire [GROUPS*GROUP_WIDTH-1:0] gated;
            wire [GROUP_WIDTH*GROUPS-1:0] merged;

            assign s_axis_tready = m_axis_tready && left == first;

            always @(posedge clk) begin
                if (rst) begin
                    sent_q <= {GROUPS{1'b0}};
                end else if (s_axis_tvalid && m_axis_tready) begin
                    sent_q <= (left == first) ? {GROUPS{1'b0}} : sent_q | first;
                end
            end

            genvar k;
            for (k = 0; k < GROUPS; k = k + 1) begin : gen_group
                if (k == 0) begin : gen_lowest
                    assign first[0] = left[0];
                    assign merged[GROUP_WIDTH-1:0] = gated[GROUP_WIDTH-1:0];
                end else begin : gen_higher
                    assign first[k] = left[k] && left[k-1:0] == {k{1'b0}};
                    assign merged[k*GROUP_WIDTH +: GROUP_WIDTH] =
                        merged[(k-1)*GROUP_WIDTH +: GROUP_WIDTH] | gated[k*GROUP_WIDTH +: GROUP_WIDTH];
                end
                assign gated[k*GROUP_WIDTH +: GROUP_WIDTH] =
                    s_axis_tdata[k*GROUP_WIDTH +: GROUP_WIDTH] & {GROUP_WIDTH{first[k]}};
            end
            assign m_axis_tdata = merged[(GROUPS-1)*GROUP_WIDTH +: GROUP_WIDTH];
        end
    endgenerate
endmodule
`default_nettype wire
