// lng_packet_input: cuts packets of whole frames into frames, for lng_axis_input behind it.
// A packet is packet_frames frames of WORDS words and ends with TLAST; m_axis_tlast closes each
// frame. Frames that the core has to drop look malformed to it:
//   TLAST inside of a frame                 closes it too early;
//   no TLAST at the packet's last word      nor on m_axis, up to the next TLAST;
//   bytes without TKEEP in a whole frame    a word too many closes it.
// A packet that ends between two frames raises short_packet. Data goes by outside.
// No latency. s_axis_tready does not depend on s_axis_tvalid. Reset: synchronous, active high.
`default_nettype none
module lng_packet_input #(
    parameter integer BYTES       = 1,    // bytes of a stream word, >= 1
    parameter integer WORD_BYTES  = 1,    // of them with pixels, the low ones, <= BYTES
    parameter integer LAST_BYTES  = 1,    // the same in a frame's last word, 1 to WORD_BYTES
    parameter integer WORDS       = 784,  // words per frame, >= 1
    parameter integer COUNT_WIDTH = 16    // bits of packet_frames
) (
    input  wire                   clk,
    input  wire                   rst,
    input  wire [COUNT_WIDTH-1:0] packet_frames,  // >= 1
    // packets
    input  wire [BYTES-1:0]       s_axis_tkeep,
    input  wire                   s_axis_tlast,
    input  wire                   s_axis_tvalid,
    output wire                   s_axis_tready,
    // frames
    output wire                   m_axis_tlast,
    output wire                   m_axis_tvalid,
    input  wire                   m_axis_tready,
    // events of this cycle, and whether a packet is not at its end
    output wire                   frame_begins,
    output wire                   frame_good,
    output wire                   short_packet,
    output wire                   in_packet
);
    generate
        if (WORDS < 1) begin : gen_bad_words
            lng_packet_input_words_below_1 u_bad_parameter ();
        end
        if (WORD_BYTES > BYTES || LAST_BYTES > WORD_BYTES || LAST_BYTES < 1) begin : gen_bad_bytes
            lng_packet_input_bytes_out_of_range u_bad_parameter ();
        end
    endgenerate

    localparam integer WORD_WIDTH = (WORDS > 1) ? $clog2(WORDS) : 1;
    localparam [31:0] LAST_32 = WORDS - 1;
    localparam [WORD_WIDTH-1:0] LAST = LAST_32[WORD_WIDTH-1:0];
    localparam [BYTES-1:0] ALL       = {BYTES{1'b1}};
    localparam [BYTES-1:0] NEED      = ALL >> (BYTES - WORD_BYTES);
    localparam [BYTES-1:0] NEED_LAST = ALL >> (BYTES - LAST_BYTES);

    reg [WORD_WIDTH-1:0]  word_q;   // in the frame
    reg [COUNT_WIDTH-1:0] frame_q;  // in the packet
    reg                   bad_q;    // bytes were missing in this frame
    reg                   long_q;   // discarding the rest of a long packet
    reg                   close_q;  // sending the word too many

    wire last_word  = word_q == LAST;
    wire last_frame = frame_q == packet_frames - 1'b1;
    wire missing    = ((last_word ? NEED_LAST : NEED) & ~s_axis_tkeep) != {BYTES{1'b0}};
    wire bad        = bad_q || missing;
    wire at_end     = last_word && !long_q;
    wire frame_end  = at_end && (s_axis_tlast || !last_frame);
    wire take       = s_axis_tvalid && s_axis_tready;

    assign s_axis_tready = m_axis_tready && !close_q;
    assign m_axis_tvalid = s_axis_tvalid || close_q;
    assign m_axis_tlast  = close_q || (at_end ? (frame_end && !bad) : s_axis_tlast);
    assign frame_begins  = take && !long_q && word_q == {WORD_WIDTH{1'b0}};
    assign frame_good    = take && frame_end && !bad;
    assign short_packet  = take && at_end && s_axis_tlast && !last_frame;
    assign in_packet     = word_q != {WORD_WIDTH{1'b0}} || frame_q != {COUNT_WIDTH{1'b0}}
                           || long_q || close_q;

    always @(posedge clk) begin
        if (rst) begin
            word_q  <= {WORD_WIDTH{1'b0}};
            frame_q <= {COUNT_WIDTH{1'b0}};
            bad_q   <= 1'b0;
            long_q  <= 1'b0;
            close_q <= 1'b0;
        end else begin
            if (close_q && m_axis_tready) begin
                close_q <= 1'b0;
            end
            if (take) begin
                long_q  <= !s_axis_tlast && (long_q || (last_word && last_frame));
                close_q <= frame_end && bad;
                bad_q   <= bad && !s_axis_tlast && !last_word && !long_q;
                word_q  <= (s_axis_tlast || last_word || long_q) ? {WORD_WIDTH{1'b0}}
                                                                 : word_q + 1'b1;
                if (s_axis_tlast) begin
                    frame_q <= {COUNT_WIDTH{1'b0}};
                end else if (at_end) begin
                    frame_q <= last_frame ? {COUNT_WIDTH{1'b0}} : frame_q + 1'b1;
                end
            end
        end
    end
endmodule
`default_nettype wire
