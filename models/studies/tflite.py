"""TensorFlow Lite files of a trained Keras chain, and what they do on this processor.

Input: a Keras or HGQ2 Sequential model on pixels / 255; output: the bytes of a ``.tflite`` file for
one image at a time, and a measurement of it by the TensorFlow Lite interpreter. The same weights
give the same bytes. It trains nothing.
"""

from __future__ import annotations

import gzip
import importlib
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...codegen.errors import UserError
from ...codegen.frontend.keras_runtime import import_keras
from ...sim.rtl_check import classify
from ..datasets import Dataset, Images
from ..training import scaled

KINDS = ("float32", "dynamic", "float16", "int8-fallback", "int8")
WARM = 100  # images before the clock counts
PIXEL = np.float32(255 / 256)  # what a model of HGQ2 takes for 1: its pixels are p / 256


@dataclass(frozen=True)
class Run:
    """What an interpreter made of images: classes int64 (N,), ties, microseconds of each image."""

    classes: npt.NDArray[np.int64]
    ties: int
    micros: npt.NDArray[np.float64]


def plain(model: Any) -> Any:
    """A Keras twin of ``model`` for a batch of one image, with softmax at its end.

    Of HGQ2's layers it takes the quantized weights and biases, without the types of the results.
    ``UserError`` for a model that is no chain.
    """
    keras = import_keras()
    if not isinstance(model, keras.Sequential):
        raise UserError(f"{model.name}: TensorFlow Lite files are made of Sequential models here")
    layers: list[Any] = []
    weights: list[npt.NDArray[np.float32]] = []
    for layer in model.layers:
        kind = type(layer).__name__
        if kind == "Quantizer":
            continue
        if kind in ("QConv2D", "QDense"):
            first = not weights
            weights += [np.asarray(layer.qkernel) * (PIXEL if first else np.float32(1))]
            weights += [np.asarray(layer.qbias)]
            layers.append(_unquantized(keras, layer))
        else:
            weights += layer.get_weights()
            layers.append(type(layer).from_config(layer.get_config()))
    activation = getattr(layers[-1], "activation", None)
    if activation is keras.activations.linear:
        layers[-1].activation = keras.activations.softmax
    elif activation is not keras.activations.softmax:
        layers.append(keras.layers.Softmax(name="softmax"))
    entry = keras.Input(model.input_shape[1:], batch_size=1, name="image")
    twin = keras.Sequential([entry, *layers], name=model.name)
    twin.set_weights(weights)
    return twin


def _unquantized(keras: Any, layer: Any) -> Any:
    settings = {"activation": layer.activation, "name": layer.name}
    if type(layer).__name__ == "QDense":
        return keras.layers.Dense(layer.units, **settings)
    settings |= {"strides": layer.strides, "padding": layer.padding}
    return keras.layers.Conv2D(layer.filters, layer.kernel_size, **settings)


def convert(model: Any, kind: str, images: Images) -> bytes:
    """The ``.tflite`` file of a ``plain`` model; ``images`` (N, ...) uint8 calibrate int8.

    ``UserError`` for a kind that isn't in ``KINDS`` and where TensorFlow has no converter.
    """
    if kind not in KINDS:
        raise UserError(f"no TensorFlow Lite variant {kind!r}; there are: {', '.join(KINDS)}")
    import tensorflow as tf

    converter = _part("TFLiteConverter").from_keras_model(model)
    if kind != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if kind.startswith("int8"):
        converter.representative_dataset = lambda: _one_by_one(images)
    if kind == "int8":
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Statistics for quantized inputs were", UserWarning)
        return bytes(converter.convert())


def _one_by_one(images: Images) -> Iterator[list[npt.NDArray[np.float32]]]:
    for image in scaled(images):
        yield [image[np.newaxis]]


def kernel_shapes(model: Any) -> list[tuple[int, ...]]:
    """The shapes of a Keras model's weights, without biases, as ``measure`` wants them."""
    return [tuple(each.shape) for each in model.weights if len(each.shape) > 1]


def packed(content: bytes) -> int:
    """Bytes of ``content`` after ``gzip -9``, without name and time."""
    return len(gzip.compress(content, 9, mtime=0))


def measure(content: bytes, test: Dataset, kernels: list[tuple[int, ...]]) -> dict[str, Any]:
    """Size, accuracy on ``test`` and latency of a ``.tflite`` file; plain values.

    ``kernels``: shapes of the weights, output last, to count those that aren't zero. Accuracy and
    ``micros`` (median, quartiles; one thread, the call alone) are those of the default kernels,
    XNNPACK's where TensorFlow has them; ``own_micros`` those of TensorFlow Lite's own, which give
    ``other_class`` images another class. ``floats``: tensors that aren't integers.
    """
    assert test.labels is not None
    interpreter = interpreter_of(content)
    run = run_images(interpreter, test.images)
    own = run_images(interpreter_of(content, delegates=False), test.images)
    correct = int((run.classes == test.labels).sum())
    kinds = [np.dtype(each["dtype"]).kind for each in interpreter.get_tensor_details()]
    return {
        "bytes": len(content),
        "gzip": packed(content),
        "accuracy": correct / len(test),
        "correct": correct,
        "images": len(test),
        "ties": run.ties,
        "other_class": int((run.classes != own.classes).sum()),
        "nonzero": sum(int(np.count_nonzero(each)) for each in weights(content, kernels)),
        "floats": kinds.count("f"),
        "micros": _quartiles(run),
        "own_micros": _quartiles(own),
    }


def _quartiles(run: Run) -> list[float]:
    return [round(float(each), 2) for each in np.percentile(run.micros, (50, 25, 75))]


def weights(content: bytes, kernels: list[tuple[int, ...]]) -> list[npt.NDArray[Any]]:
    """The weights as the file stores them, found by shape; ``kernels`` are Keras' shapes.

    What a file stores as float16 is there a second time for the computation; the smaller counts.
    """
    interpreter = interpreter_of(content, delegates=False)
    tensors = sorted(
        interpreter.get_tensor_details(), key=lambda each: np.dtype(each["dtype"]).itemsize
    )
    found = []
    for shape, count in Counter((shape[-1], *shape[:-1]) for shape in kernels).items():
        fitting = [each for each in tensors if tuple(each["shape"]) == shape]
        if len(fitting) < count:
            raise ValueError(f"no weights of shape {shape} in the file")
        found += [interpreter.get_tensor(each["index"]) for each in fitting[:count]]
    return found


def interpreter_of(content: bytes, *, delegates: bool = True) -> Any:
    """An interpreter with one thread, ready to run; without ``delegates``: no XNNPACK."""
    kind, resolvers = _interpreter()
    own = resolvers.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"\s*Warning: tf.lite.Interpreter is", UserWarning)
        interpreter = kind(
            model_content=content,
            num_threads=1,
            experimental_op_resolver_type=resolvers.AUTO if delegates else own,
        )
    interpreter.allocate_tensors()
    return interpreter


def run_images(interpreter: Any, images: Images) -> Run:
    """Run ``images`` (N, ...) uint8 one by one; the clock sees ``invoke`` alone."""
    entry, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    values = scaled(images)
    if entry["dtype"] is np.int8:
        step, zero = entry["quantization"]
        codes = np.floor(values / np.float32(step) + np.float32(0.5)) + zero
        values = np.clip(codes, -128, 127).astype(np.int8)
    scores, micros = [], np.empty(len(values))
    for number in range(-min(WARM, len(values)), len(values)):
        interpreter.set_tensor(entry["index"], values[number][np.newaxis])
        begun = time.perf_counter()
        interpreter.invoke()
        micros[number] = 1e6 * (time.perf_counter() - begun)
        if number >= 0:
            scores.append(interpreter.get_tensor(result["index"])[0])
    classes, ties = classify(np.stack(scores))
    return Run(classes, ties, micros)


def check_lite() -> None:
    """Raise ``UserError`` unless there are a converter and an interpreter."""
    _part("TFLiteConverter")
    _interpreter()


def _interpreter() -> tuple[Callable[..., Any], Any]:
    """The interpreter's class and the names of its sets of kernels."""
    try:
        return _part("Interpreter"), _part("experimental").OpResolverType
    except UserError as error:
        try:
            lite = importlib.import_module("ai_edge_litert.interpreter")
        except ImportError:
            raise UserError(f"{error}; the package ai-edge-litert has an interpreter too") from None
    return lite.Interpreter, lite.OpResolverType


def _part(name: str) -> Any:
    """A part of ``tf.lite``, which TensorFlow means to give up; ``UserError`` if it is gone."""
    import tensorflow as tf

    try:
        return getattr(tf.lite, name)
    except (AttributeError, ImportError):
        raise UserError(
            f"TensorFlow {tf.__version__} has no tf.lite.{name}; 2.20 and 2.21 have it"
        ) from None
