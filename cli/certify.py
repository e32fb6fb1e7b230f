"""``lenetgen certify``: inputs that drive every sum to its bound, through golden, C++ and RTL."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from ..sim.certificate import SIDES
from ..sim.certify import REPORT, Report, as_json, certify
from ..sim.package import load
from .common import progress_bars


@click.command(name="certify", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--layers/--no-layers",
    default=True,
    show_default=True,
    help="Also replay every layer by itself at both bounds.",
)
@click.option("--json", "json_only", is_flag=True, help="Print the result as JSON only.")
def command(folder: Path, layers: bool, json_only: bool) -> None:
    """Show that no sum of FOLDER overflows, with inputs that go as far as the bounds.

    Example: lenetgen certify build/lenet5-mixed

    Writes certificates.json and certificates.npz into FOLDER. Exit code 0: golden model, C++ and
    RTL agree on every integer. 1: a difference. 2: wrong input.
    """
    console = Console(file=sys.stderr, quiet=json_only, highlight=False)
    package = load(folder)
    with progress_bars(console, disable=json_only) as progress:
        report = certify(package, progress, layers=layers)
    if json_only:
        click.echo(json.dumps(as_json(report), indent=2))
    else:
        _print(console, report, folder)
    if not report.ok:
        raise SystemExit(1)


def _print(console: Console, report: Report, folder: Path) -> None:
    table = Table(title=f"sums of {report.package.title}")
    for column in ("layer", "side", "bound", "reached by codes", "by an image", "share"):
        table.add_column(column, justify="left" if column in ("layer", "side") else "right")
    for one in report.certificates:
        for side in SIDES:
            extreme, found = one.side(side), report.images.get((one.op.name, side))
            row = [one.op.name if side == "low" else "", side, f"{extreme.bound:,}"]
            row.append("yes" if extreme.attained else f"{extreme.value:,}")
            row.append("" if found is None else f"{found.value:,}")
            known = found is not None and extreme.bound
            row.append(f"{found.value / extreme.bound:.1%}" if found and known else "")
            table.add_row(*row)
    console.print(table)
    for replay in report.replays:
        for text in replay.differences:
            console.print(f"[red]{replay.layer or 'network'}: {text}[/red]", soft_wrap=True)
    if report.ok:
        console.print(f"[green]{len(report.replays)} replays: all integers are equal[/green]")
    console.print(f"written: {folder / REPORT}")
