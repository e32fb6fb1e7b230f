// lng_axi_lite: AXI4-Lite slave in front of a bus of 32-bit registers.
// Address and data of a write come in any order; writes and reads go on side by side, one each at
// a time. The bus answers in the cycle of the strobe: write_resp to write_strobe, read_data and
// read_resp to read_strobe. Addresses are words: the two lowest bits of the bytes' are ignored.
// No ready depends on a valid. Reset: synchronous, active high, control bits only.
`default_nettype none
module lng_axi_lite #(
    parameter integer ADDR_WIDTH = 12  // bits of a byte address, >= 3
) (
    input  wire                  clk,
    input  wire                  rst,
    // AXI4-Lite
    input  wire [ADDR_WIDTH-1:0] s_axi_awaddr,
    input  wire                  s_axi_awvalid,
    output wire                  s_axi_awready,
    input  wire [31:0]           s_axi_wdata,
    input  wire [3:0]            s_axi_wstrb,
    input  wire                  s_axi_wvalid,
    output wire                  s_axi_wready,
    output wire [1:0]            s_axi_bresp,
    output wire                  s_axi_bvalid,
    input  wire                  s_axi_bready,
    input  wire [ADDR_WIDTH-1:0] s_axi_araddr,
    input  wire                  s_axi_arvalid,
    output wire                  s_axi_arready,
    output wire [31:0]           s_axi_rdata,
    output wire [1:0]            s_axi_rresp,
    output wire                  s_axi_rvalid,
    input  wire                  s_axi_rready,
    // registers
    output wire                  write_strobe,
    output wire [ADDR_WIDTH-3:0] write_word,
    output wire [31:0]           write_data,
    output wire [31:0]           write_mask,  // bits of the bytes to be written
    input  wire [1:0]            write_resp,
    output wire                  read_strobe,
    output wire [ADDR_WIDTH-3:0] read_word,
    input  wire [31:0]           read_data,
    input  wire [1:0]            read_resp
);
    generate
        if (ADDR_WIDTH < 3) begin : gen_bad_parameter
            lng_axi_lite_addr_width_below_3 u_bad_parameter ();
        end
    endgenerate

    // a write waits here until both of its halves have come and the answer has room
    reg                  aw_full_q;
    reg [ADDR_WIDTH-3:0] aw_word_q;
    reg                  w_full_q;
    reg [31:0]           w_data_q;
    reg [3:0]            w_strobe_q;
    reg                  b_valid_q;
    reg [1:0]            b_resp_q;
    // a read
    reg                  ar_full_q;
    reg [ADDR_WIDTH-3:0] ar_word_q;
    reg                  r_valid_q;
    reg [31:0]           r_data_q;
    reg [1:0]            r_resp_q;

    assign s_axi_awready = !aw_full_q && !rst;
    assign s_axi_wready  = !w_full_q && !rst;
    assign s_axi_bvalid  = b_valid_q;
    assign s_axi_bresp   = b_resp_q;
    assign s_axi_arready = !ar_full_q && !rst;
    assign s_axi_rvalid  = r_valid_q;
    assign s_axi_rdata   = r_data_q;
    assign s_axi_rresp   = r_resp_q;

    assign write_strobe = aw_full_q && w_full_q && (!b_valid_q || s_axi_bready);
    assign write_word   = aw_word_q;
    assign write_data   = w_data_q;
    assign write_mask   = { {8{w_strobe_q[3]}}, {8{w_strobe_q[2]}},
                            {8{w_strobe_q[1]}}, {8{w_strobe_q[0]}} };
    assign read_strobe  = ar_full_q && (!r_valid_q || s_axi_rready);
    assign read_word    = ar_word_q;

    // verilator lint_off UNUSEDSIGNAL
    wire unused = (^s_axi_awaddr[1:0]) ^ (^s_axi_araddr[1:0]);
    // verilator lint_on UNUSEDSIGNAL

    always @(posedge clk) begin
        if (s_axi_awvalid && s_axi_awready) begin
            aw_word_q <= s_axi_awaddr[ADDR_WIDTH-1:2];
        end
        if (s_axi_wvalid && s_axi_wready) begin
            w_data_q   <= s_axi_wdata;
            w_strobe_q <= s_axi_wstrb;
        end
        if (write_strobe) begin
            b_resp_q <= write_resp;
        end
        if (s_axi_arvalid && s_axi_arready) begin
            ar_word_q <= s_axi_araddr[ADDR_WIDTH-1:2];
        end
        if (read_strobe) begin
            r_data_q <= read_data;
            r_resp_q <= read_resp;
        end
    end

    always @(posedge clk) begin
        if (rst) begin
            aw_full_q <= 1'b0;
            w_full_q  <= 1'b0;
            b_valid_q <= 1'b0;
            ar_full_q <= 1'b0;
            r_valid_q <= 1'b0;
        end else begin
            aw_full_q <= aw_full_q ? !write_strobe : s_axi_awvalid;
            w_full_q  <= w_full_q ? !write_strobe : s_axi_wvalid;
            b_valid_q <= write_strobe || (b_valid_q && !s_axi_bready);
            ar_full_q <= ar_full_q ? !read_strobe : s_axi_arvalid;
            r_valid_q <= read_strobe || (r_valid_q && !s_axi_rready);
        end
    end
endmodule
`default_nettype wire
