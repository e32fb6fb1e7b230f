"""Images per second of the golden model on the bundled LeNet-5, by preset; prints JSON.

MNIST test images where they are found, else the enlarged digits, repeated to ``IMAGES``. One run to
warm up, then the best of ``REPEATS``, model construction not counted. ``make bench`` measures the
whole tool; this one shows which number type each preset's layers get.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

import numpy as np
from lenetgen.codegen.frontend import load_model
from lenetgen.codegen.ir import WeightedOp
from lenetgen.codegen.pipeline import to_float_graph, to_typed_graph
from lenetgen.codegen.precision import preset
from lenetgen.models.images import images_for
from lenetgen.models.zoo import model_file
from lenetgen.sim.golden import GoldenModel
from lenetgen.sim.golden.arithmetic import exact_dtype
from lenetgen.sim.golden.weighted import largest_sum

IMAGES = 4000
REPEATS = 3
PRESETS = ("mixed", "q4.4", "q6.6", "q8.8")


def measure() -> dict[str, Any]:
    """Images per second and the layers' number types for every preset."""
    graph = to_float_graph(load_model(model_file("lenet5")))
    data = images_for(graph.input.image_shape)
    images = np.resize(data.images, (IMAGES, *graph.input.shape))
    results: dict[str, Any] = {}
    for name in PRESETS:
        typed = to_typed_graph(graph, preset(name, graph))
        model = GoldenModel(typed)
        model.run(images[:200])
        seconds = min(_timed(model, images) for _ in range(REPEATS))
        types = {
            op.name: np.dtype(exact_dtype(largest_sum(op, typed.source(op)))).name
            for op in typed.ops
            if isinstance(op, WeightedOp)
        }
        results[name] = {"images_per_second": round(IMAGES / seconds), "number_types": types}
    return {"images": IMAGES, "source": data.source, "cores": os.cpu_count(), "golden": results}


def _timed(model: GoldenModel, images: np.ndarray) -> float:
    start = time.perf_counter()
    model.run(images)
    return time.perf_counter() - start


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
