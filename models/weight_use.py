"""How a layer's weights lie in the type that holds them: range used, zeros, saturation, histogram.

Input: a weighted operator of a float graph and a type; output: a ``WeightUse`` or a
``WeightHistogram``. No image is looked at and nothing is judged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..codegen.errors import UserError
from ..codegen.formats import FixedPoint
from ..codegen.ir import Const, Graph, WeightedOp
from ..codegen.narrowing import weight_width

PERCENTILES = (0.1, 1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0, 99.9)
MAX_GRID = 1 << 20  # values that ``grid`` lists


@dataclass(frozen=True)
class WeightUse:
    """What a type makes of a layer's weights; parts are of 1.

    ``range_use``: (largest - least weight) / (2**width * step), above 1 where they do not fit;
    ``percentiles``: (percent, real weight) pairs; ``bits_used``: the fewest bits that hold all
    codes, zeros at the end of all of them left out, as the hardware multiplies them;
    ``entropy_bits``: Shannon's entropy of the codes, per weight; ``to_zero``: weights that are not
    zero and became it; ``zero``: all codes that are zero; ``saturated``: weights more than a step
    outside the type's range.
    """

    type: str
    weights: int
    least: float
    largest: float
    range_use: float
    percentiles: tuple[tuple[float, float], ...]
    bits_used: int
    entropy_bits: float
    to_zero: float
    zero: float
    saturated: float

    def as_dict(self) -> dict[str, Any]:
        """The fields by name, for JSON."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class WeightHistogram:
    """Counts of a layer's real weights and the values its type has codes for.

    ``counts``: int64 (bins,); ``edges``: float64 (bins + 1,), rising; ``codes``: the first and last
    code within the edges (first > last: none); ``step``: the real value of code 1.
    """

    name: str
    type: str
    counts: npt.NDArray[np.int64]
    edges: npt.NDArray[np.float64]
    codes: tuple[int, int]
    step: float

    def grid(self) -> npt.NDArray[np.float64]:
        """The representable values within the edges; ``ValueError`` if they are over a million."""
        first, last = self.codes
        if last - first >= MAX_GRID:
            raise ValueError(f"{self.name}: {last - first + 1} values of {self.type} in its range")
        return np.arange(first, last + 1, dtype=np.float64) * self.step

    def as_dict(self) -> dict[str, Any]:
        """The fields by name, arrays as lists, for JSON."""
        arrays = {"counts": self.counts.tolist(), "edges": self.edges.tolist()}
        return {"name": self.name, "type": self.type, **arrays, "codes": list(self.codes)} | {
            "step": self.step
        }


def weight_use(op: WeightedOp, quantized: WeightedOp) -> WeightUse:
    """``op`` of the float graph against the same operator of the typed graph."""
    reals, codes, fmt = op.weights.values, quantized.weights.values, _format(quantized.weights)
    step = float(fmt.step)
    low, high = float(fmt.real(fmt.min_code)) - step, float(fmt.real(fmt.max_code)) + step
    least, largest = float(reals.min()), float(reals.max())
    shares = np.unique(codes, return_counts=True)[1] / codes.size
    return WeightUse(
        type=str(fmt),
        weights=reals.size,
        least=least,
        largest=largest,
        range_use=(largest - least) / (2.0**fmt.width * step),
        percentiles=tuple(
            (percent, float(value))
            for percent, value in zip(PERCENTILES, np.percentile(reals, PERCENTILES), strict=True)
        ),
        bits_used=weight_width(quantized),
        entropy_bits=abs(float((shares * np.log2(shares)).sum())),
        to_zero=float(((reals != 0) & (codes == 0)).mean()),
        zero=float((codes == 0).mean()),
        saturated=float(((reals < low) | (reals > high)).mean()),
    )


def weight_histogram(
    op: WeightedOp, fmt: FixedPoint, bins: int | Sequence[float] = 64
) -> WeightHistogram:
    """Histogram of the real weights of ``op``, an operator of a float graph, for a type ``fmt``.

    ``bins``: how many between the least and the largest weight, or their rising edges; weights
    outside given edges are not counted. ``UserError`` if ``bins`` is neither.
    """
    edges = bins if isinstance(bins, int) else np.asarray(bins, dtype=np.float64)
    if isinstance(edges, int):
        if edges < 1:
            raise UserError(f"a histogram needs at least one bin, not {edges}")
    elif edges.ndim != 1 or len(edges) < 2 or not (np.diff(edges) > 0).all():
        raise UserError("a histogram needs at least two edges, each larger than the one before")
    counts, found = np.histogram(op.weights.values, bins=edges)
    first = max(int(np.ceil(np.ldexp(found[0], fmt.fraction_bits))), fmt.min_code)
    last = min(int(np.floor(np.ldexp(found[-1], fmt.fraction_bits))), fmt.max_code)
    return WeightHistogram(op.name, str(fmt), counts, found, (first, last), float(fmt.step))


def weight_histograms(
    graph: Graph, typed: Graph, bins: int | Sequence[float] = 64
) -> tuple[WeightHistogram, ...]:
    """One for every weighted layer of the float graph ``graph``, by the types of ``typed``."""
    return tuple(
        weight_histogram(op, _format(other.weights), bins)
        for op, other in zip(graph.ops, typed.ops, strict=True)
        if isinstance(op, WeightedOp) and isinstance(other, WeightedOp)
    )


def _format(weights: Const) -> FixedPoint:
    if weights.format is None:
        raise ValueError("the second graph has no types")
    return weights.format
