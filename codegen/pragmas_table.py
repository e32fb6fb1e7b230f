"""The HLS pragmas: options, allowed values, where each may stand, and the source of every entry.

The facts are AMD's: the page "pragma HLS <name>" of UG1399 (Vitis High-Level Synthesis User Guide,
2023.2; chapter "HLS Pragmas"), and for the exact set of options and their defaults the grammar of
the published front end (github.com/Xilinx/hls-llvm-project,
``clang/include/clang/Basic/XlxPragmaOption.td``). Only what current versions document is listed:
an option that is hidden or deprecated there is refused here, with its replacement.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Kind(enum.Enum):
    """What follows an option's name."""

    INTEGER = "an integer constant"
    NUMBER = "a number, perhaps with a unit"
    NAME = "a name"
    VARIABLE = "a variable in scope"
    VARIABLES = "variables in scope, separated by commas"
    ENUM = "one of a few words"
    FLAG = "nothing, or true or false"


class Place(enum.Enum):
    """The innermost braces a pragma may stand in."""

    FUNCTION = "the body of a function"
    LOOP = "the body of a loop"
    BLOCK = "a block"


@dataclass(frozen=True)
class Option:
    """An option; ``bare`` words stand for ``name=word``; integers are at least ``minimum``."""

    name: str
    kind: Kind
    values: tuple[str, ...] = ()
    required: bool = False
    bare: bool = False
    minimum: int = 1


@dataclass(frozen=True)
class Pragma:
    """A pragma; ``modes`` hold further options by the value of the option ``mode``."""

    name: str
    places: tuple[Place, ...]
    options: tuple[Option, ...] = ()
    modes: tuple[tuple[str, tuple[Option, ...]], ...] = ()

    @property
    def source(self) -> str:
        """Where AMD documents it."""
        return f"UG1399, pragma HLS {self.name.lower()}"


def _variable(name: str = "variable") -> Option:
    return Option(name, Kind.VARIABLE, required=True)


def _flag(name: str) -> Option:
    return Option(name, Kind.FLAG)


def _integer(name: str, minimum: int = 1, *, required: bool = False) -> Option:
    return Option(name, Kind.INTEGER, minimum=minimum, required=required)


def _enum(name: str, *values: str, required: bool = False, bare: bool = False) -> Option:
    return Option(name, Kind.ENUM, values, required, bare)


def _name(name: str, *, required: bool = False) -> Option:
    return Option(name, Kind.NAME, required=required)


FUNCTION, LOOP, BLOCK = (Place.FUNCTION,), (Place.LOOP,), (Place.BLOCK,)
ANYWHERE = (Place.FUNCTION, Place.LOOP, Place.BLOCK)

# BIND_STORAGE: implementations by memory type (UG1399, pragma HLS bind_storage, table "Supported
# Combinations of Memory Types, Implementations, and Latencies"); fifos have no latency, others 1-3.
STORAGE: dict[str, tuple[str, ...]] = {
    "fifo": ("auto", "bram", "lutram", "memory", "srl", "uram"),
    "ram_1p": ("auto", "bram", "lutram", "uram"),
    "ram_1wnr": ("auto", "bram", "lutram", "uram"),
    "ram_2p": ("auto", "bram", "lutram", "uram"),
    "ram_s2p": ("auto", "bram", "bram_ecc", "lutram", "uram", "uram_ecc"),
    "ram_t2p": ("auto", "bram", "uram"),
    "rom_1p": ("auto", "bram", "lutram"),
    "rom_2p": ("auto", "bram", "lutram"),
    "rom_np": ("auto", "bram", "lutram"),
}
MAX_STORAGE_LATENCY = 3

# BIND_OP: implementations by operation (UG1399, pragma HLS bind_op, tables of operations; the
# front end's XILINXFPGAPlatformBasic.cpp holds the same for floating point).
_LOGIC = ("fabric",)
OPERATIONS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("mul", "add", "sub"), ("fabric", "dsp")),
    **dict.fromkeys(("fadd", "fsub"), ("fabric", "fulldsp", "meddsp", "primitivedsp")),
    "fmul": ("fabric", "fulldsp", "meddsp", "maxdsp", "primitivedsp"),
    "dmul": ("fabric", "fulldsp", "meddsp", "maxdsp"),
    "hmul": ("fabric", "fulldsp", "maxdsp"),
    **dict.fromkeys(("dadd", "dsub"), ("fabric", "fulldsp")),
    **dict.fromkeys(("hadd", "hsub"), ("fabric", "fulldsp", "meddsp")),
    **dict.fromkeys(("fexp", "flog", "dexp", "dlog"), ("fabric", "meddsp")),
    **dict.fromkeys(("frsqrt", "frecip", "drsqrt", "drecip"), ("fabric", "fulldsp")),
    **dict.fromkeys(("fdiv", "ddiv", "hdiv", "fsqrt", "dsqrt", "hsqrt"), _LOGIC),
}

_ARRAY = (
    _variable(),
    _enum("type", "block", "cyclic", "complete", bare=True),
    _integer("factor"),
    _integer("dim", 0),
)
_REGISTER = (_flag("register"), _integer("depth"), _integer("latency", 0))
_MEMORY = (
    _integer("depth"),
    _integer("latency", 0),
    _enum("storage_type", *(name for name in STORAGE if name != "fifo")),
)
_CONTROL = ("ap_ctrl_none", "ap_ctrl_hs", "ap_ctrl_chain")
_REGISTERED = ("ap_none", "ap_vld", "ap_ack", "ap_hs", "ap_ovld", "ap_fifo", "ap_stable")
_INTERFACE: dict[str, tuple[Option, ...]] = {
    **dict.fromkeys(_REGISTERED, _REGISTER),
    **dict.fromkeys(("ap_memory", "bram"), _MEMORY),
    "axis": (
        _flag("register"),
        _enum("register_mode", "forward", "reverse", "both", "off", bare=True),
        _integer("depth"),
    ),
    "s_axilite": (
        _name("bundle"),
        _integer("offset", 0),
        _name("clock"),
        _enum("storage_impl", "auto", "bram", "uram"),
        _flag("register"),
    ),
    "m_axi": (
        _name("bundle"),
        _integer("depth"),
        _enum("offset", "off", "direct", "slave"),
        _integer("latency", 0),
        _integer("num_read_outstanding"),
        _integer("num_write_outstanding"),
        _integer("max_read_burst_length"),
        _integer("max_write_burst_length"),
        _integer("max_widen_bitwidth", 0),
        _integer("channel", 0),
    ),
    **dict.fromkeys(_CONTROL, ()),
}
CONTROL_MODES = frozenset(_CONTROL)
RETURN_MODES = CONTROL_MODES | {"s_axilite"}

_PRAGMAS = (
    Pragma(
        "AGGREGATE",
        ANYWHERE,
        (_variable(), _enum("compact", "bit", "byte", "none", "auto", bare=True)),
    ),
    Pragma(
        "ALIAS",
        FUNCTION,
        (
            Option("ports", Kind.VARIABLES, required=True),
            Option("offset", Kind.NAME),
            Option("distance", Kind.NAME),
        ),
    ),
    Pragma(
        "ALLOCATION",
        ANYWHERE,
        (
            _enum("type", "function", "operation", bare=True),
            _name("instances", required=True),
            _integer("limit", required=True),
        ),
    ),
    Pragma("ARRAY_PARTITION", ANYWHERE, (*_ARRAY, _flag("off"))),
    Pragma("ARRAY_RESHAPE", ANYWHERE, (*_ARRAY, _flag("object"))),
    Pragma("ARRAY_STENCIL", ANYWHERE, (_variable(), _flag("off"))),
    Pragma(
        "BIND_OP",
        ANYWHERE,
        (
            _variable(),
            _enum("op", *OPERATIONS, required=True),
            _enum("impl", *sorted({impl for impls in OPERATIONS.values() for impl in impls})),
            _integer("latency", -1),
        ),
    ),
    Pragma(
        "BIND_STORAGE",
        ANYWHERE,
        (
            _variable(),
            _enum("type", *STORAGE, required=True),
            _enum("impl", *sorted({impl for impls in STORAGE.values() for impl in impls})),
            _integer("latency", -1),
        ),
    ),
    Pragma(
        "CACHE",
        FUNCTION,
        (_variable("port"), _integer("lines", required=True), _integer("depth", required=True)),
    ),
    Pragma("DATAFLOW", (Place.FUNCTION, Place.LOOP), (_flag("disable_start_propagation"),)),
    Pragma(
        "DEPENDENCE",
        ANYWHERE,
        (
            Option("variable", Kind.VARIABLE),
            _enum("class", "array", "pointer", bare=True),
            _enum("type", "intra", "inter", bare=True),
            _enum("direction", "raw", "war", "waw", bare=True),
            _enum("dependent", "true", "false", bare=True),
            _integer("distance"),
        ),
    ),
    Pragma("DISAGGREGATE", ANYWHERE, (_variable(),)),
    Pragma("EXPRESSION_BALANCE", ANYWHERE, (_flag("off"),)),
    Pragma("FUNCTION_INSTANTIATE", FUNCTION, (_variable(),)),
    Pragma("INLINE", FUNCTION, (_flag("recursive"), _flag("off"))),
    Pragma(
        "INTERFACE",
        FUNCTION,
        (_enum("mode", *_INTERFACE, required=True, bare=True), _variable("port"), _name("name")),
        tuple(_INTERFACE.items()),
    ),
    Pragma("LATENCY", ANYWHERE, (_integer("min", 0), _integer("max", 0))),
    Pragma("LOOP_FLATTEN", LOOP, (_flag("off"),)),
    Pragma("LOOP_MERGE", ANYWHERE, (_flag("force"),)),
    Pragma(
        "LOOP_TRIPCOUNT",
        LOOP,
        (_integer("min", 0), _integer("max", 0, required=True), _integer("avg", 0)),
    ),
    Pragma("OCCURRENCE", BLOCK, (_integer("cycle"), _flag("off"))),
    Pragma(
        "PERFORMANCE",
        (Place.LOOP, Place.FUNCTION),
        (
            Option("target_ti", Kind.NUMBER),
            Option("target_tl", Kind.NUMBER),
            Option("assume_ti", Kind.NUMBER),
            Option("assume_tl", Kind.NUMBER),
        ),
    ),
    Pragma(
        "PIPELINE",
        (Place.LOOP, Place.FUNCTION),
        (_integer("II"), _flag("rewind"), _enum("style", "stp", "flp", "frp"), _flag("off")),
    ),
    Pragma("PROTOCOL", ANYWHERE, (_enum("mode", "floating", "fixed", bare=True),)),
    Pragma("RESET", FUNCTION, (_variable(), _flag("off"))),
    Pragma("STABLE", FUNCTION, (_variable(),)),
    Pragma(
        "STREAM",
        ANYWHERE,
        (_variable(), _integer("depth"), _enum("type", "fifo", "pipo", "shared", "unsync")),
    ),
    Pragma("TOP", FUNCTION, (_name("name"),)),
    Pragma("UNROLL", LOOP, (_integer("factor"), _flag("skip_exit_check"), _flag("off"))),
)

PRAGMAS: dict[str, Pragma] = {pragma.name: pragma for pragma in _PRAGMAS}

# What older tools knew (UG902) and Vitis HLS no longer has: what to write instead.
REPLACED: dict[str, str] = {
    "ARRAY_MAP": "nothing: Vitis HLS does not map arrays together",
    "CLOCK": "nothing: one clock a design",
    "DATA_PACK": "AGGREGATE",
    "INSTANCE": "nothing",
    "RESOURCE": "BIND_STORAGE or BIND_OP",
    "SHARED": "STREAM type=shared",
}
