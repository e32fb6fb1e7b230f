"""Features of every stage: what its modules hold, by which LUTs and flip-flops are estimated.

Input: a ``Stage`` or a ``Design``; output: a ``Cost``. The modules are those of ``hw/``; what is
exact by their structure is counted under ``exact``, the rest in features that the fit weighs.
"""

from __future__ import annotations

import math

from .cost_engines import adders, folded, larger, tree, tree_nodes
from .cost_parts import Cost, constants, fifo, multipliers, mux_luts, rom
from .cost_windows import flat_pool, flat_window, windows
from .design import FLAG_DEPTH, PORT_DEPTH, Design, Stage, levels
from .feeds import Feed
from .ir import AvgPool2D, Conv2D, MaxPool2D, TableOp, Tensor, WeightedOp
from .narrowing import used_width
from .rtl_average import average_parameters


def stage_cost(stage: Stage) -> Cost:
    """A stage's module, without the FIFO behind it."""
    op = stage.op
    if isinstance(op, TableOp):
        return _table(stage, op)
    if stage.feed is Feed.FLAT:
        return _flat_conv(stage, op) if isinstance(op, Conv2D) else flat_pool(stage)
    cost = Cost()
    lanes = stage.x.image_shape[2] if stage.window is not None else stage.source.lanes
    if stage.feed is Feed.NARROW:
        cost.add(_chunk(stage.source.lanes * stage.x.fmt.width, lanes * stage.x.fmt.width))
    elif stage.packed_words > 1:
        cost.add(_pack(stage))
        lanes = lanes if stage.window is not None else stage.packed_words * stage.source.lanes
    if stage.window is not None:
        cost.add(windows(stage))
        lanes *= math.prod(stage.window.size)
    if isinstance(op, WeightedOp):
        assert stage.fold is not None
        if stage.adders is not None:
            cost.add(adders(stage, op))
        else:
            if stage.fold.simd < lanes:
                width = used_width(stage.x)
                cost.add(_chunk(lanes * width, stage.fold.simd * width))
            cost.add(folded(stage, op))
    elif isinstance(op, MaxPool2D):
        cost.add(_max_pool(stage, op))
    elif isinstance(op, AvgPool2D):
        cost.add(_average(op, stage.x))
    else:
        bits = stage.source.lanes * op.out.fmt.width
        narrower = stage.x.fmt.width - op.out.fmt.width
        cost.luts(cast__bits=bits, cast__dropped=stage.source.lanes * abs(narrower), control__one=1)
        cost.ffs(exact=bits + 1)
    return cost


def _flat_conv(stage: Stage, op: Conv2D) -> Cost:
    """Flat windows and their engines."""
    cost = flat_window(stage, op)
    cost.add(adders(stage, op), stage.copies)
    return cost


def fifo_cost(stage: Stage) -> Cost:
    """The FIFO behind a stage."""
    return fifo(stage.result.lanes * stage.op.out.fmt.width, stage.fifo)


def port_cost(design: Design) -> Cost:
    """The top module's own logic: ports, frame flags, counters."""
    cost = Cost()
    bits, words = design.source.lanes * 8, design.source.words
    for width, depth in ((bits, PORT_DEPTH), (1, FLAG_DEPTH), (design.result_bits + 1, PORT_DEPTH)):
        cost.add(fifo(width, depth))
    cost.luts(port__in=bits, port__count=levels(words), port__one=1)
    cost.ffs(exact=4 + levels(words) + 1 + 64)  # two counters of frames, the reset
    result, width = design.result, design.graph.output.fmt.width
    lane, element, group = (levels(n) for n in (result.lanes, result.channels, result.groups))
    same = lane == element and result.lanes == result.channels
    cost.ffs(exact=(0 if same else lane) + element + group)
    cost.luts(port__out=width * mux_luts(result.lanes), port__count=lane + element + group)
    return cost


def _chunk(source: int, result: int) -> Cost:
    """lng_chunk: ``source`` bits handed out ``result`` at a time."""
    cost = Cost()
    ways = -(-source // result)
    cost.luts(chunk__bits=result * mux_luts(ways), chunk__count=levels(ways))
    cost.ffs(exact=levels(ways))
    return cost


def _pack(stage: Stage) -> Cost:
    """lng_pack."""
    cost = Cost()
    words = stage.packed_words
    total = stage.source.words_per_group if stage.window is not None else stage.source.words
    width = stage.x.fmt.width if stage.window is not None else used_width(stage.x)
    held = (words - 1) * stage.source.lanes * width
    cost.luts(pack__bits=held, pack__words=words, pack__one=1)
    cost.ffs(exact=held + levels(words) + (levels(total) if total != words else 0))
    return cost


def _max_pool(stage: Stage, op: MaxPool2D) -> Cost:
    """lng_maxpool."""
    cost = Cost()
    positions, channels = math.prod(op.window.size), stage.x.image_shape[2]
    bits = stage.x.fmt.width
    larger(cost, bits, (positions - 1) * channels)
    cost.luts(control__one=1)
    cost.ffs(exact=channels * bits * tree_nodes(positions) + levels(positions))
    return cost


def _average(op: AvgPool2D, x: Tensor) -> Cost:
    """lng_avgpool: a tree of sums per channel, then for every divisor a reciprocal's product."""
    cost = Cost()
    values = average_parameters(op, x)
    positions, channels = math.prod(op.window.size), x.image_shape[2]
    counts, size = int(values["COUNTS"]), int(values["N_WIDTH"])
    bits = used_width(x)
    adders, registers = tree(positions, bits, bits + levels(positions))
    divisors = [int(str(values["DIVISORS"]).split("'h")[1], 16) >> 32 * n for n in range(counts)]
    packed = int(str(values["MULTIPLIERS"]).split("'h")[1], 16)
    cost.luts(average__tree=channels * adders, average__one=1)
    cost.ffs(exact=channels * registers, average__one=1)
    for index in range(counts):
        divisor = divisors[index] & 0xFFFFFFFF
        factor = packed >> 64 * index & (1 << 64) - 1
        factor >>= max((factor & -factor).bit_length() - 1, 0)
        plain = divisor & (divisor - 1) == 0
        if not plain:
            cost.dsp += channels * multipliers(size + 1, factor.bit_length() + 1)
            cost.dsp += channels * (multipliers(size, divisor.bit_length() + 1))
        kind = "shift" if plain else "divide"
        cost.luts(**{f"average__{kind}": channels * size})
        cost.ffs(**{f"average__{kind}": channels * size})
    out = op.out.fmt.width
    cost.luts(average__cast=channels * out, average__select=channels * size * mux_luts(counts))
    cost.ffs(exact=channels * out + levels(positions) + 4)
    return cost


def _table(stage: Stage, op: TableOp) -> Cost:
    """A table per lane."""
    cost = Cost()
    words, bits = 1 << stage.x.fmt.width, op.out.fmt.width
    memory = rom(bits, words)
    lanes = stage.source.lanes
    cost.bram += lanes * memory.bram
    if memory.kind == "logic":
        constants(cost, "table", lanes * bits, lanes * bits, words)
        cost.ffs(table__bits=lanes * bits)
    cost.luts(control__one=1)
    cost.ffs(exact=1)
    return cost
