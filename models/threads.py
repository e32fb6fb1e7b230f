"""How many threads TensorFlow computes with, said before it is loaded.

The order in which threads add up decides the last bits of a training, so the number belongs to what
decides its result. ``tf.config`` takes it only until the first operation; loading a model is one.
"""

from __future__ import annotations

import os

VARIABLES = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


def limit_threads(count: int) -> None:
    """Let TensorFlow, not loaded yet, use ``count`` threads for everything it computes."""
    for name in VARIABLES:
        os.environ[name] = str(count)
