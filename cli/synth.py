"""``lenetgen synth``: an emitted design's resources and logic delays, measured with Yosys."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from ..codegen.errors import UserError
from ..codegen.render import to_json, write_text
from ..models.images import images_for
from ..sim import synthesis
from ..sim.gate_level import GateRun, simulate
from ..sim.package import Package, load
from ..sim.synth_report import LOGIC_BUDGET, Row, SynthReport, measure
from ..sim.timing import LABEL
from ..sim.utilisation import RESOURCES
from .common import input_shape, progress_bars


@click.command(name="synth", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--tool", type=click.Choice(["yosys"]), default="yosys", show_default=True, help="With what."
)
@click.option(
    "--flatten/--per-module",
    default=False,
    help="All as one module: no figures per layer.  [per module]",
)
@click.option(
    "--gate-level",
    "gate_images",
    type=click.IntRange(min=1),
    metavar="N",
    help="Also play N images through the netlist and compare all results.",
)
@click.option("--dataset", help="Images for --gate-level: a data set's name, or an .npy file.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1, max=64),
    default=2,
    show_default=True,
    help="Modules synthesised at a time.",
)
@click.option("--out", type=click.Path(path_type=Path), help="JSON.  [FOLDER/reports/synth.json]")
@click.option("--json", "json_only", is_flag=True, help="Print the result as JSON only.")
def command(
    folder: Path,
    tool: str,
    flatten: bool,
    gate_images: int | None,
    dataset: str | None,
    jobs: int,
    out: Path | None,
    json_only: bool,
) -> None:
    """Synthesise the Verilog of FOLDER for the XC7Z020, out of context, and count.

    Example: lenetgen synth build/lenet5-mixed --gate-level 3

    Results are cached, so a second run takes seconds. Exit code 1: the netlist's results differ.
    """
    console = Console(file=sys.stderr, quiet=json_only, highlight=False)
    package = load(folder)
    with progress_bars(console, disable=json_only) as progress:
        netlist = synthesis.synthesise(
            package.folder / "rtl",
            package.design.name,
            flatten=flatten,
            jobs=jobs,
            progress=progress,
        )
        layers = tuple(stage.op.name for stage in package.design.stages)
        report = measure(netlist, layers)
        run = None
        if gate_images is not None:
            data = images_for(input_shape(package.design.graph), dataset, gate_images)
            images = data.images.reshape(len(data), *package.design.graph.input.shape)
            run = simulate(package, netlist, images, progress)
    document = _document(package, report, run, flatten)
    path = out or package.folder / "reports" / "synth.json"
    try:
        write_text(path, to_json(document))
    except OSError as error:
        raise UserError(f"--out {path}: {error.strerror}: choose a file you can write") from None
    if json_only:
        click.echo(json.dumps(document, indent=2))
    else:
        _print(console, package, report, run)
        console.print(f"report: {path}", soft_wrap=True)
    if run is not None and not run.ok:
        raise SystemExit(1)


def _document(
    package: Package, report: SynthReport, run: GateRun | None, flatten: bool
) -> dict[str, object]:
    return {
        "design": package.design.name,
        "model": package.model,
        "precision": package.precision,
        "mode": "flatten" if flatten else "per module",
        **report.as_json(),
        "gate_level": None if run is None else run.as_json(),
    }


def _print(console: Console, package: Package, report: SynthReport, run: GateRun | None) -> None:
    table = Table(title=f"{package.title}: {report.tool}, {report.device.name}")
    table.add_column("layer", no_wrap=True)
    for column in ("LUT", "memory", "FF", "DSP", "BRAM36", "ns", "levels"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in report.layers:
        table.add_row(*_cells(row))
    table.add_section()
    table.add_row(*_cells(report.total))
    share = report.total.used.share(report.device)
    percent = [f"{share[name]:.1f}" for name in RESOURCES]
    table.add_row("% of device", percent[0], "", *percent[1:])
    console.print(table)
    path = report.total.path
    if path is not None:
        verdict = "within" if path.delay <= 1000 * LOGIC_BUDGET else "over"
        console.print(
            f"slowest path {path.delay / 1000:.2f} ns ({LABEL}), {verdict} {LOGIC_BUDGET} ns: "
            f"{path.start} in {path.start_module or 'the top module'} to {path.end} in "
            f"{path.end_module or 'the top module'}, {path.levels} levels"
        )
    if run is not None:
        console.print(f"[{'green' if run.ok else 'red'}]{run}[/]", soft_wrap=True)


def _cells(row: Row) -> tuple[str, ...]:
    used, path = row.used, row.path
    numbers = (used.lut, used.memory_luts, used.ff, used.dsp)
    return (
        row.name,
        *(f"{number:,}" for number in numbers),
        f"{used.bram36:g}",
        "" if path is None else f"{path.delay / 1000:.2f}",
        "" if path is None else str(path.levels),
    )
