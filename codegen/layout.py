"""How a tensor travels on a stream: words of lanes, several words to a pixel.

A group is a pixel (its channels) or a whole vector. Every group starts a new word; lanes of its
last word beyond the channels are dead. Elements of a tensor are numbered row-major.
"""

from __future__ import annotations

from dataclasses import dataclass

from .errors import UserError
from .formats import FixedPoint
from .ir import Tensor


@dataclass(frozen=True)
class StreamLayout:
    """``groups`` of ``channels`` elements each, ``lanes`` of them in a word."""

    lanes: int
    channels: int
    groups: int

    @property
    def words_per_group(self) -> int:
        """Words that carry one group."""
        return -(-self.channels // self.lanes)

    @property
    def words(self) -> int:
        """Words per frame."""
        return self.words_per_group * self.groups

    def element(self, word: int, lane: int) -> int | None:
        """The element in a lane of the frame's ``word``-th word; None for a dead lane."""
        group, index = divmod(word, self.words_per_group)
        channel = index * self.lanes + lane
        return group * self.channels + channel if channel < self.channels else None


def result_word_bits(fmt: FixedPoint) -> int:
    """Bits of a word of the result port: 32, or 64 for codes a signed 32-bit integer can't hold.

    ``UserError`` if 64 don't suffice either.
    """
    bits = fmt.width + (not fmt.signed)
    if bits > 64:
        raise UserError(f"the result type {fmt} is wider than 64 bits: cast it, or use fewer bits")
    return 32 if bits <= 32 else 64


def pixel_layout(tensor: Tensor) -> StreamLayout:
    """Whole pixels, one a word."""
    height, width, channels = tensor.image_shape
    return StreamLayout(channels, channels, height * width)


def flat_layout(tensor: Tensor, pixels: int) -> StreamLayout:
    """``pixels`` pixels of an image a word, row after row without a gap.

    Only the frame's last word may have dead lanes.
    """
    if pixels == 1:
        return pixel_layout(tensor)
    return StreamLayout(pixels * tensor.image_shape[2], tensor.size, 1)


def pixels_per_word(tensor: Tensor, layout: StreamLayout) -> int:
    """Whole pixels of ``tensor`` in a word of its stream; 1 where a pixel takes several words."""
    return max(layout.lanes // tensor.image_shape[2], 1) if len(tensor.shape) == 3 else 1


def input_layout(tensor: Tensor, pixels: int = 1) -> StreamLayout:
    """The input port: ``pixels`` pixels a word; of anything but an image so many elements."""
    if len(tensor.shape) == 3:
        return flat_layout(tensor, pixels)
    return StreamLayout(pixels, tensor.size, 1)


def folded_layout(tensor: Tensor, pe: int) -> StreamLayout:
    """What a folded engine with ``pe`` output lanes emits."""
    height, width, channels = tensor.image_shape
    return StreamLayout(pe, channels, height * width)
