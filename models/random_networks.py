"""Seeded random networks with random types and folds, small enough for every simulator.

Input: a seed; output: a typed graph and a legal fold per weighted layer. The same seed gives the
same network. Networks whose logits are the same for every image are thrown away, so a comparison
of stages over random pixels always compares something.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..codegen.emit_hls_average import average_for
from ..codegen.errors import UserError
from ..codegen.formats import FixedPoint, LayerPrecision
from ..codegen.ir import AvgPool2D, Graph, InputTable, MaxPool2D, Relu, WeightedOp
from ..codegen.layout import input_layout
from ..codegen.lookup import feeds_table
from ..codegen.pipeline import to_float_graph, to_typed_graph
from ..codegen.precision import Precision
from ..codegen.rtl_average import average_parameters
from ..codegen.schedule import Fold, Layer, output_layout
from ..sim.float_model import FloatModel
from ..sim.golden import GoldenModel
from .random_layers import LayerBuilder, random_modes

PROBES = 48  # random images that must not all give the same logits
MAX_MULTIPLIERS = 160  # per layer: wide folds make slow simulators
ATTEMPTS = 64
ADDRESS_BITS = 10  # of a table: 12 are allowed, but large tables compile slowly


@dataclass(frozen=True)
class RandomNetwork:
    """What the front end would give, the typed graph it becomes, a fold per weighted layer."""

    source: Graph
    graph: Graph
    folds: dict[str, Fold]


def random_network(seed: int) -> RandomNetwork:
    """The network of ``seed`` (any integer >= 0)."""
    for attempt in range(ATTEMPTS):
        rng = np.random.default_rng([seed, attempt])
        source = LayerBuilder(rng, f"random_{seed}").build()
        try:
            graph = to_float_graph(source)
            probes = random_images(graph, PROBES, seed)
            typed = to_typed_graph(graph, _precision(rng, graph, probes))
            _check_averages(typed)
        except UserError:  # a normalization that can't move, a sum too wide for any accumulator
            continue
        if len(np.unique(GoldenModel(typed).run(probes), axis=0)) > 1:
            return RandomNetwork(source, typed, _folds(rng, typed))
    raise RuntimeError(f"seed {seed}: no network with varying logits in {ATTEMPTS} attempts")


def random_images(graph: Graph, count: int, seed: int) -> npt.NDArray[np.uint8]:
    """``count`` uint8 images for ``graph``: all black, all white, sparse, noise.

    Shape (count, *input shape); the same seed gives the same images.
    """
    rng = np.random.default_rng([seed, 0xC0FFEE])
    images = rng.integers(0, 256, (count, *graph.input.shape), dtype=np.uint8)
    images[: count // 3] *= rng.random(images[: count // 3].shape) < 0.2
    images[:1] = 0
    images[1:2] = 255
    return images


def _check_averages(graph: Graph) -> None:
    """``UserError`` if a mean needs wider numbers than the hardware has."""
    for op in graph.ops:
        if isinstance(op, AvgPool2D):
            average_for(op, graph.source(op))
            average_parameters(op, graph.source(op))


def _precision(rng: np.random.Generator, graph: Graph, probes: npt.NDArray[np.uint8]) -> Precision:
    """Types near each value's real range: some saturate, some waste bits, some are exact."""
    ranges = FloatModel(graph).ranges(probes)
    layers: dict[str, LayerPrecision] = {}
    for op in graph.ops:
        weight = bias = None
        if isinstance(op, WeightedOp):
            weight = _format(rng, op.weights.values, widths=(2, 10))
            bias = _format(rng, op.bias.values, widths=(2, 16))
        address = feeds_table(graph, op)
        widths = (2, ADDRESS_BITS) if address else (2, 16)
        result: FixedPoint | None = _format(rng, np.array(ranges[op.name]), widths)
        if isinstance(op, InputTable):
            result = _format(rng, op.table.values, widths=(3, 12))
        last = op is graph.ops[-1] and isinstance(op, WeightedOp)
        exact = isinstance(op, (WeightedOp, AvgPool2D, Relu)) and rng.random() < 0.05
        if isinstance(op, MaxPool2D) or (exact and not address) or (last and rng.random() < 0.6):
            result = None
        if op.own is not None and op.own.result is not None:
            result = op.own.result
        layers[op.name] = LayerPrecision(weight, bias, result)
    return Precision("random", layers)


def _format(
    rng: np.random.Generator, values: npt.NDArray[np.float64], widths: tuple[int, int]
) -> FixedPoint:
    """A type whose range covers ``values`` but for -2 to +2 bits."""
    largest = max(float(np.max(np.abs(values))), 2.0**-6)
    negative = bool((values < 0).any())
    signed = bool(rng.random() < (0.95 if negative else 0.5))
    headroom = int(rng.choice([-2, -1, 0, 1, 2], p=[0.15, 0.25, 0.35, 0.15, 0.1]))
    width = 1 if rng.random() < 0.12 else int(rng.integers(widths[0], widths[1] + 1))
    integer_bits = int(np.frexp(largest)[1]) + headroom + (1 if signed else 0)
    return FixedPoint(signed, width, integer_bits, *random_modes(rng))


def _folds(rng: np.random.Generator, graph: Graph) -> dict[str, Fold]:
    """A random legal fold per weighted layer; fully sequential and widest more often."""
    result: dict[str, Fold] = {}
    source = input_layout(graph.input)
    for op in graph.ops:
        if isinstance(op, WeightedOp):
            legal = list(Layer.of(op, source).folds())
            small = [fold for fold in legal if fold.multipliers <= MAX_MULTIPLIERS]
            pick = rng.random()
            index = 0 if pick < 0.15 else int(rng.integers(len(small)))
            if 0.15 <= pick < 0.25:
                index = max(range(len(small)), key=lambda i: small[i].multipliers)
            result[op.name] = small[index]
        source = output_layout(op, graph.source(op), source, result.get(op.name))
    return result
