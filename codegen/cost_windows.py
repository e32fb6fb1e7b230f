"""Features of what makes windows: line buffers, flat windows, flat pooling."""

from __future__ import annotations

import math

from .cost_engines import larger
from .cost_parts import Cost, fifo, mux_luts, ram, shift_chain
from .design import Stage, levels
from .feeds import pooled_group
from .ir import Conv2D, MaxPool2D
from .narrowing import used_width


def windows(stage: Stage) -> Cost:
    """lng_window, or lng_windows with its FIFOs."""
    assert stage.window is not None
    if stage.units == 1:
        return _window(stage, stage.op.out.shape[0], 0)
    cost = Cost()
    rows, columns = stage.window.size
    word = stage.pixels * stage.x.image_shape[2] * stage.x.fmt.width
    for unit in range(stage.units):
        height = (stage.op.out.shape[0] - unit + stage.units - 1) // stage.units
        cost.add(_window(stage, height, unit))
        cost.add(fifo(word, stage.unit_fifo))
    merged = rows * columns * _pixel_bits(stage)
    cost.luts(units__merge=merged * -(-(2 * stage.units - 1) // 5), units__count=stage.units)
    x, y = levels(stage.op.out.shape[1]), levels(stage.op.out.shape[0])
    cost.ffs(exact=stage.units + x + y)
    return cost


def _pixel_bits(stage: Stage) -> int:
    """Bits of a pixel in the window's registers: those that an engine reads."""
    width = used_width(stage.x) if isinstance(stage.op, Conv2D) else stage.x.fmt.width
    return stage.x.image_shape[2] * width


def _window(stage: Stage, out_height: int, unit: int) -> Cost:
    """lng_window number ``unit``: row memories, rotation, window registers, masks, counters."""
    assert stage.window is not None
    cost = Cost()
    height, width, _ = stage.x.image_shape
    bits, pixels, slots = _pixel_bits(stage), stage.pixels, stage.slots
    rows, columns = stage.window.size
    stride = stage.window.stride[0] * stage.units
    # row memories, and the rotation behind them
    row_words = width // pixels
    words = slots << levels(row_words) if slots > 1 else row_words
    memory = ram(pixels * bits, words, 1 if pixels == 1 else 0)
    cost.luts(exact=rows * memory.luts)
    cost.bram += rows * memory.bram
    if memory.kind == "logic":
        cost.ffs(exact=rows * pixels * bits * words)
        cost.luts(window__logic=rows * pixels * bits * mux_luts(words))
    if memory.kind != "block":
        cost.ffs(exact=rows * bits)
    if memory.banks > 1:
        cost.luts(window__banks=rows * pixels * bits * mux_luts(memory.banks))
    if pixels > 1:
        cost.luts(window__pixel=rows * bits * -(-(2 * pixels - 1) // 5))
        copies = 2 if memory.kind == "lut" else 1  # of the memories' read address
        cost.ffs(exact=copies * levels(row_words) + pixels)
    # the window and its masks
    masked_rows, masked_columns = _masks(stage, out_height, unit)
    inside = (rows - masked_rows) * (columns - masked_columns)
    masked = (rows * columns - inside) * bits
    reader = _reader(stage)
    cost.luts(**{f"mask__{reader}": masked})
    if reader == "register" and stage.fold is not None and not stage.fold.lut:
        cost.ffs(exact=masked)  # a slice's own register has one reset for all its bits
    cost.ffs(exact=rows * columns * bits + masked_rows + masked_columns)
    # counters of pixels, columns, rows, memories
    count = levels((height + 2 * rows * slots + 2 * stride) * width + 1) + 2
    x, y, bank, slot = levels(width), levels(out_height), levels(rows), levels(slots)
    cost.ffs(exact=2 * count + 2 * x + y + levels(row_words) + bank + 3 * slot)
    even = rows & (rows - 1) == 0
    still = even and stride % rows == 0 and slots == 1
    fixed = even and height % rows == 0 and slots == 1
    cost.ffs(exact=(0 if still else 2 * bank) + (0 if fixed else bank))
    if rows > 1 and not (still and fixed):  # else the window always begins in the same memory
        shift = "even" if bits & (bits - 1) == 0 else "odd"  # whole pixels are shifted
        cost.luts(**{f"window__rotate{min(rows, 6)}_{shift}": rows * bits})
    cost.ffs(exact=y if masked_rows else 0)
    lag = max(_over(stage), 0)
    padded = stage.window.padding.top + stage.window.padding.bottom > 0
    phase = levels(stage.window.stride[1])
    cost.ffs(exact=5 + lag + phase + (2 if padded else 0 if still else 1))
    cost.luts(window__count=count, window__place=x + y, window__one=1)
    cost.luts(window__bank=0 if still else bank * bank, window__masks=masked_rows + masked_columns)
    return cost


def _reader(stage: Stage) -> str:
    """What the window's masks stand in front of."""
    if stage.fold is None:
        return "pool"
    if stage.fold.constant:
        return "adders"
    inputs = math.prod(stage.window.size) if stage.window is not None else 0
    return "chunk" if stage.fold.simd < inputs * stage.x.image_shape[2] else "register"


def _over(stage: Stage) -> int:
    """Columns of the right padding that are really used."""
    assert stage.window is not None
    window = stage.window
    last = (stage.op.out.shape[1] - 1) * window.stride[1] - window.padding.left
    return last + window.size[1] - stage.x.image_shape[1]


def _masks(stage: Stage, out_height: int, unit: int) -> tuple[int, int]:
    """Rows and columns of the window that are compared with the image's edge."""
    assert stage.window is not None
    (rows, columns), height = stage.window.size, stage.x.image_shape[0]
    step = stage.window.stride[0] * stage.units
    top = stage.window.padding.top - unit * stage.window.stride[0]
    masked = 0
    for row in range(rows):
        last = -1 if height - 1 + top < row else (height - 1 + top - row) // step
        masked += top > row or last < out_height - 1
    return masked, columns - 1


def flat_window(stage: Stage, op: Conv2D) -> Cost:
    """lng_flat_window."""
    cost = Cost()
    height, width, channels = stage.x.image_shape
    bits, pixels = channels * used_width(stage.x), stage.pixels
    rows, columns = op.window.size
    pad = op.window.padding
    ahead = (rows - 1 - pad.top) * width + columns - 1 - pad.left
    behind = pad.top * width + pad.left
    lag, back = -(-ahead // pixels), -(-behind // pixels)
    line, start = lag + 1 + back, back * pixels
    places = {
        start + pixel + (row - pad.top) * width + column - pad.left
        for pixel in range(pixels)
        for row in range(rows)
        for column in range(columns)
    }
    for lane in range(pixels):
        taps = [line - place // pixels for place in places if place % pixels == lane]
        registers, luts = shift_chain(line, taps, reset=True)
        cost.ffs(exact=bits * registers)
        cost.luts(exact=bits * luts)
    step = math.gcd(pixels, width)
    steps, masked = width // step, 0
    for pixel in range(pixels):
        down = -(-(width - pixel) // step) < steps  # it may lie in the row below the word's first
        inside_rows = 0 if down else sum(row == pad.top for row in range(rows))
        inside_columns = sum(
            0 <= pixel + column - pad.left < step and not down for column in range(columns)
        )
        masked += rows * columns - inside_rows * inside_columns
        cost.ffs(exact=rows - inside_rows + columns - inside_columns)
        cost.luts(flat__masks=rows - inside_rows + columns - inside_columns)
    cost.luts(flat__mask=masked * bits)
    x, y, count = levels(steps), levels(height + 2), levels(stage.source.words)
    cost.luts(flat__place=x + y, flat__count=count, flat__one=1)
    cost.ffs(exact=lag + 1 + 2 * count + x + y)
    return cost


def flat_pool(stage: Stage) -> Cost:
    """lng_flat_maxpool."""
    op = stage.op
    assert isinstance(op, MaxPool2D)
    cost = Cost()
    height, width, channels = stage.x.image_shape
    rows, columns = op.window.size
    bits = used_width(stage.x)
    pooled, row = stage.pixels // columns, width // columns
    group = pooled_group(op, stage.x, stage.source)
    word = pooled * channels * bits
    larger(cost, bits, pooled * channels * (columns - 1 + rows - 1))
    cost.ffs(exact=word)
    line = (rows - 1) * row
    for lane in range(pooled):
        length = -(-(line - lane) // pooled)  # registers behind the newest word
        taps = [
            -(-(line + pooled - place) // pooled) - 1
            for place in (p + k * row for p in range(pooled) for k in range(rows - 1))
            if place % pooled == lane
        ]
        registers, luts = shift_chain(length, [tap for tap in taps if tap > 0])
        cost.ffs(pool__line=channels * bits * registers)
        cost.luts(pool__line=channels * bits * luts)
    groups = pooled // group
    cost.add(fifo(word + groups, stage.unit_fifo))
    if groups > 1:
        cost.luts(pool__groups=group * channels * bits * -(-(2 * groups - 1) // 5))
    x, y, count = levels(row + pooled + 1), levels(height + 2), levels(stage.source.words)
    cost.luts(pool__place=x + y, pool__count=count, pool__one=1, pool__group=groups)
    cost.ffs(exact=count + x + y + levels(rows) + 2 + groups + (groups if groups > 1 else 0))
    return cost
