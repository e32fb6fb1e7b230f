"""Turns a ``Stage`` into the frozen contexts its Verilog templates are rendered with.

Every width, count and file name is decided here; the templates only connect ``hw/`` modules.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .design import Stage
from .feeds import Feed
from .formats import FixedPoint, Overflow, Rounding, bits_for
from .ir import (
    Activation,
    AvgPool2D,
    Cast,
    Conv2D,
    Dense,
    Lookup,
    MaxPool2D,
    Relu,
    WeightedOp,
)
from .narrowing import stored_width, used_width, weight_shift
from .rtl_average import average_parameters
from .rtl_parts import Link, Parameter, Part, parameters
from .rtl_windows import flat_pool_parameters, window_module
from .weight_memory import weight_memory

ROUNDING_CODE = {
    Rounding.TRN: 0,
    Rounding.TRN_ZERO: 1,
    Rounding.RND: 2,
    Rounding.RND_ZERO: 3,
    Rounding.RND_MIN_INF: 4,
    Rounding.RND_INF: 5,
    Rounding.RND_CONV: 6,
}
OVERFLOW_CODE = {Overflow.WRAP: 0, Overflow.SAT: 1, Overflow.SAT_SYM: 2, Overflow.SAT_ZERO: 3}


@dataclass(frozen=True, kw_only=True)
class StageModule:
    """A stage's module: its comments and the words of its two streams."""

    banner: str
    name: str
    title: str
    notes: tuple[str, ...]
    in_lanes: int
    in_width: int
    out_lanes: int
    out_width: int

    @property
    def in_bits(self) -> int:
        """Bits of an input word."""
        return self.in_lanes * self.in_width

    @property
    def out_bits(self) -> int:
        """Bits of an output word."""
        return self.out_lanes * self.out_width


@dataclass(frozen=True, kw_only=True)
class StageContext(StageModule):
    """What ``stage.v.j2`` is rendered with."""

    links: tuple[Link, ...]
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class TableLane:
    """Bit positions and memory file of one lane's table."""

    index: int
    file: str
    in_low: int
    in_high: int
    out_low: int
    out_high: int


@dataclass(frozen=True, kw_only=True)
class TableContext(StageModule):
    """What ``table.v.j2`` is rendered with."""

    depth: int  # entries of a table
    lanes: tuple[TableLane, ...]


def cast_parameters(fraction: int, to: FixedPoint) -> tuple[Parameter, ...]:
    """Parameters of lng_requantize for a cast from ``fraction`` fraction bits."""
    return parameters(
        OUT_WIDTH=to.width,
        OUT_SIGNED=int(to.signed),
        SHIFT=fraction - to.fraction_bits,
        ROUNDING=ROUNDING_CODE[to.rounding],
        OVERFLOW=OVERFLOW_CODE[to.overflow],
    )


def rounding_half(op: WeightedOp) -> int:
    """Half an output unit, as a code of the sum, where AP_RND may become a constant of the sum.

    The rest is floor(x + 1/2). A limit or slope of the activation would see the half; clipping at
    0 keeps it: a negative sum that it lifts to zero or above gives 0 either way. Else 0.
    """
    assert op.accumulator is not None
    shift = op.accumulator.format.fraction_bits - op.out.fmt.fraction_bits
    plain = op.activation in (Activation.LINEAR, Activation.RELU)
    return 1 << (shift - 1) if shift > 0 and op.out.fmt.rounding is Rounding.RND and plain else 0


def sum_width(op: WeightedOp) -> int:
    """Bits of the exact sum with its ``rounding_half``, signed."""
    assert op.accumulator is not None
    low, high = min(op.accumulator.low, -1), op.accumulator.high
    half = rounding_half(op)
    return op.accumulator.format.width + bits_for(low, high + half)[1] - bits_for(low, high)[1]


def sum_cast(op: WeightedOp) -> tuple[Parameter, ...]:
    """Parameters of lng_requantize for the cast of a sum that has its ``rounding_half``."""
    assert op.accumulator is not None
    fraction = op.accumulator.format.fraction_bits
    cast = cast_parameters(fraction + op.activation.negative_shift, op.out.fmt)
    if not rounding_half(op):
        return cast
    (floor,) = parameters(ROUNDING=ROUNDING_CODE[Rounding.TRN])
    return tuple(floor if p.name == floor.name else p for p in cast)


def adders_name(stage_module: str) -> str:
    """The module of a constant stage's additions."""
    return f"{stage_module}_adders"


def stage_context(stage: Stage, name: str, banner: str) -> StageContext:
    """The context of any stage but a table."""
    links, parts = _chain(stage, name)
    pad = stage.window.padding if stage.window is not None else None
    notes = [
        f"input  {_shape(stage.x.shape)} {stage.x.fmt}",
        f"output {_shape(stage.op.out.shape)} {stage.op.out.fmt}",
    ]
    if stage.window is not None and pad is not None:
        rows, columns = stage.window.size
        notes.append(
            f"window {rows}x{columns}, stride {stage.window.stride[0]}x{stage.window.stride[1]}, "
            f"padding top {pad.top} bottom {pad.bottom} left {pad.left} right {pad.right}"
        )
    if stage.adders is not None:
        notes.append("weights hard-wired as additions, one vector a cycle")
    elif stage.fold is not None:
        notes.append(
            f"PE {stage.fold.pe} x SIMD {stage.fold.simd}: {stage.vector_cycles} cycles per vector"
        )
    return StageContext(
        banner=banner,
        name=name,
        title=f"layer {stage.op.name}, {stage.op.kind}",
        notes=tuple(notes),
        in_lanes=stage.source.lanes,
        in_width=stage.x.fmt.width,
        out_lanes=stage.result.lanes,
        out_width=stage.op.out.fmt.width,
        links=links,
        parts=parts,
    )


def table_context(stage: Stage, name: str, banner: str, files: tuple[str, ...]) -> TableContext:
    """The context of a table; ``files``: one memory file per channel, or one for all lanes."""
    op, width, lanes = stage.op, stage.op.out.fmt.width, stage.source.lanes
    address = stage.x.fmt.width
    what = f"table of {op.function.value}" if isinstance(op, Lookup) else "raw pixel to code"
    entries = tuple(
        TableLane(
            lane,
            files[lane % len(files)],
            lane * address,
            lane * address + address - 1,
            lane * width,
            lane * width + width - 1,
        )
        for lane in range(lanes)
    )
    return TableContext(
        banner=banner,
        name=name,
        title=f"layer {op.name}, {what}",
        notes=(f"output {_shape(stage.op.out.shape)} {stage.op.out.fmt}",),
        in_lanes=lanes,
        in_width=address,
        out_lanes=lanes,
        out_width=width,
        depth=1 << address,
        lanes=entries,
    )


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _chain(stage: Stage, name: str) -> tuple[tuple[Link, ...], tuple[Part, ...]]:
    """The modules of a stage from s_axis to m_axis."""
    op, width = stage.op, stage.x.fmt.width
    if isinstance(op, (Relu, Cast)):
        return (), (Part("lng_relu", "u_relu", _relu_parameters(stage, op), "s_axis", "m_axis"),)
    links: list[Link] = []
    parts: list[Part] = []
    if isinstance(op, MaxPool2D) and stage.feed is Feed.FLAT:
        pool = Part(
            "lng_flat_maxpool", "u_maxpool", flat_pool_parameters(stage, op), "s_axis", "m_axis"
        )
        return (), (pool,)
    lanes = stage.x.image_shape[2] if stage.window is not None else stage.source.lanes
    source = "s_axis"
    if stage.feed is Feed.NARROW:
        links.append(Link("pixel", lanes * width))
        rest = lanes * (stage.x.size // lanes % stage.pixels or stage.pixels)
        split = parameters(
            LANE_WIDTH=width,
            IN_LANES=stage.source.lanes,
            OUT_LANES=lanes,
            WORDS=stage.source.words,
            LAST_LANES=rest,
        )
        parts.append(Part("lng_chunk", "u_narrow", split, source, "pixel"))
        source = "pixel"
    elif stage.feed is Feed.PIXELS and (stage.packed_words > 1 or lanes != stage.source.lanes):
        per_word = stage.packed_words
        total = stage.source.words_per_group if stage.window is not None else stage.source.words
        lanes = lanes if stage.window is not None else per_word * stage.source.lanes
        links.append(Link("packed", lanes * width))
        packing = parameters(
            LANE_WIDTH=width,
            IN_LANES=stage.source.lanes,
            OUT_LANES=lanes,
            PER_WORD=per_word,
            TOTAL=total,
        )
        parts.append(Part("lng_pack", "u_pack", packing, source, "packed"))
        source = "packed"
    if stage.window is not None:
        rows, columns = stage.window.size
        lanes *= rows * columns
        reads_user = isinstance(op, AvgPool2D)
        masks = 0 if stage.feed is Feed.FLAT else rows + columns
        links.append(Link("window", lanes * stage.copies * width, masks, reads_user))
        module, windowing = window_module(stage)
        parts.append(Part(module, "u_window", windowing, source, "window", writes_user=masks > 0))
        source = "window"
    if isinstance(op, (Conv2D, Dense)):
        assert stage.fold is not None
        simd = stage.fold.simd
        if simd < lanes:
            links.append(Link("chunk", simd * width))
            split = parameters(LANE_WIDTH=width, IN_LANES=lanes, OUT_LANES=simd)
            parts.append(Part("lng_chunk", "u_chunk", split, source, "chunk"))
            source = "chunk"
        if stage.adders is not None:
            out_bits = op.weights.shape[-1] * op.out.fmt.width
            engine = Part(adders_name(name), "u_adders", (), source, "m_axis")
            engine = replace(engine, copies=stage.copies, in_bits=simd * width, out_bits=out_bits)
            parts.append(engine)
        else:
            mvu = _mvu_parameters(stage, op, name)
            parts.append(Part("lng_mvu", "u_mvu", mvu, source, "m_axis"))
    elif isinstance(op, MaxPool2D):
        pooling = parameters(
            POSITIONS=op.window.size[0] * op.window.size[1],
            CHANNELS=stage.result.channels,
            LANE_WIDTH=width,
            SIGNED=int(stage.x.fmt.signed),
        )
        parts.append(Part("lng_maxpool", "u_maxpool", pooling, source, "m_axis"))
    elif isinstance(op, AvgPool2D):
        values = average_parameters(op, stage.x)
        cast = [p for p in cast_parameters(0, op.out.fmt) if p.name != "SHIFT"]
        average = (*parameters(**values), *cast)
        parts.append(Part("lng_avgpool", "u_avgpool", average, source, "m_axis", reads_user=True))
    else:
        raise NotImplementedError(f"{op.kind} has no Verilog stage")
    return tuple(links), tuple(parts)


def _relu_parameters(stage: Stage, op: Relu | Cast) -> tuple[Parameter, ...]:
    act = op.activation if isinstance(op, Relu) else Activation.LINEAR
    head = parameters(
        LANES=stage.source.lanes,
        IN_WIDTH=stage.x.fmt.width,
        IN_SIGNED=int(stage.x.fmt.signed),
        RELU=int(act.relu),
    )
    fraction = stage.x.fmt.fraction_bits
    kind = _relu_kind(act, fraction, stage.x.range[1], stage.x.fmt.width + 1)
    return (*head, *cast_parameters(fraction + act.negative_shift, op.out.fmt), *kind)


def activation_parameters(
    act: Activation, fraction: int, high: int, bits: int
) -> tuple[Parameter, ...]:
    """Parameters of lng_requantize for what happens to a sum of ``bits`` bits before its cast."""
    return (*parameters(RELU=int(act.relu)), *_relu_kind(act, fraction, high, bits))


def _relu_kind(act: Activation, fraction: int, high: int, bits: int) -> tuple[Parameter, ...]:
    """LIMIT of ``bits`` bits where codes up to ``high`` need it, NEGATIVE_SHIFT where not 0."""
    limit = act.binding_limit(fraction, high)
    found = () if limit is None else parameters(LIMIT=f"{bits}'d{limit}")
    shift = act.negative_shift
    return (*found, *(parameters(NEGATIVE_SHIFT=shift) if shift else ()))


def _mvu_parameters(stage: Stage, op: WeightedOp, name: str) -> tuple[Parameter, ...]:
    assert stage.fold is not None and op.accumulator is not None and op.weights.format is not None
    product = stage.x.fmt.fraction_bits + op.weights.format.fraction_bits
    fraction = op.accumulator.format.fraction_bits
    fold = stage.fold
    width = stored_width(op, fold.pe, fold.packed)
    memory = weight_memory(stage.vector_cycles, fold.pe * fold.simd * width)
    return (
        *parameters(
            PE=fold.pe,
            SIMD=fold.simd,
            CHUNKS=stage.chunks,
            ROUNDS=stage.rounds,
            IN_WIDTH=stage.x.fmt.width,
            IN_SIGNED=int(stage.x.range[0] < 0),
            USED_WIDTH=used_width(stage.x),
            STYLE=1 if fold.lut else 2 if fold.packed else 0,
            WEIGHT_WIDTH=width,
            ACC_WIDTH=sum_width(op),
            PRODUCT_SHIFT=fraction - product + weight_shift(op),
            RELU=int(op.activation.relu),
        ),
        *sum_cast(op),
        *(
            parameters(STEPS=len(stage.steps), STEP_FILE=f'"{name}_steps.mem"')
            if stage.steps
            else ()
        ),
        *parameters(
            WEIGHT_BLOCK=int(memory.block),
            WEIGHT_PACK=memory.pack,
            WEIGHT_FILE=f'"{name}_weights.mem"',
            BIAS_FILE=f'"{name}_bias.mem"',
        ),
        *_relu_kind(op.activation, fraction, op.accumulator.high, sum_width(op)),
    )
