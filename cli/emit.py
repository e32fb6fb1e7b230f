"""``lenetgen emit``: a trained model becomes a folder of C++, Verilog, benches and scripts."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from ..codegen.boards import BOARDS, fclk, find_board
from ..codegen.design import Stage
from ..codegen.emit_vivado import DEFAULT_PART, validate_clock, validate_part
from ..codegen.errors import UserError
from ..codegen.gaps import GapBound
from ..codegen.names import sanitize
from ..codegen.pipeline import to_hardware_graph, to_typed_graph
from ..codegen.precision import LOGITS
from ..codegen.precision_choice import parse_choice
from ..sim.package import Options, Package, write
from .common import (
    bench_images,
    choose_precision,
    default_precision,
    float_graph,
    show_table,
)
from .estimate import estimate, estimate_line
from .goals import Goals, goal_options, planned
from .presets import preset_model, preset_precision

BENCH_IMAGES = 8  # frames of the stimulus that comes with the benches


@click.command(name="emit", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("model", required=False)
@click.option(
    "--precision",
    help="q8.8, q6.6, q4.4, mixed, auto, or a TOML file (lenetgen precision --dump writes one), "
    "options behind colons (auto:6:mse, q4.4:rescaled, ...: docs/precision.md); model: the types "
    "of the model's own quantizers.  [mixed, or model if it has any]",
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write.  [build/NAME-...]")
@goal_options
@click.option(
    "--logits",
    type=click.Choice(LOGITS),
    default="exact",
    show_default=True,
    help="Results as the exact sum, or cast to the preset's type.",
)
@click.option("--dataset", help="Calibration images for auto: a data set, or an .npy file.")
@click.option("--part", help=f"Device for Vivado.  [{DEFAULT_PART}, or the board's]")
@click.option("--board", help=f"Also a project for a board: {', '.join(BOARDS)}.")
@click.option("--clock-mhz", default=100.0, show_default=True, help="Clock for Vivado and HLS.")
@click.option("--name", help="Top module and C++ function.  [from the model's name]")
@click.option("--dump-ir", type=click.Path(path_type=Path), help="Write the graph of every pass.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON only.")
def command(
    model: str | None,
    precision: str | None,
    out: Path | None,
    goals: Goals,
    preset: str | None,
    logits: str,
    dataset: str | None,
    part: str | None,
    board: str | None,
    clock_mhz: float,
    name: str | None,
    dump_ir: Path | None,
    as_json: bool,
) -> None:
    """Write HLS C++, Verilog, benches and Vivado scripts for MODEL (a file or a zoo name).

    Example: lenetgen emit --precision mixed --out build/lenet5-mixed
    """
    console = Console(file=sys.stderr, quiet=as_json, highlight=False)
    model = model or preset_model(preset)
    part, clock_ns = _target(part, board, clock_mhz)
    design_name = _design_name(name, model)
    with console.status("loading the model (TensorFlow takes a few seconds)"):
        graph = float_graph(model, dump_ir)
    choice = precision or preset_precision(preset, model) or default_precision(graph)
    asked = parse_choice(choice)
    target = out or Path("build") / f"{design_name}-{preset or asked.file_label}"
    started = time.perf_counter()
    with console.status("emitting"):
        types, note = choose_precision(choice, graph, logits, dataset)
        typed = to_hardware_graph(to_typed_graph(graph, types, dump_ir), dump_ir)
        design, timing = planned(design_name, typed, goals, part)
        options = Options(
            precision=asked.label, model=Path(model).name, part=part, clock_ns=clock_ns, board=board
        )
        images = bench_images(typed, BENCH_IMAGES)
        package = write(design, timing, options, images, target)
    seconds = time.perf_counter() - started
    if as_json:
        click.echo(json.dumps(summary(package, target, seconds), indent=2))
        return
    if note:
        console.print(note)
    _print(console, package, target, seconds)


def _target(part: str | None, board: str | None, clock_mhz: float) -> tuple[str, float]:
    """The part, and the period in ns of a clock it can have."""
    if board is None:
        clock_ns = 1000.0 / clock_mhz if clock_mhz > 0 else float("inf")
        return validate_part(part or DEFAULT_PART), validate_clock(clock_ns)
    found = find_board(board)
    if part not in (None, found.part):
        raise UserError(f"--part {part}: the part of {board} is {found.part}; leave --part out")
    return found.part, 1000.0 / fclk(found, clock_mhz).mhz


def _design_name(name: str | None, model: str) -> str:
    if name is None:
        return sanitize(Path(model).stem)
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,39}", name) or sanitize(name) != name:
        raise UserError(
            f"--name {name!r}: must be lower-case letters, digits and single underscores, start "
            "with a letter, and be no keyword"
        )
    return name


def summary(package: Package, folder: Path, seconds: float) -> dict[str, Any]:
    """The result as plain data."""
    design, timing = package.design, package.timing
    return {
        "folder": str(folder),
        "name": design.name,
        "precision": package.precision,
        "part": package.part,
        "board": package.board,
        "clock_ns": package.clock_ns,
        "interval_cycles": timing.interval,
        "latency_cycles": timing.latency,
        "multipliers": design.schedule.multipliers,
        "estimate": estimate(design, package.part),
        "seconds_after_imports": round(seconds, 2),
        "layers": {
            stage.op.name: {
                "kind": stage.op.kind,
                "result": str(stage.op.out.fmt),
                "engine": engine(stage),
                "pe": stage.fold.pe if stage.fold else None,
                "simd": stage.fold.simd if stage.fold else None,
            }
            for stage in design.stages
        },
    }


def engine(stage: Stage) -> str | None:
    """How a weighted layer is computed; None for any other."""
    if stage.fold is None:
        return None
    return "constant" if stage.fold.constant else "folded"


def _print(console: Console, package: Package, folder: Path, seconds: float) -> None:
    table = Table(title=f"{package.title}: {folder}")
    for column in ("layer", "kind", "result", "type", "PE x SIMD", "cycles/frame"):
        table.add_column(column, justify="right" if column == "cycles/frame" else "left")
    for stage in package.design.stages:
        fold = stage.fold
        table.add_row(
            stage.op.name,
            stage.op.kind,
            "x".join(map(str, stage.op.out.shape)),
            str(stage.op.out.fmt),
            "constant" if stage.adders else f"{fold.pe} x {fold.simd}" if fold else "",
            str(stage.cycles),
        )
    show_table(console, table)
    timing = package.timing
    rate = 1e9 / (timing.interval * package.clock_ns)
    console.print(
        f"initiation interval {timing.interval} cycles, latency {timing.latency} cycles, "
        f"{package.design.schedule.multipliers} multipliers"
    )
    console.print(f"{GapBound.of(package.design, timing)}", soft_wrap=True)
    console.print(
        f"{rate:,.0f} frames/s at {1000 / package.clock_ns:g} MHz, unrouted; "
        f"emitted in {seconds:.1f} s"
    )
    console.print(estimate_line(package.design, package.part))
    console.print(f"next: lenetgen verify {folder}")
