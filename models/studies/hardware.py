"""What a network costs in hardware: a row's cycles and resources at one common frame rate.

Input: a typed graph; output: plain values, estimated or measured with Yosys. All rows of a study
get the same goal, so that their resources can be compared: the cheapest design with a frame every
``CYCLES`` cycles.
"""

from __future__ import annotations

import math
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...codegen.emit_verilog import emit
from ...codegen.errors import UserError
from ...codegen.explore import Found, search
from ...codegen.ir import Graph, WeightedOp
from ...codegen.pipeline import to_hardware_graph
from ...codegen.resources import part_budget
from ...sim.synth_report import measure
from ...sim.synthesis import synthesise
from ..evaluation import storage_bits

PART = "xc7z020clg400-1"
CYCLES = 2500  # per frame, what plain ``emit`` reaches with LeNet-5


def hardware(typed: Graph, cycles: int = CYCLES) -> dict[str, Any]:
    """Estimated LUT, FF, DSP, BRAM36, interval and latency; ``no_fit`` says why there are none."""
    try:
        found = _found(typed, cycles)
    except UserError as error:
        return {"no_fit": str(error)}
    return {
        "goal": cycles,
        "interval": found.timing.interval,
        "latency": found.timing.latency,
        **{key: round(value, 1) for key, value in asdict(found.resources).items()},
    }


def measured(typed: Graph, cycles: int = CYCLES) -> dict[str, Any]:
    """The same design synthesised with Yosys, out of context; cached by content."""
    try:
        design = _found(typed, cycles).design
    except UserError as error:
        return {"no_fit": str(error)}
    with tempfile.TemporaryDirectory() as folder:
        emit(design, "study", Path(folder))
        netlist = synthesise(Path(folder) / "rtl", design.name, jobs=1)
        report = measure(netlist, tuple(stage.op.name for stage in design.stages)).as_json()
    total = report["total"]
    return {
        **{key: total[key] for key in ("lut", "ff", "dsp", "bram36")},
        "logic_ns": round(report["timing"]["worst"]["delay_ns"], 2),
        "tool": report["tool"],
    }


def _found(typed: Graph, cycles: int) -> Found:
    return search(typed.name, to_hardware_graph(typed), part_budget(PART), cycles)


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
