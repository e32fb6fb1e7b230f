"""What a network costs in hardware: a row's cycles and resources at one common frame rate.

Input: a typed graph; output: plain values. All rows of a study get the same goal, so that their
resources can be compared: the cheapest design with a frame every ``CYCLES`` cycles.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from ...codegen.errors import UserError
from ...codegen.explore import search
from ...codegen.ir import Graph, WeightedOp
from ...codegen.resources import part_budget
from ..evaluation import storage_bits

PART = "xc7z020clg400-1"
CYCLES = 2500  # per frame, what plain ``emit`` reaches with LeNet-5


def hardware(typed: Graph, cycles: int = CYCLES) -> dict[str, Any]:
    """Estimated LUT, FF, DSP, BRAM36, interval and latency; ``no_fit`` says why there are none."""
    try:
        found = search(typed.name, typed, part_budget(PART), cycles)
    except UserError as error:
        return {"no_fit": str(error)}
    return {
        "goal": cycles,
        "interval": found.timing.interval,
        "latency": found.timing.latency,
        **{key: round(value, 1) for key, value in asdict(found.resources).items()},
    }


def size(graph: Graph) -> dict[str, int]:
    """Weights, those that aren't zero, multiplications an image of each, and bits as stored.

    Multiplications of a convolution count its weights at every place, padding included.
    """
    weighted = [op for op in graph.ops if isinstance(op, WeightedOp)]
    places = [math.prod(op.out.image_shape[:2]) for op in weighted]
    every = [op.weights.values.size for op in weighted]
    live = [int((op.weights.values != 0).sum()) for op in weighted]
    return {
        "weights": sum(every),
        "nonzero": sum(live),
        "macs": sum(count * place for count, place in zip(every, places, strict=True)),
        "nonzero_macs": sum(count * place for count, place in zip(live, places, strict=True)),
        "stored_bits": storage_bits(weighted)[1],
    }
