"""The module that makes a stage's windows, and its parameters: lng_window and its relatives."""

from __future__ import annotations

import math

from .design import Stage
from .feeds import Feed, pooled_group
from .ir import MaxPool2D, WindowOp
from .rtl_parts import Parameter, parameters


def window_module(stage: Stage) -> tuple[str, tuple[Parameter, ...]]:
    """The module that makes windows, and its parameters."""
    values = _window_parameters(stage)
    if stage.feed is Feed.FLAT:
        step = math.gcd(stage.pixels, stage.x.image_shape[1])
        kept = ("DATA_WIDTH", "HEIGHT", "WIDTH", "ROWS", "COLUMNS", "PAD_TOP", "PAD_LEFT")
        wide = parameters(PIXELS=stage.pixels, COLUMN_STEP=step)
        return "lng_flat_window", (*(p for p in values if p.name in kept), *wide)
    if stage.feed is Feed.ROWS:
        values = (*values, *parameters(PIXELS=stage.pixels))
    if stage.units > 1:
        values = (*values, *parameters(SLOTS=stage.slots))
        return "lng_windows", (*parameters(UNITS=stage.units, DEPTH=stage.unit_fifo), *values)
    return "lng_window", values


def flat_pool_parameters(stage: Stage, op: MaxPool2D) -> tuple[Parameter, ...]:
    """Parameters of lng_flat_maxpool."""
    height, width, channels = stage.x.image_shape
    return parameters(
        LANE_WIDTH=stage.x.fmt.width,
        SIGNED=int(stage.x.fmt.signed),
        CHANNELS=channels,
        PIXELS=stage.pixels,
        HEIGHT=height,
        WIDTH=width,
        ROWS=op.window.size[0],
        COLUMNS=op.window.size[1],
        GROUP=pooled_group(op, stage.x, stage.source),
        DEPTH=stage.unit_fifo,
    )


def _window_parameters(stage: Stage) -> tuple[Parameter, ...]:
    op = stage.op
    assert isinstance(op, WindowOp)
    height, width, channels = stage.x.image_shape
    lane = stage.x.fmt.width
    fill = 0
    if isinstance(op, MaxPool2D):  # padding never wins: the smallest code of the type
        fill = stage.x.fmt.min_code & ((1 << lane) - 1)
    value = sum(fill << (channel * lane) for channel in range(channels))
    bits = channels * lane
    return parameters(
        DATA_WIDTH=bits,
        HEIGHT=height,
        WIDTH=width,
        ROWS=op.window.size[0],
        COLUMNS=op.window.size[1],
        STRIDE_Y=op.window.stride[0],
        STRIDE_X=op.window.stride[1],
        PAD_TOP=op.window.padding.top,
        PAD_LEFT=op.window.padding.left,
        OUT_HEIGHT=op.out.shape[0],
        OUT_WIDTH=op.out.shape[1],
        PAD_VALUE=f"{bits}'h{value:x}",
    )
