"""Features of what computes: hard-wired additions, folded engines, comparisons, trees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .adder_graph import AdderGraph
from .cost_parts import (
    PRODUCT_BITS,
    Cost,
    block_rom,
    constants,
    multipliers,
    mux_luts,
    ram,
    shift_chain,
)
from .design import Stage, levels
from .formats import Rounding, bits_for
from .ir import WeightedOp
from .narrowing import (
    narrow_weights,
    product_registers,
    stored_width,
    used_width,
    with_borrows,
)
from .rtl_stage import rounding_half, sum_width
from .sparsity import blocks, input_order
from .weight_memory import LUT_WORDS, WeightMemory, weight_memory


@dataclass(frozen=True)
class Columns:
    """Different columns of bits of a memory, constant ones left out: equal ones become one.

    ``information``: their entropy per word in bits, which is less than their number where zeros or
    ones prevail.
    """

    count: int
    information: float


LARGER = 1.73  # LUTs per bit of a comparison that passes the larger value on, measured alone


def larger(cost: Cost, bits: int, times: int) -> None:
    """Comparisons that pass the larger value on."""
    cost.luts(exact=times * bits * (1.0 if bits <= 3 else LARGER))


def tree_nodes(operands: int) -> int:
    """Registers of a tree of pairs, one per level and value."""
    total = 0
    while operands > 1:
        operands = -(-operands // 2)
        total += operands
    return total


def tree(operands: int, bits: int, limit: int) -> tuple[int, int]:
    """Full adders and registers of a tree of sums that grow a bit a level, up to ``limit``."""
    adders = registers = 0
    while operands > 1:
        more = min(bits + 1, limit)
        adders += operands // 2 * more
        registers += operands // 2 * more + operands % 2 * bits
        operands, bits = -(-operands // 2), more
    return adders, registers


def _cast(cost: Cost, op: WeightedOp, bits: int, times: int = 1) -> int:
    """lng_requantize of a sum of ``bits`` bits, and the register behind it.

    Returns the sum's bits that are read.
    """
    assert op.accumulator is not None
    out, activation = op.out.fmt, op.activation
    shift = max(op.accumulator.format.fraction_bits - out.fraction_bits, 0)
    kept = max(bits - shift, 1)
    above = max(kept - out.width + (not out.signed), 0)
    result = min(out.width, kept) - (
        activation.relu and activation.negative_shift == 0 and (out.signed or kept <= out.width)
    )
    kind = "relu" if activation.relu else "linear"
    if activation.max_value is not None or activation.negative_shift:
        kind = "bent"
    elif not above:
        kind += "_whole"
    cost.luts(**{f"cast__{kind}": times * result}, cast__above=times * above)
    cost.ffs(exact=times * result)
    if rounding_half(op):
        return kept
    rounded = shift > 0 and out.rounding is not Rounding.TRN
    cost.luts(cast__rounded=times * kept if rounded else 0)
    return bits if rounded else kept


def adders(stage: Stage, op: WeightedOp) -> Cost:
    """The additions of a hard-wired layer, one more per output, and the casts."""
    graph = stage.adders
    assert graph is not None and op.accumulator is not None
    assert op.weights.format is not None and op.bias.format is not None
    cost = Cost()
    registers, luts = _graph_registers(graph)
    cost.luts(adders__bits=graph.adder_bits, adders__line=luts, control__one=1)
    cost.ffs(adders__bits=registers, exact=stage.depth)
    fraction = op.accumulator.format.fraction_bits
    product = stage.x.fmt.fraction_bits + op.weights.format.fraction_bits
    biases = op.bias.values << (fraction - op.bias.format.fraction_bits)
    for output, bias in zip(graph.outputs, biases.tolist(), strict=True):
        if output.node is None:
            continue
        value, scale = graph.values[output.node], output.shift + fraction - product
        constant = bias + rounding_half(op)
        ends = [(-end if output.negate else end) << scale for end in (value.low, value.high)]
        low, high = constant + min(0, *ends), constant + max(0, *ends)
        bits = bits_for(min(low, -1), high)[1]
        read = _cast(cost, op, bits)
        cost.luts(adders__sums=bits - scale)
        cost.ffs(adders__sums=read)
    return cost


def _graph_registers(graph: AdderGraph) -> tuple[int, int]:
    """Flip-flops and shift registers' LUTs of all values that wait for their readers."""
    taps: list[list[int]] = [[] for _ in graph.values]
    for index, adder in enumerate(graph.adders):
        level = graph.values[graph.inputs + index].level
        taps[adder.a].append(level - 1)
        taps[adder.b].append(level - 1)
    for output in graph.outputs:
        if output.node is not None:
            taps[output.node].append(graph.depth)
    registers = luts = 0
    for value, places in zip(graph.values, taps, strict=True):
        if places:
            before = max(value.level - 1, 0)  # an adder's own register is one of them
            taps_here = [p - before for p in places if p > before]
            found = shift_chain(max(places) - before, taps_here, reset=True)
            registers += value.bits * found[0]
            luts += value.bits * found[1]
    return registers, luts


def folded(stage: Stage, op: WeightedOp) -> Cost:
    """lng_mvu: multipliers, adder trees, accumulators, casts, weights, biases, the steps."""
    assert stage.fold is not None
    cost = Cost()
    pe, simd = stage.fold.pe, stage.fold.simd
    used, total = used_width(stage.x), sum_width(op)
    weight = stored_width(op, pe, stage.fold.packed)
    product, lut = used + weight, stage.fold.lut
    rounds, steps = stage.rounds, stage.vector_cycles
    round_bits, chunk_bits = levels(rounds), levels(stage.chunks)
    # products
    slices = 0 if lut or product < PRODUCT_BITS else multipliers(used + 1, weight)
    bits = pe * simd * weight
    memory = weight_memory(steps, bits)
    share, columns = (1.0, None) if memory.block else _weight_columns(stage, op, weight)
    pairs = pe // 2 * simd if stage.fold.packed else 0
    singles = pe * simd - 2 * pairs
    cost.dsp += pairs + singles * slices
    cost.luts(product__pair=pairs * product)
    cost.ffs(product__pair=pairs * product)
    if not slices:
        _products(cost, used, weight, singles * share, lut)
    sums, registers = tree(simd, product, total)
    cost.luts(mvu__tree=pe * sums)
    cost.ffs(mvu__tree=pe * registers)
    # inputs: in a slice's own register, but for what a window's masks reset
    cost.ffs(exact=0 if slices else simd * used)
    # accumulators
    read = _cast(cost, op, total, pe)
    cost.luts(mvu__sum=pe * total)
    cost.ffs(exact=pe * (total if rounds == 1 else total + read))
    if rounds > 1:
        sums_memory = ram(total, rounds, 4, distributed=True)
        biases = _bias_columns(op, rounds, pe)
        cost.luts(exact=pe * sums_memory.luts, mvu__base=pe * total)
        constants(cost, "mvu__bias", biases.count, biases.information, rounds)
        cost.ffs(exact=biases.count)
        if sums_memory.banks > 1:
            cost.luts(mvu__banks=pe * total * mux_luts(sums_memory.banks))
    # weights
    _weights(cost, steps, bits, "weights", memory, columns)
    if stage.steps:
        deep = WeightMemory(steps > LUT_WORDS, 1)
        flags = Columns(round_bits + 3, round_bits + 3)
        _weights(cost, steps, round_bits + 3, "steps", deep, flags)
        cost.ffs(exact=1)
    else:
        cost.ffs(exact=round_bits + chunk_bits)
        cost.luts(mvu__count=round_bits + chunk_bits)
    # what comes along
    delay = levels(simd) + product_registers(used, weight, lut)
    late, luts = shift_chain(delay - 1, [delay - 1])
    cost.ffs(exact=2 * (delay + 1) + 2 + 2 * (1 + round_bits) + late * (1 + round_bits))
    cost.luts(exact=luts * (1 + round_bits), mvu__one=1)
    return cost


def _weight_columns(stage: Stage, op: WeightedOp, bits: int) -> tuple[float, Columns]:
    """Share of the weights' pairs of bits that are not always zero; the columns of their memory."""
    assert stage.fold is not None
    order = input_order(op, stage.source, stage.chunks, stage.fold.simd)
    grid = blocks(narrow_weights(op), order, stage.fold.pe)
    if stage.fold.packed:
        grid = with_borrows(grid)
    lanes = grid.reshape(stage.chunks * stage.rounds, -1)
    together = np.bitwise_or.reduce(lanes, axis=0) & (1 << bits) - 1
    pairs = np.arange(-(-bits // 2)) * 2
    return float(((together[:, None] >> pairs & 3) != 0).mean()), _columns(lanes, bits)


def _bias_columns(op: WeightedOp, rounds: int, pe: int) -> Columns:
    """The columns of the bias memory."""
    padded = np.zeros(rounds * pe, dtype=np.int64)
    padded[: op.bias.values.size] = op.bias.values
    return _columns(padded.reshape(rounds, pe), int(np.abs(padded).max()).bit_length() + 1)


def _columns(words: npt.NDArray[np.int64], bits: int) -> Columns:
    """Columns of bits of a memory of ``words``."""
    if len(words) == 1:
        return Columns(0, 0.0)
    flat = (words[:, :, None] >> np.arange(bits) & 1).reshape(len(words), -1)
    varying = flat[:, flat.any(axis=0) & ~flat.all(axis=0)]
    ones = np.unique(np.packbits(varying, axis=0), axis=1, return_index=True)[1]
    share = varying[:, ones].mean(axis=0)
    return Columns(
        len(ones), float(-(share * np.log2(share)).sum() - ((1 - share) * np.log2(1 - share)).sum())
    )


def _products(cost: Cost, used: int, weight: int, times: float, lut: bool) -> None:
    """lng_product without a DSP slice."""
    product = used + weight
    if not lut:  # what synthesis makes of products too small for one, and their two registers
        cost.luts(product__small=times * used * weight)
        cost.ffs(product__small=times * product)
    elif product <= 6:
        cost.luts(product__table=times * product)
        cost.ffs(product__table=times * product)
    else:
        # rows of two bits of the weight; sums of rows that lie two bits apart
        rows = [(min(used + 2, product - 2 * i), 2) for i in range(-(-weight // 2))]
        luts = registers = sum(bits for bits, _ in rows)
        while len(rows) > 1:
            paired = []
            for (_low, step), (high, _) in zip(rows[::2], rows[1::2], strict=False):
                paired.append((min(high + step + 1, product), 2 * step))
                luts += paired[-1][0] - step
            if len(rows) % 2:
                paired.append((rows[-1][0], 2 * rows[-1][1]))
            rows = paired
            registers += sum(bits for bits, _ in rows)
        cost.luts(product__rows=times * luts)
        cost.ffs(product__rows=times * registers)


def _weights(
    cost: Cost, words: int, bits: int, name: str, memory: WeightMemory, columns: Columns | None
) -> None:
    """lng_weights; ``columns`` of a memory of LUTs."""
    rows = memory.rows(words)
    address = levels(rows)
    cost.ffs(exact=address)
    cost.luts(weights__count=address)
    if not memory.block:
        assert columns is not None
        constants(cost, name, columns.count, columns.information, words)
        cost.ffs(**{f"{name}__bits": columns.count})
        return
    cost.bram += block_rom(memory.pack * bits, rows).bram
    cost.ffs(exact=bits)
    cost.luts(weights__reset=address)
    if memory.pack > 1:
        cost.ffs(exact=memory.pack * bits + 1 + address + levels(memory.pack))
        cost.luts(weights__pack=bits * mux_luts(memory.pack), weights__place=address)
