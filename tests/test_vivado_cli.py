"""``lenetgen vivado`` with a mock tool on PATH: what it runs, reads, says, and how it ends."""

import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from lenetgen.cli.main import main
from lenetgen.codegen.boards import BOARDS
from lenetgen.codegen.cycles import measure
from lenetgen.codegen.emit_vivado import STEPS
from lenetgen.sim.package import Options, write
from lenetgen.vivado.diagnose import diagnose
from lenetgen.vivado.stages import BOARD_STAGES

from .small_networks import small_design

DATA = Path(__file__).parent / "data/vivado"

# Writes what the real tool would: reports, output files; says and fails what the test wants.
MOCK = """#!{python} -S
import json, os, shutil, sys
if sys.argv[1:] == ["-version"]:
    print("vivado v{version} (64-bit)")
    sys.exit(0)
with open({calls!r}, "a") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
script = sys.argv[sys.argv.index("-source") + 1]
step = script[:-4]
print("LENETGEN: no board files for pynq-z2" if step == "01_project" else "INFO: " + step)
if step == {fails!r}:
    print({says!r})
    sys.exit(1)
places = {{"03_synth": "synth/", "04_impl": "impl/", "build": ""}}
if step in places:
    for name, source in {reports!r}.items():
        target = "reports/" + places[step] + name + ".rpt"
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile({data!r} + "/" + source + ".rpt", target)
if step == "06_export":
    os.makedirs("output", exist_ok=True)
    for end in ("bit", "hwh", "xsa"):
        open("output/mini." + end, "w").close()
"""
REPORTS = {
    "utilization": "utilization_2020.1",
    "timing": "timing_2023.2",
    "power": "power_2020.1",
    "drc": "drc_2020.2",
    "methodology": "drc_2024.1",
}


def emit(out: Path, board: str | None) -> Path:
    design = small_design()
    options = Options(
        precision="mixed", model="mini", part=BOARDS["pynq-z2"].part, clock_ns=8.0, board=board
    )
    images = np.zeros((2, *design.graph.input.shape), dtype=np.uint8)
    return write(design, measure(design), options, images, out).folder


@pytest.fixture(scope="module")
def emitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return emit(tmp_path_factory.mktemp("cli") / "board", "pynq-z2")


@pytest.fixture(scope="module")
def core_only(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return emit(tmp_path_factory.mktemp("cli") / "core", None)


@pytest.fixture
def folder(emitted: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(emitted, tmp_path / "my design"))


@pytest.fixture
def vivado(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that puts a mock Vivado on an otherwise empty PATH."""
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))

    def make(version: str = "2020.2", fails: str = "", says: str = "", **reports: str) -> Path:
        text = MOCK.format(
            python=sys.executable,
            version=version,
            calls=str(tmp_path / "calls"),
            fails=fails,
            says=says,
            reports={**REPORTS, **reports},
            data=str(DATA),
        )
        (programs / "vivado").write_text(text)
        (programs / "vivado").chmod(0o755)
        return tmp_path / "calls"

    return make


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in words])
    captured = capsys.readouterr()
    return int(stop.value.code or 0), captured.out, captured.err


def test_all_stages_of_a_board(folder, vivado, capsys):
    calls = vivado()
    (folder / "reports").mkdir()
    total = {"lut": 9, "ff": 8, "dsp": 7, "bram36": 6.5}
    synth = {"tool": "Yosys 0.70 (git)", "total": total}
    (folder / "reports/synth.json").write_text(json.dumps(synth))
    status, out, err = run(capsys, "vivado", folder, "--jobs", 8, "--json")
    assert (status, err) == (0, "")
    started = [json.loads(line) for line in calls.read_text().splitlines()]
    assert [words[words.index("-source") + 1] for words in started] == [f"{s}.tcl" for s in STEPS]
    assert all(words[-3:] == ["-tclargs", "--jobs", "8"] for words in started)
    result = json.loads(out)
    assert result == json.loads((folder / "reports/vivado.json").read_text())
    assert [stage["name"] for stage in result["stages"]] == list(BOARD_STAGES)
    for stage, step in zip(result["stages"], STEPS, strict=True):
        assert stage["log"] == f"vivado/logs/{step}.log"
        assert step in (folder / stage["log"]).read_text() or step == "01_project"
    assert result["notes"] == ["no board files for pynq-z2"]
    assert result["impl"]["utilization"]["lut"] == 1526
    assert result["impl"]["timing"]["wns"] == 0.035
    assert result["impl"]["power"]["total"] == 0.307
    assert result["impl"]["drc"]["severities"] == {"Warning": 10, "Advisory": 4}
    assert result["impl"]["tool"] == "Vivado 2020.1"
    assert result["timing_met"] is True
    assert result["outputs"] == [f"vivado/output/mini.{end}" for end in ("bit", "hwh", "xsa")]
    assert result["yosys"] == {"tool": "Yosys 0.70 (git)", **total}
    assert result["estimate"]["total"]["lut"] > 0
    assert (result["board"], result["clock_ns"]) == ("pynq-z2", 8.0)


def test_a_clock_that_is_not_met_is_exit_code_3(folder, vivado, capsys):
    vivado(timing="timing_2019.2")
    status, _, err = run(capsys, "vivado", folder)
    assert status == 3
    assert "timing (routed): WNS -3.463 ns, NOT met, 10 endpoints fail" in err
    assert "Vivado 2020.1, routed" in err
    assert re.search(r"wrote .*output/mini\.bit", err)  # built all the same
    status, out, _ = run(capsys, "vivado", folder, "--stage", "report", "--json")
    assert (status, json.loads(out)["timing_met"]) == (3, False)


def test_single_stages_and_board_files_aside(folder, vivado, capsys):
    calls = vivado()
    words = ("--stage", "synth", "--stage", "impl", "--no-board-files", "--json")
    status, out, _ = run(capsys, "vivado", folder, *words)
    assert status == 0
    started = [json.loads(line) for line in calls.read_text().splitlines()]
    assert [w[w.index("-source") + 1] for w in started] == ["03_synth.tcl", "04_impl.tcl"]
    assert started[0][-3:] == ["--jobs", "2", "--no-board-files"]
    assert json.loads(out)["outputs"] == []


def test_a_folder_without_a_board_builds_the_core(core_only, vivado, capsys):
    calls = vivado(timing="timing_2019.2")
    status, out, _ = run(capsys, "vivado", core_only, "--json")
    assert status == 0  # an estimate: nothing was built
    assert json.loads(calls.read_text())[-1] == "build.tcl"
    assert json.loads(out)["core"]["timing"]["failing"] == 10
    status, _, err = run(capsys, "vivado", core_only, "--stage", "bitstream")
    assert (status, err.count("\n")) == (2, 1)
    assert "has no board project, which stage bitstream needs: emit with --board" in err


def test_c_synthesis_in_the_same_document(core_only, vivado, capsys):
    vivado()
    report = core_only / "hls/project/solution1/syn/report"
    report.mkdir(parents=True, exist_ok=True)
    text = (DATA / "csynth_2020.1.xml").read_text().replace("myproject", "mini")
    (report / "mini_csynth.xml").write_text(text)
    status, out, _ = run(capsys, "vivado", core_only, "--stage", "report", "--json")
    assert (status, json.loads(out)["hls"]["interval"]) == (0, 8)
    _, _, err = run(capsys, "vivado", core_only, "--stage", "report")
    assert re.search(r"HLS 2020\.1, C\+\+ +│ +2,532", err)


FAILURES = [
    pytest.param(
        "03_synth",
        "ERROR: [Common 17-345] A valid license was not found for feature 'Synthesis' and/or "
        "device 'xc7z020'.",
        r"synth: vivado failed .*Common 17-345\].*\(no licence: set XILINXD_LICENSE_FILE",
        id="licence",
    ),
    pytest.param(
        "01_project",
        "ERROR: 01_project: this Vivado has no part 'xc7z020clg400-1' installed",
        r"\(the device is not installed: add Zynq-7000",
        id="part",
    ),
    pytest.param(
        "04_impl",
        "INFO: x\nERROR: [Place 30-640] Place Check : This design requires more Slice LUTs",
        r"impl: .*Place 30-640.*\(the design does not fit",
        id="full",
    ),
    pytest.param(
        "05_bitstream", "ERROR: [Common 17-49] odd", r"bitstream: .*ERROR: \[Common 17-49\] odd;",
        id="unknown",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("step", "says", "message"), FAILURES)
def test_a_failed_stage_is_one_line(folder, vivado, capsys, step, says, message):
    calls = vivado(fails=step, says=says)
    status, out, err = run(capsys, "vivado", folder)
    assert (status, out) == (2, "")
    assert re.search(message, err) and err.strip().count("\n") == 0
    assert err.strip().endswith(f"log: {folder}/vivado/logs/{step}.log")
    assert says.splitlines()[-1] in (folder / f"vivado/logs/{step}.log").read_text()
    assert len(calls.read_text().splitlines()) == STEPS.index(step) + 1  # none after it


def test_the_log_of_the_failed_run_is_looked_at(folder, vivado, capsys):
    inner = folder / "vivado/project/mini.runs/synth_1"
    inner.mkdir(parents=True)
    (inner / "runme.log").write_text("ERROR: [Synth 8-4445] could not open $readmem data file\n")
    vivado(
        fails="03_synth",
        says=f"ERROR: 03_synth: synth_1: synth_design ERROR; its log is runme.log in {inner}",
    )
    status, _, err = run(capsys, "vivado", folder)
    assert status == 2
    assert "Synth 8-4445] could not open" in err and "emit the design again" in err


def test_no_vivado_too_old_a_one_and_one_that_says_nothing(folder, vivado, capsys):
    status, _, err = run(capsys, "vivado", folder)
    assert (status, err) == (
        2,
        "lenetgen: vivado not found on PATH; source the settings64.sh of the installation\n",
    )
    calls = vivado("2018.3")
    status, _, err = run(capsys, "vivado", folder)
    assert status == 2 and re.search(r"is Vivado 2018\.3: 2019\.1 or later is needed\n$", err)
    assert not calls.exists()
    vivado("unknown")
    assert run(capsys, "vivado", folder, "--stage", "project")[0] == 0


def test_a_folder_that_cannot_be_written(folder, vivado, capsys):
    vivado()
    (folder / "vivado/logs").write_text("a file where the logs should go")
    status, _, err = run(capsys, "vivado", folder)
    assert (status, err.count("\n")) == (2, 1)
    assert re.search(r"vivado/logs: .*: vivado needs a folder it can write", err)


def test_a_report_that_cannot_be_read(folder, vivado, capsys):
    vivado(power="csynth_2020.1")
    status, _, err = run(capsys, "vivado", folder)
    assert status == 2
    assert re.search(r"impl/power\.rpt: not a report that can be read|synth/power\.rpt: not", err)


def test_boards_and_clocks_of_emit(capsys):
    for words, message in (
        (("--board", "pynq"), "no such board; choose one of pynq-z2, zedboard, arty-z7-20"),
        (("--board", "zedboard", "--clock-mhz", "150"), "the nearest are 142.857 and 166.667 MHz"),
        (("--board", "zedboard", "--clock-mhz", "0"), "makes 0.1 to 250 MHz"),
        (("--board", "zedboard", "--part", "xc7z020clg400-1"), "part of zedboard is xc7z020clg484"),
    ):
        status, _, err = run(capsys, "emit", *words)
        assert (status, err.count("\n")) == (2, 1)
        assert message in err


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("", "no output"),
        ("std::bad_alloc", "std::bad_alloc (out of memory: try fewer --jobs)"),
        ("a\nERROR: x\nERROR: No space left on device\n",
         "ERROR: No space left on device (the disk is full)"),
        ("INFO: license found\nERROR: other\n", "ERROR: other"),
    ],
)  # fmt: skip
def test_diagnoses(log, expected):
    assert diagnose(log) == expected
