"""How well types fit: the real ranges of a network's results against the types that hold them.

Input: a float graph, its typed graph and uint8 images; output: one ``LayerUse`` per operator. It
chooses no types (``codegen.precision.auto`` does) and judges no accuracy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from ..codegen.formats import FixedPoint
from ..codegen.ir import Accumulator, Const, Graph, WeightedOp
from .float_model import FloatModel
from .golden import GoldenModel

CHUNK = 64  # images whose results are kept at once


@dataclass(frozen=True)
class LayerUse:
    """Types of one operator and what images made of them; fractions are of 1."""

    name: str
    kind: str
    weight: FixedPoint | None
    bias: FixedPoint | None
    accumulator: Accumulator | None
    result: FixedPoint
    weights_changed: float  # weights outside their type's range, before they were quantized
    weights_zeroed: float  # weights that are not zero but became it
    seen: tuple[float, float]  # (least, largest) real result of the float network
    limits: tuple[float, float]  # real range of the result's type
    at_limit: float  # results whose code is the least (below zero) or largest of its type

    @property
    def use(self) -> float:
        """The part of the type's range that was seen; above 1 where values did not fit."""
        low, high = self.limits
        parts = [self.seen[1] / high if high > 0 else 0.0]
        if low < 0:
            parts.append(self.seen[0] / low)
        return max(parts)


def layer_uses(graph: Graph, typed: Graph, images: npt.NDArray[np.uint8]) -> list[LayerUse]:
    """One entry per operator of ``typed``, which was made from the float graph ``graph``."""
    seen = FloatModel(graph).ranges(images)
    at_limit = _at_limit(typed, images)
    uses = []
    for before, op in zip(graph.ops, typed.ops, strict=True):
        weight = bias = accumulator = None
        changed = zeroed = 0.0
        if isinstance(op, WeightedOp) and isinstance(before, WeightedOp):
            weight, bias, accumulator = op.weights.format, op.bias.format, op.accumulator
            changed, zeroed = _weight_losses(before.weights, op.weights)
        fmt = op.out.fmt
        uses.append(
            LayerUse(
                name=op.name,
                kind=op.kind,
                weight=weight,
                bias=bias,
                accumulator=accumulator,
                result=fmt,
                weights_changed=changed,
                weights_zeroed=zeroed,
                seen=seen[op.name],
                limits=(float(fmt.real(fmt.min_code)), float(fmt.real(fmt.max_code))),
                at_limit=at_limit[op.out.name],
            )
        )
    return uses


def _weight_losses(reals: Const, codes: Const) -> tuple[float, float]:
    """(part outside the type's range by more than a step, part rounded to zero)."""
    fmt = codes.format
    if fmt is None or not reals.values.size:
        return 0.0, 0.0
    low, high = (float(fmt.real(code) + step) for code, step in _ends(fmt))
    outside = (reals.values < low) | (reals.values > high)
    zeroed = (reals.values != 0) & (codes.values == 0)
    return float(outside.mean()), float(zeroed.mean())


def _ends(fmt: FixedPoint) -> Iterator[tuple[int, Fraction]]:
    yield fmt.min_code, -fmt.step
    yield fmt.max_code, fmt.step


def _at_limit(typed: Graph, images: npt.NDArray[np.uint8]) -> dict[str, float]:
    model = GoldenModel(typed)
    counts = {op.out.name: 0 for op in typed.ops}
    for start in range(0, len(images), CHUNK):
        trace = model.trace(images[start : start + CHUNK])
        for op in typed.ops:
            fmt, codes = op.out.fmt, trace[op.out.name]
            low = (codes <= fmt.min_cast_code) & (codes < 0)
            counts[op.out.name] += int((low | (codes >= fmt.max_code)).sum())
    return {op.out.name: counts[op.out.name] / (op.out.size * len(images)) for op in typed.ops}
