"""The network zoo: builders by name, and the checkpoints that come with the package.

Input: a name; output: an untrained Keras model, or the path of a trained one. Training is in
``training.py``. Keras is imported inside the functions only.
"""

from __future__ import annotations

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


ENTRIES: dict[str, ZooEntry] = {
    entry.name: entry
    for entry in (
        ZooEntry("lenet5", "LeNet-5, ReLU and max pooling, 28x28x1", "mnist", _lenet5),
        ZooEntry("lenet5-tanh", "LeNet-5 of 1998, tanh, mean pooling", "mnist", _lenet5_tanh),
    )
}


def names() -> tuple[str, ...]:
    """Return the names of all networks that ``build`` knows, in the order of the zoo."""
    return tuple(ENTRIES)


def entry(name: str) -> ZooEntry:
    """Return the zoo's entry; an unknown name raises ``UserError`` with the list of names."""
    if name not in ENTRIES:
        raise UserError(f"no network {name!r} in the zoo; there are: {', '.join(ENTRIES)}")
    return ENTRIES[name]


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
