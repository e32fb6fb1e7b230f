"""The smallest input that still fails: fewest non-zero pixels found, then smallest pixel values.

Input: frames that fail and a predicate that judges many candidates at once. Output: frames of the
same shape. Delta debugging, a batch of candidates a step; it knows no simulator. The same input
and predicate give the same result, unless the time runs out.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Frames = npt.NDArray[np.uint8]  # (frames, *shape): what is played together
Fails = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.bool_]]  # (n, frames, *shape) -> (n,)

MOST_CANDIDATES = 4000
BATCH = 48  # candidates judged at once
SINGLE_PIXEL_PLACES = 1024  # every place is tried alone, up to so many


@dataclass(frozen=True)
class Minimised:
    """``frames`` fail; ``tried`` candidates were judged.

    ``finished``: no pixel can be blackened alone so that it still fails, and no smaller value
    that was tried does; False if time or candidates ran out before that was shown.
    """

    frames: Frames
    tried: int
    finished: bool

    @property
    def pixels(self) -> int:
        """How many values are not zero."""
        return int(np.count_nonzero(self.frames))


class _OutOfBudget(Exception):
    """No more candidates, or no more time."""


@dataclass
class _Search:
    fails: Fails
    best: Frames
    seconds: float
    most: int
    tried: int = 0
    started: float = field(default_factory=lambda: time.monotonic())

    def judge(self, candidates: list[Frames]) -> list[int]:
        """The indices of the candidates that fail."""
        found: list[int] = []
        for start in range(0, len(candidates), BATCH):
            part = candidates[start : start + BATCH][: self.most - self.tried]
            if not part or time.monotonic() - self.started > self.seconds:
                raise _OutOfBudget
            self.tried += len(part)
            found += [start + int(i) for i in np.flatnonzero(self.fails(np.stack(part)))]
        return found

    def first(self, candidates: list[Frames]) -> bool:
        """Make the first candidate that fails the best; judge no batch behind it."""
        for start in range(0, len(candidates), BATCH):
            part = candidates[start : start + BATCH]
            failing = self.judge(part)
            if failing:
                self.best = part[failing[0]]
                return True
        return False

    def lit(self) -> npt.NDArray[np.int64]:
        """Flat indices of the non-zero values."""
        return np.flatnonzero(self.best)

    def with_values(self, places: npt.NDArray[np.int64], values: Frames | int) -> Frames:
        """The best with other values at the flat indices ``places``."""
        changed = self.best.copy()
        changed.reshape(-1)[places] = values
        return changed


def minimise(
    frames: Frames,
    fails: Fails,
    *,
    seconds: float = 30.0,
    most: int = MOST_CANDIDATES,
) -> Minimised:
    """Reduce ``frames`` (frames, *shape), which fail, in at most ``seconds`` and ``most`` trials.

    A batch under way is finished, so it may take a little longer.
    """
    search = _Search(fails, frames.copy(), seconds, most)
    finished = True
    try:
        _fewer_pixels(search)
        while _smaller_values(search) and _one_less(search):
            pass
    except _OutOfBudget:
        finished = False
    return Minimised(search.best, search.tried, finished)


def _fewer_pixels(search: _Search) -> None:
    """Delta debugging: keep one chunk of the lit pixels, else drop chunks; ever smaller ones."""
    if search.first([np.zeros_like(search.best)]):
        return
    chunks = 2
    while (lit := search.lit()).size > 1:
        chunks = min(chunks, lit.size)
        parts = np.array_split(lit, chunks)
        if chunks < lit.size and search.first(
            [search.with_values(np.setdiff1d(lit, part), 0) for part in parts]
        ):
            chunks = 2
            continue
        droppable = search.judge([search.with_values(part, 0) for part in parts])
        if droppable:
            _drop(search, [parts[index] for index in droppable])
            chunks = max(chunks - len(droppable), 2)
        elif chunks == lit.size:
            break
        else:
            chunks *= 2
    _single_pixel(search)


def _drop(search: _Search, parts: list[npt.NDArray[np.int64]]) -> None:
    """Each part can be dropped alone: drop as many together as still fails, at least one."""
    count = len(parts)
    while count > 1:
        if search.first([search.with_values(np.concatenate(parts[:count]), 0)]):
            return
        count //= 2
    search.best = search.with_values(parts[0], 0)


def _single_pixel(search: _Search) -> None:
    """Delta debugging may end in several pixels where one elsewhere does: try every place."""
    size = search.best.size
    if search.lit().size <= 1 or size > SINGLE_PIXEL_PLACES:
        return
    black = np.zeros_like(search.best)
    candidates = []
    for place in [*search.lit(), *np.flatnonzero(search.best == 0)]:
        candidate = black.copy()
        candidate.reshape(-1)[place] = 255
        candidates.append(candidate)
    search.first(candidates)


def _one_less(search: _Search) -> bool:
    """Blacken single pixels as long as it still fails; whether there was one."""
    found = False
    while search.first([search.with_values(np.array([place]), 0) for place in search.lit()]):
        found = True
    return found


def _smaller_values(search: _Search) -> bool:
    """Each lit pixel in turn: a smaller value that still fails; again until none changes.

    Returns whether any did.
    """
    any_changed, changed = False, True
    while changed:
        changed = False
        for place in search.lit():
            value = int(search.best.reshape(-1)[place])
            where = np.array([place])
            steps = sorted({1, *(value * i // 16 for i in range(1, 16)), value - 1} - {0, value})
            if search.first([search.with_values(where, step) for step in steps]):
                changed = any_changed = True
                now = int(search.best.reshape(-1)[place])
                below = max((step for step in steps if step < now), default=0)
                search.first([search.with_values(where, v) for v in range(below + 1, now)])
    return any_changed
