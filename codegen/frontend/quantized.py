"""HGQ2's layers: the Keras layer's operator with its quantized parameters, and casts around it.

A quantizer in front of a layer becomes a Cast; ``fuse_casts`` joins it with the operator before
where the integers stay the same. ``tabulated_input`` is what the quantizer of the pixels becomes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..formats import FixedPoint, LayerPrecision
from ..ir import (
    BatchNorm,
    Cast,
    Const,
    Flatten,
    InputTable,
    MaxPool2D,
    Op,
    Relu,
    Rescaling,
    Reshape,
    Tensor,
    WeightedOp,
    ZeroPad,
)
from . import conv, dense, pool
from .keras_runtime import import_keras
from .layer import Handler, KerasLayer
from .quantizers import (
    FormatError,
    bits_of,
    covering,
    parameter_format,
    tensor_format,
    uniform_format,
)

EXACT_ACTIVATIONS = ("linear", "relu", "relu6", "softmax")
INPUT_TABLE = "input_quantizer"
_POINTWISE = (Rescaling, BatchNorm, Relu, Flatten, Reshape)
_MOVES = (MaxPool2D, ZeroPad, Flatten, Reshape)  # they commute with a scaling


@dataclass(frozen=True)
class _Quantized(KerasLayer):
    """A layer whose parameters went through their quantizers."""

    constants: tuple[Const, Const] = (Const(np.zeros(1)), Const(np.zeros(1)))

    def kernel_and_bias(self) -> tuple[Const, Const]:
        """Return the quantized kernel and bias."""
        return self.constants


def is_hgq(layer: Any) -> bool:
    """Tell whether a Keras layer is HGQ2's own."""
    return str(type(layer).__module__).split(".")[0] == "hgq"


def conv2d(layer: KerasLayer, x: Tensor) -> list[Op]:
    """QConv2D, like Conv2D."""
    return _weighted(layer, x, conv.conv2d)


def fully_connected(layer: KerasLayer, x: Tensor) -> list[Op]:
    """QDense and QBatchNormDense, whose normalization is part of its quantized kernel."""
    return _weighted(layer, x, dense.dense)


def quantizer(layer: KerasLayer, x: Tensor) -> list[Op]:
    """Quantizer as a layer of its own: a cast."""
    return _cast(layer, layer.layer, "", x, layer.name)


def _pooling(handler: Handler) -> Handler:
    def pooling(layer: KerasLayer, x: Tensor) -> list[Op]:
        ops = _input_cast(layer, x)
        ops += handler(layer, ops[-1].out if ops else x)
        return ops + _output_cast(layer, ops[-1].out)

    return pooling


def _weighted(layer: KerasLayer, x: Tensor, handler: Handler) -> list[Op]:
    keras = layer.layer
    kind = layer.activation()
    if kind not in EXACT_ACTIVATIONS:
        raise layer.refuse(
            f"activation {kind!r} is not exact in a quantized layer; "
            f"supported are {', '.join(EXACT_ACTIVATIONS)}"
        )
    ops = _input_cast(layer, x)
    weights, weight = _parameter(layer, "kernel", keras.kq, keras.qkernel)
    bias, bias_type = Const(np.zeros(weights.shape[-1])), covering(np.zeros(1))
    if keras.use_bias:
        bias, bias_type = _parameter(layer, "bias", keras.bq, keras.qbias)
    plain = _Quantized(keras, layer.name, layer.shape, layer.fresh, (weights, bias))
    op, *rest = handler(plain, ops[-1].out if ops else x)
    ops.append(replace(op, own=LayerPrecision(weight, bias_type)))
    if rest and keras.enable_oq:
        raise layer.refuse("an output quantizer behind softmax is not supported")
    return [*ops, *rest, *_output_cast(layer, op.out)]


def _parameter(
    layer: KerasLayer, name: str, quantizer: Any, values: Any
) -> tuple[Const, FixedPoint]:
    """Return quantized parameters as reals, and the type that holds them."""
    reals = layer.finite(name, import_keras().ops.convert_to_numpy(values))
    try:
        bits_of(quantizer)
        return Const(reals), parameter_format(quantizer, reals)
    except FormatError as error:
        raise layer.refuse(f"its {name} quantizer: {error}") from None


def _input_cast(layer: KerasLayer, x: Tensor) -> list[Op]:
    if not layer.layer.enable_iq:
        return []
    return _cast(layer, layer.layer.iq, "input ", x, layer.fresh(f"{layer.name}_iq"))


def _output_cast(layer: KerasLayer, x: Tensor) -> list[Op]:
    if not layer.layer.enable_oq:
        return []
    return _cast(layer, layer.layer.oq, "output ", x, layer.fresh(f"{layer.name}_oq"))


def _cast(layer: KerasLayer, quantizer: Any, what: str, x: Tensor, name: str) -> list[Op]:
    """Return the cast of a quantizer; none if it is only a placeholder."""
    if quantizer.q_type == "dummy":
        return []
    try:
        found = uniform_format(quantizer)
    except FormatError as error:
        raise layer.refuse(f"its {what}quantizer: {error}") from None
    own = LayerPrecision(result=found)  # None: only a table can do it
    return [Cast(name=name, x=x.name, out=layer.tensor(x.shape, name), own=own)]


def tabulated_input(parts: Sequence[tuple[KerasLayer, list[Op]]], start: Tensor) -> list[Op]:
    """Return the operators with everything up to the first quantizer as an InputTable.

    ``parts`` are the Keras layers and what their handlers made of them. The table holds what Keras
    itself computes in float32 for every pixel value, so no rounding of ours can differ from it.
    ``UserError`` if another operator than scaling, ReLU or reshaping stands before the quantizer.
    """
    if not any(op.own is not None for _, ops in parts for op in ops):
        return [op for _, ops in parts for op in ops]
    front: list[Any] = []
    before: list[Op] = []
    for index, (layer, ops) in enumerate(parts):
        if ops and isinstance(ops[0], Cast):
            _check_casts([(layer, ops[1:]), *parts[index + 1 :]])
            after = ops[1:] + [op for _, more in parts[index + 1 :] for op in more]
            table = _without_table(_table(layer, front, before, start), after)
            return _rewired(
                table, [op for op in before if isinstance(op, (Flatten, Reshape))], after
            )
        for op in ops:
            if not isinstance(op, _POINTWISE):
                raise layer.refuse(
                    "no quantizer stands between the pixels and it; supported is a Quantizer layer "
                    "or an input quantizer before anything but scaling, ReLU and reshaping"
                )
        front.append(layer.layer)
        before += ops
    raise AssertionError("a quantized model without a quantizer")


def _check_casts(parts: Sequence[tuple[KerasLayer, list[Op]]]) -> None:
    """Refuse quantizers of activations that have no type for the whole tensor."""
    for layer, ops in parts:
        casts = [op for op in ops if isinstance(op, Cast)]
        for op, (what, quantizer) in zip(casts[::-1], _quantizers(layer)[::-1], strict=False):
            if op.own is None or op.own.result is None:
                try:
                    tensor_format(quantizer)
                except FormatError as error:
                    raise layer.refuse(f"its {what}quantizer: {error}") from None


def _quantizers(layer: KerasLayer) -> list[tuple[str, Any]]:
    """Return the quantizers of a layer's activations, each with its name in messages."""
    keras = layer.layer
    if not hasattr(keras, "enable_iq"):
        return [("", keras)]
    found = [("input ", keras.iq)] if keras.enable_iq else []
    found += [("output ", keras.oq)] if keras.enable_oq else []
    return [(what, quantizer) for what, quantizer in found if quantizer.q_type != "dummy"]


def _rewired(table: Op, moves: list[Op], rest: list[Op]) -> list[Op]:
    """Return the chain that starts with ``table``."""
    ops = [table]
    for op in [*moves, *rest]:
        ops.append(replace(op, x=ops[-1].out.name))
    return ops


def _table(layer: KerasLayer, front: list[Any], before: list[Op], start: Tensor) -> InputTable:
    """Run 256 images of one grey each through the Keras layers ``front`` and the quantizer."""
    keras = import_keras()
    quantizer = layer.layer.iq if hasattr(layer.layer, "enable_iq") else layer.layer
    height, width, channels = start.image_shape
    shape = front[0].input.shape if front else layer.layer.input.shape
    grey = np.arange(256, dtype=np.float32)
    if not any(isinstance(op, Rescaling) for op in before):
        grey = grey / np.float32(255)  # trained on pixels / 255, as assume_unit_range has it
    values: Any = np.repeat(grey, start.size).reshape(256, *shape[1:])
    for earlier in front:
        values = earlier(values, training=False)
    values = keras.ops.convert_to_numpy(quantizer(values, training=False))
    table = layer.finite("input table", values).reshape(256, height * width, channels)
    if not (table == table[:, :1]).all():
        raise layer.refuse("its input quantizer treats pixels of one channel differently")
    reals = np.ascontiguousarray(table[:, 0].T)
    try:
        own = LayerPrecision(result=parameter_format(quantizer, reals))
    except FormatError as error:
        raise layer.refuse(f"its input quantizer: {error}") from None
    name = layer.fresh(INPUT_TABLE)
    out = Tensor(name, start.shape)
    return InputTable(name=name, x=start.name, out=out, own=own, table=Const(reals))


def _without_table(table: InputTable, after: Sequence[Op]) -> Op:
    """A scaling by 1/256 if that is all ``table`` does: pixels arrive so, and it costs nothing.

    The table stays in front of another quantizer, which would have no weights to scale.
    """
    reader = next((op for op in after if not isinstance(op, _MOVES)), None)
    same = bool((table.table.values == np.arange(256) / 256).all())
    if not same or not isinstance(reader, WeightedOp):
        return table
    scale, offset = Const(np.array([1 / 256])), Const(np.array([0.0]))
    return Rescaling(name=table.name, x=table.x, out=table.out, scale=scale, offset=offset)


HANDLERS: dict[str, Handler] = {
    "QConv2D": conv2d,
    "QDense": fully_connected,
    "QBatchNormDense": fully_connected,
    "Quantizer": quantizer,
    "QMaxPooling2D": _pooling(pool.max_pool),
    "QAveragePooling2D": _pooling(pool.average_pool),
    "QGlobalMaxPooling2D": _pooling(pool.global_max_pool),
    "QGlobalAveragePooling2D": _pooling(pool.global_average_pool),
}

# What a layer's settings may name beside Keras' own classes.
SETTINGS = frozenset(
    {
        "QuantizerConfig",
        "HardTanhConfig",
        "DefaultBitwidthMapper",
        "Constant",
        "Max",
        "Min",
        "MinMax",
        "MonoL1",
    }
)
