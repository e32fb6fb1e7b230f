"""From a difference to the smallest failing input, written as a stand-alone test.

Input: an emitted package, the images, a report of ``verification``. Output: a folder per stage
that differs, and a ``Failure`` that says what is in it. The search itself is ``minimise.py``'s.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..codegen.emit_failure import RUNNER, Failing, emit
from ..codegen.errors import UserError
from . import csim
from .golden import GoldenModel
from .locate import Difference, replay_differences
from .minimise import Minimised, minimise
from .package import KEPT, Package, banner
from .placing import replace, scratch_for
from .rtl import RtlSimulation
from .rtl_check import SEED, Images
from .verification import Report, StageResult, csim_differences, plain

FOLDER = "failure"  # in the emitted folder


@dataclass(frozen=True)
class Failure:
    """A written test: where, what differs for its input, and how the input was found."""

    stage: str
    folder: Path
    difference: Difference
    search: Minimised

    def __str__(self) -> str:
        frames, values = len(self.search.frames), self.search.frames.size
        what = "image" if frames == 1 else f"row of {frames} images"
        return (
            f"{self.stage}: smallest failing {what} found: {self.search.pixels} of {values} values "
            f"not zero, {self.search.tried} candidates tried; run: python {self.folder / RUNNER}"
        )


def failure_json(failure: Failure) -> dict[str, Any]:
    """A failure as plain data."""
    return {
        "stage": failure.stage,
        "folder": str(failure.folder),
        "frames": len(failure.search.frames),
        "values": failure.search.frames.size,
        "not_zero": failure.search.pixels,
        "candidates": failure.search.tried,
        "finished": failure.search.finished,
        "difference": plain(failure.difference),
    }


def write_failures(
    package: Package, images: Images, report: Report, out: Path, *, seconds: float
) -> list[Failure]:
    """Write ``out/<stage>`` for every stage of ``report`` with a difference.

    ``images`` are those of the report. The input of each is made smaller for ``seconds``; 0: it
    is written as it is. ``UserError`` if ``out`` can't be written or holds other files.
    """
    return [
        _write(package, images[stage.frames.start : stage.frames.stop], stage, out, seconds)
        for stage in report.stages
        if stage.difference is not None and stage.frames
    ]


def _write(
    package: Package, frames: Images, stage: StageResult, out: Path, seconds: float
) -> Failure:
    model = GoldenModel(package.design.graph)
    assert stage.difference is not None
    judge = _CppJudge(package, model) if stage.name == "csim" else _RtlJudge(package, model)
    place = stage.difference.layer, stage.difference.part

    def fails(candidates: npt.NDArray[np.uint8], fresh: bool = False) -> npt.NDArray[np.bool_]:
        found = judge.differences(candidates, fresh)
        return np.array([d is not None and (d.layer, d.part) == place for d in found])

    found = Minimised(frames, 0, False)
    if seconds > 0:
        found = minimise(frames, fails, seconds=seconds)
        if not fails(found.frames[None], fresh=True)[0]:
            # memories remembered a candidate before it: each one in a process of its own
            found = minimise(frames, lambda some: fails(some, fresh=True), seconds=seconds)
    difference = judge.differences(found.frames[None], True)[0]
    assert difference is not None
    failure = Failure(stage.name, out / stage.name, difference, found)
    _place(package, model, failure)
    return failure


class _CppJudge:
    """Differences of the C++, an image a candidate."""

    def __init__(self, package: Package, model: GoldenModel) -> None:
        self.binary = csim.compile(package.folder, trace=True)
        self.model = model

    def differences(
        self, candidates: npt.NDArray[np.uint8], fresh: bool
    ) -> list[Difference | None]:
        images = candidates[:, 0]
        found = None if fresh else csim_differences(self.binary, self.model, images)
        if found is None:  # it stopped: one process an image
            each = (csim_differences(self.binary, self.model, one[None]) for one in images)
            return [None if one is None else one[0] for one in each]
        return found


class _RtlJudge:
    """Differences of the Verilog, a candidate's frames from a reset on."""

    def __init__(self, package: Package, model: GoldenModel) -> None:
        self.simulation = RtlSimulation(package.design, package.folder)
        self.model, self.timing = model, package.timing

    def differences(
        self, candidates: npt.NDArray[np.uint8], fresh: bool
    ) -> list[Difference | None]:
        patience = 4 * (self.timing.interval + self.timing.latency) + 1000
        played = self.simulation.replay(candidates, seed=SEED, fresh=fresh, patience=patience)
        golden = self.model.trace(candidates.reshape(-1, *candidates.shape[2:]))
        output = self.simulation.design.graph.output
        frames = range(candidates.shape[1])
        return replay_differences(self.simulation.points, output, played, golden, frames)


def _place(package: Package, model: GoldenModel, failure: Failure) -> None:
    """Write the folder as a whole or not at all; an older failure there is replaced."""
    target, found = failure.folder, failure.search
    _check_target(target)
    failing = Failing(
        stage=failure.stage,
        layer=failure.difference.layer,
        part=failure.difference.part,
        place=failure.difference.place,
        message=str(failure.difference),
        search=_search(found),
        images=found.frames,
        golden=model.trace(found.frames),
    )
    design = Path(os.path.relpath(package.folder.resolve(), target.resolve())).as_posix()
    try:
        with scratch_for(target) as scratch:
            emit(package.design, package.timing, banner(package.design), failing, design, scratch)
            replace(scratch, target, lambda: _check_target(target), KEPT)
    except OSError as error:
        raise UserError(f"{target}: {error.strerror}: choose another --failure-dir") from None


def _check_target(target: Path) -> None:
    if target.exists() and not (target / RUNNER).is_file():
        raise UserError(f"{target}: holds other files; choose another --failure-dir")


def _search(found: Minimised) -> str:
    if found.tried == 0:
        return "The input is one of the images compared, not made smaller."
    if found.finished:
        return (
            f"{found.tried} candidates were tried: no pixel can be made black alone so that it "
            "still fails, and no smaller value tried does."
        )
    return f"{found.tried} candidates were tried until the time ran out: smaller ones may exist."
