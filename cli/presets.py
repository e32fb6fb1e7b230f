"""Designs with a name: what ``--preset`` stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .. import models

LOW = Path(models.__file__).parent / "precisions" / "lenet5-low.toml"
MODEL = "lenet5"  # what a command takes where neither a model nor a preset is named


@dataclass(frozen=True)
class Preset:
    """Goals by option name, the bundled model they are for, and the types of its layers.

    ``precision`` None: the model's own.
    """

    help: str
    precision: str | None
    goals: Mapping[str, int | bool]
    model: str = MODEL


PRESETS: Mapping[str, Preset] = {
    "fast": Preset(
        "eight pixels a clock, a frame every 100 cycles",
        str(LOW),
        {"pixels_per_clock": 8, "target_cycles": 100, "target_latency": 400},
    ),
    "balanced": Preset(
        "a pixel a clock, a frame every 784 cycles",
        "mixed",
        {"target_cycles": 784, "target_latency": 1300},
    ),
    "small": Preset(
        "the fastest within 7,000 estimated LUT, 122 DSP and 37 block RAMs",
        str(LOW),
        {"fit": True, "max_lut": 7000, "max_dsp": 122, "max_bram": 37},
    ),
    "tiny": Preset(
        "lenet5-slim-qat without DSP slices and block RAM, a frame every 12,000 cycles",
        None,
        {"target_cycles": 12000, "max_dsp": 0, "max_bram": 0},
        "lenet5-slim-qat",
    ),
}


def preset_model(preset: str | None) -> str:
    """The model a preset is for."""
    return MODEL if preset is None else PRESETS[preset].model


def preset_precision(preset: str | None, model: str) -> str | None:
    """The preset's types if ``model`` is the one they were chosen for."""
    if preset is None or model != PRESETS[preset].model:
        return None
    return PRESETS[preset].precision
