"""``lenetgen estimate``: what a design takes of its part, in seconds, before any synthesis."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from ..codegen.design import Design
from ..codegen.gaps import GapBound
from ..codegen.resources import (
    Resources,
    design_resources,
    known_part,
    part_budget,
    table,
    total,
)
from ..sim.package import load
from .common import show_table

NAMES = {"lut": "LUT", "ff": "FF", "dsp": "DSP48E1", "bram": "BRAM36"}


@click.command(name="estimate", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--input-gap",
    type=click.IntRange(min=0),
    metavar="G",
    help="Also bound the timing for up to G idle cycles before each input word.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON only.")
def command(folder: Path, input_gap: int | None, as_json: bool) -> None:
    """Estimate cycles and resources of an emitted design, per layer and in all.

    Example: lenetgen estimate build/lenet5-mixed

    The figures come from the structure of the design and a fit to Yosys; lenetgen synth measures.
    """
    package = load(folder)
    report = estimate(package.design, package.part)
    report |= {
        "interval_cycles": package.timing.interval,
        "latency_cycles": package.timing.latency,
    }
    bound = GapBound.of(package.design, package.timing)
    if input_gap is not None:
        report["with_input_gap"] = {
            "gap": input_gap,
            "interval_cycles": bound.interval(input_gap),
            "latency_cycles": bound.latency(input_gap),
        }
    if as_json:
        click.echo(json.dumps(report, indent=2))
        return
    console = Console(file=sys.stderr, highlight=False)
    table = Table(title=f"{package.title}: estimate for {package.part}")
    table.add_column("layer")
    for label in ("cycles/frame", *NAMES.values()):
        table.add_column(label, justify="right")
    cycles = {stage.op.name: str(stage.cycles) for stage in package.design.stages}
    for name, row in report["layers"].items():
        table.add_row(name, cycles.get(name, ""), *(f"{row[key]:,g}" for key in NAMES))
    table.add_section()
    table.add_row("all", "", *(f"{report['total'][key]:,g}" for key in NAMES))
    show_table(console, table)
    console.print(estimate_line(package.design, package.part))
    console.print(calibration_line(), soft_wrap=True)
    console.print(f"{bound}", soft_wrap=True)
    if input_gap is not None:
        console.print(
            f"G = {input_gap}: at most {bound.interval(input_gap):,} cycles per frame, latency at "
            f"most {bound.latency(input_gap):,}",
            soft_wrap=True,
        )


def estimate(design: Design, part: str) -> dict[str, Any]:
    """Resources by layer and in all as plain data, and what they are of ``part``, if known."""
    parts = design_resources(design)
    layers = {name: _rounded(found) for name, found in parts.items()}
    whole = total(parts)
    report: dict[str, Any] = {"part": part, "layers": layers, "total": _rounded(whole)}
    report["calibration"] = table()["held_out"]
    if known_part(part):
        budget = part_budget(part)
        report["share"] = {name: round(used, 4) for name, used in whole.used_of(budget).items()}
        report["binding"] = whole.binding(budget)
    return report


def estimate_line(design: Design, part: str) -> str:
    """One line: the shares of the part, and what exceeds it."""
    whole = total(design_resources(design))
    counts = _rounded(whole)
    if not known_part(part):
        return "estimate: " + ", ".join(f"{counts[key]:,g} {NAMES[key]}" for key in NAMES)
    budget = part_budget(part)
    shares = whole.used_of(budget)
    line = "estimate: " + ", ".join(
        f"{counts[key]:,g} {NAMES[key]} ({shares[key]:.0%})" for key in NAMES
    )
    over = [
        f"{NAMES[key]} {counts[key]:,g} of {getattr(budget, key):,g}"
        for key, share in shares.items()
        if share > 1
    ]
    return f"{line}; exceeds {part}: {', '.join(over)}" if over else line


def calibration_line() -> str:
    """One line: how far estimates were from Yosys on designs they were not fitted on."""
    held = table()["held_out"]
    errors = []
    for key, label in NAMES.items():
        name, worst = held["worst"][key]
        errors.append(f"{label} {held['mape'][key]:.1f} % (worst {worst:+.0f} %, {name})")
    return f"mean error on {held['designs']} designs measured with Yosys: {', '.join(errors)}"


def _rounded(resources: Resources) -> dict[str, float]:
    """Whole cells; half block RAMs stay."""
    return {
        name: round(value * 2) / 2 if name == "bram" else round(value)
        for name, value in asdict(resources).items()
    }
