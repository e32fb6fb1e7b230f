"""The additions of a constant engine as C++ statements: the graph that the Verilog has, too.

Input: a typed weighted operator and where its inputs lie; output: ``Adders``. Partial sums have
the width of their exact range; ``adder_graph.py`` has checked that they compute the weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .adder_graph import AdderGraph
from .design import constant_adders
from .formats import bits_for
from .ir import Tensor, WeightedOp


@dataclass(frozen=True)
class Adders:
    """Context of ``constant.h.j2``: ``copies`` vectors of ``inputs`` codes at once.

    A vector arrives in ``words`` words of ``lanes`` codes each. ``bits``: of the signed type that
    every addition is done in before its result gets the width it needs.
    """

    vectors: int  # per frame, `copies` counted as one
    words: int
    lanes: int
    copies: int
    inputs: int  # codes of a vector, dead lanes included
    bits: int
    nodes: tuple[str, ...]
    sums: tuple[str, ...]


def adders_for(
    op: WeightedOp,
    x: Tensor,
    *,
    vectors: int,
    words: int,
    lanes: int,
    copies: int,
    places: tuple[int, ...],
) -> Adders:
    """Statements for ``op`` reading ``x``; ``places``: of every input among a vector's codes."""
    assert op.accumulator is not None
    assert op.weights.format is not None and op.bias.format is not None
    graph = constant_adders(op, x)
    fraction = op.accumulator.format.fraction_bits
    up = fraction - x.fmt.fraction_bits - op.weights.format.fraction_bits
    names = [f"x[{place}]" for place in places] + [f"n{i}" for i in range(len(graph.adders))]
    biases = [int(bias) << (fraction - op.bias.format.fraction_bits) for bias in op.bias.values]
    return Adders(
        vectors=vectors,
        words=words,
        lanes=lanes,
        copies=copies,
        inputs=words * lanes,
        bits=_bits(graph, up, biases),
        nodes=tuple(_nodes(graph, names)),
        sums=tuple(_sums(graph, names, up, biases)),
    )


def _nodes(graph: AdderGraph, names: list[str]) -> Iterator[str]:
    for index, adder in enumerate(graph.adders):
        value = graph.values[graph.inputs + index]
        kind = f"lng_node<{value.bits}, {'true' if value.signed else 'false'}>::type"
        a, b = _shifted(names[adder.a], adder.shift_a), _shifted(names[adder.b], adder.shift_b)
        yield f"const {kind} n{index} = {a} {'-' if adder.subtract else '+'} {b};"


def _sums(graph: AdderGraph, names: list[str], up: int, biases: list[int]) -> Iterator[str]:
    for index, (output, bias) in enumerate(zip(graph.outputs, biases, strict=True)):
        constant = f"{bias}LL" if abs(bias) >> 31 else str(bias)
        terms = [] if bias == 0 and output.node is not None else [f"wide_t({constant})"]
        if output.node is not None:
            sign = "-" if output.negate else "+" if terms else ""
            terms.append(f"{sign} {_shifted(names[output.node], output.shift + up)}".strip())
        yield f"sums[{index}] = {' '.join(terms)};"


def _shifted(name: str, shift: int) -> str:
    return f"(wide_t({name}) << {shift})" if shift else f"wide_t({name})"


def _bits(graph: AdderGraph, up: int, biases: list[int]) -> int:
    """Bits of a signed number that holds all sums, all shifted operands and the biases."""
    ends = [0, *biases]

    def add(node: int, shift: int) -> None:
        value = graph.values[node]
        ends.extend(end << shift for end in (value.low, value.high, -value.low, -value.high))

    for index, adder in enumerate(graph.adders):
        add(adder.a, adder.shift_a)
        add(adder.b, adder.shift_b)
        add(graph.inputs + index, 0)
    for output in graph.outputs:
        if output.node is not None:
            add(output.node, output.shift + up)
    return bits_for(min(*ends, -1), max(ends))[1] + 1  # a sum and its bias: one bit more
