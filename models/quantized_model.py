"""A float graph and its types as an HGQ2 model that can be trained on.

Input: a float graph (normalization folded, logits last) and a ``Precision``; output: a Keras model
of HGQ2's layers with the graph's parameters. It quantizes exactly as ``assign_formats`` does, so
what Keras computes are the integers of the hardware. Training is in ``qat.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..codegen.errors import UserError
from ..codegen.formats import FixedPoint, LayerPrecision, Overflow, Rounding
from ..codegen.frontend.keras_runtime import import_keras
from ..codegen.frontend.quantizers import import_hgq
from ..codegen.ir import (
    Activation,
    AvgPool2D,
    Conv2D,
    Graph,
    MaxPool2D,
    Relu,
    Tensor,
    WeightedOp,
    Window,
)

PIXEL_BITS = 8
LEARNED_BITS = 12  # of a learned type, at most, without the sign
_OVERFLOWS = {Overflow.SAT: "SAT", Overflow.SAT_SYM: "SAT_SYM"}


@dataclass(frozen=True)
class Quantization:
    """How a network is quantized.

    ``types``: per operator of the graph; where learning starts from if ``learn`` is not None, which
    is the price of one bit operation (HGQ2's EBOPs) in the loss. ``pixel_bits``: of the input, the
    upper ones of a pixel, 1..8.
    """

    types: Mapping[str, LayerPrecision]
    learn: float | None = None
    pixel_bits: int = PIXEL_BITS

    def __post_init__(self) -> None:
        if not 1 <= self.pixel_bits <= PIXEL_BITS:
            raise UserError(f"input bits must be in 1..{PIXEL_BITS}, not {self.pixel_bits}")
        if self.learn is not None and not 0 <= self.learn < 1:
            raise UserError(f"the price of a bit operation must be in [0, 1), not {self.learn}")


def quantized_model(graph: Graph, how: Quantization) -> Any:
    """Return the HGQ2 model of ``graph`` for images of pixels / 255, which ends with the logits.

    ``UserError`` for an operator that Keras does not compute exactly (tables, a rescaled input) and
    for a type it can't train: one that wraps around or turns to zero.
    """
    keras, hgq = import_keras(), import_hgq()
    check(graph)
    layers: list[Any] = [keras.Input(graph.input.shape, name="image")]
    # Cut down, p / 255 in steps of 1/256 is p / 256: the pixel itself.
    pixel = FixedPoint(False, how.pixel_bits, 0, Rounding.TRN, Overflow.SAT)
    pending: Any = _config(pixel, "datalane", None)
    trainable = how.learn is not None
    names = {op.name for op in graph.ops}
    x = graph.input
    for op in graph.ops:
        entry = how.types[op.name]
        if isinstance(op, WeightedOp):
            layers += _weighted(op, x, entry, pending, how)
            pending = None
        elif isinstance(op, AvgPool2D | MaxPool2D):
            if pending is not None and (x is graph.input or isinstance(op, AvgPool2D)):
                layers.append(hgq.quantizer.Quantizer(pending, name=_fresh("cast", names)))
                pending = None
            layers += _pooling(op, x)
        else:
            assert isinstance(op, Relu)
            if pending is not None:
                layers.append(hgq.quantizer.Quantizer(pending, name=_fresh("cast", names)))
            pending = None
            layers += _activation(op.activation, op.name)
        if entry.result is not None and not isinstance(op, MaxPool2D):
            pending = _config(entry.result, "datalane", op.name, trainable=trainable)
        x = op.out
    if pending is not None:
        layers.append(hgq.quantizer.Quantizer(pending, name=_fresh("logits", names)))
    model = keras.Sequential(layers, name=graph.name)
    for quantizer in quantizers(model):  # Keras numbers them through, and their names are stored
        quantizer.quantizer.name = f"{quantizer.name}_type"
    _set_parameters(model, graph)
    return model


def check(graph: Graph) -> None:
    """Raise ``UserError`` unless every operator can be trained with quantizers."""
    if len(graph.input.shape) != 3:
        raise UserError(f"{graph.name}: quantized training takes images, not {graph.input.shape}")
    for op in graph.ops:
        if not isinstance(op, (WeightedOp, AvgPool2D, MaxPool2D, Relu)):
            raise UserError(
                f"layer {op.name}: {op.kind} is not exact in Keras; quantized training takes "
                "convolutions, dense layers, pooling and ReLU, on pixels / 255"
            )


def _weighted(
    op: Any, x: Tensor, entry: LayerPrecision, quantizer: Any, how: Quantization
) -> list[Any]:
    """The layer with its input's quantizer, and what its activation needs behind it."""
    keras, hgq = import_keras(), import_hgq()
    assert entry.weight is not None and entry.bias is not None
    act = op.activation
    plain = act in (Activation.LINEAR, Activation.RELU)
    settings: dict[str, Any] = {
        "name": op.name,
        "activation": "relu" if act == Activation.RELU else "linear",
        "kq_conf": _config(entry.weight, "weight", op.name, trainable=how.learn is not None),
        "bq_conf": _config(entry.bias, "bias", op.name),
        "enable_oq": False,
        "beta0": how.learn or 0.0,
    }
    layers: list[Any] = []
    if isinstance(op, Conv2D):
        padding, layers = _padding(op.window, x, op.name)
        if layers and quantizer is not None:
            layers.insert(0, hgq.quantizer.Quantizer(quantizer, name=f"{op.name}_cast"))
            quantizer = None
        kind: Any = hgq.layers.QConv2D
        settings |= {
            "filters": op.weights.shape[-1],
            "kernel_size": op.window.size,
            "strides": op.window.stride,
            "padding": padding,
        }
    else:
        kind = hgq.layers.QDense
        settings["units"] = op.weights.shape[-1]
        if len(x.shape) > 1:
            layers.append(keras.layers.Flatten(name=f"{op.name}_flatten"))
    settings |= {"enable_iq": quantizer is not None, "iq_conf": quantizer}
    settings["enable_ebops"] = how.learn is not None and quantizer is not None
    layers.append(kind(**settings))
    return layers if plain else layers + _activation(act, f"{op.name}_activation")


def _padding(window: Window, x: Tensor, name: str) -> tuple[str, list[Any]]:
    """Keras' name of the padding; where it has none, "valid" and a layer that pads."""
    keras = import_keras()
    pad = window.padding
    if not any((pad.top, pad.bottom, pad.left, pad.right)):
        return "valid", []
    height, width, _ = x.image_shape
    if window == Window.same(window.size, window.stride, (height, width)):
        return "same", []
    sides = ((pad.top, pad.bottom), (pad.left, pad.right))
    return "valid", [keras.layers.ZeroPadding2D(sides, name=f"{name}_padding")]


def _pooling(op: AvgPool2D | MaxPool2D, x: Tensor) -> list[Any]:
    layers = import_keras().layers
    kind = layers.MaxPooling2D if isinstance(op, MaxPool2D) else layers.AveragePooling2D
    padding, before = _padding(op.window, x, op.name)
    if before:
        raise UserError(f"layer {op.name}: padding {op.window.padding} has no counterpart in Keras")
    return [kind(op.window.size, strides=op.window.stride, padding=padding, name=op.name)]


def _activation(act: Activation, name: str) -> list[Any]:
    slope = 2.0**-act.negative_shift if act.negative_shift else 0.0
    layers = import_keras().layers
    return [layers.ReLU(max_value=act.max_value, negative_slope=slope, name=name)]


def _config(fmt: FixedPoint, place: str, layer: str | None, *, trainable: bool = False) -> Any:
    """HGQ2's settings of a quantizer of type ``fmt``.

    One type for the whole tensor; learned ones of weights one per element.
    """
    if fmt.overflow not in _OVERFLOWS:
        raise UserError(
            f"layer {layer}: type {fmt} can't be trained; its overflow must be AP_SAT or AP_SAT_SYM"
        )
    hgq = import_hgq()
    settings: dict[str, Any] = {
        "k0": fmt.signed,
        "i0": fmt.integer_bits - fmt.signed,
        "f0": fmt.fraction_bits,
        "round_mode": fmt.rounding.value.removeprefix("AP_"),
        "overflow_mode": _OVERFLOWS[fmt.overflow],
        "heterogeneous_axis": () if place != "weight" or not trainable else None,
        "homogeneous_axis": () if place == "weight" and trainable else None,
    }
    for key in ("ic", "fc", "ir", "fr"):  # nothing but training moves them
        settings[key] = None
    if trainable:
        bound = hgq.constraints.MinMax
        low = -LEARNED_BITS
        settings |= {"ic": bound(low, LEARNED_BITS), "fc": bound(low, LEARNED_BITS)}
    return hgq.quantizer.QuantizerConfig("kif", place, **settings)


def _fresh(name: str, used: set[str]) -> str:
    while name in used:
        name += "_"
    used.add(name)
    return name


def _set_parameters(model: Any, graph: Graph) -> None:
    for op in graph.ops:
        if isinstance(op, WeightedOp):
            layer = model.get_layer(op.name)
            layer.kernel.assign(op.weights.values.astype(np.float32))
            layer.bias.assign(op.bias.values.astype(np.float32))


def weighted_layers(model: Any) -> list[Any]:
    """The HGQ2 layers that hold kernels, in order."""
    return [layer for layer in model.layers if hasattr(layer, "kq")]


def parameters(model: Any) -> list[Any]:
    """The variables that are weights and biases, not types."""
    return [variable for layer in weighted_layers(model) for variable in (layer.kernel, layer.bias)]


def quantizers(model: Any) -> list[Any]:
    """HGQ2's quantizers of kernels, biases, inputs and of their own, in the order of the layers."""
    found = []
    for layer in model.layers:
        places = [getattr(layer, name, None) for name in ("_kq", "_bq", "_iq")]
        found += [place for place in places if place is not None]
        found += [layer] if hasattr(layer, "quantizer") else []
    return found


def learned_types(model: Any) -> list[Any]:
    """The variables that are types and learned: numbers of bits that have bounds."""
    return [
        variable
        for quantizer in quantizers(model)
        if quantizer.quantizer.i_constraint is not None
        for variable in quantizer.quantizer.trainable_variables
    ]
