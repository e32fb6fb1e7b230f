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
from .config_check import check_config, uses_hgq
from .keras_runtime import import_keras, limited_weights
from .layer import KerasLayer
from .legacy import only_tf_keras, readable
from .limits import MAX_NUMBER
from .model_file import ModelFile, read_model_file
from .quantized import tabulated_input
from .quantizers import import_hgq
from .registry import QUANTIZED, SUPPORTED, handler_for

INPUT = "image"  # the input tensor; no layer can be called so, the name is reserved
_MAX_MESSAGE = 600  # characters of a message that quotes a file

# What Python raises on settings of the wrong kind; IRError, our own mistake, is none of them.
_BAD_SETTINGS = (ValueError, TypeError, ArithmeticError, LookupError, AttributeError)


def load_model(path: str | Path) -> Graph:
    """Read a trained model; nothing in the file is executed (``safe_mode``, known layers only).

    Shapes leave the batch out; an input of (height, width) gets one channel, a vector of n
    becomes a 1×n image. Raises ``UserError`` in one line for a missing, truncated or wrong file and
    for anything the generator does not support.
    """
    path = Path(path)
    try:
        file = read_model_file(path)
        check_config(file.config, SUPPORTED)
        if uses_hgq(file.config):
            import_hgq()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice to the model's author, not to our user
            return convert(_keras_load(path, file))
    except UserError as error:
        raise UserError(f"{path}: {_one_line(str(error))}") from None


def convert(model: Any) -> Graph:
    """Return the float graph of a Keras model in memory; ``UserError`` if it is not supported."""
    shape = input_shape(model)
    start = Tensor(INPUT, _image_shape(shape))
    layers = layer_chain(model)
    for layer in layers:
        if handler_for(layer) is None:
            raise UserError(
                f"layer {str(layer.name)!r} ({type(layer).__name__}) is not supported; "
                f"supported are {', '.join(sorted(SUPPORTED | QUANTIZED))}"
            )
    names = unique_names(str(layer.name) for layer in layers)
    used = set(names)

    def fresh(text: str) -> str:
        (name,) = unique_names([text], taken=used)
        used.add(name)
        return name

    parts: list[tuple[KerasLayer, list[Op]]] = []
    x, labels = start, dict[str, str]()
    for keras_layer, name in zip(layers, names, strict=True):
        layer = KerasLayer(keras_layer, name, shape, fresh)
        try:
            shape = _result_shape(layer)
            handler = handler_for(keras_layer)
            added = handler(layer, x) if handler else []
        except _BAD_SETTINGS as error:
            text = f"its settings can't be used ({type(error).__name__}: {error})"
            raise layer.refuse(text) from None
        labels |= {op.name: layer.label for op in added}
        parts.append((layer, added))
        x = added[-1].out if added else x
        if not _agree(shape, x.shape):
            raise IRError(f"{name}: Keras infers shape {shape}, the graph has {x.shape}")
    ops = tabulated_input(parts, start)
    _check(ops, labels)
    graph = Graph(sanitize(str(model.name)), start, tuple(ops))
    verify(graph)
    return graph


def _keras_load(path: Path, file: ModelFile) -> Any:
    """Let Keras build the model and read its weights."""
    keras = import_keras()
    try:
        with readable(path, file.config) as source, limited_weights(file.values):
            return keras.saving.load_model(source, compile=False, safe_mode=True)
    except UserError:
        raise
    except Exception as error:  # Keras raises all kinds; the file is at fault
        text = f"Keras {keras.__version__} can't load it: {_reason(error)}"
        raise UserError(text + only_tf_keras(file.keras)) from None


def _reason(error: Exception) -> str:
    """Return the core of an error of Keras, which wraps it in the whole configuration."""
    text = _one_line(str(error).rpartition("Exception encountered: ")[2])[:300]
    return text if " " in text else f"{type(error).__name__} {text}".rstrip()


def _one_line(text: str) -> str:
    """Return text that quotes a file as one line of bounded length."""
    line = " ".join(text.split())
    line = "".join(c if c.isprintable() else "?" for c in line)  # no codes for the terminal
    return line if len(line) <= _MAX_MESSAGE else f"{line[:_MAX_MESSAGE]}..."


def _result_shape(layer: KerasLayer) -> tuple[int, ...]:
    """Return the shape that Keras infers for a layer's result, batch left out."""
    try:
        inferred = layer.layer.compute_output_shape((None, *layer.shape))
    except NotImplementedError:  # HGQ2's Quantizer leaves it to Keras
        inferred = layer.layer.output.shape
    shape = tuple(int(n) for n in inferred[1:])
    if min(shape, default=1) < 1:
        raise layer.refuse(f"its result has shape {shape}; every size must be at least 1")
    if math.prod(shape) > MAX_NUMBER:
        raise layer.refuse(f"its result has {math.prod(shape)} values; at most {MAX_NUMBER}")
    return shape


def _image_shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Return (height, width, channels) of an input of rank 1, 2 or 3."""
    if min(shape, default=0) < 1 or len(shape) > 3:
        raise UserError(
            f"the model's input shape {shape} is not supported; supported are "
            "(height, width, channels), (height, width) and (elements)"
        )
    if math.prod(shape) > MAX_NUMBER:
        raise UserError(f"the model's input has {math.prod(shape)} values; at most {MAX_NUMBER}")
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
