// lng_flat_window: PIXELS sliding windows a cycle over an image that arrives PIXELS pixels a cycle.
// Pixels come in row-major order without a gap at a row's end, so a row may end inside a word. They
// shift through one line of registers; a tap is a fixed place of it, and padding is masked by the
// row and column of each window. One window position per pixel: stride 1, output as large as input.
// A frame starts with a new word; the places behind the last pixel of its last word count for
// nothing. The next frame pushes the last windows of a frame out; when there is none yet, dummy
// words do.
// Throughput: one word per cycle. Latency from the word that completes a window: 1 cycle.
// s_axis_tready does not depend on s_axis_tvalid. Reset: control bits only.
`default_nettype none
module lng_flat_window #(
    parameter integer DATA_WIDTH = 8,   // bits per pixel (all channels), >= 1
    parameter integer PIXELS     = 8,   // pixels per word, 1..WIDTH
    parameter integer HEIGHT     = 28,  // image rows, >= 1
    parameter integer WIDTH      = 28,  // image columns, >= 1
    parameter integer ROWS       = 5,   // window rows, >= 1
    parameter integer COLUMNS    = 5,   // window columns, >= 1
    parameter integer PAD_TOP    = 2,   // 0..ROWS-1
    parameter integer PAD_LEFT   = 2,   // 0..COLUMNS-1
    parameter integer COLUMN_STEP = 4   // divides PIXELS and WIDTH: words start at its multiples
) (
    input  wire                                      clk,
    input  wire                                      rst,
    // input stream: words of pixels, the first in the low bits
    input  wire [PIXELS*DATA_WIDTH-1:0]              s_axis_tdata,
    input  wire                                      s_axis_tvalid,
    output wire                                      s_axis_tready,
    // output stream: words of windows, each row-major, the first window and pixel in the low bits
    output wire [PIXELS*ROWS*COLUMNS*DATA_WIDTH-1:0] m_axis_tdata,
    output wire                                      m_axis_tvalid,
    input  wire                                      m_axis_tready
);
    generate
        if (PIXELS < 1 || PIXELS > WIDTH || PAD_TOP < 0 || PAD_TOP >= ROWS || PAD_LEFT < 0
                || PAD_LEFT >= COLUMNS) begin : gen_bad_parameter
            lng_flat_window_parameter_out_of_range u_bad_parameter ();
        end
        if (COLUMN_STEP < 1 || PIXELS % COLUMN_STEP != 0
                || WIDTH % COLUMN_STEP != 0) begin : gen_bad_step
            lng_flat_window_column_step_no_divisor u_bad_step ();
        end
    endgenerate

    localparam integer WORDS  = (HEIGHT * WIDTH + PIXELS - 1) / PIXELS;
    // pixels a window needs after and before its own position, and words they span
    localparam integer AHEAD  = (ROWS - 1 - PAD_TOP) * WIDTH + COLUMNS - 1 - PAD_LEFT;
    localparam integer BEHIND = PAD_TOP * WIDTH + PAD_LEFT;
    localparam integer LAG    = (AHEAD + PIXELS - 1) / PIXELS;
    localparam integer LINE   = LAG + 1 + (BEHIND + PIXELS - 1) / PIXELS;
    localparam integer START  = (LINE - 1 - LAG) * PIXELS;  // place of the emitted word's pixel 0

    localparam integer X_WIDTH     = (WIDTH > 1) ? $clog2(WIDTH) : 1;
    localparam integer Y_WIDTH     = (HEIGHT > 1) ? $clog2(HEIGHT) : 1;
    localparam integer COUNT_WIDTH = (WORDS > 1) ? $clog2(WORDS) : 1;
    localparam integer WORD_BITS   = PIXELS * DATA_WIDTH;

    localparam [31:0] LAST_WORD_32 = WORDS - 1;
    localparam [31:0] PIXELS_32    = PIXELS;
    localparam [31:0] WIDTH_32     = WIDTH;
    localparam [COUNT_WIDTH-1:0] LAST_WORD = LAST_WORD_32[COUNT_WIDTH-1:0];

    // ---- the line: oldest pixel in the low bits; tags of the words not yet emitted ----
    // verilator lint_off UNUSEDSIGNAL
    reg [LINE*WORD_BITS-1:0] line_q;  // no window may reach the oldest pixels
    // verilator lint_on UNUSEDSIGNAL
    reg [LAG:0]              real_q;      // real_q[LAG]: the word whose windows are offered
    reg [COUNT_WIDTH-1:0]    accepted_q;  // words of the frame that have arrived

    wire emitting = real_q[LAG];
    wire free     = !emitting || m_axis_tready;
    wire pending;
    wire dummy    = !s_axis_tvalid && accepted_q == {COUNT_WIDTH{1'b0}} && pending;
    wire accept   = s_axis_tvalid && free;
    wire shift    = accept || (dummy && free);

    assign s_axis_tready = free;
    assign m_axis_tvalid = emitting;

    generate
        if (LAG == 0) begin : gen_no_lag
            assign pending = 1'b0;
            always @(posedge clk) begin
                if (rst) begin
                    real_q <= 1'b0;
                end else if (shift) begin
                    real_q <= accept;
                end else if (m_axis_tready) begin
                    real_q <= 1'b0;
                end
            end
        end else begin : gen_lag
            assign pending = |real_q[LAG-1:0];
            always @(posedge clk) begin
                if (rst) begin
                    real_q <= {(LAG + 1){1'b0}};
                end else if (shift) begin
                    real_q <= {real_q[LAG-1:0], accept};
                end else if (m_axis_tready) begin
                    real_q[LAG] <= 1'b0;
                end
            end
        end
        if (LINE == 1) begin : gen_one_word
            always @(posedge clk) begin
                if (shift) begin
                    line_q <= s_axis_tdata;
                end
            end
        end else begin : gen_words
            always @(posedge clk) begin
                if (shift) begin
                    line_q <= {s_axis_tdata, line_q[LINE*WORD_BITS-1:WORD_BITS]};
                end
            end
        end
    endgenerate

    always @(posedge clk) begin
        if (rst) begin
            accepted_q <= {COUNT_WIDTH{1'b0}};
        end else if (accept) begin
            accepted_q <= (accepted_q == LAST_WORD) ? {COUNT_WIDTH{1'b0}} : accepted_q + 1'b1;
        end
    end

    // ---- row and column of the offered word's first pixel ----
    reg [COUNT_WIDTH-1:0] word_q;
    reg [X_WIDTH:0]       x_q;
    reg [Y_WIDTH:0]       y_q;
    wire                  arrives;  // the word that will be offered next is a real one
    wire [X_WIDTH:0]      x_far  = x_q + PIXELS_32[X_WIDTH:0];
    wire                  x_wrap = x_far >= WIDTH_32[X_WIDTH:0];

    generate
        if (LAG == 0) begin : gen_arrives_now
            assign arrives = accept;
        end else begin : gen_arrives_later
            assign arrives = shift && real_q[LAG-1];
        end
    endgenerate

    always @(posedge clk) begin
        if (rst) begin
            word_q <= LAST_WORD;
            x_q    <= {(X_WIDTH + 1){1'b0}};
            y_q    <= {(Y_WIDTH + 1){1'b0}};
        end else if (arrives) begin
            if (word_q == LAST_WORD) begin
                word_q <= {COUNT_WIDTH{1'b0}};
                x_q    <= {(X_WIDTH + 1){1'b0}};
                y_q    <= {(Y_WIDTH + 1){1'b0}};
            end else begin
                word_q <= word_q + 1'b1;
                x_q    <= x_wrap ? x_far - WIDTH_32[X_WIDTH:0] : x_far;
                y_q    <= y_q + {{Y_WIDTH{1'b0}}, x_wrap};
            end
        end
    end

    // ---- windows, masked where they leave the image ----
    genvar i;
    genvar r;
    genvar c;
    generate
        for (i = 0; i < PIXELS; i = i + 1) begin : gen_pixel
            localparam [31:0] I_32 = i;
            localparam integer X_MIN = i % COLUMN_STEP;  // least and largest column of this place
            localparam integer X_MAX = WIDTH - COLUMN_STEP + X_MIN;
            wire [X_WIDTH:0] far  = x_q + I_32[X_WIDTH:0];
            wire             over = far >= WIDTH_32[X_WIDTH:0];
            wire [X_WIDTH:0] x    = over ? far - WIDTH_32[X_WIDTH:0] : far;
            wire [Y_WIDTH:0] y    = y_q + {{Y_WIDTH{1'b0}}, over};
            wire [ROWS-1:0]    row_inside;
            wire [COLUMNS-1:0] column_inside;
            for (r = 0; r < ROWS; r = r + 1) begin : gen_row
                // 0 <= y + r - PAD_TOP < HEIGHT
                lng_between #(
                    .WIDTH(Y_WIDTH + 1),
                    .LOW  (PAD_TOP - r),
                    .HIGH (HEIGHT - 1 + PAD_TOP - r),
                    .MAX  (HEIGHT - 1)
                ) u_row (
                    .x(y),
                    .y(row_inside[r])
                );
            end
            for (c = 0; c < COLUMNS; c = c + 1) begin : gen_column
                // 0 <= x + c - PAD_LEFT < WIDTH
                lng_between #(
                    .WIDTH(X_WIDTH + 1),
                    .LOW  ((X_MIN + c >= PAD_LEFT) ? 0 : PAD_LEFT - c),
                    .HIGH (WIDTH - 1 + PAD_LEFT - c),
                    .MAX  (X_MAX)
                ) u_column (
                    .x(x),
                    .y(column_inside[c])
                );
            end
            for (r = 0; r < ROWS; r = r + 1) begin : gen_tap_row
                for (c = 0; c < COLUMNS; c = c + 1) begin : gen_tap
                    localparam integer PLACE = START + i + (r - PAD_TOP) * WIDTH + c - PAD_LEFT;
                    assign m_axis_tdata[((i*ROWS+r)*COLUMNS+c)*DATA_WIDTH +: DATA_WIDTH] =
                        (row_inside[r] && column_inside[c])
                            ? line_q[PLACE*DATA_WIDTH +: DATA_WIDTH] : {DATA_WIDTH{1'b0}};
                end
            end
        end
    endgenerate
endmodule
`default_nettype wire
