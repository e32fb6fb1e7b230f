"""Designs with a name: what ``--preset`` stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .. import models

LOW = Path(models.__file__).parent / "precisions" / "lenet5-low.toml"
TYPES_FOR = "lenet5"  # the model whose layers the presets' types were chosen for


@dataclass(frozen=True)
class Preset:
    """Goals by option name, and the types of the bundled LeNet-5's layers."""

    help: str
    precision: str
    goals: Mapping[str, int | bool]


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
}


def preset_precision(preset: str | None, model: str) -> str | None:
    """The preset's types if ``model`` is the one they were chosen for."""
    return PRESETS[preset].precision if preset is not None and model == TYPES_FOR else None
