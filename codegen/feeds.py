"""How a window stage takes a stream that carries several pixels a word.

Input: the operator, the tensor and stream it reads, whether its weights are constants. Output: the
``Feed``, and the stream that leaves where the feed decides it.
"""

from __future__ import annotations

import enum
import math

from .ir import AvgPool2D, Conv2D, MaxPool2D, Op, Padding, Tensor, Window, WindowOp
from .layout import StreamLayout, flat_layout, pixel_layout, pixels_per_word


class Feed(enum.Enum):
    """What stands between the stream and the windows."""

    PIXELS = "pixels"  # a pixel a word, or several words a pixel: line buffer
    ROWS = "rows"  # words that never cross a row's end: line buffer with wide words
    FLAT = "flat"  # rows may end inside a word: all the word's pixels at once
    NARROW = "narrow"  # the same, but taken apart into pixels first


def feed(op: Op, x: Tensor, source: StreamLayout, constant: bool) -> Feed:
    """The feed of ``op``; ``constant``: its weights are hard-wired."""
    pixels = pixels_per_word(x, source)
    if pixels == 1 or not isinstance(op, WindowOp):
        return Feed.PIXELS
    _, width, _ = x.image_shape
    if isinstance(op, Conv2D) and constant and keeps_size(op.window, x) and pixels <= width:
        return Feed.FLAT
    if isinstance(op, MaxPool2D) and _tiles(op.window, width, pixels):
        return Feed.FLAT
    return Feed.ROWS if width % pixels == 0 else Feed.NARROW


def keeps_size(window: Window, x: Tensor) -> bool:
    """Whether there is one window position per pixel."""
    height, width, _ = x.image_shape
    return window.stride == (1, 1) and window.positions(height, width) == (height, width)


def _tiles(window: Window, width: int, pixels: int) -> bool:
    columns = window.size[1]
    return (
        window.stride == window.size
        and window.padding == Padding()
        and width % columns == 0
        and pixels % columns == 0
        and pixels <= width
    )


def pooled_group(op: MaxPool2D, x: Tensor, source: StreamLayout) -> int:
    """Pooled pixels that leave a flat pooling stage together: they never cross a row's end."""
    columns = op.window.size[1]
    return math.gcd(pixels_per_word(x, source) // columns, x.image_shape[1] // columns)


def flat_result(op: Conv2D | MaxPool2D, x: Tensor, source: StreamLayout) -> StreamLayout:
    """The stream a FLAT stage writes."""
    if isinstance(op, Conv2D):
        return flat_layout(op.out, pixels_per_word(x, source))
    group = pooled_group(op, x, source)
    if group == 1:
        return pixel_layout(op.out)
    lanes = group * op.out.image_shape[2]
    return StreamLayout(lanes, lanes, op.out.size // lanes)


def window_cycles(op: Conv2D | MaxPool2D | AvgPool2D, x: Tensor, how: Feed, units: int) -> int:
    """Cycles per frame of the windows when nothing stalls; FLAT: see the stream's words.

    Each of ``units`` line buffers reads a column a cycle. While it waits for its turn it gets as
    far as its first window; from there on a row takes the columns up to its last one.
    """
    rows, columns = op.out.shape[:2]
    width = x.image_shape[1]
    if how is Feed.NARROW:
        return max(rows * width, x.image_shape[0] * width)
    row = (columns - 1) * op.window.stride[1] + 1
    return rows * max(row, -(-width // units))
