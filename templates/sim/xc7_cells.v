// Behaviour of the 7-series cells that Yosys' xc7 flow uses, for gate-level simulation in Verilator.
// Written after Xilinx UG953 (cells), UG474 (distributed RAM, carry) and UG473 (block RAM). One bit
// is one net here, so that a carry chain is no loop to the simulator. Not modelled: asynchronous
// controls, inverted clocks; of DSP48E1 (UG479) the pre-adder, SIMD, carries, pattern detection.
`default_nettype none
module INV (output wire O, input wire I);
    assign O = !I;
endmodule

module LUT1 #(parameter [1:0] INIT = 0) (output wire O, input wire I0);
    assign O = INIT[I0];
endmodule

module LUT2 #(parameter [3:0] INIT = 0) (output wire O, input wire I0, I1);
    assign O = INIT[{I1, I0}];
endmodule

module LUT3 #(parameter [7:0] INIT = 0) (output wire O, input wire I0, I1, I2);
    assign O = INIT[{I2, I1, I0}];
endmodule

module LUT4 #(parameter [15:0] INIT = 0) (output wire O, input wire I0, I1, I2, I3);
    assign O = INIT[{I3, I2, I1, I0}];
endmodule

module LUT5 #(parameter [31:0] INIT = 0) (output wire O, input wire I0, I1, I2, I3, I4);
    assign O = INIT[{I4, I3, I2, I1, I0}];
endmodule

module LUT6 #(parameter [63:0] INIT = 0) (output wire O, input wire I0, I1, I2, I3, I4, I5);
    assign O = INIT[{I5, I4, I3, I2, I1, I0}];
endmodule

module MUXF7 (output wire O, input wire I0, I1, S);
    assign O = S ? I1 : I0;
endmodule

module MUXF8 (output wire O, input wire I0, I1, S);
    assign O = S ? I1 : I0;
endmodule

module CARRY4 (
    output wire [3:0] CO,
    output wire [3:0] O,
    input  wire       CI,
    input  wire       CYINIT,
    input  wire [3:0] DI,
    input  wire [3:0] S
);
    wire c0 = CI | CYINIT;
    wire c1 = S[0] ? c0 : DI[0];
    wire c2 = S[1] ? c1 : DI[1];
    wire c3 = S[2] ? c2 : DI[2];
    wire c4 = S[3] ? c3 : DI[3];
    assign CO = {c4, c3, c2, c1};
    assign O  = S ^ {c3, c2, c1, c0};
endmodule

module FDRE #(
    parameter [0:0] INIT = 0, IS_C_INVERTED = 0, IS_D_INVERTED = 0, IS_R_INVERTED = 0
) (output reg Q, input wire C, CE, D, R);
    initial Q = INIT;
    always @(posedge C) begin
        if (R ^ IS_R_INVERTED) Q <= 1'b0;
        else if (CE) Q <= D ^ IS_D_INVERTED;
    end
endmodule

module FDSE #(
    parameter [0:0] INIT = 1, IS_C_INVERTED = 0, IS_D_INVERTED = 0, IS_S_INVERTED = 0
) (output reg Q, input wire C, CE, D, S);
    initial Q = INIT;
    always @(posedge C) begin
        if (S ^ IS_S_INVERTED) Q <= 1'b1;
        else if (CE) Q <= D ^ IS_D_INVERTED;
    end
endmodule

module SRL16E #(
    parameter [15:0] INIT = 0, parameter [0:0] IS_CLK_INVERTED = 0
) (output wire Q, input wire A0, A1, A2, A3, CE, CLK, D);
    reg [15:0] r = INIT;
    assign Q = r[{A3, A2, A1, A0}];
    always @(posedge CLK) begin
        if (CE) r <= {r[14:0], D};
    end
endmodule

module SRLC32E #(
    parameter [31:0] INIT = 0, parameter [0:0] IS_CLK_INVERTED = 0
) (output wire Q, output wire Q31, input wire [4:0] A, input wire CE, CLK, D);
    reg [31:0] r = INIT;
    assign Q = r[A];
    assign Q31 = r[31];
    always @(posedge CLK) begin
        if (CE) r <= {r[30:0], D};
    end
endmodule

module RAM32M #(
    parameter [63:0] INIT_A = 0, INIT_B = 0, INIT_C = 0, INIT_D = 0,
    parameter [0:0] IS_WCLK_INVERTED = 0
) (
    output wire [1:0] DOA, DOB, DOC, DOD,
    input  wire [4:0] ADDRA, ADDRB, ADDRC, ADDRD,
    input  wire [1:0] DIA, DIB, DIC, DID,
    input  wire       WCLK, WE
);
    reg [7:0] mem [0:31];
    integer i;
    initial begin
        for (i = 0; i < 32; i = i + 1) begin
            mem[i] = {INIT_D[2*i +: 2], INIT_C[2*i +: 2], INIT_B[2*i +: 2], INIT_A[2*i +: 2]};
        end
    end
    assign DOA = mem[ADDRA][1:0];
    assign DOB = mem[ADDRB][3:2];
    assign DOC = mem[ADDRC][5:4];
    assign DOD = mem[ADDRD][7:6];
    always @(posedge WCLK) begin
        if (WE) mem[ADDRD] <= {DID, DIC, DIB, DIA};
    end
endmodule

module RAM64M #(
    parameter [63:0] INIT_A = 0, INIT_B = 0, INIT_C = 0, INIT_D = 0,
    parameter [0:0] IS_WCLK_INVERTED = 0
) (
    output wire       DOA, DOB, DOC, DOD,
    input  wire [5:0] ADDRA, ADDRB, ADDRC, ADDRD,
    input  wire       DIA, DIB, DIC, DID,
    input  wire       WCLK, WE
);
    reg [3:0] mem [0:63];
    integer i;
    initial begin
        for (i = 0; i < 64; i = i + 1) mem[i] = {INIT_D[i], INIT_C[i], INIT_B[i], INIT_A[i]};
    end
    assign DOA = mem[ADDRA][0];
    assign DOB = mem[ADDRB][1];
    assign DOC = mem[ADDRC][2];
    assign DOD = mem[ADDRD][3];
    always @(posedge WCLK) begin
        if (WE) mem[ADDRD] <= {DID, DIC, DIB, DIA};
    end
endmodule

module DSP48E1 #(
    parameter integer ACASCREG = 1, ADREG = 1, ALUMODEREG = 1, AREG = 1, BCASCREG = 1, BREG = 1,
    parameter integer CARRYINREG = 1, CARRYINSELREG = 1, CREG = 1, DREG = 1, INMODEREG = 1,
    parameter integer MREG = 1, OPMODEREG = 1, PREG = 1,
    parameter A_INPUT = "DIRECT", B_INPUT = "DIRECT", USE_DPORT = "FALSE", USE_MULT = "MULTIPLY",
    parameter USE_SIMD = "ONE48", USE_PATTERN_DETECT = "NO_PATDET"
) (
    input  wire        CLK,
    input  wire [29:0] A, ACIN,
    input  wire [17:0] B, BCIN,
    input  wire [47:0] C, PCIN,
    input  wire [24:0] D,
    input  wire [3:0]  ALUMODE,
    input  wire [4:0]  INMODE,
    input  wire [6:0]  OPMODE,
    input  wire [2:0]  CARRYINSEL,
    input  wire        CARRYIN,
    input  wire        CEA1, CEA2, CEB1, CEB2, CEC, CEM, CEP,
    input  wire        RSTA, RSTB, RSTC, RSTM, RSTP,
    output wire [29:0] ACOUT,
    output wire [17:0] BCOUT,
    output wire [47:0] P, PCOUT
);
    generate
        if (USE_DPORT != "FALSE" || USE_SIMD != "ONE48" || USE_PATTERN_DETECT != "NO_PATDET"
            || ALUMODEREG != 0 || INMODEREG != 0 || OPMODEREG != 0 || CARRYINSELREG != 0
            || CARRYINREG != 0) begin : gen_unsupported
            dsp48e1_mode_is_not_modelled u_unsupported ();
        end
    endgenerate
    wire [29:0] a_in = (A_INPUT == "CASCADE") ? ACIN : A;
    wire [17:0] b_in = (B_INPUT == "CASCADE") ? BCIN : B;
    reg [29:0] a1_q = 0, a2_q = 0;
    reg [17:0] b1_q = 0, b2_q = 0;
    reg [47:0] c_q = 0, p_q = 0;
    reg signed [42:0] m_q = 0;
    always @(posedge CLK) begin
        if (RSTA) begin
            a1_q <= 0;
            a2_q <= 0;
        end else begin
            if (CEA1) a1_q <= a_in;
            if (CEA2) a2_q <= (AREG == 2) ? a1_q : a_in;
        end
        if (RSTB) begin
            b1_q <= 0;
            b2_q <= 0;
        end else begin
            if (CEB1) b1_q <= b_in;
            if (CEB2) b2_q <= (BREG == 2) ? b1_q : b_in;
        end
        if (RSTC) c_q <= 0;
        else if (CEC) c_q <= C;
        if (RSTM) m_q <= 0;
        else if (CEM) m_q <= product;
        if (RSTP) p_q <= 0;
        else if (CEP) p_q <= sum;
    end
    wire [29:0] a = (AREG == 0) ? a_in : a2_q;
    wire [17:0] b = (BREG == 0) ? b_in : b2_q;
    wire [47:0] c = (CREG == 0) ? C : c_q;
    assign ACOUT = (ACASCREG == 0) ? a_in : (ACASCREG == AREG) ? a2_q : a1_q;
    assign BCOUT = (BCASCREG == 0) ? b_in : (BCASCREG == BREG) ? b2_q : b1_q;
    // INMODE[0] and INMODE[4] choose the first of two registers, INMODE[1] sets A to 0
    wire signed [24:0] a_factor = INMODE[1] ? 25'd0 : (INMODE[0] && AREG != 0) ? a1_q[24:0] : a[24:0];
    wire signed [17:0] b_factor = (INMODE[4] && BREG != 0) ? b1_q : b;
    wire signed [42:0] product = a_factor * b_factor;
    wire signed [42:0] m = (MREG == 0) ? product : m_q;
    reg [47:0] x, y, z;
    always @* begin
        case (OPMODE[1:0])
            2'b00: x = 0;
            2'b01: x = {{5{m[42]}}, m};  // with Y, the two halves of the product: here all in X
            2'b10: x = p_q;
            default: x = {a, b};
        endcase
        case (OPMODE[3:2])
            2'b10: y = {48{1'b1}};
            2'b11: y = c;
            default: y = 0;
        endcase
        case (OPMODE[6:4])
            3'b001: z = PCIN;
            3'b010, 3'b100: z = p_q;
            3'b011: z = c;
            3'b101: z = {{17{PCIN[47]}}, PCIN[47:17]};
            3'b110: z = {{17{p_q[47]}}, p_q[47:17]};
            default: z = 0;
        endcase
    end
    reg [47:0] sum;
    always @* begin
        case (ALUMODE)
            4'b0000: sum = z + (x + y + {47'd0, CARRYIN});
            4'b0001: sum = ~z + (x + y + {47'd0, CARRYIN});
            4'b0010: sum = ~(z + (x + y + {47'd0, CARRYIN}));
            default: sum = z - (x + y + {47'd0, CARRYIN});
        endcase
    end
    assign P = (PREG == 0) ? sum : p_q;
    assign PCOUT = P;
endmodule
`default_nettype wire
