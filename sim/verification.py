"""Golden model = C++ = RTL on a set of images; the first difference where they are not.

Input: an emitted package and uint8 images. Output: a ``Report``. Which images those are and how
the result is shown is the command's business.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from . import csim
from .golden import GoldenModel
from .locate import Difference, first_difference, logit_difference
from .package import Package
from .rtl import RtlSimulation
from .rtl_check import (
    Cycles,
    Images,
    Logits,
    Progress,
    RtlRun,
    classify,
    counter,
    locate,
    measure_cycles,
    play,
)
from .toolrun import ToolError

LAYER_IMAGES_CSIM = 100
LAYER_IMAGES_RTL = 2


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
    """All stages, and the cycles predicted and measured."""

    images: int
    ties: int
    correct: int | None
    golden_seconds: float
    stages: list[StageResult] = field(default_factory=list)
    cycles: list[Cycles] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing differs."""
        stages = all(stage.equal for stage in self.stages)
        return stages and all(cycles.ok for cycles in self.cycles)


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
    expected = model.run(images, counter(tell, "golden", len(images)))
    seconds = time.perf_counter() - started
    classes, ties = classify(expected)
    correct = None if labels is None else int((classes == labels).sum())
    report = Report(len(images), ties, correct, seconds)
    report.stages.append(_verify_csim(package, model, images, expected, tell))
    count = len(images) if rtl_images is None else min(rtl_images, len(images))
    if count:
        _verify_rtl(package, model, images[:count], expected[:count], tell, report)
    return report


def _verify_csim(
    package: Package, model: GoldenModel, images: Images, expected: Logits, tell: Progress
) -> StageResult:
    layers = min(LAYER_IMAGES_CSIM, len(images))
    result = StageResult("csim", len(images), layers)
    started = time.perf_counter()
    try:
        binary = csim.compile(package.folder)
        logits = csim.run(binary, images, progress=counter(tell, "csim", len(images)))
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
    result = StageResult("rtl", len(images), min(LAYER_IMAGES_RTL, len(images)))
    report.stages.append(result)
    started = time.perf_counter()
    tell("rtl", 0, len(images))
    try:
        simulation = RtlSimulation(package.design, package.folder)
    except ToolError as error:
        result.failure = str(error)
        return
    run = RtlRun("rtl", len(images))
    play(run, package, model, simulation, images, expected, tell)
    result.wrong_images, result.failure = run.wrong_images, run.failure
    # even where all logits are right, a wrong layer may have been rounded away
    result.difference = run.difference or locate(run, package, model, simulation, images, 0)
    report.cycles = measure_cycles(package, simulation, images)
    result.seconds = time.perf_counter() - started


def as_json(report: Report) -> dict[str, Any]:
    """The report as plain data."""
    return {
        "ok": report.ok,
        "images": report.images,
        "ties": report.ties,
        "correct": report.correct,
        "golden_seconds": round(report.golden_seconds, 3),
        **{
            f"{cycles.name}_cycles": {"predicted": cycles.predicted, "measured": cycles.measured}
            for cycles in report.cycles
        },
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


def _plain(difference: Difference) -> dict[str, Any]:
    step = difference.step
    real = {
        "expected_real": float(difference.expected * step),
        "actual_real": None if difference.actual is None else float(difference.actual * step),
    }
    fields = {key: value for key, value in vars(difference).items() if key != "step"}
    return {**fields, **real, "message": str(difference)}
