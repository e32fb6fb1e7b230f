"""One small model file in both formats, and what the front end says about it once changed."""

from __future__ import annotations

import functools
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from lenetgen.codegen.errors import UserError
from lenetgen.codegen.frontend import load_model
from lenetgen.codegen.frontend.keras_runtime import import_keras


@functools.cache
def _content(suffix: str) -> bytes:
    keras = import_keras()
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((6, 6, 1)), layers.Conv2D(2, 3, name="c"), layers.Flatten(), layers.Dense(2)]
    )
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on .h5, and Keras on numpy 2
        path = Path(folder) / f"m{suffix}"
        model.save(path)
        return path.read_bytes()


def small_model(path: Path) -> Path:
    """Write the model to ``path``: a convolution ``c`` (2 filters of 3×3), Flatten and Dense."""
    path.write_bytes(_content(path.suffix))
    return path


def refused(path: Path, load: Callable[[Path], object] = load_model) -> str:
    """The one line said about a file, without the path."""
    with pytest.raises(UserError) as caught:
        load(path)
    text = str(caught.value)
    assert "\n" not in text and len(text) < 800
    return text.removeprefix(f"{path}: ")
