"""Any Keras model from a file, for what works on Keras models and not on graphs.

Input: a ``.keras`` or ``.h5`` file, or a bundled model's name; output: the model. Unlike the front
end it takes every layer that Keras has; nothing in the file is executed.
"""

from __future__ import annotations

import warnings
from typing import Any

from ..codegen.errors import UserError
from ..codegen.frontend.keras_runtime import import_keras
from ..codegen.frontend.model_file import read_model_file
from .zoo import model_file


def load_keras(path_or_name: str) -> Any:
    """Return the Keras model; ``UserError`` in one line for a missing or broken file."""
    path = model_file(path_or_name)
    try:
        read_model_file(path)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    keras = import_keras()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice to the model's author
            return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises all kinds; the file is at fault
        text = " ".join(str(error).split())[:300] or type(error).__name__
        raise UserError(f"{path}: Keras {keras.__version__} can't load it: {text}") from None
