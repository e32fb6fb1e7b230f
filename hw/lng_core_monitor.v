// lng_core_monitor: what the streams of the core do, in numbers; counters wrap at 2^32.
// frame_cycles: of the last answered frame, from its first word to its last result. The cycle a
// frame began in waits in a FIFO from the frame's good end to its last result; FRAMES is the most
// frames the core can hold. Reset: synchronous, active high.
`default_nettype none
module lng_core_monitor #(
    parameter integer FRAMES = 20  // good frames between input and output, >= 1
) (
    input  wire        clk,
    input  wire        rst,
    // input port
    input  wire        in_tvalid,
    input  wire        in_tready,
    input  wire        frame_begins,
    input  wire        frame_good,
    input  wire        short_packet,
    input  wire        in_packet,
    // output port
    input  wire        out_tvalid,
    input  wire        out_tready,
    input  wire        out_frame_tlast,
    // the core's own count of malformed frames
    input  wire [31:0] frame_errors,
    // figures
    output wire        busy,
    output wire        error_event,
    output wire [31:0] error_count,
    output wire [31:0] in_stalls,
    output wire [31:0] out_stalls,
    output wire [31:0] frame_cycles,
    output wire [31:0] busy_cycles
);
    reg [31:0] cycle_q;
    reg [31:0] begin_q;          // cycle of the first word of the frame that comes in
    reg [31:0] packet_errors_q;
    reg [31:0] frame_errors_q;   // as they were a cycle ago
    reg [31:0] in_stalls_q;
    reg [31:0] out_stalls_q;
    reg [31:0] frame_cycles_q;
    reg [31:0] busy_cycles_q;

    wire [31:0] oldest;  // cycle of the first word of the frame that goes out
    wire        in_flight;
    wire        answered = out_tvalid && out_tready && out_frame_tlast;

    // verilator lint_off UNUSEDSIGNAL
    wire room;  // always: FRAMES says so
    // verilator lint_on UNUSEDSIGNAL

    lng_fifo #(
        .DATA_WIDTH(32),
        .DEPTH(FRAMES)
    ) u_begins (
        .clk(clk),
        .rst(rst),
        .s_axis_tdata(frame_begins ? cycle_q : begin_q),
        .s_axis_tvalid(frame_good),
        .s_axis_tready(room),
        .m_axis_tdata(oldest),
        .m_axis_tvalid(in_flight),
        .m_axis_tready(answered)
    );

    assign busy         = in_flight || in_packet;
    assign error_event  = short_packet || frame_errors != frame_errors_q;
    assign error_count  = frame_errors + packet_errors_q;
    assign in_stalls    = in_stalls_q;
    assign out_stalls   = out_stalls_q;
    assign frame_cycles = frame_cycles_q;
    assign busy_cycles  = busy_cycles_q;

    always @(posedge clk) begin
        if (frame_begins) begin
            begin_q <= cycle_q;
        end
    end

    always @(posedge clk) begin
        if (rst) begin
            cycle_q         <= 32'd0;
            packet_errors_q <= 32'd0;
            frame_errors_q  <= 32'd0;
            in_stalls_q     <= 32'd0;
            out_stalls_q    <= 32'd0;
            frame_cycles_q  <= 32'd0;
            busy_cycles_q   <= 32'd0;
        end else begin
            cycle_q         <= cycle_q + 32'd1;
            packet_errors_q <= packet_errors_q + {31'd0, short_packet};
            frame_errors_q  <= frame_errors;
            in_stalls_q     <= in_stalls_q + {31'd0, in_tvalid && !in_tready};
            out_stalls_q    <= out_stalls_q + {31'd0, out_tvalid && !out_tready};
            busy_cycles_q   <= busy_cycles_q + {31'd0, busy};
            if (answered) begin
                frame_cycles_q <= cycle_q - oldest;
            end
        end
    end
endmodule
`default_nettype wire
