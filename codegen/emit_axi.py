"""Writes the AXI top around the stream core: ``rtl/<name>_axi.v``, its registers, its file list,
and ``vivado/package_ip.tcl``, which makes an IP of them.

Input: a ``Design`` whose stream core ``emit_verilog`` has written. It decides ports and Vivado's
interface attributes; what the parts do stands in ``hw/``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .. import __version__
from .design import FLAG_DEPTH, PORT_DEPTH, Design
from .emit_verilog import RtlFiles, copy_library
from .emit_vivado import DEFAULT_PART
from .registers import (
    ADDRESS_WIDTH,
    CORE_RANGE,
    REGISTERS,
    Access,
    Register,
    constants,
    frame_bytes,
    model_hash,
    stream_bytes,
)
from .render import identifier, render, write_text

FILE_LIST = "rtl/files_axi.f"
PACKAGE_SCRIPT = "vivado/package_ip.tcl"
VENDOR = "lenetgen"
BUSES = "s_axi:s_axis:m_axis"
FRAMES = FLAG_DEPTH + PORT_DEPTH + 2  # frames between input and output, and some to spare
WORD_BITS = ADDRESS_WIDTH - 2


@dataclass(frozen=True)
class Parameter:
    """A parameter of the top that only tells what is fixed."""

    name: str
    value: int
    text: str


@dataclass(frozen=True)
class Port:
    """A port of the top with the attributes Vivado groups it by; ``width`` 0: no range."""

    direction: str
    width: int
    name: str
    attributes: tuple[str, ...]

    @property
    def range(self) -> str:
        """As it stands between ``wire`` and the name."""
        return f"[{self.width - 1}:0] " if self.width else ""


@dataclass(frozen=True)
class RegisterContext:
    """A register as ``axi_regs.v.j2`` sees it."""

    port: str
    kind: str  # the name of its Access
    width: int
    writable: bool
    locked: bool
    reset: int
    word: str  # its place, a literal
    value: str  # what a read gives
    merged: int  # bits of a CONFIG register's new value that are looked at
    kept: str  # its old value in as many bits
    allowed: str  # condition on the new value


@dataclass(frozen=True)
class RegsContext:
    """What ``axi_regs.v.j2`` is rendered with."""

    banner: str
    module: str
    word_bits: int
    registers: tuple[RegisterContext, ...]
    last: str
    accepted: str


@dataclass(frozen=True)
class AxiContext:
    """What ``axi_top.v.j2`` is rendered with; widths in bits unless they are called bytes."""

    banner: str
    module: str
    core: str
    regs: str
    parameters: tuple[Parameter, ...]
    ports: tuple[Port, ...]
    lite_ports: tuple[str, ...]
    address_bits: int
    word_bits: int
    count_bits: int
    in_bits: int
    in_bytes: int
    word_bytes: int
    last_bytes: int
    in_words: int
    out_bytes: int
    frames: int


@dataclass(frozen=True)
class IpContext:
    """What ``package_ip.tcl.j2`` is rendered with."""

    banner: str
    module: str
    part: str
    verilog: tuple[str, ...]
    memory: tuple[str, ...]
    vendor: str
    version: str
    revision: int
    display: str
    description: str
    parameters: tuple[str, ...]
    range: int
    registers: tuple[Register, ...]


def emit(design: Design, core: RtlFiles, banner: str, out: Path) -> RtlFiles:
    """Write the AXI top to ``out/rtl`` beside the core's files ``core``.

    The result lists all files of the AXI top, the core's included; ``files_axi.f`` does, too.
    """
    context = axi_context(design, banner)
    texts = {
        context.module: render("verilog/axi_top.v.j2", {"m": context}),
        context.regs: render("verilog/axi_regs.v.j2", {"m": regs_context(design, banner)}),
    }
    folder = out / "rtl"
    for module, text in texts.items():
        write_text(folder / f"{module}.v", text)
    written = [f"{module}.v" for module in texts]
    library = [f"{module}.v" for module in copy_library(folder, written)]
    new = [*written, *(name for name in library if f"rtl/{name}" not in core.verilog)]
    verilog = (*(f"rtl/{name}" for name in new), *core.verilog)
    write_text(out / FILE_LIST, "".join(f"{Path(name).name}\n" for name in verilog))
    files = RtlFiles(context.module, verilog, core.memory, FILE_LIST)
    script = render("vivado/package_ip.tcl.j2", {"m": ip_context(design, files, banner)})
    write_text(out / PACKAGE_SCRIPT, script)
    return files


def axi_context(design: Design, banner: str) -> AxiContext:
    """The context of the AXI top."""
    core = identifier(design.name)
    source = design.source
    in_bytes = stream_bytes(source.lanes * 8)
    out_bytes = design.result_bits // 8
    dead = source.words * source.lanes - design.graph.input.size
    return AxiContext(
        banner=banner,
        module=f"{core}_axi",
        core=core,
        regs=f"{core}_axi_regs",
        parameters=(
            Parameter("PIXELS_PER_CLOCK", design.schedule.pixels, "pixels of an input word"),
            Parameter("CLASSES", design.graph.output.size, "results of a frame"),
            Parameter("FRAME_BYTES", frame_bytes(design), "bytes of a frame on s_axis"),
        ),
        ports=(*_system_ports(), *_stream_ports(in_bytes, out_bytes), *_lite_ports()),
        lite_ports=tuple(port.name for port in _lite_ports() if not port.name.endswith("prot")),
        address_bits=ADDRESS_WIDTH,
        word_bits=WORD_BITS,
        count_bits=_named("PACKET_FRAMES").width,
        in_bits=source.lanes * 8,
        in_bytes=in_bytes,
        word_bytes=source.lanes,
        last_bytes=source.lanes - dead,
        in_words=source.words,
        out_bytes=out_bytes,
        frames=FRAMES,
    )


def ip_context(design: Design, files: RtlFiles, banner: str) -> IpContext:
    """The context of the packaging script; an IP has the generator's version."""
    major, minor, patch = __version__.split(".")[:3]
    shape = "x".join(map(str, design.graph.input.shape))
    return IpContext(
        banner=banner,
        module=files.top,
        part=DEFAULT_PART,
        verilog=files.verilog,
        memory=files.memory,
        vendor=VENDOR,
        version=f"{major}.{minor}",
        revision=int(patch),
        display=f"{design.name} CNN accelerator",
        description=f"Images {shape}, {design.graph.output.size} results, "
        f"model {model_hash(design)}",
        parameters=tuple(one.name for one in axi_context(design, banner).parameters),
        range=CORE_RANGE,
        registers=REGISTERS,
    )


def _named(name: str) -> Register:
    return next(one for one in REGISTERS if one.name == name)


def _info(bus: str, port: str) -> str:
    return f'X_INTERFACE_INFO = "xilinx.com:{bus} {port}"'


def _settings(bus: str, **values: object) -> str:
    words = [f"XIL_INTERFACENAME {bus}", *(f"{key} {value}" for key, value in values.items())]
    return f'X_INTERFACE_PARAMETER = "{", ".join(words)}"'


def _system_ports() -> tuple[Port, ...]:
    clock = _settings("aclk", ASSOCIATED_BUSIF=BUSES, ASSOCIATED_RESET="aresetn")
    reset = _settings("aresetn", POLARITY="ACTIVE_LOW")
    irq = _settings("irq", SENSITIVITY="LEVEL_HIGH")
    return (
        Port("input ", 0, "aclk", (_info("signal:clock:1.0 aclk", "CLK"), clock)),
        Port("input ", 0, "aresetn", (_info("signal:reset:1.0 aresetn", "RST"), reset)),
        Port("output", 0, "irq", (_info("signal:interrupt:1.0 irq", "INTERRUPT"), irq)),
    )


def _stream_ports(in_bytes: int, out_bytes: int) -> tuple[Port, ...]:
    """Both streams; TKEEP where there are bytes to tell apart."""
    ports = []
    for bus, data, back, width in (
        ("s_axis", "input ", "output", in_bytes),
        ("m_axis", "output", "input ", out_bytes),
    ):
        keep = width > 1
        settings = _settings(
            bus, TDATA_NUM_BYTES=width, HAS_TKEEP=int(keep), HAS_TLAST=1, HAS_TREADY=1
        )
        signals = [(data, 8 * width, "tdata"), (data, width, "tkeep")][: 1 + keep]
        signals += [(data, 0, "tlast"), (data, 0, "tvalid"), (back, 0, "tready")]
        for place, (direction, bits, name) in enumerate(signals):
            info = _info(f"interface:axis:1.0 {bus}", name.upper())
            attributes = (info, settings) if place == 0 else (info,)
            ports.append(Port(direction, bits, f"{bus}_{name}", attributes))
    return tuple(ports)


def _lite_ports() -> tuple[Port, ...]:
    """The AXI4-Lite slave."""
    settings = _settings("s_axi", PROTOCOL="AXI4LITE", DATA_WIDTH=32, ADDR_WIDTH=ADDRESS_WIDTH)
    channels: dict[str, tuple[bool, dict[str, int]]] = {  # whether the master sends; its signals
        "aw": (True, {"addr": ADDRESS_WIDTH, "prot": 3}),
        "w": (True, {"data": 32, "strb": 4}),
        "b": (False, {"resp": 2}),
        "ar": (True, {"addr": ADDRESS_WIDTH, "prot": 3}),
        "r": (False, {"data": 32, "resp": 2}),
    }
    ports: list[Port] = []
    for channel, (sent, signals) in channels.items():
        ahead, back = ("input ", "output") if sent else ("output", "input ")
        for name, bits in {**signals, "valid": 0, "ready": 0}.items():
            info = _info("interface:aximm:1.0 s_axi", f"{channel}{name}".upper())
            attributes = (info,) if ports else (info, settings)
            direction = back if name == "ready" else ahead
            ports.append(Port(direction, bits, f"s_axi_{channel}{name}", attributes))
    return tuple(ports)


def regs_context(design: Design, banner: str) -> RegsContext:
    """The context of the registers' module."""
    values = constants(design)
    places = [one.index for one in REGISTERS]
    assert places == list(range(len(places))), "the map has holes"
    accepted = [
        f"(write_{one.port} && {one.port}_allowed)"
        if one.access is Access.CONFIG
        else f"write_{one.port}"
        for one in REGISTERS
        if one.writable
    ]
    return RegsContext(
        banner=banner,
        module=f"{identifier(design.name)}_axi_regs",
        word_bits=WORD_BITS,
        registers=tuple(_register(one, values.get(one.name)) for one in REGISTERS),
        last=_word(places[-1]),
        accepted=" || ".join(accepted),
    )


def _word(place: int) -> str:
    return f"{WORD_BITS}'d{place}"


def _register(one: Register, constant: int | None) -> RegisterContext:
    limited = one.least > 0 or one.most < 0xFFFF_FFFF
    merged = 32 if limited else one.width
    padding = merged - one.width
    port = f"{one.port}_q" if one.access in (Access.CONFIG, Access.EVENT) else one.port
    conditions = [f"!{one.port}_lock"] if one.locked else []
    if one.least > 0:
        conditions.append(f"{one.port}_new >= 32'd{one.least}")
    if one.most < 0xFFFF_FFFF:
        conditions.append(f"{one.port}_new <= 32'd{one.most}")
    value = port if one.width == 32 else f"{{{32 - one.width}'d0, {port}}}"
    return RegisterContext(
        port=one.port,
        kind=one.access.name,
        width=one.width,
        writable=one.writable,
        locked=one.locked,
        reset=one.reset,
        word=_word(one.index),
        value=value if constant is None else f"32'h{constant:08x}",
        merged=merged,
        kept=f"{{{padding}'d0, {port}}}" if padding else port,
        allowed=" && ".join(conditions) or "1'b1",
    )
