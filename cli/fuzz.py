"""``lenetgen fuzz``: random networks, golden model against C++ and RTL."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..models.fuzz import FuzzReport, fuzz
from .common import progress_bars

DEFAULT_SEEDS = 100
DEFAULT_OUT = Path("build/fuzz")


@click.command(name="fuzz", context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--seeds",
    type=click.IntRange(min=1),
    default=DEFAULT_SEEDS,
    show_default=True,
    help="How many networks.",
)
@click.option(
    "--first",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="The first seed; the others follow. Shares the work between machines.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=DEFAULT_OUT,
    show_default=True,
    help="Where results are kept and tests of failing networks are written.",
)
@click.option("--json", "json_only", is_flag=True, help="Print the result as JSON only.")
def command(seeds: int, first: int, out: Path, json_only: bool) -> None:
    """Compare golden model, C++ and RTL on random networks, every stream of every layer.

    Example: lenetgen fuzz --seeds 500

    A failing network is made small and written to OUT/test_random_<seed>.py. An interrupted run
    goes on where it stopped. Exit code 0: all integers are equal. 1: a difference. 2: wrong input.
    """
    console = Console(file=sys.stderr, quiet=json_only, highlight=False)
    with progress_bars(console, disable=json_only) as progress:
        report = fuzz(range(first, first + seeds), out, progress=progress)
    if json_only:
        click.echo(json.dumps(report.as_json(), indent=2))
    else:
        _print(console, report)
    if not report.ok:
        raise SystemExit(1)


def _print(console: Console, report: FuzzReport) -> None:
    table = Table(title=f"{report.coverage.networks} networks")
    for column in ("", "what", "networks"):
        table.add_column(column, justify="right" if column == "networks" else "left")
    before = ""
    for section, label, count in report.coverage.rows():
        shown = section if section != before else ""
        table.add_row(shown, label, f"{count:,}", end_section=False)
        before = section
    console.print(table)
    for line in report.coverage.missing():
        console.print(f"rare: {line}")
    span = f"seeds {report.seeds[0]} to {report.seeds[-1]}"
    again = f", {report.reused} of them kept from an earlier run" if report.reused else ""
    console.print(f"{span}{again}; {report.seconds:.0f} s")
    for finding in report.findings:
        console.print(f"[red]{escape(str(finding))}[/red]", soft_wrap=True)
    for path in report.tests:
        console.print(f"made small: {path}", soft_wrap=True)
    if report.ok:
        console.print("[green]all integers are equal[/green]")
