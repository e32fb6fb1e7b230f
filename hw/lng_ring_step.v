// lng_ring_step: the place ADDEND rows further on in a ring of ROWS*SLOTS rows. Combinational.
// Row n of the ring is in memory n mod ROWS, slot n / ROWS.
`default_nettype none
module lng_ring_step #(
    parameter integer ROWS       = 5,  // memories, >= 1
    parameter integer SLOTS      = 1,  // rows per memory, a power of two
    parameter integer BANK_WIDTH = 3,  // bits of a memory's number
    parameter integer SLOT_WIDTH = 1,  // bits of a slot's number
    parameter integer ADDEND     = 1   // rows to go, >= 0
) (
    input  wire [BANK_WIDTH-1:0] bank,
    input  wire [SLOT_WIDTH-1:0] slot,
    output wire [BANK_WIDTH-1:0] bank_next,
    output wire [SLOT_WIDTH-1:0] slot_next
);
    lng_add_modulo #(
        .WIDTH  (BANK_WIDTH),
        .ADDEND (ADDEND % ROWS),
        .MODULUS(ROWS)
    ) u_bank (
        .x(bank),
        .y(bank_next)
    );

    generate
        if (SLOTS == 1) begin : gen_one_slot
            // one slot: nothing to count
            // verilator lint_off UNUSEDSIGNAL
            wire unused = ^slot;
            // verilator lint_on UNUSEDSIGNAL
            assign slot_next = {SLOT_WIDTH{1'b0}};
        end else begin : gen_slots
            localparam [31:0] WHOLE_32 = ADDEND / ROWS;
            localparam [31:0] AFTER_32 = ADDEND / ROWS + 1;
            wire carry;
            lng_between #(
                .WIDTH(BANK_WIDTH),
                .LOW  (ROWS - ADDEND % ROWS),
                .HIGH (ROWS - 1),
                .MAX  (ROWS - 1)
            ) u_carry (
                .x(bank),
                .y(carry)
            );
            assign slot_next =
                slot + (carry ? AFTER_32[SLOT_WIDTH-1:0] : WHOLE_32[SLOT_WIDTH-1:0]);
        end
    endgenerate
endmodule
`default_nettype wire
