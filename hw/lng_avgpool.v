// lng_avgpool: the mean of each channel over a window, padding not counted.
// Throughput one window per cycle, latency clog2(ROWS*COLUMNS) + 4 cycles.
// Reset: synchronous, active high, control bits only.
`default_nettype none
module lng_avgpool #(
    parameter integer ROWS             = 2,   // window rows, >= 1
    parameter integer COLUMNS          = 2,   // window columns, >= 1
    parameter integer CHANNELS         = 6,   // lanes of a pixel, >= 1
    parameter integer IN_WIDTH         = 8,   // bits of an input lane, >= 1
    parameter integer IN_SIGNED        = 1,   // 1: input lanes are signed
    parameter integer OUT_WIDTH        = 8,   // bits of a result lane, >= 1
    parameter integer OUT_SIGNED       = 1,   // 1: result lanes are signed
    parameter integer COUNTS           = 1,   // see lng_average
    parameter integer SELECT_WIDTH     = 1,   // see lng_average
    parameter integer UP               = 0,   // see lng_average
    parameter integer N_WIDTH          = 11,  // see lng_divide
    parameter integer MULTIPLIER_WIDTH = 12,  // see lng_divide
    parameter integer RECIPROCAL_SHIFT = 12,  // see lng_divide
    parameter [COUNTS*32-1:0] PIXELS = 4,            // pixels under a window, per divisor
    parameter [COUNTS*32-1:0] DIVISORS = 4,          // see lng_average
    parameter [COUNTS*32-1:0] OFFSET_QUOTIENTS = 0,  // see lng_average
    parameter [COUNTS*64-1:0] MULTIPLIERS = 1024,    // see lng_average
    parameter integer ROUNDING         = 2,   // see lng_round_up
    parameter integer OVERFLOW         = 1    // see lng_overflow
) (
    input  wire                                      clk,
    input  wire                                      rst,
    // input stream: windows (padding reads as zero); tuser: columns (high) and rows inside the image
    input  wire [ROWS*COLUMNS*CHANNELS*IN_WIDTH-1:0] s_axis_tdata,
    input  wire [COLUMNS+ROWS-1:0]                   s_axis_tuser,
    input  wire                                      s_axis_tvalid,
    output wire                                      s_axis_tready,
    // output stream: pixels
    output wire [CHANNELS*OUT_WIDTH-1:0]             m_axis_tdata,
    output wire                                      m_axis_tvalid,
    input  wire                                      m_axis_tready
);
    localparam integer POSITIONS = ROWS * COLUMNS;
    localparam integer LEVELS    = $clog2(POSITIONS);
    localparam integer X_WIDTH   = (IN_SIGNED != 0) ? IN_WIDTH : IN_WIDTH + 1;
    localparam integer SUM_WIDTH = X_WIDTH + LEVELS + 1;

    wire ce;
    wire [SELECT_WIDTH-1:0] select;

    lng_pipe_control #(
        .DEPTH(LEVELS + 4)
    ) u_control (
        .clk          (clk),
        .rst          (rst),
        .s_axis_tvalid(s_axis_tvalid),
        .s_axis_tready(s_axis_tready),
        .m_axis_tvalid(m_axis_tvalid),
        .m_axis_tready(m_axis_tready),
        .ce           (ce)
    );

    lng_window_count #(
        .ROWS        (ROWS),
        .COLUMNS     (COLUMNS),
        .COUNTS      (COUNTS),
        .PIXELS      (PIXELS),
        .SELECT_WIDTH(SELECT_WIDTH),
        .DELAY       (LEVELS)
    ) u_window_count (
        .clk   (clk),
        .ce    (ce),
        .tuser (s_axis_tuser),
        .select(select)
    );

    genvar c;
    genvar p;
    generate
        for (c = 0; c < CHANNELS; c = c + 1) begin : gen_channel
            wire [POSITIONS*SUM_WIDTH-1:0] operands;
            wire [SUM_WIDTH-1:0] sum;
            for (p = 0; p < POSITIONS; p = p + 1) begin : gen_position
                wire [X_WIDTH-1:0] lane;
                if (IN_SIGNED != 0) begin : gen_signed
                    assign lane = s_axis_tdata[(p*CHANNELS+c)*IN_WIDTH +: IN_WIDTH];
                end else begin : gen_unsigned
                    assign lane = {1'b0, s_axis_tdata[(p*CHANNELS+c)*IN_WIDTH +: IN_WIDTH]};
                end
                lng_resize #(
                    .IN_WIDTH (X_WIDTH),
                    .OUT_WIDTH(SUM_WIDTH)
                ) u_operand (
                    .x(lane),
                    .y(operands[p*SUM_WIDTH +: SUM_WIDTH])
                );
            end
            lng_reduce_tree #(
                .OPERANDS (POSITIONS),
                .WIDTH    (SUM_WIDTH),
                .OPERATION(0)
            ) u_sum (
                .clk(clk),
                .ce (ce),
                .x  (operands),
                .y  (sum)
            );
            lng_average #(
                .IN_WIDTH        (SUM_WIDTH),
                .OUT_WIDTH       (OUT_WIDTH),
                .OUT_SIGNED      (OUT_SIGNED),
                .COUNTS          (COUNTS),
                .SELECT_WIDTH    (SELECT_WIDTH),
                .UP              (UP),
                .N_WIDTH         (N_WIDTH),
                .MULTIPLIER_WIDTH(MULTIPLIER_WIDTH),
                .RECIPROCAL_SHIFT(RECIPROCAL_SHIFT),
                .DIVISORS        (DIVISORS),
                .OFFSET_QUOTIENTS(OFFSET_QUOTIENTS),
                .MULTIPLIERS     (MULTIPLIERS),
                .ROUNDING        (ROUNDING),
                .OVERFLOW        (OVERFLOW)
            ) u_average (
                .clk   (clk),
                .ce    (ce),
                .sum   (sum),
                .select(select),
                .mean  (m_axis_tdata[c*OUT_WIDTH +: OUT_WIDTH])
            );
        end
    endgenerate
endmodule
`default_nettype wire
