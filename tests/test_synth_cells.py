"""The cells of gate-level simulation behave as the Verilog that Yosys made them from."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
from lenetgen.sim import netlist, verilator, yosys
from lenetgen.sim.gate_level import VERILATOR_ARGS, cell_models
from lenetgen.sim.synthesis import synthesis_commands

PORTS = "input wire clk, input wire [31:0] r, input wire [71:0] d"

# Memories of every shape that a design could have, written and read at random, one output word.
MEMORY = """
module memory_{name} (
    input wire clk, input wire [31:0] r, input wire [71:0] d, output reg [{width}-1:0] q
);
    (* ram_style = "{style}" *) reg [{width}-1:0] mem [0:{depth}-1];
    integer i;
    initial $readmemh("{name}.mem", mem);
    wire [{bits}-1:0] wa = r[{bits}-1:0];
    wire [{bits}-1:0] ra = r[31:32-{bits}];
{body}
endmodule
"""
WRITE = "    always @(posedge clk) if (r[{k}]) mem[wa] <= d[{width}-1:0];\n"
SYNC = "    always @(posedge clk) if (r[15]) q <= mem[ra];\n"
SYNC_RESET = (
    "    always @(posedge clk) if (r[15]) begin\n"
    "        if (r[14]) q <= {width}'d{reset}; else q <= mem[ra];\n    end\n"
)
ASYNC = "    always @(posedge clk) q <= mem[ra];\n"
SAME_PORT = (
    "    always @(posedge clk) if (r[15]) begin\n"
    "        if (r[14]) mem[wa] <= d[{width}-1:0];\n        q <= mem[wa];\n    end\n"
)
BYTES = (
    "    always @(posedge clk) for (i = 0; i < {width} / 9; i = i + 1)\n"
    "        if (r[13 + i]) mem[wa][9*i +: 9] <= d[9*i +: 9];\n"
)

# name: (width, depth, style, body)
MEMORIES = {
    "rom36": (36, 1024, "block", SYNC),
    "rom72": (72, 512, "block", SYNC),
    "rom1": (1, 16384, "block", SYNC),
    "reset": (32, 512, "block", SYNC_RESET),
    "sdp18": (18, 1024, "block", WRITE + SYNC),
    "sdp70": (70, 512, "block", WRITE + SYNC),
    "sdp4": (4, 4096, "block", WRITE + SYNC),
    "bytes": (36, 512, "block", BYTES + SYNC),
    "tdp": (18, 2048, "block", SAME_PORT),
    "lut32": (12, 32, "distributed", WRITE + ASYNC),
    "lut64": (7, 64, "distributed", WRITE + ASYNC),
}

LOGIC = """
module logic_mix (
    input wire clk, input wire [31:0] r, input wire [71:0] d, output reg [63:0] q
);
    reg signed [17:0] a, b;
    reg signed [35:0] p;
    reg signed [47:0] acc;
    reg [11:0] line [0:36];
    reg [4:0] tap;
    integer i;
    always @(posedge clk) begin
        a <= d[17:0];
        b <= d[35:18];
        if (r[3]) p <= a * b;
        if (r[31]) acc <= 48'd7;
        else if (r[2]) acc <= acc + p;
        line[0] <= d[47:36];
        for (i = 1; i < 37; i = i + 1) if (r[0] || i < 20) line[i] <= line[i-1];
        tap <= r[8:4];
        q <= {acc[20:0] - d[20:0], line[36], line[18], d[63:45] == r[18:0], p[15:0] < d[15:0],
              ^(d & {72{r[1]}}), acc[47:32]};
    end
endmodule
"""

# Products whose registered sum is wider than it need be: its upper bits copy the sign.
TREE = """
module sign_tree (
    input wire clk, input wire [31:0] r, input wire [71:0] d, output reg [22:0] q
);
    wire ce = r[2];
    reg signed [11:0] x0, x1, x2;
    reg signed [6:0] w0, w1, w2;
    reg signed [18:0] p0, p1, p2;
    reg signed [21:0] s0, s1;
    always @(posedge clk) begin
        if (ce) begin
            {x0, x1, x2} <= d[35:0];
            {w0, w1, w2} <= d[56:36];
            p0 <= x0 * w0;
            p1 <= x1 * w1;
            p2 <= x2 * w2;
            s0 <= p0 + p1;
            s1 <= p2;
            q <= s0 + s1;
        end
    end
endmodule
"""

HARNESS = """\
#include "Vtop.h"
#include "verilated.h"
#include <cstdio>
int main() {
    VerilatedContext context;
    Vtop top(&context);
    unsigned long long state = 88172645463325252ull;
    auto word = [&]() {
        state ^= state << 13; state ^= state >> 7; state ^= state << 17;
        return static_cast<unsigned>(state >> 16);
    };
    unsigned differ = 0;
    for (int cycle = 0; cycle < 20000; ++cycle) {
        // both addresses in one small range for a while, so that they meet
        const unsigned mask = (cycle / 500) % 2 ? 0x0003c007u : 0xffffffffu;
        top.clk = 0;
        top.r = (word() & (mask | 0xf8u | (0xeu << 13))) | (cycle < 40 ? 1u : 0u);
        for (int i = 0; i < 3; ++i) top.d[i] = i < 2 ? word() : word() & 0xff;
        if (cycle < 4) top.r = 0x80000000u;
        top.eval();
        top.clk = 1;
        top.eval();
        if (cycle > 60) differ |= top.differ;
    }
    std::printf("%x\\n", differ);
    return 0;
}
"""


def _sources() -> dict[str, tuple[int, str]]:
    """Module name: (output width, Verilog)."""
    found = {"logic_mix": (64, LOGIC), "sign_tree": (23, TREE)}
    for place, (name, (width, depth, style, body)) in enumerate(MEMORIES.items()):
        bits = (depth - 1).bit_length()
        values = {"width": width, "bits": bits, "k": 13 + place % 2, "reset": 0x1234567}
        text = MEMORY.format(
            name=name, depth=depth, style=style, body=body.format(**values), **values
        )
        found[f"memory_{name}"] = (width, text)
    return found


def _write_contents(rng: np.random.Generator, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name, (width, depth, _, _) in MEMORIES.items():
        words = [int.from_bytes(rng.bytes(9)) >> (72 - width) for _ in range(depth)]
        (folder / f"{name}.mem").write_text("".join(f"{word:x}\n" for word in words))


def _synthesise(sources: dict[str, tuple[int, str]], folder: Path) -> tuple[str, set[str]]:
    """The netlist of all modules, and the types of its cells."""
    for name, (_, text) in sources.items():
        (folder / f"{name}.v").write_text(text)
    ports = ", ".join(
        f"output wire [{width - 1}:0] {name}_q" for name, (width, _) in sources.items()
    )
    body = "\n".join(f"{name} u_{name} (clk, r, d, {name}_q);" for name in sources)
    (folder / "gates.v").write_text(f"module gates ({PORTS}, {ports});\n{body}\nendmodule\n")
    reads = "".join(f"read_verilog {name}.v\n" for name in [*sources, "gates"])
    commands = "\n".join(synthesis_commands("gates"))
    yosys.run(
        f"{reads}hierarchy -top gates\nsetattr -set keep_hierarchy 1 gates/c:*\n{commands}\n"
        "write_verilog -noattr netlist.v\nwrite_json netlist.json\n",
        folder,
    )
    modules = netlist.prune(json.loads((folder / "netlist.json").read_text()), "gates")
    assert modules.keys() == {"gates", *sources}
    cells = [cell["type"] for module in modules.values() for cell in module["cells"].values()]
    return (folder / "netlist.v").read_text(), set(cells) - modules.keys()


def _differences(sources: dict[str, tuple[int, str]], gates: str, folder: Path) -> list[str]:
    """Names of the modules whose netlist behaves otherwise than their source."""
    names = list(sources)
    copies = "".join(
        text.replace(f"module {name}", f"module src_{name}") for name, (_, text) in sources.items()
    )
    wires = "".join(
        f"wire [{width - 1}:0] a_{name}, b_{name};\n" for name, (width, _) in sources.items()
    )
    outs = "".join(f", .{name}_q(a_{name})" for name in names)
    body = "".join(f"src_{name} s_{name} (clk, r, d, b_{name});\n" for name in names)
    body += "".join(
        f"assign differ[{place}] = a_{name} != b_{name};\n" for place, name in enumerate(names)
    )
    top = f"module both ({PORTS}, output wire [{len(names) - 1}:0] differ);\n{wires}"
    top += f"gates u_gates (.clk(clk), .r(r), .d(d){outs});\n{body}endmodule\n"
    files = {"both.v": top, "copies.v": copies, "gates.v": gates, "main.cpp": HARNESS}
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    binary = verilator.build_executable(
        folder / "build",
        [folder / name for name in ("both.v", "copies.v", "gates.v")],
        "both",
        folder / "main.cpp",
        VERILATOR_ARGS,
        "-O0",
    )
    bits = int(
        subprocess.run(
            [binary], cwd=folder.parent, check=True, capture_output=True, text=True
        ).stdout,
        16,
    )
    return [name for place, name in enumerate(names) if bits >> place & 1]


def test_cells_behave_as_their_source(tmp_path: Path, rng: np.random.Generator) -> None:
    sources = _sources()
    _write_contents(rng, tmp_path)
    text, types = _synthesise(sources, tmp_path)
    memories = {"RAMB18E1", "RAMB36E1", "RAM32M", "RAM64M"}
    assert types >= memories | {"DSP48E1", "CARRY4", "FDRE", "LUT6", "SRL16E", "SRLC32E"}, types
    models = cell_models(types, "test")
    assert _differences(sources, text + models, tmp_path / "right") == []
