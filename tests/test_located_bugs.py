"""Deliberate bugs in ``hw/``, the Verilog and the C++: each is caught, and located.

A bug replaces one expression in one file of an emitted design. All of them are put into one copy,
each behind a number that is chosen when the simulation starts (``rtl/bug.mem``, ``LNG_BUG``), so
that one Verilator and two C++ builds do for all; number 0 is the design as emitted. ``verify`` runs
as it would on any design.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from lenetgen.cli import verify as cli_verify
from lenetgen.codegen.cycles import measure
from lenetgen.codegen.design import build_design
from lenetgen.codegen.formats import FixedPoint, Overflow, Rounding
from lenetgen.codegen.schedule import make_schedule
from lenetgen.models.random_networks import random_images
from lenetgen.sim import package as package_module
from lenetgen.sim.failure import write_failures
from lenetgen.sim.package import Options, Package, load, write
from lenetgen.sim.verification import Report, verify

from .deliberate_bugs import (
    AVERAGE,
    BUGS,
    CONV,
    CPP,
    FIRST,
    INPUT,
    LAST,
    MAX,
    NUMBERS,
    RELU,
    RTL,
    TABLE,
)
from .rtl_zoo import PLAIN, Net, unsigned

pytestmark = [pytest.mark.verilator, pytest.mark.slow]


def _design_folder(folder: Path) -> Package:
    mean = FixedPoint(True, 7, 3, Rounding.RND_CONV, Overflow.SAT)
    net = Net("wrong", (7, 6, 2)).table()
    net.conv(3, (3, 3), (2, 5), same=True, relu=False).max((2, 2), (1, 1), same=True)
    net.average((3, 3), (2, 2), same=True, result=mean).relu(PLAIN)
    net.dense(5, (3, 4), relu=True, result=unsigned(6, 3)).dense(3, (2, 3))
    graph, folds = net.build()
    design = build_design("bugs", graph, make_schedule(graph, folds))
    options = Options(precision="bugs", model="bugs")
    write(design, measure(design), options, random_images(graph, 3, 1), folder)
    return load(folder)


def _put_bugs_in(folder: Path) -> None:
    """Every bug behind its number; the text around it stays."""
    texts: dict[str, str] = {}
    for name, bug in BUGS.items():
        text = texts.setdefault(bug.file, (folder / bug.file).read_text())
        where = bug.context.replace("{}", bug.old, 1)
        assert text.count(where) == 1, f"{name}: {where!r} is {text.count(where)} times in it"
        chosen = "lng_bug()" if bug.file.startswith("hls") else "lng_bug[0]"
        switch = f"({chosen} == {NUMBERS[name]} ? ({bug.new}) : ({bug.old}))"
        texts[bug.file] = text.replace(where, bug.context.replace("{}", switch, 1))
    number = '\n);\n    reg [31:0] lng_bug [0:0];\n    initial $readmemh("bug.mem", lng_bug);\n'
    for file, text in texts.items():
        if file.startswith("rtl"):
            assert "\n);\n" in text
            texts[file] = text.replace("\n);\n", number, 1)
    types = "hls/lng_types.h"
    texts[types] = texts[types].replace(
        '#include "ap_fixed.h"\n',
        '#include <stdlib.h>\n#include "ap_fixed.h"\n'
        "inline int lng_bug() {\n"
        '    static const int number = getenv("LNG_BUG") ? atoi(getenv("LNG_BUG")) : 0;\n'
        "    return number;\n}\n",
    )
    for file, text in texts.items():
        (folder / file).write_text(text)
    (folder / "rtl" / "bug.mem").write_text("0\n")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    package = _design_folder(tmp_path_factory.mktemp("bugs") / "design")
    _put_bugs_in(package.folder)
    return package


Choose = Callable[[str], None]


@pytest.fixture
def choose(package: Package, monkeypatch: pytest.MonkeyPatch) -> Iterator[Choose]:
    """Switches one bug on, or with an empty name none."""
    memory = package.folder / "rtl" / "bug.mem"

    def choose(name: str) -> None:
        number = NUMBERS.get(name, 0)
        memory.write_text(f"{number:x}\n")
        monkeypatch.setenv("LNG_BUG", str(number))

    yield choose
    memory.write_text("0\n")


def _images(package: Package) -> np.ndarray:
    return random_images(package.design.graph, 8, 3)[::-1]  # the black one last


def _report(package: Package, name: str) -> Report:
    return verify(package, _images(package), rtl_images=0 if name.startswith("cpp") else None)


def test_there_are_enough_of_them() -> None:
    files = {bug.file for bug in RTL.values()}
    assert len(RTL) >= 12 and len(files) >= 12
    files = {bug.file for bug in CPP.values()}
    assert len(CPP) >= 8 and len(files) >= 8
    places = {(bug.layer, bug.part) for bug in RTL.values()}
    assert {layer for layer, _ in places} == {
        INPUT, TABLE, CONV, MAX, AVERAGE, RELU, FIRST, LAST
    }  # fmt: skip
    assert {part for _, part in places} == {"", "FIFO", "input port", "output port"}
    assert {bug.layer for bug in CPP.values()} == {layer for layer, _ in places}


def test_without_a_bug_nothing_differs(package: Package, choose: Choose, tmp_path: Path) -> None:
    choose("")
    report = _report(package, "")
    assert report.ok
    assert write_failures(package, _images(package), report, tmp_path, seconds=10) == []
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("name", BUGS)
def test_bug_is_caught_and_located(
    package: Package, choose: Choose, name: str, tmp_path: Path
) -> None:
    choose(name)
    report = _report(package, name)
    assert not report.ok
    bug = BUGS[name]
    wrong = report.stages[1 if name.startswith("rtl") else 0]
    assert all(stage is wrong or stage.equal for stage in report.stages)
    found = wrong.difference
    assert found is not None, wrong.failure
    assert (found.layer, found.part) == (bug.layer, bug.part), str(found)
    assert len(wrong.frames) == bug.frames
    if bug.part != "output port" and wrong.name == "rtl" and found.actual is not None:
        assert found.cycle is not None

    (failure,) = write_failures(package, _images(package), report, tmp_path, seconds=60)
    search, smallest = failure.search, failure.difference
    assert search.finished and len(search.frames) == bug.frames
    assert (smallest.layer, smallest.part) == (bug.layer, bug.part)
    before = np.count_nonzero(_images(package)[wrong.frames.start : wrong.frames.stop])
    assert search.pixels <= min(before, 4), f"{search.pixels} values are not zero"
    assert str(smallest) in (failure.folder / "README.md").read_text()


def _verify_cli(package: Package, folder: Path, *options: str) -> Result:
    """``lenetgen verify`` on the edited design, which it would refuse."""
    np.save(folder / "images.npy", _images(package))
    command = [str(package.folder), "--dataset", str(folder / "images.npy"), *options]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(package_module, "_check_files", lambda *_: None)
        return CliRunner().invoke(cli_verify.command, command)


def _run_failure(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(folder / "run_failure.py")]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder)


@pytest.mark.parametrize(
    "name",
    [
        "rtl-window_padding",
        "rtl-window_next_frame",
        "rtl-fifo_address",
        "rtl-result_sign",
        "cpp-maximum",
        "cpp-input_channels",
    ],
)
def test_written_test_fails_until_the_bug_is_fixed(
    package: Package, choose: Choose, name: str, tmp_path: Path
) -> None:
    choose(name)
    bug, stage = BUGS[name], "rtl" if name.startswith("rtl") else "csim"
    options = ["--json", "--rtl-images", "0"] if stage == "csim" else ["--json"]
    result = _verify_cli(package, tmp_path, *options)
    assert result.exit_code == 1, result.output
    data = json.loads(result.stdout)
    assert data["not_written"] == ""
    (failure,) = data["failures"]
    assert failure["stage"] == stage and failure["finished"] and failure["frames"] == bug.frames
    assert failure["not_zero"] <= 2 and failure["difference"]["layer"] == bug.layer
    folder = package.folder / "failure" / stage
    assert Path(failure["folder"]) == folder
    first = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    wrong = _run_failure(folder)
    assert wrong.returncode == 1, wrong.stdout + wrong.stderr
    if bug.part != "output port":
        assert f"layer {bug.layer}" in wrong.stdout
    assert f"expected {failure['difference']['expected']}, actual" in wrong.stdout

    again = _verify_cli(package, tmp_path, *options)  # replaces it by the same bytes
    assert again.exit_code == 1
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == first
    assert not any(str(package.folder).encode() in content for content in first.values())

    choose("")
    right = _run_failure(folder)
    assert right.returncode == 0, right.stdout + right.stderr
    document = json.loads((package.folder / "design.json").read_text())
    assert not any(file.startswith("failure") for file in document["files"])


def test_as_it_is_and_elsewhere(package: Package, choose: Choose, tmp_path: Path) -> None:
    choose("cpp-maximum")
    out = tmp_path / "elsewhere"
    options = ["--rtl-images", "0", "--no-minimise", "--failure-dir", str(out)]
    result = _verify_cli(package, tmp_path, *options)
    assert result.exit_code == 1, result.output
    assert f"run: python {out / 'csim' / 'run_failure.py'}" in result.stderr
    text = (out / "csim" / "stimulus.txt").read_text()
    given = np.array(text.split(), dtype=np.int64)
    assert any(np.array_equal(given, image.reshape(-1)) for image in _images(package))
    assert "not made smaller" in (out / "csim" / "README.md").read_text()
    assert _run_failure(out / "csim").returncode == 1

    foreign = tmp_path / "foreign"
    (foreign / "csim").mkdir(parents=True)
    (foreign / "csim" / "diary.txt").write_text("mine")
    refused = _verify_cli(package, tmp_path, *options[:-1], str(foreign))
    assert refused.exit_code == 1 and "differs from the golden model" in refused.stderr
    assert "no test was written" in refused.stderr and "holds other files" in refused.stderr
    assert [path.name for path in (foreign / "csim").iterdir()] == ["diary.txt"]
