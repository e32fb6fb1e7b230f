"""RTL against the golden model: logits, the first difference, predicted cycles.

Input: an emitted package, its compiled RTL and uint8 images. What ``verification`` and
``regression`` have in common; neither images nor reports are chosen here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..codegen.cycles import MAX_FRAMES
from .golden import GoldenModel
from .locate import Difference, first_difference, logit_difference
from .package import Package
from .rtl import RtlSimulation
from .toolrun import ToolError

Images = npt.NDArray[np.uint8]
Logits = npt.NDArray[np.int64]
Progress = Callable[[str, int, int], None]  # phase, done, in all

SEED = 1


@dataclass
class RtlRun:
    """The images that went through RTL in one manner; gap and stall in percent of the cycles."""

    name: str
    images: int
    gap: int = 0
    stall: int = 0
    wrong_images: int = 0
    seconds: float = 0.0
    difference: Difference | None = None
    failure: str = ""  # why there are no results

    @property
    def ok(self) -> bool:
        """Whether every integer compared is the golden model's."""
        return not self.failure and self.wrong_images == 0 and self.difference is None


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


def classify(logits: Logits) -> tuple[npt.NDArray[np.int64], int]:
    """Classes (lowest index among the largest logits) and how many images tied."""
    largest = logits.max(axis=1, keepdims=True)
    ties = int(((logits == largest).sum(axis=1) > 1).sum())
    return logits.argmax(axis=1), ties


def counter(tell: Progress, phase: str, total: int) -> Callable[[int], None]:
    """A function that adds up what it is given and tells the sum so far."""
    done = 0

    def count(more: int) -> None:
        nonlocal done
        done += more
        tell(phase, done, total)

    tell(phase, 0, total)
    return count


def play(
    run: RtlRun,
    package: Package,
    model: GoldenModel,
    simulation: RtlSimulation,
    images: Images,
    expected: Logits,
    tell: Progress,
) -> None:
    """Send ``images`` through RTL as ``run`` says and fill in what came of it."""
    started = time.perf_counter()
    count = counter(tell, run.name, len(images))
    try:
        result = simulation.run(images, gap=run.gap, stall=run.stall, seed=SEED, progress=count)
        wrong = (result.logits != expected[: len(images)]).any(axis=1)
        run.wrong_images = int(wrong.sum())
        if wrong.any():
            image = int(np.argmax(wrong))
            run.difference = locate(run, package, model, simulation, images, image)
            run.difference = run.difference or logit_difference(
                "rtl", package.design.graph, image, expected[image], result.logits[image]
            )
    except ToolError as error:
        run.failure = str(error)
        run.difference = locate(run, package, model, simulation, images, 0)
    run.seconds = time.perf_counter() - started


def locate(
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


def measure_cycles(package: Package, simulation: RtlSimulation, images: Images) -> list[Cycles]:
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
