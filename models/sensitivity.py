"""Which layer costs what: the accuracy and the logits when one layer alone has narrow types.

Input: a float graph, a ``Precision`` and a labelled set; output: a ``Sensitivity``. Every number
is counted on the integers of the golden model. "Not quantized" therefore means types so wide that
nothing is lost (``reference``), never floats; the float network is only shown beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..codegen.binary_point import covering
from ..codegen.errors import UserError
from ..codegen.formats import FixedPoint, LayerPrecision, quantized
from ..codegen.ir import Graph, InputTable, MaxPool2D, Op, WeightedOp
from ..codegen.lookup import MAX_ADDRESS_BITS, clipped, feeds_table
from ..codegen.precision import Precision, has_own
from ..sim.float_model import FloatModel
from ..sim.rtl_check import Progress, counter
from .datasets import Dataset, Images
from .evaluation import FLOAT, check_labels, evaluate
from .variants import Family, Results, exchanged
from .variants import Outcome as Outcome
from .weight_use import WeightUse, weight_use
from .weight_use import weight_histogram as weight_histogram
from .weight_use import weight_histograms as weight_histograms

REFERENCE = "reference"
WEIGHT_BITS, BIAS_BITS, RESULT_BITS = 20, 24, 18  # sums stay below 2^52: golden model in BLAS
HEADROOM = 2  # integer bits of a reference result above the range seen
MAX_FRACTION = 24  # of the reference's weights and results
MIN_SWEEP, MAX_SWEEP = 2, 16  # bits of a weight
TOLERANCE = 0.1  # points


@dataclass(frozen=True)
class Step:
    """A layer's weights in ``bits`` bits, the binary point as their range asks; all else wide."""

    bits: int
    type: str
    outcome: Outcome

    def as_dict(self) -> dict[str, Any]:
        """The fields by name, for JSON."""
        return {"bits": self.bits, "type": self.type, **self.outcome.as_dict()}


@dataclass(frozen=True)
class LayerSensitivity:
    """One operator: ``alone`` only it has narrow types, ``spared`` all but it have them.

    ``alone`` is compared with the reference, ``spared`` with the network that is quantized
    throughout: its ``change`` is what leaving this layer wide wins back. ``fewest_bits``: of the
    sweep, the fewest from which on no width loses more than the tolerance; None: not even the most.
    """

    name: str
    kind: str
    types: LayerPrecision
    alone: Outcome
    spared: Outcome
    weights: WeightUse | None
    sweep: tuple[Step, ...]
    fewest_bits: int | None

    def as_dict(self) -> dict[str, Any]:
        """The fields by name, types as C++ writes them, for JSON."""
        named = {field: getattr(self.types, field) for field in ("weight", "bias", "result")}
        return {
            "name": self.name,
            "kind": self.kind,
            **{field: None if fmt is None else str(fmt) for field, fmt in named.items()},
            "alone": self.alone.as_dict(),
            "spared": self.spared.as_dict(),
            "weights": None if self.weights is None else self.weights.as_dict(),
            "sweep": [step.as_dict() for step in self.sweep],
            "fewest_bits": self.fewest_bits,
        }


@dataclass(frozen=True)
class Sensitivity:
    """All layers of a network; ``reference`` and ``quantized`` are compared with the reference.

    ``float_accuracy``: of the float64 network; ``float_other_class``: images whose class it and
    the reference see differently; ``support``: images by class; ``tolerance`` in points.
    """

    network: str
    precision: str
    source: str
    images: int
    float_accuracy: float
    float_other_class: int
    reference: Outcome
    quantized: Outcome
    layers: tuple[LayerSensitivity, ...]
    support: tuple[int, ...]
    tolerance: float

    def as_dict(self) -> dict[str, Any]:
        """The fields by name, for JSON."""
        nested: dict[str, Any] = {
            "reference": self.reference.as_dict(),
            "quantized": self.quantized.as_dict(),
            "layers": [layer.as_dict() for layer in self.layers],
            "support": list(self.support),
        }
        return {**self.__dict__, **nested}


def reference(graph: Graph, images: Images) -> Precision:
    """Types of 18 to 24 bits that lose next to nothing; ``images`` show the results' ranges.

    Tables are read with addresses of 12 bits, the most they can have.
    """
    ranges = FloatModel(graph).ranges(images.reshape(len(images), *graph.input.shape))
    layers = {op.name: _wide(graph, op, ranges[op.name]) for op in graph.ops}
    last = graph.ops[-1]
    if isinstance(last, WeightedOp):
        layers[last.name] = replace(layers[last.name], result=None)
    return Precision(REFERENCE, layers)


def _wide(graph: Graph, op: Op, ends: tuple[float, float]) -> LayerPrecision:
    weight = bias = result = None
    if isinstance(op, WeightedOp):
        weight = _coarser(covering(WEIGHT_BITS, op.weights.values, signed=True), MAX_FRACTION)
        bias = _coarser(covering(BIAS_BITS, op.bias.values, signed=True), MAX_FRACTION + 6)
    if feeds_table(graph, op):
        result = covering(MAX_ADDRESS_BITS, clipped(*ends), signed=True)
    elif isinstance(op, InputTable):
        result = covering(RESULT_BITS, op.table.values, signed=True)
    elif not isinstance(op, MaxPool2D):
        seen = covering(RESULT_BITS, np.array(ends), signed=True)
        result = quantized(RESULT_BITS, seen.integer_bits + HEADROOM)
        result = _coarser(result, MAX_FRACTION)
    return LayerPrecision(weight, bias, result)


def _coarser(fmt: FixedPoint, fraction_bits: int) -> FixedPoint:
    """``fmt`` with at most so many fraction bits: sums of tiny and large values stay narrow."""
    return replace(fmt, integer_bits=max(fmt.integer_bits, fmt.width - fraction_bits))


def sensitivity(
    graph: Graph,
    precision: Precision,
    dataset: Dataset,
    calibration: Images,
    *,
    layers: Sequence[str] = (),
    bits: Sequence[int] = (),
    tolerance: float = TOLERANCE,
    progress: Progress | None = None,
) -> Sensitivity:
    """Measure the layers named (none: all with types) of the float graph ``graph``.

    ``calibration`` (n, *input shape) gives the ranges of the reference types; ``bits``: widths of
    weights to try in each weighted layer alone. ``UserError`` for a layer that has no types or is
    not there, widths outside 2..16, images or labels that don't fit, and a model with quantizers
    of its own: without one of them it is another network than the one that was trained.
    """
    labels = check_labels(graph, dataset)
    chosen = check_layers(graph, layers)
    widths = sorted(set(bits), reverse=True)
    if widths and not MIN_SWEEP <= widths[-1] <= widths[0] <= MAX_SWEEP:
        raise UserError(f"bits of a sweep must lie in {MIN_SWEEP}..{MAX_SWEEP}")
    images = dataset.images.reshape(len(dataset), *graph.input.shape)
    wide = reference(graph, calibration)
    family = Family(graph)
    exact, full = family.add(wide), family.add(precision)
    plans = [_plan(family, op, wide, precision, widths, (exact, full)) for op in chosen]
    tell = progress or _silent
    base = evaluate(graph, dataset, FLOAT, counter(tell, FLOAT, len(dataset)))
    told = counter(tell, "golden model", len(family) * len(dataset))
    results = family.run(images, labels, told)
    return Sensitivity(
        network=graph.name,
        precision=precision.name,
        source=dataset.source,
        images=len(dataset),
        float_accuracy=base.accuracy,
        float_other_class=int((base.classes != results.classes[exact]).sum()),
        reference=results.outcome(exact),
        quantized=results.outcome(full),
        layers=tuple(_layer(plan, precision, results, tolerance) for plan in plans),
        support=tuple(results.support.tolist()),
        tolerance=tolerance,
    )


@dataclass(frozen=True)
class _Plan:
    """The members of the family that tell about one operator."""

    op: Op
    weights: WeightUse | None
    alone: int
    spared: int
    sweep: tuple[tuple[FixedPoint, int], ...]  # the weights' type, the member


def _plan(
    family: Family,
    op: Op,
    wide: Precision,
    precision: Precision,
    widths: Sequence[int],
    parents: tuple[int, int],
) -> _Plan:
    exact, full = parents
    alone = family.add(exchanged(wide, precision, [op.name]), exact)
    spared = family.add(exchanged(precision, wide, [op.name]), full)
    sweep = []
    if isinstance(op, WeightedOp):
        for width in widths:
            fmt = covering(width, op.weights.values, signed=True)
            entry = replace(wide.layers[op.name], weight=fmt)
            narrow = replace(wide, layers={**wide.layers, op.name: entry})
            sweep.append((fmt, family.add(narrow, exact)))
    return _Plan(op, _use(op, family.typed(full)), alone, spared, tuple(sweep))


def _layer(
    plan: _Plan, precision: Precision, results: Results, tolerance: float
) -> LayerSensitivity:
    steps = [Step(fmt.width, str(fmt), results.outcome(number)) for fmt, number in plan.sweep]
    return LayerSensitivity(
        name=plan.op.name,
        kind=plan.op.kind,
        types=precision.layers[plan.op.name],
        alone=results.outcome(plan.alone),
        spared=results.outcome(plan.spared),
        weights=plan.weights,
        sweep=tuple(steps),
        fewest_bits=fewest(steps, tolerance),
    )


def check_layers(graph: Graph, layers: Sequence[str]) -> list[Op]:
    """The operators named, in graph order; none named: all that have types.

    ``UserError`` for others, and for a model with quantizers of its own.
    """
    if has_own(graph):
        raise UserError(
            f"{graph.name} was trained with quantizers of its own: take the float model it was "
            "made from, without one of them it is another network"
        )
    typed = [op for op in graph.ops if not isinstance(op, MaxPool2D)]
    names = [op.name for op in typed]
    if unknown := [name for name in layers if name not in names]:
        raise UserError(
            f"{graph.name} has no layer {unknown[0]!r} with types; there are: {', '.join(names)}"
        )
    return [op for op in typed if not layers or op.name in layers]


def fewest(steps: Sequence[Step], tolerance: float) -> int | None:
    """The fewest bits from which on no step of the sweep loses more than ``tolerance`` points."""
    result = None
    for step in sorted(steps, key=lambda step: -step.bits):
        if step.outcome.change < -tolerance:
            break
        result = step.bits
    return result


def _use(op: Op, typed: Graph) -> WeightUse | None:
    other = next(each for each in typed.ops if each.name == op.name)
    if isinstance(op, WeightedOp) and isinstance(other, WeightedOp):
        return weight_use(op, other)
    return None


def _silent(*_: object) -> None:
    """Tell nothing."""
