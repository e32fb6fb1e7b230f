"""The emitted cocotb bench passes on the emitted RTL and names what is wrong with broken RTL."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from lenetgen.codegen.cycles import measure
from lenetgen.sim import cosim
from lenetgen.sim.cosim import CosimReport, read_results, run_benches, run_folder, write_layers
from lenetgen.sim.golden import GoldenModel
from lenetgen.sim.package import Options, Package, write
from lenetgen.sim.toolrun import ToolError

from .small_networks import random_images, small_design

LOGITS = [f"logits/gap={gap}/stall={stall}" for gap in (0, 40) for stall in (0, 40)]
CUTS = ["first_word", "middle", "next_frame", "late_tlast", "results"]
RESETS = [f"reset_in_mid_frame/cut={cut}" for cut in CUTS]
MALFORMED = ["short_frames", "long_frames", "malformed_in_a_row"]
TESTS = [*LOGITS, "back_to_back", "isolated_frame", "tlast", *RESETS, *MALFORMED]
LAYERS = "every_layer"

# Deliberate bugs: file, its text, the text with the bug, which "+NAME" switches on. All of them are
# compiled at once, so that each costs a run and not a build.
BUGS = {
    "rounding": (
        "lng_requantize.v",  # the biases hold the half unit: a tie has nothing left to drop
        "assign rounded = floor +",
        "assign rounded = floor - { {(FULL_WIDTH - 1){1'b0}},\n"
        "                BUG && ROUNDING == 0 && !half && !rest} +",
    ),
    "tlast": (
        "lng_axis_output.v",
        "assign m_axis_tlast  = frame_end;",
        "assign m_axis_tlast  = frame_end != (BUG && group_end);",
    ),
    "reset_count": (
        "lng_axis_input.v",
        "count_q <= {COUNT_WIDTH{1'b0}};",
        "count_q <= BUG ? count_q : {COUNT_WIDTH{1'b0}};",
    ),
    "reset_drain": (
        "lng_axis_input.v",
        "drain_q <= 1'b0;\n            count_q",
        "drain_q <= BUG && drain_q;\n            count_q",
    ),
    "error_count": (
        "mini.v",
        "error_count <= error_count + 32'd1;",
        "error_count <= error_count + {31'd0, !BUG};",
    ),
    "short": (
        "lng_axis_input.v",
        "= fill_q || !s_axis_tlast;",
        "= fill_q ? !BUG : !s_axis_tlast;",
    ),
    "long": (
        "lng_axis_input.v",
        "drain_q <= 1'b1;",
        "drain_q <= !BUG;",
    ),
    "slow": (
        "lng_fifo.v",
        "assign s_axis_tready = ready_q;",
        "reg [2:0] slow_q;\n"
        "    always @(posedge clk) slow_q <= rst ? 0 : slow_q + 1;\n"
        "    assign s_axis_tready = ready_q && !(BUG && slow_q != 0);",
    ),
    "held": (
        "mini.v",
        ".m_axis_tready(m_axis_tready)",
        ".m_axis_tready(m_axis_tready || BUG)",
    ),
    "mute": (
        "lng_axis_output.v",
        "s_axis_tvalid && flag_tvalid && !drop;",
        "s_axis_tvalid && flag_tvalid && !drop && !BUG;",
    ),
    "repeat": (
        "lng_axis_output.v",
        "wire may_advance = flag_tvalid &&",
        "wire may_advance = flag_tvalid && !BUG &&",
    ),
}


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    design = small_design()
    out = tmp_path_factory.mktemp("cosim") / "mini"
    options = Options(precision="mixed", model="mini")
    return write(design, measure(design), options, random_images(6, 11), out)


@pytest.fixture(scope="module")
def broken(package: Package, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the emitted folder with all bugs in it, switched off."""
    folder = tmp_path_factory.mktemp("broken") / "mini"
    shutil.copytree(package.folder, folder, ignore=shutil.ignore_patterns(".build"))
    for name, (file, old, new) in BUGS.items():
        path = folder / "rtl" / file
        text = path.read_text()
        assert text.count(old) == 1, f"{name}: {old!r} occurs {text.count(old)} times"
        # $test$plusargs is constant during a run
        path.write_text(text.replace(old, new.replace("BUG", f'($test$plusargs("{name}") != 0)')))
    return folder


def messages(report: CosimReport) -> dict[str, str]:
    """Test to message of the failed tests."""
    assert report.log.is_file()
    return {test.name: test.message for test in report.tests if test.state == "failed"}


@pytest.mark.verilator
@pytest.mark.slow
def test_every_bench_passes(broken: Path, package: Package) -> None:
    said: list[str] = []
    report = run_benches(replace(package, folder=broken), layers=True, progress=said.append)
    assert report.ok, report.text()
    assert report.named("passed") == (*TESTS, LAYERS)
    assert said == ["compiling the simulator", "running the cocotb bench"]
    executable = broken / ".build" / "cocotb" / "mini"
    before = executable.stat().st_mtime_ns
    report = run_folder(broken, "mini", test_filter="isolated|every_layer")
    assert report.named("passed") == ("isolated_frame",)
    assert "LENETGEN_LAYERS names no file" in messages(report)[LAYERS]
    assert executable.stat().st_mtime_ns == before, "compiled again"


@pytest.mark.verilator
@pytest.mark.slow
@pytest.mark.parametrize(
    ("bug", "failing", "message"),
    [
        pytest.param(
            "tlast",
            [*LOGITS, "back_to_back", "isolated_frame", "tlast", *RESETS, *MALFORMED],
            r"frame \d \(vector \d\), result 4, cycle \d+: TLAST is 0; it belongs on result 4",
            id="tlast",
        ),
        pytest.param(
            "reset_count",
            RESETS[:3],
            r"nothing moved for \d+ cycles; 128 of 128 words sent",
            id="position_survives_reset",
        ),
        pytest.param(
            "reset_drain",
            RESETS[3:4],
            r"frame 0 \(vector 2\), result 0, cycle \d+: expected -?\d+, actual -?\d+",
            id="discarding_survives_reset",
        ),
        pytest.param(
            "error_count",
            MALFORMED,
            r"frame_count, error_count are \d, 0, expected \d, [1-9]",
            id="errors_not_counted",
        ),
        pytest.param(
            "short",
            ["short_frames", "malformed_in_a_row"],
            r"frame 1 \(vector \d\), result \d, cycle \d+: expected -?\d+, actual -?\d+",
            id="short_frame_answered",
        ),
        pytest.param(
            "long",
            ["long_frames", "malformed_in_a_row"],
            r"expected -?\d+, actual -?\d+|nothing moved|error_count",
            id="long_frame_not_discarded",
        ),
        pytest.param(
            "slow",
            ["back_to_back", "isolated_frame"],
            r"interval \[(\d+), \1, \1\] cycles, predicted \d+|latency \d+ cycles, predicted \d+",
            id="slower_than_predicted",
        ),
        pytest.param(
            "held",
            [LOGITS[1], LOGITS[3], "tlast", "malformed_in_a_row"],
            r"cycle \d+: an offered result (changed|was withdrawn)",
            id="result_not_held",
        ),
        pytest.param(
            "repeat",
            TESTS,
            r"frame 0 \(vector \d\), result 1, cycle \d+: expected -?\d+, actual -?\d+",
            id="first_result_for_ever",
        ),
        pytest.param(
            "mute",
            TESTS,
            r"cycle \d+: nothing moved for \d+ cycles; \d+ of \d+ words sent, 0 of \d+ results",
            id="no_results",
        ),
    ],
)
def test_a_bug_fails_its_tests(broken: Path, bug: str, failing: list[str], message: str) -> None:
    report = run_folder(broken, "mini", plusargs=[f"+{bug}"])
    wrong = messages(report)
    assert list(wrong) == failing, report.text()
    for test, text in wrong.items():
        assert re.search(message, text), f"{test}: {text}"
    assert not report.ok


@pytest.mark.verilator
@pytest.mark.slow
def test_the_layer_with_a_bug_is_named(broken: Path, package: Package) -> None:
    report = run_folder(
        broken,
        "mini",
        layers=write_layers(package),
        plusargs=["+rounding"],
        test_filter="logits|every_layer",
    )
    wrong = messages(report)
    assert set(wrong) == {*LOGITS, LAYERS}, report.text()
    match = re.fullmatch(
        r"layer (conv[12]), frame (\d+), channel (\d+), row (\d+), column (\d+), cycle (\d+): "
        r"expected (-?\d+), actual (-?\d+)",
        wrong[LAYERS],
    )
    assert match, wrong[LAYERS]
    layer = match[1]
    frame, channel, row, column, _, expected, actual = map(int, match.groups()[1:])
    with np.load(package.folder / "sim" / "vectors.npz") as archive:
        golden = GoldenModel(package.design.graph).trace(archive["images"])[layer]
    assert golden[frame, row, column, channel] == expected
    assert actual == expected - 1, "a tie rounded down"


@pytest.mark.verilator
@pytest.mark.slow
def test_the_runner_beside_the_bench(broken: Path, package: Package) -> None:
    """``run_cocotb.py`` by itself: exit status 0, 1 for a failed test, 2 for a wrong use."""

    def run(*args: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(broken / "sim" / "run_cocotb.py"), *args]
        return subprocess.run(command, capture_output=True, text=True, cwd=broken.parent)

    good = run("--test", r"[.]tlast$")
    assert good.returncode == 0, good.stderr
    assert "passed  tlast" in good.stdout and "1 passed, 0 failed" in good.stdout
    layers = run("--test", LAYERS, "--layers", str(write_layers(package)))
    assert layers.returncode == 0, layers.stdout
    nothing = run("--test", "no_such_test")
    assert nothing.returncode == 2
    assert nothing.stderr.startswith("test_mini: no test matching 'no_such_test' ran")
    expected = broken / "sim" / "expected.mem"
    kept = expected.read_text()
    words = kept.splitlines()
    words[7] = f"{int(words[7], 16) ^ 1:08x}"
    try:
        expected.write_text("\n".join(words) + "\n")
        bad = run("--test", "logits/gap=0/stall=0")
    finally:
        expected.write_text(kept)
    assert bad.returncode == 1, bad.stderr
    assert "frame 1 (vector 1), result 2" in bad.stdout


def test_a_design_that_does_not_compile_is_an_error(package: Package, tmp_path: Path) -> None:
    folder = tmp_path / "mini"
    shutil.copytree(package.folder, folder, ignore=shutil.ignore_patterns(".build"))
    top = folder / "rtl" / "mini.v"
    top.write_text(top.read_text().replace("endmodule", "endmodul"))
    with pytest.raises(ToolError, match="syntax error"):
        run_folder(folder, "mini")


def test_the_bench_is_python_anyone_can_read(package: Package) -> None:
    """Parses, every function says what it does, no line is long, no old cocotb API."""
    for name in ("test_mini.py", "run_cocotb.py"):
        text = (package.folder / "sim" / name).read_text()
        tree = ast.parse(text)
        assert ast.get_docstring(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef | ast.ClassDef):
                assert node.name == "__init__" or ast.get_docstring(node), node.name
        assert max(map(len, text.splitlines())) <= 110
        assert "TestFactory" not in text and "units=" not in text
        assert text.endswith("\n") and not text.endswith("\n\n")


def test_results_are_read(tmp_path: Path) -> None:
    path = tmp_path / "results.xml"
    path.write_text(
        '<testsuites><testsuite><testcase name="a" time="0.5"/>'
        '<testcase name="b" time="1"><failure error_msg="first line&#10;second"/></testcase>'
        '<testcase name="c"><skipped/></testcase></testsuite></testsuites>'
    )
    tests = read_results(path)
    assert [(test.name, test.state, test.seconds, test.message) for test in tests] == [
        ("a", "passed", 0.5, ""),
        ("b", "failed", 1.0, "first line"),
        ("c", "skipped", 0.0, ""),
    ]
    report = CosimReport(tests, 1.0, 2.0, tmp_path / "log")
    assert not report.ok and report.named("skipped") == ("c",)
    assert "failed  b (1.00 s)\n        first line" in report.text()
    assert not CosimReport(tests[2:], 1.0, 2.0, tmp_path / "log").ok, "nothing ran"
    assert cosim.CosimReport(tests[:1], 1.0, 2.0, tmp_path / "log").ok
