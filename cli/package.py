"""``lenetgen package``: what a PYNQ board needs of an emitted folder, in one zip."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from ..codegen.errors import UserError
from ..sim.package import load
from ..sim.pynq_package import OUTPUT, Zip, write_zip
from .common import show_table


@click.command(name="package", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Zip to write.  [NAME-pynq.zip]")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON only.")
def command(folder: Path, out: Path | None, as_json: bool) -> None:
    """Write a zip for PYNQ boards from FOLDER: driver, notebook, vectors, C examples, bitstream.

    Example: lenetgen package build/lenet5-mixed

    The bitstream is taken from FOLDER/vivado/output; without one the package holds everything else.
    """
    console = Console(file=sys.stderr, quiet=as_json, highlight=False)
    package = load(folder)
    path = out or Path(f"{package.design.name}-pynq.zip")
    if path.is_dir():
        raise UserError(f"--out {path}: is a folder; name a file")
    if path.suffix != ".zip":
        raise UserError(f"--out {path}: name a file that ends in .zip")
    written = write_zip(package, path)
    if as_json:
        click.echo(json.dumps(summary(written, folder), indent=2))
        return
    table = Table(title=f"{package.title}: {path}, {written.size:,} bytes")
    table.add_column("file")
    table.add_column("bytes", justify="right")
    for name, size in written.files.items():
        table.add_row(name, f"{size:,}")
    show_table(console, table)
    if not written.bitstream:
        console.print(
            f"no bitstream in {folder / OUTPUT}: this makes and adds it: {add(folder)}",
            soft_wrap=True,
        )


def add(folder: Path) -> str:
    """The command that builds a bitstream and packs it."""
    return f"lenetgen vivado {folder} && lenetgen package {folder}"


def summary(written: Zip, folder: Path) -> dict[str, object]:
    """The result as plain data."""
    return {
        "path": str(written.path),
        "bytes": written.size,
        "files": written.files,
        "bitstream": written.bitstream,
        "add_bitstream": None if written.bitstream else add(folder),
    }
