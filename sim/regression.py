"""The co-simulation regression: the cocotb bench, then a data set through RTL, every layer.

Input: an emitted package, uint8 images, perhaps labels. Output: a ``Regression``, as data, JSON or
a page of text. Which images those are and where reports go is the command's business. A run that
is interrupted goes on behind the batches it has done.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ..codegen.streams import INPUT_PORT, OUTPUT_PORT, stream_points
from . import boundaries
from .boundaries import Boundary, Journal, Played
from .cosim import CosimReport, run_benches
from .golden import GoldenModel
from .package import Package
from .rtl import BATCH, CORES, RtlSimulation
from .rtl_check import (
    Cycles,
    Images,
    Logits,
    Progress,
    RtlRun,
    classify,
    counter,
    measure_cycles,
    narrow,
    play,
    replay,
)
from .toolrun import ToolError

STRESSED_IMAGES = 50
STRESS = 30  # percent of the cycles with an input gap, and with an output stall


@dataclass
class Regression:
    """Everything a regression found."""

    package: Package
    dataset: str
    images: int
    ties: int
    correct: int | None
    bench: CosimReport | None = None
    bench_failure: str = ""  # why the bench did not run
    runs: list[RtlRun] = field(default_factory=list)
    cycles: list[Cycles] = field(default_factory=list)
    hashes: list[Boundary] = field(default_factory=list)  # of the images back to back
    resumed: int = 0  # images an earlier, interrupted run had done

    @property
    def ok(self) -> bool:
        """Whether all ran and nothing differs."""
        bench = self.bench is not None and self.bench.ok
        runs = all(run.ok for run in self.runs) and all(item.ok for item in self.cycles)
        return bench and runs and all(boundary.equal for boundary in self.hashes)


def regress(
    package: Package,
    images: Images,
    *,
    dataset: str,
    labels: npt.NDArray[np.int64] | None = None,
    layers: bool = False,
    waves: bool = False,
    jobs: int = CORES,
    fresh: bool = False,
    progress: Progress | None = None,
) -> Regression:
    """Run the bench of ``package``, then ``images`` (n, *shape), n >= 1, through its RTL.

    ``dataset`` says in a phrase where they come from. ``layers`` and ``waves`` are the bench's.
    ``jobs`` simulations run at a time. ``fresh``: batches of an interrupted run are played again.
    Differences and simulators that fail end up in the result; ``UserError`` if one is missing.
    """
    tell = progress or (lambda *_: None)
    model = GoldenModel(package.design.graph)
    points = boundaries.compared(stream_points(package.design))
    expected = boundaries.golden(model, points, images, counter(tell, "golden", len(images)))
    classes, ties = classify(expected.logits)
    correct = None if labels is None else int((classes == labels).sum())
    result = Regression(package, dataset, len(images), ties, correct)
    tell("cocotb", 0, 1)
    try:
        result.bench = run_benches(package, layers=layers, waves=waves)
    except ToolError as error:
        result.bench_failure = str(error)
    tell("cocotb", 1, 1)
    stressed = min(STRESSED_IMAGES, len(images))
    result.runs = [
        RtlRun("back to back", len(images), 0, 0),
        RtlRun("gaps and stalls", stressed, STRESS, STRESS),
    ]
    tell("compile", 0, 1)
    try:
        simulation = RtlSimulation(package.design, package.folder)
    except ToolError as error:
        for run in result.runs:
            run.failure = str(error)
        result.hashes = boundaries.compare(points, expected, None)
        return result
    tell("compile", 1, 1)
    whole, part = result.runs
    played: list[Played] = []
    journal = Journal.of(package, simulation, images, len(points) + 1)
    if fresh:
        journal.clear()
    result.resumed = journal.done(len(images))

    def simulate() -> Logits:
        count = counter(tell, whole.name, len(images))
        played.append(boundaries.through_rtl(simulation, points, images, journal, count, jobs=jobs))
        return played[0].logits

    play(whole, package, model, simulation, images, expected.logits, tell, simulate)
    if played and whole.difference is None:
        _locate(whole, model, simulation, images, expected, played[0])
    result.hashes = boundaries.compare(points, expected, played[0] if played else None)
    play(part, package, model, simulation, images[: part.images], expected.logits, tell)
    result.cycles = measure_cycles(package, simulation, images)
    journal.clear()  # all is known now: the next run starts from the beginning
    return result


def _locate(
    run: RtlRun,
    model: GoldenModel,
    simulation: RtlSimulation,
    images: Images,
    expected: Played,
    actual: Played,
) -> None:
    """All logits are right: name the first layer whose integers are not, if there is one."""
    batch = boundaries.first_wrong_batch(expected, actual)
    if batch is None:
        return
    run.difference = replay(run, model, simulation, images, batch)
    if run.difference is not None:
        narrow(run, model, simulation, images, run.difference.image)


def as_json(result: Regression) -> dict[str, Any]:
    """The result as plain data; ``docs/simulation.md`` documents it."""
    bench = result.bench
    tests = () if bench is None else bench.tests
    return {
        "ok": result.ok,
        "design": result.package.design.name,
        "model": result.package.model,
        "precision": result.package.precision,
        "dataset": result.dataset,
        "images": result.images,
        "ties": result.ties,
        "correct": result.correct,
        "cocotb": {
            "failure": result.bench_failure,
            "tests": [
                {"test": test.name, "state": test.state, "message": test.message} for test in tests
            ],
        },
        "rtl": [
            {
                "run": run.name,
                "images": run.images,
                "gap_percent": run.gap,
                "stall_percent": run.stall,
                "wrong_images": run.wrong_images,
                "failure": run.failure,
                "difference": None if run.difference is None else str(run.difference),
            }
            for run in result.runs
        ],
        "cycles": {
            item.name: {"predicted": item.predicted, "measured": item.measured}
            for item in result.cycles
        },
        "hashes": {
            "batch": BATCH,
            "boundaries": [
                {"layer": item.layer, "part": item.part, "golden": item.golden, "rtl": item.rtl}
                for item in result.hashes
            ],
        },
    }


def seconds(result: Regression) -> dict[str, float]:
    """How long what took; no part of the reports, which are the same each time."""
    taken = {} if result.bench is None else {"cocotb build": result.bench.build_seconds}
    taken |= {} if result.bench is None else {"cocotb": result.bench.run_seconds}
    taken |= {run.name: run.seconds for run in result.runs}
    return {name: round(value, 2) for name, value in taken.items()}


def as_markdown(result: Regression) -> str:
    """The result on a page; equal results give equal text."""
    package = result.package
    lines = [f"# Co-simulation of {package.title}: {'passed' if result.ok else 'FAILED'}", ""]
    lines += [f"{result.dataset}; {result.ties} of {result.images} images tied."]
    if result.correct is not None:
        share = 100 * result.correct / result.images
        lines += [f"Accuracy {share:.2f} % ({result.correct} of {result.images})."]
    header = ("RTL against the golden model", "images", "input gaps", "output stalls", "wrong")
    lines += ["", f"| {' | '.join(header)} |", "| --- | --- | --- | --- | --- |"]
    for run in result.runs:
        wrong = "no result" if run.failure else str(run.wrong_images)
        lines.append(f"| {run.name} | {run.images} | {run.gap} % | {run.stall} % | {wrong} |")
    lines += ["", "| cycles | predicted | measured |", "| --- | --- | --- |"]
    for item in result.cycles:
        measured = "-" if item.measured is None else str(item.measured)
        lines.append(f"| {item.name} | {item.predicted} | {measured} |")
    if result.hashes:
        lines += ["", "| boundary | SHA-256 of all images, golden | RTL |", "| --- | --- | --- |"]
    for boundary in result.hashes:
        verdict = "equal" if boundary.equal else boundary.rtl or "no result"
        lines.append(f"| {place(boundary)} | `{boundary.golden}` | {verdict} |")
    lines += ["", "| cocotb test | |", "| --- | --- |"]
    for test in () if result.bench is None else result.bench.tests:
        message = test.message.replace("|", "\\|")
        lines.append(f"| {test.name} | {test.state}{': ' + message if message else ''} |")
    notes = differences(result)
    if notes:
        lines += ["", "## What differs", "", *(f"- {note.splitlines()[0]}" for note in notes)]
    return "\n".join(lines) + "\n"


def place(boundary: Boundary) -> str:
    """A boundary in words."""
    if boundary.part in (INPUT_PORT, OUTPUT_PORT):
        return boundary.part
    return f"behind {boundary.layer}"


def differences(result: Regression) -> list[str]:
    """What is wrong, a note each; empty if nothing is."""
    notes: list[str] = []
    if result.bench_failure:
        notes.append(result.bench_failure)
    for test in () if result.bench is None else result.bench.tests:
        if test.state == "failed":
            notes.append(f"{test.name}: {test.message}")
    for run in result.runs:
        if run.failure:
            notes.append(f"{run.name}: {run.failure}")
        if run.difference is not None:
            notes.append(f"{run.name}: {run.difference}")
    wrong = [place(boundary) for boundary in result.hashes if not boundary.equal]
    if wrong and not any(run.failure for run in result.runs):
        notes.append(f"other integers than golden: {', '.join(wrong)}")
    for item in result.cycles:
        if not item.ok:
            measured = "not measurable" if item.measured is None else f"measured {item.measured}"
            notes.append(f"{item.name}: predicted {item.predicted} cycles, {measured}")
    return notes
