"""Import Keras quietly, on the CPU, and only when somebody needs it.

Input: nothing; output: the ``keras`` module. It settles the environment that TensorFlow reads at
its first import without overriding what the user set, and keeps TensorFlow's start-up notices off
the terminal.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from typing import Any

_ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "CUDA_VISIBLE_DEVICES": "-1",
    # Faster convolutions in training; TensorFlow prints a notice about it, which is caught below.
    "TF_ENABLE_ONEDNN_OPTS": "1",
}


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
