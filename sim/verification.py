"""Golden model = C++ = RTL on a set of images; the first difference where they are not.

Input: an emitted package and uint8 images. Output: a ``Report``. Which images those are and how
the result is shown is the command's business.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
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
    measure_cycles,
    narrow,
    play,
)
from .toolrun import ToolError

LAYER_IMAGES_CSIM = 100
LAYER_IMAGES_RTL = 2  # played alone and together


@dataclass
class StageResult:
    """One stage's comparison with the golden model."""

    name: str
    images: int  # whose logits were compared
    layer_images: int  # whose every layer was compared
    wrong_images: int = 0
    seconds: float = 0.0
    difference: Difference | None = None
    frames: range = range(0)  # the fewest images in a row found to show the difference
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
    chosen = np.arange(layers)
    try:
        binary = csim.compile(package.folder)
        logits = csim.run(binary, images, progress=counter(tell, "csim", len(images)))
        assert not isinstance(logits, dict)
        wrong = (logits != expected).any(axis=1)
        result.wrong_images = int(wrong.sum())
        if wrong.any():
            chosen = np.flatnonzero(wrong)[:1]
    except RuntimeError as error:
        result.failure = str(error)
    try:
        found = _csim_difference(package, model, images[chosen])
    except RuntimeError as error:
        result.failure = result.failure or str(error)
        return result
    if found is not None:
        image = int(chosen[found.image])
        result.difference = replace(found, image=image)
        result.frames = range(image, image + 1)
    result.seconds = time.perf_counter() - started
    return result


def _csim_difference(package: Package, model: GoldenModel, images: Images) -> Difference | None:
    """The first difference of the C++ when it is traced, the images one after another.

    ``RuntimeError`` if the C++ stops without one.
    """
    binary = csim.compile(package.folder, trace=True)
    found = csim_differences(binary, model, images)
    if found is None:
        for image in range(len(images)):
            alone = csim_differences(binary, model, images[image : image + 1])
            if alone is None:
                played = csim.replay(binary, images[image : image + 1])
                raise RuntimeError(f"image {image}: {played.complaint}")
            if alone[0] is not None:
                return replace(alone[0], image=image)
        return None
    return next((difference for difference in found if difference is not None), None)


def csim_differences(
    binary: csim.CsimBinary, model: GoldenModel, images: Images
) -> list[Difference | None] | None:
    """The first difference of every image's codes; None if the C++ did not get through them all."""
    graph = model.graph
    played = csim.replay(binary, images)
    if len(played.logits) < len(images):
        return None
    golden = model.trace(images)
    found: list[Difference | None] = []
    for image, logits in enumerate(played.logits):
        expected = {name: codes[image] for name, codes in golden.items()}
        actual = {name: codes[image] for name, codes in played.codes.items()}
        difference = first_difference("csim", graph, image, expected, actual)
        wanted = expected[graph.output.name].reshape(-1)
        if difference is None and (logits != wanted).any():
            difference = logit_difference("csim", graph, image, wanted, logits)
        found.append(difference)
    return found


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
    if run.difference is None:  # where all logits are right, a layer may have been rounded away
        narrow(run, model, simulation, images, 0)
    result.wrong_images, result.failure = run.wrong_images, run.failure
    result.difference, result.frames = run.difference, run.frames
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
                "difference": None if stage.difference is None else plain(stage.difference),
            }
            for stage in report.stages
        ],
    }


def plain(difference: Difference) -> dict[str, Any]:
    """A difference as plain data, with real values and its line of text."""
    step = difference.step
    real = {
        "expected_real": float(difference.expected * step),
        "actual_real": None if difference.actual is None else float(difference.actual * step),
    }
    fields = {key: value for key, value in vars(difference).items() if key != "step"}
    return {**fields, **real, "message": str(difference)}
