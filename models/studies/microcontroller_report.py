"""The report of study ``microcontroller``: tables, differences and figures from its JSON alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from . import figures

NETWORKS: Mapping[str, str] = {
    "float": "float",
    "longer": "float, trained on",
    "sparse": "80 % of the weights pruned",
    "half": "half of the filters and neurons removed",
    "qat": "quantized training",
    "sparse-qat": "80 % pruned, quantized training",
}
SHORT: Mapping[str, str] = {  # of the networks in the figure of storage
    "float": "float",
    "sparse": "80 % pruned",
    "half": "half",
    "qat": "QAT",
    "sparse-qat": "80 % pruned, QAT",
}
KINDS: Mapping[str, str] = {
    "float32": "float32",
    "dynamic": "dynamic range",
    "float16": "float16",
    "int8-fallback": "int8, float fallback",
    "int8": "int8 only",
}
PRECISIONS: Mapping[str, str] = {
    "mixed": "mixed",
    "auto": "auto",
    "model": "auto, as trained",
}
TITLES: Mapping[str, str] = {"mnist": "MNIST", "fashion-mnist": "Fashion-MNIST"}

Rows = dict[str, list[dict[str, Any]]]  # results of a row, a seed each


def report(content: dict[str, Any], folder: Path) -> list[str]:
    """Write the figures into ``folder`` and return the report in Markdown."""
    seeds = ",".join(map(str, content["options"]["seeds"]))
    full = " --full" if content["options"]["full"] else ""
    versions = ", ".join(f"{name} {value}" for name, value in content["versions"].items())
    machine = content["machine"]["processor"]
    lines = [
        "# Study microcontroller",
        "",
        f"LeNet-5 as TensorFlow Lite files; seeds {seeds}. Accuracy: all test images, one by one,",
        "through the TensorFlow Lite interpreter, the lowest class where several are largest. A",
        "tenth of the training images chooses the epoch, 512 of the others calibrate; nothing was",
        "chosen on the test set. Weights not zero are counted in the file. Latency: the median of",
        "all test images, one thread, with XNNPACK and with TensorFlow Lite's own kernels, on",
        f"{machine}; no microcontroller was measured.",
        "",
    ]
    for dataset, rows in _by_dataset(content).items():
        lines += [f"## {TITLES.get(dataset, dataset)}", "", *_noise(rows), *_files(rows), ""]
        lines += ["The same networks as the integers of the generated hardware:", ""]
        lines += [*_integers(rows), "", "What it comes to:", "", *_differences(rows), ""]
        lines += _figures(dataset, rows, folder)
    lines += [
        "## How",
        "",
        f"`lenetgen study microcontroller --seeds {seeds}{full}`, {content['seconds'] / 60:.0f} "
        f"minutes on {machine}, {versions}.",
    ]
    return lines


def _by_dataset(content: dict[str, Any]) -> dict[str, Rows]:
    """Data set -> row name -> results of all seeds, in the order of the rows."""
    found: dict[str, Rows] = {}
    for row in content["rows"]:
        rows = found.setdefault(row["chain"].rpartition("-")[0], {})
        rows.setdefault(row["row"], []).append(row["result"])
    return found


def _accuracy(results: list[dict[str, Any]]) -> str:
    """Mean and, of several seeds, deviation, in percent."""
    values = [100 * each["accuracy"] for each in results]
    return f"{mean(values):.2f}" + (f" ± {stdev(values):.2f}" if len(values) > 1 else "")


def _table(head: list[str], body: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *body)]


def _noise(rows: Rows) -> list[str]:
    """What two networks of the same accuracy may differ by on other images, in one run each."""
    first = next((row for results in rows.values() for row in results if "accuracy" in row), None)
    if first is None:
        return []
    part, images = first["accuracy"], first["images"]
    points = 100 * 1.96 * math.sqrt(2 * part * (1 - part) / images)
    return [
        f"Accuracies of {images:,} images less than {points:.2f} points apart rank nothing.",
        "",
    ]


def _present(
    rows: Rows, ways: Mapping[str, str]
) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
    """Network, kind of file or types, results; of the rows that there are."""
    for network in NETWORKS:
        for way in ways:
            if results := rows.get(f"{network}-{way}"):
                yield network, way, results


def _files(rows: Rows) -> list[str]:
    head = ["network", "file", "kB", "kB, gzip", "accuracy, %", "ties", "weights not zero"]
    head += ["µs, XNNPACK", "µs, own kernels"]
    body = []
    for network, kind, results in _present(rows, KINDS):
        first = results[0]
        cells = [NETWORKS[network], KINDS[kind], _kb(first["bytes"]), _kb(first["gzip"])]
        cells += [_accuracy(results), str(first["ties"]), f"{first['nonzero']:,}"]
        cells += [f"{first['micros'][0]:.1f}", f"{first['own_micros'][0]:.1f}"]
        body.append(cells)
    return _table(head, body)


def _integers(rows: Rows) -> list[str]:
    head = ["network", "types", "accuracy, %", "ties", "weights and biases, kB"]
    head += ["weights not zero"]
    body = []
    for network, precision, results in _present(rows, PRECISIONS):
        first = results[0]
        cells = [NETWORKS[network], PRECISIONS[precision], _accuracy(results)]
        cells += [str(first["ties"]), _kb(first["stored_bits"] / 8), f"{first['nonzero']:,}"]
        body.append(cells)
    return _table(head, body)


def _figures(dataset: str, rows: Rows, folder: Path) -> list[str]:
    """Accuracy over storage, training curves of the first seed; the lines that show them."""
    points = []
    groups = {
        "float32": "float32 file, gzip",
        "int8": "int8 only file, gzip",
        "mixed": "hardware's integers, after training",
        "auto": "hardware's integers, after training",
        "model": "hardware's integers, trained",
    }
    for network, way, results in _present(rows, groups):
        if network not in SHORT:
            continue
        stored = results[0].get("gzip", results[0].get("stored_bits", 0) / 8)
        label = SHORT[network] + (f" {way}" if way in ("mixed", "auto") else "")
        middle = 100 * _mean(results)
        points.append({"group": groups[way], "label": label, "x": stored / 1000, "y": middle})
    curves = [
        {"label": label, "epochs": rows[network][0]["history"]}
        for network, label in NETWORKS.items()
        if network in rows
    ]
    lines = []
    if points:
        name = f"{dataset}-storage.svg"
        x = "kB stored: a file after gzip, weights and biases of the hardware"
        figures.pareto(points, folder / name, x, "test accuracy, %", log=True)
        lines += [f"![Accuracy over storage]({name})", ""]
    if curves:
        name = f"{dataset}-curves.svg"
        figures.training_curves(curves, folder / name)
        lines += [f"![Loss and accuracy by epoch, first seed]({name})", ""]
    return lines


def _kb(size: float) -> str:
    return f"{size / 1000:.1f}"


def _differences(rows: Rows) -> list[str]:
    """Each step against the network it began with, in numbers."""
    pairs = (
        ("int8 only instead of float32", "float-float32", "float-int8"),
        ("quantized training, then int8 only", "float-int8", "qat-int8"),
        ("the same epochs in float, then int8 only", "float-int8", "longer-int8"),
        ("80 % pruned, float32", "longer-float32", "sparse-float32"),
        ("80 % pruned, int8 only", "longer-int8", "sparse-int8"),
        ("80 % pruned and quantized training, int8 only", "longer-int8", "sparse-qat-int8"),
        ("half of the filters and neurons removed, int8 only", "longer-int8", "half-int8"),
        ("quantized training, float32 file", "longer-float32", "qat-float32"),
    )
    body = []
    for text, before, after in pairs:
        if before in rows and after in rows:
            old, new = rows[before][0], rows[after][0]
            points = 100 * (_mean(rows[after]) - _mean(rows[before]))
            change = [f"{points:+.2f}"]
            change += [_percent(old[key], new[key]) for key in ("bytes", "gzip")]
            change += [_percent(old[key][0], new[key][0]) for key in ("micros", "own_micros")]
            body.append([text, _named(before), *change])
    head = ["what", "against", "points", "file", "gzip", "time, XNNPACK", "time, own kernels"]
    return _table(head, body)


def _named(row: str) -> str:
    network, _, kind = row.partition("-")
    return f"{NETWORKS[network]}, {KINDS[kind]}"


def _mean(results: list[dict[str, Any]]) -> float:
    return mean([float(each["accuracy"]) for each in results])


def _percent(old: float, new: float) -> str:
    return f"{100 * (new / old - 1):+.0f} %"
