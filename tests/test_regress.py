"""``regress`` on a small emitted network: exit codes, reports, a wrong weight, wrong cycles."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from lenetgen.cli import main as cli_main
from lenetgen.cli import regress as cli_regress
from lenetgen.codegen.cycles import measure
from lenetgen.sim import cosim, regression
from lenetgen.sim.cosim import BenchTest, CosimReport
from lenetgen.sim.golden import GoldenModel
from lenetgen.sim.package import Options, Package, load, write
from lenetgen.sim.regression import Regression, as_markdown, differences, regress
from lenetgen.sim.rtl import RtlSimulation
from lenetgen.sim.rtl_check import Cycles, Images, RtlRun
from lenetgen.sim.toolrun import ToolError

from .small_networks import random_images, small_design

IMAGES = random_images(70, 23)
MANY = random_images(207, 24)  # four batches and a bit


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    design = small_design()
    out = tmp_path_factory.mktemp("regress") / "mini"
    return write(design, measure(design), Options(precision="mixed", model="mini"), IMAGES[:4], out)


@pytest.fixture
def edited(package: Package) -> Iterator[Path]:
    """The emitted folder, whose memory files and ``design.json`` are put back afterwards."""
    folder = package.folder
    kept = {path: path.read_bytes() for path in [*folder.glob("rtl/*.mem"), folder / "design.json"]}
    yield folder
    for path, content in kept.items():
        path.write_bytes(content)


def run(*args: object) -> Result:
    return CliRunner().invoke(cli_regress.command, [str(arg) for arg in args])


def swap_weights(folder: Path) -> None:
    """Give conv2's first inputs the weights of other outputs, as if it was emitted so."""
    weights = folder / "rtl" / "mini_conv2_weights.mem"
    lines = weights.read_text().splitlines()
    assert lines[0] != lines[1]
    weights.write_text("\n".join([lines[1], *lines[1:]]) + "\n")
    design = folder / "design.json"
    document = json.loads(design.read_text())
    document["files"][weights.relative_to(folder).as_posix()] = hashlib.sha256(
        weights.read_bytes()
    ).hexdigest()
    design.write_text(json.dumps(document))


def fake_bench(monkeypatch: pytest.MonkeyPatch, *tests: BenchTest) -> None:
    """Spare a test the bench; the bench has its own."""
    report = CosimReport(tests or (BenchTest("logits", "passed", 0.1),), 0.0, 0.0, Path("log"))
    monkeypatch.setattr(regression, "run_benches", lambda *_, **__: report)


@pytest.mark.verilator
@pytest.mark.slow
def test_everything_is_equal(package: Package, tmp_path: Path) -> None:
    images = tmp_path / "images.npy"
    np.save(images, IMAGES)
    result = run(package.folder, "--dataset", images, "--layers", "--waves", "--json")
    assert result.exit_code == 0, result.output
    data = json.loads(result.stdout)
    reports = package.folder / "reports"
    assert set(data.pop("seconds")) == {"cocotb build", "cocotb", "back to back", "gaps and stalls"}
    assert json.loads((reports / "regress.json").read_text()) == data
    assert "second" not in (reports / "regress.json").read_text()  # the same bytes each time
    assert data["ok"] and data["images"] == 70 and data["dataset"] == "70 images from images.npy"
    states = {test["test"]: test["state"] for test in data["cocotb"]["tests"]}
    assert len(states) == 16 and set(states.values()) == {"passed"} and "every_layer" in states
    assert [(item["run"], item["images"], item["wrong_images"]) for item in data["rtl"]] == [
        ("back to back", 70, 0),
        ("gaps and stalls", 50, 0),
    ]
    assert data["rtl"][1]["gap_percent"] > 0 and data["rtl"][1]["stall_percent"] > 0
    timing = measure(package.design)
    assert data["cycles"] == {
        "interval": {"predicted": timing.interval, "measured": timing.interval},
        "latency": {"predicted": timing.latency, "measured": timing.latency},
    }
    logits = GoldenModel(package.design.graph).run(IMAGES)
    largest = logits == logits.max(axis=1, keepdims=True)
    assert data["ties"] == int((largest.sum(axis=1) > 1).sum())
    crossed = data["hashes"]["boundaries"]
    names = ["image", "conv1", "pool1", "conv2", "fc1", "fc2", "fc2"]
    assert [item["layer"] for item in crossed] == names
    assert all(item["golden"] == item["rtl"] for item in crossed)
    assert len({item["golden"] for item in crossed[:-1]}) == 6  # the logits are fc2's results
    assert data["correct"] is None, "nobody knows the labels of an .npy file"
    page = (reports / "regress.md").read_text()
    assert page.startswith("# Co-simulation of mini (mixed): passed\n")
    assert f"| behind conv2 | `{crossed[3]['golden']}` | equal |" in page
    assert "| every_layer | passed |" in page and "What differs" not in page
    run_folder = package.folder / ".build" / "cocotb-run"
    waves = (run_folder / "dump.vcd").read_text()
    assert "m_axis_tdata" in waves and waves.count("\n#") > timing.latency
    load(package.folder)  # reports and builds are no edits
    assert not (package.folder / "sim" / "__pycache__").exists()


@pytest.mark.verilator
@pytest.mark.slow
def test_a_wrong_weight_is_located(edited: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_bench(monkeypatch)
    swap_weights(edited)
    result = run(edited, "--images", 20)
    assert result.exit_code == 1, result.output
    assert "back to back: rtl differs from the golden model first in image" in result.stderr
    assert "layer conv2, channel " in result.stderr and "at cycle " in result.stderr
    assert "20 random images 8x8x1, seed 1; 20 used" in result.stderr
    data = json.loads((edited / "reports" / "regress.json").read_text())
    assert not data["ok"]
    assert all(item["wrong_images"] > 0 and item["difference"] for item in data["rtl"])
    equal = [item["golden"] == item["rtl"] for item in data["hashes"]["boundaries"]]
    assert equal[:3] == [True] * 3 and equal[3] is False
    assert "other integers than golden: behind conv2, " in result.stderr
    page = (edited / "reports" / "regress.md").read_text()
    assert "FAILED" in page and "- back to back: rtl differs" in page


@pytest.mark.verilator
@pytest.mark.slow
def test_wrong_cycles_are_a_difference(edited: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_bench(monkeypatch)
    design = edited / "design.json"
    document = json.loads(design.read_text())
    interval = document["predicted"]["interval_cycles"]
    latency = document["predicted"]["latency_cycles"]
    document["predicted"] |= {"interval_cycles": interval - 1, "latency_cycles": latency + 1}
    design.write_text(json.dumps(document))
    result = run(edited, "--images", 3)
    assert result.exit_code == 1, result.output
    assert f"interval: predicted {interval - 1} cycles, measured {interval}" in result.stderr
    assert f"latency: predicted {latency + 1} cycles, measured {latency}" in result.stderr


@pytest.mark.verilator
@pytest.mark.slow
def test_a_failed_bench_is_a_difference(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = BenchTest("tlast", "failed", 0.1, "cycle 7: an [offered] result changed")
    fake_bench(monkeypatch, BenchTest("logits", "passed", 0.1), bad)
    result = run(package.folder, "--images", 2)
    assert result.exit_code == 1, result.output
    assert "tlast: cycle 7: an [offered] result changed" in result.stderr


@pytest.mark.verilator
@pytest.mark.slow
def test_accuracy_counts_the_labels(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_bench(monkeypatch)
    classes = GoldenModel(package.design.graph).run(IMAGES[:10]).argmax(axis=1)
    labels = classes.copy()
    labels[:3] = (labels[:3] + 1) % 5
    seen: list[tuple[str, int, int]] = []
    result = regress(
        package,
        IMAGES[:10],
        dataset="ten images",
        labels=labels,
        progress=lambda phase, done, total: seen.append((phase, done, total)),
    )
    assert result.ok and result.correct == 7
    assert "Accuracy 70.00 % (7 of 10)." in as_markdown(result)
    assert {phase for phase, done, total in seen if done == total} == {
        "compile",
        "golden",
        "cocotb",
        "back to back",
        "gaps and stalls",
    }


def interrupted(package: Package, monkeypatch: pytest.MonkeyPatch, images: Images) -> Path:
    """Break a run off at its third batch; return the folder of what it has done."""
    play, calls = RtlSimulation._play, []

    def stop_at_third(self: RtlSimulation, batch: Images, options: list[str]) -> Any:
        calls.append(len(batch))
        if len(calls) >= 3:
            raise KeyboardInterrupt
        return play(self, batch, options)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(RtlSimulation, "_play", stop_at_third)
        regress(package, images, dataset="many", jobs=1)
    assert calls[:3] == [50, 50, 50]
    (folder,) = (package.folder / ".build" / "regress").iterdir()
    assert sorted(path.name for path in folder.iterdir()) == ["000000.npz", "000001.npz"]
    return folder


@pytest.mark.verilator
@pytest.mark.slow
def test_an_interrupted_run_goes_on(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_bench(monkeypatch)
    whole = regress(package, MANY, dataset="many", jobs=3)
    assert whole.ok and whole.resumed == 0 and not (package.folder / ".build/regress").exists()
    folder = interrupted(package, monkeypatch, MANY)
    damaged = folder / "000001.npz"
    damaged.write_bytes(damaged.read_bytes()[:-40])  # counts as not done
    traced, played = RtlSimulation.traced, []

    def count(self: RtlSimulation, images: Images, points: Any) -> Any:
        played.append(len(images))
        return traced(self, images, points)

    monkeypatch.setattr(RtlSimulation, "traced", count)
    seen: list[int] = []
    rest = regress(
        package,
        MANY,
        dataset="many",
        jobs=1,
        progress=lambda phase, done, _: seen.append(done) if phase == "back to back" else None,
    )
    assert rest.resumed == 50 and played == [50, 50, 50, 7] and seen == [0, 50, 100, 150, 200, 207]
    assert as_markdown(rest) == as_markdown(whole)
    assert regression.as_json(rest) == regression.as_json(whole)
    assert not folder.exists(), "a complete run leaves nothing to go on with"
    interrupted(package, monkeypatch, MANY)
    played.clear()
    assert regress(package, MANY, dataset="many", fresh=True).resumed == 0
    assert sum(played) == len(MANY)


@pytest.mark.verilator
@pytest.mark.slow
def test_batches_of_another_design_or_other_images_are_not_used(
    edited: Path, package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_bench(monkeypatch)
    interrupted(package, monkeypatch, MANY)
    assert regress(package, MANY[1:], dataset="others").resumed == 0
    interrupted(package, monkeypatch, MANY)
    swap_weights(edited)
    result = regress(load(edited), MANY, dataset="many")
    assert result.resumed == 0 and not result.ok


@pytest.mark.verilator
@pytest.mark.slow
def test_one_wrong_integer_is_found(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    """A logit, and a code inside that no logit shows, both in the third batch."""
    fake_bench(monkeypatch)
    traced = RtlSimulation.traced

    def spoil(self: RtlSimulation, images: Images, points: Any) -> Any:
        replay = traced(self, images, points)
        if np.array_equal(images, MANY[100:150]):
            target = replay.logits if where == "logit" else replay.streams[2].codes
            target[0, 20].flat[3] += 1
        return replay

    monkeypatch.setattr(RtlSimulation, "traced", spoil)
    where = "logit"
    result = regress(package, MANY, dataset="many")
    assert result.runs[0].wrong_images == 1 and result.runs[0].difference is not None
    assert "image 120, output port" in str(result.runs[0].difference)
    assert [boundary.equal for boundary in result.hashes] == [True] * 6 + [False]
    where = "inside"
    result = regress(package, MANY, dataset="many")
    assert result.runs[0].wrong_images == 0 and not result.ok
    assert [boundary.equal for boundary in result.hashes] == [True] * 2 + [False] + [True] * 4
    assert differences(result) == ["other integers than golden: behind pool1"]
    assert f"| {result.hashes[2].rtl} |" in as_markdown(result)


def test_a_simulator_that_does_not_build(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ToolError("make failed (exit status 2)")

    monkeypatch.setattr(cosim.verilator, "build_cocotb", fail)
    monkeypatch.setattr(cosim.verilator, "build_executable", fail)
    result = run(package.folder, "--images", 2)
    assert result.exit_code == 1
    assert result.stderr.count("make failed (exit status 2)") == 3
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("args", "message"),
    [
        pytest.param(["{tmp}/none"], "none: no such folder; write one with", id="no_folder"),
        pytest.param(["{tmp}"], "holds no design.json; expected a folder of emit", id="no_design"),
        pytest.param(["{folder}", "--dataset", "cats"], "no data set 'cats'; there are", id="name"),
        pytest.param(
            ["{folder}", "--dataset", "digits"],
            "data set digits has images 28x28x1, the model takes 8x8x1",
            id="shape",
        ),
        pytest.param(["{folder}", "--dataset", "{tmp}/x.npy"], "x.npy: no such file", id="npy"),
        pytest.param(["{folder}", "--images", "0"], "'--images': 0 is not in the range", id="zero"),
    ],
)
def test_a_mistake_is_one_line(
    package: Package,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    args: list[str],
    message: str,
) -> None:
    words = [arg.format(tmp=tmp_path, folder=package.folder) for arg in args]
    with pytest.raises(SystemExit) as done:
        cli_main.main(["regress", *words])
    assert done.value.code == 2
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error


def test_an_edited_folder_is_refused(edited: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (edited / "rtl" / "mini_fc1_bias.mem").write_text("0\n")
    with pytest.raises(SystemExit) as done:
        cli_main.main(["regress", str(edited)])
    assert done.value.code == 2
    assert "mini_fc1_bias.mem: was edited; emit the design again" in capsys.readouterr().err


def test_reports_that_cannot_be_written(
    package: Package, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        cli_regress, "regress", lambda *_, **__: Regression(package, "", 1, 0, None)
    )
    blocked = package.folder / "blocked"
    blocked.write_text("a file, no folder")
    monkeypatch.setattr(cli_regress, "REPORTS", "blocked")
    with pytest.raises(SystemExit) as done:
        cli_main.main(["regress", str(package.folder)])
    blocked.unlink()
    assert done.value.code == 2
    assert "blocked: can't write the reports" in capsys.readouterr().err


def test_what_is_not_ok(package: Package, tmp_path: Path) -> None:
    """Each part alone decides; notes and the page say which."""
    good = CosimReport((BenchTest("logits", "passed", 0.1),), 0.0, 0.0, tmp_path)
    result = Regression(package, "two images", 2, 1, None, good)
    result.runs = [RtlRun("back to back", 2, 0, 0)]
    result.cycles = [Cycles("interval", 9, 9)]
    assert result.ok and differences(result) == []
    assert "two images; 1 of 2 images tied." in as_markdown(result)
    result.cycles = [Cycles("interval", 9, None)]
    assert not result.ok
    assert differences(result) == ["interval: predicted 9 cycles, not measurable"]
    result.cycles = []
    result.runs[0].failure = "harness failed\nwith a tail"
    assert not result.ok and "no result" in as_markdown(result)
    assert "- back to back: harness failed\n" in as_markdown(result)
    result.runs[0].failure = ""
    result.runs[0].wrong_images = 1
    assert not result.ok
    result.runs[0].wrong_images = 0
    assert result.ok
    result.bench = None
    assert not result.ok
    result.bench = CosimReport((BenchTest("a", "failed", 0.1, "x | y"),), 0.0, 0.0, tmp_path)
    assert not result.ok and differences(result) == ["a: x | y"]
    assert "| a | failed: x \\| y |" in as_markdown(result)
