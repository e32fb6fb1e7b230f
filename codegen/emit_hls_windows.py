"""What stands between a stream and the windows of a layer in C++, for every feed.

Input: a window operator, the tensor and the stream it reads, how it takes it. Output: the frozen
contexts ``Geometry`` and ``Windows``.
"""

from __future__ import annotations

from dataclasses import dataclass

from .feeds import Feed, pooled_group
from .ir import MaxPool2D, Tensor, WindowOp
from .layout import StreamLayout, pixels_per_word

MAX_DEPTH = 32  # words of a FIFO: one shift register LUT per bit


@dataclass(frozen=True)
class Geometry:
    """A window over an image that arrives ``pixels`` pixels a word."""

    height: int
    width: int
    channels: int
    rows: int
    columns: int
    stride_y: int
    stride_x: int
    pad_top: int
    pad_bottom: int
    pad_left: int
    pad_right: int
    out_rows: int
    out_columns: int
    pixels: int

    @property
    def taps(self) -> int:
        """Pixels under the window."""
        return self.rows * self.columns


@dataclass(frozen=True)
class Windows:
    """The processes in front of the engine."""

    pixels: str  # the call that makes pixels of words, if any
    window: str  # the function that makes windows, or patches of several
    patches: int  # lanes of a patch, 0 if windows come at once
    depth: int  # of the FIFO for patches, or for what flat pooling completes
    lanes: int  # of what the engine reads, or of a word that flat pooling completes
    fill: int  # code of the places outside the image
    group: int = 0  # flat pooling: pooled pixels that leave together


def windows_for(
    op: WindowOp, x: Tensor, source: StreamLayout, how: Feed
) -> tuple[Geometry, Windows]:
    """Geometry and processes of ``op``, which takes ``x`` from ``source`` as ``how`` says."""
    height, width, channels = x.image_shape
    pixels = pixels_per_word(x, source) if how in (Feed.ROWS, Feed.FLAT) else 1
    pad = op.window.padding
    geometry = Geometry(
        height,
        width,
        channels,
        *op.window.size,
        *op.window.stride,
        pad.top,
        pad.bottom,
        pad.left,
        pad.right,
        *op.out.image_shape[:2],
        pixels,
    )
    fill = x.fmt.min_code if isinstance(op, MaxPool2D) else 0  # padding never wins
    lanes = geometry.taps * channels
    if how is Feed.FLAT and isinstance(op, MaxPool2D):
        pooled = pixels // geometry.columns * channels
        depth = min(MAX_DEPTH, -(-width // pixels) + 1)
        return geometry, Windows("", "", 0, depth, pooled, fill, pooled_group(op, x, source))
    if how is Feed.FLAT:
        return geometry, Windows("", "lng_flat_window", 0, 0, pixels * lanes, fill)
    patches = 0
    if how is Feed.ROWS:
        patches = geometry.rows * (geometry.columns + pixels - 1) * channels
    return geometry, Windows(
        _to_pixels(x, source, how), "lng_window", patches, _patch_depth(geometry), lanes, fill
    )


def _to_pixels(x: Tensor, source: StreamLayout, how: Feed) -> str:
    if how is Feed.NARROW:
        return f"lng_scatter<{x.size // x.image_shape[2]}>"
    count = source.words_per_group
    return f"lng_gather<{source.words}, {count}>" if how is Feed.PIXELS and count > 1 else ""


def _patch_depth(g: Geometry) -> int:
    """Patches that may wait: windows leave one by one while the next frame's first rows come in.

    So the windows of a frame follow those of the one before without a pause.
    """
    lead = (g.rows - 1 - g.pad_top) * g.width // g.pixels
    return min(MAX_DEPTH, max(0, lead) // max(1, g.pixels // g.stride_x) + 2)
