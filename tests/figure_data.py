"""Figures as the studies draw them, and the hard cases; as a script, draws those named.

Arguments of the script: a folder, then names.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from lenetgen.models.studies import figures

LABELS = """float32|Q8.8|Q6.6|Q4.4|mixed|auto|Q4.4, rescaled|float32, trained on
half of conv2 pruned|half of conv2 pruned, Q4.4|half of conv2 pruned, mixed
80 % of the weights pruned
QAT Q8.8|QAT Q6.6
QAT Q4.4|QAT mixed|QAT auto|QAT 3 and 4 bits|half of conv2 pruned, QAT Q4.4
half of conv2 pruned, QAT mixed|pruned conv2 50 % + Q4.4 (QAT)|pruned conv2 50 % + mixed (QAT)
pruned fc1 70 % + Q4.4 (QAT)|pruned all 30 % + Q6.6 (PTQ)""".replace("\n", "|").split("|")
KILOBYTES = (177, 88, 66, 44, 62, 58, 44, 177, 120, 30, 42, 177, 88, 66, 44, 62, 50, 21, 30, 42, 30)
ACCURACIES = (
    98.9,
    98.9,
    98.88,
    97.2,
    98.85,
    98.87,
    98.1,
    99.02,
    98.8,
    96.9,
    98.7,
    98.75,
    99,
    99.01,
)
ACCURACIES += (98.9, 99.05, 99, 98.8, 98.7, 98.85, 98.72, 98.86, 98.4, 98.7)
LAND = "AnnualCrop Forest HerbaceousVegetation Highway Industrial Pasture PermanentCrop Residential"
Draw = Callable[[Path], None]


def points() -> list[dict[str, Any]]:
    """24 networks as the study has them: long labels, three groups, most accuracies alike."""
    return [
        {
            "group": "quantized training"
            if "QAT" in label
            else "float"
            if "." in label
            else "other",
            "label": label,
            "x": size,
            "y": accuracy,
            "error": 0.35 if accuracy < 98.3 else 0.05,
        }
        for label, size, accuracy in zip(LABELS, [*KILOBYTES, 42, 27, 60], ACCURACIES, strict=True)
    ]


def bars() -> list[dict[str, Any]]:
    rows = [{"label": row["label"], "value": row["y"], "error": row["error"]} for row in points()]
    return [{**row, "claimed": 95.77} if place % 5 == 0 else row for place, row in enumerate(rows)]


def run(label: str, epochs: int, first: float) -> dict[str, Any]:
    """Losses and accuracies that fall and rise steeply, then hardly."""
    found = []
    for number in range(epochs):
        rest = float(np.exp(-number / 1.3))
        row = {"number": number + 1, "loss": 2 * rest + 0.02, "validation_loss": rest + first / 2}
        found.append({**row, "validation_accuracy": 1 - 0.5 * rest - first / 5})
    return {"label": label, "epochs": found}


def mistakes(classes: int) -> np.ndarray:
    counts = np.diag(np.full(classes, 1024))
    counts[0, 1:] = np.arange(1, classes)
    counts[2:, 1] = 12
    return counts


def layers() -> list[dict[str, Any]]:
    """Normal weights on a coarse grid, on one they don't fit, and on one too fine to draw."""
    values = np.random.default_rng(7).normal(0, 0.1, 3000)
    counts, edges = np.histogram(values, 40)
    binned = {"counts": counts.tolist(), "edges": edges.tolist()}
    return [
        {"name": "conv1", "values": values, "grid_low": -8, "grid_high": 7.9375, "step": 2**-4},
        {"name": "separable_conv2d_3_depthwise", "values": values, "type": "ap_fixed<5,-1>"},
        {"name": "fc1", **binned, "type": "ap_fixed<16,6,AP_RND,AP_SAT>"},
        {"name": "one", "values": [0.01, 0.01], "grid_low": -8, "grid_high": 7, "step": 1},
    ]


def curves() -> list[dict[str, Any]]:
    ways = {"one-shot": 0.1, "iterative": 0.03}
    parts = {0.0: "", 0.3: "30 %, 2 epochs", 0.5: "", 0.7: "70 %, 4 epochs"}
    return [
        {"group": f"{kind}, {way}", "label": label, "x": part, "y": 0.75 - more * loss * part**3}
        for kind, more in (("unstructured", 1), ("structured", 4))
        for way, loss in ways.items()
        for part, label in parts.items()
    ]


FIGURES: dict[str, Draw] = {
    "pareto": lambda path: figures.pareto(points(), path, "kB stored", "accuracy, %", log=True),
    "pareto_one": lambda path: figures.pareto(points()[:1], path, "kB", "accuracy, %"),
    "pareto_equal": lambda path: figures.pareto(
        [{**row, "x": 50, "y": 98} for row in points()[:9]], path, "kB", "accuracy, %"
    ),
    "pareto_huge": lambda path: figures.pareto(
        [
            {**row, "x": 10.0 ** (index - 3), "y": row["y"] if index else 9.8}
            for index, row in enumerate(points()[:12])
        ],
        path,
        "kB",
        "accuracy, %",
        log=True,
    ),
    "ablation": lambda path: figures.ablation_bars(bars(), path, "test accuracy, %"),
    "ablation_wide": lambda path: figures.ablation_bars(
        [{"label": "a " * 40, "value": -12345.6}, {"label": "b", "value": 20.0}], path, "LUT"
    ),
    "confusion": lambda path: figures.confusion(mistakes(10), path, title="Q4.4, first seed"),
    "confusion_names": lambda path: figures.confusion(mistakes(8), path, classes=LAND.split()),
    "curves": lambda path: figures.training_curves(
        [run(label, 16, 0.01 * index) for index, label in enumerate(LABELS[:8])], path
    ),
    "curves_one": lambda path: figures.training_curves([run("float32", 1, 0.1)], path),
    "sparsity": lambda path: figures.sparsity_curves(curves(), path),
    "weights": lambda path: figures.weight_histogram(layers(), path),
}


if __name__ == "__main__":
    for chosen in sys.argv[2:]:
        FIGURES[chosen](Path(sys.argv[1]) / f"{chosen}.svg")
