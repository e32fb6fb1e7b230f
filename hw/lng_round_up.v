// lng_round_up: whether rounding adds one to the floor of a number. Combinational.
// Modes: docs/semantics.md, "Cast".
`default_nettype none
module lng_round_up #(
    // 0 TRN, 1 TRN_ZERO, 2 RND, 3 RND_ZERO, 4 RND_MIN_INF, 5 RND_INF, 6 RND_CONV
    parameter integer ROUNDING = 2
) (
    // each mode looks at some of these only
    // verilator lint_off UNUSEDSIGNAL
    input  wire inexact,   // the dropped part is not zero
    input  wire above,     // the dropped part is more than one half
    input  wire tie,       // the dropped part is one half
    input  wire negative,  // the number is negative
    input  wire odd,       // the floor is odd
    // verilator lint_on UNUSEDSIGNAL
    output wire increment
);
    generate
        if (ROUNDING == 0) begin : gen_trn
            assign increment = 1'b0;
        end else if (ROUNDING == 1) begin : gen_trn_zero
            assign increment = inexact && negative;
        end else if (ROUNDING == 2) begin : gen_rnd
            assign increment = above || tie;
        end else if (ROUNDING == 3) begin : gen_rnd_zero
            assign increment = above || (tie && negative);
        end else if (ROUNDING == 4) begin : gen_rnd_min_inf
            assign increment = above;
        end else if (ROUNDING == 5) begin : gen_rnd_inf
            assign increment = above || (tie && !negative);
        end else if (ROUNDING == 6) begin : gen_rnd_conv
            assign increment = above || (tie && odd);
        end else begin : gen_bad_parameter
            lng_round_up_unknown_rounding u_bad_parameter ();
        end
    endgenerate
endmodule
`default_nettype wire
