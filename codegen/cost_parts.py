"""What parts of a stage become on a 7-series part when Yosys synthesises them.

Memories, shift registers and multipliers follow from Yosys' own rules, exactly: ``memory_libmap``
with the cell library of xc7 (costs of ``lutrams_xc5v.txt`` and ``brams_xc4v.txt``), ``xilinx_srl``
(three registers in a row become a shift register), ``mul2dsp`` (products of nine bits and more go
to DSP slices). What ABC makes of logic is counted in features, whose weights are fitted.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

EXACT = "exact"  # the feature that counts as it is
SHORTEST = 3  # registers in a row that become a shift register
LONGEST = 32  # of them in one LUT
PRODUCT_BITS = 9  # of the smallest product that takes a DSP slice
_LUT_RAM = ((5, 6), (6, 3))  # address bits and data bits of four LUTs (RAM32M, RAM64M)
_BLOCKS = (  # cost, address bits at width 1, widths, BRAM36
    (129, 14, (1, 2, 4, 9, 18, 36), 0.5),
    (257, 15, (1, 2, 4, 9, 18, 36, 72), 1.0),
)
_BYTE = 9  # bits written at once
_ROM_BITS = 64  # bits of constants that cost as much as one of a memory
# LUT6s per bit of lng_chunk alone, 24 bits wide, by its number of chunks
_MUX = {
    2: 1.0,
    3: 1.0,
    4: 1.0,
    5: 2.0,
    6: 2.0,
    7: 4.1,
    8: 2.9,
    9: 5.0,
    10: 4.2,
    11: 4.5,
    12: 4.0,
    13: 6.7,
    14: 6.1,
    15: 8.0,
    16: 5.7,
    18: 9.0,
    20: 10.0,
    22: 8.0,
    24: 11.0,
    25: 14.5,
    27: 15.0,
    30: 12.8,
    32: 14.7,
    36: 15.6,
    40: 16.0,
    49: 24.6,
    54: 27.0,
    64: 27.8,
    75: 39.8,
    84: 42.5,
    100: 45.0,
    150: 82.0,
}


@dataclass
class Cost:
    """Features that become LUTs and flip-flops; DSP48E1 slices and BRAM36 as they are."""

    lut: Counter[str] = field(default_factory=Counter)
    ff: Counter[str] = field(default_factory=Counter)
    dsp: int = 0
    bram: float = 0.0

    @classmethod
    def of(cls, lut: Mapping[str, float], ff: Mapping[str, float], dsp: int, bram: float) -> Cost:
        """From features by name."""
        cost = cls(dsp=dsp, bram=bram)
        _add(cost.lut, lut)
        _add(cost.ff, ff)
        return cost

    def luts(self, **amounts: float) -> None:
        """Add LUT features, ``window__mask`` meaning ``window.mask``."""
        _add(self.lut, amounts)

    def ffs(self, **amounts: float) -> None:
        """Add flip-flop features."""
        _add(self.ff, amounts)

    def add(self, other: Cost, times: int = 1) -> None:
        """Add another cost, ``times`` over."""
        for mine, its in ((self.lut, other.lut), (self.ff, other.ff)):
            for name, amount in its.items():
                mine[name] += amount * times
        self.dsp += other.dsp * times
        self.bram += other.bram * times


def _add(into: Counter[str], amounts: Mapping[str, float]) -> None:
    for name, amount in amounts.items():
        if amount:
            into[name.replace("__", ".")] += amount  # type: ignore[assignment]


@dataclass(frozen=True)
class Memory:
    """How a memory is built: ``kind`` is ``logic``, ``lut`` or ``block``; LUTs of its cells."""

    kind: str
    luts: int = 0
    bram: float = 0.0
    banks: int = 1  # side by side in address, with a multiplexer behind


def ram(bits: int, words: int, extra: int, *, distributed: bool = False) -> Memory:
    """A memory of one write and one read port; ``extra``: what Yosys must emulate (its score).

    ``distributed``: it must be of LUTs.
    """
    best, cost = Memory("logic"), math.inf if distributed else float(bits * words)
    for address, width in _LUT_RAM:
        banks = -(-words // (1 << address))
        cells = banks * -(-bits // width)
        price = cells + 7 * banks * bits / width + _selecting(bits, banks) + 2 * extra
        if price < cost:
            best, cost = Memory("lut", 4 * cells, 0.0, banks), price
    if not distributed:
        for memory, price in _block_rams(bits, words, extra, written=True):
            if price < cost:
                best, cost = memory, price
    return best


def rom(bits: int, words: int) -> Memory:
    """A read-only memory with a register and an enable at its output."""
    best, cost = Memory("logic"), bits * words / _ROM_BITS
    for memory, price in _block_rams(bits, words, 1, written=False):
        if price < cost:
            best, cost = memory, price
    return best


def block_rom(bits: int, words: int) -> Memory:
    """A read-only memory that must be block RAM."""
    return min(_block_rams(bits, words, 0, written=False), key=lambda found: found[1])[0]


def _selecting(bits: int, banks: int) -> float:
    return 0.0 if banks == 1 else 0.5 * (banks - 1) * bits + 0.5 * banks


def _block_rams(
    bits: int, words: int, extra: int, *, written: bool
) -> Iterable[tuple[Memory, float]]:
    for price, address, widths, size in _BLOCKS:
        for order, width in enumerate(widths):
            banks = -(-words // (1 << (address - order)))
            unit = min(width, _BYTE) if written else 1
            blocks = -(-banks * -(-bits // unit) * unit // width)
            cost = price * blocks + 0.5 * (banks - 1) * bits + 2 * extra
            if written and banks > 1:
                cost += 0.5 * banks
            yield Memory("block", 0, blocks * size, banks), cost


def shift_chain(length: int, taps: Iterable[int], *, reset: bool = False) -> tuple[int, int]:
    """Flip-flops and LUTs of ``length`` registers in a row; ``taps``: those read elsewhere.

    Registers are numbered from 1; what lies behind the last tap is not there. ``reset``: those
    that are read have a reset, which keeps them out of shift registers.
    """
    registers = luts = last = 0
    for tap in sorted(set(taps)):
        own = 1 if reset else 0
        run = min(tap, length) - last - own
        if run >= SHORTEST:
            luts += -(-run // LONGEST)
        else:
            registers += run
        registers += own
        last = tap
    return registers, luts


def mux_luts(ways: int) -> float:
    """LUT6s per bit of a multiplexer of ``ways`` inputs, by ``_MUX``."""
    if ways <= 1:
        return 0.0
    if ways in _MUX:
        return _MUX[ways]
    below = max(known for known in _MUX if known < ways)
    above = min((known for known in _MUX if known > ways), default=0)
    if not above:
        return _MUX[below] * ways / below
    part = (ways - below) / (above - below)
    return _MUX[below] + part * (_MUX[above] - _MUX[below])


def constants(cost: Cost, name: str, columns: int, information: float, words: int) -> None:
    """LUTs of columns of ``words`` constants: a LUT6 each, or several with multiplexers.

    ``information``: the columns' entropy per word, in bits.
    """
    if words <= 64:
        cost.luts(**{f"{name}__flat": columns * (0.5 if words <= 2 else 1.0)})
    else:
        cost.luts(**{f"{name}__deep": information * words / 64})


def fifo(bits: int, words: int) -> Cost:
    """lng_fifo."""
    cost = Cost()
    words = max(words, 1)
    memory = ram(bits, words, 4)
    address = (words - 1).bit_length()
    count = words.bit_length()
    odd = words & (words - 1) != 0
    cost.luts(exact=memory.luts, fifo__address=address, fifo__odd=odd * address, fifo__one=1)
    # Yosys keeps a copy of the read address for the memory
    cost.ffs(exact=2 * address + count + 2 + (address if memory.kind != "block" else bits + 1))
    cost.bram += memory.bram
    if memory.kind == "logic":
        cost.ffs(exact=bits * words)
        cost.luts(fifo__logic=bits * mux_luts(words) + (words if words > 1 else 0))
    elif memory.kind == "block":
        cost.luts(fifo__through=bits)
    if memory.banks > 1:
        cost.luts(fifo__banks=bits * mux_luts(memory.banks))
    return cost


def multipliers(x_bits: int, w_bits: int) -> int:
    """DSP slices of one signed product, 25x18 bits each; 0 where it is too small for one."""
    if x_bits + w_bits < PRODUCT_BITS or min(x_bits, w_bits) < 2:
        return 0
    wide, narrow = max(x_bits, w_bits), min(x_bits, w_bits)
    return -(-max(wide - 1, 1) // 24) * -(-max(narrow - 1, 1) // 17)
