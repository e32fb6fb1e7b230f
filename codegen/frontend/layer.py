"""What a handler gets and gives: one Keras layer with its safe name, and IR operators.

Input: a Keras layer; output: its settings and parameters as plain checked values, and ``UserError``
with the layer's own name where something is not supported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import UserError
from ..ir import Activation, Const, Function, Lookup, Op, Padding, Softmax, Tensor, Window
from .keras_runtime import import_keras

FUSED = {
    "relu": Activation.RELU,
    "relu6": Activation(relu=True, max_value=6.0),
}
TABLED = {function.value: function for function in Function}
SUPPORTED_ACTIVATIONS = ("linear", *FUSED, *TABLED, "softmax")


@dataclass(frozen=True)
class KerasLayer:
    """A layer of the chain; ``shape`` is its input's shape in Keras, batch left out."""

    layer: Any
    name: str  # safe and unique, the operator's name
    shape: tuple[int, ...]
    fresh: Callable[[str], str]  # a safe name nobody has yet, for a second operator

    @property
    def label(self) -> str:
        """How messages call the layer: its name in the model and its class."""
        return f"layer {str(self.layer.name)!r} ({type(self.layer).__name__})"

    def refuse(self, problem: str) -> UserError:
        """Return the error to raise, naming the layer."""
        return UserError(f"{self.label}: {problem}")

    def require(self, setting: str, value: object, allowed: object) -> None:
        """Raise ``UserError`` unless a setting has the one supported value."""
        if value != allowed:
            raise self.refuse(f"{setting}={value!r} is not supported; supported is {allowed!r}")

    def parameters(self, *names: str) -> list[npt.NDArray[np.float64]]:
        """Return the layer's arrays in Keras' order, which must be ``names``, all finite."""
        arrays = [np.asarray(value) for value in self.layer.get_weights()]
        if len(arrays) != len(names):
            raise self.refuse(f"has {len(arrays)} weight arrays; expected {', '.join(names)}")
        return [self.finite(name, array) for name, array in zip(names, arrays, strict=True)]

    def finite(self, name: str, array: Any) -> npt.NDArray[np.float64]:
        """Return ``array`` in float64; refuse it if a value is no number."""
        values = np.asarray(array).astype(np.float64)
        if not np.isfinite(values).all():
            bad = int(np.count_nonzero(~np.isfinite(values)))
            raise self.refuse(f"{bad} of {values.size} values of its {name} are NaN or infinite")
        return values

    def axis(self, value: int) -> int:
        """Return the index into ``shape`` of a Keras axis, which counts the batch."""
        axis = value - 1 if value > 0 else value + len(self.shape)
        if not 0 <= axis < len(self.shape):
            raise self.refuse(f"axis={value} is no axis of its input {self.shape}")
        return axis

    def kernel_and_bias(self) -> tuple[Const, Const]:
        """Return kernel and bias; a layer without bias gets zeros."""
        if self.layer.use_bias:
            kernel, bias = self.parameters("kernel", "bias")
        else:
            (kernel,) = self.parameters("kernel")
            bias = np.zeros(kernel.shape[-1])
        return Const(kernel), Const(bias)

    def window(self, size: Any) -> Window:
        """Return the sliding window of ``size`` with the layer's strides and padding."""
        self.require("data_format", self.layer.data_format, "channels_last")
        height, width = (int(value) for value in size)
        rows, columns = (int(value) for value in self.layer.strides)
        padding = self.layer.padding
        if padding == "same":
            image = (self.shape[0], self.shape[1])
            return Window.same((height, width), (rows, columns), image)
        self.require("padding", padding, "valid")
        return Window((height, width), (rows, columns), Padding())

    def activation(self) -> str:
        """Return one of ``SUPPORTED_ACTIVATIONS``; anything else is refused."""
        stored = import_keras().activations.serialize(self.layer.activation)
        while isinstance(stored, dict):  # a class, or a function with its own settings
            stored = stored.get("class_name") if stored.get("config") else stored.get("config")
        if stored == "leaky_relu":
            raise self.refuse(
                "activation 'leaky_relu' has a slope of 0.2; supported are powers of two: "
                "use a LeakyReLU layer with 1/8 or 1/4"
            )
        if stored not in SUPPORTED_ACTIVATIONS:
            names = ", ".join(SUPPORTED_ACTIVATIONS[:-1])
            raise self.refuse(
                f"activation {str(stored)!r} is not supported; supported are {names} and, "
                "in the last layer, softmax"
            )
        return str(stored)

    def tensor(self, shape: tuple[int, ...], name: str | None = None) -> Tensor:
        """Return the result tensor of an operator, called like it."""
        return Tensor(name or self.name, shape)

    def softmax(self, x: Tensor, name: str) -> Softmax:
        """Return a softmax over a vector."""
        if len(self.shape) != 1 and len(x.shape) != 1:
            raise self.refuse("softmax over an image is not supported; supported is a vector")
        return Softmax(name=name, x=x.name, out=self.tensor(x.shape, name))

    def behind(self, kind: str, x: Tensor) -> list[Op]:
        """Return the operators behind ``x``, this layer's result, that its activation needs."""
        if kind == "softmax":
            return [self.softmax(x, self.fresh(f"{self.name}_softmax"))]
        if kind in TABLED:
            return [self.lookup(kind, x, self.fresh(f"{self.name}_{kind}"))]
        return []

    def lookup(self, kind: str, x: Tensor, name: str) -> Lookup:
        """Return the table of the activation ``kind``."""
        out = self.tensor(x.shape, name)
        return Lookup(name=name, x=x.name, out=out, function=TABLED[kind])


Handler = Callable[[KerasLayer, Tensor], list[Op]]


def fused(kind: str) -> Activation:
    """Return the activation a weighted operator carries itself."""
    return FUSED.get(kind, Activation.LINEAR)
