"""Many small designs in one Verilator build, each driven by its own stimulus.

A ``Dut`` is a piece of Verilog with one input and one output stream. ``Batch`` puts all of them
into one top module with separate ports and a generic C++ driver, so that a build's cost is shared.
``Batch.play`` runs them side by side; what comes out is recorded, and judged elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..codegen.emit_sim import storage_bytes
from ..codegen.render import render, write_text
from . import verilator
from .toolrun import run_tool

Words = npt.NDArray[np.uint8]  # (words, bytes), little endian, as Verilator stores a signal


@dataclass(frozen=True)
class Probe:
    """A stream inside a design: the words that move while ``fire`` is 1."""

    name: str
    bits: int
    data: str
    fire: str


@dataclass(frozen=True)
class Level:
    """A number of at most 32 bits inside a design; its largest and its last value are recorded."""

    name: str
    bits: int
    value: str


@dataclass(frozen=True)
class Dut:
    """Verilog between the wires clk, rst, {s,m}_{data,valid,ready}; ``NAME`` reads as ``name``."""

    name: str
    in_bits: int
    out_bits: int
    verilog: str
    probes: tuple[Probe, ...] = ()
    levels: tuple[Level, ...] = ()


@dataclass(frozen=True)
class Play:
    """What one design is fed.

    ``words`` (words, bytes). Word i is offered after ``holds[i]`` results (and, where that
    number changes, nothing has moved for ``settle`` cycles), after a reset if ``resets[i]``, and
    ``waits[i]`` cycles later than it could be.
    The run ends when ``expect`` results have left since the last reset and nothing has moved for
    ``settle`` cycles. ``gap``/``stall``: percent of cycles at which a pause of 1..``burst`` cycles
    begins.
    """

    words: Words
    expect: int
    holds: npt.NDArray[np.uint32] | None = None
    resets: npt.NDArray[np.bool_] | None = None
    waits: npt.NDArray[np.uint32] | None = None
    gap: int = 0
    stall: int = 0
    burst: int = 1
    seed: int = 1
    settle: int = 64


@dataclass(frozen=True)
class Stream:
    """Handshakes: the cycle of each, and the word."""

    cycles: npt.NDArray[np.int64]
    words: Words


@dataclass(frozen=True)
class Record:
    """What one design did.

    ``finished``: all was taken and enough came out, before the time ran out. ``faults``: cycles in
    which an output word changed or went away before it was taken; in which s_ready followed
    s_valid; in which m_valid followed m_ready (the last two only if looked for).
    """

    finished: bool
    faults: tuple[int, int, int]
    taken: npt.NDArray[np.int64]
    out: Stream
    probes: dict[str, Stream] = field(default_factory=dict)
    peaks: dict[str, int] = field(default_factory=dict)
    finals: dict[str, int] = field(default_factory=dict)


def to_words(codes: Sequence[int] | npt.NDArray[np.int64], bits: int) -> Words:
    """Integers below 2**bits, one a word."""
    size = storage_bytes(bits)
    raw = b"".join((int(code) & ((1 << bits) - 1)).to_bytes(size, "little") for code in codes)
    return np.frombuffer(raw, dtype=np.uint8).reshape(-1, size)


def to_integers(words: Words) -> list[int]:
    """The words as non-negative integers."""
    return [int.from_bytes(word.tobytes(), "little") for word in words]


def lanes(words: Words, count: int, width: int, *, signed: bool) -> npt.NDArray[np.int64]:
    """(words, count): the ``width``-bit lanes of each word, lane 0 lowest."""
    bits = np.unpackbits(words, axis=1, bitorder="little")[:, : count * width]
    weights = np.int64(1) << np.arange(width, dtype=np.int64)
    if signed and width < 64:  # int64 has bit 63 negative anyway
        weights[-1] = -weights[-1]
    return bits.reshape(len(words), count, width).astype(np.int64) @ weights


class Batch:
    """The compiled designs. ``files``: their Verilog; memory files lie in ``memory``."""

    def __init__(
        self,
        folder: Path,
        duts: Sequence[Dut],
        files: Sequence[Path],
        memory: Path | None = None,
        opt: str = "-O1",
    ) -> None:
        self.duts = {dut.name: dut for dut in duts}
        assert len(self.duts) == len(duts)
        self.folder, self.memory = folder, memory or folder
        top, main = folder / "batch.v", folder / "batch.cpp"
        write_text(top, _top(duts))
        write_text(main, render("sim/batch.cpp.j2", {"tables": _tables(duts)}))
        self.executable = verilator.build_executable(
            folder / "build",
            [top, *files],
            "batch",
            main,
            ["-Wno-WIDTHEXPAND", "--output-split", "20000"],
            opt,
        )

    def play(
        self, plays: Mapping[str, Play], cycles: int = 400_000, *, wiggle: bool = False
    ) -> dict[str, Record]:
        """Run the named designs together; the others get nothing and are not reported.

        ``wiggle``: within every cycle, change each s_valid and m_ready once and look what follows.
        """
        source, target = self.folder / "stimulus.bin", self.folder / "record.bin"
        with source.open("wb") as stream:
            for name, dut in self.duts.items():
                play = plays.get(name, Play(np.zeros((0, storage_bytes(dut.in_bits)), np.uint8), 0))
                count = len(play.words)
                assert play.words.shape == (count, storage_bytes(dut.in_bits)), name
                holds = np.zeros(count, np.uint32) if play.holds is None else play.holds
                resets = np.zeros(count, np.bool_) if play.resets is None else play.resets
                waits = np.zeros(count, np.uint32) if play.waits is None else play.waits
                head = [
                    play.gap,
                    play.stall,
                    play.burst,
                    play.seed,
                    play.expect,
                    play.settle,
                    count,
                ]
                stream.write(np.array(head, "<u8").tobytes())
                stream.write(holds.astype("<u4").tobytes() + waits.astype("<u4").tobytes())
                stream.write(resets.astype("u1").tobytes())
                stream.write(np.ascontiguousarray(play.words).tobytes())
        command = [str(self.executable), str(source), str(target), str(cycles), str(int(wiggle))]
        run_tool(command, cwd=self.memory)
        reader = _Reader(target.read_bytes())
        records = {name: reader.record(dut) for name, dut in self.duts.items()}
        return {name: records[name] for name in plays}


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def number(self) -> int:
        self.at += 8
        return int.from_bytes(self.data[self.at - 8 : self.at], "little")

    def stream(self, bits: int) -> Stream:
        kind = np.dtype([("cycle", "<u8"), ("word", "u1", (storage_bytes(bits),))])
        count = self.number()
        records = np.frombuffer(self.data, dtype=kind, count=count, offset=self.at)
        self.at += count * kind.itemsize
        return Stream(records["cycle"].astype(np.int64), records["word"])

    def record(self, dut: Dut) -> Record:
        finished = bool(self.number())
        faults = (self.number(), self.number(), self.number())
        taken = self.stream(8).cycles
        out = self.stream(dut.out_bits)
        probes = {probe.name: self.stream(probe.bits) for probe in dut.probes}
        pairs = {level.name: (self.number(), self.number()) for level in dut.levels}
        return Record(
            finished,
            faults,
            taken,
            out,
            probes,
            {name: peak for name, (peak, _) in pairs.items()},
            {name: final for name, (_, final) in pairs.items()},
        )


def _range(bits: int) -> str:
    return f"[{bits - 1}:0]"


def _top(duts: Sequence[Dut]) -> str:
    ports, bodies = ["    input wire clk"], []
    for dut in duts:
        n = dut.name
        wires = [("input", 1, "rst"), ("input", dut.in_bits, "s_data"), ("input", 1, "s_valid")]
        wires += [("output", 1, "s_ready"), ("output", dut.out_bits, "m_data")]
        wires += [("output", 1, "m_valid"), ("input", 1, "m_ready")]
        for probe in dut.probes:
            wires += [("output", probe.bits, f"p_{probe.name}")]
            wires += [("output", 1, f"f_{probe.name}")]
            bodies.append(f"assign {n}_p_{probe.name} = {probe.data.replace('NAME', n)};")
            bodies.append(f"assign {n}_f_{probe.name} = {probe.fire.replace('NAME', n)};")
        for level in dut.levels:
            wires.append(("output", 32, f"l_{level.name}"))
            bodies.append(f"assign {n}_l_{level.name} = {level.value.replace('NAME', n)};")
        ports += [f"    {way} wire {_range(bits)} {n}_{wire}" for way, bits, wire in wires]
        bodies.append(dut.verilog.replace("NAME", n))
    return "module batch (\n" + ",\n".join(ports) + "\n);\n" + "\n".join(bodies) + "\nendmodule\n"


def _tables(duts: Sequence[Dut]) -> str:
    tables = []
    for dut in duts:

        def pin(wire: str, name: str = dut.name) -> str:
            return f"&top->{name}_{wire}"

        probes = "".join(
            f"{{{pin('p_' + p.name)}, {storage_bytes(p.bits)}, {pin('f_' + p.name)}, {{}}}},"
            for p in dut.probes
        )
        levels = "".join(f"{{{pin('l_' + level.name)}, 0}}," for level in dut.levels)
        tables.append(
            f"    duts.push_back({{{pin('rst')}, {pin('s_data')}, {storage_bytes(dut.in_bits)}, "
            f"{pin('s_valid')}, {pin('s_ready')}, {pin('m_data')}, {storage_bytes(dut.out_bits)}, "
            f"{pin('m_valid')}, {pin('m_ready')}, {{{probes}}}, {{{levels}}}}});\n"
        )
    return "".join(tables).rstrip()
