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
Segment = tuple[float, float, float, float]  # x, y, x, y


@dataclass(frozen=True)
class Box:
    """A rectangle along the axes."""

    left: float
    bottom: float
    right: float
    top: float

    def nearest(self, x: float, y: float) -> tuple[float, float]:
        """The place in the box nearest to (x, y)."""
        return min(max(x, self.left), self.right), min(max(y, self.bottom), self.top)


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
        x, y = box.nearest(self.x, self.y)
        distance = math.hypot(x - self.x, y - self.y)
        if distance <= self.radius + LEADER:
            return None
        part = self.radius / distance
        return (self.x + part * (x - self.x), self.y + part * (y - self.y), x, y)


def place(
    labels: Sequence[Label], area: Box, taken: Iterable[Box] = (), lines: Iterable[Segment] = ()
) -> list[Box] | None:
    """A box in ``area`` for each label, or None if some label finds no place.

    Boxes keep off each other, off ``taken``, off all markers and off the lines that lead to other
    labels; ``lines`` are crossed only where that is much nearer.
    """
    found = [
        _Placing(labels, area, list(taken), list(lines)).run(order) for order in _orders(labels)
    ]
    whole = [each for each in found if each is not None]
    return min(whole, key=lambda each: each[0])[1] if whole else None


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


class _Placing:
    """One way of placing, label after label, then moved to better places one by one."""

    def __init__(
        self, labels: Sequence[Label], area: Box, taken: list[Box], lines: list[Segment]
    ) -> None:
        self.labels = labels
        markers = [
            Box(o.x - o.radius, o.y - o.radius, o.x + o.radius, o.y + o.radius) for o in labels
        ]
        self.markers = _array(markers)
        self.taken = np.concatenate([self.markers, _array(taken)])
        self.lines = np.array(lines, dtype=np.float64).reshape(-1, 4)
        self.candidates = [_candidates(label, area, self.taken) for label in labels]
        self.boxes: dict[int, Box] = {}
        self.leaders: dict[int, Segment] = {}

    def run(self, order: Sequence[int]) -> tuple[float, list[Box]] | None:
        total = 0.0
        for index in order:
            if self._put(index) is None:
                return None
        for _ in range(ROUNDS):
            total = 0.0
            for index in order:
                del self.boxes[index]
                self.leaders.pop(index, None)
                cost = self._put(index)
                assert cost is not None  # where it was is still free
                total += cost
        return total, [self.boxes[index] for index in range(len(self.labels))]

    def _put(self, index: int) -> float | None:
        """Place a label at its cheapest free place; the cost, None without one."""
        label, (boxes, leaders, costs) = self.labels[index], self.candidates[index]
        others = _array(list(self.boxes.values()))
        drawn = np.array(list(self.leaders.values()), dtype=np.float64).reshape(-1, 4)
        free = ~(
            _overlaps(boxes, others).any(axis=1)
            | _crosses(drawn, boxes, GAP).any(axis=0)
            | _crosses(leaders, others, GAP).any(axis=1)
        )
        if not free.any():
            return None
        rest = np.delete(self.markers, index, axis=0)
        costs = costs + 60 * _crosses(leaders, rest, 1).sum(axis=1)
        costs = costs + 80 * _cut(leaders, drawn).sum(axis=1)
        costs = costs + 25 * _crosses(self.lines, boxes, 1).any(axis=0)
        best = int(np.argmin(np.where(free, costs, np.inf)))
        box = Box(*boxes[best].tolist())
        self.boxes[index] = box
        if (leader := label.leader(box)) is not None:
            self.leaders[index] = leader
        return float(costs[best])


def _candidates(label: Label, area: Box, taken: Reals) -> tuple[Reals, Reals, Reals]:
    """Boxes (n, 4) in ``area`` off ``taken``, leaders (n, 4; nan without one) and costs (n,)."""
    angles = 2 * np.pi * np.arange(ANGLES) / ANGLES
    radii = np.array(RADII, dtype=np.float64)[:, None] + label.radius
    across, up = np.cos(angles), np.sin(angles)
    across, up = np.where(abs(across) < 1e-9, 0, across), np.where(abs(up) < 1e-9, 0, up)
    side = np.clip(2.5 * across, -1, 1)  # 1: the text begins at the place, -1: it ends there
    x = label.x + radii * across + side * label.width / 2
    y = label.y + radii * up + up * label.height / 2
    half, high = label.width / 2, label.height / 2
    boxes = np.stack([x - half, y - high, x + half, y + high], axis=-1).reshape(-1, 4)
    preferred = 2 * (1 - across) + np.where(up < 0, 1, 0)  # right before left, above before below
    costs = (radii + preferred).reshape(-1)
    inside = (boxes[:, :2] >= (area.left, area.bottom)).all(axis=1)
    inside &= (boxes[:, 2:] <= (area.right, area.top)).all(axis=1)
    keep = inside & ~_overlaps(boxes, taken).any(axis=1)
    boxes, costs = boxes[keep], costs[keep]
    lines = [label.leader(Box(*box.tolist())) or (math.nan,) * 4 for box in boxes]
    return boxes, np.array(lines, dtype=np.float64).reshape(-1, 4), costs


def _array(boxes: Sequence[Box]) -> Reals:
    rows = [(box.left, box.bottom, box.right, box.top) for box in boxes]
    return np.array(rows, dtype=np.float64).reshape(-1, 4)


def _overlaps(boxes: Reals, others: Reals) -> npt.NDArray[np.bool_]:
    """(n, m): box n is nearer than ``GAP`` to other m."""
    a, b = boxes[:, None], others[None]
    low = (a[..., :2] < b[..., 2:] + GAP).all(axis=-1)
    return np.asarray(low & (a[..., 2:] + GAP > b[..., :2]).all(axis=-1))


def _crosses(segments: Reals, boxes: Reals, margin: float) -> npt.NDArray[np.bool_]:
    """(n, m): segment n runs through box m, widened by ``margin``; nan crosses nothing."""
    start, way = segments[:, None, :2], (segments[:, 2:] - segments[:, :2])[:, None]
    way = np.where(way == 0, 1e-12, way)
    first = (boxes[None, :, :2] - margin - start) / way
    second = (boxes[None, :, 2:] + margin - start) / way
    enter = np.minimum(first, second).max(axis=-1)
    leave = np.maximum(first, second).min(axis=-1)
    return np.asarray(np.maximum(enter, 0) < np.minimum(leave, 1))


def _cut(segments: Reals, others: Reals) -> npt.NDArray[np.bool_]:
    """(n, m): segments n and m cross; nan crosses nothing."""
    a, b = segments[:, None, :2], segments[:, None, 2:]
    c, d = others[None, :, :2], others[None, :, 2:]

    def side(p: Reals, q: Reals, r: Reals) -> Reals:
        (px, py), (qx, qy), (rx, ry) = (np.moveaxis(v, -1, 0) for v in (p, q, r))
        return np.asarray((qx - px) * (ry - py) - (qy - py) * (rx - px))

    return np.asarray((side(a, b, c) * side(a, b, d) < 0) & (side(c, d, a) * side(c, d, b) < 0))
