"""Driving the tools: a mock on PATH records how it was called."""

import json
import os
import sys
import time
from pathlib import Path

import pytest
from lenetgen.codegen.errors import UserError
from lenetgen.vivado import run

MOCK = """#!{python} -S
import json, os, sys
print("INFO: started")
json.dump({{"args": sys.argv[1:], "cwd": os.getcwd(), "stage": os.environ.get(
    "LENETGEN_HLS_STAGE")}}, open(os.environ["MOCK_RECORD"], "w"))
{body}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make(tmp_path / "emitted folder")


@pytest.fixture
def hls_folder(tmp_path: Path) -> Path:
    """Without a blank: Vitis HLS starts make in it."""
    return make(tmp_path / "emitted")


def make(out: Path) -> Path:
    for name in ("vivado/build.tcl", "hls/run_hls.tcl"):
        (out / name).parent.mkdir(parents=True)
        (out / name).write_text("exit 0\n")
    return out


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that puts a mock tool on an otherwise empty PATH."""
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("MOCK_RECORD", str(tmp_path / "record.json"))
    monkeypatch.delenv("LENETGEN_HLS_STAGE", raising=False)

    def make(name: str, body: str = "") -> Path:
        path = programs / name
        path.write_text(MOCK.format(python=sys.executable, body=body))
        path.chmod(0o755)
        return path

    return make


def record(tmp_path: Path) -> dict:
    return json.loads((tmp_path / "record.json").read_text())


def test_synthesize_runs_build_in_batch_mode(folder, install, tmp_path):
    tool = install("vivado")
    done = run.synthesize(folder, part="xc7z010clg400-1")
    words = "-mode batch -nojournal -nolog -source build.tcl -tclargs --part xc7z010clg400-1"
    assert record(tmp_path)["args"] == words.split()
    assert record(tmp_path)["cwd"] == str(folder / "vivado")
    assert done.command == (str(tool), *words.split())
    assert done.log == folder / "vivado/reports/vivado.log"
    assert done.log.read_text() == "INFO: started\n"


def test_synthesize_without_a_part_leaves_it_to_the_script(folder, install, tmp_path):
    install("vivado")
    run.synthesize(folder)
    assert record(tmp_path)["args"][-2:] == ["-source", "build.tcl"]


def test_run_hls_with_vitis_hls(hls_folder, install, tmp_path):
    install("vitis_hls")
    install("vitis-run", "sys.exit(9)")  # must not be taken
    done = run.run_hls(hls_folder, "csynth")
    assert record(tmp_path) == {
        "args": ["-f", "run_hls.tcl", "-tclargs", "csynth"],
        "cwd": str(hls_folder / "hls"),
        "stage": "csynth",
    }
    assert done.log == hls_folder / "hls/vitis_hls.csynth.log"


def test_run_hls_with_vitis_run(hls_folder, install, tmp_path):
    install("vitis-run")
    run.run_hls(hls_folder)
    assert record(tmp_path) == {
        "args": ["--mode", "hls", "--tcl", "run_hls.tcl"],
        "cwd": str(hls_folder / "hls"),
        "stage": "csim",
    }


def test_failure_names_status_first_error_and_log(folder, install):
    install("vivado", 'print("ERROR: [Synth 8-1] bad\\nERROR: later"); sys.exit(7)')
    with pytest.raises(UserError) as caught:
        run.synthesize(folder)
    log = folder / "vivado/reports/vivado.log"
    assert str(caught.value) == (
        f"vivado failed with exit status 7: ERROR: [Synth 8-1] bad; log: {log}"
    )
    assert "ERROR: later" in log.read_text()


def test_time_limit_stops_the_tool_and_its_children(folder, install, tmp_path):
    install(
        "vivado",
        "import subprocess, time\nchild = os.fork()\nif child == 0: time.sleep(600)\n"
        'open(os.environ["MOCK_RECORD"], "w").write(str(child))\ntime.sleep(600)',
    )
    began = time.monotonic()
    with pytest.raises(UserError, match=r"vivado took longer than 1\.5 s; log: "):
        run.synthesize(folder, timeout_s=1.5)
    assert time.monotonic() - began < 30
    child = int((tmp_path / "record.json").read_text())
    for _ in range(100):  # an orphan is reaped by init, not by us
        status = Path(f"/proc/{child}/stat")
        if not status.exists() or status.read_text().split()[2] == "Z":
            break
        time.sleep(0.05)
    else:
        os.kill(child, 9)
        pytest.fail("the child of the tool still runs")


@pytest.mark.parametrize(
    ("stage", "commands"),
    [
        ("csim", ["vitis-run --mode hls --csim"]),
        ("csynth", ["v++ -c --mode hls"]),
        ("export", ["v++ -c --mode hls", "vitis-run --mode hls --package"]),
    ],
)
def test_run_hls_with_the_unified_commands(hls_folder, install, tmp_path, stage, commands):
    body = (
        'open(os.environ["MOCK_RECORD"] + "s", "a").write(" ".join([name, *sys.argv[1:]]) + "\\n")'
    )
    for name in ("v++", "vitis-run"):
        install(name, f"name = {name!r}\n{body}")
    run.run_hls(hls_folder, stage, tool="v++")
    rest = " --config hls_config.cfg --work_dir work"
    assert (tmp_path / "record.jsons").read_text().splitlines() == [c + rest for c in commands]


def test_hls_refuses_a_blank_in_the_path(folder, install):
    install("vitis_hls")
    with pytest.raises(UserError, match=r"in a path with a blank: move .*emitted folder"):
        run.run_hls(folder)


def test_missing_tool_is_one_line(folder, hls_folder, install):
    with pytest.raises(UserError, match=r"^vivado not found on PATH; source the settings64\.sh"):
        run.synthesize(folder)
    with pytest.raises(UserError, match=r"^vitis_hls or vitis-run or v\+\+ not found on PATH"):
        run.run_hls(hls_folder)


def test_a_tool_that_cannot_start_is_one_line(folder, install):
    install("vivado").write_text("#!/no/such/interpreter\n")
    with pytest.raises(UserError, match=r"^vivado can't be started: No such file"):
        run.synthesize(folder)


def test_wrong_part_and_wrong_folder(folder, install, tmp_path):
    install("vivado")
    with pytest.raises(UserError, match=r"--part 'zynq' is not a 7-series"):
        run.synthesize(folder, part="zynq")
    with pytest.raises(UserError, match=r"has no hls/run_hls\.tcl"):
        run.run_hls(tmp_path)
    assert not (tmp_path / "record.json").exists()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", "no output", id="empty"),
        pytest.param("a\nb\n\n", "b", id="last_line"),
        pytest.param("ERRORS: 0\nERROR: x\nERROR: y\n", "ERROR: x", id="first_error"),
    ],
)
def test_first_error(text, expected):
    assert run.first_error(text) == expected
