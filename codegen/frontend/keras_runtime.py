"""Import Keras quietly, on the CPU, and only when somebody needs it; bound what a file may build.

Input: nothing; output: the ``keras`` module. It settles the environment that TensorFlow reads at
its first import without overriding what the user set, and keeps TensorFlow's start-up notices off
the terminal.
"""

from __future__ import annotations

import contextlib
import importlib
import math
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from typing import Any

from ..errors import UserError

_ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "-1",
    # Faster convolutions in training; TensorFlow prints a notice about it, which is caught below.
    "TF_ENABLE_ONEDNN_OPTS": "1",
}
_SPARE_VALUES = 1 << 16  # weights a layer may make without storing them


def import_keras() -> Any:
    """Return the ``keras`` module (typed ``Any``: Keras has no type information)."""
    if "keras" in sys.modules:
        return sys.modules["keras"]
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    with _quiet_stderr(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside TensorFlow and its dependencies
        return importlib.import_module("keras")


@contextlib.contextmanager
def limited_weights(values: int) -> Iterator[None]:
    """While the block runs, Keras makes no layer whose weights can't come from the file.

    ``values`` is how many numbers the file holds. Keras allocates a layer's weights before it looks
    for them in the file, so a configuration could ask for all memory. ``UserError`` names the
    layer.
    """
    layer_class = import_keras().layers.Layer
    original = layer_class.add_weight
    made = 0
    refused: list[UserError] = []

    def add_weight(layer: Any, *args: Any, **settings: Any) -> Any:
        nonlocal made
        shape = settings.get("shape", args[0] if args else ()) or ()
        size = math.prod(shape) if isinstance(shape, list | tuple) else int(shape)
        made += size
        if made > values + _SPARE_VALUES:
            label = f"layer {str(layer.name)!r} ({type(layer).__name__})"
            refused.append(
                UserError(f"{label}: needs {size} weights, the whole file holds {values} numbers")
            )
            raise refused[0]
        return original(layer, *args, **settings)

    layer_class.add_weight = add_weight
    try:
        yield
    except Exception:
        if refused:  # Keras packs errors of a layer into others of its own
            raise refused[0] from None
        raise
    finally:
        layer_class.add_weight = original


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Catch what native code writes to standard error; show it only if the block fails."""
    with tempfile.TemporaryFile() as caught:
        sys.stderr.flush()
        kept = os.dup(2)
        os.dup2(caught.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(kept, 2)
            caught.seek(0)
            os.write(2, caught.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
