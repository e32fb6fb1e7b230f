// lng_flat_maxpool: max pooling of an image that arrives PIXELS pixels a cycle.
// Windows do not overlap (stride = size) and need no padding. Pixels come in row-major order
// without a gap at a row's end. Each word is reduced along the row, then against the rows before
// in a line of registers; what a word completes leaves as groups of GROUP pooled pixels, which
// never lie across two rows.
// Throughput: one word per cycle in; one group per cycle out, behind a FIFO of words that hold any.
// A frame starts with a new word. s_axis_tready does not depend on s_axis_tvalid.
// Reset: control bits only.
`default_nettype none
module lng_flat_maxpool #(
    parameter integer LANE_WIDTH = 8,   // bits of one channel of a pixel, >= 1
    parameter integer SIGNED     = 1,   // 1: lanes are signed
    parameter integer CHANNELS   = 6,   // lanes of a pixel, >= 1
    parameter integer PIXELS     = 8,   // pixels per word, a multiple of COLUMNS
    parameter integer HEIGHT     = 28,  // image rows
    parameter integer WIDTH      = 28,  // image columns, a multiple of COLUMNS
    parameter integer ROWS       = 2,   // window rows, 1..HEIGHT
    parameter integer COLUMNS    = 2,   // window columns, >= 1
    parameter integer GROUP      = 2,   // divides PIXELS/COLUMNS and WIDTH/COLUMNS
    parameter integer DEPTH      = 4    // words of the FIFO, >= 1
) (
    input  wire                                  clk,
    input  wire                                  rst,
    // input stream: words of pixels, the first in the low bits
    input  wire [PIXELS*CHANNELS*LANE_WIDTH-1:0] s_axis_tdata,
    input  wire                                  s_axis_tvalid,
    output wire                                  s_axis_tready,
    // output stream: groups of pooled pixels
    output wire [GROUP*CHANNELS*LANE_WIDTH-1:0]  m_axis_tdata,
    output wire                                  m_axis_tvalid,
    input  wire                                  m_axis_tready
);
    localparam integer POOLED  = PIXELS / COLUMNS;  // pooled pixels per word
    localparam integer ROW     = WIDTH / COLUMNS;   // pooled pixels per row
    localparam integer GROUPS  = POOLED / GROUP;
    localparam integer WORDS   = (HEIGHT * WIDTH + PIXELS - 1) / PIXELS;
    localparam integer PIXEL   = CHANNELS * LANE_WIDTH;
    localparam integer WORD    = POOLED * PIXEL;
    localparam integer BEFORE  = (ROWS - 1) * ROW;  // pooled pixels kept for the rows before
    localparam integer USED    = HEIGHT / ROWS * ROWS;  // rows under a window

    generate
        if (PIXELS % COLUMNS != 0 || WIDTH % COLUMNS != 0 || POOLED > ROW || POOLED % GROUP != 0
                || ROW % GROUP != 0 || ROWS > HEIGHT) begin : gen_bad_parameter
            lng_flat_maxpool_sizes_do_not_fit u_bad_parameter ();
        end
    endgenerate

    localparam integer X_WIDTH     = $clog2(ROW + POOLED + 1);
    localparam integer Y_WIDTH     = $clog2(HEIGHT + 2);
    localparam integer P_WIDTH     = (ROWS > 1) ? $clog2(ROWS) : 1;
    localparam integer COUNT_WIDTH = (WORDS > 1) ? $clog2(WORDS) : 1;
    localparam [31:0] LAST_WORD_32 = WORDS - 1;
    localparam [31:0] POOLED_32    = POOLED;
    localparam [31:0] BACK_32      = ROW - POOLED;
    localparam [31:0] LAST_PHASE_32 = ROWS - 1;
    localparam [COUNT_WIDTH-1:0] LAST_WORD  = LAST_WORD_32[COUNT_WIDTH-1:0];
    localparam [X_WIDTH-1:0]     FORWARD    = POOLED_32[X_WIDTH-1:0];
    localparam [X_WIDTH-1:0]     BACK       = BACK_32[X_WIDTH-1:0];
    localparam [P_WIDTH-1:0]     LAST_PHASE = LAST_PHASE_32[P_WIDTH-1:0];

    // ---- a word, reduced along the row ----
    wire [WORD-1:0] reduced;
    reg  [WORD-1:0] word_q;
    reg             valid_q;
    wire            leave;
    wire            accept = s_axis_tvalid && s_axis_tready;

    assign s_axis_tready = !valid_q || leave;

    always @(posedge clk) begin
        if (accept) begin
            word_q <= reduced;
        end
    end
    always @(posedge clk) begin
        if (rst) begin
            valid_q <= 1'b0;
        end else if (s_axis_tready) begin
            valid_q <= s_axis_tvalid;
        end
    end

    // ---- row, phase and column of the first pooled pixel of the word that comes next ----
    reg  [COUNT_WIDTH-1:0] count_q;
    reg  [X_WIDTH-1:0]     x_q;
    reg  [Y_WIDTH-1:0]     y_q;
    reg  [P_WIDTH-1:0]     phase_q;  // y mod ROWS
    wire                   wrap;
    wire [P_WIDTH-1:0]     phase_next = (phase_q == LAST_PHASE) ? {P_WIDTH{1'b0}} : phase_q + 1'b1;

    lng_between #(
        .WIDTH(X_WIDTH),
        .LOW  (ROW - POOLED),
        .HIGH (ROW - 1),
        .MAX  (ROW - 1)
    ) u_wrap (
        .x(x_q),
        .y(wrap)
    );

    always @(posedge clk) begin
        if (rst) begin
            count_q <= {COUNT_WIDTH{1'b0}};
            x_q     <= {X_WIDTH{1'b0}};
            y_q     <= {Y_WIDTH{1'b0}};
            phase_q <= {P_WIDTH{1'b0}};
        end else if (accept) begin
            if (count_q == LAST_WORD) begin
                count_q <= {COUNT_WIDTH{1'b0}};
                x_q     <= {X_WIDTH{1'b0}};
                y_q     <= {Y_WIDTH{1'b0}};
                phase_q <= {P_WIDTH{1'b0}};
            end else begin
                count_q <= count_q + 1'b1;
                x_q     <= wrap ? x_q - BACK : x_q + FORWARD;
                y_q     <= y_q + {{(Y_WIDTH - 1){1'b0}}, wrap};
                phase_q <= wrap ? phase_next : phase_q;
            end
        end
    end

    // ---- against the rows before ----
    wire [BEFORE*PIXEL+WORD-1:0] history;  // oldest pooled pixel in the low bits
    wire [WORD-1:0]              pooled;
    wire [GROUPS-1:0]            complete;

    generate
        if (BEFORE == 0) begin : gen_one_row
            assign history = word_q;
        end else begin : gen_rows
            reg [BEFORE*PIXEL-1:0] line_q;
            assign history = {word_q, line_q};
            always @(posedge clk) begin
                if (valid_q && leave) begin
                    line_q <= history[BEFORE*PIXEL+WORD-1:WORD];
                end
            end
        end
    endgenerate

    genvar p;
    genvar l;
    genvar k;
    generate
        for (p = 0; p < POOLED; p = p + 1) begin : gen_pooled
            for (l = 0; l < CHANNELS; l = l + 1) begin : gen_lane
                wire [COLUMNS*LANE_WIDTH-1:0] along;
                wire [ROWS*LANE_WIDTH-1:0]    across;
                for (k = 0; k < COLUMNS; k = k + 1) begin : gen_along
                    assign along[k*LANE_WIDTH +: LANE_WIDTH] =
                        s_axis_tdata[((p*COLUMNS+k)*CHANNELS+l)*LANE_WIDTH +: LANE_WIDTH];
                end
                for (k = 0; k < ROWS; k = k + 1) begin : gen_across
                    assign across[k*LANE_WIDTH +: LANE_WIDTH] =
                        history[((p+k*ROW)*CHANNELS+l)*LANE_WIDTH +: LANE_WIDTH];
                end
                lng_largest #(
                    .OPERANDS(COLUMNS),
                    .WIDTH   (LANE_WIDTH),
                    .SIGNED  (SIGNED)
                ) u_along (
                    .x(along),
                    .y(reduced[(p*CHANNELS+l)*LANE_WIDTH +: LANE_WIDTH])
                );
                lng_largest #(
                    .OPERANDS(ROWS),
                    .WIDTH   (LANE_WIDTH),
                    .SIGNED  (SIGNED)
                ) u_across (
                    .x(across),
                    .y(pooled[(p*CHANNELS+l)*LANE_WIDTH +: LANE_WIDTH])
                );
            end
        end
        for (k = 0; k < GROUPS; k = k + 1) begin : gen_complete
            wire below;  // in the row after the word's first
            wire here_used;
            wire below_used;
            lng_between #(
                .WIDTH(X_WIDTH),
                .LOW  (ROW - k * GROUP),
                .HIGH (ROW - 1),
                .MAX  (ROW - 1)
            ) u_below (
                .x(x_q),
                .y(below)
            );
            lng_between #(
                .WIDTH(Y_WIDTH),
                .LOW  (0),
                .HIGH (USED - 1),
                .MAX  (HEIGHT)
            ) u_here_used (
                .x(y_q),
                .y(here_used)
            );
            lng_between #(
                .WIDTH(Y_WIDTH),
                .LOW  (0),
                .HIGH (USED - 2),
                .MAX  (HEIGHT)
            ) u_below_used (
                .x(y_q),
                .y(below_used)
            );
            assign complete[k] = (below ? phase_next : phase_q) == LAST_PHASE
                                 && (below ? below_used : here_used);
        end
    endgenerate

    // what the registered word completes
    reg  [GROUPS-1:0] complete_q;
    reg               any_q;
    always @(posedge clk) begin
        if (accept) begin
            complete_q <= complete;
            any_q      <= |complete;
        end
    end

    // ---- words that hold groups wait; groups leave one by one ----
    wire                  room;
    wire [WORD-1:0]       head;
    wire [GROUPS-1:0]     head_groups;
    wire                  head_valid;
    wire                  head_ready;

    assign leave = !any_q || room;

    lng_fifo #(
        .DATA_WIDTH(WORD + GROUPS),
        .DEPTH     (DEPTH)
    ) u_fifo (
        .clk          (clk),
        .rst          (rst),
        .s_axis_tdata ({complete_q, pooled}),
        .s_axis_tvalid(valid_q && any_q),
        .s_axis_tready(room),
        .m_axis_tdata ({head_groups, head}),
        .m_axis_tvalid(head_valid),
        .m_axis_tready(head_ready)
    );

    lng_groups #(
        .GROUP_WIDTH(GROUP * PIXEL),
        .GROUPS     (GROUPS)
    ) u_groups (
        .clk          (clk),
        .rst          (rst),
        .s_axis_tdata (head),
        .s_axis_tuser (head_groups),
        .s_axis_tvalid(head_valid),
        .s_axis_tready(head_ready),
        .m_axis_tdata (m_axis_tdata),
        .m_axis_tvalid(m_axis_tvalid),
        .m_axis_tready(m_axis_tready)
    );
endmodule
`default_nettype wire
