"""What several commands share: the model's graph, calibration images, progress bars."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from ..codegen.frontend import load_model
from ..codegen.ir import Graph
from ..codegen.pipeline import to_float_graph
from ..codegen.precision import DEFAULT, OWN, has_own
from ..models.chosen_precision import calibration_images as calibration_images
from ..models.chosen_precision import choose_precision as choose_precision
from ..models.datasets import Images, load
from ..models.images import seeded_random_images
from ..models.zoo import model_file

MAX_TABLE_WIDTH = 1000  # columns


def float_graph(model: str, dump: Path | None = None) -> Graph:
    """Load a model file or zoo name and run the float passes."""
    return to_float_graph(load_model(model_file(model)), dump)


def input_shape(graph: Graph) -> tuple[int, int, int]:
    """The input as (height, width, channels)."""
    return graph.input.image_shape


def default_precision(graph: Graph) -> str:
    """What ``--precision`` stands for where it is left out."""
    return OWN if has_own(graph) else DEFAULT


def bench_images(graph: Graph, count: int) -> Images:
    """Images for an emitted design's benches, the same on every machine.

    Enlarged digits where they fit, else seeded random ones; the last two are all black and all
    white.
    """
    shape = input_shape(graph)
    if shape == (28, 28, 1):
        images = load("digits", "test").images[:count].copy()
    else:
        images = seeded_random_images(shape, count, 3).copy()
    images[-2], images[-1] = 0, 255
    return images


def show_table(console: Console, table: Table) -> None:
    """Print ``table`` as wide as it is: a narrow terminal folds the lines, but nothing is cut."""
    width = console.width
    console.width = MAX_TABLE_WIDTH
    console.width = max(width, console.measure(table).maximum)
    console.print(table)
    console.width = width


@contextlib.contextmanager
def progress_bars(console: Console, *, disable: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Bars on ``console`` while the block runs: the function takes phase, done, in all."""
    columns = (
        TextColumn("{task.description:>15}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=disable) as bars:
        tasks: dict[str, TaskID] = {}

        def progress(phase: str, done: int, total: int) -> None:
            if phase not in tasks:
                tasks[phase] = bars.add_task(phase, total=total)
            bars.update(tasks[phase], completed=done)

        yield progress
