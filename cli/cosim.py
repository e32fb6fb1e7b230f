"""``lenetgen cosim``: the cocotb bench of an emitted folder, on its Verilog or on Vitis HLS'."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from rich.console import Console

from ..codegen.errors import UserError
from ..sim.cosim import run_benches
from ..sim.package import load
from ..vivado.vitis_cosim import run_vitis


@click.command(name="cosim", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--rtl",
    type=click.Choice(["emitted", "vitis"]),
    default="emitted",
    show_default=True,
    help="The Verilog of FOLDER/rtl, or what Vitis HLS wrote from FOLDER/hls.",
)
@click.option(
    "--verilog",
    type=click.Path(path_type=Path),
    help="Folder of Vitis HLS' Verilog.  [where lenetgen vivado --stage hls-csynth leaves it]",
)
@click.option("--layers", is_flag=True, help="Compare every layer's stream too (emitted only).")
@click.option("--filter", "test_filter", help="Only tests whose name this pattern is found in.")
@click.option("--waves", is_flag=True, help="Write a VCD file.")
@click.option("--json", "json_only", is_flag=True, help="Print the result as JSON only.")
def command(
    folder: Path,
    rtl: str,
    verilog: Path | None,
    layers: bool,
    test_filter: str | None,
    waves: bool,
    json_only: bool,
) -> None:
    """Run the cocotb bench of FOLDER: every result against the golden model, bit for bit.

    Example: lenetgen cosim build/lenet5-mixed --rtl vitis

    Exit code 1: a test failed. 2: wrong input, or the simulator did not run.
    """
    console = Console(file=sys.stderr, quiet=json_only, highlight=False)
    if rtl == "emitted" and verilog is not None:
        raise UserError("--verilog names the Verilog of Vitis HLS: give --rtl vitis, too")
    if rtl == "vitis" and layers:
        raise UserError("--layers compares streams of the emitted Verilog: leave it or --rtl vitis")
    package = load(folder)
    with console.status("starting") as status:
        if rtl == "vitis":
            report = run_vitis(
                package, verilog, test_filter=test_filter, waves=waves, progress=status.update
            )
        else:
            report = run_benches(
                package,
                layers=layers,
                test_filter=test_filter,
                waves=waves,
                progress=status.update,
            )
    if json_only:
        result = {
            "design": package.design.name,
            "rtl": rtl,
            "ok": report.ok,
            "tests": [
                {"name": t.name, "state": t.state, "seconds": t.seconds, "message": t.message}
                for t in report.tests
            ],
            "log": str(report.log),
            "waves": None if report.waves is None else str(report.waves),
        }
        click.echo(json.dumps(result, indent=2))
    else:
        console.print(f"{package.title}: {rtl} Verilog")
        console.print(report.text(), soft_wrap=True, markup=False)
    if not report.ok:
        raise SystemExit(1)
