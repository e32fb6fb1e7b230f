// lng_window: line buffer and sliding window. Pixels in row-major order in, windows out.
// ROWS row memories hold the rows a window needs, as a ring; with SLOTS rows each, rows of the next
// frame wait there while the last ones of this frame are in use. Each step reads one column of them
// (registered) and shifts it into the ROWS x COLUMNS window registers. Padding is masked at the
// window's edge, never streamed. The next row's columns push the right edge of a row out; when
// they are not there yet, dummy columns do, so an isolated frame flushes itself.
// Throughput: one column per cycle (an image one pixel wide: down to one in two cycles); latency
// from the pixel that completes a window to the window: 3 cycles, if no column of padding follows.
// Where some do, the last windows of a row wait for the next columns: those of the next row or
// frame once its first column is there, else dummies.
// s_axis_tready does not depend on s_axis_tvalid. Reset: control bits only.
`default_nettype none
module lng_window #(
    parameter integer DATA_WIDTH  = 8,   // bits per pixel (all channels), >= 1
    parameter integer HEIGHT      = 28,  // image rows, >= 1
    parameter integer WIDTH       = 28,  // image columns, >= 1
    parameter integer ROWS        = 5,   // window rows, >= 1
    parameter integer COLUMNS     = 5,   // window columns, >= 1
    parameter integer STRIDE_Y    = 1,   // >= 1
    parameter integer STRIDE_X    = 1,   // >= 1
    parameter integer PAD_TOP     = 2,   // below ROWS; negative: so many rows above are skipped
    parameter integer PAD_LEFT    = 2,   // 0..COLUMNS-1
    parameter integer OUT_HEIGHT  = 28,  // window positions, rows
    parameter integer OUT_WIDTH   = 28,  // window positions, columns
    parameter integer PIXELS      = 1,   // pixels per input word, divides WIDTH
    parameter integer SLOTS       = 1,   // image rows per row memory, a power of two
    parameter [DATA_WIDTH-1:0] PAD_VALUE = {DATA_WIDTH{1'b0}}  // what padding reads as
) (
    input  wire                               clk,
    input  wire                               rst,
    // input stream: words of pixels, the first in the low bits
    input  wire [PIXELS*DATA_WIDTH-1:0]       s_axis_tdata,
    input  wire                               s_axis_tvalid,
    output wire                               s_axis_tready,
    // output stream: windows, row-major, the first pixel in the low bits; tuser: which columns
    // (high) and rows (low) of the window lie inside the image
    output wire [ROWS*COLUMNS*DATA_WIDTH-1:0] m_axis_tdata,
    output wire [COLUMNS+ROWS-1:0]            m_axis_tuser,
    output wire                               m_axis_tvalid,
    input  wire                               m_axis_tready
);
    generate
        if (PAD_TOP >= ROWS || PIXELS < 1 || WIDTH % PIXELS != 0 || (SLOTS & (SLOTS - 1)) != 0
                || PAD_LEFT < 0 || PAD_LEFT >= COLUMNS) begin : gen_bad_parameter
            lng_window_padding_not_below_size u_bad_parameter ();
        end
    endgenerate
    generate
        if (STRIDE_Y < 1 || STRIDE_X < 1 || (OUT_HEIGHT - 1) * STRIDE_Y - PAD_TOP >= HEIGHT
                || (OUT_WIDTH - 1) * STRIDE_X - PAD_LEFT >= WIDTH) begin : gen_bad_position
            lng_window_position_outside_image u_bad_position ();
        end
    endgenerate

    // columns of the right padding that are really used
    localparam integer OVER_X  = (OUT_WIDTH - 1) * STRIDE_X - PAD_LEFT + COLUMNS - WIDTH;
    localparam integer LAG     = (OVER_X > 0) ? OVER_X : 0;
    localparam integer FIRST_X = COLUMNS - 1 - PAD_LEFT - LAG;  // column that completes window 0
    localparam integer LAST_X  = FIRST_X + (OUT_WIDTH - 1) * STRIDE_X;

    // pixel counts are relative to the frame that is being read; signed, one bit to spare
    localparam integer COUNT_WIDTH = $clog2((HEIGHT + 2 * ROWS * SLOTS + 2 * STRIDE_Y) * WIDTH + 1) + 2;
    localparam integer BANK_WIDTH  = (ROWS > 1) ? $clog2(ROWS) : 1;
    localparam integer SLOT_WIDTH  = (SLOTS > 1) ? $clog2(SLOTS) : 1;
    localparam integer X_WIDTH     = (WIDTH > 1) ? $clog2(WIDTH) : 1;
    localparam integer Y_WIDTH     = (OUT_HEIGHT > 1) ? $clog2(OUT_HEIGHT) : 1;

    localparam integer FIRST_NEED = (ROWS - 1 - PAD_TOP < HEIGHT - 1) ? (ROWS - 1 - PAD_TOP) * WIDTH
                                                                      : (HEIGHT - 1) * WIDTH;
    localparam integer LAST_NEED  = (HEIGHT - 1) * WIDTH;
    localparam integer FRAME      = HEIGHT * WIDTH;

    localparam integer ROW_STEP   = STRIDE_Y * WIDTH;
    localparam integer FULL_STEPS = (LAST_NEED - FIRST_NEED) / ROW_STEP;  // rows before need clips
    localparam integer FIRST_LIMIT = (ROWS * SLOTS - PAD_TOP) * WIDTH;
    localparam integer END_NEED   = (OUT_HEIGHT - 1 <= FULL_STEPS)
                                        ? FIRST_NEED + (OUT_HEIGHT - 1) * ROW_STEP : LAST_NEED;

    // How the counters below change with a column read, by where it is: within a row; at the end of
    // a row after which need grows in full, in part, not at all; at the end of the last row.
    localparam integer BACK      = WIDTH - 1;
    localparam integer LEAD_FULL = BACK - ROW_STEP;
    localparam integer LEAD_PART = BACK - (LAST_NEED - FIRST_NEED) % ROW_STEP;
    localparam integer LEAD_LAST = BACK + END_NEED - FIRST_NEED - FRAME;
    localparam integer ROOM_ROW  = ROW_STEP - BACK;
    localparam integer ROOM_LAST = FRAME - (OUT_HEIGHT - 1) * ROW_STEP - BACK;

    localparam [31:0] LAST_COLUMN_32 = WIDTH - 1;
    localparam [31:0] LAST_Y_32      = OUT_HEIGHT - 1;
    localparam [31:0] FULL_STEPS_32  = (FULL_STEPS < OUT_HEIGHT) ? FULL_STEPS : OUT_HEIGHT;
    localparam [31:0] LEAD_START_32  = -FIRST_NEED - 1;
    localparam [31:0] ROOM_START_32  = FIRST_LIMIT - PIXELS;
    localparam [COUNT_WIDTH-1:0] LEAD_START  = LEAD_START_32[COUNT_WIDTH-1:0];
    localparam [COUNT_WIDTH-1:0] ROOM_START  = ROOM_START_32[COUNT_WIDTH-1:0];
    localparam [X_WIDTH-1:0]     LAST_COLUMN = LAST_COLUMN_32[X_WIDTH-1:0];
    localparam [Y_WIDTH-1:0]     LAST_Y      = LAST_Y_32[Y_WIDTH-1:0];

    wire write = s_axis_tvalid && s_axis_tready;

    // ---- reader: which column of which output row ----
    reg [X_WIDTH-1:0]             read_x_q;
    reg [Y_WIDTH-1:0]             read_y_q;
    reg                           row_end_q;    // read_x_q is the last column
    reg                           last_row_q;   // read_y_q is the last row
    reg                           full_q;       // read_y_q < FULL_STEPS
    reg                           part_q;       // read_y_q = FULL_STEPS
    // Both count pixels, both decide by their sign alone. lead: those written behind the one that
    // the column needs. room: those that may be written before the oldest row that is still needed
    // is overwritten, as far as it has not been read, less a word.
    reg [COUNT_WIDTH-1:0]         lead_q;
    reg [COUNT_WIDTH-1:0]         room_q;

    wire present = !lead_q[COUNT_WIDTH-1];
    wire step;
    wire read   = step && present;

    wire [BANK_WIDTH-1:0]  bank;  // memory of the window's first row
    wire [SLOT_WIDTH-1:0]  slot;  // and its place there
    wire [COUNT_WIDTH-1:0] lead_change;
    wire [COUNT_WIDTH-1:0] room_change;
    wire [Y_WIDTH-1:0]     next_y    = read_y_q + 1'b1;
    wire                   next_part =
        FULL_STEPS > 0 && { {(32 - Y_WIDTH){1'b0}}, next_y} == FULL_STEPS_32;

    assign s_axis_tready = !room_q[COUNT_WIDTH-1];

    always @(posedge clk) begin
        if (rst) begin
            read_x_q   <= {X_WIDTH{1'b0}};
            read_y_q   <= {Y_WIDTH{1'b0}};
            row_end_q  <= WIDTH == 1;
            last_row_q <= OUT_HEIGHT == 1;
            full_q     <= FULL_STEPS > 0;
            part_q     <= FULL_STEPS == 0;
        end else if (read) begin
            read_x_q  <= row_end_q ? {X_WIDTH{1'b0}} : read_x_q + 1'b1;
            row_end_q <= (WIDTH == 1) || (!row_end_q && read_x_q + 1'b1 == LAST_COLUMN);
            if (row_end_q) begin
                read_y_q   <= last_row_q ? {Y_WIDTH{1'b0}} : read_y_q + 1'b1;
                last_row_q <= (OUT_HEIGHT == 1) || (!last_row_q && read_y_q + 1'b1 == LAST_Y);
                full_q     <= last_row_q ? FULL_STEPS > 0 : full_q && !next_part;
                part_q     <= last_row_q ? FULL_STEPS == 0 : next_part;
            end
        end
    end

    lng_change #(
        .WIDTH(COUNT_WIDTH),
        .WRITE(PIXELS),
        .STEP (-1),
        .FULL (LEAD_FULL),
        .PART (LEAD_PART),
        .NONE (BACK),
        .LAST (LEAD_LAST)
    ) u_lead (
        .write   (write),
        .read    (read),
        .row_end (row_end_q),
        .last_row(last_row_q),
        .full    (full_q),
        .part    (part_q),
        .change  (lead_change)
    );
    lng_change #(
        .WIDTH(COUNT_WIDTH),
        .WRITE(-PIXELS),
        .STEP (1),
        .FULL (ROOM_ROW),
        .PART (ROOM_ROW),
        .NONE (ROOM_ROW),
        .LAST (ROOM_LAST)
    ) u_room (
        .write   (write),
        .read    (read),
        .row_end (row_end_q),
        .last_row(last_row_q),
        .full    (full_q),
        .part    (part_q),
        .change  (room_change)
    );
    always @(posedge clk) begin
        if (rst) begin
            lead_q <= LEAD_START;
            room_q <= ROOM_START;
        end else begin
            lead_q <= lead_q + lead_change;
            room_q <= room_q + room_change;
        end
    end

    lng_ring #(
        .ROWS      (ROWS),
        .SLOTS     (SLOTS),
        .BANK_WIDTH(BANK_WIDTH),
        .SLOT_WIDTH(SLOT_WIDTH),
        .HEIGHT    (HEIGHT),
        .STRIDE    (STRIDE_Y),
        .PAD_TOP   (PAD_TOP)
    ) u_ring (
        .clk     (clk),
        .rst     (rst),
        .row_done(read && row_end_q),
        .last_row(last_row_q),
        .bank_q  (bank),
        .slot_q  (slot)
    );

    // ---- row memories, one column read per step ----
    wire [ROWS*DATA_WIDTH-1:0] column;

    lng_rows #(
        .DATA_WIDTH(DATA_WIDTH),
        .WIDTH     (WIDTH),
        .ROWS      (ROWS),
        .PIXELS    (PIXELS),
        .SLOTS     (SLOTS),
        .BANK_WIDTH(BANK_WIDTH),
        .SLOT_WIDTH(SLOT_WIDTH),
        .X_WIDTH   (X_WIDTH)
    ) u_rows (
        .clk   (clk),
        .rst   (rst),
        .write (write),
        .word  (s_axis_tdata),
        .step  (step),
        .read  (read),
        .x     (read_x_q),
        .bank  (bank),
        .slot  (slot),
        .column(column)
    );

    // ---- tags: the memory output holds a column; real_q[k] belongs to window column k steps old
    reg  column_valid_q;
    reg  column_real_q;
    reg  window_valid_q;
    wire shift = step && column_valid_q;
    wire pending;  // a window still waits for columns behind the row's end
    wire arrives;  // a real column reaches the place where windows complete

    generate
        if (LAG == 0) begin : gen_no_lag
            assign pending = 1'b0;
            assign arrives = column_real_q;
        end else begin : gen_lag
            reg  [LAG-1:0] real_q;
            wire [LAG-1:0] real_next;
            if (LAG == 1) begin : gen_lag_one
                assign real_next = column_real_q;
            end else begin : gen_lag_more
                assign real_next = {real_q[LAG-2:0], column_real_q};
            end
            assign pending = (column_valid_q && column_real_q) || (|real_q);
            assign arrives = real_q[LAG-1];
            always @(posedge clk) begin
                if (rst) begin
                    real_q <= {LAG{1'b0}};
                end else if (shift) begin
                    real_q <= real_next;
                end
            end
        end
    endgenerate

    // a dummy column is pushed only between rows, and only if a window waits for it
    wire dummy = !present && read_x_q == {X_WIDTH{1'b0}} && pending;

    assign step = !window_valid_q || m_axis_tready;

    // ---- position of the column at that place ----
    localparam integer PHASE_WIDTH = (STRIDE_X > 1) ? $clog2(STRIDE_X) : 1;
    localparam [31:0] LAST_PHASE_32 = STRIDE_X - 1;
    localparam [PHASE_WIDTH-1:0] LAST_PHASE = LAST_PHASE_32[PHASE_WIDTH-1:0];

    reg  [X_WIDTH-1:0]     at_x_q;
    reg  [Y_WIDTH-1:0]     at_y_q;
    reg  [PHASE_WIDTH-1:0] phase_q;
    wire at_row_end = at_x_q == LAST_COLUMN;
    wire in_range;
    wire completes = shift && arrives && in_range && phase_q == {PHASE_WIDTH{1'b0}};

    lng_between #(
        .WIDTH(X_WIDTH),
        .LOW  (FIRST_X),
        .HIGH (LAST_X),
        .MAX  (WIDTH - 1)
    ) u_in_range (
        .x(at_x_q),
        .y(in_range)
    );

    always @(posedge clk) begin
        if (rst) begin
            column_valid_q <= 1'b0;
            column_real_q  <= 1'b0;
            window_valid_q <= 1'b0;
            at_x_q         <= {X_WIDTH{1'b0}};
            at_y_q         <= {Y_WIDTH{1'b0}};
            phase_q        <= {PHASE_WIDTH{1'b0}};
        end else if (step) begin
            column_valid_q <= present || dummy;
            column_real_q  <= present;
            window_valid_q <= completes;
            if (shift && arrives) begin
                at_x_q <= at_row_end ? {X_WIDTH{1'b0}} : at_x_q + 1'b1;
                if (at_row_end) begin
                    at_y_q <= (at_y_q == LAST_Y) ? {Y_WIDTH{1'b0}} : at_y_q + 1'b1;
                end
                // the stride's phase counts from the first window of the row
                phase_q <= (at_row_end || !in_range || phase_q == LAST_PHASE)
                               ? {PHASE_WIDTH{1'b0}} : phase_q + 1'b1;
            end
        end
    end

    // ---- window registers and masks ----
    wire [COLUMNS+ROWS-1:0] covered;
    reg  [COLUMNS+ROWS-1:0] inside_q;
    always @(posedge clk) begin
        if (step) begin
            inside_q <= covered;
        end
    end

    assign m_axis_tuser  = inside_q;
    assign m_axis_tvalid = window_valid_q;

    genvar r;
    genvar c;
    generate
        for (r = 0; r < ROWS; r = r + 1) begin : gen_row_mask
            // 0 <= y * STRIDE_Y + r - PAD_TOP < HEIGHT
            lng_between #(
                .WIDTH(Y_WIDTH),
                .LOW  ((PAD_TOP > r) ? (PAD_TOP - r + STRIDE_Y - 1) / STRIDE_Y : 0),
                .HIGH ((HEIGHT - 1 + PAD_TOP < r) ? -1 : (HEIGHT - 1 + PAD_TOP - r) / STRIDE_Y),
                .MAX  (OUT_HEIGHT - 1)
            ) u_row_mask (
                .x(at_y_q),
                .y(covered[r])
            );
        end
        for (c = 0; c < COLUMNS; c = c + 1) begin : gen_column_mask
            // 0 <= x + LAG - (COLUMNS - 1) + c < WIDTH
            lng_between #(
                .WIDTH(X_WIDTH),
                .LOW  (COLUMNS - 1 - LAG - c),
                .HIGH (WIDTH - 1 + COLUMNS - 1 - LAG - c),
                .MAX  (WIDTH - 1)
            ) u_column_mask (
                .x(at_x_q),
                .y(covered[ROWS+c])
            );
        end
        for (r = 0; r < ROWS; r = r + 1) begin : gen_row
            reg [COLUMNS*DATA_WIDTH-1:0] pixels_q;  // the newest in the high bits
            if (COLUMNS == 1) begin : gen_single
                always @(posedge clk) begin
                    if (shift) begin
                        pixels_q <= column[r*DATA_WIDTH +: DATA_WIDTH];
                    end
                end
            end else begin : gen_shift
                always @(posedge clk) begin
                    if (shift) begin
                        pixels_q <= {column[r*DATA_WIDTH +: DATA_WIDTH],
                                     pixels_q[COLUMNS*DATA_WIDTH-1:DATA_WIDTH]};
                    end
                end
            end
            for (c = 0; c < COLUMNS; c = c + 1) begin : gen_column
                assign m_axis_tdata[(r*COLUMNS+c)*DATA_WIDTH +: DATA_WIDTH] =
                    (inside_q[r] && inside_q[ROWS+c])
                        ? pixels_q[c*DATA_WIDTH +: DATA_WIDTH] : PAD_VALUE;
            end
        end
    endgenerate
endmodule
`default_nettype wire
