"""Per-layer types: presets, calibration-driven ``auto``, and the TOML file a user may edit.

Input: a float graph (after the float passes) and a name, a file or calibrated ranges; output: a
``Precision`` that names a type for every weight, bias and result. Nothing is quantized here.
``precision_choice`` reads what a user writes, ``sim.post_training`` puts the parts together.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from .binary_point import Method, candidates, covering, fitted
from .errors import UserError
from .formats import FixedPoint, quantized
from .formats import LayerPrecision as LayerPrecision
from .ir import (
    AvgPool2D,
    Cast,
    Const,
    Conv2D,
    Function,
    Graph,
    InputTable,
    Lookup,
    MaxPool2D,
    Op,
    Relu,
    Tensor,
    WeightedOp,
)
from .lookup import AUTO_ADDRESS_BITS, address_format, clipped, feeds_table

AUTO = "auto"  # types from calibration images
PRESETS = ("q8.8", "q6.6", "q4.4", "mixed", AUTO)
DEFAULT = "mixed"
OWN = "model"  # the types of the model's own quantizers
LOGITS = ("exact", "preset")
AUTO_BIAS_BITS = 16
TABLE_BITS = 12
MAX_BITS = 32  # of a type a user may write
MAX_INTEGER_BITS = 64  # in magnitude: the binary point stays near the bits


@dataclass(frozen=True)
class Bits:
    """Widths that ``auto`` gives weights and results."""

    weight: int = 8
    result: int = 8

    def __str__(self) -> str:
        if self.weight == self.result:
            return str(self.weight)
        return f"w{self.weight}a{self.result}"


AUTO_BITS = Bits()


@dataclass(frozen=True)
class Precision:
    """A name for reports and one entry per operator of the graph, in graph order.

    ``biases``: real biases that replace the graph's, by operator name.
    """

    name: str
    layers: Mapping[str, LayerPrecision]
    biases: Mapping[str, Const] = field(default_factory=dict)

    def bias(self, op: WeightedOp) -> Const:
        """The real biases of ``op``: those that replace the graph's, else its own."""
        return self.biases.get(op.name, op.bias)

    def applied(self, graph: Graph) -> Graph:
        """The float graph with the biases of this precision."""
        return graph.with_ops(
            [
                replace(op, bias=self.bias(op)) if isinstance(op, WeightedOp) else op
                for op in graph.ops
            ]
        )


def preset(name: str, graph: Graph, logits: str = "exact") -> Precision:
    """Fixed formats for all layers: ``q8.8``, ``q6.6``, ``q4.4`` or ``mixed``.

    ``mixed`` is Q4.4 up to the first dense layer and Q6.6 from there on.
    """
    conv, dense = {
        "q8.8": ((16, 8), (16, 8)),
        "q6.6": ((12, 6), (12, 6)),
        "q4.4": ((8, 4), (8, 4)),
        "mixed": ((8, 4), (12, 6)),
    }[name]
    layers: dict[str, LayerPrecision] = {}
    current = quantized(*conv)
    for op in graph.ops:
        if isinstance(op, WeightedOp):
            current = quantized(*(conv if isinstance(op, Conv2D) else dense))
        result = address_format(current) if feeds_table(graph, op) else current
        if isinstance(op, WeightedOp):
            layers[op.name] = LayerPrecision(current, current, result)
        elif isinstance(op, InputTable):
            layers[op.name] = LayerPrecision(None, None, _table_format(op))
        else:
            result_or_none = None if isinstance(op, MaxPool2D) else result
            layers[op.name] = LayerPrecision(None, None, result_or_none)
    return Precision(name, _with_logits(graph, layers, logits))


def result_candidates(
    graph: Graph, ranges: Mapping[str, tuple[float, float]], bits: int = AUTO_BITS.result
) -> dict[str, tuple[FixedPoint, ...]]:
    """The types ``auto`` may give each operator's result, the one that covers its range first.

    Finer ones follow where a method has a choice: not for a table's entries and addresses, which
    are wide anyway. Results that are never negative (after ReLU) are unsigned. Operators without a
    type of their own are left out.
    """
    found: dict[str, tuple[FixedPoint, ...]] = {}
    signed = False
    for op in graph.ops:
        low, high = ranges[op.name]
        if isinstance(op, InputTable):
            found[op.name] = (_table_format(op),)
            signed = True
            continue
        if isinstance(op, MaxPool2D):
            continue
        if isinstance(op, WeightedOp):
            signed = op.activation.negative
        elif isinstance(op, Relu):
            signed = signed and op.activation.negative
        elif isinstance(op, Lookup):
            signed = op.function is Function.TANH
        if feeds_table(graph, op):
            address = covering(AUTO_ADDRESS_BITS, clipped(low, high), signed=signed)
            found[op.name] = (address,)
        else:
            found[op.name] = candidates(bits, np.array([low, high]), signed=signed)
    return found


def auto(
    graph: Graph,
    ranges: Mapping[str, tuple[float, float]],
    logits: str = "exact",
    *,
    bits: Bits = AUTO_BITS,
    method: Method = Method.MIN_MAX,
    results: Mapping[str, FixedPoint] | None = None,
) -> Precision:
    """Power-of-two scaling per layer: weights and results of ``bits``, 16-bit biases.

    ``ranges`` maps an operator's name to the (least, largest) real value of its output seen on
    calibration images; ``results`` holds the type ``method`` picked for each, else it covers the
    range. Biases are few: a percentile would cut one of them off for nothing, they are covered.
    """
    covered = {
        name: found[0] for name, found in result_candidates(graph, ranges, bits.result).items()
    }
    covered |= results or {}
    few = Method.MIN_MAX if method.name == "percentile" else method
    layers: dict[str, LayerPrecision] = {}
    for op in graph.ops:
        weight = bias = None
        if isinstance(op, WeightedOp):
            weight = fitted(quantized(bits.weight, 0), op.weights.values, method)
            bias = fitted(quantized(AUTO_BIAS_BITS, 0), op.bias.values, few)
        layers[op.name] = LayerPrecision(weight, bias, covered.get(op.name))
    return Precision(AUTO, _with_logits(graph, layers, logits))


def rescaled(precision: Precision, graph: Graph, method: Method = Method.MIN_MAX) -> Precision:
    """``precision`` with a binary point per layer for the weights and one for the biases.

    Widths, modes and results stay. It is what scaling the weights of a layer by a power of two and
    its sum by the inverse does. ``method`` as in ``auto``.
    """
    few = Method.MIN_MAX if method.name == "percentile" else method
    layers = dict(precision.layers)
    for op in graph.ops:
        entry = layers[op.name]
        if isinstance(op, WeightedOp) and entry.weight is not None and entry.bias is not None:
            weight = fitted(entry.weight, op.weights.values, method)
            bias = fitted(entry.bias, precision.bias(op).values, few)
            layers[op.name] = replace(entry, weight=weight, bias=bias)
    return replace(precision, layers=layers)


def has_own(graph: Graph) -> bool:
    """Whether the model brings types of its own, from trained quantizers."""
    return any(op.own is not None for op in graph.ops)


def own(graph: Graph) -> Precision:
    """The types the model's own quantizers chose; what they leave open stays exact.

    ``UserError`` if it has none, if a layer has none, or if Keras' own arithmetic isn't exact.
    """
    if not has_own(graph):
        raise UserError(
            f"--precision {OWN}: the model has no quantizers; choose one of {', '.join(PRESETS)}"
        )
    for op in graph.ops:
        if isinstance(op, (WeightedOp, InputTable)) and op.own is None:
            raise UserError(
                f"layer {op.name}: it has no quantizers and other layers have; "
                "quantize all layers or none"
            )
        if isinstance(op, AvgPool2D) and not _halves(op, graph.source(op)):
            raise UserError(
                f"layer {op.name}: a mean of {op.window.size[0]}x{op.window.size[1]} pixels is not "
                "exact in Keras; supported between quantizers are 1, 2, 4, 8, ... pixels"
            )
        if not isinstance(op, (WeightedOp, InputTable, Cast, AvgPool2D, MaxPool2D, Relu)):
            raise UserError(
                f"layer {op.name}: {op.kind} is not exact in Keras; supported between quantizers "
                "are pooling and ReLU"
            )
    return Precision(OWN, {op.name: op.own or LayerPrecision() for op in graph.ops})


def _halves(op: AvgPool2D, x: Tensor) -> bool:
    """Whether every window covers a power of two of pixels."""
    rows, columns = op.window.covered(*x.image_shape[:2])
    return all((row * column).bit_count() == 1 for row in rows for column in columns)


def _table_format(op: InputTable) -> FixedPoint:
    return covering(TABLE_BITS, op.table.values, signed=bool((op.table.values < 0).any()))


def _with_logits(
    graph: Graph, layers: dict[str, LayerPrecision], logits: str
) -> dict[str, LayerPrecision]:
    last = graph.ops[-1]
    if logits == "exact" and isinstance(last, WeightedOp):
        entry = layers[last.name]
        layers[last.name] = LayerPrecision(entry.weight, entry.bias, None)
    return layers


_FIELDS = ("weight", "bias", "result")


def _has(op: Op, field: str) -> bool:
    if field == "result":
        return not isinstance(op, MaxPool2D)
    return isinstance(op, WeightedOp)


def to_toml(precision: Precision, graph: Graph) -> str:
    """Return a complete TOML file, one table per layer, ready to edit."""
    lines = [
        "# lenetgen precision file: a type per weight, bias and result.",
        "# Types: ap_fixed<W,I,Q,O>, ap_ufixed<...> or Qm.n (m+n bits, rounded, saturated).",
        '# result = "exact" keeps the accumulator as it is. Max pooling keeps its input\'s type.',
        f'name = "{re.sub("[^A-Za-z0-9_.-]", "-", precision.name)[:40]}"',
    ]
    for op in graph.ops:
        entry = precision.layers[op.name]
        lines += ["", f"[layers.{op.name}]  # {op.kind}, result {'x'.join(map(str, op.out.shape))}"]
        for name in _FIELDS:
            if _has(op, name):
                value = getattr(entry, name)
                lines.append(f'{name} = "{value if value is not None else "exact"}"')
    return "\n".join(lines) + "\n"


def from_toml(path: Path, graph: Graph) -> Precision:
    """Read a precision file; every layer and field must be there, and nothing else.

    ``UserError`` names the file, the layer and what is allowed.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"precision file {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"precision file {path}: not TOML: {error}") from None
    name = data.get("name", "custom")
    tables = data.get("layers", {})
    if set(data) - {"name", "layers"} or not isinstance(tables, dict):
        raise UserError(f"precision file {path}: only 'name' and [layers.*] are allowed")
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_.-]{1,40}", name):
        raise UserError(f"precision file {path}: name must be 1-40 of A-Z a-z 0-9 _ . -")
    known = {op.name: op for op in graph.ops}
    if unknown := sorted(set(tables) - set(known)):
        raise UserError(
            f"precision file {path}: no layer {unknown[0]!r}; the layers are {', '.join(known)}"
        )
    layers: dict[str, LayerPrecision] = {}
    for op in graph.ops:
        table = tables.get(op.name, {})
        where = f"precision file {path}: layer {op.name}"
        if not isinstance(table, dict):
            raise UserError(f"{where}: must be a table [layers.{op.name}]")
        allowed = [field for field in _FIELDS if _has(op, field)]
        if extra := sorted(set(table) - set(allowed)):
            raise UserError(f"{where}: no field {extra[0]!r}; allowed: {', '.join(allowed) or '-'}")
        layers[op.name] = LayerPrecision(*(_field(field, table, where, op) for field in _FIELDS))
    return Precision(name, layers)


def _field(field: str, table: Mapping[str, object], where: str, op: Op) -> FixedPoint | None:
    if not _has(op, field):
        return None
    text = table.get(field)
    if not isinstance(text, str):
        raise UserError(f"{where}: {field} is missing; write a type such as ap_fixed<8,4>")
    if field == "result" and text == "exact":
        if isinstance(op, WeightedOp):
            return None
        raise UserError(f"{where}: only convolution and dense results can be exact")
    try:
        fmt = FixedPoint.parse(text)
    except ValueError as error:
        raise UserError(f"{where}: {field}: {error}") from None
    if fmt.width > MAX_BITS:
        raise UserError(f"{where}: {field}: {fmt} is wider than {MAX_BITS} bits")
    if abs(fmt.integer_bits) > MAX_INTEGER_BITS:
        limits = f"{-MAX_INTEGER_BITS}..{MAX_INTEGER_BITS}"
        raise UserError(f"{where}: {field}: {fmt} has integer bits outside {limits}")
    return fmt
