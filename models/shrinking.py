"""Take filters and neurons out of a Keras model that no result depends on.

Input: a Keras model that is a chain of layers; output: a smaller Sequential of the same name with
the same results. A unit goes if it is always zero (its weights and bias are, or the normalization
behind it is) or if nothing behind it reads it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ..codegen.errors import UserError
from ..codegen.frontend.chain import input_shape, layer_chain
from ..codegen.frontend.keras_runtime import import_keras

Bools = npt.NDArray[np.bool_]

_WEIGHTED = ("Conv2D", "Dense")
_ELEMENTWISE = ("Activation", "ReLU", "LeakyReLU", "ELU")
_ZERO_STAYS = (
    "AveragePooling2D",
    "Dropout",
    "Flatten",
    "GlobalAveragePooling2D",
    "GlobalMaxPooling2D",
    "Identity",
    "MaxPooling2D",
    "ZeroPadding2D",
)


@dataclass
class _Block:
    """A weighted layer, the layers up to the next one, and which of its outputs stay."""

    layer: Any
    behind: list[Any] = field(default_factory=list)
    keep: Bools = field(default_factory=lambda: np.zeros(0, bool))

    @property
    def units(self) -> int:
        return int(np.asarray(self.layer.kernel).shape[-1])


def shrink(model: Any) -> Any:
    """Return a Sequential without the filters and neurons that change no result.

    The last layer keeps all its outputs, every other layer at least one. ``UserError`` for a model
    that is no chain, or has a layer this does not know.
    """
    front, blocks = _blocks(model)
    for block in blocks:
        block.keep = np.ones(block.units, bool)
    changed = True
    while changed:
        changed = False
        for index, block in enumerate(blocks[:-1]):
            before = blocks[index - 1] if index else None
            kept = block.keep & _alive(block, before) & _read(block, blocks[index + 1])
            if not kept.any():
                kept[int(np.argmax(block.keep))] = True
            changed |= bool((kept != block.keep).any())
            block.keep = kept
    return _rebuilt(model, front, blocks)


def _blocks(model: Any) -> tuple[list[Any], list[_Block]]:
    """(layers before the first weighted one, blocks)."""
    front: list[Any] = []
    blocks: list[_Block] = []
    for layer in layer_chain(model):
        kind = type(layer).__name__
        if kind in _WEIGHTED:
            if kind == "Conv2D" and layer.groups != 1:
                raise UserError(f"layer {layer.name!r}: groups={layer.groups} can't be shrunk")
            if kind == "Dense" and len(layer.input.shape) != 2:
                raise UserError(f"layer {layer.name!r}: a Dense layer on images can't be shrunk")
            blocks.append(_Block(layer))
        elif not blocks:
            front.append(layer)
        elif kind in (*_ELEMENTWISE, *_ZERO_STAYS, "BatchNormalization", "Softmax"):
            blocks[-1].behind.append(layer)
        else:
            raise UserError(f"layer {layer.name!r} ({kind}) can't be shrunk")
    if not blocks:
        raise UserError(f"{model.name}: no layer to shrink")
    return front, blocks


def _alive(block: _Block, before: _Block | None) -> Bools:
    """Which outputs can be anything but zero where the next weighted layer reads them."""
    kernel = _rows(block, before)
    bias = np.asarray(block.layer.bias) if block.layer.use_bias else np.zeros(block.units)
    zero = ~(kernel.any(axis=0) | (bias != 0))
    zero &= _of_zero(block.layer.activation)
    for layer in block.behind:
        kind = type(layer).__name__
        if kind == "BatchNormalization":
            if np.asarray(layer.moving_mean).size != block.units:
                raise UserError(
                    f"layer {layer.name!r}: normalization behind Flatten can't be shrunk"
                )
            values = {name: np.zeros(block.units) for name in ("gamma", "beta")}
            values["gamma"] += 1
            for name in values:
                if (found := getattr(layer, name)) is not None:
                    values[name] = np.asarray(found)
            moved = values["gamma"] * np.asarray(layer.moving_mean)
            zero = (values["beta"] == 0) & ((values["gamma"] == 0) | (zero & (moved == 0)))
        elif kind in _ELEMENTWISE:
            zero &= _of_zero(layer)
    return np.asarray(~zero)


def _of_zero(function: Any) -> bool:
    """Whether ``function`` turns zero to zero."""
    if getattr(function, "__name__", "") == "softmax":
        return False
    return bool(np.asarray(function(np.zeros((1, 1), np.float32)))[0, 0] == 0)


def _rows(block: _Block, before: _Block | None) -> npt.NDArray[Any]:
    """The kernel as (inputs that stay, outputs)."""
    kernel = np.asarray(block.layer.kernel)
    if before is None:
        return np.asarray(kernel.reshape(-1, block.units))
    return np.asarray(
        kernel.reshape(-1, before.units, block.units)[:, before.keep].reshape(-1, block.units)
    )


def _read(block: _Block, after: _Block) -> Bools:
    """Which outputs of ``block`` the next layer reads: one with a weight that isn't zero."""
    kernel = np.asarray(after.layer.kernel).reshape(-1, block.units, after.units)
    return np.asarray(kernel[..., after.keep].any(axis=(0, 2)))


def _rebuilt(model: Any, front: list[Any], blocks: list[_Block]) -> Any:
    keras = import_keras()
    layers = [keras.Input(input_shape(model), name="image")]
    weights: list[list[npt.NDArray[Any]]] = []
    for layer in front:
        layers.append(_copy(layer))
        weights.append(layer.get_weights())
    before: _Block | None = None
    for block in blocks:
        count = "filters" if type(block.layer).__name__ == "Conv2D" else "units"
        layers.append(_copy(block.layer, **{count: int(block.keep.sum())}))
        arrays = [_kernel(block, before)]
        arrays += [np.asarray(block.layer.bias)[block.keep]] if block.layer.use_bias else []
        weights.append(arrays)
        for layer in block.behind:
            layers.append(_copy(layer))
            weights.append([array[block.keep] for array in layer.get_weights()])
        before = block
    small = keras.Sequential(layers, name=model.name)
    for layer, found in zip(small.layers, weights, strict=True):
        layer.set_weights(found)
    return small


def _kernel(block: _Block, before: _Block | None) -> npt.NDArray[Any]:
    """The kernel between the units that stay, in Keras' shape."""
    kernel = np.asarray(block.layer.kernel)
    if before is not None:
        parts = kernel.reshape(*kernel.shape[:-2], -1, before.units, block.units)
        parts = parts[..., before.keep, :]
        kernel = parts.reshape(*kernel.shape[:-2], -1, block.units)
    return np.asarray(kernel[..., block.keep])


def _copy(layer: Any, **changes: Any) -> Any:
    return type(layer).from_config(layer.get_config() | changes)
