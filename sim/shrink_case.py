"""A network as the shrinker cuts it: typed graph, folds and images that stay consistent.

Input: a ``Case`` and a smaller shape, part or type; output: a new ``Case``, types, ranges and
accumulators worked out again. ``IRError`` or ``UserError`` where the cut makes no legal network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..codegen.feeds import Feed
from ..codegen.formats import PIXEL, FixedPoint, LayerPrecision, Overflow, Rounding
from ..codegen.ir import (
    Const,
    Conv2D,
    Dense,
    Graph,
    InputTable,
    MaxPool2D,
    Op,
    Padding,
    Tensor,
    WeightedOp,
    Window,
    WindowOp,
)
from ..codegen.layout import StreamLayout, input_layout
from ..codegen.passes.assign_formats import assign_formats
from ..codegen.precision import Precision
from ..codegen.schedule import Fold, Layer, output_layout, stage_feed
from ..codegen.verify import IRError, result_shape, verify
from .golden import GoldenModel
from .rtl_networks import Network

CODES = 256  # entries of an input table


@dataclass(frozen=True)
class Case:
    """A typed graph, a fold per weighted layer, uint8 images (n, *input shape).

    ``pixels`` per word of the input port.
    """

    graph: Graph
    folds: Mapping[str, Fold]
    images: npt.NDArray[np.uint8] = field(repr=False)
    pixels: int = 1

    @classmethod
    def of(cls, network: Network) -> Case:
        """What there is to cut in a network under test."""
        plan = network.design.schedule
        return cls(network.design.graph, plan.folds, network.images, plan.pixels)

    @property
    def size(self) -> tuple[int, ...]:
        """What a smaller case has less of, the most important first."""
        ops = self.graph.ops
        parameters = [const for op in ops for const in constants(op).values()]
        weights = [const for op in ops if isinstance(op, WeightedOp) for const in (op.weights,)]
        return (
            len(ops),
            sum(tensor.size for tensor in self.graph.tensors()),
            sum(const.values.size for const in parameters),
            sum(sum(op.window.stride) + _pads(op.window) for op in ops if isinstance(op, WindowOp)),
            len(self.images),
            int(np.count_nonzero(self.images)),
            sum(int(np.count_nonzero(const.values)) for const in parameters),
            sum(int(np.abs(const.values).sum()) for const in weights),
            self.pixels,
            sum(fold.constant + fold.lut + fold.units for fold in self.folds.values()),
            sum(fold.multipliers for fold in self.folds.values()),
            sum(_complexity(op) for op in ops),
        )


def _pads(window: Window) -> int:
    pad = window.padding
    return pad.top + pad.bottom + pad.left + pad.right


def _complexity(op: Op) -> int:
    """How far the result's modes and the options are from the plainest."""
    fmt = op.out.fmt
    modes = list(Rounding).index(fmt.rounding) + list(Overflow).index(fmt.overflow)
    return modes + sum(bool(getattr(op, name) != plain) for name, plain in defaults(op).items())


def defaults(op: Op) -> dict[str, Any]:
    """The plainest value of every option of ``op``, by field name."""
    return {
        one.name: one.default
        for one in fields(op)
        if one.default is not MISSING and one.name not in ("own", "accumulator")
    }


def constants(op: Op) -> dict[str, Const]:
    """The parameters of ``op`` by field name."""
    values = {one.name: getattr(op, one.name) for one in fields(op)}
    return {name: value for name, value in values.items() if isinstance(value, Const)}


def retyped(
    case: Case, ops: list[Op], start: Tensor, results: Mapping[str, FixedPoint | None]
) -> Case:
    """``case`` with other operators: shapes, accumulators, ranges and folds are worked out again.

    ``results``: the type of every operator's result; None: exact. Parameters keep their codes.
    """
    chain: list[Op] = []
    x = Tensor(start.name, start.shape)
    layers: dict[str, LayerPrecision] = {}
    for op in ops:
        consts = constants(op)
        types = {name: const.format for name, const in consts.items()}
        plain: dict[str, Any] = {name: _floats(const) for name, const in consts.items()}
        derived = {one.name for one in fields(op) if one.default is None}  # worked out again
        plain |= dict.fromkeys(derived)
        bare = replace(op, x=x.name, out=Tensor(op.out.name, op.out.shape), **plain)
        bare = replace(bare, out=replace(bare.out, shape=result_shape(bare, x)))
        layers[op.name] = LayerPrecision(
            types.get("weights"), types.get("bias"), results.get(op.name)
        )
        chain.append(bare)
        x = bare.out
    graph = Graph(case.graph.name, Tensor(start.name, start.shape), tuple(chain))
    verify(graph)
    graph = assign_formats(graph, Precision("shrunk", layers))
    verify(graph)
    folds = legal_folds(graph, case.folds, case.pixels)
    return Case(graph, folds, case.images, case.pixels)


def result_types(graph: Graph) -> dict[str, FixedPoint | None]:
    """The type of every operator's result; None for the exact sums of a weighted one."""
    types: dict[str, FixedPoint | None] = {}
    for op in graph.ops:
        exact = isinstance(op, MaxPool2D)
        if isinstance(op, WeightedOp) and op.accumulator is not None:
            exact = op.activation.exact(op.accumulator.format) == op.out.fmt
        types[op.name] = None if exact else op.out.fmt
    return types


def _floats(const: Const) -> Const:
    assert const.format is not None
    return Const(const.values.astype(np.float64) * float(const.format.step))


def legal_folds(graph: Graph, folds: Mapping[str, Fold], pixels: int) -> dict[str, Fold]:
    """Per weighted layer the largest legal fold that is no wider than the one wanted.

    ``pixels`` per word of the input port. A hard-wired layer stays hard-wired.
    """
    result: dict[str, Fold] = {}
    source = input_layout(graph.input, pixels)
    for op in graph.ops:
        x = graph.source(op)
        if isinstance(op, WeightedOp):
            wanted, layer = folds[op.name], Layer.of(op, source)
            legal = [
                fold for fold in layer.folds() if fold.pe <= wanted.pe and fold.simd <= wanted.simd
            ]
            fold = layer.constant()
            if not wanted.constant:
                fold = max(legal, key=lambda fold: (fold.pe, fold.simd))
            fold = replace(fold, lut=wanted.lut)
            result[op.name] = in_turns(fold, op, x, source, wanted.units)
        source = output_layout(op, x, source, result.get(op.name))
    return result


def in_turns(fold: Fold, op: WeightedOp, x: Tensor, source: StreamLayout, units: int) -> Fold:
    """``fold`` with as many line buffers, where they may take turns at all."""
    if may_take_turns(fold, op, x, source):
        return replace(fold, units=min(units, op.out.shape[0]))
    return fold


def may_take_turns(fold: Fold, op: WeightedOp, x: Tensor, source: StreamLayout) -> bool:
    """Whether several line buffers may feed ``op``."""
    how = stage_feed(op, x, source, fold)
    return isinstance(op, Conv2D) and how in (Feed.PIXELS, Feed.ROWS)


def resized(
    case: Case,
    shape: tuple[int, ...] | None = None,
    outputs: Mapping[str, int] | None = None,
    windows: Mapping[str, Window] | None = None,
) -> Case:
    """The top left part: of the input ``shape``, so many ``outputs`` a layer, other ``windows``.

    A negative number of outputs means the last ones.
    """
    shape = case.graph.input.shape if shape is None else shape
    ops: list[Op] = []
    old, new = case.graph.input, Tensor("new", shape)
    for op in case.graph.ops:
        count = (outputs or {}).get(op.name)
        cut = _cut(op, old, new, count, (windows or {}).get(op.name))
        old = op.out
        new = Tensor("new", result_shape(cut, new))
        ops.append(replace(cut, out=replace(cut.out, shape=new.shape)))
    kept = tuple(slice(0, length) for length in shape)
    smaller = replace(case, images=case.images[(slice(None), *kept)].copy())
    start = replace(case.graph.input, shape=shape)
    return retyped(smaller, ops, start, result_types(case.graph))


def _cut(op: Op, old: Tensor, new: Tensor, count: int | None, window: Window | None) -> Op:
    rows, columns, channels = new.image_shape
    kept = slice(count, None) if count is not None and count < 0 else slice(count)
    if isinstance(op, WindowOp):
        op = replace(op, window=window or op.window)
    if isinstance(op, Conv2D):
        size = op.window.size
        weights = op.weights.values[: size[0], : size[1], :channels, kept]
    elif isinstance(op, Dense):
        elements = np.arange(old.size).reshape(old.image_shape)[:rows, :columns, :channels]
        weights = op.weights.values[elements.reshape(-1), kept]
    elif isinstance(op, InputTable):
        table = op.table.values[: channels if len(new.shape) == 3 else 1]
        return replace(op, table=replace(op.table, values=table))
    else:
        return op
    return replace(
        op,
        weights=replace(op.weights, values=weights),
        bias=replace(op.bias, values=op.bias.values[kept]),
    )


def span(case: Case, first: int, last: int) -> Case:
    """Operators ``first`` to ``last`` alone; a table makes their input codes out of the pixels.

    As many images as the table's 256 codes per channel suffice for. ``IRError`` if not even one.
    """
    ops = list(case.graph.ops[first : last + 1])
    if len(ops) != last + 1 - first:
        raise IRError(f"there are {len(case.graph.ops)} operators, none is number {last}")
    if first == 0:
        types = result_types(case.graph)
        return retyped(case, ops, case.graph.input, {op.name: types[op.name] for op in ops})
    x = case.graph.source(ops[0])
    codes = GoldenModel(case.graph).trace(case.images)[x.name]
    columns = codes.reshape(len(codes), -1, x.shape[2] if len(x.shape) == 3 else 1)
    count = len(codes)
    while count and any(
        len(np.unique(columns[:count, :, channel])) > CODES for channel in range(columns.shape[2])
    ):
        count -= 1
    if not count:
        raise IRError(f"{ops[0].name}: one image has more than {CODES} codes in a channel")
    table = np.zeros((columns.shape[2], CODES), dtype=np.int64)
    images = np.zeros(columns[:count].shape, dtype=np.uint8)
    for channel in range(columns.shape[2]):
        column = columns[:count, :, channel]
        used = np.unique(column)
        used = used[np.argsort(used != 0, kind="stable")]  # code 0 is pixel 0
        order = np.argsort(used)
        table[channel, : len(used)] = used
        images[:, :, channel] = order[np.searchsorted(used, column, sorter=order)]
    fmt = x.fmt
    start = Tensor(case.graph.input.name, x.shape, PIXEL)
    first_op = InputTable(
        name="table_in",
        x=start.name,
        out=Tensor("table_out", x.shape, fmt),
        table=Const(table, fmt),
    )
    types = result_types(case.graph)
    smaller = replace(case, images=images.reshape(count, *x.shape))
    results = {"table_in": fmt, **{op.name: types[op.name] for op in ops}}
    return retyped(smaller, [first_op, *ops], start, results)


def with_window(window: Window, size: tuple[int, int]) -> Window:
    """A smaller window; its padding stays below its size."""
    pad = window.padding
    rows, columns = size[0] - 1, size[1] - 1
    padding = Padding(
        min(pad.top, rows), min(pad.bottom, rows), min(pad.left, columns), min(pad.right, columns)
    )
    return Window(size, window.stride, padding)
