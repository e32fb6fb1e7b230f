"""Constant matrix-vector products as pipelined graphs of shared additions (distributed arithmetic).

Input: an integer matrix and the range of every input. Output: an ``AdderGraph`` whose nodes are
additions and subtractions of shifted values, each with its exact range and the pipeline level it
is computed in. ``da4ml`` finds the shared sub-expressions (C. Sun et al., "da4ml: Distributed
Arithmetic for Real-time Neural Networks on FPGAs", 2025); the graph is then checked here: every
node's coefficients are multiplied out, so a wrong graph can't leave this module.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from .formats import bits_for

IntArray = npt.NDArray[np.int64]
MAX_COEFFICIENT = 1 << 24  # da4ml works in float32: larger weights would not be exact
EXTRA_DEPTH = 2  # adder levels beyond the fewest possible that sharing may cost


@dataclass(frozen=True)
class Value:
    """What a wire carries: codes ``low``..``high``; ``level`` 0 is an input."""

    low: int
    high: int
    level: int

    @property
    def signed(self) -> bool:
        """Whether it needs a sign bit."""
        return self.low < 0

    @property
    def bits(self) -> int:
        """Bits of its two's complement, or of its unsigned binary if it is never negative."""
        return bits_for(self.low, self.high)[1]


@dataclass(frozen=True)
class Adder:
    """``(a << shift_a) + (b << shift_b)``, or minus; one of the shifts is 0."""

    a: int
    shift_a: int
    b: int
    shift_b: int
    subtract: bool


@dataclass(frozen=True)
class Output:
    """``±(value << shift)``; ``node`` None for an output no input reaches."""

    node: int | None
    shift: int
    negate: bool


@dataclass(frozen=True)
class AdderGraph:
    """Values 0..inputs-1 are the inputs, value inputs+i is what ``adders[i]`` computes.

    ``values[n].level``: the level after whose register it is there. ``depth``: levels until all
    outputs are there. An input no weight reaches is in ``values``, but nothing reads it.
    """

    inputs: int
    values: tuple[Value, ...]
    adders: tuple[Adder, ...]
    outputs: tuple[Output, ...]
    depth: int

    @property
    def last_use(self) -> tuple[int, ...]:
        """Per value the last level after which it is still needed; its own if nothing reads it."""
        last = [value.level for value in self.values]
        for index, adder in enumerate(self.adders):
            level = self.values[self.inputs + index].level
            for operand in (adder.a, adder.b):
                last[operand] = max(last[operand], level - 1)
        for output in self.outputs:
            if output.node is not None:
                last[output.node] = self.depth
        return tuple(last)

    @property
    def register_bits(self) -> int:
        """Flip-flops of all levels."""
        last = self.last_use
        return sum(
            value.bits * (last[n] - max(value.level, 1) + 1)
            for n, value in enumerate(self.values)
            if last[n] >= max(value.level, 1)
        )

    @property
    def adder_bits(self) -> int:
        """Full adders of all nodes: result bits less the low ones that pass through."""
        return sum(
            self.values[self.inputs + i].bits - passed(adder) for i, adder in enumerate(self.adders)
        )

    def coefficients(self) -> IntArray:
        """(inputs, outputs): the matrix the graph multiplies by, multiplied out."""
        forms = _forms(self.inputs, self.adders)
        columns = np.zeros((self.inputs, len(self.outputs)), dtype=np.int64)
        for index, output in enumerate(self.outputs):
            if output.node is not None:
                sign = -1 if output.negate else 1
                columns[:, index] = sign * (forms[output.node] << output.shift)
        return columns


def passed(adder: Adder) -> int:
    """Low bits of the result that are those of ``a``: the other operand is shifted past them."""
    return adder.shift_b


def adder_graph(matrix: IntArray, low: int, high: int) -> AdderGraph:
    """The graph of ``x @ matrix`` for ``matrix`` (inputs, outputs) and codes ``low``..``high``.

    ``ValueError`` if a weight needs more than 24 bits. The same arguments give the same graph.
    """
    if np.abs(matrix).max(initial=0) >= MAX_COEFFICIENT:
        raise ValueError(f"a weight of a constant layer is {MAX_COEFFICIENT} or more")
    low, high = min(low, 0), max(high, 0)
    inputs = matrix.shape[0]
    if not matrix.any():
        values = (Value(low, high, 0),) * inputs
        return AdderGraph(inputs, values, (), (Output(None, 0, False),) * matrix.shape[1], 0)
    adders, outputs = _solve(matrix, low, high)
    adders, outputs = _without_dead(inputs, adders, outputs)
    forms = _forms(inputs, adders)
    ranges = [
        (
            int(np.where(form > 0, form * low, form * high).sum()),
            int(np.where(form > 0, form * high, form * low).sum()),
        )
        for form in forms
    ]
    values = tuple(Value(least, most, 0) for least, most in ranges)
    graph = AdderGraph(inputs, values, adders, outputs, 0)
    if not np.array_equal(graph.coefficients(), matrix):
        raise RuntimeError("the adder graph does not compute the weights it was made from")
    return _levelled(graph)


def _forms(inputs: int, adders: tuple[Adder, ...]) -> list[IntArray]:
    """Every value as a linear form of the inputs."""
    forms: list[IntArray] = list(np.eye(inputs, dtype=np.int64))
    for adder in adders:
        a, b = forms[adder.a] << adder.shift_a, forms[adder.b] << adder.shift_b
        forms.append(a - b if adder.subtract else a + b)
    return forms


def _solve(matrix: IntArray, low: int, high: int) -> tuple[tuple[Adder, ...], tuple[Output, ...]]:
    """Run da4ml and rewrite its cascade of fixed-point graphs as integers.

    A value v of da4ml stands as an integer n with an exponent e: v = n * 2^e.
    """
    from da4ml.cmvm import solve

    interval = (float(low), float(high), 1.0)
    pipeline = solve(
        matrix.astype(np.float32), qintervals=[interval] * matrix.shape[0], hard_dc=EXTRA_DEPTH
    )
    adders: list[Adder] = []
    # what the next graph of the cascade reads: (node, exponent, negate), None for a zero
    feed: list[tuple[int, int, bool] | None] = [(i, 0, False) for i in range(matrix.shape[0])]
    for part in pipeline.solutions:
        buffer: list[tuple[int, int, bool] | None] = []
        for op in part.ops:
            if op.opcode == -1:
                entry = feed[op.id0]
                if entry is not None:
                    entry = (entry[0], entry[1] + part.inp_shifts[op.id0], entry[2])
                buffer.append(entry)
            elif op.opcode in (0, 1):
                buffer.append(
                    _add(
                        adders,
                        matrix.shape[0],
                        buffer[op.id0],
                        _scaled(buffer[op.id1], op.data, op.opcode == 1),
                    )
                )
            else:
                raise RuntimeError(f"da4ml used opcode {op.opcode} in a product of constants")
        feed = [
            _scaled(buffer[index], shift, bool(negative)) if index >= 0 else None
            for index, shift, negative in zip(
                part.out_idxs, part.out_shifts, part.out_negs, strict=True
            )
        ]
    outputs = []
    for entry in feed:
        if entry is None:
            outputs.append(Output(None, 0, False))
            continue
        node, exponent, negate = entry
        if exponent < 0:
            raise RuntimeError("da4ml scaled an integer product below one")
        outputs.append(Output(node, exponent, negate))
    return tuple(adders), tuple(outputs)


def _scaled(
    entry: tuple[int, int, bool] | None, shift: int, negate: bool
) -> tuple[int, int, bool] | None:
    if entry is None:
        return None
    return entry[0], entry[1] + shift, entry[2] != negate


def _add(
    adders: list[Adder],
    inputs: int,
    a: tuple[int, int, bool] | None,
    b: tuple[int, int, bool] | None,
) -> tuple[int, int, bool] | None:
    """Append the adder of two values and return the sum; a zero adds nothing.

    The operand with the smaller exponent comes first unless the signs forbid it.
    """
    if a is None or b is None:
        return a if b is None else b
    exponent = min(a[1], b[1])
    if a[2] != b[2]:  # a difference: the positive operand first
        first, second, negate = (b, a, False) if a[2] else (a, b, False)
        subtract = True
    else:
        first, second, negate = (a, b, a[2]) if a[1] <= b[1] else (b, a, a[2])
        subtract = False
    adders.append(Adder(first[0], first[1] - exponent, second[0], second[1] - exponent, subtract))
    return inputs + len(adders) - 1, exponent, negate


def _without_dead(
    inputs: int, adders: tuple[Adder, ...], outputs: tuple[Output, ...]
) -> tuple[tuple[Adder, ...], tuple[Output, ...]]:
    """Drop the adders nothing reads and number the rest anew."""
    used = {output.node for output in outputs if output.node is not None}
    for index in range(len(adders) - 1, -1, -1):
        if inputs + index in used:
            used |= {adders[index].a, adders[index].b}
    number = {value: value for value in range(inputs)}
    kept: list[Adder] = []
    for index, adder in enumerate(adders):
        if inputs + index in used:
            number[inputs + index] = inputs + len(kept)
            kept.append(replace(adder, a=number[adder.a], b=number[adder.b]))
    final = tuple(
        output if output.node is None else replace(output, node=number[output.node])
        for output in outputs
    )
    return tuple(kept), final


def _levelled(graph: AdderGraph) -> AdderGraph:
    """Give every adder the level that costs the fewest register bits; one adder per level.

    A linear program over differences of levels (retiming, C. Leiserson and J. Saxe 1991): its
    matrix is totally unimodular, so the optimum is whole.
    """
    from scipy.optimize import linprog
    from scipy.sparse import coo_matrix

    inputs, count = graph.inputs, len(graph.adders)
    if not count:
        return graph
    depth = max(_earliest(graph))
    total = inputs + count
    # variables: level of every adder, then last level every value is needed after
    rows: list[int] = []
    columns: list[int] = []
    data: list[float] = []
    bounds: list[float] = []

    def at_most(terms: list[tuple[int, float]], limit: float) -> None:
        for column, factor in terms:
            rows.append(len(bounds))
            columns.append(column)
            data.append(factor)
        bounds.append(limit)

    for index, adder in enumerate(graph.adders):
        for operand in {adder.a, adder.b}:
            at_most([(index, 1.0), (count + operand, -1.0)], 1.0)  # needed after level - 1
            if operand >= inputs:
                at_most([(operand - inputs, 1.0), (index, -1.0)], -1.0)
    for index in range(count):
        at_most([(index, 1.0), (count + inputs + index, -1.0)], 0.0)
    floor = np.zeros(count + total)
    floor[:count] = 1
    for output in graph.outputs:
        if output.node is not None:
            floor[count + output.node] = depth
    widths = np.array([value.bits for value in graph.values], dtype=float)
    cost = np.concatenate([-widths[inputs:], widths])
    result = linprog(
        cost,
        A_ub=coo_matrix((data, (rows, columns)), shape=(len(bounds), count + total)).tocsr(),
        b_ub=np.array(bounds),
        bounds=np.stack([floor, np.full(count + total, depth)], axis=1),
        method="highs-ds",
    )
    if not result.success:
        raise RuntimeError(f"no pipeline levels found: {result.message}")
    levels = np.rint(result.x[:count]).astype(int)
    values = graph.values[:inputs] + tuple(
        replace(value, level=int(level))
        for value, level in zip(graph.values[inputs:], levels, strict=True)
    )
    return replace(graph, values=values, depth=depth)


def _earliest(graph: AdderGraph) -> list[int]:
    """The least level of every value."""
    levels = [0] * graph.inputs
    for adder in graph.adders:
        levels.append(1 + max(levels[adder.a], levels[adder.b]))
    return levels
