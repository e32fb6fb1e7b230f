"""The study of pruning at toy size: its rows through the runner, an interruption, its report."""

from __future__ import annotations

import copy
import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lenetgen.models import zoo
from lenetgen.models.archive import write_model
from lenetgen.models.keras_file import load_keras
from lenetgen.models.studies import pruning as study
from lenetgen.models.studies.pruning_report import report
from lenetgen.models.studies.rows import Chain, Options, Store
from lenetgen.models.studies.runner import Event, run
from lenetgen.models.studies.worker import work

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't:DeprecationWarning"
)
TOY = """
from dataclasses import replace
from lenetgen.models.studies import pruning as study
from lenetgen.models.studies.rows import Chain, Study

BASE, TUNED = replace(study.PLAIN, epochs=2, batch=32), replace(study.TUNED, epochs=2, batch=32)
NETWORK = study.Network("lenet5-slim", "digits", 300, BASE, TUNED, "mixed", 4000).seeded(7)

def chains(options):
    return [Chain("toy-7", study.rows(NETWORK, True, (0.6,)))]

STUDY = Study("toy", "A toy.", chains, study.report, seeds=(7,), datasets=("digits",))
"""
PROGRAM = """
import sys
from pathlib import Path
import toy_pruning
from lenetgen.models.studies.rows import Options
from lenetgen.models.studies.runner import run

def told(event):
    print(event.row, event.state, flush=True)

run(toy_pruning.STUDY, Options((7,)), Path(sys.argv[1]), 1, told)
"""
KILLED = "unstructured-polynomial-60"
PRUNED = (
    "unstructured-one-shot-60",
    KILLED,
    "structured-one-shot-60",
    "structured-polynomial-60",
)
NAMES = ("base", "longer", *PRUNED)


@dataclass
class Finished:
    """A toy study that was interrupted in one row and then finished."""

    out: Path
    after_kill: set[str]  # files under the folder, relative
    events: list[Event]  # of the second run
    content: dict[str, Any]

    def result(self, row: str) -> dict[str, Any]:
        """The result of that row."""
        return next(each["result"] for each in self.content["rows"] if each["row"] == row)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    folder = tmp_path_factory.mktemp("toy")
    (folder / "toy_pruning.py").write_text(TOY)
    out = folder / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        there = os.environ.get("PYTHONPATH", "")
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(folder), there])))
        command = [sys.executable, "-c", PROGRAM, str(out)]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if line == f"{KILLED} begun\n":
                    process.send_signal(signal.SIGINT)
        there_then = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
        # as if it had been killed between the model and the result
        (out / "files" / "toy-7" / f"{KILLED}.keras").write_text("half a model")
        import toy_pruning  # type: ignore[import-not-found]

        events: list[Event] = []
        content = run(toy_pruning.STUDY, Options((7,)), out, 1, events.append)
        yield Finished(out, there_then, events, content)
        sys.modules.pop("toy_pruning", None)


def test_an_interrupted_row_leaves_nothing(finished: Finished) -> None:
    kept = ("base", "longer", "unstructured-one-shot-60")
    results = {f"rows/toy-7/{name}.json" for name in kept}
    models = {f"files/toy-7/{name}.keras" for name in (*kept, f"{kept[-1]}-small")}
    assert finished.after_kill == results | models | {".study", "log.txt"}


def test_it_goes_on_at_that_row(finished: Finished) -> None:
    states = [(event.row, event.state) for event in finished.events if event.state != "part"]
    hardware = [f"hw-{name}" for name in NAMES]
    begun = [KILLED, *PRUNED[2:], *hardware, "latency"]
    assert states[:3] == [(name, "kept") for name in NAMES[:3]]
    assert [row for row, state in states if state == "begun"] == begun
    assert [row for row, state in states if state == "done"] == begun
    told = {event.row for event in finished.events if event.state == "part"}
    assert told == {KILLED, *PRUNED[2:], "latency"}


def _kernels(finished: Finished, file: str) -> list[np.ndarray]:
    weights = load_keras(str(finished.out / "files" / "toy-7" / file)).get_weights()
    return [each for each in weights if each.ndim > 1]


@pytest.mark.parametrize("name", PRUNED)
def test_the_sparsity_is_reached_and_kept(finished: Finished, name: str) -> None:
    result, kernels = finished.result(name), _kernels(finished, f"{name}.keras")
    assert result["asked"] == 0.6
    assert result["weights"] == sum(each.size for each in kernels)
    assert result["nonzero"] == sum(np.count_nonzero(each) for each in kernels)
    if name.startswith("unstructured"):
        assert abs(1 - result["nonzero"] / result["weights"] - 0.6) < 0.005
        assert abs(result["reached"] - 0.6) < 0.005
    else:
        filters = [each.reshape(-1, each.shape[-1]).any(axis=0) for each in kernels[:-1]]
        gone = 1 - sum(each.sum() for each in filters) / sum(each.size for each in filters)
        assert result["reached"] == pytest.approx(gone) and abs(gone - 0.6) < 0.5 / 32
    small = load_keras(str(finished.out / "files" / "toy-7" / f"{name}-small.keras"))
    assert result["small_parameters"] == small.count_params() <= result["parameters"]
    assert name.startswith("unstructured") or small.count_params() < 0.6 * result["parameters"]
    assert result["small_differs"] == 0


def test_all_begin_with_the_same_network_and_train_alike(finished: Finished) -> None:
    base = finished.result("base")
    for name in NAMES[1:]:
        result = finished.result(name)
        assert result["accuracy_before"] == base["accuracy"]
        assert len(result["history"]) == 2
        assert result["integers"]["images"] == result["images"] == 360
        assert result["best_epoch"] == 2 or "polynomial" not in name
        assert ("accuracy_pruned" in result) == ("polynomial" not in name)
    assert finished.result("longer")["nonzero"] == base["weights"] == 3312
    changed = [
        (one != other).mean()
        for one, other in zip(
            _kernels(finished, "base.keras"), _kernels(finished, "longer.keras"), strict=True
        )
    ]
    assert min(changed) > 0.5


def test_pruning_saves_hardware_and_time_is_measured(finished: Finished) -> None:
    before = finished.result("hw-longer")
    assert 0 < before["interval"] <= before["goal"] == 4000
    for name in PRUNED[2:]:
        assert finished.result(f"hw-{name}")["lut"] < 0.9 * before["lut"]
    micros = finished.result("latency")["micros"]
    masked = [f"{name}.keras" for name in NAMES]
    assert sorted(micros) == sorted([*masked, *(f"{name}-small.keras" for name in PRUNED)])
    assert all(0 < value < 1e5 for value in micros.values())


def _cells(lines: list[str], label: str) -> list[str]:
    row = next(line for line in lines if line.startswith(f"| {label} |"))
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_the_report_shows_the_rows(finished: Finished) -> None:
    text = (finished.out / "study.md").read_text()
    lines = text.splitlines()
    result, cost = finished.result(PRUNED[2]), finished.result(f"hw-{PRUNED[2]}")
    micros = finished.result("latency")["micros"]
    assert _cells(lines, "structured, at once, 60 %") == [
        "structured, at once, 60 %",
        f"{100 * result['reached']:.1f}",
        f"{result['nonzero']:,}",
        f"{100 * result['accuracy_pruned']:.2f}",
        f"{100 * result['accuracy']:.2f}",
        f"{100 * result['integers']['accuracy']:.2f}",
        f"{result['small_parameters']:,}",
        f"{micros[f'{PRUNED[2]}.keras']:.1f}",
        f"{micros[f'{PRUNED[2]}-small.keras']:.1f}",
        f"{cost['lut']:,.0f}",
        f"{cost['ff']:,.0f}",
        f"{cost['dsp']:,.0f}",
        f"{cost['bram']:g}",
        f"{cost['interval']:,}",
    ]
    assert len([line for line in lines if line.startswith("| ")]) == 2 + len(NAMES)
    assert "Trained on the first 300 training images for 2 epochs, then 2 more." in text
    for name in ("lenet5-slim-sparsity.svg", "lenet5-slim-luts.svg"):
        assert f"({name})" in text
        assert (finished.out / name).read_text().startswith("<?xml")


def test_the_report_of_several_seeds_and_of_no_fit(finished: Finished, tmp_path: Path) -> None:
    content = copy.deepcopy(finished.content)
    content["options"]["seeds"] = [7, 8]
    for row in list(content["rows"]):
        if row["row"] in NAMES:
            again = copy.deepcopy(row)
            again["result"]["accuracy"] -= 0.01
            content["rows"].append(again)
        if row["row"] == f"hw-{PRUNED[0]}":
            row["result"] = {"no_fit": "needs more"}
    lines = report(content, tmp_path)
    accuracy = 100 * finished.result("longer")["accuracy"] - 0.5
    assert _cells(lines, "trained on")[4] == f"{accuracy:.2f} ± 0.71"
    assert _cells(lines, "unstructured, at once, 60 %")[-5:] == ["does not fit", "", "", "", ""]
    for name in ("longer", PRUNED[0]):
        for row in content["rows"]:
            if row["row"] == name:
                row["result"]["accuracy"] = 0.9 if name == "longer" else 0.8
    text = "\n".join(report(content, tmp_path))
    assert "Against *trained on* (90.00 %): " in text


def test_a_network_that_is_only_masked(tmp_path: Path) -> None:
    once = replace(study.PLAIN, epochs=1, batch=64)
    network = study.Network("lenet5-slim", "digits", 200, once, once).seeded(3)
    rows = study.rows(network, True, (0.7,))
    kinds = [row.name for row in rows]
    assert kinds[:2] == ["base", "longer"] and kinds[-1] == "latency" and len(kinds) == 7
    assert not any("small" in file for row in rows for file in row.files)
    later = study.rows(network, False, (0.7,))
    assert [row.name for row in later] == kinds[:-1]
    write_model(zoo.build("lenet5-slim"), tmp_path / "files" / "c" / "base.keras")
    (row,) = (row for row in rows if row.name == "structured-one-shot-70")
    row = replace(row, needs=())
    work(Chain("c", (row,)), Options((3,)), tmp_path, io.StringIO())
    found = Store(tmp_path).read("c", row)
    assert found is not None
    assert "integers" not in found["result"] and abs(found["result"]["reached"] - 0.7) < 0.02
    assert {path.name for path in (tmp_path / "files" / "c").iterdir()} == {
        "base.keras",
        "structured-one-shot-70.keras",
    }


def test_what_the_study_runs() -> None:
    for full, networks, images in ((False, 2, 20_000), (True, 3, None)):
        chains = study.chains(Options((1, 2), full=full))
        assert len(chains) == 2 * networks
        for chain in chains:
            trained = [row for row in chain.rows if "pruning" in row.settings]
            assert len({row.settings["tuned"]["epochs"] for row in trained}) == 1
            asked = {
                (how["method"], how["schedule"], how["sparsity"])
                for row in trained
                if (how := row.settings["pruning"])["sparsity"]
            }
            assert asked == {
                (method, schedule, part)
                for method in ("unstructured", "structured")
                for schedule in ("one-shot", "polynomial")
                for part in (0.3, 0.5, 0.7)
            }
            assert all(row.settings["images"] == images for row in chain.rows)
            hardware = [row for row in chain.rows if row.name.startswith("hw-")]
            emitted = "mobilenet" not in chain.name
            assert len(hardware) == (14 if emitted and chain.name.endswith("-1") else 0)
