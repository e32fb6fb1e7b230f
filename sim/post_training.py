"""Post-training quantization: types and biases of a trained float network from images.

Input: a float graph, what a user chose and calibration images; output: a ``Precision``. Nothing is
trained. What is kept of the images' results is a few numbers per layer, however many there are.

Bias correction is the empirical one of Nagel, van Baalen, Blankevoort, Welling, "Data-Free
Quantization Through Weight Equalization and Bias Correction" (ICCV 2019): layer by layer, with
the layers before corrected already, the mean error of each channel's sum leaves the bias.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from ..codegen.binary_point import Losses, Method, fitted
from ..codegen.formats import FixedPoint
from ..codegen.ir import Activation, Const, Graph, WeightedOp
from ..codegen.passes.assign_formats import assign_formats, with_sum
from ..codegen.precision import (
    AUTO,
    OWN,
    Precision,
    auto,
    from_toml,
    own,
    preset,
    rescaled,
    result_candidates,
)
from ..codegen.precision_choice import Choice
from .float_model import FloatModel, evaluate
from .golden import GoldenModel

CHUNK = 256  # images whose sums are kept at once

Images = npt.NDArray[np.uint8]


def post_training(
    choice: Choice, graph: Graph, logits: str = "exact", images: Images | None = None
) -> Precision:
    """The types (and corrected biases) that ``choice`` stands for.

    ``images`` (n, *input shape): calibration images, n >= 1; may be None where the choice needs
    none. ``logits``: ``exact`` or ``preset``, for presets and ``auto``. ``UserError`` for a file
    that can't be read and for a model whose own quantizers make no exact network.
    """
    types = _types(choice, graph, logits, images)
    if choice.rescaled:
        types = rescaled(types, graph, choice.points)
    if choice.corrected:
        assert images is not None, "bias correction needs images"
        fits = choice.rescaled or choice.base == AUTO
        types = corrected(types, graph, images, fits=fits)
    return replace(types, name=choice.named(types.name))


def _types(choice: Choice, graph: Graph, logits: str, images: Images | None) -> Precision:
    if choice.base == OWN:
        return own(graph)
    if choice.file is not None:
        return from_toml(choice.file, graph)
    if choice.base != AUTO:
        return preset(choice.base, graph, logits)
    assert images is not None, "auto needs images"
    return calibrated(graph, images, choice, logits)


def calibrated(graph: Graph, images: Images, choice: Choice, logits: str = "exact") -> Precision:
    """``auto`` with the bits and the method of ``choice``, from ``images``."""
    bits, method = choice.bits, choice.points
    ranges = FloatModel(graph).ranges(images)
    results: dict[str, FixedPoint] = {}
    if method != Method.MIN_MAX:
        found = result_candidates(graph, ranges, bits.result)
        results = fitted_results(graph, images, found, method)
    return auto(graph, ranges, logits, bits=bits, method=method, results=results)


def fitted_results(
    graph: Graph,
    images: Images,
    candidates: Mapping[str, tuple[FixedPoint, ...]],
    method: Method,
) -> dict[str, FixedPoint]:
    """The candidate that ``method`` picks for each operator's result, from every value of it."""
    losses = {name: Losses(found) for name, found in candidates.items()}
    for op, _, values in FloatModel(graph).steps(images):
        if op.name in losses and len(losses[op.name].candidates) > 1:
            losses[op.name].add(values)
    return {name: each.choose(method) for name, each in losses.items()}


def corrected(
    precision: Precision, graph: Graph, images: Images, *, fits: bool = False
) -> Precision:
    """``precision`` with biases whose channels' sums have the float network's means on ``images``.

    ``fits``: the binary point of a layer's biases moves to where it covers the new ones; else what
    leaves their type saturates.
    """
    wanted = _float_means(graph, images)
    for index, op in enumerate(graph.ops):
        if not isinstance(op, WeightedOp):
            continue
        part = graph.with_ops(graph.ops[: index + 1])
        means, biases = _integer_means(assign_formats(part, precision), images)
        bias = Const(biases - (means - wanted[op.name]))
        layers = dict(precision.layers)
        fmt = layers[op.name].bias
        if fits and fmt is not None:
            layers[op.name] = replace(layers[op.name], bias=fitted(fmt, bias.values))
        precision = replace(precision, layers=layers, biases={**precision.biases, op.name: bias})
    return precision


def _float_means(graph: Graph, images: Images) -> dict[str, npt.NDArray[np.float64]]:
    """Mean of every channel's sum before the activation, by weighted layer: float64 (channels,)."""
    totals: dict[str, npt.NDArray[np.float64]] = {}
    for op, x, _ in FloatModel(graph).steps(images):
        if isinstance(op, WeightedOp):
            sums = evaluate(replace(op, activation=Activation.LINEAR), x)
            total = sums.reshape(-1, sums.shape[-1]).sum(axis=0)
            totals[op.name] = totals.get(op.name, 0.0) + total
    return {
        op.name: totals[op.name] / (len(images) * _positions(op))
        for op in graph.ops
        if isinstance(op, WeightedOp)
    }


def _integer_means(
    typed: Graph, images: Images
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(mean of every channel's exact sum, the quantized biases) of the last layer, as reals."""
    op = typed.ops[-1]
    assert isinstance(op, WeightedOp) and op.bias.format is not None
    linear = with_sum(replace(op, activation=Activation.LINEAR), typed.source(op), None)
    model = GoldenModel(typed.with_ops((*typed.ops[:-1], linear)))
    channels = op.bias.values.size
    total = np.zeros(channels, dtype=object)
    for start in range(0, len(images), CHUNK):
        sums = model.run(images[start : start + CHUNK])
        total = total + sums.reshape(-1, channels).sum(axis=0, dtype=object)
    count = len(images) * _positions(op)
    step = linear.out.fmt.step
    means = np.array([float(Fraction(int(each)) * step / count) for each in total])
    return means, op.bias.values * float(op.bias.format.step)


def _positions(op: WeightedOp) -> int:
    """Results a channel has in an image."""
    return op.out.size // op.bias.values.size
