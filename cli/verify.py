"""``lenetgen verify``: golden model, C++ and RTL agree on every integer, or where they do not."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from ..codegen.errors import UserError
from ..models.images import images_for
from ..sim.failure import FOLDER, failure_json, write_failures
from ..sim.package import Package, load
from ..sim.toolrun import ToolError
from ..sim.verification import Report, as_json, verify
from .common import input_shape, progress_bars

DEFAULT_IMAGES = 1000


@click.command(name="verify", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--dataset", help="A data set's name, or an .npy file of uint8 images.")
@click.option(
    "--images",
    type=click.IntRange(min=1),
    default=DEFAULT_IMAGES,
    show_default=True,
    help="How many images, or as many as there are.",
)
@click.option(
    "--rtl-images",
    type=click.IntRange(min=0),
    help="How many of them through RTL.  [all, at most 1000]",
)
@click.option(
    "--minimise/--no-minimise",
    default=True,
    show_default=True,
    help="After a difference, search a smaller image that shows it.",
)
@click.option(
    "--minimise-seconds",
    type=click.FloatRange(min=1.0),
    default=30.0,
    show_default=True,
    help="How long to search, per stage; at most 4,000 candidates.",
)
@click.option(
    "--failure-dir",
    type=click.Path(path_type=Path),
    help="Where the failing image is written as a test.  [FOLDER/failure]",
)
@click.option("--json", "json_only", is_flag=True, help="Print the result as JSON only.")
def command(
    folder: Path,
    dataset: str | None,
    images: int,
    rtl_images: int | None,
    minimise: bool,
    minimise_seconds: float,
    failure_dir: Path | None,
    json_only: bool,
) -> None:
    """Compare the golden model, the C++ and the RTL of FOLDER, every logit.

    Example: lenetgen verify build/lenet5-mixed --images 10000

    After a difference the smallest failing image found (fewest pixels that are not black) is
    written to FOLDER/failure/rtl or csim as a test that runs by itself.

    Exit code 0: all integers are equal. 1: a difference, named by layer, channel, row, column and
    cycle. 2: wrong input.
    """
    console = Console(file=sys.stderr, quiet=json_only, highlight=False)
    package = load(folder)
    data = images_for(input_shape(package.design.graph), dataset, images)
    console.print(f"{package.title}: {data.source}")
    with progress_bars(console, disable=json_only) as progress:
        report = verify(
            package,
            data.images,
            labels=data.labels,
            rtl_images=min(images, DEFAULT_IMAGES) if rtl_images is None else rtl_images,
            progress=progress,
        )
    result = {"dataset": data.source, **as_json(report)}
    if not json_only:
        _print(console, report)
    if not report.ok:
        result["failures"], result["not_written"] = _write_failures(
            console,
            package,
            data.images,
            report,
            failure_dir or folder / FOLDER,
            minimise_seconds if minimise else 0.0,
        )
    if json_only:
        click.echo(json.dumps(result, indent=2))
    if not report.ok:
        raise SystemExit(1)


def _write_failures(
    console: Console,
    package: Package,
    images: npt.NDArray[np.uint8],
    report: Report,
    out: Path,
    seconds: float,
) -> tuple[list[dict[str, Any]], str]:
    """Write the tests and say where; what went wrong in that hides no difference."""
    try:
        with console.status("searching the smallest failing image"):
            failures = write_failures(package, images, report, out, seconds=seconds)
    except (UserError, ToolError) as error:
        console.print(f"[red]no test was written: {error}[/red]", soft_wrap=True)
        return [], str(error)
    for failure in failures:
        console.print(f"{failure}", soft_wrap=True)
    return [failure_json(failure) for failure in failures], ""


def _print(console: Console, report: Report) -> None:
    table = Table()
    for column in ("stage", "images", "all layers of", "wrong images", "seconds"):
        table.add_column(column, justify="left" if column == "stage" else "right")
    table.add_row("golden", f"{report.images:,}", "", "", f"{report.golden_seconds:.1f}")
    for stage in report.stages:
        wrong = "no result" if stage.failure else f"{stage.wrong_images:,}"
        row = (stage.name, f"{stage.images:,}", f"{stage.layer_images:,}", wrong)
        table.add_row(*row, f"{stage.seconds:.1f}")
    console.print(table)
    if report.correct is not None:
        accuracy = 100 * report.correct / report.images
        console.print(
            f"accuracy {accuracy:.2f} % ({report.correct:,} of {report.images:,}), "
            f"{report.ties} tied (the lowest index wins)"
        )
    for item in report.cycles:
        console.print(f"{item.name}: predicted {item.predicted}, measured {item.measured} cycles")
    for stage in report.stages:
        if stage.failure:
            console.print(f"[red]{stage.name}: {stage.failure}[/red]", soft_wrap=True)
        if stage.difference is not None:
            console.print(f"[red]{stage.difference}[/red]", soft_wrap=True)
    if report.ok:
        console.print("[green]all integers are equal[/green]")
