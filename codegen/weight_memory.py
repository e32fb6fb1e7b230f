"""Where a folded engine's weights lie: LUTs or block RAM, and how its words share memory rows.

A block RAM36 is widest, 72 bits, at 512 words. What is deeper becomes wide instead, ``pack`` words
a row: a multiplexer behind several block RAMs would be the design's slowest path.
"""

from __future__ import annotations

from dataclasses import dataclass

BLOCK_WORDS = 512  # depth of a block RAM at its widest (UG473)
LUT_WORDS = 64  # words that a LUT6 holds per bit
BLOCK_BITS = 4096  # smaller memories are not worth half a block RAM


@dataclass(frozen=True)
class WeightMemory:
    """``block``: in block RAM, else LUTs; ``pack``: words of weights in a memory row."""

    block: bool
    pack: int

    def rows(self, words: int) -> int:
        """Memory rows that ``words`` words take."""
        return -(-words // self.pack)


def weight_memory(words: int, bits: int) -> WeightMemory:
    """The memory of ``words`` words of ``bits`` bits."""
    if words <= LUT_WORDS or words * bits < BLOCK_BITS:
        return WeightMemory(False, 1)
    return WeightMemory(True, -(-words // BLOCK_WORDS))


def packed_rows(words: list[int], bits: int, pack: int) -> tuple[list[int], int]:
    """Rows of ``pack`` words each, the first in the low bits, and bits of a row."""
    rows = []
    for start in range(0, len(words), pack):
        part = words[start : start + pack]
        rows.append(sum(word << (bits * place) for place, word in enumerate(part)))
    return rows, bits * pack
