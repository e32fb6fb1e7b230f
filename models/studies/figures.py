"""The figures of the studies, each one SVG file; the same data give the same bytes.

Input: plain values, as the studies' JSON holds them; output: a file. Every function raises
``UserError`` for nothing to draw and for numbers that are not finite; then nothing is written.
How they look is said in ``drawing.py``, where labels go in ``label_places.py``.
"""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ...codegen.errors import UserError
from .drawing import (
    BLUE,
    GREY,
    LIGHT,
    SMALL,
    VERMILION,
    Look,
    figure,
    legend,
    log_ticks,
    look,
    number,
    plain,
    save,
    size,
    some,
    span,
    ticks,
)
from .label_places import Box, Label, Segment, place

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Record = Mapping[str, Any]
Style = dict[str, Any]
MAX_CLASSES = 20
HEIGHTS = (4.6, 5.4, 6.4, 7.6, 9.0, 11.0, 14.0)  # inches tried until all labels find a place
MARK = 3.6  # points: half of a marker


def training_curves(runs: Sequence[Record], path: Path) -> None:
    """Loss and validation accuracy by epoch.

    ``runs``: {"label", "epochs": [{"number", "loss", "validation_loss", "validation_accuracy"}]},
    accuracies 0..1. Loss of the training images is dotted; the axis is logarithmic where losses
    span a factor of ten.
    """
    some(runs, "runs")
    with figure(4.2) as fig:
        left, right = fig.subplots(1, 2)
        losses = []
        for index, run in enumerate(runs):
            where, shown = f"run {run['label']!r}", look(index)
            some(run["epochs"], f"epochs of {where}")
            keys = ("number", "loss", "validation_loss", "validation_accuracy")
            columns = [[number(each, key, where) for each in run["epochs"]] for key in keys]
            numbers, loss, validation, accuracy = columns
            losses += loss + validation
            dotted: Style = {"color": shown.colour, "linestyle": ":", "linewidth": 1.2}
            left.plot(numbers, loss, **dotted)
            left.plot(numbers, validation, **shown.line, label=str(run["label"]))
            right.plot(numbers, [100 * value for value in accuracy], **shown.line)
        left.plot([], [], color=GREY, linestyle=":", linewidth=1.2, label="training loss")
        if min(losses) > 0 and max(losses) >= 10 * min(losses):
            left.set_yscale("log")
            log_ticks(left.yaxis, min(losses), max(losses))
        else:
            ticks(left.yaxis)
        left.set_ylabel("loss")
        right.set_ylabel("validation accuracy, %")
        ticks(right.yaxis)
        for axes in (left, right):
            axes.set_xlabel("epoch")
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.grid(axis="y")
        legend(fig, left)
        save(fig, path)


def confusion(
    matrix: npt.ArrayLike, path: Path, classes: Sequence[str] | None = None, title: str = ""
) -> None:
    """Counts (true class, class found), written into their cells; zeros stay empty.

    The colour is logarithmic, so that single mistakes show beside a thousand right answers.
    ``classes``: names, the numbers from 0 where None; ``UserError`` for more than 20.
    """
    from matplotlib.colors import FuncNorm, LinearSegmentedColormap

    counts = _counts(matrix)
    names = [str(each) for each in (range(len(counts)) if classes is None else classes)]
    if len(names) != len(counts):
        raise UserError(f"figure, confusion: {len(names)} classes for {len(counts)} rows")
    with figure(1.2 + 0.42 * max(len(names), 6)) as fig:
        axes = fig.subplots()
        blues = LinearSegmentedColormap.from_list("counts", ["#ffffff", "#6baed6", "#08306b"])
        top = max(int(counts.max()), 1)
        norm = FuncNorm((np.log1p, np.expm1), vmin=0, vmax=top)
        axes.pcolormesh(counts, cmap=blues, norm=norm, edgecolors=LIGHT, linewidth=0.6)
        for (row, column), count in np.ndenumerate(counts):
            if count:
                colour = "white" if float(np.log1p(count) / np.log1p(top)) > 0.6 else "black"
                style: Style = {"ha": "center", "va": "center_baseline", "fontsize": SMALL}
                axes.text(column + 0.5, row + 0.5, str(count), color=colour, **style)
        longest = max(map(len, names))
        axes.set_xticks(np.arange(len(names)) + 0.5, names, rotation=40 if longest > 5 else 0)
        if longest > 5:
            for label in axes.get_xticklabels():
                label.set(ha="right", rotation_mode="anchor")
        axes.set_yticks(np.arange(len(names)) + 0.5, names)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.invert_yaxis()
        axes.set(xlabel="class found", ylabel="true class", title=title)
        save(fig, path)


def _counts(matrix: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """The matrix as integers, checked."""
    try:
        found = np.asarray(matrix, dtype=np.float64)
    except (TypeError, ValueError):
        raise UserError("figure, confusion: not a matrix of numbers") from None
    if found.ndim != 2 or found.shape[0] != found.shape[1] or not found.size:
        raise UserError(f"figure, confusion: shape {found.shape}, not a square matrix")
    if len(found) > MAX_CLASSES:
        raise UserError(f"figure, confusion: {len(found)} classes, at most {MAX_CLASSES}")
    if not np.isfinite(found).all() or (found < 0).any() or (found != np.round(found)).any():
        raise UserError("figure, confusion: counts must be whole numbers from 0")
    return found.astype(np.int64)


def front(points: Sequence[tuple[float, float]]) -> list[int]:
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
    some(points, "points")
    places = [_point(row, log) for row in points]
    errors = [size(row, "error", f"point {row['label']!r}") for row in points]
    texts = [str(row["label"]) for row in points]
    for height in HEIGHTS:
        with figure(height) as fig:
            axes = fig.subplots()
            _axes(axes, places, errors, log)
            axes.set(xlabel=xlabel, ylabel=ylabel)
            steps = [places[index] for index in front(places)]
            steps.append((axes.get_xlim()[1], steps[-1][1]))
            xs, ys = zip(*steps, strict=True)
            way: Style = {"drawstyle": "steps-post", "color": GREY, "linewidth": 1, "gid": "front"}
            axes.plot(xs, ys, **way, label="best at this cost", zorder=1)
            _groups(axes, points, places, errors)
            legend(fig, axes)
            if _label(fig, axes, texts, places, errors, steps) or height == HEIGHTS[-1]:
                save(fig, path)
                return


def _point(row: Record, log: bool) -> tuple[float, float]:
    where = f"point {row['label']!r}"
    x, y = number(row, "x", where), number(row, "y", where)
    if log and x <= 0:
        raise UserError(f"figure, {where}: x is {x:g}, a logarithmic axis needs more than 0")
    return x, y


def _axes(
    axes: Axes, places: Sequence[tuple[float, float]], errors: Sequence[float], log: bool
) -> None:
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
    axes: Axes,
    rows: Sequence[Record],
    places: Sequence[tuple[float, float]],
    errors: Sequence[float],
) -> None:
    """Markers and error bars, a look for each group."""
    for number_, group in enumerate(dict.fromkeys(str(row["group"]) for row in rows)):
        shown = look(number_)
        mine = [index for index, row in enumerate(rows) if str(row["group"]) == group]
        for index in mine:
            if errors[index]:
                (x, y), error = places[index], errors[index]
                axes.plot([x, x], [y - error, y + error], color=shown.colour, linewidth=1, zorder=2)
        _markers(axes, [places[index] for index in mine], shown, f"group-{number_}", group)


def _markers(
    axes: Axes, places: Sequence[tuple[float, float]], shown: Look, gid: str, label: str
) -> None:
    xs, ys = zip(*places, strict=True)
    style: Style = {"color": shown.colour, "marker": shown.marker, "markersize": 2 * MARK - 1}
    axes.plot(xs, ys, linestyle="none", **style, gid=gid, label=label, zorder=3)


def _label(
    fig: Figure,
    axes: Axes,
    texts: Sequence[str],
    places: Sequence[tuple[float, float]],
    errors: Sequence[float],
    steps: Sequence[tuple[float, float]] = (),
) -> bool:
    """Write the labels where they hide nothing; False if there is no room."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    fig.draw_without_rendering()
    fig.set_layout_engine("none")
    ruler, font = TextToPath(), FontProperties(family="DejaVu Sans", size=SMALL)

    def pixels(x: float, y: float) -> tuple[float, float]:
        found = axes.transData.transform((x, y))
        return float(found[0]), float(found[1])

    labels, bars = [], []
    for text, (x, y), error in zip(texts, places, errors, strict=True):
        width, height, _ = ruler.get_text_width_height_descent(text, font, ismath=False)
        across, up = pixels(x, y)
        labels.append(Label(across, up, MARK, width, height))
        bars.append(Box(across, pixels(x, y - error)[1], across, pixels(x, y + error)[1]))
    corners = [pixels(*each) for each in steps]
    lines: list[Segment] = []
    for (x, y), (u, v) in itertools.pairwise(corners):
        lines += [(x, y, u, y), (u, y, u, v)]
    area = Box(*map(float, axes.bbox.extents))
    found = place(labels, area, bars, lines)
    if found is None:
        return False
    back = axes.transData.inverted().transform
    for text, label, box in zip(texts, labels, found, strict=True):
        across, up = back((box.left, (box.bottom + box.top) / 2))
        axes.text(across, up, text, fontsize=SMALL, ha="left", va="center", zorder=4)
        leader = label.leader(box)
        if leader is not None:
            (x, y), (u, v) = back(leader[:2]), back(leader[2:])
            axes.plot([x, u], [y, v], color=GREY, linewidth=0.6, zorder=2)
    return True


def ablation_bars(rows: Sequence[Record], path: Path, xlabel: str) -> None:
    """A row for each result: its value as a dot with error bars, what was claimed as a diamond.

    ``rows``: {"label", "value"} and perhaps "error" (a standard deviation) and "claimed". Dots, not
    bars: values such as accuracies are compared far from 0, where a bar's length would mislead; the
    figure says so. The numbers stand at the right.
    """
    some(rows, "rows")
    labels = [textwrap.fill(str(row["label"]), 44) for row in rows]
    wheres = [f"row {row['label']!r}" for row in rows]
    values = [number(row, "value", where) for row, where in zip(rows, wheres, strict=True)]
    errors = [size(row, "error", where) for row, where in zip(rows, wheres, strict=True)]
    claims = {
        index: number(row, "claimed", wheres[index])
        for index, row in enumerate(rows)
        if row.get("claimed") is not None
    }
    digits = _digits([*values, *claims.values()])
    lines = sum(label.count("\n") + 1 for label in labels)
    with figure(1.3 + 0.27 * lines) as fig:
        axes = fig.subplots()
        places = range(len(rows))
        style: Style = {"color": BLUE, "marker": "o", "markersize": 6, "linestyle": "none"}
        name = "measured, with its standard deviation" if any(errors) else "measured"
        axes.errorbar(values, places, xerr=errors, **style, capsize=3, label=name, zorder=3)
        if claims:
            style = {"markeredgecolor": VERMILION, "markerfacecolor": "none", "marker": "D"}
            style |= {"markersize": 7, "markeredgewidth": 1.5, "linestyle": "none"}
            axes.plot(list(claims.values()), list(claims), **style, label="claimed", zorder=4)
        for index, (value, error) in enumerate(zip(values, errors, strict=True)):
            text = f"{value:,.{digits}f}" + (f" ± {error:,.{digits}f}" if error else "")
            text, right = text.replace("-", "−"), axes.get_yaxis_transform()
            axes.text(1.01, index, text, transform=right, fontsize=SMALL, va="center")
        axes.set_yticks(places, labels)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        ends = [v + s * e for v, e in zip(values, errors, strict=True) for s in (-1, 1)]
        low, high = span([*ends, *claims.values()], 0.05)
        axes.set_xlim(low, high)
        ticks(axes.xaxis)
        axes.grid()
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        begins = "" if low <= 0 <= high else "  (the axis does not begin at 0)"
        axes.set_xlabel(xlabel + begins)
        legend(fig, axes)
        save(fig, path)


def _digits(values: Sequence[float]) -> int:
    """Decimals that give the largest of ``values`` four digits."""
    largest = max(map(abs, values))
    return int(max(0, 3 - np.floor(np.log10(largest)))) if largest >= 1e-9 else 2


def sparsity_curves(rows: Sequence[Record], path: Path) -> None:
    """Accuracy over sparsity, a curve for each group.

    ``rows``: {"group", "label", "x", "y"}, x the sparsity 0..1, y the accuracy 0..1, in any order;
    a label that isn't empty is written beside its point.
    """
    some(rows, "rows")
    places = []
    for row in rows:
        where = f"{row['group']}, {row.get('label', '')!r}"
        x, y = number(row, "x", where), number(row, "y", where)
        if not (0 <= x <= 1 and 0 <= y <= 1):
            raise UserError(f"figure, {where}: sparsity {x:g}, accuracy {y:g}; both are 0..1")
        places.append((100 * x, 100 * y))
    with figure(4.6) as fig:
        axes = fig.subplots()
        _axes(axes, places, [0.0] * len(rows), False)
        for index, group in enumerate(dict.fromkeys(str(row["group"]) for row in rows)):
            pairs = zip(rows, places, strict=True)
            mine = sorted(each for row, each in pairs if str(row["group"]) == group)
            xs, ys = zip(*mine, strict=True)
            axes.plot(xs, ys, **look(index).line, label=group, gid=f"group-{index}")
        axes.set(xlabel="weights that are zero, %", ylabel="test accuracy, %")
        legend(fig, axes)
        named = [index for index, row in enumerate(rows) if row.get("label")]
        texts, spots = [str(rows[i]["label"]) for i in named], [places[i] for i in named]
        if texts:
            _label(fig, axes, texts, spots, [0.0] * len(texts))
        save(fig, path)


def weight_histogram(layers: Sequence[Record], path: Path) -> None:
    """How each layer's weights lie on the values their type can hold; counts are logarithmic.

    ``layers``: {"name", "values" or "counts" and "edges", "grid_low", "grid_high", "step"}.
    """
    some(layers, "layers")
    columns = min(2, len(layers))
    lines = -(-len(layers) // columns)
    with figure(0.5 + 1.9 * lines) as fig:
        grid = fig.subplots(lines, columns, squeeze=False)
        for axes in grid.flat[len(layers) :]:
            axes.remove()
        for layer, axes in zip(layers, grid.flat, strict=False):
            _histogram(axes, layer)
        save(fig, path)


def _histogram(axes: Axes, layer: Record) -> None:
    """One layer: the histogram, the representable values beneath."""
    where = f"layer {layer['name']!r}"
    low, high, step = (number(layer, key, where) for key in ("grid_low", "grid_high", "step"))
    if step <= 0 or low > high:
        raise UserError(f"figure, {where}: a grid from {low:g} to {high:g} by {step:g}")
    if "values" in layer:
        counts, edges = np.histogram(np.asarray(layer["values"], dtype=np.float64), bins=64)
    else:
        counts, edges = np.asarray(layer["counts"]), np.asarray(layer["edges"], dtype=np.float64)
    axes.set_yscale("log")
    axes.stairs(np.maximum(counts, 0.5), edges, baseline=0.5, fill=True, color=BLUE)
    axes.set_ylim(0.5, max(2.0, 2.0 * float(counts.max())))
    log_ticks(axes.yaxis, 1, max(2.0, float(counts.max())))
    least, most = float(edges[0]), float(edges[-1])
    axes.set_title(
        f"{layer['name']}: {plain(low)} to {plain(high)} by {plain(step)}, "
        f"{(most - least) / (high - low + step):.1%} used",
        loc="left",
        fontsize=SMALL,
    )
    left = np.floor(least / step) * step
    right = np.ceil(most / step) * step
    axes.set_xlim(left - 0.03 * (right - left), right + 0.03 * (right - left))
    axes.xaxis.set_visible(False)
    strip = axes.inset_axes((0, -0.16, 1, 0.14))
    strip.set_xlim(*axes.get_xlim())
    strip.set_yticks([])
    strip.spines[:].set_visible(False)
    values = np.arange(max(left, low), min(right, high) + step / 2, step)
    strip.vlines(values, 0, 1, color=VERMILION, linewidth=0.8)
    strip.set_ylim(0, 1)
    ticks(strip.xaxis, 6)
