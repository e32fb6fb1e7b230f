"""Places for labels beside points so that nothing overlaps: geometry alone, no drawing.

Input: points, sizes of their labels and what is taken; output: a box for each label. Lengths are
pixels, y grows upwards. The same input gives the same places.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

GAP = 2.0  # between two labels, and between a label and what is taken
LEADER = 5.0  # a label farther than this from its marker gets a line to it
RADII = (1, 3, 6, 10, 15, 21, 28, 36, 46, 58, 72, 90, 110, 135, 165, 200, 240, 290, 350, 420)
ANGLES = 24
ROUNDS = 4  # of moving single labels to better places

Reals = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Segment = tuple[float, float, float, float]  # x, y, x, y


@dataclass(frozen=True)
class Box:
    """A rectangle along the axes."""

    left: float
    bottom: float
    right: float
    top: float


@dataclass(frozen=True)
class Label:
    """A label to place: its point, the radius of the point's marker, the size of the text."""

    x: float
    y: float
    radius: float
    width: float
    height: float

    def leader(self, box: Box) -> Segment | None:
        """The line from the marker to ``box``, None if that is near enough without one."""
        line = _leaders(self, _array([box]))[0]
        return None if np.isnan(line).any() else (line[0], line[1], line[2], line[3])


def place(
    labels: Sequence[Label], area: Box, taken: Iterable[Box] = (), lines: Iterable[Segment] = ()
) -> list[Box] | None:
    """A box in ``area`` for each label, or None if some label finds no place.

    Boxes keep off each other, off ``taken`` and off all markers. They are near their points, and
    cross ``lines`` and the lines that lead to other labels only where all else is far away.
    """
    blocked = np.concatenate([_markers(labels), _array(list(taken))])
    candidates = [_candidates(label, area, blocked, list(lines)) for label in labels]
    found = [_Placing(labels, candidates).run(order) for order in _orders(labels)]
    whole = [each for each in found if each is not None]
    return min(whole, key=lambda each: each[0])[1] if whole else None


def _markers(labels: Sequence[Label]) -> Reals:
    """The boxes of the markers, (n, 4)."""
    return _array(
        [Box(o.x - o.radius, o.y - o.radius, o.x + o.radius, o.y + o.radius) for o in labels]
    )


def _orders(labels: Sequence[Label]) -> list[list[int]]:
    """Orders in which to place: crowded points first, and from each side."""

    def crowd(index: int) -> int:
        label = labels[index]
        return sum(abs(o.x - label.x) < 90 and abs(o.y - label.y) < 30 for o in labels)

    every = range(len(labels))
    return [
        sorted(every, key=lambda i: (-crowd(i), labels[i].x, labels[i].y, i)),
        sorted(every, key=lambda i: (labels[i].x, -labels[i].y, i)),
        sorted(every, key=lambda i: (-labels[i].y, labels[i].x, i)),
        sorted(every, key=lambda i: (labels[i].y, -labels[i].x, i)),
    ]


@dataclass(frozen=True, eq=False)
class _Candidates:
    """Places of one label: boxes (n, 4), lines to them (n, 4; nan without one), costs (n,)."""

    boxes: Reals
    leaders: Reals
    costs: Reals


class _Placing:
    """One way of placing, label after label, then moved to better places one by one."""

    def __init__(self, labels: Sequence[Label], candidates: Sequence[_Candidates]) -> None:
        self.candidates = candidates
        self.boxes = np.full((len(labels), 4), np.nan)  # nan: not placed, touches nothing
        self.leaders = np.full((len(labels), 4), np.nan)

    def run(self, order: Sequence[int]) -> tuple[float, list[Box]] | None:
        """The cost and the boxes, None if a label has no place."""
        for index in order:
            if math.isinf(self._put(index)):
                return None
        total = math.inf
        for _ in range(ROUNDS):
            before, total = total, sum(self._put(index) for index in order)
            if total >= before:
                break
        return total, [Box(*row) for row in self.boxes.tolist()]

    def _put(self, index: int) -> float:
        """Move a label to its cheapest free place; the cost, infinite without one."""
        mine = self.candidates[index]
        self.boxes[index] = self.leaders[index] = np.nan
        costs = mine.costs + 80 * _cut(mine.leaders, self.leaders).sum(axis=1)
        costs += 150 * _crosses(mine.leaders, self.boxes, GAP).sum(axis=1)
        costs += 150 * _crosses(self.leaders, mine.boxes, GAP).sum(axis=0)
        costs[_overlaps(mine.boxes, self.boxes).any(axis=1)] = np.inf
        if not len(costs):
            return math.inf
        best = int(np.argmin(costs))
        self.boxes[index], self.leaders[index] = mine.boxes[best], mine.leaders[best]
        return float(costs[best])


def _candidates(label: Label, area: Box, taken: Reals, lines: list[Segment]) -> _Candidates:
    """Places around the point at rising distances, then all over ``area``; those off ``taken``."""
    half, high = label.width / 2, label.height / 2
    angles = 2 * np.pi * np.arange(ANGLES) / ANGLES
    radii = np.array(RADII, dtype=np.float64)[:, None] + label.radius
    across, up = np.round(np.cos(angles), 9), np.round(np.sin(angles), 9)
    side = np.clip(2.5 * across, -1, 1)  # 1: the text begins at the place, -1: it ends there
    columns = np.arange(area.left + half, area.right, max(half, 20.0))
    rows = np.arange(area.bottom + high, area.top, label.height + GAP)
    grid = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
    x = np.concatenate([(label.x + radii * across + side * half).ravel(), grid[:, 0]])
    y = np.concatenate([(label.y + radii * up + up * high).ravel(), grid[:, 1]])
    boxes = np.stack([x - half, y - high, x + half, y + high], axis=-1)
    inside = (boxes[:, 0] >= area.left) & (boxes[:, 1] >= area.bottom)
    inside &= (boxes[:, 2] <= area.right) & (boxes[:, 3] <= area.top)
    boxes = boxes[inside]
    boxes = boxes[~_overlaps(boxes, taken).any(axis=1)]
    x, y = _near(label, boxes)
    costs = np.hypot(x - label.x, y - label.y)
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    costs += 3 * (middle[:, 0] < label.x) + (middle[:, 1] < label.y)  # right and above are better
    leaders = _leaders(label, boxes)
    own = _overlaps(_markers([label]), taken)[0]
    costs += 40 * _crosses(leaders, taken[~own], 1).sum(axis=1)
    costs += 60 * _crosses(np.array(lines, dtype=np.float64).reshape(-1, 4), boxes, 1).any(axis=0)
    return _Candidates(boxes, leaders, costs)


def _near(label: Label, boxes: Reals) -> tuple[Reals, Reals]:
    """The place in each box nearest to the point."""
    x = np.clip(label.x, boxes[:, 0], boxes[:, 2])
    return x, np.clip(label.y, boxes[:, 1], boxes[:, 3])


def _leaders(label: Label, boxes: Reals) -> Reals:
    """(n, 4): lines from the marker to the boxes, nan where none is needed."""
    x, y = _near(label, boxes)
    distance = np.hypot(x - label.x, y - label.y)
    part = label.radius / np.maximum(distance, 1e-9)
    start = label.x + part * (x - label.x), label.y + part * (y - label.y)
    lines = np.stack([*start, x, y], axis=-1)
    return np.where((distance > label.radius + LEADER)[:, None], lines, np.nan)


def _array(boxes: Sequence[Box]) -> Reals:
    rows = [(box.left, box.bottom, box.right, box.top) for box in boxes]
    return np.array(rows, dtype=np.float64).reshape(-1, 4)


def _overlaps(boxes: Reals, others: Reals) -> Flags:
    """(n, m): box n is nearer than ``GAP`` to other m; nan touches nothing."""
    left, bottom, right, top = boxes.T[:, :, None]
    found = (left < others[:, 2] + GAP) & (right > others[:, 0] - GAP)
    return np.asarray(found & (bottom < others[:, 3] + GAP) & (top > others[:, 1] - GAP))


def _crosses(segments: Reals, boxes: Reals, margin: float) -> Flags:
    """(n, m): segment n runs through box m, widened by ``margin``; nan crosses nothing."""
    enter, leave = np.zeros((2, len(segments), len(boxes)))
    leave += 1
    for axis in (0, 1):
        start, way = segments[:, axis, None], segments[:, axis + 2, None] - segments[:, axis, None]
        way = np.where(way == 0, 1e-12, way)
        first = (boxes[:, axis] - margin - start) / way
        second = (boxes[:, axis + 2] + margin - start) / way
        enter = np.maximum(enter, np.minimum(first, second))
        leave = np.minimum(leave, np.maximum(first, second))
    return np.asarray(enter < leave)


def _cut(segments: Reals, others: Reals) -> Flags:
    """(n, m): segments n and m cross; nan crosses nothing."""
    ax, ay, bx, by = segments.T[:, :, None]
    cx, cy, dx, dy = others.T
    first = ((bx - ax) * (cy - ay) - (by - ay) * (cx - ax)) * (
        (bx - ax) * (dy - ay) - (by - ay) * (dx - ax)
    )
    second = ((dx - cx) * (ay - cy) - (dy - cy) * (ax - cx)) * (
        (dx - cx) * (by - cy) - (dy - cy) * (bx - cx)
    )
    return np.asarray((first < 0) & (second < 0))
