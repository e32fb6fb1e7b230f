"""Golden model = hls4ml's C++ for the same network, layer by layer.

Input: an emitted package, uint8 images and, if there, the float graph the design was made from;
output: a ``Report``. hls4ml converts, accumulates, pads, pools and casts by its own code, and with
the float graph it quantizes the parameters as well. What it can't express is left out and said:
the runs of layers in between are compared one by one, fed with the golden model's codes.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..codegen.errors import UserError
from ..codegen.ir import Const, Graph, MaxPool2D, Op, WeightedOp
from .golden import GoldenModel
from .hls4ml_layers import Arrays, Segment, split
from .hls4ml_process import Hls4mlModel
from .locate import Difference, first_difference
from .package import Package
from .rtl_check import Progress, counter

CHUNK = 100  # images at once: every layer's results of that many are kept


@dataclass
class Layer:
    """One operator's comparison; ``reason`` says why there is none."""

    name: str
    kind: str
    result: str  # type
    accumulator: str = ""  # hls4ml's own
    reason: str = ""
    values: int = 0
    wrong: int = 0


@dataclass
class Report:
    """What was compared, and the first difference, if any."""

    images: int
    float_parameters: bool
    layers: list[Layer]
    wrong_images: int = 0
    logits: int | None = None  # compared; None: the last layer can't be
    equal_logits: int = 0
    difference: Difference | None = None
    compile_seconds: float = 0.0
    run_seconds: float = 0.0
    models: int = 0  # hls4ml models, one per run of layers it can express

    @property
    def ok(self) -> bool:
        """Whether every integer that was compared is equal."""
        return self.wrong_images == 0

    @property
    def compared(self) -> int:
        """How many layers were compared."""
        return sum(not layer.reason for layer in self.layers)


def crosscheck(
    package: Package,
    images: npt.NDArray[np.uint8],
    *,
    floats: Graph | None = None,
    keep: Path | None = None,
    progress: Progress | None = None,
) -> Report:
    """Compare ``images`` (n, *shape) through hls4ml with the golden model, all layers.

    ``floats``: the float graph of the same model, whose parameters hls4ml then quantizes itself;
    without it hls4ml gets the design's. ``keep``: a new folder for hls4ml's projects. ``UserError``
    if hls4ml can express no layer, or ``floats`` is another model; ``ToolError`` if hls4ml fails.
    """
    graph = package.design.graph
    tell = progress or (lambda *_: None)
    parameters = _parameters(graph, floats)
    segments, reasons = split(graph)
    if not segments:
        told = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        raise UserError(f"{package.folder}: hls4ml can express none of the layers ({told})")
    layers = [
        Layer(op.name, op.kind, op.out.fmt.cpp(), reason=reasons.get(op.name, ""))
        for op in graph.ops
    ]
    report = Report(len(images), floats is not None, layers, models=len(segments))
    with tempfile.TemporaryDirectory(prefix="lenetgen-hls4ml-") as scratch:
        folder = Path(scratch) if keep is None else _new_folder(keep)
        comparison = _Comparison(graph, images, report)
        count = counter(tell, "hls4ml", len(images) * len(segments))
        for index, segment in enumerate(segments):
            tell("compile", index, len(segments))
            started = time.perf_counter()
            own = {_layer_name(segment, op): parameters[op.name] for op in _weighted(segment.ops)}
            with Hls4mlModel(segment, own, folder / f"part{index}") as model:
                report.compile_seconds += time.perf_counter() - started
                tell("compile", index + 1, len(segments))
                comparison.run(segment, model, count)
        comparison.finish()
    return report


class _Comparison:
    """Collects what differs; results that were not asked of hls4ml count as equal."""

    def __init__(self, graph: Graph, images: npt.NDArray[np.uint8], report: Report) -> None:
        self.graph, self.images, self.report = graph, images, report
        self.golden = GoldenModel(graph)
        self.wrong = np.zeros(len(images), dtype=bool)
        self.first: dict[int, Difference] = {}  # by image

    def run(self, segment: Segment, model: Hls4mlModel, count: Any) -> None:
        """All images through one segment."""
        started = time.perf_counter()
        entries = {layer.name: layer for layer in self.report.layers}
        for op in segment.ops:
            if not isinstance(op, MaxPool2D):  # only picks
                own = model.types[_layer_name(segment, op)]
                entries[op.name].accumulator = own.get("accum", "")
        for start in range(0, len(self.images), CHUNK):
            chunk = self.images[start : start + CHUNK]
            golden = self.golden.trace(chunk)
            found = model.run(golden[segment.x.name])
            actual = {**golden, **{op.out.name: found[op.name] for op in segment.ops}}
            for op in segment.ops:
                different = actual[op.out.name] != golden[op.out.name]
                entry = entries[op.name]
                entry.values += different.size
                entry.wrong += int(different.sum())
                self.wrong[start : start + len(chunk)] |= different.reshape(len(chunk), -1).any(1)
            self._locate(start, golden, actual)
            count(len(chunk))
        self.report.run_seconds += time.perf_counter() - started

    def _locate(self, start: int, golden: dict[str, Any], actual: dict[str, Any]) -> None:
        """Keep the first wrong image's first difference; an earlier segment's goes first."""
        for place in np.flatnonzero(self.wrong[start : start + CHUNK])[:1]:
            image = start + int(place)
            if self.first and min(self.first) <= image:
                return
            difference = first_difference(
                "hls4ml",
                self.graph,
                image,
                {name: codes[place] for name, codes in golden.items()},
                {name: codes[place] for name, codes in actual.items()},
            )
            if difference is not None:
                self.first[image] = difference

    def finish(self) -> None:
        """Sum up."""
        report, last = self.report, self.report.layers[-1]
        report.wrong_images = int(self.wrong.sum())
        report.difference = self.first[min(self.first)] if self.first else None
        if not last.reason:
            report.logits, report.equal_logits = last.values, last.values - last.wrong


def _weighted(ops: tuple[Op, ...]) -> list[WeightedOp]:
    return [op for op in ops if isinstance(op, WeightedOp)]


def _layer_name(segment: Segment, op: Op) -> str:
    """The Keras layer with ``op``'s parameters and accumulator (its ReLU has a name of its own)."""
    return segment.results[op.name].removesuffix("_relu")


def _parameters(graph: Graph, floats: Graph | None) -> dict[str, Arrays]:
    """Parameters by operator: of ``floats`` where given, else the graph's own, as reals."""
    if floats is None:
        return {
            op.name: {"weights": _reals(op.weights), "bias": _reals(op.bias)}
            for op in _weighted(graph.ops)
        }
    given = {op.name: op for op in _weighted(floats.ops)}
    result: dict[str, Arrays] = {}
    for op in _weighted(graph.ops):
        other = given.get(op.name)
        if other is None or other.weights.shape != op.weights.shape:
            raise UserError(f"the model has no layer {op.name} as the design has it")
        if not (_close(op.weights, other.weights) and _close(op.bias, other.bias)):
            raise UserError(f"layer {op.name}: the model's parameters are not the design's")
        result[op.name] = {"weights": other.weights.values, "bias": other.bias.values}
    return result


def _reals(const: Const) -> npt.NDArray[np.float64]:
    assert const.format is not None
    return const.values * float(const.format.step)


def _close(codes: Const, floats: Const) -> bool:
    """Whether one may come from the other by some rounding: how is hls4ml's to say."""
    assert codes.format is not None
    step = float(codes.format.step)
    low, high = codes.format.min_code * step, codes.format.max_code * step
    inside = (floats.values >= low) & (floats.values <= high)  # the rest may wrap around
    return bool((np.abs(_reals(codes) - floats.values)[inside] <= step).all())


def _new_folder(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UserError(f"--keep {folder}: holds other files; choose a new folder")
    except OSError as error:
        raise UserError(f"--keep {folder}: {error.strerror}") from None
    return folder


def as_json(report: Report) -> dict[str, Any]:
    """The report as plain data."""
    return {
        "ok": report.ok,
        "images": report.images,
        "wrong_images": report.wrong_images,
        "logits": report.logits,
        "equal_logits": report.equal_logits,
        "parameters": "float" if report.float_parameters else "design",
        "hls4ml_models": report.models,
        "layers": [vars(layer) for layer in report.layers],
        "not_compared": {layer.name: layer.reason for layer in report.layers if layer.reason},
        "difference": _plain(report.difference),
        "compile_seconds": round(report.compile_seconds, 2),
        "run_seconds": round(report.run_seconds, 2),
    }


def _plain(difference: Difference | None) -> dict[str, Any] | None:
    if difference is None:
        return None
    step = float(difference.step)
    return {**vars(difference), "step": step, "message": str(difference)}
