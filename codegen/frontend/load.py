"""A Keras model, from a file or in memory, as a float graph.

Input: a ``.keras`` or ``.h5`` file, or a Keras model; output: a ``Graph`` with float parameters,
checked against the shapes that Keras infers. It optimizes nothing: that is the passes' task.
"""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..ir import Graph, Op, Softmax, Tensor, WeightedOp
from ..names import sanitize, unique_names
from ..verify import IRError, verify
from .chain import input_shape, layer_chain
from .keras_runtime import import_keras
from .layer import KerasLayer
from .model_file import check_config, read_config
from .registry import HANDLERS, SUPPORTED

INPUT = "image"  # the input tensor; no layer can be called so, the name is reserved


def load_model(path: str | Path) -> Graph:
    """Read a trained model; nothing in the file is executed (``safe_mode``, known layers only).

    Shapes leave the batch out; an input of (height, width) gets one channel, a vector of n
    becomes a 1×n image. Raises ``UserError`` in one line for a missing, truncated or wrong file and
    for anything the generator does not support.
    """
    path = Path(path)
    config = read_config(path)
    try:
        check_config(config, SUPPORTED)
        return convert(_keras_load(path))
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def convert(model: Any) -> Graph:
    """Return the float graph of a Keras model in memory; ``UserError`` if it is not supported."""
    shape = input_shape(model)
    layers = layer_chain(model)
    for layer in layers:
        kind = type(layer)
        if kind.__name__ not in HANDLERS or not kind.__module__.startswith("keras."):
            raise UserError(
                f"layer {str(layer.name)!r} ({kind.__name__}) is not supported; "
                f"supported are {', '.join(sorted(SUPPORTED))}"
            )
    names = unique_names(str(layer.name) for layer in layers)
    used = set(names)

    def fresh(text: str) -> str:
        (name,) = unique_names([text], taken=used)
        used.add(name)
        return name

    start = Tensor(INPUT, _image_shape(shape))
    x, ops, labels = start, list[Op](), dict[str, str]()
    for keras_layer, name in zip(layers, names, strict=True):
        layer = KerasLayer(keras_layer, name, shape, fresh)
        added = HANDLERS[type(keras_layer).__name__](layer, x)
        labels |= {op.name: layer.label for op in added}
        ops += added
        x = ops[-1].out if ops else start
        shape = tuple(int(n) for n in keras_layer.compute_output_shape((None, *shape))[1:])
        if not _agree(shape, x.shape):
            raise IRError(f"{name}: Keras infers shape {shape}, the graph has {x.shape}")
    _check(ops, labels)
    graph = Graph(sanitize(str(model.name)), start, tuple(ops))
    verify(graph)
    return graph


def _keras_load(path: Path) -> Any:
    """Let Keras build the model and read its weights."""
    keras = import_keras()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice to the model's author, not to our user
            return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises all kinds; the file is at fault
        text = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"Keras {keras.__version__} can't load it: {text[:300]}") from None


def _image_shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Return (height, width, channels) of an input of rank 1, 2 or 3."""
    if min(shape, default=0) < 1 or len(shape) > 3:
        raise UserError(
            f"the model's input shape {shape} is not supported; supported are "
            "(height, width, channels), (height, width) and (elements)"
        )
    if len(shape) == 3:
        return (shape[0], shape[1], shape[2])
    if len(shape) == 2:
        return (shape[0], shape[1], 1)
    return (1, shape[0], 1)


def _agree(keras_shape: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Tell whether the graph's shape is Keras' shape, up to the channel we add to an input."""
    if len(keras_shape) == 3:
        return keras_shape == shape
    return math.prod(keras_shape) == math.prod(shape)


def _check(ops: list[Op], labels: dict[str, str]) -> None:
    """Refuse graphs that are well formed but mean nothing to hardware."""
    for op in ops[:-1]:
        if isinstance(op, Softmax):
            raise UserError(f"{labels[op.name]}: softmax is supported as the last layer only")
    if not any(isinstance(op, WeightedOp) for op in ops):
        raise UserError("the model has no Conv2D and no Dense layer")
