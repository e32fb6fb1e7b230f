"""Seeded random networks with random types and folds, small enough for every simulator.

Input: a seed; output: a typed graph, pixels per word of the input port and a legal fold per
weighted layer, some of them hard-wired. The same seed gives the same network. Networks whose logits
are the same for every image are thrown away, so a comparison of stages over random pixels always
compares something.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ..codegen.candidates import nonzero_digits
from ..codegen.emit_hls_average import average_for
from ..codegen.errors import UserError
from ..codegen.feeds import Feed
from ..codegen.formats import FixedPoint, LayerPrecision
from ..codegen.ir import AvgPool2D, Graph, InputTable, MaxPool2D, Relu, WeightedOp
from ..codegen.layout import input_layout
from ..codegen.lookup import feeds_table
from ..codegen.pipeline import to_float_graph, to_typed_graph
from ..codegen.precision import Precision
from ..codegen.rtl_average import average_parameters
from ..codegen.schedule import Fold, Layer, output_layout, stage_feed
from ..sim.float_model import FloatModel
from ..sim.golden import GoldenModel
from ..sim.shrink_case import may_take_turns
from .random_layers import LayerBuilder, random_modes

PROBES = 48  # random images that must not all give the same logits
MAX_MULTIPLIERS = 160  # per layer: wide folds make slow simulators
MAX_DIGITS = 250  # nonzero digits of a layer's weights that may be hard-wired: the same
CONSTANT = 0.35  # share of the layers that are hard-wired if they are small
FLAT_CONSTANT = 0.8  # the same for those that then make several pixels a cycle
PIXELS = (1, 2, 4, 8)  # per word of the input port
PORTS = (0.65, 0.25, 0.1)  # shares: dividing the width, within it, any
EXTREMES = 0.3  # share of folds that are fully sequential or as wide as allowed
ATTEMPTS = 64
ADDRESS_BITS = 10  # of a table: 12 are allowed, but large tables compile slowly


@dataclass(frozen=True)
class RandomNetwork:
    """What the front end would give, the typed graph it becomes, a fold per weighted layer.

    ``pixels`` per word of the input port.
    """

    source: Graph
    graph: Graph
    folds: dict[str, Fold]
    pixels: int


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
            pixels = _port(rng, typed)
            return RandomNetwork(source, typed, random_folds(rng, typed, pixels), pixels)
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


def _port(rng: np.random.Generator, graph: Graph) -> int:
    """Pixels per word: several that divide the image's width, as many as it has at most, or any."""
    width = graph.input.image_shape[1]
    dividing = [pixels for pixels in PIXELS[1:] if width % pixels == 0]
    within = [pixels for pixels in PIXELS if pixels <= width]
    kind = int(rng.choice(3, p=PORTS))
    return int(rng.choice((dividing or within, within, PIXELS)[kind]))


def random_folds(
    rng: np.random.Generator,
    graph: Graph,
    pixels: int,
    *,
    constant: float = CONSTANT,
    flat_constant: float = FLAT_CONSTANT,
    digits: int = MAX_DIGITS,
    multipliers: int = MAX_MULTIPLIERS,
    extremes: float = EXTREMES,
) -> dict[str, Fold]:
    """A random legal fold per weighted layer.

    ``constant``: the share of layers that are hard-wired if their weights have at most ``digits``
    nonzero digits, ``flat_constant`` that of those that then make several pixels a cycle. Others
    have at most ``multipliers``, half of them of LUTs; ``extremes``: the share of the fully
    sequential and of the widest. Line buffers take turns where they may.
    """
    result: dict[str, Fold] = {}
    source = input_layout(graph.input, pixels)
    for op in graph.ops:
        x = graph.source(op)
        if isinstance(op, WeightedOp):
            layer = Layer.of(op, source)
            small = [fold for fold in layer.folds() if fold.multipliers <= multipliers]
            pick = rng.random() if extremes else 1.0
            fold = small[int(rng.integers(len(small)))]
            if pick < extremes:
                ends = (small[0], max(small, key=lambda fold: fold.multipliers))
                fold = ends[pick > extremes / 2]
            whole = layer.constant()
            flat = stage_feed(op, x, source, whole) is Feed.FLAT
            share = max(constant, flat_constant) if flat else constant
            if rng.random() < share and nonzero_digits(op) <= digits:
                fold = whole
            elif rng.random() < 0.5:
                fold = replace(fold, lut=True)
            if may_take_turns(fold, op, x, source):
                fold = replace(fold, units=int(rng.integers(1, min(op.out.shape[0], 4) + 1)))
            result[op.name] = fold
        source = output_layout(op, x, source, result.get(op.name))
    return result
