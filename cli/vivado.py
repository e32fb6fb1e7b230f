"""``lenetgen vivado``: build an emitted design with Vivado or Vitis HLS, and read the reports."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, cast

import click
from rich.console import Console
from rich.table import Table

from ..codegen.errors import UserError
from ..codegen.render import to_json, write_text
from ..sim.package import Package, load
from ..vivado.run import HlsTool
from ..vivado.stages import ALL_STAGES, default_stages, document, notes, run_stages
from .common import show_table
from .estimate import estimate

TIMING_FAILED = 3  # exit code: built, but the clock is not met
COLUMNS = {"lut": "LUT", "ff": "FF", "dsp": "DSP", "bram36": "BRAM36"}


@click.command(name="vivado", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--stage",
    "stages",
    multiple=True,
    type=click.Choice([*ALL_STAGES, "report"]),
    help="Run this stage only; may be given several times. report: only read what is there.  "
    "[all of the board project; core where there is none]",
)
@click.option("--jobs", type=click.IntRange(1, 64), default=2, show_default=True)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.0, min_open=True),
    default=240.0,
    show_default=True,
    help="Minutes a stage may take.",
)
@click.option("--no-board-files", is_flag=True, help="Leave installed board files aside.")
@click.option(
    "--hls-tool",
    type=click.Choice(["vitis_hls", "vitis-run", "v++"]),
    help="For the hls stages.  [the first that is on PATH]",
)
@click.option("--json", "json_only", is_flag=True, help="Print the result as JSON only.")
def command(
    folder: Path,
    stages: tuple[str, ...],
    jobs: int,
    timeout: float,
    no_board_files: bool,
    hls_tool: str | None,
    json_only: bool,
) -> None:
    """Build FOLDER with Vivado: synthesis, placement, routing, bitstream, files for the board.

    Example: lenetgen vivado build/lenet5-mixed --jobs 8

    Logs are kept in FOLDER/vivado/logs, the reports' figures in FOLDER/reports/vivado.json. Exit
    code 2: a tool is missing or failed. 3: built, but the clock is not met.
    """
    console = Console(file=sys.stderr, quiet=json_only, highlight=False)
    package = load(folder)
    wanted = [stage for stage in stages or default_stages(folder) if stage != "report"]
    with console.status("starting") as status:
        runs = run_stages(
            package.folder,
            wanted,
            jobs=jobs,
            board_files=not no_board_files,
            hls_tool=cast(HlsTool | None, hls_tool),
            timeout_s=60.0 * timeout,
            progress=lambda stage, line: status.update(f"{stage}: {line.strip()[:100]}"),
        )
    result: dict[str, Any] = {
        "design": package.design.name,
        "board": package.board,
        "part": package.part,
        "clock_ns": package.clock_ns,
        "stages": [
            {"name": name, "seconds": round(run.seconds, 1), "log": _inside(run.log, package)}
            for name, run in runs
        ],
        "notes": notes(runs),
        **document(package.folder, package.design.name),
        "estimate": estimate(package.design, package.part),
        "yosys": _yosys(package),
    }
    path = package.folder / "reports" / "vivado.json"
    try:
        write_text(path, to_json(result))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}: choose a folder you can write") from None
    if json_only:
        click.echo(json.dumps(result, indent=2))
    else:
        _print(console, package, result, path)
    if result["timing_met"] is False:
        raise SystemExit(TIMING_FAILED)


def _inside(path: Path, package: Package) -> str:
    return path.relative_to(package.folder).as_posix()


def _yosys(package: Package) -> dict[str, Any] | None:
    """The totals of ``lenetgen synth``, if it was run."""
    path = package.folder / "reports" / "synth.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {"tool": found["tool"], **{name: found["total"][name] for name in COLUMNS}}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: not a report of lenetgen synth ({error})") from None


def _print(console: Console, package: Package, result: dict[str, Any], path: Path) -> None:
    for stage in result["stages"]:
        console.print(f"{stage['name']}: {stage['seconds']:.0f} s, log {stage['log']}")
    for note in result["notes"]:
        console.print(note)
    table = Table(title=f"{package.title}: {package.part}")
    table.add_column("source")
    for label in COLUMNS.values():
        table.add_column(label, justify="right")
    rows = _rows(result)
    for name, figures in rows:
        table.add_row(name, *(_figure(figures.get(key)) for key in COLUMNS))
    show_table(console, table)
    for name in ("core", "synth", "impl"):
        timing = result.get(name, {}).get("timing")
        if timing is not None:
            console.print(_timing_line(name, timing))
    impl = result.get("impl", {})
    if "power" in impl:
        power = impl["power"]
        console.print(
            f"power: {power['total']:.3f} W, {power['dynamic']:.3f} W of it dynamic "
            f"(confidence {power['confidence'].lower()})"
        )
    if "drc" in impl:
        rules = ", ".join(f"{n} {kind.lower()}" for kind, n in impl["drc"]["severities"].items())
        console.print(f"design rules: {rules or 'no violations'}")
    for name in result["outputs"]:
        console.print(f"wrote {package.folder / name}", soft_wrap=True)
    console.print(f"report: {path}", soft_wrap=True)


def _rows(result: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Every source of resource figures there is, with them."""
    total = result["estimate"]["total"]
    rows = [("estimate, core", {**total, "bram36": total["bram"]})]
    if result["yosys"] is not None:
        rows.append((f"{result['yosys']['tool'].split(' (')[0]}, core", result["yosys"]))
    for name, title in (("core", "core"), ("synth", "synthesized"), ("impl", "routed")):
        if "utilization" in result.get(name, {}):
            found = result[name]
            rows.append((f"{found['tool']}, {title}", found["utilization"]))
    if "hls" in result:
        hls = result["hls"]
        rows.append((f"HLS {hls['version']}, C++", {**hls, "bram36": hls["bram18"] / 2}))
    return rows


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:,g}"


def _timing_line(name: str, timing: dict[str, Any]) -> str:
    title = {"core": "core, estimate", "synth": "synthesized, estimate", "impl": "routed"}[name]
    slack = "no timed path" if timing["wns"] is None else f"WNS {timing['wns']:.3f} ns"
    failing = timing["failing"] + (timing["hold_failing"] or 0)
    verdict = "met" if timing["met"] else f"NOT met, {failing} endpoints fail"
    extra = f", {timing['unclocked']} pins without a clock" if timing["unclocked"] else ""
    return f"timing ({title}): {slack}, {verdict}{extra}"
