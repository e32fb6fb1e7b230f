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
from .locate import Difference, logit_difference, replay_differences
from .package import Package
from .rtl import BATCH, RtlSimulation
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
    frames: range = range(0)  # the fewest images in a row found to show the difference
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
    simulate: Callable[[], Logits] | None = None,
) -> None:
    """Send ``images`` through RTL as ``run`` says and fill in what came of it.

    ``simulate`` gives the logits of another way to play them, as ``run`` says.
    """
    started = time.perf_counter()
    try:
        if simulate is not None:
            logits = simulate()
        else:
            count = counter(tell, run.name, len(images))
            gap, stall = run.gap, run.stall
            logits = simulation.run(images, gap=gap, stall=stall, seed=SEED, progress=count).logits
        wrong = (logits != expected[: len(images)]).any(axis=1)
        run.wrong_images = int(wrong.sum())
        if wrong.any():
            image = int(np.argmax(wrong))
            narrow(run, model, simulation, images, image)
            run.difference = run.difference or logit_difference(
                "rtl", package.design.graph, image, expected[image], logits[image]
            )
    except ToolError as error:
        run.failure = str(error)
        for start in range(0, len(images), BATCH):
            batch = range(start, min(start + BATCH, len(images)))
            difference = replay(run, model, simulation, images, batch)
            if difference is not None:
                narrow(run, model, simulation, images, difference.image)
                break
    run.seconds = time.perf_counter() - started


def replay(
    run: RtlRun, model: GoldenModel, simulation: RtlSimulation, images: Images, frames: range
) -> Difference | None:
    """The first difference anywhere when ``frames`` alone are played, from a reset on."""
    group = images[frames.start : frames.stop][None]
    played = simulation.replay(group, gap=run.gap, stall=run.stall, seed=SEED)
    return replay_differences(
        simulation.points, simulation.design.graph.output, played, model.trace(group[0]), frames
    )[0]


def narrow(
    run: RtlRun, model: GoldenModel, simulation: RtlSimulation, images: Images, image: int
) -> None:
    """Find the fewest images around ``image`` that show a difference; fill in ``run``.

    First the image alone, then with the one before it, the one behind it, both; then with ever
    more before it, back to where the batch it was played in began.
    """
    begin = image // BATCH * BATCH
    end = min(begin + BATCH, len(images), image + 2)
    tried: set[range] = set()

    def differs(start: int, stop: int) -> bool:
        frames = range(max(start, begin), min(stop, end))
        if frames in tried:
            return False
        tried.add(frames)
        difference = replay(run, model, simulation, images, frames)
        if difference is not None:
            run.difference, run.frames = difference, frames
        return difference is not None

    if any(differs(image - a, image + b) for a, b in ((0, 1), (1, 1), (0, 2), (1, 2))):
        return
    before = 3
    while not differs(image - before, end):
        if image - before <= begin:
            return
        before = 2 * before + 1
    for fewer in range(before // 2 + 1, before):
        if differs(image - fewer, end):
            return


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
