// lng_overflow: y = x brought into OUT_WIDTH bits by an ap_fixed overflow mode. Combinational.
// Modes: docs/semantics.md, "Cast".
`default_nettype none
module lng_overflow #(
    parameter integer IN_WIDTH   = 16,  // bits of x, signed, >= 2
    parameter integer OUT_WIDTH  = 8,   // bits of y, >= 1
    parameter integer OUT_SIGNED = 1,   // 1: y is signed
    parameter integer OVERFLOW   = 1    // 0 WRAP, 1 SAT, 2 SAT_SYM, 3 SAT_ZERO
) (
    input  wire [IN_WIDTH-1:0]  x,
    output wire [OUT_WIDTH-1:0] y
);
    generate
        if (IN_WIDTH < 2 || OVERFLOW < 0 || OVERFLOW > 3) begin : gen_bad_parameter
            lng_overflow_unknown_mode_or_width u_bad_parameter ();
        end
    endgenerate

    // a bit more than the wider of the two, so that x has bits above its value and a sign there
    localparam integer WIDTH = ((IN_WIDTH > OUT_WIDTH) ? IN_WIDTH : OUT_WIDTH) + 1;
    localparam integer VALUE_BITS = (OUT_SIGNED != 0) ? OUT_WIDTH - 1 : OUT_WIDTH;
    localparam [WIDTH-1:0] ONE   = { {(WIDTH - 1){1'b0}}, 1'b1};
    localparam [WIDTH-1:0] LIMIT = ONE << VALUE_BITS;
    // verilator lint_off UNUSEDPARAM
    localparam [WIDTH-1:0] HIGH  = LIMIT - ONE;
    localparam [WIDTH-1:0] LOW   = (OUT_SIGNED == 0)                    ? {WIDTH{1'b0}}
                                 : (OVERFLOW == 2 && OUT_WIDTH > 1)     ? ~HIGH + ONE
                                                                        : ~HIGH;
    // verilator lint_on UNUSEDPARAM

    wire [WIDTH-1:0] wide;
    wire [OUT_WIDTH-1:0] wrapped;

    lng_resize #(
        .IN_WIDTH (IN_WIDTH),
        .OUT_WIDTH(WIDTH)
    ) u_wide (
        .x(x),
        .y(wide)
    );
    lng_resize #(
        .IN_WIDTH (IN_WIDTH),
        .OUT_WIDTH(OUT_WIDTH)
    ) u_wrapped (
        .x(x),
        .y(wrapped)
    );

    generate
        if (OVERFLOW == 0) begin : gen_wrap
            // wrapping keeps the low bits, whatever the value
            // verilator lint_off UNUSEDSIGNAL
            wire unused = ^wide;
            // verilator lint_on UNUSEDSIGNAL
            assign y = wrapped;
        end else begin : gen_limit
            // the limits are powers of two: the bits above the value decide, no comparison
            wire sign = wide[WIDTH-1];
            wire [WIDTH-1:VALUE_BITS] head = wide[WIDTH-1:VALUE_BITS];
            wire lowest;  // the one negative code that has no positive one beside it
            wire too_high = !sign && (|head);
            wire too_low  = sign && ((OUT_SIGNED == 0) || !(&head) || lowest);
            if (OVERFLOW == 2 && OUT_SIGNED != 0 && VALUE_BITS > 0) begin : gen_symmetric
                assign lowest = ~(|wide[VALUE_BITS-1:0]);
            end else begin : gen_plain
                // verilator lint_off UNUSEDSIGNAL
                wire unused = ^wide;
                // verilator lint_on UNUSEDSIGNAL
                assign lowest = 1'b0;
            end
            if (OVERFLOW == 3) begin : gen_zero
                assign y = (too_high || too_low) ? {OUT_WIDTH{1'b0}} : wrapped;
            end else begin : gen_saturate
                assign y = too_high ? HIGH[OUT_WIDTH-1:0]
                         : too_low  ? LOW[OUT_WIDTH-1:0] : wrapped;
            end
        end
    endgenerate
endmodule
`default_nettype wire
