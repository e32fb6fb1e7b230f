// lng_rom: read-only memory with a registered output, initialised from a hexadecimal file.
// Latency 1 cycle while en is high; the output holds while en is low.
`default_nettype none
module lng_rom #(
    parameter integer DATA_WIDTH = 8,   // bits per word, >= 1
    parameter integer DEPTH      = 2,   // words, >= 1
    parameter integer ADDR_WIDTH = 1,   // bits, 2^ADDR_WIDTH >= DEPTH
    parameter         INIT_FILE  = ""   // one hexadecimal word a line, $readmemh
) (
    input  wire                  clk,
    input  wire                  en,
    input  wire [ADDR_WIDTH-1:0] addr,
    output reg  [DATA_WIDTH-1:0] data_q
);
    generate
        if ((1 << ADDR_WIDTH) < DEPTH) begin : gen_bad_parameter
            lng_rom_addr_width_too_small u_bad_parameter ();
        end
    endgenerate

    reg [DATA_WIDTH-1:0] mem [0:DEPTH-1];

    initial begin
        $readmemh(INIT_FILE, mem);
    end

    always @(posedge clk) begin
        if (en) begin
            data_q <= mem[addr];
        end
    end
endmodule
`default_nettype wire
