"""Emits a small design again and again: ``python -m ... emit_worker.py OUT SEED ROUNDS MODE``.

Mode ``interrupt``: SIGINT comes at seeded times; the folder must be one of the two designs, whole,
and nothing may lie beside it. Mode ``race``: only emit; the test runs two of these at once. Mode
``replace``: only the last step of it. Prints ``done`` and the number of interrupted rounds.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
from lenetgen.codegen import audit
from lenetgen.codegen.cycles import measure
from lenetgen.codegen.design import build_design
from lenetgen.codegen.ir import Const, Dense, Graph, Tensor
from lenetgen.codegen.pipeline import to_float_graph, to_typed_graph
from lenetgen.codegen.precision import preset
from lenetgen.codegen.schedule import schedule
from lenetgen.sim.package import Options, load, write
from lenetgen.sim.placing import replace, scratch_for


def emit(out: Path, number: int) -> None:
    """Write design ``number``, one small dense layer, to ``out``."""
    rng = np.random.default_rng(number)
    layer = Dense(
        name="fc",
        x="image",
        out=Tensor("fc", (2,)),
        weights=Const(rng.normal(0, 1, (4, 2))),
        bias=Const(np.zeros(2)),
    )
    graph = to_float_graph(Graph("net", Tensor("image", (1, 4, 1)), (layer,)))
    typed = to_typed_graph(graph, preset("q4.4", graph, "exact"))
    design = build_design("net", typed, schedule(typed))
    images = rng.integers(0, 256, (2, 1, 4, 1)).astype(np.uint8)
    options = Options(precision="q4.4", model=f"number{number}")
    write(design, measure(design), options, images, out)


def interrupted(out: Path, seed: int, rounds: int) -> int:
    """Emit with interrupts; return how many rounds one of them ended."""
    rng = random.Random(seed)
    emit(out, 0)
    started = time.perf_counter()
    emit(out, 1)
    duration = time.perf_counter() - started
    before, hit = "number1", 0
    for number in range(2, rounds + 2):
        delay = rng.uniform(0, 1.1 * duration)
        timer = threading.Timer(delay, os.kill, (os.getpid(), signal.SIGINT))
        ended = False
        try:
            timer.start()
            emit(out, number)
            ended = True
            timer.join()
            time.sleep(0.1)  # the interrupt may still be on its way
        except KeyboardInterrupt:
            hit += not ended
        timer.join()
        now = load(out).model  # checks every file's hash
        if now not in (before, f"number{number}") or (ended and now == before):
            raise SystemExit(f"round {number}: the folder holds {now}, before {before}")
        if [path.name for path in out.parent.iterdir()] != [out.name]:
            raise SystemExit(f"round {number}: {sorted(os.listdir(out.parent))}")
        if (out / ".build" / "kept").exists() != (number > 2):
            raise SystemExit(f"round {number}: compiled simulators lost")
        (out / ".build").mkdir(exist_ok=True)
        (out / ".build" / "kept").touch()
        before = now
    return hit


def main() -> None:
    out, seed, rounds, mode = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    audit.check = lambda *_: None  # type: ignore[assignment]  # slow, and writes nothing here
    hit = 0
    if mode == "interrupt":
        hit = interrupted(out, seed, rounds)
    for number in range(rounds):
        if mode == "race":
            emit(out, seed * rounds + number)
        elif mode == "replace":
            with scratch_for(out) as scratch:
                (scratch / f"{seed}").touch()
                replace(scratch, out, lambda: None, ".build")
    print("done", hit)


if __name__ == "__main__":
    main()
