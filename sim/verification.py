"""Golden model = C++ = RTL on a set of images; the first difference where they are not.

Input: an emitted package and uint8 images. Output: a ``Report``. Which images those are and how
the result is shown is the command's business.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from . import csim
from .golden import GoldenModel
from .locate import Difference, first_difference, logit_difference
from .package import Package
from .rtl import RtlSimulation
from .toolrun import ToolError

Images = npt.NDArray[np.uint8]
Logits = npt.NDArray[np.int64]
Progress = Callable[[str, int, int], None]  # stage, images done, images in all

LAYER_IMAGES_CSIM = 100
LAYER_IMAGES_RTL = 2
STEADY_FRAMES = 8  # back to back, to see the interval


@dataclass
class StageResult:
    """One stage's comparison with the golden model."""

    name: str
    images: int  # whose logits were compared
    layer_images: int  # whose every layer was compared
    wrong_images: int = 0
    seconds: float = 0.0
    difference: Difference | None = None
    failure: str = ""  # why the stage gave no results at all

    @property
    def equal(self) -> bool:
        """Whether every integer compared is the golden model's."""
        return self.difference is None and not self.failure and self.wrong_images == 0


@dataclass
class Report:
    """All stages; ``interval`` and ``latency`` as (predicted, measured) cycles."""

    images: int
    ties: int
    correct: int | None
    golden_seconds: float
    stages: list[StageResult] = field(default_factory=list)
    interval: tuple[int, int] | None = None
    latency: tuple[int, int] | None = None

    @property
    def timing_equal(self) -> bool:
        """Whether predicted and measured cycles agree (or were not measured)."""
        pairs = [pair for pair in (self.interval, self.latency) if pair is not None]
        return all(predicted == measured for predicted, measured in pairs)

    @property
    def ok(self) -> bool:
        """Whether nothing differs."""
        return self.timing_equal and all(stage.equal for stage in self.stages)


def classify(logits: Logits) -> tuple[npt.NDArray[np.int64], int]:
    """Classes (lowest index among the largest logits) and how many images tied."""
    largest = logits.max(axis=1, keepdims=True)
    ties = int(((logits == largest).sum(axis=1) > 1).sum())
    return logits.argmax(axis=1), ties


def verify(
    package: Package,
    images: Images,
    *,
    labels: npt.NDArray[np.int64] | None = None,
    rtl_images: int | None = None,
    progress: Progress | None = None,
) -> Report:
    """Run ``images`` (n, *shape) through C++ and the first ``rtl_images`` of them through RTL."""
    tell = progress or (lambda *_: None)
    model = GoldenModel(package.design.graph)
    started = time.perf_counter()
    expected = model.run(images, _counter(tell, "golden", len(images)))
    seconds = time.perf_counter() - started
    classes, ties = classify(expected)
    correct = None if labels is None else int((classes == labels).sum())
    report = Report(len(images), ties, correct, seconds)
    report.stages.append(_verify_csim(package, model, images, expected, tell))
    count = len(images) if rtl_images is None else min(rtl_images, len(images))
    if count:
        _verify_rtl(package, model, images[:count], expected[:count], tell, report)
    return report


def _counter(tell: Progress, stage: str, total: int) -> Callable[[int], None]:
    done = 0

    def count(more: int) -> None:
        nonlocal done
        done += more
        tell(stage, done, total)

    tell(stage, 0, total)
    return count


def _verify_csim(
    package: Package, model: GoldenModel, images: Images, expected: Logits, tell: Progress
) -> StageResult:
    layers = min(LAYER_IMAGES_CSIM, len(images))
    result = StageResult("csim", len(images), layers)
    started = time.perf_counter()
    try:
        binary = csim.compile(package.folder)
        logits = csim.run(binary, images, progress=_counter(tell, "csim", len(images)))
        assert not isinstance(logits, dict)
        wrong = (logits != expected).any(axis=1)
        result.wrong_images = int(wrong.sum())
        chosen = np.arange(layers) if not wrong.any() else np.flatnonzero(wrong)[:1]
        traced = csim.run(binary, images[chosen], trace=True)
        assert isinstance(traced, dict)
    except RuntimeError as error:
        result.failure = str(error)
        return result
    golden = model.trace(images[chosen])
    for place, image in enumerate(chosen):
        result.difference = first_difference(
            "csim",
            package.design.graph,
            int(image),
            {name: codes[place] for name, codes in golden.items()},
            {name: codes[place] for name, codes in traced.items()},
        )
        if result.difference is None and wrong[image]:
            result.difference = logit_difference(
                "csim", package.design.graph, int(image), expected[image], logits[image]
            )
        if result.difference is not None:
            break
    result.seconds = time.perf_counter() - started
    return result


def _verify_rtl(
    package: Package,
    model: GoldenModel,
    images: Images,
    expected: Logits,
    tell: Progress,
    report: Report,
) -> None:
    layers = min(LAYER_IMAGES_RTL, len(images))
    result = StageResult("rtl", len(images), layers)
    report.stages.append(result)
    started = time.perf_counter()
    tell("rtl", 0, len(images))
    simulation = RtlSimulation(package.design, package.folder)
    wrong = np.zeros(len(images), dtype=bool)
    try:
        run = simulation.run(images, progress=_counter(tell, "rtl", len(images)))
        wrong = (run.logits != expected).any(axis=1)
        alone = simulation.run(images[:1], isolated=True)
        report.latency = (package.timing.latency, int(alone.last[0] - alone.first[0]))
        report.interval = _interval(package, simulation, images)
    except ToolError as error:
        result.failure = str(error).splitlines()[0]
    result.wrong_images = int(wrong.sum())
    start = max(int(np.argmax(wrong)) - layers + 1, 0) if wrong.any() else 0
    result.difference = _trace_rtl(package, model, simulation, images, start, layers)
    if result.difference is None and wrong.any():
        image = int(np.argmax(wrong))
        result.difference = logit_difference(
            "rtl", package.design.graph, image, expected[image], run.logits[image]
        )
    result.seconds = time.perf_counter() - started


def _interval(package: Package, simulation: RtlSimulation, images: Images) -> tuple[int, int]:
    """Predicted and measured interval of back-to-back frames."""
    frames = np.resize(images[:STEADY_FRAMES], (STEADY_FRAMES, *images.shape[1:]))
    last = simulation.run(frames).last
    return package.timing.interval, int(last[-1] - last[-2])


def _trace_rtl(
    package: Package,
    model: GoldenModel,
    simulation: RtlSimulation,
    images: Images,
    start: int,
    count: int,
) -> Difference | None:
    """Compare every layer of ``count`` frames from ``start`` on, back to back."""
    frames = images[start : start + count]
    golden = model.trace(frames)
    streams = simulation.trace(frames)
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


def as_json(report: Report) -> dict[str, Any]:
    """The report as plain data."""
    return {
        "ok": report.ok,
        "images": report.images,
        "ties": report.ties,
        "correct": report.correct,
        "golden_seconds": round(report.golden_seconds, 3),
        "interval_cycles": _pair(report.interval),
        "latency_cycles": _pair(report.latency),
        "stages": [
            {
                "stage": stage.name,
                "images": stage.images,
                "layer_images": stage.layer_images,
                "wrong_images": stage.wrong_images,
                "seconds": round(stage.seconds, 2),
                "failure": stage.failure,
                "difference": None if stage.difference is None else _plain(stage.difference),
            }
            for stage in report.stages
        ],
    }


def _pair(values: tuple[int, int] | None) -> dict[str, int] | None:
    return None if values is None else {"predicted": values[0], "measured": values[1]}


def _plain(difference: Difference) -> dict[str, Any]:
    step = difference.step
    real = {
        "expected_real": float(difference.expected * step),
        "actual_real": None if difference.actual is None else float(difference.actual * step),
    }
    fields = {key: value for key, value in vars(difference).items() if key != "step"}
    return {**fields, **real, "message": str(difference)}
