"""The figures of the studies, each one SVG file; the same data give the same bytes.

Input: plain values, as the studies' JSON holds them; output: a file. Every function raises
``UserError`` for nothing to draw and for numbers that are not finite; then nothing is written.
How they look is said in ``drawing.py``, where labels go in ``label_places.py``.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from ...codegen.errors import UserError
from ...codegen.formats import FixedPoint
from .drawing import (
    BLUE,
    GREY,
    LIGHT,
    SMALL,
    VERMILION,
    Record,
    Style,
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
    whole_ticks,
)
from .scatter import pareto as pareto
from .scatter import sparsity_curves as sparsity_curves

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Reals = npt.NDArray[np.float64]
MAX_CLASSES = 20
MAX_LINES = 80  # values of a type that are drawn one by one
RIGHT = (0, 50, 80, 90, 95, 98, 99, 99.5, 99.8, 99.9, 99.95, 99.98, 99.99)  # %, ticks


class Described(Protocol):
    """What describes itself by name, as ``models.weight_use.WeightHistogram`` does."""

    def as_dict(self) -> dict[str, Any]:
        """The fields by name."""


def training_curves(runs: Sequence[Record], path: Path) -> None:
    """Loss and validation accuracy by epoch.

    ``runs``: {"label", "epochs": [{"number", "loss", "validation_loss", "validation_accuracy"}]},
    accuracies 0..1. Loss of the training images is dotted. Where losses, or the shares of wrong
    answers, span a factor of ten, their axis is logarithmic.
    """
    some(runs, "runs", "label", "epochs")
    with figure(4.2) as fig:
        left, right = fig.subplots(1, 2)
        losses: list[float] = []
        reached: list[float] = []
        ends: list[float] = []
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
            reached += [100 * value for value in accuracy]
            ends += [min(numbers), max(numbers)]
        left.plot([], [], color=GREY, linestyle=":", linewidth=1.2, label="training loss")
        if min(losses) > 0 and max(losses) >= 10 * min(losses):
            left.set_yscale("log")
            log_ticks(left.yaxis, min(losses), max(losses))
        else:
            ticks(left.yaxis)
        left.set_ylabel("loss")
        right.set_ylabel("validation accuracy, %")
        _accuracy_axis(right, reached)
        for axes in (left, right):
            axes.set_xlabel("epoch")
            whole_ticks(axes.xaxis, min(ends), max(ends))
            axes.set_xlim(min(ends) - 0.5, max(ends) + 0.5)
            axes.grid(axis="y")
        legend(fig, left)
        save(fig, path)


def _accuracy_axis(axes: Axes, reached: Sequence[float]) -> None:
    """Limits and ticks for percentages; their distance from 100 is logarithmic if it spans much."""
    wrong = [100 - value for value in reached]
    if min(wrong) < 0 or max(wrong) > 100:
        raise UserError("figure, training curves: an accuracy is outside 0..1")
    if not 0 < 10 * min(wrong) <= max(wrong):
        ticks(axes.yaxis)
        return
    axes.set_yscale("function", functions=(_nines, _percent))
    low, high = span(_nines(np.array([min(reached), max(reached)])).tolist(), 0.05)
    low, high = _percent(np.array([low, high])).tolist()
    axes.set_ylim(low, high)
    axes.set_yticks(shown := [each for each in RIGHT if low <= each <= high], map(plain, shown))
    axes.set_yticks([], minor=True)


def _nines(percent: Reals) -> Reals:
    """0, 1, 2, ... for 0, 90, 99, ... %."""
    return np.asarray(2 - np.log10(np.maximum(100 - percent, 1e-9)))


def _percent(nines: Reals) -> Reals:
    return np.asarray(100 - 10 ** (2 - nines))


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


def ablation_bars(rows: Sequence[Record], path: Path, xlabel: str) -> None:
    """A row for each result: its value as a dot with error bars, what was claimed as a diamond.

    ``rows``: {"label", "value"} and perhaps "error" (a standard deviation) and "claimed". Dots, not
    bars: values such as accuracies are compared far from 0, where a bar's length would mislead; the
    figure says so. The numbers stand at the right.
    """
    some(rows, "rows", "label")
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


def weight_histogram(layers: Sequence[Record | Described], path: Path) -> None:
    """How each layer's weights lie on the values their type can hold; counts are logarithmic.

    ``layers``: {"name", "values" or "counts" and "edges"} with the type as "type", such as Q4.4, or
    as "grid_low", "grid_high" and "step"; or ``WeightHistogram`` objects. The share of the range
    that is used is (largest - least weight) / (high - low + step).
    """
    records = [each if isinstance(each, Mapping) else each.as_dict() for each in layers]
    some(records, "layers", "name")
    columns = min(2, len(records))
    lines = -(-len(records) // columns)
    with figure(0.7 + 2.0 * lines) as fig:
        grid = fig.subplots(lines, columns, squeeze=False)
        for axes in grid.flat[len(records) :]:
            axes.remove()
        for record, axes in zip(records, grid.flat, strict=False):
            _histogram(axes, record)
        fig.suptitle(
            "weights, counted logarithmically; beneath: the values their type can hold; "
            "hatched: outside its range",
            fontsize=SMALL,
            color=GREY,
        )
        save(fig, path)


def _histogram(axes: Axes, layer: Record) -> None:
    """One layer: the histogram, the representable values beneath."""
    where = f"layer {layer['name']!r}"
    counts, edges = _binned(layer, where)
    low, high, step = _grid(layer, where)
    most = max(10.0, float(counts.max()))
    axes.set_yscale("log")
    style: Style = {"facecolor": BLUE, "edgecolor": BLUE, "linewidth": 0.5}
    axes.stairs(np.maximum(counts, 0.5), edges, baseline=0.5, fill=True, **style)
    axes.set_ylim(0.5, 1.5 * most)
    log_ticks(axes.yaxis, 1, most)
    filled = np.flatnonzero(counts)
    least, largest = float(edges[filled[0]]), float(edges[filled[-1] + 1])
    used = 100 * (largest - least) / (high - low + step)
    kind = f", {layer['type']}" if "type" in layer else ""
    title = (
        f"{layer['name']}{kind}: {plain(low)} to {plain(high)} by {_power(step)}, {used:.3g} % used"
    )
    axes.set_title(textwrap.fill(title, 46), loc="left", fontsize=SMALL)
    left = min(float(edges[0]), np.floor(least / step) * step)
    right = max(float(edges[-1]), np.ceil(largest / step) * step)
    edge = 0.03 * (right - left)
    axes.set_xlim(left - edge, right + edge)
    axes.xaxis.set_visible(False)
    strip = axes.inset_axes((0, -0.17, 1, 0.14))
    strip.set(xlim=axes.get_xlim(), ylim=(0, 1), yticks=[])
    strip.spines[:].set_visible(False)
    first, last = max(np.ceil(left / step), low / step), min(np.floor(right / step), high / step)
    if (last - first) > MAX_LINES:
        strip.axvspan(first * step, last * step, color=VERMILION, linewidth=0, gid="grid")
    else:
        values = np.arange(round(first), round(last) + 1) * step
        strip.plot(
            np.repeat(values, 3), np.tile([0, 1, np.nan], len(values)), color=VERMILION, gid="grid"
        )
    outside: Style = {"facecolor": "none", "edgecolor": GREY, "hatch": "////", "linewidth": 0}
    for begin, end in ((left - edge, low - step / 2), (high + step / 2, right + edge)):
        if begin < end:
            for each in (axes, strip):
                each.axvspan(begin, end, **outside)
    ticks(strip.xaxis, 6)


def _binned(layer: Record, where: str) -> tuple[Reals, Reals]:
    """Counts (bins,) and edges (bins + 1,), checked."""
    try:
        if "values" in layer:
            values = np.asarray(layer["values"], dtype=np.float64).ravel()
            if not values.size or not np.isfinite(values).all():
                raise UserError(f"figure, {where}: weights must be finite, and there must be some")
            found = np.histogram(values, bins=64)
            return found[0].astype(np.float64), found[1]
        counts, edges = (np.asarray(layer[key], dtype=np.float64) for key in ("counts", "edges"))
    except (TypeError, ValueError, KeyError) as error:
        raise UserError(f"figure, {where}: no weights, nor counts and edges ({error})") from None
    whole = np.isfinite(counts).all() and np.isfinite(edges).all() and (np.diff(edges) > 0).all()
    if not whole or edges.shape != (counts.size + 1,) or (counts < 0).any() or not counts.any():
        raise UserError(
            f"figure, {where}: counts need rising edges, one more than there are counts"
        )
    return counts, edges


def _grid(layer: Record, where: str) -> tuple[float, float, float]:
    """Least and largest value of the layer's type, and the step between two."""
    if "type" in layer and "grid_low" not in layer:
        fmt = FixedPoint.parse(str(layer["type"]))
        return float(fmt.real(fmt.min_code)), float(fmt.real(fmt.max_code)), float(fmt.step)
    low, high, step = (number(layer, key, where) for key in ("grid_low", "grid_high", "step"))
    if step <= 0 or low > high:
        raise UserError(f"figure, {where}: a grid from {low:g} to {high:g} by {step:g}")
    return low, high, step


def _power(step: float) -> str:
    """A step, as a power of two if it is a small one."""
    part, exponent = np.frexp(step)
    if part == 0.5 and step < 0.01:
        return "2" + str(exponent - 1).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return plain(step)
