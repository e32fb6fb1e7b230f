// lng_window_count: which of the possible pixel counts a window has, DELAY cycles of ce later.
// The count is (rows inside the image) x (columns inside the image). No reset.
`default_nettype none
module lng_window_count #(
    parameter integer ROWS         = 3,  // window rows, >= 1
    parameter integer COLUMNS      = 3,  // window columns, >= 1
    parameter integer COUNTS       = 1,  // possible counts, >= 1
    parameter [COUNTS*32-1:0] PIXELS = 9,  // the counts, the first in the low 32 bits
    parameter integer SELECT_WIDTH = 1,  // bits of select
    parameter integer DELAY        = 4   // cycles of ce, >= 0
) (
    input  wire                    clk,
    input  wire                    ce,
    input  wire [COLUMNS+ROWS-1:0] tuser,  // columns (high) and rows inside the image
    output wire [SELECT_WIDTH-1:0] select
);
    generate
        if (COUNTS == 1) begin : gen_single
            // every window has the same count
            // verilator lint_off UNUSEDSIGNAL
            wire unused = clk & ce & (^tuser);
            // verilator lint_on UNUSEDSIGNAL
            assign select = {SELECT_WIDTH{1'b0}};
        end else begin : gen_count
            reg [31:0] rows;
            reg [31:0] columns;
            reg [SELECT_WIDTH-1:0] found;
            integer i;
            always @* begin
                rows    = 32'd0;
                columns = 32'd0;
                for (i = 0; i < ROWS; i = i + 1) begin
                    rows = rows + {31'd0, tuser[i]};
                end
                for (i = 0; i < COLUMNS; i = i + 1) begin
                    columns = columns + {31'd0, tuser[ROWS+i]};
                end
                found = {SELECT_WIDTH{1'b0}};
                for (i = 0; i < COUNTS; i = i + 1) begin
                    if (rows * columns == PIXELS[i*32 +: 32]) begin
                        found = i[SELECT_WIDTH-1:0];
                    end
                end
            end
            if (DELAY == 0) begin : gen_no_delay
                // no register, no state
                // verilator lint_off UNUSEDSIGNAL
                wire unused = clk & ce;
                // verilator lint_on UNUSEDSIGNAL
                assign select = found;
            end else begin : gen_delay
                reg [DELAY*SELECT_WIDTH-1:0] found_q;
                wire [(DELAY+1)*SELECT_WIDTH-1:0] shifted = {found_q, found};
                assign select = shifted[DELAY*SELECT_WIDTH +: SELECT_WIDTH];
                always @(posedge clk) begin
                    if (ce) begin
                        found_q <= shifted[DELAY*SELECT_WIDTH-1:0];
                    end
                end
            end
        end
    endgenerate
endmodule
`default_nettype wire
