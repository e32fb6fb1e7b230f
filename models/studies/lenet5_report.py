"""The report of study ``lenet5``, from its JSON alone: measured beside claimed, with figures."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from . import figures

NOISE = 0.24  # points of accuracy on 10,000 images that rank nothing
Q44 = {"grid_low": -8.0, "grid_high": 7.9375, "step": 0.0625}

LABELS: Mapping[str, str] = {
    "float": "float32",
    "q8.8": "Q8.8",
    "q6.6": "Q6.6",
    "q4.4": "Q4.4",
    "mixed": "mixed",
    "auto": "auto",
    "q4.4-rescaled": "Q4.4, rescaled",
    "q4.4-corrected": "Q4.4, biases corrected",
    "float-longer": "float32, trained on",
    "half": "half of conv2 pruned",
    "half-q4.4": "half of conv2 pruned, Q4.4",
    "half-mixed": "half of conv2 pruned, mixed",
    "sparse": "80 % of the weights pruned",
    "qat-q8.8": "QAT Q8.8",
    "qat-q6.6": "QAT Q6.6",
    "qat-q4.4": "QAT Q4.4",
    "qat-mixed": "QAT mixed",
    "qat-auto": "QAT auto",
    "qat-low": "QAT 3 and 4 bits",
    "qat-half-q4.4": "half of conv2 pruned, QAT Q4.4",
    "qat-half-mixed": "half of conv2 pruned, QAT mixed",
}
# What the study this project started from states: accuracy in %, storage saved in %, DSP slices.
CLAIMED: Mapping[str, tuple[float, float | None, int]] = {
    "float": (95.77, None, 86),
    "q4.4": (93.88, 50.6, 52),
    "mixed": (95.95, 13.8, 56),
    "half": (95.74, None, 68),
    "half-q4.4": (93.62, 75.3, 45),
}
SETUPS: Mapping[str, str] = {
    "study": "the study's recipe: SGD 0.01 without momentum, batch 64, 5 epochs",
    "best": "the bundled LeNet-5's recipe: Adam, augmentation, noise on the weights, 16 epochs",
}

Rows = dict[str, list[dict[str, Any]]]  # results of a row, a seed each


def report(content: dict[str, Any], folder: Path) -> list[str]:
    """Write the figures into ``folder`` and return the report in Markdown."""
    options = content["options"]
    seeds = ", ".join(map(str, options["seeds"]))
    versions = ", ".join(f"{name} {value}" for name, value in content["versions"].items())
    lines = [
        "# Study lenet5",
        "",
        f"MNIST, 10,000 test images; seeds {seeds}: mean ± standard deviation in points. Quantized",
        "rows are the golden integers, which the hardware gives. A tenth of the training images",
        "chooses the epoch; nothing was chosen on the test set. Accuracies less than",
        f"{NOISE} points apart are noise. Storage: weights in the fewest bits that hold a layer's",
        "codes, biases as declared. Hardware: the cheapest design with a frame every 2,500 cycles,",
        "of the first seed's network, estimated; measured with Yosys where it says so.",
        "",
    ]
    for name, about in SETUPS.items():
        rows = _results(content, name)
        if rows:
            lines += [f"## {name.capitalize()}: {about}", "", *_table(rows, name == "study"), ""]
            lines += _figures(name, rows, folder)
    study = _results(content, "study")
    if study:
        lines += ["## What was claimed", "", *_claims(study), ""]
    lines += [
        "## How",
        "",
        f"`lenetgen study lenet5 --seeds {seeds.replace(' ', '')}`, {content['seconds'] / 60:.0f} "
        f"minutes summed over the rows, on {content['machine']['processor']} ({versions}).",
    ]
    return lines


def _results(content: dict[str, Any], setup: str) -> Rows:
    """Row name -> results of all seeds, in the order of the rows."""
    rows: Rows = {}
    for row in content["rows"]:
        if row["chain"].rpartition("-")[0] == setup:
            rows.setdefault(row["row"], []).append(row["result"])
    return rows


def _accuracy(results: list[dict[str, Any]]) -> tuple[float, float]:
    """Mean and deviation in percent; one seed has no deviation."""
    found = [100 * result["accuracy"] for result in results]
    return mean(found), stdev(found) if len(found) > 1 else 0.0


def _table(rows: Rows, claimed: bool) -> list[str]:
    measured = any(name.startswith("synth-") for name in rows)
    head = ["network", "accuracy, %", *(["claimed"] if claimed else []), "storage"]
    head += ["weights not zero", "MACs not zero", "cycles", "LUT", "FF", "DSP", "BRAM36"]
    head += ["LUT, FF, DSP, BRAM36 measured"] if measured else []
    lines = [f"| {' | '.join(head)} |", "| --- " * len(head) + "|"]
    full = rows["float"][0]["stored_bits"]
    for name, label in LABELS.items():
        if name not in rows:
            continue
        first = rows[name][0]
        middle, spread = _accuracy(rows[name])
        cells = [label, f"{middle:.2f} ± {spread:.2f}"]
        if claimed:
            cells.append(f"{CLAIMED[name][0]:.2f}" if name in CLAIMED else "")
        bits = first["stored_bits"]
        less = f" (−{100 * (1 - bits / full):.0f} %)" if bits < full else ""
        cells.append(f"{bits / 8000:.1f} kB{less}")
        cells += [f"{first['nonzero']:,}", f"{first['nonzero_macs']:,}"]
        cells += _hardware(rows, name)
        if measured:
            cells.append(_synthesised(rows, name))
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _hardware(rows: Rows, name: str) -> list[str]:
    found = rows.get(f"hw-{name}", [{}])[0]
    if "lut" not in found:
        return ["does not fit" if "no_fit" in found else "", "", "", "", ""]
    return [
        f"{found['interval']:,}",
        *(f"{found[key]:,.0f}" for key in ("lut", "ff", "dsp")),
        f"{found['bram']:g}",
    ]


def _synthesised(rows: Rows, name: str) -> str:
    found = rows.get(f"synth-{name}", [{}])[0]
    if "lut" not in found:
        return ""
    return f"{found['lut']:,}, {found['ff']:,}, {found['dsp']}, {found['bram36']:g}"


def _claims(rows: Rows) -> list[str]:
    """Claim, measurement and reason, a line each."""
    full = rows["float"][0]
    macs, weights = full["macs"], full["weights"]
    largest, wide = _reach(rows["float"][:1]), _reach(rows["float"])
    half = 100 * (1 - rows["half"][0]["stored_bits"] / full["stored_bits"])

    def against(name: str, other: str) -> str:
        return f"{_accuracy(rows[name])[0] - _accuracy(rows[other])[0]:+.2f}"

    def saved(name: str) -> str:
        return f"{100 * (1 - rows[name][0]['stored_bits'] / full['stored_bits']):.1f} %"

    return [
        "| claim | measured here | why |",
        "| --- | --- | --- |",
        f"| float32 has 95.77 % | {_accuracy(rows['float'])[0]:.2f} % | the study names neither "
        "its activations nor its split; ReLU, max pooling and 54,000 training images here |",
        f"| Q4.4 costs 1.89 points | {against('q4.4', 'float')} points | weights rounded to "
        "sixteenths, results too |",
        f"| rescaling recovers 0.8 points | {against('q4.4-rescaled', 'q4.4')} points | a power of "
        "two per layer here, 26.67 there: it moves the binary point and costs nothing |",
        f"| quantized training recovers 0.82 points | {against('qat-q4.4', 'q4.4')} points; the "
        f"float network trained on as long: {against('float-longer', 'float')} | part of it is "
        "longer training |",
        f"| pruning half of conv2 costs 0.03 points | {against('half', 'float')} points against "
        f"float, {against('half', 'float-longer')} against float trained on as long | it is "
        "fine-tuned, which pays more at this rate than the filters cost |",
        f"| weights lie in ±0.3 and use 7.5 % of Q4.4's range | the largest is {largest:.2f} "
        f"(all seeds: up to {wide:.2f}), {100 * largest / -Q44['grid_low']:.1f} % of ±8 | "
        "±0.3 would be 3.75 % |",
        f"| Q4.4 saves 50.6 %, mixed 13.8 % | {saved('q4.4')} and {saved('mixed')} | 8 of 32 bits "
        "are 75 % less by themselves; codes here need fewer bits still |",
        f"| pruning with Q4.4 saves 75.3 % | {saved('half-q4.4')} (pruning alone {half:.1f} %) | "
        "removed filters take their share of fc1 along |",
        f"| conv2 is 93.3 % of 2.4 M MACs | 240,000 of {macs:,} ({100 * 240_000 / macs:.1f} %) | "
        f"{weights:,} weights at their places |",
        "| 360 DSP slices | 220 DSP48E1 | XC7Z020, DS190 |",
    ]


def _reach(results: list[dict[str, Any]]) -> float:
    """The largest weight, without its sign."""
    layers = [layer for result in results for layer in result["layers"].values()]
    return float(max(max(-layer["low"], layer["high"]) for layer in layers))


def _figures(setup: str, rows: Rows, folder: Path) -> list[str]:
    """Draw a recipe's figures; the lines that show them."""
    shown = []

    def add(name: str, text: str) -> Path:
        shown.extend([f"![{text}]({setup}-{name}.svg)", ""])
        return folder / f"{setup}-{name}.svg"

    named = {name: label for name, label in LABELS.items() if name in rows}
    bars: list[dict[str, Any]] = []
    for name, label in named.items():
        middle, spread = _accuracy(rows[name])
        bar: dict[str, Any] = {"label": label, "value": middle, "error": spread}
        if setup == "study" and name in CLAIMED:
            bar["claimed"] = CLAIMED[name][0]
        bars.append(bar)
    figures.ablation_bars(bars, add("accuracy", "Accuracies"), xlabel="test accuracy, %")
    points = [(name, rows[name][0]["stored_bits"] / 8000) for name in named]
    figures.pareto(
        [_point(rows, name, x) for name, x in points],
        add("storage", "Accuracy over storage"),
        xlabel="stored weights and biases, kB",
        ylabel="test accuracy, %",
        log=True,
    )
    costs = [(name, rows.get(f"hw-{name}", [{}])[0].get("lut")) for name in named]
    if any(x is not None for _, x in costs):
        figures.pareto(
            [_point(rows, name, x) for name, x in costs if x is not None],
            add("lut", "Accuracy over LUTs"),
            xlabel="estimated LUT at a frame every 2,500 cycles",
            ylabel="test accuracy, %",
        )
    curves = [
        {"label": named[name], "epochs": rows[name][0]["history"]}
        for name in ("float", "float-longer", "half", "qat-q4.4", "qat-mixed", "qat-low")
        if name in named
    ]
    figures.training_curves(curves, add("curves", "Loss and accuracy by epoch, first seed"))
    layers = [
        {"name": name, "counts": layer["counts"], "edges": _edges(layer), **Q44}
        for name, layer in rows["float"][0]["layers"].items()
    ]
    path = add("weights", "Weights of the float network on the grid of Q4.4, first seed")
    figures.weight_histogram(layers, path)
    for name in ("float", "q4.4"):
        safe = re.sub(r"\W", "", name)
        title = f"{named[name]}, first seed"
        path = add(f"confusion-{safe}", f"Confusion matrix, {title}")
        figures.confusion(rows[name][0]["confusion"], path, title=title)
    return shown


def _edges(layer: dict[str, Any]) -> list[float]:
    count = len(layer["counts"])
    width = (layer["high"] - layer["low"]) / count
    return [layer["low"] + index * width for index in range(count + 1)]


def _point(rows: Rows, name: str, x: float) -> dict[str, Any]:
    middle, spread = _accuracy(rows[name])
    group = "float" if name in FLOATS else "quantized after training"
    if name.startswith("qat-"):
        group = "quantized training"
    return {"group": group, "label": LABELS[name], "x": x, "y": middle, "error": spread}


FLOATS = ("float", "float-longer", "half", "sparse")
