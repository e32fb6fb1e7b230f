"""What all figures share: colours and markers, checked numbers, how an SVG is written.

Colours are Okabe and Ito's (jfly.uni-koeln.de/color), told apart by readers who are colour-blind;
markers, dashes and hatches tell the same apart in grey. The background is opaque white, so a figure
reads the same on a dark page. Text is drawn as outlines: no font is needed where it is read.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...codegen.errors import UserError
from .rows import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

Record = Mapping[str, Any]
Style = dict[str, Any]
WIDTH = 8.33  # inches: 800 pixels of a browser at 96 dpi
SMALL, TEXT = 9.0, 10.0  # points
GREY, LIGHT = "#595959", "#d9d9d9"
BLUE, VERMILION = "#0072B2", "#D55E00"
COLOURS = (BLUE, VERMILION, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES: tuple[tuple[float, ...], ...] = ((), (5, 2), (1.5, 1.5), (7, 2, 1.5, 2), (3, 1, 1, 1, 1, 1))


@dataclass(frozen=True)
class Look:
    """How a series is drawn; no two of the first 35 are alike, nor the first seven in grey."""

    colour: str
    marker: str
    dashes: tuple[float, ...]

    @property
    def line(self) -> dict[str, Any]:
        """The look as keywords of ``Axes.plot``."""
        style = (0, self.dashes) if self.dashes else "-"
        return {"color": self.colour, "marker": self.marker, "linestyle": style}


def look(index: int) -> Look:
    """The look of series number ``index``, from 0."""
    turn = index // len(COLOURS)
    return Look(
        COLOURS[index % len(COLOURS)],
        MARKERS[(index + turn) % len(MARKERS)],
        DASHES[(index + turn) % len(DASHES)],
    )


@contextmanager
def figure(height: float, width: float = WIDTH) -> Iterator[Figure]:
    """An empty figure of ``width`` × ``height`` inches, drawn alike whatever a user has set."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(
            {
                "axes.axisbelow": True,
                "axes.edgecolor": GREY,
                "axes.grid": False,
                "axes.labelsize": TEXT,
                "axes.spines.right": False,
                "axes.spines.top": False,
                "axes.titlesize": TEXT,
                "font.family": ["DejaVu Sans"],
                "font.size": TEXT,
                "grid.color": LIGHT,
                "grid.linewidth": 0.6,
                "hatch.linewidth": 0.6,
                "legend.fontsize": SMALL,
                "legend.frameon": False,
                "lines.linewidth": 1.5,
                "lines.markersize": 5,
                "svg.fonttype": "path",
                "svg.hashsalt": "lenetgen",
                "text.hinting": "none",
                "text.parse_math": False,
                "xtick.labelsize": SMALL,
                "ytick.labelsize": SMALL,
            }
        )
        made = Figure(figsize=(width, height), dpi=72, layout="constrained", facecolor="white")
        FigureCanvasAgg(made)
        yield made


def save(fig: Figure, path: Path) -> None:
    """Write ``fig`` as SVG without a date, a path or a version in it."""
    text = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    fig.savefig(text, format="svg", metadata=nothing, facecolor="white")
    write_whole(path, _short(text.getvalue()))


def _short(svg: str) -> str:
    """The same drawing in fewer bytes: lengths to a hundredth of a point, no indentation."""

    def rounded(found: re.Match[str]) -> str:
        return found[1] or f"{float(found[2]):.2f}".rstrip("0").rstrip(".")

    lines = (line.strip() for line in svg.splitlines())
    return re.sub(r"(<!--.*?-->|scale\([^)]*\))|(-?\d+\.\d{3,})", rounded, "\n".join(lines)) + "\n"


def number(row: Record, key: str, where: str) -> float:
    """``row[key]`` as a finite float; ``UserError`` says where there is none."""
    value = row.get(key)
    try:
        found = math.nan if value is None else float(value)
    except (TypeError, ValueError):
        found = math.nan
    if not math.isfinite(found):
        raise UserError(f"figure, {where}: {key} is {value!r}, not a finite number")
    return found


def size(row: Record, key: str, where: str) -> float:
    """``row[key]`` as a finite float that isn't negative, 0 if it is missing or None."""
    found = 0.0 if row.get(key) is None else number(row, key, where)
    if found < 0:
        raise UserError(f"figure, {where}: {key} is {found:g}, it can't be negative")
    return found


def some(rows: Sequence[Record], what: str, *keys: str) -> None:
    """``UserError`` if there is nothing to draw or a row lacks one of ``keys``."""
    if not len(rows):
        raise UserError(f"figure: no {what} to draw")
    for place, row in enumerate(rows):
        if lacking := [key for key in keys if key not in row]:
            raise UserError(f"figure: number {place} of the {what} has no {lacking[0]!r}")


def plain(value: float, _: object = None) -> str:
    """A number for a tick: whole ones in full, others with six digits; a true minus."""
    text = f"{value:,.0f}" if value == round(value) else f"{value:,.6g}"
    return text.replace("-", "−")


def ticks(axis: Axis, most: int = 8) -> None:
    """Round ticks with plain numbers."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

    axis.set_major_locator(MaxNLocator(most, steps=[1, 2, 2.5, 5, 10]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(plain))


def whole_ticks(axis: Axis, low: float, high: float) -> None:
    """Ticks at whole numbers from ``low`` to ``high``, which are whole."""
    from matplotlib.ticker import MaxNLocator

    found = MaxNLocator(8, integer=True).tick_values(low, high) if low < high else [low]
    inside = [float(each) for each in found if low <= each <= high]
    axis.set_ticks(inside, [plain(each) for each in inside])


def log_ticks(axis: Axis, low: float, high: float) -> None:
    """Ticks of a logarithmic axis: 1, 2 and 5 of each decade, decades alone if there are many."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

    decades = math.log10(high / low)
    if decades < 0.7:
        ticks(axis, 6)
    elif decades > 3:
        axis.set_major_locator(LogLocator(numticks=8))
    else:
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        axis.set_major_locator(FixedLocator([m * 10.0**p for p in powers for m in (1, 2, 5)]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(plain))


def span(values: Sequence[float], part: float, log: bool = False) -> tuple[float, float]:
    """Limits of an axis around ``values``: a ``part`` of their range more on each side."""
    low, high = min(values), max(values)
    if log:
        edge = max((high / low) ** part, 1.1)
        return low / edge, high * edge
    edge = part * (high - low) or 0.05 * abs(high) or 1.0
    return low - edge, high + edge


def legend(fig: Figure, axes: Axes) -> None:
    """The entries of ``axes`` above everything else, in as many columns as there is room for."""
    handles, labels = axes.get_legend_handles_labels()
    for columns in range(len(labels), 0, -1):
        made = fig.legend(
            handles,
            labels,
            loc="outside upper center",
            ncols=columns,
            handlelength=3,
            borderaxespad=0.2,
        )
        if columns == 1 or made.get_window_extent().width < fig.bbox.width:
            return
        made.remove()
