"""A typed graph as JSON and arrays, and back; what ``design.json`` and its parameters hold.

``from_parts(*to_parts(graph)) == graph``. Reading trusts nothing: types are parsed, arrays are
plain integers (no pickles), and the result passes ``verify``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import UserError
from .formats import FixedPoint
from .ir import (
    Accumulator,
    Activation,
    AvgPool2D,
    Cast,
    Const,
    Conv2D,
    Dense,
    Function,
    Graph,
    InputTable,
    Lookup,
    MaxPool2D,
    Op,
    Padding,
    Relu,
    TableOp,
    Tensor,
    WeightedOp,
    Window,
    WindowOp,
)
from .verify import IRError, verify

KINDS: dict[str, type[Op]] = {
    cls.__name__: cls
    for cls in (Conv2D, Dense, MaxPool2D, AvgPool2D, Relu, Cast, InputTable, Lookup)
}
Arrays = dict[str, npt.NDArray[np.int64]]


def to_parts(graph: Graph) -> tuple[dict[str, Any], Arrays]:
    """Return (JSON-ready description, parameter arrays by ``<layer>_<parameter>``)."""
    arrays: Arrays = {}
    layers = []
    for op in graph.ops:
        entry: dict[str, Any] = {"name": op.name, "kind": op.kind, "output": _tensor(op.out)}
        if isinstance(op, WindowOp):
            entry["window"] = _window(op.window)
        if isinstance(op, WeightedOp):
            assert op.accumulator is not None
            acc = op.accumulator
            entry["accumulator"] = {"type": str(acc.format), "low": acc.low, "high": acc.high}
        if isinstance(op, WeightedOp | Relu):
            entry["activation"] = op.activation.value
        if isinstance(op, Lookup):
            entry["function"] = op.function.value
        for label, const in _constants(op).items():
            entry[label] = {"type": str(const.format), "shape": list(const.shape)}
            arrays[f"{op.name}_{label}"] = const.values
        layers.append(entry)
    return {"name": graph.name, "input": _tensor(graph.input), "layers": layers}, arrays


def from_parts(description: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> Graph:
    """Rebuild and verify the graph; ``UserError`` if the parts make no valid one."""
    try:
        source = _read_tensor(description["input"])
        ops: list[Op] = []
        before = source.name
        for entry in description["layers"]:
            op = _read_op(entry, before, arrays)
            ops.append(op)
            before = op.out.name
        graph = Graph(str(description["name"]), source, tuple(ops))
        verify(graph)
    except (KeyError, TypeError, ValueError, IRError) as error:
        raise UserError(f"design.json does not describe a network: {error!r}") from None
    return graph


def fingerprint(graph: Graph) -> str:
    """SHA-256 (hexadecimal) of a typed graph: structure, types and every parameter."""
    description, arrays = to_parts(graph)
    digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode())
    for name in sorted(arrays):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(arrays[name], dtype="<i8").tobytes())
    return digest.hexdigest()


def _constants(op: Op) -> dict[str, Const]:
    if isinstance(op, WeightedOp):
        return {"weights": op.weights, "bias": op.bias}
    return {"table": op.table} if isinstance(op, TableOp) and op.table is not None else {}


def _tensor(tensor: Tensor) -> dict[str, Any]:
    return {
        "name": tensor.name,
        "shape": list(tensor.shape),
        "type": str(tensor.fmt),
        "low": tensor.low,
        "high": tensor.high,
    }


def _read_tensor(entry: Mapping[str, Any]) -> Tensor:
    return Tensor(
        str(entry["name"]),
        tuple(int(size) for size in entry["shape"]),
        FixedPoint.parse(entry["type"]),
        int(entry["low"]),
        int(entry["high"]),
    )


def _window(window: Window) -> dict[str, list[int]]:
    pad = window.padding
    return {
        "size": list(window.size),
        "stride": list(window.stride),
        "padding": [pad.top, pad.bottom, pad.left, pad.right],
    }


def _pair(values: Any) -> tuple[int, int]:
    first, second = values
    return int(first), int(second)


def _read_op(entry: Mapping[str, Any], x: str, arrays: Mapping[str, npt.NDArray[Any]]) -> Op:
    cls = KINDS[entry["kind"]]
    name = str(entry["name"])
    fields: dict[str, Any] = {"name": name, "x": x, "out": _read_tensor(entry["output"])}
    if "window" in entry:
        window = entry["window"]
        padding = Padding(*(int(value) for value in window["padding"]))
        fields["window"] = Window(_pair(window["size"]), _pair(window["stride"]), padding)
    if "activation" in entry:
        fields["activation"] = Activation.parse(entry["activation"])
    if "function" in entry:
        fields["function"] = Function(entry["function"])
    if "accumulator" in entry:
        acc = entry["accumulator"]
        fields["accumulator"] = Accumulator(
            FixedPoint.parse(acc["type"]), int(acc["low"]), int(acc["high"])
        )
    for label in ("weights", "bias", "table"):
        if label in entry:
            values = np.asarray(arrays[f"{name}_{label}"])
            if values.dtype.kind != "i":
                raise ValueError(f"{name}_{label} holds {values.dtype}, not integers")
            fields[label] = Const(values, FixedPoint.parse(entry[label]["type"]))
    return cls(**fields)
