// lng_fifo: ready/valid FIFO with registered handshake.
// Latency 1 cycle, throughput 1 word per cycle for DEPTH >= 2.
// A word moves when valid && ready at posedge clk; ready and valid depend on the fill level only,
// and are registers of their own.
// Reset: synchronous, active high, control bits only.
`default_nettype none
module lng_fifo #(
    parameter integer DATA_WIDTH = 8,  // bits per word, >= 1
    parameter integer DEPTH      = 2   // words, >= 1
) (
    input  wire                  clk,
    input  wire                  rst,
    // input stream
    input  wire [DATA_WIDTH-1:0] s_axis_tdata,
    input  wire                  s_axis_tvalid,
    output wire                  s_axis_tready,
    // output stream
    output wire [DATA_WIDTH-1:0] m_axis_tdata,
    output wire                  m_axis_tvalid,
    input  wire                  m_axis_tready
);
    generate
        if (DEPTH < 1) begin : gen_bad_parameter
            lng_fifo_depth_below_1 u_bad_parameter ();
        end
    endgenerate

    localparam integer ADDR_WIDTH  = (DEPTH > 1) ? $clog2(DEPTH) : 1;
    localparam integer COUNT_WIDTH = $clog2(DEPTH + 1);

    localparam [31:0] LAST_ADDR_32 = DEPTH - 1;
    localparam [31:0] ALMOST_32    = DEPTH - 1;
    localparam [ADDR_WIDTH-1:0]  LAST_ADDR = LAST_ADDR_32[ADDR_WIDTH-1:0];
    localparam [COUNT_WIDTH-1:0] ALMOST    = ALMOST_32[COUNT_WIDTH-1:0];
    localparam [COUNT_WIDTH-1:0] ONE       = 1;

    reg [DATA_WIDTH-1:0]  mem [0:DEPTH-1];
    reg [ADDR_WIDTH-1:0]  write_addr_q;
    reg [ADDR_WIDTH-1:0]  read_addr_q;
    reg [COUNT_WIDTH-1:0] count_q;
    reg                   ready_q;  // not full
    reg                   valid_q;  // not empty

    wire write = s_axis_tvalid && s_axis_tready;
    wire read  = m_axis_tvalid && m_axis_tready;

    assign s_axis_tready = ready_q;
    assign m_axis_tvalid = valid_q;
    assign m_axis_tdata  = mem[read_addr_q];

    always @(posedge clk) begin
        if (write) begin
            mem[write_addr_q] <= s_axis_tdata;
        end
    end

    always @(posedge clk) begin
        if (rst) begin
            write_addr_q <= {ADDR_WIDTH{1'b0}};
            read_addr_q  <= {ADDR_WIDTH{1'b0}};
            count_q      <= {COUNT_WIDTH{1'b0}};
            ready_q      <= 1'b1;
            valid_q      <= 1'b0;
        end else begin
            if (write) begin
                write_addr_q <= (write_addr_q == LAST_ADDR) ? {ADDR_WIDTH{1'b0}}
                                                            : write_addr_q + 1'b1;
            end
            if (read) begin
                read_addr_q <= (read_addr_q == LAST_ADDR) ? {ADDR_WIDTH{1'b0}}
                                                          : read_addr_q + 1'b1;
            end
            if (write && !read) begin
                count_q <= count_q + 1'b1;
                ready_q <= count_q != ALMOST;
                valid_q <= 1'b1;
            end else if (read && !write) begin
                count_q <= count_q - 1'b1;
                ready_q <= 1'b1;
                valid_q <= count_q != ONE;
            end
        end
    end
endmodule
`default_nettype wire
