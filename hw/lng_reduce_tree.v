// lng_reduce_tree: y = x[0] op x[1] op ... op x[OPERANDS-1], a register after every level.
// op: 0 sum modulo 2^WIDTH, 1 signed maximum, 2 unsigned maximum.
// Latency clog2(OPERANDS) cycles of ce (none for one operand), throughput 1 per cycle.
// Where their number is odd one operand waits: the last and the first in turn, so that none waits
// twice in a row and no shift register comes of it. Operands that come from registers in a row
// themselves (products of LUTs) had better wait inverted: SRL16E are slow.
// No reset: the caller tracks which results count.
`default_nettype none
module lng_reduce_tree #(
    parameter integer OPERANDS  = 4,  // >= 1
    parameter integer WIDTH     = 8,  // bits per operand and of the result, >= 1
    parameter integer OPERATION = 0,  // 0 add, 1 signed max, 2 unsigned max
    parameter integer FIRST_WAITS = 0, // 1: the first operand waits if their number is odd
    parameter integer WAIT_INVERTED = 0 // 1: the operand that waits at once is kept inverted
) (
    input  wire                      clk,
    input  wire                      ce,
    input  wire [OPERANDS*WIDTH-1:0] x,  // operand 0 in the low bits
    output wire [WIDTH-1:0]          y
);
    generate
        if (OPERANDS < 1 || OPERATION < 0 || OPERATION > 2) begin : gen_bad_parameter
            lng_reduce_tree_unknown_operation u_bad_parameter ();
        end
    endgenerate

    localparam integer HALF = (OPERANDS + 1) / 2;  // operands left after one level

    generate
        if (OPERANDS == 1) begin : gen_leaf
            // a single operand passes through without a register
            // verilator lint_off UNUSEDSIGNAL
            wire unused = clk & ce;
            // verilator lint_on UNUSEDSIGNAL
            assign y = x;
        end else begin : gen_level
            reg  [HALF*WIDTH-1:0] level_q;
            wire [HALF*WIDTH-1:0] level;
            genvar i;
            for (i = 0; i < HALF; i = i + 1) begin : gen_node
                localparam integer AT = 2 * i - ((FIRST_WAITS != 0) ? OPERANDS % 2 : 0);
                if (AT >= 0 && AT + 1 < OPERANDS) begin : gen_pair
                    assign level[i*WIDTH +: WIDTH] = level_q[i*WIDTH +: WIDTH];
                    wire [WIDTH-1:0] a = x[AT*WIDTH +: WIDTH];
                    wire [WIDTH-1:0] b = x[(AT+1)*WIDTH +: WIDTH];
                    if (OPERATION == 0) begin : gen_add
                        always @(posedge clk) begin
                            if (ce) begin
                                level_q[i*WIDTH +: WIDTH] <= a + b;
                            end
                        end
                    end else if (OPERATION == 1) begin : gen_signed_max
                        always @(posedge clk) begin
                            if (ce) begin
                                level_q[i*WIDTH +: WIDTH] <= ($signed(a) > $signed(b)) ? a : b;
                            end
                        end
                    end else begin : gen_unsigned_max
                        always @(posedge clk) begin
                            if (ce) begin
                                level_q[i*WIDTH +: WIDTH] <= (a > b) ? a : b;
                            end
                        end
                    end
                end else begin : gen_single
                    wire [WIDTH-1:0] flip = (WAIT_INVERTED != 0) ? {WIDTH{1'b1}} : {WIDTH{1'b0}};
                    assign level[i*WIDTH +: WIDTH] = level_q[i*WIDTH +: WIDTH] ^ flip;
                    always @(posedge clk) begin
                        if (ce) begin
                            level_q[i*WIDTH +: WIDTH]
                                <= x[((AT < 0) ? 0 : AT)*WIDTH +: WIDTH] ^ flip;
                        end
                    end
                end
            end
            lng_reduce_tree #(
                .OPERANDS   (HALF),
                .WIDTH      (WIDTH),
                .OPERATION  (OPERATION),
                .FIRST_WAITS((FIRST_WAITS != 0) ? 0 : 1)
            ) u_next_level (
                .clk(clk),
                .ce (ce),
                .x  (level),
                .y  (y)
            );
        end
    endgenerate
endmodule
`default_nettype wire
