"""The frozen contexts that the templates of layers are rendered with.

Everything a template prints is in one of these; ``emit_hls_layers`` fills them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .emit_hls_average import Average
from .emit_hls_weights import Weights
from .layout import StreamLayout

MAX_DEPTH = 32  # words of a FIFO between layers: one shift register LUT per bit


@dataclass(frozen=True)
class Stream:
    """A stream between layers and the C++ names of it."""

    stream: str  # variable
    type: str  # element type
    vec: str  # word type
    cpp: str  # what the element type is
    comment: str
    layout: StreamLayout

    @property
    def lanes(self) -> int:
        """Elements of a word."""
        return self.layout.lanes

    @property
    def words(self) -> int:
        """Words of a frame."""
        return self.layout.words

    @property
    def groups(self) -> int:
        """Pixels of a frame, 1 for a vector."""
        return self.layout.groups

    @property
    def channels(self) -> int:
        """Elements of a group."""
        return self.layout.channels

    @property
    def depth(self) -> int:
        """FIFO depth. Layers form a chain, so any depth is free of deadlock; this one lets the
        layer before work on while the next one is at the end of an image row.
        """
        return max(2, min(MAX_DEPTH, math.isqrt(self.words)))


@dataclass(frozen=True)
class Typedef:
    """One line of types.h."""

    name: str
    cpp: str


@dataclass(frozen=True)
class Geometry:
    """A window over an image."""

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

    @property
    def taps(self) -> int:
        """Pixels under the window."""
        return self.rows * self.columns


@dataclass(frozen=True)
class Matvec:
    """A folded matrix-vector product."""

    vectors: int  # per frame
    inputs: int
    outputs: int
    lanes: int  # elements of an input word
    words: int  # input words of a vector
    parts: int  # steps per input word
    simd: int
    groups: int  # steps over the outputs
    pe: int
    relu: bool
    limit: int | None  # largest code behind the ReLU, where sums may be larger
    negative_shift: int  # of a leaky ReLU, else 0
    product_shift: int  # products to the accumulator's binary point
    bias_shift: int
    storage: str  # of the weights: bram or lutram


@dataclass(frozen=True)
class Table:
    """How a table is read and kept."""

    row: str  # of lane i
    mask: int | None  # of the code, where it may be negative
    partition: bool  # a memory of its own for every row
    storage: str


@dataclass(frozen=True, kw_only=True)
class Layer:
    """Context of one layer's file."""

    name: str
    template: str
    title: str
    notes: tuple[str, ...] = ()
    x: Stream
    y: Stream
    typedefs: tuple[Typedef, ...]
    gather: int = 1  # words of x put together before the work begins
    geometry: Geometry | None = None
    matvec: Matvec | None = None
    average: Average | None = None
    lowest: int = 0  # the least code of x's type
    limit: int | None = None  # of a Relu: its largest code, where x may be larger
    negative_shift: int = 0  # of a leaky Relu
    weights: Weights | None = None
    table: Table | None = None
