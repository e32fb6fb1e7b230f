"""The goals a design is made for: options that several commands share, and what they choose."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from ..codegen.cycles import Timing, measure
from ..codegen.design import Design, build_design
from ..codegen.errors import UserError
from ..codegen.explore import search
from ..codegen.ir import Graph
from ..codegen.resources import Resources, part_budget
from ..codegen.schedule import schedule

SHARE = 0.85  # of the part a design may take unless told otherwise: the rest is for routing


@dataclass(frozen=True)
class Goals:
    """What the user asked for; None where nothing."""

    cycles: int | None
    latency: int | None
    fit: bool
    lut: int | None
    ff: int | None
    dsp: int | None
    bram: int | None
    pixels: int = 1

    def budget(self, part: str) -> Resources:
        """The limits given, 85 % of ``part`` where there are none."""
        whole = part_budget(part)
        shares = {
            name: float(limit) if limit is not None else int(getattr(whole, name) * SHARE)
            for name, limit in (
                ("lut", self.lut),
                ("ff", self.ff),
                ("dsp", self.dsp),
                ("bram", self.bram),
            )
        }
        return Resources(**shares)


def goal_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options; the command gets them as ``goals``."""

    @functools.wraps(command)  # also hands on the options declared below
    def wrapped(
        *args: Any,
        target_cycles: int | None,
        target_latency: int | None,
        fit: bool,
        max_lut: int | None,
        max_ff: int | None,
        max_dsp: int | None,
        max_bram: int | None,
        pixels_per_clock: str,
        **rest: Any,
    ) -> Any:
        goals = Goals(
            target_cycles,
            target_latency,
            fit,
            max_lut,
            max_ff,
            max_dsp,
            max_bram,
            int(pixels_per_clock),
        )
        for name, limit in (
            ("lut", max_lut),
            ("ff", max_ff),
            ("dsp", max_dsp),
            ("bram", max_bram),
        ):
            if limit is not None and limit < 0:
                raise UserError(f"--max-{name} {limit}: a number of 0 or more is needed")
        if fit and target_cycles is not None:
            raise UserError("--fit is the fastest design that fits: give it or --target-cycles")
        return command(*args, goals=goals, **rest)

    options = [
        click.option("--target-cycles", type=int, help="Goal: at most this many cycles per frame."),
        click.option(
            "--target-latency",
            type=int,
            help="Goal: at most this many cycles from a frame's first pixel to its last result.",
        ),
        click.option("--fit", is_flag=True, help="Goal: the fastest design that fits the limits."),
        click.option(
            "--pixels-per-clock",
            type=click.Choice(["1", "2", "4", "8"]),
            default="1",
            show_default=True,
            help="Pixels a word of the input port carries.",
        ),
        *(
            click.option(
                f"--max-{name}",
                type=int,
                help=f"At most this many {what}.  [85 % of the part]",
            )
            for name, what in (
                ("lut", "LUTs"),
                ("ff", "flip-flops"),
                ("dsp", "DSP48E1"),
                ("bram", "36-Kbit block RAMs"),
            )
        ),
    ]
    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped


def planned(name: str, typed: Graph, goals: Goals, part: str) -> tuple[Design, Timing]:
    """The design for the goals and its predicted timing.

    With a goal every layer may be folded or constant; without, all layers are folded and as fast
    as the multipliers allow.
    """
    budget = goals.budget(part)
    if goals.fit or goals.pixels > 1 or not (goals.cycles is None and goals.latency is None):
        found = search(name, typed, budget, goals.cycles, goals.latency, goals.pixels)
        return found.design, found.timing
    design = build_design(name, typed, schedule(typed, None, int(budget.dsp)))
    return design, measure(design)
