"""The co-simulation regression: the cocotb bench, then a data set through RTL, every logit.

Input: an emitted package, uint8 images, perhaps labels. Output: a ``Regression``, as data, JSON or
a page of text. Which images those are and where reports go is the command's business.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .cosim import CosimReport, run_benches
from .golden import GoldenModel
from .package import Package
from .rtl import RtlSimulation
from .rtl_check import Cycles, Images, Progress, RtlRun, classify, counter, measure_cycles, play
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

    @property
    def ok(self) -> bool:
        """Whether all ran and nothing differs."""
        bench = self.bench is not None and self.bench.ok
        return bench and all(r.ok for r in self.runs) and all(c.ok for c in self.cycles)


def regress(
    package: Package,
    images: Images,
    *,
    dataset: str,
    labels: npt.NDArray[np.int64] | None = None,
    layers: bool = False,
    waves: bool = False,
    progress: Progress | None = None,
) -> Regression:
    """Run the bench of ``package``, then ``images`` (n, *shape), n >= 1, through its RTL.

    ``dataset`` says in a phrase where they come from. ``layers`` and ``waves`` are the bench's.
    Differences and simulators that fail end up in the result; ``UserError`` if one is missing.
    """
    tell = progress or (lambda *_: None)
    model = GoldenModel(package.design.graph)
    expected = model.run(images, counter(tell, "golden", len(images)))
    classes, ties = classify(expected)
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
    try:
        simulation = RtlSimulation(package.design, package.folder)
    except ToolError as error:
        for run in result.runs:
            run.failure = str(error)
        return result
    for run in result.runs:
        play(run, package, model, simulation, images[: run.images], expected, tell)
    result.cycles = measure_cycles(package, simulation, images)
    return result


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
            "build_seconds": None if bench is None else round(bench.build_seconds, 2),
            "run_seconds": None if bench is None else round(bench.run_seconds, 2),
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
                "seconds": round(run.seconds, 2),
                "failure": run.failure,
                "difference": None if run.difference is None else str(run.difference),
            }
            for run in result.runs
        ],
        "cycles": {
            item.name: {"predicted": item.predicted, "measured": item.measured}
            for item in result.cycles
        },
    }


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
    lines += ["", "| cocotb test | |", "| --- | --- |"]
    for test in () if result.bench is None else result.bench.tests:
        message = test.message.replace("|", "\\|")
        lines.append(f"| {test.name} | {test.state}{': ' + message if message else ''} |")
    notes = differences(result)
    if notes:
        lines += ["", "## What differs", "", *(f"- {note.splitlines()[0]}" for note in notes)]
    return "\n".join(lines) + "\n"


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
    for item in result.cycles:
        if not item.ok:
            measured = "not measurable" if item.measured is None else f"measured {item.measured}"
            notes.append(f"{item.name}: predicted {item.predicted} cycles, {measured}")
    return notes
