"""The plain Verilog test bench that Vivado's simulation set gets, run in Verilator."""

import shutil
import subprocess
from pathlib import Path

import pytest
from lenetgen.codegen.cycles import measure
from lenetgen.sim import verilator
from lenetgen.sim.package import Options, write
from lenetgen.vivado.tclcheck import check_folder

from .small_networks import random_images, small_design

pytestmark = [pytest.mark.verilator, pytest.mark.slow]

MAIN = """
#include "Vtop.h"
#include "verilated.h"
double sc_time_stamp() { return 0; }
int main() {
    VerilatedContext context;
    Vtop top{&context};
    for (long i = 0; i < 2000000 && !context.gotFinish(); ++i) {
        top.aclk = i & 1;
        top.eval();
    }
    return context.gotFinish() ? 0 : 3;
}
"""


def test_passes_and_can_fail(tmp_path: Path) -> None:
    design = small_design()
    timing = measure(design)
    folder = tmp_path / "design"
    write(design, timing, Options(precision="mixed", model="x"), random_images(4, 1), folder)
    check_folder(folder)  # the project's simulation set names the bench and its data
    (tmp_path / "main.cpp").write_text(MAIN)
    names = (folder / "rtl" / "files.f").read_text().split()
    program = verilator.build_executable(
        tmp_path / "build",
        [folder / "sim" / "tb_mini.v", *(folder / "rtl" / name for name in names)],
        "tb_mini",
        tmp_path / "main.cpp",
        opt="-O1",
    )
    run = tmp_path / "run"
    run.mkdir()
    for memory in folder.rglob("*.mem"):
        shutil.copy(memory, run)

    def play() -> str:
        done = subprocess.run([program], cwd=run, capture_output=True, text=True, check=True)
        return done.stdout

    assert play().startswith("PASS: 4 frames, 20 results, ")

    expected = (run / "expected.mem").read_text().splitlines()
    expected[13] = f"{int(expected[13], 16) ^ 1:08x}"
    (run / "expected.mem").write_text("\n".join(expected) + "\n")
    text = play()
    assert "frame 2 result 3: expected " + expected[13] in text
    assert "FAIL: 20 of 20 results, 1 wrong" in text
