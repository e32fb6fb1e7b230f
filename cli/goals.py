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
from ..codegen.gaps import least_latency
from ..codegen.ir import Graph, WeightedOp
from ..codegen.layout import input_layout
from ..codegen.resources import Resources, known_part, part_budget
from ..codegen.schedule import DEFAULT_MULTIPLIERS, schedule
from .presets import PRESETS

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

    def multipliers(self, part: str) -> int:
        """Multipliers of a design without a goal; a part of unknown size counts as the default."""
        if self.dsp is None and not known_part(part):
            return DEFAULT_MULTIPLIERS
        return int(self.budget(part).dsp)


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
        pixels_per_clock: str | None,
        preset: str | None,
        **rest: Any,
    ) -> Any:
        named = PRESETS[preset].goals if preset is not None else {}
        if named:  # options given beside the preset win
            fit = fit or bool(named.get("fit") and target_cycles is None)
            target_cycles = _or(target_cycles, None if fit else named.get("target_cycles"))
            target_latency = _or(target_latency, named.get("target_latency"))
            max_lut = _or(max_lut, named.get("max_lut"))
            max_dsp = _or(max_dsp, named.get("max_dsp"))
            max_bram = _or(max_bram, named.get("max_bram"))
            pixels_per_clock = pixels_per_clock or str(named.get("pixels_per_clock", 1))
        goals = Goals(
            target_cycles,
            target_latency,
            fit,
            max_lut,
            max_ff,
            max_dsp,
            max_bram,
            int(pixels_per_clock or 1),
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
        return command(*args, goals=goals, preset=preset, **rest)

    presets = "; ".join(f"{name}: {preset.help}" for name, preset in PRESETS.items())
    options = [
        click.option(
            "--preset",
            type=click.Choice(list(PRESETS)),
            help=f"Goals with a name, a bundled model where none is named, its types. {presets}.",
        ),
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
            help="Pixels a word of the input port carries.  [1]",
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


def _or(given: int | None, named: int | None) -> int | None:
    return named if given is None else given


def planned(name: str, typed: Graph, goals: Goals, part: str) -> tuple[Design, Timing]:
    """The design for the goals and its predicted timing.

    With a goal every layer may be folded or constant; without, all layers are folded and as fast
    as the multipliers allow.
    """
    wanted = goals.fit or goals.pixels > 1 or goals.cycles is not None or goals.latency is not None
    if wanted:
        budget = goals.budget(part)
        words = input_layout(typed.input, goals.pixels).words
        least = least_latency(words, len(typed.ops))
        if goals.latency is not None and goals.latency < least:
            raise UserError(
                f"--target-latency {goals.latency}: {words} words of input pass {len(typed.ops)} "
                f"layers, each at least a cycle; the smallest possible value is {least}"
            )
        found = search(name, typed, budget, goals.cycles, goals.latency, goals.pixels)
        return found.design, found.timing
    for limit, given in (("lut", goals.lut), ("ff", goals.ff), ("bram", goals.bram)):
        if given is not None:
            raise UserError(
                f"--max-{limit} {given}: a limit needs a goal; add --fit, --target-cycles N or "
                "--target-latency N"
            )
    weighted = sum(isinstance(op, WeightedOp) for op in typed.ops)
    if goals.dsp is not None and goals.dsp < weighted:
        raise UserError(
            f"--max-dsp {goals.dsp}: without a goal each of {weighted} layers has a multiplier; "
            f"the smallest possible value is {weighted}, or add --fit for multipliers in LUTs"
        )
    design = build_design(name, typed, schedule(typed, None, goals.multipliers(part)))
    return design, measure(design)
