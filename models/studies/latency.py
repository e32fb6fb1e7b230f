"""How long Keras models take for one image on this CPU.

Input: model files; output: the median of many calls of each, as float32 TensorFlow Lite models of
one thread: these compute in the calling thread, so that little but the arithmetic is timed. The
calls go round the files: whatever else the machine does meets all of them alike.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from ...codegen.frontend.keras_runtime import import_keras
from ..keras_file import load_keras
from .tflite import convert, interpreter_of


def latencies(
    files: Sequence[Path],
    told: Callable[[float], None] = lambda part: None,
    rounds: int = 20,
    calls: int = 50,
) -> list[float]:
    """Median microseconds of ``rounds`` × ``calls`` calls with one image, for each file.

    ``told``: the part done, 0..1. ``UserError`` for a missing file and without TensorFlow Lite.
    """
    interpreters = []
    for number, file in enumerate(files, 1):
        interpreters.append(_interpreter(load_keras(str(file))))
        told(0.5 * number / len(files))
    times: list[list[float]] = [[] for _ in files]
    for number in range(rounds + 1):
        for interpreter, found in zip(interpreters, times, strict=True):
            spent = [_call(interpreter) for _ in range(calls)]
            found += spent if number else []  # the first round warms up
        told(0.5 + 0.5 * (number + 1) / (rounds + 1))
    return [round(1e6 * median(each), 2) for each in times]


def _interpreter(model: Any) -> Any:
    """An interpreter of ``model`` with an image in place."""
    keras = import_keras()
    shape = model.input_shape[1:]
    image = keras.Input(shape, batch_size=1)
    one = keras.Model(image, model(image), name=model.name)
    interpreter = interpreter_of(convert(one, "float32", np.empty((0, *shape), np.uint8)))
    pixels = np.random.default_rng(1).uniform(0, 1, (1, *shape)).astype(np.float32)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], pixels)
    return interpreter


def _call(interpreter: Any) -> float:
    begun = time.perf_counter()
    interpreter.invoke()
    return time.perf_counter() - begun
