// lng_rows: the row memories of a line buffer, a ring of ROWS*SLOTS image rows.
// A word is written where the ring stands; each step reads one column of the ROWS rows that begin
// at (bank, slot), registered, the first row in the low bits. Row n of the ring is in memory
// n mod ROWS, slot n / ROWS. What may be written and read is lng_window's business.
`default_nettype none
module lng_rows #(
    parameter integer DATA_WIDTH = 8,   // bits per pixel (all channels), >= 1
    parameter integer WIDTH      = 28,  // image columns, >= 1
    parameter integer ROWS       = 5,   // memories, >= 1
    parameter integer PIXELS     = 1,   // pixels per word, divides WIDTH
    parameter integer SLOTS      = 1,   // image rows per memory, a power of two
    parameter integer BANK_WIDTH = 3,   // bits of a memory's number
    parameter integer SLOT_WIDTH = 1,   // bits of a slot's number
    parameter integer X_WIDTH    = 5    // bits of a column's number
) (
    input  wire                         clk,
    input  wire                         rst,
    // writer
    input  wire                         write,
    input  wire [PIXELS*DATA_WIDTH-1:0] word,
    // reader: a step registers a column; with read it is column x, and the next one follows
    input  wire                         step,
    input  wire                         read,
    input  wire [X_WIDTH-1:0]           x,
    input  wire [BANK_WIDTH-1:0]        bank,
    input  wire [SLOT_WIDTH-1:0]        slot,
    output wire [ROWS*DATA_WIDTH-1:0]   column
);
    localparam integer WORDS   = WIDTH / PIXELS;  // of an image row
    localparam integer W_WIDTH = (WORDS > 1) ? $clog2(WORDS) : 1;
    localparam integer A_WIDTH = (SLOTS > 1) ? W_WIDTH + SLOT_WIDTH : W_WIDTH;
    localparam integer M_WORDS = (SLOTS > 1) ? (SLOTS << W_WIDTH) : WORDS;
    localparam [31:0] LAST_WORD_32 = WORDS - 1;
    localparam [W_WIDTH-1:0] LAST_WORD = LAST_WORD_32[W_WIDTH-1:0];

    // ---- where the next word goes ----
    reg [W_WIDTH-1:0]    write_word_q;
    reg [BANK_WIDTH-1:0] write_bank_q;
    reg [SLOT_WIDTH-1:0] write_slot_q;
    wire [BANK_WIDTH-1:0] write_bank_next;
    wire [SLOT_WIDTH-1:0] write_slot_next;

    always @(posedge clk) begin
        if (rst) begin
            write_word_q <= {W_WIDTH{1'b0}};
            write_bank_q <= {BANK_WIDTH{1'b0}};
            write_slot_q <= {SLOT_WIDTH{1'b0}};
        end else if (write) begin
            write_word_q <= (write_word_q == LAST_WORD) ? {W_WIDTH{1'b0}} : write_word_q + 1'b1;
            if (write_word_q == LAST_WORD) begin
                write_bank_q <= write_bank_next;
                write_slot_q <= write_slot_next;
            end
        end
    end

    lng_ring_step #(
        .ROWS      (ROWS),
        .SLOTS     (SLOTS),
        .BANK_WIDTH(BANK_WIDTH),
        .SLOT_WIDTH(SLOT_WIDTH),
        .ADDEND    (1)
    ) u_write_next (
        .bank     (write_bank_q),
        .slot     (write_slot_q),
        .bank_next(write_bank_next),
        .slot_next(write_slot_next)
    );

    // ---- row memories, one column read per step ----
    reg [BANK_WIDTH-1:0]       column_bank_q;
    wire [ROWS*DATA_WIDTH-1:0] memory_column;

    always @(posedge clk) begin
        if (step) begin
            column_bank_q <= bank;
        end
    end

    wire [W_WIDTH-1:0] read_word;   // the word that holds the column
    wire [PIXELS-1:0]  read_place;  // one-hot: the column's place in it

    genvar r;
    genvar c;
    generate
        if (PIXELS == 1) begin : gen_word_is_column
            assign read_word  = x;
            assign read_place = 1'b1;
            // verilator lint_off UNUSEDSIGNAL
            wire unused_place = ^{read_place, read};
            // verilator lint_on UNUSEDSIGNAL
        end else begin : gen_word_counter
            // verilator lint_off UNUSEDSIGNAL
            wire unused_x = ^x;
            // verilator lint_on UNUSEDSIGNAL
            reg [W_WIDTH-1:0] read_word_q;
            reg [PIXELS-1:0]  read_place_q;
            assign read_word  = read_word_q;
            assign read_place = read_place_q;
            wire last_word = read_word_q == LAST_WORD;
            always @(posedge clk) begin
                if (rst) begin
                    read_word_q  <= {W_WIDTH{1'b0}};
                    read_place_q <= {{(PIXELS - 1){1'b0}}, 1'b1};
                end else if (read) begin
                    read_place_q <= {read_place_q[PIXELS-2:0], read_place_q[PIXELS-1]};
                    if (read_place_q[PIXELS-1]) begin
                        read_word_q <= last_word ? {W_WIDTH{1'b0}} : read_word_q + 1'b1;
                    end
                end
            end
        end
        for (r = 0; r < ROWS; r = r + 1) begin : gen_bank
            localparam [31:0] BANK_32 = r;
            wire here = write_bank_q == BANK_32[BANK_WIDTH-1:0];
            reg [PIXELS*DATA_WIDTH-1:0] row_mem [0:M_WORDS-1];
            reg [DATA_WIDTH-1:0] row_q;
            wire [A_WIDTH-1:0]           write_addr;
            wire [A_WIDTH-1:0]           read_addr;
            wire [PIXELS*DATA_WIDTH-1:0] row_word = row_mem[read_addr];
            if (SLOTS == 1) begin : gen_addr
                assign write_addr = write_word_q;
                assign read_addr  = read_word;
            end else begin : gen_slot_addr
                // memories before the window's first one hold the later rows
                wire later;
                wire [SLOT_WIDTH-1:0] here_slot = later ? slot + 1'b1 : slot;
                if (r == ROWS - 1) begin : gen_never
                    assign later = 1'b0;
                end else begin : gen_compare
                    assign later = BANK_32[BANK_WIDTH-1:0] < bank;
                end
                assign write_addr = {write_slot_q, write_word_q};
                assign read_addr  = {here_slot, read_word};
            end
            wire [DATA_WIDTH-1:0] row_pixel;
            if (PIXELS == 1) begin : gen_pixel
                assign row_pixel = row_word;
            end else begin : gen_place
                wire [PIXELS*DATA_WIDTH-1:0] merged;
                assign row_pixel = merged[(PIXELS-1)*DATA_WIDTH +: DATA_WIDTH];
                for (c = 0; c < PIXELS; c = c + 1) begin : gen_merge
                    wire [DATA_WIDTH-1:0] gated =
                        row_word[c*DATA_WIDTH +: DATA_WIDTH] & {DATA_WIDTH{read_place[c]}};
                    if (c == 0) begin : gen_first
                        assign merged[DATA_WIDTH-1:0] = gated;
                    end else begin : gen_next
                        assign merged[c*DATA_WIDTH +: DATA_WIDTH] =
                            merged[(c-1)*DATA_WIDTH +: DATA_WIDTH] | gated;
                    end
                end
            end
            assign memory_column[r*DATA_WIDTH +: DATA_WIDTH] = row_q;
            always @(posedge clk) begin
                if (write && here) begin
                    row_mem[write_addr] <= word;
                end
            end
            always @(posedge clk) begin
                if (step) begin
                    row_q <= row_pixel;
                end
            end
        end
        if (ROWS == 1) begin : gen_single_row
            // one memory: nothing to rotate
            // verilator lint_off UNUSEDSIGNAL
            wire unused = ^{column_bank_q, write_bank_next};
            // verilator lint_on UNUSEDSIGNAL
            assign column = memory_column;
        end else begin : gen_rotate
            // doubled, so that window row r is memory (bank + r) mod ROWS
            wire [2*ROWS*DATA_WIDTH-1:0] twice = {memory_column, memory_column};
            assign column = twice[column_bank_q*DATA_WIDTH +: ROWS*DATA_WIDTH];
        end
    endgenerate

    generate
        if (SLOTS == 1) begin : gen_single_slot
            // verilator lint_off UNUSEDSIGNAL
            wire unused_slots = ^{write_slot_q, slot};
            // verilator lint_on UNUSEDSIGNAL
        end
    endgenerate
endmodule
`default_nettype wire
