"""Measure what the README states: ``make bench`` prints one JSON object.

Golden model and csim in images per second, a row of ``evaluate`` in seconds for 10,000 images (wall
clock, and of all cores together), emit in seconds after imports and MiB at its peak, the
RTL harness in seconds for 1,000 images with Verilator's compilation from scratch, the search for
each preset's design in a fresh process. MNIST test
images where they are found, else the digits; the machine is named by its processor and cores.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from lenetgen.cli.common import choose_precision, default_precision, float_graph
from lenetgen.cli.goals import Goals, planned
from lenetgen.cli.presets import PRESETS, preset_model, preset_precision
from lenetgen.codegen.emit_vivado import DEFAULT_PART
from lenetgen.codegen.frontend import load_model
from lenetgen.codegen.ir import Graph
from lenetgen.codegen.pipeline import to_float_graph, to_hardware_graph, to_typed_graph
from lenetgen.models.datasets import Dataset
from lenetgen.models.evaluation import evaluate
from lenetgen.models.images import images_for
from lenetgen.models.zoo import checkpoint
from lenetgen.sim import csim
from lenetgen.sim.golden import GoldenModel
from lenetgen.sim.package import Package, load
from lenetgen.sim.rtl import RtlSimulation

REPEATS = 3
RTL_IMAGES = 1000
GOLDEN_IMAGES = 10_000
CSIM_IMAGES = 2_000


def emit(folder: Path) -> dict[str, Any]:
    """Run ``lenetgen emit`` in a process of its own; seconds after imports and peak memory."""
    command = [sys.executable, "-m", "lenetgen", "emit", "--out", str(folder), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        result = json.loads(process.stdout.read())
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(process.returncode)
    return {
        "seconds_after_imports": result["seconds_after_imports"],
        "peak_mib": round(usage.ru_maxrss / 1024),
        "interval_cycles": result["interval_cycles"],
        "latency_cycles": result["latency_cycles"],
    }


def best_rate(count: int, work: Callable[[], object]) -> float:
    """Items per second of the fastest of a few runs, after one warm-up."""
    work()
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return round(count / min(seconds), 1)


def _take(images: np.ndarray, count: int) -> np.ndarray:
    return np.resize(images, (count, *images.shape[1:]))


def measure_csim(package: Package, images: np.ndarray) -> dict[str, Any]:
    """Compile time and images per second on all cores."""
    start = time.perf_counter()
    binary = csim.compile(package.folder)
    seconds = time.perf_counter() - start
    frames = _take(images, CSIM_IMAGES)
    rate = best_rate(CSIM_IMAGES, lambda: csim.run(binary, frames, processes=os.cpu_count() or 1))
    return {"compile_seconds": round(seconds, 1), "images_per_second": rate}


def measure_rtl(package: Package, images: np.ndarray) -> dict[str, Any]:
    """Seconds to compile the RTL and run ``RTL_IMAGES`` through it; every logit compared."""
    frames = _take(images, RTL_IMAGES)
    start = time.perf_counter()
    simulation = RtlSimulation(package.design, package.folder)
    compiled = time.perf_counter()
    result = simulation.run(frames)
    end = time.perf_counter()
    wrong = (result.logits != GoldenModel(package.design.graph).run(frames)).any(axis=1)
    return {
        "images": RTL_IMAGES,
        "wrong_images": int(wrong.sum()),
        "compile_seconds": round(compiled - start, 1),
        "seconds_in_all": round(end - start, 1),
    }


def measure_evaluate(graph: Graph, typed: Graph, data: Dataset) -> dict[str, Any]:
    """Seconds of the rows ``float`` and ``mixed`` for 10,000 images, the best of a few runs."""
    frames = _take(data.images, GOLDEN_IMAGES)
    labelled = Dataset(frames, np.zeros(len(frames), np.int64), data.name, data.source)
    rows = {}
    for name, network in (("float", graph), ("mixed", typed)):
        seconds, processor = [], []
        for _ in range(REPEATS):
            start = time.process_time()
            seconds.append(evaluate(network, labelled, name).seconds)
            processor.append(time.process_time() - start)
        rows[name] = {
            "seconds": round(min(seconds), 2),
            "processor_seconds": round(min(processor), 2),
        }
    return rows


def measure_search(preset: str) -> dict[str, Any]:
    """Seconds to choose the design of ``preset``; to be called in a process without caches."""
    import da4ml.cmvm  # noqa: F401  (imports don't count)
    import scipy.optimize
    import scipy.sparse  # noqa: F401

    model = preset_model(preset)
    graph = float_graph(model)
    choice = preset_precision(preset, model) or default_precision(graph)
    types, _ = choose_precision(choice, graph, "exact", None)
    typed = to_hardware_graph(to_typed_graph(graph, types))
    goals = preset_goals(preset)
    start, processor = time.perf_counter(), time.process_time()
    _, timing = planned(model, typed, goals, DEFAULT_PART)
    return {
        "seconds": round(time.perf_counter() - start, 1),
        "processor_seconds": round(time.process_time() - processor, 1),
        "interval_cycles": timing.interval,
    }


def preset_goals(preset: str) -> Goals:
    """The goals behind the name."""
    named = PRESETS[preset].goals
    renamed = {"fit": "fit", "pixels_per_clock": "pixels"}
    given = {renamed.get(name, name.split("_")[1]): value for name, value in named.items()}
    none = dict.fromkeys(("cycles", "latency", "lut", "ff", "dsp", "bram"))
    return Goals(**{**none, "fit": False, **given})  # type: ignore[arg-type]


def measure_searches() -> dict[str, dict[str, Any]]:
    """By preset."""
    rows = {}
    for preset in PRESETS:
        with get_context("spawn").Pool(1) as pool:
            rows[preset] = pool.apply(measure_search, (preset,))
    return rows


def main() -> None:
    """Print the measurements."""
    with tempfile.TemporaryDirectory(prefix="lenetgen-bench-") as name:
        folder = Path(name) / "lenet5-mixed"
        emitted = emit(folder)
        package = load(folder)
        data = images_for((28, 28, 1))
        graph = to_float_graph(load_model(checkpoint("lenet5")))
        model = GoldenModel(package.design.graph)
        frames = _take(data.images, GOLDEN_IMAGES)
        results = {
            "machine": {"processor": platform.machine(), "cores": os.cpu_count()},
            "images": data.source,
            "emit": emitted,
            "golden": {"images_per_second": best_rate(GOLDEN_IMAGES, lambda: model.run(frames))},
            "evaluate": measure_evaluate(graph, package.design.graph, data),
            "csim": measure_csim(package, data.images),
            "rtl": measure_rtl(package, data.images),
            "search": measure_searches(),
        }
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
