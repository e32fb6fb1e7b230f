"""The co-simulation regression: the cocotb bench, then a data set through RTL, every logit.

Input: an emitted package, uint8 images, perhaps labels. Output: a ``Regression``, as data, JSON or
a page of text. Which images those are and where reports go is the command's business.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ..codegen.cycles import MAX_FRAMES
from .cosim import CosimReport, run_benches
from .golden import GoldenModel
from .locate import Difference, first_difference, logit_difference
from .package import Package
from .rtl import RtlSimulation
from .toolrun import ToolError
from .verification import classify

Images = npt.NDArray[np.uint8]
Logits = npt.NDArray[np.int64]
Progress = Callable[[str, int, int], None]  # phase, done, in all

STRESSED_IMAGES = 50
STRESS = 30  # percent of the cycles with an input gap, and with an output stall
SEED = 1


@dataclass
class RtlRun:
    """The images that went through RTL in one manner; gap and stall in percent of the cycles."""

    name: str
    images: int
    gap: int
    stall: int
    wrong_images: int = 0
    seconds: float = 0.0
    difference: Difference | None = None
    failure: str = ""  # why there are no results

    @property
    def ok(self) -> bool:
        """Whether every logit is the golden model's."""
        return not self.failure and self.wrong_images == 0


@dataclass(frozen=True)
class Cycles:
    """A predicted and the measured number of cycles; None: it could not be measured."""

    name: str
    predicted: int
    measured: int | None

    @property
    def ok(self) -> bool:
        """Whether they agree."""
        return self.predicted == self.measured


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
    expected = model.run(images, _counter(tell, "golden", len(images)))
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
        _play(run, package, model, simulation, images[: run.images], expected, tell)
    result.cycles = _timing(package, simulation, images)
    return result


def _counter(tell: Progress, phase: str, total: int) -> Callable[[int], None]:
    done = 0

    def count(more: int) -> None:
        nonlocal done
        done += more
        tell(phase, done, total)

    tell(phase, 0, total)
    return count


def _play(
    run: RtlRun,
    package: Package,
    model: GoldenModel,
    simulation: RtlSimulation,
    images: Images,
    expected: Logits,
    tell: Progress,
) -> None:
    """Fill ``run`` in: compare every logit, locate the first difference."""
    started = time.perf_counter()
    count = _counter(tell, run.name, len(images))
    try:
        logits = simulation.run(
            images, gap=run.gap, stall=run.stall, seed=SEED, progress=count
        ).logits
        wrong = (logits != expected[: len(images)]).any(axis=1)
        run.wrong_images = int(wrong.sum())
        if wrong.any():
            image = int(np.argmax(wrong))
            run.difference = _locate(run, package, model, simulation, images, image)
            run.difference = run.difference or logit_difference(
                "rtl", package.design.graph, image, expected[image], logits[image]
            )
    except ToolError as error:
        run.failure = str(error)
        run.difference = _locate(run, package, model, simulation, images, 0)
    run.seconds = time.perf_counter() - started


def _locate(
    run: RtlRun,
    package: Package,
    model: GoldenModel,
    simulation: RtlSimulation,
    images: Images,
    image: int,
) -> Difference | None:
    """The first wrong element of any layer, played from the frame before ``image`` on."""
    start = max(image - 1, 0)
    frames = images[start : start + 2]
    golden = model.trace(frames)
    streams = simulation.trace(frames, gap=run.gap, stall=run.stall, seed=SEED)
    for place in range(len(frames)):
        difference = first_difference(
            "rtl",
            package.design.graph,
            start + place,
            {name: codes[place] for name, codes in golden.items()},
            {name: stream.codes[place] for name, stream in streams.items()},
            {name: stream.cycles[place] for name, stream in streams.items()},
        )
        if difference is not None:
            return difference
    return None


def _timing(package: Package, simulation: RtlSimulation, images: Images) -> list[Cycles]:
    """Interval of back-to-back frames once it is steady, latency of an isolated one."""
    frames = np.resize(images[:MAX_FRAMES], (MAX_FRAMES, *images.shape[1:]))
    interval = latency = None
    try:
        steps = np.diff(simulation.run(frames).last)[-3:]
        interval = int(steps[-1]) if len(set(steps.tolist())) == 1 else None
        alone = simulation.run(frames[:2], isolated=True)
        spans = (alone.last - alone.first).tolist()
        latency = int(spans[0]) if len(set(spans)) == 1 else None
    except ToolError:
        pass  # the run of all images has told why
    return [
        Cycles("interval", package.timing.interval, interval),
        Cycles("latency", package.timing.latency, latency),
    ]


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
