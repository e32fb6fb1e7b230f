"""Verilog of a constant engine: an ``AdderGraph``, the constants of its outputs, and their casts.

One register after every addition. Each wire is as wide as its consumers need and no wider; the low
bits of a sum that only one operand reaches pass by the adder. Input: a constant ``Stage``; output:
the context of ``adders.v.j2``.
"""

from __future__ import annotations

from dataclasses import dataclass

from .adder_graph import Adder, AdderGraph
from .design import Stage
from .formats import bits_for
from .ir import WeightedOp
from .rtl_parts import Parameter, parameters
from .rtl_stage import StageModule, activation_parameters, rounding_half, sum_cast
from .sparsity import input_order

SHIFTS = 2  # copies of a value that make a shift register of it


@dataclass(frozen=True)
class InputWire:
    """A lane's useful bits: ``high`` downto ``low`` of the input word."""

    name: str
    bits: int
    low: int
    high: int


@dataclass(frozen=True)
class Register:
    """``name <= expression`` in one pipeline level.

    ``reset``: synthesis must not make it the end of a shift register, which is slow to read.
    """

    name: str
    bits: int
    expression: str
    reset: bool = False


@dataclass(frozen=True)
class Level:
    """What is registered after the ``number``-th addition."""

    number: int
    registers: tuple[Register, ...]


@dataclass(frozen=True)
class OutputLane:
    """A sum's cast: ``parameters`` of lng_requantize from ``sum`` to bits ``high``..``low``."""

    index: int
    sum: str
    parameters: tuple[Parameter, ...]
    low: int
    high: int


@dataclass(frozen=True, kw_only=True)
class AddersContext(StageModule):
    """What ``adders.v.j2`` is rendered with."""

    depth: int
    inputs: tuple[InputWire, ...]
    unread: bool  # some bits of the input word are never read
    levels: tuple[Level, ...]
    lanes: tuple[OutputLane, ...]


def adders_context(stage: Stage, name: str, banner: str) -> AddersContext:
    """The context of the constant engine of ``stage``."""
    graph, op = stage.adders, stage.op
    assert graph is not None and stage.fold is not None and isinstance(op, WeightedOp)
    writer = _Writer(graph, _sums(stage, graph, op))
    lane_bits, lanes = stage.x.fmt.width, stage.fold.simd
    wires, used = [], 0
    order = input_order(op, stage.source, stage.chunks, lanes)
    for lane, element in enumerate(order[0].tolist()):
        bits = writer.width[element] if element >= 0 else 0
        if bits:
            low = lane * lane_bits
            wires.append(InputWire(writer.at(element, 0), bits, low, low + bits - 1))
            used += bits
    levels = [Level(number, writer.level(number)) for number in range(1, graph.depth + 1)]
    sums, results = writer.outputs(op)
    levels.append(Level(graph.depth + 1, sums))
    return AddersContext(
        banner=banner,
        name=name,
        title=f"layer {op.name}, its weights as additions",
        notes=(
            f"{len(graph.adders)} additions in {graph.depth} levels for "
            f"{graph.inputs} x {len(graph.outputs)} weights",
        ),
        in_lanes=lanes,
        in_width=lane_bits,
        out_lanes=len(graph.outputs),
        out_width=op.out.fmt.width,
        depth=stage.depth,
        inputs=tuple(wires),
        unread=used < lanes * lane_bits,
        levels=tuple(levels),
        lanes=results,
    )


@dataclass(frozen=True)
class _Sum:
    """An output's value times 2**scale plus ``constant``: at most ``high``, in ``bits`` bits."""

    constant: int
    scale: int
    high: int
    bits: int


def _sums(stage: Stage, graph: AdderGraph, op: WeightedOp) -> tuple[_Sum, ...]:
    """The last addition of every output: bias, and half an output unit where that rounds."""
    assert op.accumulator is not None
    assert op.weights.format is not None and op.bias.format is not None
    fraction = op.accumulator.format.fraction_bits
    product = stage.x.fmt.fraction_bits + op.weights.format.fraction_bits
    half = rounding_half(op)
    bias_shift = fraction - op.bias.format.fraction_bits
    found = []
    for index, output in enumerate(graph.outputs):
        constant = (int(op.bias.values[index]) << bias_shift) + half
        low, high, scale = constant, constant, 0
        if output.node is not None:
            value = graph.values[output.node]
            scale = output.shift + fraction - product
            ends = [(-end if output.negate else end) << scale for end in (value.low, value.high)]
            low, high = low + min(ends), high + max(ends)
        found.append(_Sum(constant, scale, high, bits_for(min(low, -1), high)[1]))
    return tuple(found)


class _Writer:
    """Names, widths and expressions of a graph's values."""

    def __init__(self, graph: AdderGraph, sums: tuple[_Sum, ...]) -> None:
        self.graph = graph
        self.sums = sums  # of the outputs
        self.last = graph.last_use
        self.width = self._widths()
        self.read = {(output.node, graph.depth) for output in graph.outputs}  # value, level
        for index, adder in enumerate(graph.adders):
            level = graph.values[graph.inputs + index].level - 1
            self.read |= {(adder.a, level), (adder.b, level)}

    def _widths(self) -> list[int]:
        """Bits of every value that somebody reads, 0 if nobody does."""
        graph = self.graph
        bits = [value.bits for value in graph.values]
        need = [0] * len(bits)
        for output, total in zip(graph.outputs, self.sums, strict=True):
            if output.node is not None:
                wanted = min(bits[output.node], total.bits - total.scale)
                need[output.node] = max(need[output.node], wanted)
        for index in range(len(graph.adders) - 1, -1, -1):
            adder, wanted = graph.adders[index], need[graph.inputs + index]
            for operand, shift in ((adder.a, adder.shift_a), (adder.b, adder.shift_b)):
                need[operand] = max(need[operand], min(bits[operand], wanted - shift))
        return need

    def at(self, value: int, level: int) -> str:
        """The name of ``value`` as it stands after ``level`` registers."""
        return f"v{value}" if level == self.graph.values[value].level else f"v{value}_{level}"

    def level(self, number: int) -> tuple[Register, ...]:
        """All registers of a level: its sums, and older values somebody still needs."""
        registers = []
        for value, info in enumerate(self.graph.values):
            bits = self.width[value]
            if not bits:
                continue
            if info.level == number and value >= self.graph.inputs:
                adder = self.graph.adders[value - self.graph.inputs]
                passes = 0 < adder.shift_b < bits  # low bits that no adder stops
                registers.append(
                    Register(self.at(value, number), bits, self._sum(adder, value), passes)
                )
            elif info.level < number <= self.last[value]:
                before = self.at(value, number - 1)
                slow = number - info.level >= SHIFTS and (value, number) in self.read
                registers.append(Register(self.at(value, number), bits, before, slow))
        return tuple(registers)

    def _sum(self, adder: Adder, value: int) -> str:
        bits, level = self.width[value], self.graph.values[value].level - 1
        sign = "-" if adder.subtract else "+"
        if 0 < adder.shift_b < bits:  # the low bits of a pass by
            high = self._bits(adder.a, level, adder.shift_b, bits - adder.shift_b)
            low = self._bits(adder.a, level, 0, adder.shift_b)
            other = self._bits(adder.b, level, 0, bits - adder.shift_b)
            return f"{{{high} {sign} {other}, {low}}}"
        return (
            f"{self._shifted(adder.a, level, adder.shift_a, bits)} {sign} "
            f"{self._shifted(adder.b, level, adder.shift_b, bits)}"
        )

    def _shifted(self, value: int, level: int, shift: int, bits: int) -> str:
        """``bits`` low bits of ``value << shift``."""
        if not shift:
            return self._bits(value, level, 0, bits)
        if shift >= bits:
            return f"{bits}'d0"
        return f"{{{self._bits(value, level, 0, bits - shift)}, {shift}'d0}}"

    def _bits(self, value: int, level: int, low: int, count: int) -> str:
        """``count`` bits from bit ``low`` on, extended as the value's sign demands."""
        name, width = self.at(value, level), self.width[value]
        if low >= width:
            return self._extension(value, level, count)
        if low + count <= width:
            if low == 0 and count == width:
                return name
            return f"{name}[{low + count - 1}:{low}]" if width > 1 else name
        own = name if low == 0 else f"{name}[{width - 1}:{low}]"
        return f"{{{self._extension(value, level, low + count - width)}, {own}}}"

    def _extension(self, value: int, level: int, count: int) -> str:
        if not self.graph.values[value].signed:
            return f"{count}'d0"
        name, width = self.at(value, level), self.width[value]
        top = f"{name}[{width - 1}]" if width > 1 else name
        return top if count == 1 else f"{{ {count}{{{top}}} }}"

    def outputs(self, op: WeightedOp) -> tuple[tuple[Register, ...], tuple[OutputLane, ...]]:
        """The sums with bias (and half an output unit where that rounds), and their casts."""
        assert op.accumulator is not None
        fraction = op.accumulator.format.fraction_bits
        kept = sum_cast(op)
        registers, lanes = [], []
        for index, (output, total) in enumerate(zip(self.graph.outputs, self.sums, strict=True)):
            bits = total.bits
            name = f"sum{index}"
            code = f"{bits}'d{total.constant & ((1 << bits) - 1)}"
            if output.node is not None:
                term = self._shifted(output.node, self.graph.depth, total.scale, bits)
                code = f"{code} - {term}" if output.negate else f"{term} + {code}"
            registers.append(Register(name, bits, code))
            width = op.out.fmt.width
            activated = activation_parameters(op.activation, fraction, total.high, bits)
            cast = (*parameters(IN_WIDTH=bits), *activated, *kept)
            lanes.append(OutputLane(index, name, cast, index * width, (index + 1) * width - 1))
        return tuple(registers), tuple(lanes)
