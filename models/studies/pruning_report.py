"""The report of study ``pruning``, from its JSON alone: a table per network and what it shows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from ..pruning import METHODS
from . import figures

# Points of accuracy on 10,000 images that rank nothing, by data set.
NOISE: Mapping[str, float] = {"mnist": 0.24, "cifar10": 0.5}
TITLES: Mapping[str, str] = {
    "lenet5": "LeNet-5 on MNIST",
    "cifar-small": "cifar-small on CIFAR-10",
    "mobilenetv2": "MobileNetV2 (width 0.35, 32×32) on CIFAR-10, masks only",
}
SCHEDULES: Mapping[str, str] = {"one-shot": "at once", "polynomial": "step by step"}

Results = dict[str, list[dict[str, Any]]]  # of a row, a seed each


def report(content: dict[str, Any], folder: Path) -> list[str]:
    """Write the figures into ``folder`` and return the report in Markdown."""
    options = content["options"]
    seeds = ",".join(map(str, options["seeds"]))
    networks = list(dict.fromkeys(row["settings"]["network"] for row in content["rows"]))
    lines = ["# Study pruning", "", *_about(len(options["seeds"])), ""]
    for name in networks:
        lines += [f"## {TITLES.get(name, name)}", "", *_network(content, name, folder), ""]
    versions = ", ".join(f"{name} {value}" for name, value in content["versions"].items())
    full = " --full" if options["full"] else ""
    lines += [
        "## How",
        "",
        f"`lenetgen study pruning --seeds {seeds}{full}`: {content['seconds'] / 60:.0f} minutes, "
        f"the sum over the rows, on {content['machine']['processor']}, which did other work too; "
        f"{versions}.",
    ]
    return lines


def _about(seeds: int) -> list[str]:
    """What the columns are."""
    spread = (
        "Accuracies: mean ± standard deviation over the seeds; all else is the first seed's."
        if seeds > 1
        else "One seed: what another seed would change is not known."
    )
    return [
        "Every row begins with the same trained network, is pruned and trained on for as many",
        "epochs; *trained on* is the fair comparison: not pruned, but trained on alike.",
        "*Unstructured* takes the smallest weights of all layers together, *structured* whole",
        "filters and neurons, except the last layer's. *Step by step*: along a polynomial during",
        "the first half of the training, as Zhu and Gupta (2017) do. Epochs are chosen on a tenth",
        "of the training images; accuracies are those of the 10,000 test images, which chose",
        f"nothing. {spread}",
        "",
        "- *reached*: of the weights, or of the filters and neurons. A number of weights is met to",
        "  the weight; filters are whole, so as many go as come nearest in all layers together.",
        "- *not zero*: weights without biases. *Parameters*: left when what no result depends on",
        "  is taken out, biases included. Integers and hardware are of this shrunk network.",
        "- *pruned*: float accuracy right after pruning at once, before it is trained on.",
        "- *integers*: accuracy of the golden integers, which the hardware gives.",
        "- *CPU*: one image through the network as a float32 TensorFlow Lite model, one thread,",
        "  median of 1,000 calls; masked, and shrunk. A masked zero is multiplied like any number.",
        "- Hardware: the cheapest design that takes a frame at least every so many cycles,",
        "  estimated for an XC7Z020, not synthesised.",
    ]


def _network(content: dict[str, Any], name: str, folder: Path) -> list[str]:
    rows = [row for row in content["rows"] if row["settings"]["network"] == name]
    results: Results = {}
    for row in rows:
        results.setdefault(row["row"], []).append(row["result"])
    settings = {row["row"]: row["settings"] for row in rows}
    base, longer = settings["base"], settings["longer"]
    images = f"the first {base['images']:,}" if base["images"] else "all"
    lines = [
        f"Trained on {images} training images for {base['base']['epochs']} epochs, then "
        f"{longer['tuned']['epochs']} more."
    ]
    if base["precision"]:
        lines[0] += (
            f" Types of the integers: `{base['precision']}`; "
            f"a frame every {settings['hw-base']['cycles']:,} cycles."
        )
    lines += ["", *_table(results, settings), "", *_findings(results, base["dataset"])]
    return [*lines, "", *_figures(name, results, settings, folder)]


def _label(name: str, settings: Mapping[str, Any]) -> str:
    if name == "base":
        return "trained"
    how = settings[name]["pruning"]
    if not how["sparsity"]:
        return "trained on"
    return f"{how['method']}, {SCHEDULES[how['schedule']]}, {100 * how['sparsity']:.0f} %"


def _percent(values: list[float]) -> str:
    middle = f"{100 * mean(values):.2f}"
    return middle + (f" ± {100 * stdev(values):.2f}" if len(values) > 1 else "")


def _table(results: Results, settings: Mapping[str, Any]) -> list[str]:
    emitted = "integers" in results["base"][0]
    head = ["network", "reached, %", "not zero", "pruned, %", "float, %"]
    head += ["integers, %", "parameters"] if emitted else []
    head += ["CPU masked, µs"] + (["CPU shrunk, µs"] if emitted else [])
    head += ["LUT", "FF", "DSP", "BRAM36", "interval"] if emitted else []
    lines = [f"| {' | '.join(head)} |", "| --- " * len(head) + "|"]
    times = results["latency"][0]["micros"]
    for name, found in results.items():
        if "weights" not in found[0]:
            continue
        first = found[0]
        pruned = [each["accuracy_pruned"] for each in found if "accuracy_pruned" in each]
        asked = first.get("asked", 0)
        cells = [_label(name, settings), f"{100 * first['reached']:.1f}" if asked else ""]
        cells += [f"{first['nonzero']:,}", _percent(pruned) if pruned and asked else ""]
        cells += [_percent([each["accuracy"] for each in found])]
        if emitted:
            cells.append(_percent([each["integers"]["accuracy"] for each in found]))
            cells.append(f"{first.get('small_parameters', first['parameters']):,}")
        cells.append(f"{times[f'{name}.keras']:.1f}")
        if emitted:
            small = times.get(f"{name}-small.keras")
            cells.append(f"{small:.1f}" if small is not None and asked else "")
            cells += _hardware(results[f"hw-{name}"][0])
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _hardware(found: Mapping[str, Any]) -> list[str]:
    if "no_fit" in found:
        return ["does not fit", "", "", "", ""]
    return [
        *(f"{found[key]:,.0f}" for key in ("lut", "ff", "dsp")),
        f"{found['bram']:g}",
        f"{found['interval']:,}",
    ]


def _findings(results: Results, dataset: str) -> list[str]:
    """Sentences whose numbers come from the rows alone."""
    noise = NOISE.get(dataset, 0.5)
    level = mean(each["accuracy"] for each in results["longer"])
    change = {
        name: 100 * (mean(each["accuracy"] for each in found) - level)
        for name, found in results.items()
        if found[0].get("asked")
    }
    same = [name for name in change if abs(change[name]) < noise]
    worst = min(change, key=lambda name: change[name])
    lines = [
        f"Against *trained on* ({100 * level:.2f} %): less than {noise} points away, which is "
        f"noise: {len(same)} of {len(change)} rows; the furthest: {_plain(worst)}, "
        f"{change[worst]:+.2f} points."
    ]
    pairs = {
        name: change[name.replace("one-shot", "polynomial")] - change[name]
        for name in change
        if "one-shot" in name
    }
    told = [
        f"{_plain(name).replace(', at once', '')}: {gain:+.2f}"
        for name, gain in pairs.items()
        if abs(gain) >= noise
    ]
    lines.append(
        "Step by step instead of at once changes "
        + ("no row by more than noise." if not told else f"(in points) {'; '.join(told)}.")
        + (" The other pairs differ by noise." if 0 < len(told) < len(pairs) else "")
    )
    off = [
        100 * abs(found[0]["reached"] - found[0]["asked"])
        for name, found in results.items()
        if name.startswith("unstructured")
    ]
    lines.append(f"Unstructured sparsity is within {max(off):.2f} points of what was asked.")
    differing = sum(found[0].get("small_differs", 0) for found in results.values())
    if "integers" in results["base"][0]:
        lines.append(
            "Of the first 1,000 test images, in all rows together, "
            f"{differing or 'none'} got another class from the shrunk network than from the masked."
        )
        lines += _saved(results)
    return ["\n".join(f"- {line}" for line in lines)]


def _saved(results: Results) -> list[str]:
    """Hardware against that of the network that is only trained on."""
    before = results["hw-longer"][0]
    if "lut" not in before:
        return [f"Without pruning no design fits: {before['no_fit']}."]
    lines = []
    for method in METHODS:
        costs = [
            rows[0]
            for name, rows in results.items()
            if name.startswith(f"hw-{method}") and "lut" in rows[0]
        ]
        if not costs:
            continue
        luts = [100 * (cost["lut"] / before["lut"] - 1) for cost in costs]
        dsps = [cost["dsp"] for cost in costs]
        lines.append(
            f"{method.capitalize()}: {min(luts):+.0f} to {max(luts):+.0f} % LUTs against *trained "
            f"on*, {min(dsps):.0f} to {max(dsps):.0f} DSP slices instead of {before['dsp']:.0f}."
        )
    return lines


def _figures(name: str, results: Results, settings: Mapping[str, Any], folder: Path) -> list[str]:
    """Accuracy over zero weights, and of the integers over LUTs."""
    curves, points = [], []
    level = results["longer"][0]["accuracy"]
    groups: set[str] = set()
    for row, found in results.items():
        if "weights" not in found[0]:
            continue
        first, group = found[0], _label(row, settings).rpartition(", ")[0]
        part = f"{100 * first.get('asked', 0):.0f} %" if group else _label(row, settings)
        if group and group not in groups:
            groups.add(group)
            curves.append({"group": group, "label": "", "x": 0.0, "y": level})
        if group:
            left = min(first["nonzero"], first.get("integers", first)["weights"])
            zero = 1 - left / first["weights"]
            curves.append({"group": group, "label": "", "x": zero, "y": first["accuracy"]})
        cost = results.get(f"hw-{row}", [{}])[0]
        if "lut" in cost:
            accuracy = 100 * first["integers"]["accuracy"]
            place = {"x": cost["lut"], "y": accuracy}
            points.append({"group": group or "not pruned", "label": part, **place})
    figures.sparsity_curves(curves, folder / f"{name}-sparsity.svg")
    lines = [f"![Accuracy over the weights that are zero or gone]({name}-sparsity.svg)"]
    if points:
        path = folder / f"{name}-luts.svg"
        figures.pareto(points, path, "LUTs, estimated", "test accuracy of the integers, %")
        lines += ["", f"![Accuracy of the integers over LUTs]({path.name})"]
    return lines


def _plain(name: str) -> str:
    """A row's name as words."""
    method, _, rest = name.partition("-")
    schedule, _, part = rest.rpartition("-")
    return f"{method}, {SCHEDULES[schedule]}, {part} %"
