"""``lenetgen evaluate``: accuracies of models on the integers, for one or many precisions."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..codegen.errors import UserError
from ..codegen.ir import Graph
from ..codegen.pipeline import to_typed_graph
from ..codegen.precision import OWN, has_own
from ..models.datasets import Dataset, find
from ..models.evaluation import (
    FLOAT,
    ClassReport,
    Score,
    as_dict,
    check_labels,
    evaluate,
    per_class,
)
from ..models.images import images_for
from ..sim.rtl_check import counter
from .common import (
    choose_precision,
    default_precision,
    float_graph,
    input_shape,
    progress_bars,
    show_table,
)

Row = tuple[Score, ClassReport | None]


@click.command(name="evaluate", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("models", nargs=-1, required=True, metavar="MODEL...")
@click.option(
    "--precision",
    "precisions",
    help="Comma-separated: float, a preset, auto, model, or a TOML file.  [float,mixed]",
)
@click.option("--dataset", help="A data set's name.  [mnist where found, else digits]")
@click.option("--data", type=click.Path(path_type=Path), help="Folder that holds the data set.")
@click.option("--download", is_flag=True, help="Let Keras download a data set not found.")
@click.option("--images", type=click.IntRange(min=1), help="How many test images.  [all]")
@click.option(
    "--per-class",
    "detailed",
    is_flag=True,
    help="Confusion matrix, precision, recall, F1.",
)
@click.option("--json", "json_only", is_flag=True, help="Print the result as JSON only.")
def command(
    models: tuple[str, ...],
    precisions: str | None,
    dataset: str | None,
    data: Path | None,
    download: bool,
    images: int | None,
    detailed: bool,
    json_only: bool,
) -> None:
    """Measure the accuracy of each MODEL (a file or a zoo name) on a test set.

    Example: lenetgen evaluate lenet5 --precision float,q8.8,q4.4,mixed,auto

    All but float are the integers of the hardware, from the golden model. auto is calibrated on
    training images. A model with quantizers of its own gets one integer row, its own types.
    """
    console = Console(file=sys.stderr, quiet=json_only, highlight=False)
    asked = _split(precisions)
    if data is not None and dataset is None:
        raise UserError("--data: say with --dataset which set lies there")
    results: list[dict[str, Any]] = []
    for model in models:
        with console.status("loading the model (TensorFlow takes a few seconds)"):
            graph = float_graph(model)
            chosen = _dataset(graph, dataset, data, download, images)
        rows = _rows(console, model, graph, chosen, asked, data, detailed, json_only)
        base = rows[0][0]
        if FLOAT not in asked:
            rows = rows[1:]
        results.append(
            {
                "model": model,
                "network": graph.name,
                "dataset": chosen.source,
                "float_accuracy": base.accuracy,
                "rows": [as_dict(score, base, report) for score, report in rows],
            }
        )
        if not json_only:
            console.print(f"{escape(model)}: {chosen.source}; {len(chosen):,} used", soft_wrap=True)
            _print(Console(highlight=False), results[-1]["rows"])
    if json_only:
        click.echo(json.dumps(results, indent=2))


def _split(text: str | None) -> list[str]:
    """The choices of ``--precision``, each once; empty: float and the model's default."""
    if text is None:
        return [FLOAT, ""]
    choices = [choice.strip() for choice in text.split(",")]
    if "" in choices:
        raise UserError(f"--precision {text!r}: a name is missing between commas")
    return list(dict.fromkeys(choices))


def _dataset(
    graph: Graph, name: str | None, folder: Path | None, download: bool, count: int | None
) -> Dataset:
    """The test images; without a name MNIST's or the digits', where they fit."""
    shape = input_shape(graph)
    if name is None:
        if shape != (28, 28, 1):
            size = "x".join(map(str, shape))
            raise UserError(f"{graph.name} takes images {size}: name a data set with --dataset")
        name = "mnist" if download or find("mnist") is not None else "digits"
    dataset = images_for(shape, name, count, folder=folder, allow_download=download)
    check_labels(graph, dataset)
    return dataset


def _rows(
    console: Console,
    model: str,
    graph: Graph,
    dataset: Dataset,
    asked: list[str],
    folder: Path | None,
    detailed: bool,
    quiet: bool,
) -> list[Row]:
    """The float score, then one for each precision asked for."""
    typed = _typed(console, model, graph, dataset, asked, folder)
    with progress_bars(console, disable=quiet) as progress:
        scores = []
        for name, each in [(FLOAT, graph), *typed]:
            told = counter(progress, name, len(dataset))
            scores.append(evaluate(each, dataset, name, told))
    assert dataset.labels is not None  # evaluate has refused it
    outputs = graph.output.size
    return [
        (score, per_class(score, dataset.labels, outputs) if detailed else None) for score in scores
    ]


def _typed(
    console: Console,
    model: str,
    graph: Graph,
    dataset: Dataset,
    asked: list[str],
    folder: Path | None,
) -> list[tuple[str, Graph]]:
    """Name and typed graph of every integer row: a wrong name stops before any work is done."""
    choices = [choice or default_precision(graph) for choice in asked if choice != FLOAT]
    if has_own(graph) and choices and choices != [OWN]:
        left = ", ".join(choice for choice in choices if choice != OWN)
        console.print(
            f"{model}: its own quantizers decide its types; {OWN} instead of {left}",
            markup=False,
            soft_wrap=True,
        )
        choices = [OWN]
    result = []
    for choice in choices:
        types, note = choose_precision(choice, graph, "exact", dataset.name, folder)
        if note:
            console.print(f"{choice}: {note}", markup=False, soft_wrap=True)
        result.append((choice, to_typed_graph(graph, types)))
    return result


def _print(console: Console, rows: list[dict[str, Any]]) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("precision", no_wrap=True)
    for name in ("accuracy", "loss", "other class", "tied", "stored bits", "declared", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            escape(row["precision"]),
            f"{100 * row['accuracy']:.2f} %",
            f"{row['loss']:.2f}" if row["precision"] != FLOAT else "",
            f"{row['other_class']:,}" if row["precision"] != FLOAT else "",
            f"{row['ties']:,}",
            f"{row['stored_bits']:,}",
            f"{row['declared_bits']:,}",
            f"{row['seconds']:.1f}",
        )
    show_table(console, table)
    for row in rows:
        if "classes" in row:
            show_table(console, _class_table(row))


def _class_table(row: dict[str, Any]) -> Table:
    """A line per true class: precision, recall, F1 and where its images went."""
    table = Table(
        title=f"{escape(row['precision'])}: images of a class by the class found",
        title_justify="left",
        box=None,
        header_style="bold",
        pad_edge=False,
    )
    table.add_column("class", justify="right", no_wrap=True)
    for name in ("precision", "recall", "F1", *(str(each["class"]) for each in row["classes"])):
        table.add_column(name, justify="right", no_wrap=True)
    for each, counts in zip(row["classes"], row["confusion"], strict=True):
        shares = (f"{100 * each[key]:.2f} %" for key in ("precision", "recall", "f1"))
        table.add_row(str(each["class"]), *shares, *(f"{count:,}" for count in counts))
    return table
