"""``lenetgen sensitivity``: what each layer's types cost, its weights' range use, fewest bits."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..codegen.errors import UserError
from ..codegen.ir import Graph
from ..models.chosen_precision import CALIBRATION_IMAGES, choose_precision
from ..models.datasets import Dataset, Images
from ..models.images import images_for
from ..models.recipe import Recipe
from ..models.sensitivity import (
    MAX_SWEEP,
    MIN_SWEEP,
    TOLERANCE,
    LayerSensitivity,
    Outcome,
    Sensitivity,
    check_layers,
    sensitivity,
)
from ..models.split import split
from .common import default_precision, float_graph, input_shape, progress_bars, show_table
from .precision import short
from .recipe_options import default_dataset

VALIDATION, TEST = "validation", "test"


@click.command(name="sensitivity", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("model", default="lenet5")
@click.option("--precision", help="Types to judge, as evaluate takes them.  [mixed]")
@click.option("--layer", "layers", multiple=True, help="A layer; may be repeated.  [all]")
@click.option("--bits", help="Also try each layer's weights alone in so many bits: 2-8, or 3,4,6.")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    default=TOLERANCE,
    show_default=True,
    help="Points of accuracy a layer may lose at its fewest bits.",
)
@click.option("--dataset", help="A data set's name.  [mnist where found, else digits]")
@click.option("--data", type=click.Path(path_type=Path), help="Folder that holds the data set.")
@click.option("--download", is_flag=True, help="Let Keras download a data set not found.")
@click.option(
    "--split",
    "part",
    type=click.Choice((VALIDATION, TEST)),
    default=VALIDATION,
    show_default=True,
    help="Choose on the validation part of the training set; report on the test set.",
)
@click.option(
    "--validation",
    "fraction",
    default=Recipe().validation,
    show_default=True,
    help="Validation part, as train took it.",
)
@click.option(
    "--seed", default=Recipe().seed, show_default=True, help="Of the split, as train took it."
)
@click.option("--images", type=click.IntRange(min=1), help="How many images of it.  [all]")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON only.")
def command(
    model: str,
    precision: str | None,
    layers: tuple[str, ...],
    bits: str | None,
    tolerance: float,
    dataset: str | None,
    data: Path | None,
    download: bool,
    part: str,
    fraction: float,
    seed: int,
    images: int | None,
    as_json: bool,
) -> None:
    """Tell which layer of MODEL (a float model's file or a zoo name) costs what.

    Example: lenetgen sensitivity lenet5 --precision q4.4 --bits 2-8

    Each layer alone gets the types of --precision while all others are so wide that nothing is
    lost, and the other way round. All numbers are the golden model's integers.
    """
    console = Console(file=sys.stderr, quiet=as_json, highlight=False)
    widths = _bits(bits)
    if data is not None and dataset is None:
        raise UserError("--data: say with --dataset which set lies there")
    with console.status("loading the model (TensorFlow takes a few seconds)"):
        graph = float_graph(model)
        check_layers(graph, layers)
        name = dataset or default_dataset(graph.name, input_shape(graph), download=download)
        chosen, calibration = _images(
            graph, name, data, download=download, part=part, fraction=fraction, seed=seed
        )
    types, note = choose_precision(
        precision or default_precision(graph), graph, "exact", name, data
    )
    if note:
        console.print(f"{types.name}: {note}", markup=False, soft_wrap=True)
    with progress_bars(console, disable=as_json) as progress:
        result = sensitivity(
            graph,
            types,
            chosen.first(images),
            calibration,
            layers=layers,
            bits=widths,
            tolerance=tolerance,
            progress=progress,
        )
    if as_json:
        click.echo(json.dumps({"model": model, **result.as_dict()}, indent=2))
        return
    console.print(f"{model}: {result.source}; {result.images:,} used", markup=False, soft_wrap=True)
    _print(Console(highlight=False), result)


def _bits(text: str | None) -> tuple[int, ...]:
    """``2-8`` or ``3,4,6`` as numbers; none for None."""
    if text is None:
        return ()
    found: list[int] = []
    for each in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,2})(?:-(\d{1,2}))?\s*", each)
        low, high = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not MIN_SWEEP <= low <= high <= MAX_SWEEP:
            raise UserError(
                f"--bits {text!r}: numbers {MIN_SWEEP} to {MAX_SWEEP} such as 2-8 or 3,4,6"
            )
        found += range(low, high + 1)
    return tuple(found)


def _images(
    graph: Graph,
    name: str,
    folder: Path | None,
    *,
    download: bool,
    part: str,
    fraction: float,
    seed: int,
) -> tuple[Dataset, Images]:
    """The images to count on, and images for ranges: of the training part, never of both."""

    def load(which: str) -> Dataset:
        shape = input_shape(graph)
        return images_for(shape, name, split=which, folder=folder, allow_download=download)

    training, kept = split(load("train"), fraction, seed)
    calibration = training.first(CALIBRATION_IMAGES).images
    return (kept if part == VALIDATION else load(TEST)), calibration


def _print(console: Console, result: Sensitivity) -> None:
    wide, full = result.reference, result.quantized
    console.print(
        f"accuracy: float {_percent(result.float_accuracy)}, wide reference "
        f"{_percent(wide.accuracy)} ({result.float_other_class} images in another class than in "
        f"float), {result.precision} {_percent(full.accuracy)} ({full.change:+.2f} points, logits "
        f"{_decibels(full)})",
        markup=False,
        soft_wrap=True,
    )
    title = f"{result.precision} in one layer alone, and in all but it (points of accuracy)"
    _show(console, title, _costs(result.layers))
    weighted = [layer for layer in result.layers if layer.weights is not None]
    if weighted:
        _show(console, "weights in their type", _weights(weighted))
    if any(layer.sweep for layer in weighted):
        title = (
            "points of accuracy by the bits of one layer's weights, all else wide; "
            f"fewest: at most {result.tolerance:g} lost from there on"
        )
        _show(console, title, _sweep(weighted))
    title = "change of recall by class (points), each layer alone, and all of them"
    _show(console, title, _classes(result))


def _show(console: Console, title: str, table: Table) -> None:
    console.print(f"\n{title}", markup=False, soft_wrap=True)
    show_table(console, table)


def _table(names: Iterable[str], left: int = 1) -> Table:
    """A table without rows; its first ``left`` columns hold text."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for index, name in enumerate(names):
        table.add_column(escape(name), justify="left" if index < left else "right", no_wrap=True)
    return table


def _costs(layers: Sequence[LayerSensitivity]) -> Table:
    alone_names = ("alone", "lost", "won", "logits")
    names = ("layer", "weight", "result", *alone_names, "all but it", "wins back", "logits")
    table = _table(names, left=3)
    for layer in layers:
        alone, spared = layer.alone, layer.spared
        table.add_row(
            escape(layer.name),
            short(layer.types.weight),
            short(layer.types.result) or "exact",
            f"{alone.change:+.2f}",
            f"{alone.lost:,}",
            f"{alone.won:,}",
            _decibels(alone),
            _percent(spared.accuracy),
            f"{spared.change:+.2f}",
            _decibels(spared),
        )
    return table


def _weights(layers: Sequence[LayerSensitivity]) -> Table:
    names = ("least", "largest", "range use", "1 %", "99 %", "bits used", "entropy")
    table = _table(("layer", "weight", *names, "to zero", "saturated"), left=2)
    for layer in layers:
        use = layer.weights
        assert use is not None
        spread = dict(use.percentiles)
        table.add_row(
            escape(layer.name),
            short(layer.types.weight),
            f"{use.least:.4g}",
            f"{use.largest:.4g}",
            _percent(use.range_use),
            f"{spread[1.0]:.4g}",
            f"{spread[99.0]:.4g}",
            str(use.bits_used),
            f"{use.entropy_bits:.2f}",
            _percent(use.to_zero),
            _percent(use.saturated),
        )
    return table


def _sweep(layers: Sequence[LayerSensitivity]) -> Table:
    widths = (f"{step.bits} bits" for step in layers[0].sweep)
    table = _table(("layer", *widths, "fewest"))
    for layer in layers:
        fewest = "none" if layer.fewest_bits is None else str(layer.fewest_bits)
        changes = (f"{step.outcome.change:+.2f}" for step in layer.sweep)
        table.add_row(escape(layer.name), *changes, fewest)
    return table


def _classes(result: Sensitivity) -> Table:
    layers = result.layers
    table = _table(("class", "images", *(layer.name for layer in layers), "all"))
    columns = [*(layer.alone for layer in layers), result.quantized]
    for number, count in enumerate(result.support):
        changes = (f"{outcome.recall_change[number]:+.2f}" for outcome in columns)
        table.add_row(str(number), f"{count:,}", *changes)
    return table


def _percent(part: float) -> str:
    return f"{100 * part:.2f} %"


def _decibels(outcome: Outcome) -> str:
    return "equal" if outcome.sqnr_db is None else f"{outcome.sqnr_db:.1f} dB"
