// lng_weights: the words of a read-only memory in order, over and over, initialised from a file.
// data_q is word n in the cycle after the n-th cycle with next; it holds while next is low. Words
// are fetched ahead of their time, so the registers of a block RAM cost no latency. PACK words
// share a memory row: what is deeper than a block RAM becomes wide instead, without a multiplexer
// behind the memory.
// Latency 1 cycle from next, throughput 1 word per cycle. next may be high while ready only; ready
// is low in the first cycle after reset if PACK > 1. Reset: synchronous, active high, control bits
// only; it fetches the first row.
`default_nettype none
module lng_weights #(
    parameter integer DATA_WIDTH = 8,   // bits per word, >= 1
    parameter integer WORDS      = 5,   // words, >= 1
    parameter integer BLOCK      = 1,   // 0: LUTs, 1: block RAM
    parameter integer PACK       = 1,   // words in a row of the memory, 1 with LUTs
    parameter         INIT_FILE  = ""   // rows in hexadecimal, one a line, the first word lowest
) (
    input  wire                  clk,
    input  wire                  rst,
    input  wire                  next,
    output wire                  ready,
    output wire [DATA_WIDTH-1:0] data_q
);
    generate
        if (WORDS < 1 || PACK < 1 || (PACK > 1 && BLOCK == 0)) begin : gen_bad_parameter
            lng_weights_pack_without_block_ram u_bad_parameter ();
        end
    endgenerate

    localparam integer ROWS       = (WORDS + PACK - 1) / PACK;
    localparam integer ROW_WIDTH  = PACK * DATA_WIDTH;
    localparam integer ADDR_WIDTH = (ROWS > 1) ? $clog2(ROWS) : 1;
    localparam [31:0] LAST_ROW_32  = ROWS - 1;
    localparam [31:0] FIRST_ROW_32 = (BLOCK != 0 && ROWS > 1) ? 1 : 0;  // fetched after reset
    localparam [ADDR_WIDTH-1:0] LAST_ROW  = LAST_ROW_32[ADDR_WIDTH-1:0];
    localparam [ADDR_WIDTH-1:0] FIRST_ROW = FIRST_ROW_32[ADDR_WIDTH-1:0];

    reg  [ADDR_WIDTH-1:0] row_q;  // the row to fetch
    wire                  fetch;

    always @(posedge clk) begin
        if (rst) begin
            row_q <= FIRST_ROW;
        end else if (fetch) begin
            row_q <= (row_q == LAST_ROW) ? {ADDR_WIDTH{1'b0}} : row_q + 1'b1;
        end
    end

    generate
        if (BLOCK == 0) begin : gen_luts
            reg [DATA_WIDTH-1:0] mem [0:WORDS-1];
            reg [DATA_WIDTH-1:0] word_q;
            initial begin
                $readmemh(INIT_FILE, mem);
            end
            assign ready  = 1'b1;
            assign fetch  = next;
            assign data_q = word_q;
            always @(posedge clk) begin
                if (next) begin
                    word_q <= mem[row_q];
                end
            end
        end else begin : gen_block
            (* rom_style = "block" *)
            reg [ROW_WIDTH-1:0]  mem [0:ROWS-1];
            reg [ROW_WIDTH-1:0]  fetched_q;  // the block RAM's output
            // A block RAM is too slow for what a multiplier does before its first register, so
            // this one has to stay outside of the DSP slice: those can't start with ones.
            reg [DATA_WIDTH-1:0] word_q;
            wire [ADDR_WIDTH-1:0] row = rst ? {ADDR_WIDTH{1'b0}} : row_q;
            initial begin
                $readmemh(INIT_FILE, mem);
                word_q = {DATA_WIDTH{1'b1}};
            end
            assign data_q = word_q;
            always @(posedge clk) begin
                if (rst || fetch) begin
                    fetched_q <= mem[row];
                end
            end
            if (PACK == 1) begin : gen_words
                assign ready = 1'b1;
                assign fetch = next;
                always @(posedge clk) begin
                    if (next) begin
                        word_q <= fetched_q;
                    end
                end
            end else begin : gen_rows
                localparam integer PLACE_WIDTH = $clog2(PACK);
                localparam [31:0] LAST_PLACE_32  = PACK - 1;
                localparam [31:0] SHORT_PLACE_32 = WORDS - 1 - (ROWS - 1) * PACK;
                reg  [ROW_WIDTH-1:0]   held_q;  // the row whose words leave
                reg                    held_valid_q;
                reg  [PLACE_WIDTH-1:0] place_q;
                reg  [ADDR_WIDTH-1:0]  held_row_q;
                wire row_end = place_q == ((held_row_q == LAST_ROW)
                                   ? SHORT_PLACE_32[PLACE_WIDTH-1:0]
                                   : LAST_PLACE_32[PLACE_WIDTH-1:0]);
                wire hold = !held_valid_q || (next && row_end);
                assign ready = held_valid_q;
                assign fetch = hold;
                always @(posedge clk) begin
                    if (hold) begin
                        held_q <= fetched_q;
                    end
                    if (next) begin
                        word_q <= held_q[place_q*DATA_WIDTH +: DATA_WIDTH];
                    end
                end
                always @(posedge clk) begin
                    if (rst) begin
                        held_valid_q <= 1'b0;
                        held_row_q   <= {ADDR_WIDTH{1'b0}};
                        place_q      <= {PLACE_WIDTH{1'b0}};
                    end else begin
                        if (hold) begin
                            held_valid_q <= 1'b1;
                        end
                        if (next) begin
                            place_q <= row_end ? {PLACE_WIDTH{1'b0}} : place_q + 1'b1;
                            if (row_end) begin
                                held_row_q <= (held_row_q == LAST_ROW) ? {ADDR_WIDTH{1'b0}}
                                                                       : held_row_q + 1'b1;
                            end
                        end
                    end
                end
            end
        end
    endgenerate
endmodule
`default_nettype wire
