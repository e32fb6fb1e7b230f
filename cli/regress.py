"""``lenetgen regress``: the co-simulation regression of an emitted folder."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..codegen.errors import UserError
from ..codegen.render import to_json, write_text
from ..models.images import images_for
from ..sim.package import load
from ..sim.regression import (
    Regression,
    as_json,
    as_markdown,
    differences,
    regress,
    seconds,
)
from ..sim.rtl import CORES
from .common import input_shape, progress_bars
from .options import folder_and_images

DEFAULT_IMAGES = 1000
REPORTS = "reports"


@click.command(name="regress", context_settings={"help_option_names": ["-h", "--help"]})
@folder_and_images(DEFAULT_IMAGES, whole=True)
@click.option(
    "--jobs",
    type=click.IntRange(min=1, max=256),
    help="Simulations at a time.  [as many as there are cores]",
)
@click.option("--fresh", is_flag=True, help="Play what an interrupted run has done again.")
@click.option("--layers", is_flag=True, help="Compare every layer's stream in the cocotb bench.")
@click.option("--waves", is_flag=True, help="Write the bench's waves (slower, large).")
@click.option("--json", "json_only", is_flag=True, help="Print the result as JSON only.")
def command(
    folder: Path,
    dataset: str | None,
    images: int | None,
    jobs: int | None,
    fresh: bool,
    layers: bool,
    waves: bool,
    json_only: bool,
) -> None:
    """Run the cocotb bench of FOLDER, then a data set through its RTL, every layer.

    Example: lenetgen regress build/lenet5-mixed --dataset mnist --images all

    An interrupted run goes on behind the images it has played. Writes FOLDER/reports/regress.json
    and regress.md, the same bytes each time. Exit code 0: all integers and cycle counts are equal.
    1: a difference. 2: wrong input.
    """
    console = Console(file=sys.stderr, quiet=json_only, highlight=False)
    package = load(folder)
    data = images_for(input_shape(package.design.graph), dataset, images)
    console.print(f"{package.title}: {data.source}; {len(data):,} used")
    with progress_bars(console, disable=json_only) as progress:
        result = regress(
            package,
            # the folder's graph may take vectors, the data sets are images
            data.images.reshape(len(data), *package.design.graph.input.shape),
            dataset=data.source,
            labels=data.labels,
            layers=layers,
            waves=waves,
            jobs=jobs or CORES,
            fresh=fresh,
            progress=progress,
        )
    reports = _write(package.folder / REPORTS, result)
    if json_only:
        click.echo(json.dumps({**as_json(result), "seconds": seconds(result)}, indent=2))
    else:
        _print(console, result)
        console.print(f"reports: {reports}", soft_wrap=True)
    if not result.ok:
        raise SystemExit(1)


def _write(folder: Path, result: Regression) -> Path:
    try:
        write_text(folder / "regress.json", to_json(as_json(result)))
        write_text(folder / "regress.md", as_markdown(result))
    except OSError as error:
        raise UserError(f"{folder}: can't write the reports ({error.strerror})") from None
    return folder


def _print(console: Console, result: Regression) -> None:
    if result.bench is not None:
        table = Table(title="cocotb bench")
        for column in ("test", "result", "seconds"):
            table.add_column(column, justify="right" if column == "seconds" else "left")
        for test in result.bench.tests:
            table.add_row(test.name, test.state, f"{test.seconds:.2f}")
        console.print(table)
    table = Table(title="RTL against the golden model")
    table.add_column("run", no_wrap=True)
    for column in ("images", "input gaps", "output stalls", "wrong images", "seconds"):
        table.add_column(column, justify="right")
    for run in result.runs:
        wrong = "no result" if run.failure else f"{run.wrong_images:,}"
        share = (f"{run.gap} %", f"{run.stall} %")
        table.add_row(run.name, f"{run.images:,}", *share, wrong, f"{run.seconds:.1f}")
    console.print(table)
    if result.resumed:
        console.print(f"{result.resumed:,} images were played by an earlier, interrupted run")
    equal = sum(boundary.equal for boundary in result.hashes)
    console.print(f"{equal} of {len(result.hashes)} layer boundaries have equal hashes")
    if result.correct is not None:
        accuracy = 100 * result.correct / result.images
        console.print(f"accuracy {accuracy:.2f} % ({result.correct:,} of {result.images:,})")
    console.print(f"{result.ties} images tied (the lowest index wins)")
    for item in result.cycles:
        console.print(f"{item.name}: predicted {item.predicted}, measured {item.measured} cycles")
    for note in differences(result):
        console.print(f"[red]{escape(note)}[/red]", soft_wrap=True)
    if result.bench is not None:
        console.print(f"log: {result.bench.log}", soft_wrap=True)
        if result.bench.waves is not None:
            console.print(f"waves: {result.bench.waves}", soft_wrap=True)
    if result.ok:
        console.print("[green]all integers and cycle counts are equal[/green]")
