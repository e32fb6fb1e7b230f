// lng_windows: UNITS lng_window side by side, one output row each in turn.
// A window unit needs WIDTH cycles to read a row of columns. While one unit sends its row the others
// read theirs up to the first window, so that no time passes between rows. Every unit gets the whole
// image through a FIFO of its own.
// Throughput: one window per STRIDE_X cycles as long as UNITS*OUT_WIDTH*STRIDE_X >= WIDTH and the
// input keeps up. Every frame begins with unit 0: if UNITS does not divide OUT_HEIGHT it pauses once
// per frame.
// s_axis_tready does not depend on s_axis_tvalid. Reset: control bits only.
`default_nettype none
module lng_windows #(
    parameter integer UNITS       = 2,   // >= 2, at most OUT_HEIGHT
    parameter integer DEPTH       = 4,   // words of each FIFO, >= 1
    parameter integer DATA_WIDTH  = 8,   // the rest: see lng_window
    parameter integer HEIGHT      = 28,
    parameter integer WIDTH       = 28,
    parameter integer ROWS        = 5,
    parameter integer COLUMNS     = 5,
    parameter integer STRIDE_Y    = 1,
    parameter integer STRIDE_X    = 1,
    parameter integer PAD_TOP     = 2,
    parameter integer PAD_LEFT    = 2,
    parameter integer OUT_HEIGHT  = 28,
    parameter integer OUT_WIDTH   = 28,
    parameter integer PIXELS      = 1,
    parameter integer SLOTS       = 1,
    parameter [DATA_WIDTH-1:0] PAD_VALUE = {DATA_WIDTH{1'b0}}
) (
    input  wire                               clk,
    input  wire                               rst,
    // input stream: words of pixels
    input  wire [PIXELS*DATA_WIDTH-1:0]       s_axis_tdata,
    input  wire                               s_axis_tvalid,
    output wire                               s_axis_tready,
    // output stream: windows and their masks, as lng_window sends them
    output wire [ROWS*COLUMNS*DATA_WIDTH-1:0] m_axis_tdata,
    output wire [COLUMNS+ROWS-1:0]            m_axis_tuser,
    output wire                               m_axis_tvalid,
    input  wire                               m_axis_tready
);
    generate
        if (UNITS < 2 || UNITS > OUT_HEIGHT) begin : gen_bad_parameter
            lng_windows_units_out_of_range u_bad_parameter ();
        end
    endgenerate

    localparam integer WINDOW  = ROWS * COLUMNS * DATA_WIDTH;
    localparam integer MASK    = COLUMNS + ROWS;
    localparam integer X_WIDTH = (OUT_WIDTH > 1) ? $clog2(OUT_WIDTH) : 1;
    localparam integer Y_WIDTH = (OUT_HEIGHT > 1) ? $clog2(OUT_HEIGHT) : 1;
    localparam [31:0] LAST_X_32 = OUT_WIDTH - 1;
    localparam [31:0] LAST_Y_32 = OUT_HEIGHT - 1;
    localparam [X_WIDTH-1:0] LAST_X = LAST_X_32[X_WIDTH-1:0];
    localparam [Y_WIDTH-1:0] LAST_Y = LAST_Y_32[Y_WIDTH-1:0];

    // whose turn it is
    reg [UNITS-1:0]   turn_q;  // one-hot
    reg [X_WIDTH-1:0] x_q;
    reg [Y_WIDTH-1:0] y_q;
    wire              move = m_axis_tvalid && m_axis_tready;
    always @(posedge clk) begin
        if (rst) begin
            turn_q <= {{(UNITS - 1){1'b0}}, 1'b1};
            x_q    <= {X_WIDTH{1'b0}};
            y_q    <= {Y_WIDTH{1'b0}};
        end else if (move) begin
            x_q <= (x_q == LAST_X) ? {X_WIDTH{1'b0}} : x_q + 1'b1;
            if (x_q == LAST_X) begin
                y_q    <= (y_q == LAST_Y) ? {Y_WIDTH{1'b0}} : y_q + 1'b1;
                turn_q <= (y_q == LAST_Y) ? {{(UNITS - 1){1'b0}}, 1'b1}
                                          : {turn_q[UNITS-2:0], turn_q[UNITS-1]};
            end
        end
    end

    wire [UNITS-1:0]             room;
    wire [UNITS-1:0]             valid;
    wire [UNITS*(WINDOW+MASK)-1:0] merged;

    assign s_axis_tready = &room;
    assign m_axis_tvalid = |(valid & turn_q);
    assign {m_axis_tuser, m_axis_tdata} = merged[(UNITS-1)*(WINDOW+MASK) +: WINDOW+MASK];

    genvar u;
    generate
        for (u = 0; u < UNITS; u = u + 1) begin : gen_unit
            wire [PIXELS*DATA_WIDTH-1:0] word;
            wire                         word_valid;
            wire                         word_ready;
            wire [WINDOW-1:0]            window;
            wire [MASK-1:0]              mask;
            wire [WINDOW+MASK-1:0]       gated = {mask, window} & {(WINDOW + MASK){turn_q[u]}};
            lng_fifo #(
                .DATA_WIDTH(PIXELS * DATA_WIDTH),
                .DEPTH     (DEPTH)
            ) u_fifo (
                .clk          (clk),
                .rst          (rst),
                .s_axis_tdata (s_axis_tdata),
                .s_axis_tvalid(s_axis_tvalid && s_axis_tready),
                .s_axis_tready(room[u]),
                .m_axis_tdata (word),
                .m_axis_tvalid(word_valid),
                .m_axis_tready(word_ready)
            );
            lng_window #(
                .DATA_WIDTH(DATA_WIDTH),
                .HEIGHT    (HEIGHT),
                .WIDTH     (WIDTH),
                .ROWS      (ROWS),
                .COLUMNS   (COLUMNS),
                .STRIDE_Y  (UNITS * STRIDE_Y),
                .STRIDE_X  (STRIDE_X),
                .PAD_TOP   (PAD_TOP - u * STRIDE_Y),
                .PAD_LEFT  (PAD_LEFT),
                .OUT_HEIGHT((OUT_HEIGHT - u + UNITS - 1) / UNITS),
                .OUT_WIDTH (OUT_WIDTH),
                .PIXELS    (PIXELS),
                .SLOTS     (SLOTS),
                .PAD_VALUE (PAD_VALUE)
            ) u_window (
                .clk          (clk),
                .rst          (rst),
                .s_axis_tdata (word),
                .s_axis_tvalid(word_valid),
                .s_axis_tready(word_ready),
                .m_axis_tdata (window),
                .m_axis_tuser (mask),
                .m_axis_tvalid(valid[u]),
                .m_axis_tready(m_axis_tready && turn_q[u])
            );
            if (u == 0) begin : gen_first
                assign merged[WINDOW+MASK-1:0] = gated;
            end else begin : gen_next
                assign merged[u*(WINDOW+MASK) +: WINDOW+MASK] =
                    merged[(u-1)*(WINDOW+MASK) +: WINDOW+MASK] | gated;
            end
        end
    endgenerate
endmodule
`default_nettype wire
