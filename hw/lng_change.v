// lng_change: by how much a counter of lng_window changes in a cycle. Combinational: a choice between
// constants, so that a single addition follows.
// change = (write ? WRITE : 0) + (read ? by where the column is : 0).
`default_nettype none
module lng_change #(
    parameter integer WIDTH = 8,   // bits, two's complement
    parameter integer WRITE = 1,   // a word is written
    parameter integer STEP  = -1,  // a column is read, not the last of its row
    parameter integer FULL  = 0,   // the last one of a row with full
    parameter integer PART  = 0,   // ... with part
    parameter integer NONE  = 0,   // ... with neither
    parameter integer LAST  = 0    // the last one of the last row
) (
    input  wire             write,
    input  wire             read,
    input  wire             row_end,
    input  wire             last_row,
    input  wire             full,
    input  wire             part,
    output wire [WIDTH-1:0] change
);
    localparam [31:0] WRITE_32      = WRITE;
    localparam [31:0] STEP_32       = STEP;
    localparam [31:0] FULL_32       = FULL;
    localparam [31:0] PART_32       = PART;
    localparam [31:0] NONE_32       = NONE;
    localparam [31:0] LAST_32       = LAST;
    localparam [31:0] WRITE_STEP_32 = WRITE + STEP;
    localparam [31:0] WRITE_FULL_32 = WRITE + FULL;
    localparam [31:0] WRITE_PART_32 = WRITE + PART;
    localparam [31:0] WRITE_NONE_32 = WRITE + NONE;
    localparam [31:0] WRITE_LAST_32 = WRITE + LAST;

    wire [WIDTH-1:0] alone = !row_end ? STEP_32[WIDTH-1:0]
                           : last_row ? LAST_32[WIDTH-1:0]
                           : full     ? FULL_32[WIDTH-1:0]
                           : part     ? PART_32[WIDTH-1:0] : NONE_32[WIDTH-1:0];
    wire [WIDTH-1:0] both  = !row_end ? WRITE_STEP_32[WIDTH-1:0]
                           : last_row ? WRITE_LAST_32[WIDTH-1:0]
                           : full     ? WRITE_FULL_32[WIDTH-1:0]
                           : part     ? WRITE_PART_32[WIDTH-1:0] : WRITE_NONE_32[WIDTH-1:0];
    wire [WIDTH-1:0] none  = write ? WRITE_32[WIDTH-1:0] : {WIDTH{1'b0}};

    assign change = read ? (write ? both : alone) : none;
endmodule
`default_nettype wire
