// lng_ring: where a line buffer's window begins in its ring of ROWS*SLOTS rows, row after row.
// Row n of the ring is in memory n mod ROWS, slot n / ROWS. A row of windows further on is STRIDE
// rows, the next frame HEIGHT rows behind this one's first window. Registered: the place is new in
// the cycle after row_done.
`default_nettype none
module lng_ring #(
    parameter integer ROWS       = 5,   // memories, >= 1
    parameter integer SLOTS      = 1,   // rows per memory, a power of two
    parameter integer BANK_WIDTH = 3,   // bits of a memory's number
    parameter integer SLOT_WIDTH = 1,   // bits of a slot's number
    parameter integer HEIGHT     = 28,  // image rows, >= 1
    parameter integer STRIDE     = 1,   // rows from one row of windows to the next, >= 1
    parameter integer PAD_TOP    = 2    // below ROWS; negative: so many rows above are skipped
) (
    input  wire                  clk,
    input  wire                  rst,
    input  wire                  row_done,  // the last column of a row is read
    input  wire                  last_row,  // it was the frame's last row
    output reg  [BANK_WIDTH-1:0] bank_q,    // memory of the window's first row
    output reg  [SLOT_WIDTH-1:0] slot_q     // and its place there
);
    localparam [31:0] FIRST_BANK_32 = (ROWS - PAD_TOP) % ROWS;
    localparam [31:0] FIRST_SLOT_32 = (ROWS * SLOTS - PAD_TOP) / ROWS % SLOTS;
    localparam [BANK_WIDTH-1:0] FIRST_BANK = FIRST_BANK_32[BANK_WIDTH-1:0];
    localparam [SLOT_WIDTH-1:0] FIRST_SLOT = FIRST_SLOT_32[SLOT_WIDTH-1:0];

    reg  [BANK_WIDTH-1:0] frame_bank_q;  // the place of the frame's first window
    reg  [SLOT_WIDTH-1:0] frame_slot_q;
    wire [BANK_WIDTH-1:0] bank_next;
    wire [SLOT_WIDTH-1:0] slot_next;
    wire [BANK_WIDTH-1:0] frame_bank_next;
    wire [SLOT_WIDTH-1:0] frame_slot_next;

    lng_ring_step #(
        .ROWS      (ROWS),
        .SLOTS     (SLOTS),
        .BANK_WIDTH(BANK_WIDTH),
        .SLOT_WIDTH(SLOT_WIDTH),
        .ADDEND    (STRIDE)
    ) u_row_next (
        .bank     (bank_q),
        .slot     (slot_q),
        .bank_next(bank_next),
        .slot_next(slot_next)
    );
    lng_ring_step #(
        .ROWS      (ROWS),
        .SLOTS     (SLOTS),
        .BANK_WIDTH(BANK_WIDTH),
        .SLOT_WIDTH(SLOT_WIDTH),
        .ADDEND    (HEIGHT)
    ) u_frame_next (
        .bank     (frame_bank_q),
        .slot     (frame_slot_q),
        .bank_next(frame_bank_next),
        .slot_next(frame_slot_next)
    );

    always @(posedge clk) begin
        if (rst) begin
            bank_q       <= FIRST_BANK;
            slot_q       <= FIRST_SLOT;
            frame_bank_q <= FIRST_BANK;
            frame_slot_q <= FIRST_SLOT;
        end else if (row_done) begin
            bank_q <= last_row ? frame_bank_next : bank_next;
            slot_q <= last_row ? frame_slot_next : slot_next;
            if (last_row) begin
                frame_bank_q <= frame_bank_next;
                frame_slot_q <= frame_slot_next;
            end
        end
    end
endmodule
`default_nettype wire
