"""The ROM contents of folded layers and tables as C++ initialisers of raw integer codes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .ir import InputTable, TableOp, WeightedOp

LINE = 96  # columns


@dataclass(frozen=True)
class Array:
    """One constant array; ``type`` is the number whose codes it holds."""

    type: str
    name: str
    dimensions: str
    text: str


@dataclass(frozen=True)
class Weights:
    """Context of ``weights/<layer>.h``."""

    layer: str
    notes: tuple[str, ...]
    arrays: tuple[Array, ...]


def weights_for(op: WeightedOp, order: np.ndarray, pe: int) -> Weights:
    """Weights and biases of ``op`` in the order the folded engine reads them.

    ``order`` (steps of a vector, simd): the input each lane multiplies, -1 for none.
    """
    taps = op.weights.values.reshape(-1, op.weights.shape[-1])
    outputs = taps.shape[1]
    groups = -(-outputs // pe)
    padded = np.zeros((taps.shape[0] + 1, groups * pe), dtype=np.int64)
    padded[:-1, :outputs] = taps  # the last row, index -1, is for lanes without an input
    steps, simd = order.shape
    folded = padded[order.reshape(-1)].reshape(steps, simd, groups, pe).transpose(2, 0, 3, 1)
    biases = np.zeros(groups * pe, dtype=np.int64)
    biases[:outputs] = op.bias.values
    return Weights(
        op.name,
        (
            f"Codes of {op.name}'s weights, {op.weights.format},",
            f"and biases, {op.bias.format}.",
            "weights[step][output][input] of a group of outputs, step by step; missing ones are 0.",
        ),
        (
            _array(f"{op.name}_weight_t", f"{op.name}_weights", folded.reshape(-1, pe, simd)),
            _array(f"{op.name}_bias_t", f"{op.name}_biases", biases.reshape(groups, pe)),
        ),
    )


def table_weights(op: TableOp, result: str) -> Weights:
    """The table of ``op``, a row per channel, or one for all."""
    assert op.table is not None
    pixels = isinstance(op, InputTable)
    order = "table[channel][pixel]" if pixels else "table[0][code modulo 2^bits]"
    note = f"Codes of {op.name}'s table ({op.table.format}): {order}."
    rows = np.atleast_2d(op.table.values)
    return Weights(op.name, (note,), (_array(result, f"{op.name}_table", rows),))


def _array(type_: str, name: str, values: np.ndarray) -> Array:
    dimensions = "".join(f"[{size}]" for size in values.shape)
    rows = values.reshape(-1, values.shape[-1]).tolist()
    inner = 1 if values.ndim < 3 else values.shape[1]
    lines: list[str] = []
    for start in range(0, len(rows), inner):
        items = [f"{{{', '.join(map(str, row))}}}" for row in rows[start : start + inner]]
        text = items[0] if values.ndim < 3 else f"{{{', '.join(items)}}}"
        lines += _wrapped(text + ",")
    return Array(type_, name, dimensions, "\n".join(lines))


def _wrapped(text: str) -> Iterator[str]:
    """Break at spaces so that no line is longer than ``LINE``."""
    text = "    " + text
    while len(text) > LINE:
        cut = text.rfind(" ", 8, LINE)
        if cut < 0:
            break
        yield text[:cut]
        text = "        " + text[cut + 1 :]
    yield text
