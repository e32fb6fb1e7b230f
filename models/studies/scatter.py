"""Figures of points in a plane: Pareto fronts and curves over sparsity, labels kept apart.

``figures.py`` passes these on; what holds for all figures is said there.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...codegen.errors import UserError
from .drawing import (
    GREY,
    SMALL,
    Record,
    Style,
    figure,
    legend,
    log_ticks,
    look,
    number,
    save,
    size,
    some,
    span,
    ticks,
)
from .label_places import Box, Label, place

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARK = 3.6  # points: half of a marker
EDGE = 4.0  # points between a label and the axes
TRIES = 8  # heights, each a quarter more than the one before
Place = tuple[float, float]


def front(points: Sequence[Place]) -> list[int]:
    """Indices of the (x, y) that no other beats with less x and more y, by rising x.

    Equal points are all in it.
    """
    kept: list[int] = []
    for index in sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1], i)):
        best = points[kept[-1]] if kept else None
        if best is None or points[index][1] > best[1] or points[index] == best:
            kept.append(index)
    return kept


def pareto(
    points: Sequence[Record], path: Path, xlabel: str, ylabel: str, log: bool = False
) -> None:
    """Points by group, each with its label, and the front of least x and greatest y as steps.

    ``points``: {"group", "label", "x", "y"} and perhaps "error", drawn up and down from y; ``log``:
    of x. The figure grows in height until all labels have a place.
    """
    some(points, "points", "group", "label")
    places = [_point(row, log) for row in points]
    errors = [size(row, "error", f"point {row['label']!r}") for row in points]
    texts = [str(row["label"]) for row in points]
    for attempt in range(TRIES):
        with figure(max(4.6, 2 + 0.14 * len(points)) * 1.25**attempt) as fig:
            axes = fig.subplots()
            _axes(axes, places, errors, log)
            axes.set(xlabel=xlabel, ylabel=ylabel)
            steps = _steps([places[index] for index in front(places)], axes.get_xlim()[1])
            xs, ys = zip(*steps, strict=True)
            way: Style = {"color": GREY, "linewidth": 1, "gid": "front"}
            axes.plot(xs, ys, **way, label="best at this cost", zorder=1)
            _groups(axes, points, places, errors)
            legend(fig, axes)
            if _label(fig, axes, texts, places, errors, [steps]):
                save(fig, path)
                return
    raise UserError(f"figure: no room for the labels of {len(points)} points; draw fewer")


def _steps(best: Sequence[Place], right: float) -> list[Place]:
    """The way along the front ``best``: to the right, then up, and on to ``right``."""
    ends = [*(x for x, _ in best[1:]), right]
    return [each for (x, y), end in zip(best, ends, strict=True) for each in ((x, y), (end, y))]


def _point(row: Record, log: bool) -> Place:
    where = f"point {row['label']!r}"
    x, y = number(row, "x", where), number(row, "y", where)
    if log and x <= 0:
        raise UserError(f"figure, {where}: x is {x:g}, a logarithmic axis needs more than 0")
    return x, y


def _axes(axes: Axes, places: Sequence[Place], errors: Sequence[float], log: bool) -> None:
    """Scale, limits, ticks and grid for these points."""
    xs = [x for x, _ in places]
    ends = [
        y + sign * error for (_, y), error in zip(places, errors, strict=True) for sign in (-1, 1)
    ]
    if log:
        axes.set_xscale("log")
    low, high = span(xs, 0.08, log)
    axes.set_xlim(low, high)
    axes.set_ylim(*span(ends, 0.08))
    if log:
        log_ticks(axes.xaxis, low, high)
    else:
        ticks(axes.xaxis)
    ticks(axes.yaxis)
    axes.grid()


def _groups(
    axes: Axes, rows: Sequence[Record], places: Sequence[Place], errors: Sequence[float]
) -> None:
    """Markers and error bars, a look for each group."""
    names = [str(row["group"]) for row in rows]
    for index, group in enumerate(dict.fromkeys(names)):
        shown = look(index)
        mine = [each for each, name in enumerate(names) if name == group]
        for each in mine:
            if errors[each]:
                (x, y), error = places[each], errors[each]
                axes.plot([x, x], [y - error, y + error], color=shown.colour, linewidth=1, zorder=2)
        xs, ys = zip(*(places[each] for each in mine), strict=True)
        style: Style = {"color": shown.colour, "marker": shown.marker, "markersize": 2 * MARK - 1}
        style |= {"gid": f"group-{index}", "label": group, "zorder": 3}
        axes.plot(xs, ys, linestyle="none", **style)


def _label(
    fig: Figure,
    axes: Axes,
    texts: Sequence[str],
    places: Sequence[Place],
    errors: Sequence[float],
    lines: Sequence[Sequence[Place]],
) -> bool:
    """Write the labels where they hide nothing, ``lines`` least of all; False without room."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    fig.draw_without_rendering()
    fig.set_layout_engine("none")
    ruler, font = TextToPath(), FontProperties(family="DejaVu Sans", size=SMALL)

    def pixels(x: float, y: float) -> Place:
        found = axes.transData.transform((x, y))
        return float(found[0]), float(found[1])

    labels, bars = [], []
    for text, (x, y), error in zip(texts, places, errors, strict=True):
        width, height, _ = ruler.get_text_width_height_descent(text, font, ismath=False)
        across, up = pixels(x, y)
        labels.append(Label(across, up, MARK, width, height))
        bars.append(Box(across, pixels(x, y - error)[1], across, pixels(x, y + error)[1]))
    corners = [[pixels(*each) for each in line] for line in lines]
    segments = [(*a, *b) for line in corners for a, b in itertools.pairwise(line)]
    left, bottom, right, top = map(float, axes.bbox.extents)
    area = Box(left + EDGE, bottom + EDGE, right - EDGE, top - EDGE)
    found = place(labels, area, bars, segments)
    if found is None:
        return False
    back = axes.transData.inverted().transform
    for index, (text, label, box) in enumerate(zip(texts, labels, found, strict=True)):
        across, up = back((box.left, (box.bottom + box.top) / 2))
        style: Style = {"fontsize": SMALL, "ha": "left", "va": "center", "zorder": 4}
        behind = {"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.75}
        axes.text(across, up, text, **style, bbox=behind, gid=f"label-{index}")
        leader = label.leader(box)
        if leader is not None:
            (x, y), (u, v) = back(leader[:2]), back(leader[2:])
            axes.plot([x, u], [y, v], color=GREY, linewidth=0.6, zorder=2, gid=f"leader-{index}")
    return True


def sparsity_curves(rows: Sequence[Record], path: Path) -> None:
    """Accuracy over sparsity, a curve for each group.

    ``rows``: {"group", "label", "x", "y"}, x the sparsity 0..1, y the accuracy 0..1, in any order;
    a label that isn't empty is written beside its point.
    """
    some(rows, "rows", "group")
    places: list[Place] = []
    curves: list[list[Place]] = []
    for row in rows:
        where = f"{row['group']}, {row.get('label', '')!r}"
        x, y = number(row, "x", where), number(row, "y", where)
        if not (0 <= x <= 1 and 0 <= y <= 1):
            raise UserError(f"figure, {where}: sparsity {x:g}, accuracy {y:g}; both are 0..1")
        places.append((100 * x, 100 * y))
    with figure(4.6) as fig:
        axes = fig.subplots()
        _axes(axes, places, [0.0] * len(rows), False)
        axes.set_xlim(-3, max(20, *(x for x, _ in places)) + 5)
        for index, group in enumerate(dict.fromkeys(str(row["group"]) for row in rows)):
            pairs = zip(rows, places, strict=True)
            mine = sorted(each for row, each in pairs if str(row["group"]) == group)
            xs, ys = zip(*mine, strict=True)
            curves.append(mine)
            axes.plot(xs, ys, **look(index).line, label=group, gid=f"group-{index}")
        axes.set(xlabel="weights that are zero, %", ylabel="test accuracy, %")
        legend(fig, axes)
        named = [index for index, row in enumerate(rows) if row.get("label")]
        texts, spots = [str(rows[i]["label"]) for i in named], [places[i] for i in named]
        if texts and not _label(fig, axes, texts, spots, [0.0] * len(texts), curves):
            raise UserError(f"figure: no room for {len(texts)} labels; leave some empty")
        save(fig, path)
