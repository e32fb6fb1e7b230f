"""The frozen contexts that the templates of layers are rendered with.

Everything a template prints is in one of these; ``emit_hls_layers`` fills them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .emit_hls_adders import Adders
from .emit_hls_average import Average
from .emit_hls_weights import Weights
from .emit_hls_windows import MAX_DEPTH, Geometry, Windows
from .layout import StreamLayout


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
    def dead(self) -> int:
        """Lanes of a group's last word that carry nothing."""
        return self.layout.words_per_group * self.lanes - self.channels

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
    product_shift: int  # products to the accumulator's binary point
    bias_shift: int
    storage: str  # of the weights: bram or lutram
    fabric: bool  # multipliers of LUTs, not of DSP slices


@dataclass(frozen=True)
class Active:
    """What happens to a sum, a code of the type ``number``, before its cast."""

    comment: str
    number: str
    relu: bool
    limit: int | None  # largest code, where sums may be larger
    negative_shift: int  # of a leaky ReLU, else 0


@dataclass(frozen=True)
class Table:
    """How a table is read and kept."""

    rows: int  # lane i has row i modulo this
    mask: int  # of the code
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
    gather: int = 1  # words of x put together before a dense layer works
    activation: Active | None = None
    geometry: Geometry | None = None
    feed: Windows | None = None
    matvec: Matvec | None = None
    adders: Adders | None = None
    average: Average | None = None
    weights: Weights | None = None
    table: Table | None = None
