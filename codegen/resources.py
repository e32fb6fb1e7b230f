"""What a stage costs on a 7-series part, before any synthesis.

Input: a ``Stage``; output: ``Resources``. Structure gives the counts (adders, registers, memories
by their shape, multipliers), by 7-series cells; ``lenetgen synth`` measures what Yosys makes of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from .design import PORT_DEPTH, Design, Stage
from .errors import UserError
from .feeds import Feed
from .ir import AvgPool2D, Conv2D, InputTable, MaxPool2D, WeightedOp, WindowOp
from .narrowing import stored_width, used_width, weight_width
from .weight_memory import weight_memory

BRAM_BITS = 36 * 1024
BRAM_WORD = 72  # bits of a BRAM36's widest port, 512 words deep
LUTRAM_DEPTH = 64  # words one LUT holds per bit (a quarter more for the second port)


@dataclass(frozen=True)
class Resources:
    """Counts of what the part has: LUTs, flip-flops, DSP48E1 slices, 36-Kbit block RAMs."""

    lut: float = 0.0
    ff: float = 0.0
    dsp: float = 0.0
    bram: float = 0.0

    def __add__(self, other: Resources) -> Resources:
        return Resources(
            self.lut + other.lut, self.ff + other.ff, self.dsp + other.dsp, self.bram + other.bram
        )

    def used_of(self, budget: Resources) -> dict[str, float]:
        """Share of ``budget`` used, by resource; infinite where there is none of it."""
        shares = {}
        for item in fields(self):
            need, have = getattr(self, item.name), getattr(budget, item.name)
            shares[item.name] = need / have if have else (float("inf") if need else 0.0)
        return shares

    def binding(self, budget: Resources) -> str:
        """The resource of which the largest share is used."""
        shares = self.used_of(budget)
        return max(shares, key=lambda name: shares[name])

    def pressure(self, budget: Resources) -> float:
        """The largest share; above 1 it does not fit."""
        return max(self.used_of(budget).values())


# DS190 (Zynq-7000 overview), table of the Z-7010/7020/7030/7045
PARTS: Mapping[str, Resources] = {
    "xc7z010": Resources(17_600, 35_200, 80, 60),
    "xc7z020": Resources(53_200, 106_400, 220, 140),
    "xc7z030": Resources(78_600, 157_200, 400, 265),
    "xc7z045": Resources(218_600, 437_200, 900, 545),
}


def known_part(part: str) -> bool:
    """Whether the resources of ``part`` are known."""
    return any(part.lower().startswith(prefix) for prefix in PARTS)


def part_budget(part: str) -> Resources:
    """What ``part`` (a full name such as xc7z020clg400-1) holds; ``UserError`` if unknown."""
    for prefix, budget in PARTS.items():
        if part.lower().startswith(prefix):
            return budget
    known = ", ".join(PARTS)
    raise UserError(f"part {part}: its resources are not known; known are {known}")


def design_resources(design: Design) -> dict[str, Resources]:
    """Resources by stage name, and "ports" for the top level's own logic."""
    parts = {stage.op.name: stage_resources(stage) for stage in design.stages}
    port = fifo_resources(design.source.lanes * 8, PORT_DEPTH) + fifo_resources(
        design.result_bits + 1, PORT_DEPTH
    )
    select = design.result.lanes * design.graph.output.fmt.width / 2
    parts["ports"] = port + Resources(lut=220 + select, ff=230)
    return parts


def total(parts: Mapping[str, Resources]) -> Resources:
    """The sum."""
    result = Resources()
    for part in parts.values():
        result += part
    return result


def stage_resources(stage: Stage) -> Resources:
    """A stage with the FIFO behind it."""
    result = fifo_resources(stage.result.lanes * stage.op.out.fmt.width, stage.fifo)
    if stage.feed is Feed.FLAT:
        return result + _flat(stage)
    if stage.window is not None:
        for _ in range(stage.units):
            result += _window(stage)
        if stage.units > 1:
            rows, columns = stage.window.size
            word = stage.pixels * stage.x.image_shape[2] * stage.x.fmt.width
            result += Resources(lut=rows * columns * word / stage.pixels * 0.5 * stage.units)
            for _ in range(stage.units):
                result += fifo_resources(word, stage.unit_fifo)
    elif stage.packed_words > 1:
        bits = stage.packed_words * stage.source.lanes * stage.x.fmt.width
        result += Resources(lut=20, ff=bits + 10)
    op = stage.op
    if isinstance(op, WeightedOp):
        return result + (_constant(stage, op) if stage.adders is not None else _folded(stage, op))
    if isinstance(op, (MaxPool2D, AvgPool2D)):
        positions = op.window.size[0] * op.window.size[1]
        bits = stage.x.image_shape[2] * stage.x.fmt.width
        cost = Resources(lut=(positions - 1) * bits * 1.5, ff=(positions - 1) * bits)
        if isinstance(op, AvgPool2D):
            cost += Resources(lut=bits * 4, ff=bits * 4)
        return result + cost
    if isinstance(op, InputTable):
        return result + _rom(256, op.out.fmt.width * stage.source.lanes)
    lanes = stage.result.lanes * op.out.fmt.width
    return result + Resources(lut=lanes * 1.5, ff=lanes)


def fifo_resources(bits: int, depth: int) -> Resources:
    """lng_fifo: distributed RAM and two counters."""
    address = max(1, (depth - 1).bit_length())
    columns = -(-bits // 6) * 4 if depth <= 32 else -(-bits // 3) * 4 * -(-depth // 64)
    mux = bits * (-(-depth // 64) - 1)
    return Resources(lut=columns + mux + 3 * address + 4, ff=3 * address + 2)


def _flat(stage: Stage) -> Resources:
    """lng_flat_window with its engines, or lng_flat_maxpool."""
    _, width, channels = stage.x.image_shape
    pixel = channels * stage.x.fmt.width
    pixels, op = stage.pixels, stage.op
    assert isinstance(op, WindowOp)
    rows, columns = op.window.size
    if isinstance(op, Conv2D):
        pad = op.window.padding
        span = (rows - 1) * width + columns - 1 + 2 * pixels
        masks = pixels * rows * columns * pixel * 0.7
        result = Resources(lut=masks + 20 * pixels + 40, ff=span * pixel + 40 + pad.top)
        for _ in range(stage.copies):
            result += _constant(stage, op)
        return result
    pooled = pixels // columns
    line = (rows - 1) * width // columns * pixel
    compare = pooled * pixel * 1.5 * (columns - 1 + rows - 1)
    word = pooled * pixel
    return Resources(lut=compare + word * 0.5 + 80, ff=line + word + 40) + (
        fifo_resources(word + 4, stage.unit_fifo)
    )


def _window(stage: Stage) -> Resources:
    """lng_window: row memories, the column's rotation, the window's registers, masks."""
    assert stage.window is not None
    _, width, channels = stage.x.image_shape
    bits = channels * stage.x.fmt.width
    rows, columns = stage.window.size
    pad = stage.window.padding
    masked = (
        sum((pad.top > 0, pad.bottom > 0)) * columns + sum((pad.left > 0, pad.right > 0)) * rows
    )
    memory = -(-bits // 6) * 4 if width <= 32 else -(-bits // 3) * 4 * -(-width // 64)
    turn = 0 if rows == 1 else 1 if rows <= 4 else 2 if rows <= 8 else 5  # LUTs of its multiplexer
    rotate = (stage.pixels - 1 + turn) * bits * rows
    return Resources(
        lut=rows * memory + rotate + min(masked, rows * columns) * bits + 120,
        ff=rows * bits + rows * columns * bits + 90,
    )


def _constant(stage: Stage, op: WeightedOp) -> Resources:
    """Additions of the graph, one more per output, and the casts."""
    assert stage.adders is not None and op.accumulator is not None
    outputs, width = len(stage.adders.outputs), op.accumulator.format.width
    cast = op.out.fmt.width
    return Resources(
        lut=stage.adders.adder_bits + outputs * (width + 2 * cast) + 10,
        ff=stage.adders.register_bits + outputs * (width + cast) + stage.depth,
    )


def _folded(stage: Stage, op: WeightedOp) -> Resources:
    """Multipliers, adder trees, accumulators, casts, weight and bias memories, word select."""
    assert stage.fold is not None and op.accumulator is not None
    pe, simd = stage.fold.pe, stage.fold.simd
    weight, used = weight_width(op), used_width(stage.x)
    product = used + weight
    acc = op.accumulator.format.width
    rows = -(-weight // 2)
    table = used + weight <= 6
    each = product if table else rows * (used + 3) + (rows - 1) * product
    products = pe * simd * (each if stage.fold.lut else 0)
    tree = (simd - 1) * (product + max(simd - 1, 1).bit_length() / 2)
    per_pe = tree + acc * 1.3 + 2 * op.out.fmt.width
    memory = 0.0 if stage.rounds == 1 else acc * (1 if stage.rounds <= 32 else 2)
    lanes = stage.x.image_shape[2] if isinstance(op, Conv2D) else stage.source.lanes
    if isinstance(op, Conv2D):
        lanes *= op.window.size[0] * op.window.size[1]
    select = 0.0
    if simd < lanes:
        chunks = -(-lanes // simd)
        select = simd * stage.x.fmt.width * (-(-chunks // 4) + chunks / 16)
    bits = stored_width(op, pe, stage.fold.packed)
    words = stage.vector_cycles
    laid = weight_memory(words, pe * simd * bits)
    if laid.block:
        weights = _rom(laid.rows(words), pe * simd * bits * laid.pack)
    else:
        weights = _lut_rom(words, pe * simd * bits)
    if stage.steps:  # the round of each step, and its flags
        weights += _deep_rom(words, max((stage.rounds - 1).bit_length(), 1) + 3)
    biases = _rom(stage.rounds, pe * acc)
    return (
        Resources(
            lut=products + pe * (per_pe + memory) + select + 60,
            ff=(pe * simd * product if stage.fold.lut else 0)
            + pe * (tree + acc + op.out.fmt.width)
            + simd * stage.x.fmt.width
            + 60,
            dsp=stage.fold.slices,
        )
        + weights
        + biases
    )


def _lut_rom(depth: int, bits: int) -> Resources:
    """A read-only memory of LUTs; a single word is constant wiring."""
    return Resources(lut=bits * depth / 64 * 0.8, ff=bits) if depth > 1 else Resources()


def _deep_rom(depth: int, bits: int) -> Resources:
    """lng_rom of narrow words: block RAM in the shape that takes the fewest."""
    if depth <= LUTRAM_DEPTH:
        return _rom(depth, bits)
    shapes = ((BRAM_WORD >> halvings, 512 << halvings) for halvings in range(4))
    return Resources(bram=float(min(-(-bits // w) * -(-depth // d) for w, d in shapes)))


def _rom(depth: int, bits: int) -> Resources:
    """lng_rom: LUTs where it is shallow, block RAM where it is deep."""
    if depth <= 1:
        return Resources()
    if depth <= LUTRAM_DEPTH or depth * bits < 2048:
        return _lut_rom(depth, bits)
    blocks = -(-bits // BRAM_WORD) * -(-depth // 512)
    if blocks * 2 * BRAM_BITS / 2 > depth * bits * 2:  # half blocks: 18 Kbit, 36 bits wide
        return Resources(bram=-(-bits // (BRAM_WORD // 2)) * -(-depth // 512) / 2)
    return Resources(bram=float(blocks))
