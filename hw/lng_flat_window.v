// lng_flat_window: PIXELS sliding windows a cycle over an image that arrives PIXELS pixels a cycle.
// Pixels come in row-major order without a gap at a row's end, so a row may end inside a word. They
// shift through one line of registers; a tap is a fixed place of it, and padding is masked by the
// row and column of each window. One window position per pixel: stride 1, output as large as input.
// A frame starts with a new word; the places behind the last pixel of its last word count for
// nothing. The next frame pushes the last windows of a frame out; when there is none yet, dummy
// words do.
// Throughput: one word per cycle. Latency from the word that completes a window: 1 cycle.
// s_axis_tready does not depend on s_axis_tvalid. Reset: control bits, and
// pixels that a window reads.
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

    // Words start at multiples of COLUMN_STEP: columns are counted in steps.
    localparam integer STEPS       = WIDTH / COLUMN_STEP;
    localparam integer JUMP        = PIXELS / COLUMN_STEP;  // from word to word
    localparam integer X_WIDTH     = (STEPS > 1) ? $clog2(STEPS) : 1;
    localparam integer Y_WIDTH     = $clog2(HEIGHT + 2);
    localparam integer COUNT_WIDTH = (WORDS > 1) ? $clog2(WORDS) : 1;
    localparam integer WORD_BITS   = PIXELS * DATA_WIDTH;

    localparam [31:0] LAST_WORD_32 = WORDS - 1;
    localparam [31:0] JUMP_32      = JUMP;
    localparam [31:0] BACK_32      = STEPS - JUMP;
    localparam [X_WIDTH-1:0] FORWARD = JUMP_32[X_WIDTH-1:0];
    localparam [X_WIDTH-1:0] BACK    = BACK_32[X_WIDTH-1:0];
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

    genvar k;
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
        for (k = 0; k < LINE * PIXELS; k = k + 1) begin : gen_place
            // A place that some window reads has a reset, or it would be the end of a shift register
            // of LUTs, which is slow. Row AT / WIDTH of the windows spans SPAN places of the line.
            localparam integer AT   = k - START + PAD_TOP * WIDTH + PAD_LEFT;
            localparam integer SPAN = PIXELS + COLUMNS - 1;
            localparam integer READ = (SPAN > WIDTH || (AT >= 0 && AT % WIDTH < SPAN)) ? 1 : 0;
            wire [DATA_WIDTH-1:0] newer;
            if (k >= (LINE - 1) * PIXELS) begin : gen_new
                assign newer = s_axis_tdata[(k-(LINE-1)*PIXELS)*DATA_WIDTH +: DATA_WIDTH];
            end else begin : gen_old
                assign newer = line_q[(k+PIXELS)*DATA_WIDTH +: DATA_WIDTH];
            end
            if (READ != 0) begin : gen_read
                always @(posedge clk) begin
                    if (rst) begin
                        line_q[k*DATA_WIDTH +: DATA_WIDTH] <= {DATA_WIDTH{1'b0}};
                    end else if (shift) begin
                        line_q[k*DATA_WIDTH +: DATA_WIDTH] <= newer;
                    end
                end
            end else begin : gen_passed
                always @(posedge clk) begin
                    if (shift) begin
                        line_q[k*DATA_WIDTH +: DATA_WIDTH] <= newer;
                    end
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

    // ---- row and column of the first pixel of the word that will be offered next ----
    reg [COUNT_WIDTH-1:0] word_q;
    reg [X_WIDTH-1:0]     x_q;
    reg [Y_WIDTH-1:0]     y_q;
    wire                  arrives;  // a real word will be offered in the next cycle
    wire                  x_wrap;

    generate
        if (LAG == 0) begin : gen_arrives_now
            assign arrives = accept;
        end else begin : gen_arrives_later
            assign arrives = shift && real_q[LAG-1];
        end
    endgenerate

    lng_between #(
        .WIDTH(X_WIDTH),
        .LOW  (STEPS - JUMP),
        .HIGH (STEPS - 1),
        .MAX  (STEPS - 1)
    ) u_wrap (
        .x(x_q),
        .y(x_wrap)
    );

    always @(posedge clk) begin
        if (rst) begin
            word_q <= {COUNT_WIDTH{1'b0}};
            x_q    <= {X_WIDTH{1'b0}};
            y_q    <= {Y_WIDTH{1'b0}};
        end else if (arrives) begin
            if (word_q == LAST_WORD) begin
                word_q <= {COUNT_WIDTH{1'b0}};
                x_q    <= {X_WIDTH{1'b0}};
                y_q    <= {Y_WIDTH{1'b0}};
            end else begin
                word_q <= word_q + 1'b1;
                x_q    <= x_wrap ? x_q - BACK : x_q + FORWARD;
                y_q    <= y_q + { {(Y_WIDTH - 1){1'b0}}, x_wrap};
            end
        end
    end

    // ---- windows, masked where they leave the image; the masks are there with their word ----
    genvar i;
    genvar r;
    genvar c;
    generate
        for (i = 0; i < PIXELS; i = i + 1) begin : gen_pixel
            // over: this pixel lies in the row after the word's first one
            localparam integer OVER = (WIDTH - i + COLUMN_STEP - 1) / COLUMN_STEP;
            wire               over;
            wire [ROWS-1:0]    row_here;
            wire [ROWS-1:0]    row_below;
            wire [COLUMNS-1:0] column_here;
            wire [COLUMNS-1:0] column_below;
            reg  [ROWS-1:0]    row_inside_q;
            reg  [COLUMNS-1:0] column_inside_q;
            lng_between #(
                .WIDTH(X_WIDTH),
                .LOW  (OVER),
                .HIGH (STEPS - 1),
                .MAX  (STEPS - 1)
            ) u_over (
                .x(x_q),
                .y(over)
            );
            for (r = 0; r < ROWS; r = r + 1) begin : gen_row
                // 0 <= y + r - PAD_TOP < HEIGHT
                lng_between #(
                    .WIDTH(Y_WIDTH),
                    .LOW  (PAD_TOP - r),
                    .HIGH (HEIGHT - 1 + PAD_TOP - r),
                    .MAX  (HEIGHT - 1)
                ) u_here (
                    .x(y_q),
                    .y(row_here[r])
                );
                lng_between #(
                    .WIDTH(Y_WIDTH),
                    .LOW  (PAD_TOP - r - 1),
                    .HIGH (HEIGHT - 2 + PAD_TOP - r),
                    .MAX  (HEIGHT - 1)
                ) u_below (
                    .x(y_q),
                    .y(row_below[r])
                );
            end
            for (c = 0; c < COLUMNS; c = c + 1) begin : gen_column
                // 0 <= x * COLUMN_STEP + i + c - PAD_LEFT < WIDTH, or one WIDTH more; PAD_LEFT of
                // them are added and taken away so that nothing divided is negative
                localparam integer OUT   = i + c - PAD_LEFT + PAD_LEFT * WIDTH;
                localparam integer FLOOR = OUT / COLUMN_STEP - PAD_LEFT * STEPS;
                lng_between #(
                    .WIDTH(X_WIDTH),
                    .LOW  (-FLOOR),
                    .HIGH (STEPS - 1 - FLOOR),
                    .MAX  (STEPS - 1)
                ) u_here (
                    .x(x_q),
                    .y(column_here[c])
                );
                lng_between #(
                    .WIDTH(X_WIDTH),
                    .LOW  (STEPS - FLOOR),
                    .HIGH (2 * STEPS - 1 - FLOOR),
                    .MAX  (STEPS - 1)
                ) u_below (
                    .x(x_q),
                    .y(column_below[c])
                );
            end
            always @(posedge clk) begin
                if (arrives) begin
                    row_inside_q    <= over ? row_below : row_here;
                    column_inside_q <= over ? column_below : column_here;
                end
            end
            for (r = 0; r < ROWS; r = r + 1) begin : gen_tap_row
                for (c = 0; c < COLUMNS; c = c + 1) begin : gen_tap
                    localparam integer PLACE = START + i + (r - PAD_TOP) * WIDTH + c - PAD_LEFT;
                    assign m_axis_tdata[((i*ROWS+r)*COLUMNS+c)*DATA_WIDTH +: DATA_WIDTH] =
                        (row_inside_q[r] && column_inside_q[c])
                            ? line_q[PLACE*DATA_WIDTH +: DATA_WIDTH] : {DATA_WIDTH{1'b0}};
                end
            end
        end
    endgenerate
endmodule
`default_nettype wire
