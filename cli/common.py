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

from ..codegen.errors import UserError
from ..codegen.frontend import load_model
from ..codegen.ir import Graph
from ..codegen.pipeline import to_float_graph
from ..codegen.precision import AUTO, DEFAULT, OWN, Precision, has_own
from ..codegen.precision_choice import parse_choice
from ..models.datasets import Images, find, load
from ..models.images import images_for, seeded_random_images
from ..models.zoo import model_file
from ..sim.post_training import post_training

CALIBRATION_IMAGES = 512
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


def choose_precision(
    choice: str, graph: Graph, logits: str, dataset: str | None, data: Path | None = None
) -> tuple[Precision, str]:
    """The types that a ``--precision`` value stands for: see ``codegen.precision_choice``.

    Returns a ``Precision`` for ``to_typed_graph`` and a line on the calibration images, empty where
    none were needed; ``dataset`` and ``data`` say where they come from (``calibration_images``).
    Its ``name`` holds the value's options, its ``biases`` those that were corrected. ``UserError``
    for what can't be read, and for any choice but ``model`` where the model has quantizers: it
    would be another model.
    """
    if has_own(graph) and (choice != OWN or logits != "exact"):
        wrong = f"--precision {choice}" if choice != OWN else f"--logits {logits}"
        raise UserError(
            f"{wrong}: the model's own quantizers decide its types; leave the option out"
        )
    asked = parse_choice(choice)
    if not asked.needs_images:
        return post_training(asked, graph, logits), ""
    images, source = calibration_images(graph, dataset, data)
    what = [
        word
        for word, said in (
            ("calibrated", asked.base == AUTO),
            ("biases corrected", asked.corrected),
        )
        if said
    ]
    return post_training(asked, graph, logits, images), f"{' and '.join(what)} on {source}"


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


def calibration_images(
    graph: Graph, dataset: str | None, data: Path | None = None
) -> tuple[Images, str]:
    """Images (n, *shape) for ``auto`` and a line that says where they come from.

    Training images of the named data set, in the folder ``data`` if given; without a name MNIST's
    where the shape fits and it is found, else the digits, else seeded random images. Test images
    are never used.
    """
    shape = input_shape(graph)
    if dataset is not None:
        chosen = images_for(shape, dataset, CALIBRATION_IMAGES, split="train", folder=data)
        return chosen.images, f"{len(chosen)} images of {chosen.source}"
    if shape == (28, 28, 1):
        name = "mnist" if find("mnist", part="train") is not None else "digits"
        chosen = load(name, "train").first(CALIBRATION_IMAGES)
        return chosen.images, f"{len(chosen)} images of {chosen.source}"
    images = seeded_random_images(shape, CALIBRATION_IMAGES, 2)
    return images, f"{len(images)} random images"


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
