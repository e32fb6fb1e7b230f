"""The network zoo: builders by name, and the checkpoints that come with the package.

Input: a name; output: an untrained Keras model, or the path of a trained one. Training is in
``training.py``. Keras is imported inside the functions only.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..codegen.errors import UserError
from ..codegen.frontend.keras_runtime import import_keras

CHECKPOINTS = Path(__file__).resolve().parent / "checkpoints"


@dataclass(frozen=True)
class ZooEntry:
    """A network of the zoo: how it is built and what it is trained on."""

    name: str
    summary: str  # one line for lists and error messages
    dataset: str  # default data set, a name of ``datasets.py``
    build: Callable[[], Any]  # returns an untrained keras.Model


def _lenet5() -> Any:
    """LeNet-5 with ReLU and max pooling; 28×28×1 in, 10 classes out, 61,706 parameters.

    After LeCun et al., "Gradient-based learning applied to document recognition", 1998, with
    "same" padding in the first convolution instead of a 32×32 input.
    """
    keras = import_keras()
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((28, 28, 1), name="image"),
            layers.Conv2D(6, 5, padding="same", activation="relu", name="conv1"),
            layers.MaxPooling2D(2, name="pool1"),
            layers.Conv2D(16, 5, activation="relu", name="conv2"),
            layers.MaxPooling2D(2, name="pool2"),
            layers.Flatten(name="flatten"),
            layers.Dense(120, activation="relu", name="fc1"),
            layers.Dense(84, activation="relu", name="fc2"),
            layers.Dense(10, activation="softmax", name="fc3"),
        ],
        name="lenet5",
    )


def _lenet5_tanh() -> Any:
    """LeNet-5 with the tanh and average pooling of 1998; sizes and parameters as ``_lenet5``.

    Three things of the paper are left out: trained factors in its pooling, the second
    convolution's sparse connections, and the output's radial basis functions.
    """
    keras = import_keras()
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((28, 28, 1), name="image"),
            layers.Conv2D(6, 5, padding="same", activation="tanh", name="conv1"),
            layers.AveragePooling2D(2, name="pool1"),
            layers.Conv2D(16, 5, activation="tanh", name="conv2"),
            layers.AveragePooling2D(2, name="pool2"),
            layers.Flatten(name="flatten"),
            layers.Dense(120, activation="tanh", name="fc1"),
            layers.Dense(84, activation="tanh", name="fc2"),
            layers.Dense(10, activation="softmax", name="fc3"),
        ],
        name="lenet5_tanh",
    )


def _lenet5_slim() -> Any:
    """A LeNet for the smallest designs; 28×28×1 in, 10 classes out, 3,354 parameters.

    No layer has more than 1,296 weights: with three bits each they fill fewer than 4,096 bits,
    which stay in LUTs (``codegen/weight_memory.py``) however slowly they are read.
    """
    keras = import_keras()
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((28, 28, 1), name="image"),
            layers.Conv2D(8, 3, activation="relu", name="conv1"),
            layers.MaxPooling2D(2, name="pool1"),
            layers.Conv2D(12, 3, activation="relu", name="conv2"),
            layers.MaxPooling2D(2, name="pool2"),
            layers.Conv2D(12, 3, activation="relu", name="conv3"),
            layers.Flatten(name="flatten"),
            layers.Dense(10, activation="softmax", name="fc1"),
        ],
        name="lenet5_slim",
    )


def _cifar_small() -> Any:
    """Three convolutions and two dense layers; 32×32×3 in, 10 classes out, 47,818 parameters."""
    return _pyramid("cifar_small", (32, 32, 3), (16, 32, 32), 64, normalized=False)


def _customnet() -> Any:
    """Convolution, normalization, ReLU and pooling three times, dense 128; 64×64×3, 10 classes."""
    return _pyramid("customnet", (64, 64, 3), (16, 32, 64), 128, normalized=True)


def _pyramid(
    name: str,
    shape: tuple[int, int, int],
    filters: tuple[int, ...],
    units: int,
    *,
    normalized: bool,
) -> Any:
    """3×3 convolutions, each followed by 2×2 max pooling, then two dense layers."""
    keras = import_keras()
    layers = keras.layers
    stack = [keras.Input(shape, name="image")]
    for number, count in enumerate(filters, 1):
        activation = None if normalized else "relu"
        label = f"conv{number}"
        stack.append(layers.Conv2D(count, 3, padding="same", activation=activation, name=label))
        if normalized:
            stack += [
                layers.BatchNormalization(name=f"norm{number}"),
                layers.ReLU(name=f"relu{number}"),
            ]
        stack.append(layers.MaxPooling2D(2, name=f"pool{number}"))
    stack += [
        layers.Flatten(name="flatten"),
        layers.Dense(units, activation="relu", name="fc1"),
        layers.Dense(10, activation="softmax", name="fc2"),
    ]
    return keras.Sequential(stack, name=name)


def _mobilenetv2(width: float, size: int) -> Any:
    """Keras' own MobileNetV2 with fresh weights; size×size×3 in, 10 classes out.

    It has residual additions and depthwise convolutions, which the generator does not support: it
    is here for pruning alone.
    """
    keras = import_keras()
    return keras.applications.MobileNetV2(
        input_shape=(size, size, 3), alpha=width, weights=None, classes=10
    )


ENTRIES: dict[str, ZooEntry] = {
    entry.name: entry
    for entry in (
        ZooEntry("lenet5", "LeNet-5, ReLU and max pooling, 28x28x1", "mnist", _lenet5),
        ZooEntry("lenet5-tanh", "LeNet-5 of 1998, tanh, mean pooling", "mnist", _lenet5_tanh),
        ZooEntry("lenet5-slim", "three convolutions, 3,354 parameters", "mnist", _lenet5_slim),
        ZooEntry("cifar-small", "three convolutions, 32x32x3", "cifar10", _cifar_small),
        ZooEntry("customnet", "three normalized ones, 64x64x3", "eurosat-sample", _customnet),
    )
}
_MOBILENET = "mobilenetv2"  # mobilenetv2-WIDTH-SIZE
_MOBILENET_WIDTH = 0.35
_MOBILENET_SIZES = (32, 224)  # smallest and largest; Keras takes no smaller ones


def names() -> tuple[str, ...]:
    """Return the names of all networks that ``build`` knows, in the order of the zoo."""
    return (*ENTRIES, _MOBILENET)


def entry(name: str) -> ZooEntry:
    """Return the zoo's entry; an unknown name raises ``UserError`` with the list of names.

    ``mobilenetv2-WIDTH-SIZE`` (say ``mobilenetv2-0.5-96``) is MobileNetV2 of that width for images
    of that size; without, 0.35 and 32.
    """
    if name in ENTRIES:
        return ENTRIES[name]
    if name.split("-")[0] == _MOBILENET:
        return _mobilenet_entry(name)
    raise UserError(f"no network {name!r} in the zoo; there are: {', '.join(names())}")


def _mobilenet_entry(name: str) -> ZooEntry:
    low, high = _MOBILENET_SIZES
    match = re.fullmatch(_MOBILENET + r"(?:-(\d(?:\.\d{1,2})?)-(\d{2,3}))?", name)
    width = float(match[1]) if match and match[1] else _MOBILENET_WIDTH
    size = int(match[2]) if match and match[2] else low
    if not match or not 0.05 <= width <= 2 or not low <= size <= high:
        raise UserError(
            f"no network {name!r}: write {_MOBILENET}-WIDTH-SIZE with a width in 0.05..2 and a "
            f"size in {low}..{high}, say {_MOBILENET}-0.5-96"
        )
    summary = f"Keras' MobileNetV2, width {width:g}, {size}x{size}x3"
    return ZooEntry(name, summary, "cifar10", lambda: _mobilenetv2(width, size))


def build(name: str) -> Any:
    """Return a new ``keras.Model`` with freshly drawn weights (seed Keras first)."""
    return entry(name).build()


def checkpoint_names() -> tuple[str, ...]:
    """Return the names of the trained models that come with the package, sorted."""
    return tuple(sorted(path.stem for path in CHECKPOINTS.glob("*.keras")))


def checkpoint(name: str) -> Path:
    """Return the file of a bundled trained model, e.g. ``lenet5``.

    An unknown name raises ``UserError`` with the names there are.
    """
    if name not in checkpoint_names():
        known = ", ".join(checkpoint_names()) or "none"
        raise UserError(f"no trained model {name!r} in the package; there are: {known}")
    return CHECKPOINTS / f"{name}.keras"


def model_file(path_or_name: str) -> Path:
    """Return the file a user means: a bundled model's name, or a path.

    A text with a folder or a suffix in it is a path (whether it exists is the front end's check).
    """
    path = Path(path_or_name)
    if path.suffix or len(path.parts) != 1 or path.exists():
        return path
    return checkpoint(path_or_name)
