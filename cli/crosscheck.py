"""``lenetgen crosscheck``: hls4ml's C++ for the same network and types, or where it disagrees."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..codegen.errors import UserError
from ..codegen.ir import Graph
from ..models.images import images_for
from ..models.zoo import checkpoint_names
from ..sim.crosscheck import Report, as_json, crosscheck
from ..sim.package import Package, load
from .common import float_graph, input_shape, progress_bars
from .options import folder_and_images

DEFAULT_IMAGES = 500


@click.command(name="crosscheck", context_settings={"help_option_names": ["-h", "--help"]})
@folder_and_images(DEFAULT_IMAGES)
@click.option(
    "--model",
    help="The model FOLDER was made from: hls4ml then quantizes its parameters itself.  "
    "[a bundled model is found by its name]",
)
@click.option("--keep", type=click.Path(path_type=Path), help="A new folder for hls4ml's project.")
@click.option("--json", "json_only", is_flag=True, help="Print the result as JSON only.")
def command(
    folder: Path,
    dataset: str | None,
    images: int,
    model: str | None,
    keep: Path | None,
    json_only: bool,
) -> None:
    """Compare FOLDER's network with hls4ml's C++ for it, every layer and every integer.

    Example: lenetgen crosscheck build/lenet5-mixed --images 1000

    Layers that hls4ml can't express are named and left out. Exit code 0: all integers compared are
    equal. 1: a difference, named by image, layer, channel, row and column. 2: wrong input.
    """
    console = Console(file=sys.stderr, quiet=json_only, highlight=False)
    package = load(folder)
    graph = package.design.graph
    data = images_for(input_shape(graph), dataset, images)
    console.print(f"{package.title}: {data.source}; {len(data):,} used")
    with progress_bars(console, disable=json_only) as progress:
        report = crosscheck(
            package,
            # the folder's graph may take vectors, the data sets are images
            data.images.reshape(len(data), *graph.input.shape),
            floats=_floats(package, model),
            keep=keep,
            progress=progress,
        )
    if json_only:
        click.echo(json.dumps({"dataset": data.source, **as_json(report)}, indent=2))
    else:
        _print(console, report)
    if not report.ok:
        raise SystemExit(1)


def _floats(package: Package, model: str | None) -> Graph | None:
    if model is None and package.model not in checkpoint_names():
        return None
    try:
        return float_graph(model or package.model)
    except UserError as error:
        raise UserError(f"--model {model}: {error}" if model else str(error)) from None


def _print(console: Console, report: Report) -> None:
    table = Table()
    for column in ("layer", "kind", "result", "hls4ml's accumulator"):
        table.add_column(column, overflow="fold")
    for column in ("values", "wrong"):
        table.add_column(column, justify="right")
    for layer in report.layers:
        counts = ("", "not compared") if layer.reason else (f"{layer.values:,}", f"{layer.wrong:,}")
        table.add_row(layer.name, layer.kind, layer.result, layer.accumulator, *counts)
    console.print(table)
    console.print(
        "parameters: the model's floats, quantized by hls4ml"
        if report.float_parameters
        else "parameters: the design's integers (with --model hls4ml quantizes the floats itself)"
    )
    console.print(
        f"{report.images:,} images: hls4ml compiled in {report.compile_seconds:.1f} s, "
        f"ran for {report.run_seconds:.1f} s"
    )
    for layer in report.layers:
        if layer.reason:
            text = f"not compared: {layer.name} ({layer.kind}): {layer.reason}"
            console.print(f"[yellow]{escape(text)}[/yellow]", soft_wrap=True)
    if report.logits is None:
        console.print("[yellow]the logits were not compared: see above[/yellow]")
    else:
        console.print(f"logits: {report.equal_logits:,} of {report.logits:,} equal")
    if report.difference is not None:
        console.print(f"[red]{escape(str(report.difference))}[/red]", soft_wrap=True)
    colour = "green" if report.ok else "red"
    console.print(f"[{colour}]{sentence(report)}[/{colour}]")


def sentence(report: Report) -> str:
    """The result in one line."""
    if not report.ok:
        return f"{report.wrong_images:,} of {report.images:,} images differ"
    if report.compared < len(report.layers):
        return f"all integers of {report.compared} of {len(report.layers)} layers are equal"
    return "all integers of all layers are equal"
