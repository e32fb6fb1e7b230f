"""Loads damaged model files one by one: ``python damage_worker.py FOLDER SEED FIRST COUNT``.

A process of its own, so that a crash of native code is seen and memory can be measured. Prints one
JSON line before and one after each file. Case n is damage n modulo the kinds, to base model n
divided by the kinds.
"""

from __future__ import annotations

import json
import logging
import random
import resource
import shutil
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

from damage import DAMAGES
from lenetgen.codegen.errors import UserError
from lenetgen.codegen.frontend import load_model
from lenetgen.codegen.frontend.keras_runtime import import_keras
from lenetgen.codegen.pipeline import to_float_graph, to_typed_graph
from lenetgen.codegen.precision import preset
from lenetgen.codegen.serialize import fingerprint

MAX_ADDRESSES = 6 << 30  # bytes beyond what Keras takes: a bomb ends here and not the machine


def base_models(folder: Path) -> list[Path]:
    """Small models of all shapes, in both formats."""
    keras = import_keras()
    keras.utils.set_random_seed(1)
    la, image = keras.layers, keras.Input((8, 8, 1))
    x = la.Conv2D(2, 3, use_bias=False, name="conv")(image)
    x = la.Activation("relu")(la.BatchNormalization()(x))
    functional = keras.Model(image, la.Dense(3)(la.GlobalAveragePooling2D()(x)), name="net")
    block = keras.Sequential([keras.Input((8, 8, 2)), la.Conv2D(2, 3, strides=2), la.ReLU()])
    models = {
        "lenet": keras.Sequential(
            [
                keras.Input((8, 8, 1)),
                la.Conv2D(2, 3, padding="same", activation="relu", name="conv1"),
                la.MaxPooling2D(2, name="pool"),
                la.Flatten(),
                la.Dropout(0.2),
                la.Dense(4, activation="softmax", name="fc"),
            ]
        ),
        "functional": functional,
        "scaled": keras.Sequential(
            [
                keras.Input((8, 8, 2)),
                la.Rescaling(1 / 255),
                la.Normalization(mean=[0.1, 0.2], variance=[0.5, 0.6]),
                la.AveragePooling2D(2, padding="same"),
                la.ZeroPadding2D(1),
                la.Conv2D(2, 3, kernel_regularizer="l2"),
                la.Reshape((-1,)),
                la.Dense(2),
            ]
        ),
        "nested": keras.Sequential([keras.Input((8, 8, 2)), block, la.Flatten(), la.Dense(2)]),
    }
    paths = []
    for name, model in models.items():
        for suffix in (".keras", ".h5"):
            paths.append(folder / f"{name}{suffix}")
            model.save(paths[-1])
    return paths


def attempt(path: Path) -> dict[str, Any]:
    """Load a file and run the passes, like ``emit``; what came of it."""
    started = time.process_time()  # other work on the machine does not count
    try:
        graph = to_float_graph(load_model(path))
        typed = to_typed_graph(graph, preset("mixed", graph, "exact"))
        result = {"result": "loaded", "text": fingerprint(typed)}
    except UserError as error:
        result = {"result": "refused", "text": str(error)}
    except BaseException:
        result = {"result": "crashed", "text": traceback.format_exc()}
    return {**result, "seconds": time.process_time() - started}


def peak() -> int:
    """Bytes of memory this process has had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def main() -> None:
    folder, seed = Path(sys.argv[1]), int(sys.argv[2])
    first, count = int(sys.argv[3]), int(sys.argv[4])
    logging.getLogger("absl").setLevel("ERROR")  # Keras' advice on .h5 to us, who write them
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bases = base_models(folder)
    logging.getLogger("absl").setLevel("WARNING")
    whole = {base: attempt(base) for base in bases}
    warnings.simplefilter("error")  # a warning is a traceback here
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MAX_ADDRESSES,) * 2)
    start = peak()
    for number in range(first, first + count):
        damage = list(DAMAGES)[number % len(DAMAGES)]
        base = bases[number // len(DAMAGES) % len(bases)]
        path = folder / f"case{number}{base.suffix}"
        shutil.copy(base, path)
        case = {"case": number, "damage": damage, "base": base.name, "whole": whole[base]}
        print(json.dumps(case), flush=True)
        DAMAGES[damage](path, random.Random(f"{seed} {number}"))
        print(json.dumps({**attempt(path), "grown": peak() - start}), flush=True)
        path.unlink()


if __name__ == "__main__":
    main()
