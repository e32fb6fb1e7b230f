// lng_between: y = (LOW <= x <= HIGH) for an x that never exceeds MAX. Combinational.
// Comparisons that are always true cost nothing; limits may lie outside 0..MAX.
`default_nettype none
module lng_between #(
    parameter integer WIDTH = 5,   // bits of x, >= 1
    parameter integer LOW   = 2,   // may be negative
    parameter integer HIGH  = 25,  // may be larger than MAX
    parameter integer MAX   = 27   // largest x, < 2^WIDTH
) (
    input  wire [WIDTH-1:0] x,
    output wire             y
);
    localparam [31:0] LOW_32  = LOW;
    localparam [31:0] HIGH_32 = HIGH;
    localparam [WIDTH-1:0] LOW_LIMIT  = LOW_32[WIDTH-1:0];
    localparam [WIDTH-1:0] HIGH_LIMIT = HIGH_32[WIDTH-1:0];

    // unused where no comparison is left
    // verilator lint_off UNUSEDSIGNAL
    wire unused = ^x;
    // verilator lint_on UNUSEDSIGNAL

    generate
        if (HIGH < LOW || HIGH < 0 || LOW > MAX) begin : gen_never
            assign y = 1'b0;
        end else if (LOW <= 0 && HIGH >= MAX) begin : gen_always
            assign y = 1'b1;
        end else if (LOW <= 0) begin : gen_high
            assign y = x <= HIGH_LIMIT;
        end else if (HIGH >= MAX) begin : gen_low
            assign y = x >= LOW_LIMIT;
        end else begin : gen_both
            assign y = x >= LOW_LIMIT && x <= HIGH_LIMIT;
        end
    endgenerate
endmodule
`default_nettype wire
