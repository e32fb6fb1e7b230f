"""The register map of the AXI top, once: Verilog, C header, driver and documents come from it.

Input: nothing (the map is the same for every design) or a ``Design`` (values of the constants).
It decides names, places, access and meaning; what the signals do is ``hw/lng_axi_monitor.v``'s
business.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from .. import __version__
from .design import Design
from .serialize import fingerprint

MAGIC = 0x4C4E4731  # "LNG1"
MAP_VERSION = 1
WORD_BYTES = 4
ADDRESS_WIDTH = 12  # byte address bits of the slave: a page of 4 KiB, the least Vivado maps

# Where the block design puts the slaves (Zynq-7000 general purpose master 0), and the driver
# looks for them where no .hwh tells.
CORE_CELL, DMA_CELL = "lng_core", "axi_dma_0"
CORE_BASE, CORE_RANGE = 0x43C0_0000, 0x1000
DMA_BASE, DMA_RANGE = 0x4040_0000, 0x1_0000

MAX_PACKET_FRAMES = 0xFFFF


class Access(Enum):
    """How software and hardware use a register."""

    CONSTANT = "constant"  # fixed by the design; a write is refused
    STATUS = "read only"  # driven by the core; a write is refused
    CONFIG = "read, write"  # kept until written again or aresetn
    COMMAND = "write 1"  # a 1 starts something; reads as whether it still goes on
    EVENT = "read, write 1 to clear"  # set by the core, cleared by writing a 1


@dataclass(frozen=True)
class Field:
    """Bits ``low`` to ``low + width - 1`` of a register."""

    name: str
    low: int
    width: int
    text: str

    @property
    def mask(self) -> int:
        """The field's bits in the register."""
        return ((1 << self.width) - 1) << self.low


@dataclass(frozen=True)
class Register:
    """A 32-bit register at byte ``offset``; ``fields`` is empty where it is one number.

    ``reset``: value after ``aresetn`` (``CONFIG``). ``least``, ``most``: values a write may give;
    any other is refused. ``locked``: the core refuses writes while it is busy.
    """

    name: str
    offset: int
    access: Access
    text: str
    fields: tuple[Field, ...] = ()
    reset: int = 0
    least: int = 0
    most: int = 0xFFFF_FFFF
    locked: bool = False

    @property
    def port(self) -> str:
        """Its name in lower case: the signal in Verilog."""
        return self.name.lower()

    @property
    def index(self) -> int:
        """Its word in the map."""
        return self.offset // WORD_BYTES

    @property
    def width(self) -> int:
        """Bits that exist; the others read as zero."""
        if self.fields:
            return max(field.low + field.width for field in self.fields)
        return self.most.bit_length()

    @property
    def writable(self) -> bool:
        """Whether a write is anything but an error."""
        return self.access in (Access.CONFIG, Access.COMMAND, Access.EVENT)


IRQ_FIELDS = (
    Field("DONE", 0, 1, "a packet of results has left the core"),
    Field("ERROR", 1, 1, "a malformed frame or packet was counted"),
)

REGISTERS: tuple[Register, ...] = (
    Register("ID", 0x00, Access.CONSTANT, 'identity of the core, the letters "LNG1"'),
    Register(
        "VERSION",
        0x04,
        Access.CONSTANT,
        "versions",
        (
            Field("PATCH", 0, 8, "of the generator's version"),
            Field("MINOR", 8, 8, "of the generator's version"),
            Field("MAJOR", 16, 8, "of the generator's version"),
            Field("MAP", 24, 8, "of this register map"),
        ),
    ),
    Register("HASH_HIGH", 0x08, Access.CONSTANT, "model hash (SHA-256), its first 32 bits"),
    Register("HASH_LOW", 0x0C, Access.CONSTANT, "model hash, the 32 bits after them"),
    Register("PIXELS", 0x10, Access.CONSTANT, "pixels of an input word (P)"),
    Register("CLASSES", 0x14, Access.CONSTANT, "results of a frame"),
    Register("FRAME_BYTES", 0x18, Access.CONSTANT, "bytes of a frame on the input stream"),
    Register("RESULT_BYTES", 0x1C, Access.CONSTANT, "bytes of a frame's results on the output"),
    Register(
        "CONTROL",
        0x20,
        Access.COMMAND,
        "commands",
        (
            Field(
                "SOFT_RESET",
                0,
                1,
                "drop all frames, clear counters and interrupts; reads 1 until it is over",
            ),
        ),
    ),
    Register(
        "STATUS",
        0x24,
        Access.STATUS,
        "what the core is doing",
        (
            Field("BUSY", 0, 1, "a frame is in the core or a packet is not at its end"),
            Field("IN_PACKET", 1, 1, "words of a packet came, its last did not"),
            Field("IN_WAITING", 2, 1, "an input word waits for the core"),
            Field("OUT_WAITING", 3, 1, "a result waits to be taken"),
        ),
    ),
    Register("IRQ_ENABLE", 0x28, Access.CONFIG, "events that raise the interrupt", IRQ_FIELDS),
    Register("IRQ_STATUS", 0x2C, Access.EVENT, "events that happened", IRQ_FIELDS),
    Register(
        "PACKET_FRAMES",
        0x30,
        Access.CONFIG,
        "frames between two TLAST, in and out; refused while BUSY",
        reset=1,
        least=1,
        most=MAX_PACKET_FRAMES,
        locked=True,
    ),
    Register("FRAME_COUNT", 0x34, Access.STATUS, "frames answered"),
    Register("ERROR_COUNT", 0x38, Access.STATUS, "malformed frames and packets"),
    Register("IN_STALLS", 0x3C, Access.STATUS, "cycles in which an input word waited"),
    Register("OUT_STALLS", 0x40, Access.STATUS, "cycles in which a result waited"),
    Register(
        "FRAME_CYCLES",
        0x44,
        Access.STATUS,
        "last answered frame: cycles from its first word to its last result",
    ),
    Register("BUSY_CYCLES", 0x48, Access.STATUS, "cycles in which BUSY was set"),
)

BY_NAME = {register.name: register for register in REGISTERS}


def generator_version() -> int:
    """The value of VERSION."""
    match = re.match(r"(\d+)\.(\d+)\.(\d+)", __version__)
    assert match is not None
    major, minor, patch = (min(int(part), 255) for part in match.groups())
    return MAP_VERSION << 24 | major << 16 | minor << 8 | patch


def model_hash(design: Design) -> str:
    """The 64 bits of the model's hash that hardware knows, as 16 hexadecimal digits."""
    return fingerprint(design.graph)[:16]


def stream_bytes(bits: int) -> int:
    """Bytes of a stream word a DMA engine can feed: a power of two that holds ``bits``."""
    return 1 << (-(-bits // 8) - 1).bit_length()


def frame_bytes(design: Design) -> int:
    """Bytes of a frame on the input stream of the AXI top."""
    return design.source.words * stream_bytes(design.source.lanes * 8)


def result_bytes(design: Design) -> int:
    """Bytes of a frame's results on its output stream."""
    return design.graph.output.size * design.result_bits // 8


def constants(design: Design) -> dict[str, int]:
    """The values of the constant registers by name."""
    digest = model_hash(design)
    values = {
        "ID": MAGIC,
        "VERSION": generator_version(),
        "HASH_HIGH": int(digest[:8], 16),
        "HASH_LOW": int(digest[8:], 16),
        "PIXELS": design.schedule.pixels,
        "CLASSES": design.graph.output.size,
        "FRAME_BYTES": frame_bytes(design),
        "RESULT_BYTES": result_bytes(design),
    }
    assert list(values) == [one.name for one in REGISTERS if one.access is Access.CONSTANT]
    return values
