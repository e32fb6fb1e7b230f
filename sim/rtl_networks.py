"""Whole networks as entries of a ``Batch``: emit, drive, compare with golden and the cycle model.

Input: typed graphs with folds and images. ``problems`` returns what differs as text: a network
under test asks for none, a deliberately broken one for some.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..codegen import emit_verilog
from ..codegen.cycles import CycleModel, Timing, measure
from ..codegen.design import Design, Stage, build_design
from ..codegen.ir import Graph
from ..codegen.schedule import Fold, make_schedule
from .golden import GoldenModel
from .rtl_batch import Batch, Dut, Level, Play, Probe, Record, Stream, lanes, to_words
from .vectors import input_bytes

Patch = Callable[[str, str], str]  # (file name, text) -> text


@dataclass(frozen=True)
class Network:
    """A design and the images it is played."""

    design: Design
    images: npt.NDArray[np.uint8]
    expected: Mapping[str, npt.NDArray[np.int64]] = field(repr=False)

    @classmethod
    def of(
        cls,
        name: str,
        graph: Graph,
        folds: Mapping[str, Fold],
        images: npt.NDArray[np.uint8],
        pixels: int = 1,
    ) -> Network:
        """Golden results are computed here; ``pixels`` per word of the input port."""
        design = build_design(name, graph, make_schedule(graph, folds, pixels))
        return cls(design, images, GoldenModel(graph).trace(images))

    @cached_property
    def timing(self) -> Timing:
        """What the cycle model predicts."""
        return measure(self.design)

    @property
    def settle(self) -> int:
        """Cycles in which some stage moves a word, unless all are idle."""
        return 100 + max(stage.chunks * stage.rounds for stage in self.design.stages)

    @property
    def name(self) -> str:
        """The design's name."""
        return self.design.name

    @property
    def outputs(self) -> int:
        """Logits per frame."""
        return self.design.graph.output.size

    @property
    def logits(self) -> npt.NDArray[np.int64]:
        """(frames, outputs), golden."""
        return self.expected[self.design.graph.output.name].reshape(len(self.images), -1)

    def dut(self) -> Dut:
        """Ports, every stage's stream, every FIFO's fill level, the counters."""
        bits = self.design.source.lanes * 8
        out = self.design.result_bits
        stages = self.design.stages
        streams = tuple(
            Probe(
                stage.op.name,
                stage.result.lanes * stage.op.out.fmt.width,
                f"NAME.out_{stage.op.name}_tdata",
                f"NAME.out_{stage.op.name}_tvalid && NAME.out_{stage.op.name}_tready",
            )
            for stage in stages
        )
        levels = tuple(
            Level(f"fill_{stage.op.name}", 32, f"NAME.u_fifo_{stage.op.name}.count_q")
            for stage in stages
        )
        counts = (
            Level("frames", 32, "NAME_frames"),
            Level("errors", 32, "NAME_errors"),
        )
        verilog = f"""
            wire [31:0] NAME_frames, NAME_errors;
            {self.name} NAME (
                .aclk(clk), .aresetn(!NAME_rst),
                .s_axis_tdata(NAME_s_data[{bits - 1}:0]), .s_axis_tlast(NAME_s_data[{bits}]),
                .s_axis_tvalid(NAME_s_valid), .s_axis_tready(NAME_s_ready),
                .m_axis_tdata(NAME_m_data[{out - 1}:0]), .m_axis_tlast(NAME_m_data[{out}]),
                .m_axis_tvalid(NAME_m_valid), .m_axis_tready(NAME_m_ready),
                .frame_count(NAME_frames), .error_count(NAME_errors)
            );"""
        return Dut(f"d_{self.name}", bits + 1, out + 1, verilog, streams, levels + counts)

    def emit(self, folder: Path, patch: Patch | None = None) -> list[Path]:
        """Write the design into the folder all share; return its Verilog files, library included.

        With a ``patch`` it gets its own copy of the library, renamed, so that mutants of one
        module can live side by side.
        """
        out = folder if patch is None else folder / self.name
        files = emit_verilog.emit(self.design, "test", out)
        if patch is None:
            return [out / name for name in files.verilog]
        return [self._patched(out / name, folder / "rtl", patch) for name in files.verilog] + [
            self._patched(out / name, folder / "rtl", patch) for name in files.memory
        ]

    def _patched(self, path: Path, folder: Path, patch: Patch) -> Path:
        text = patch(path.name, path.read_text())
        name = path.name
        if path.suffix == ".v":
            text = re.sub(r"\blng_(\w+)", rf"{self.name}_lng_\1", text)
            name = re.sub(r"^lng_", f"{self.name}_lng_", name)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
        return folder / name

    def frame_words(self, frame: int) -> list[int]:
        """The input words of a frame, TLAST above the data."""
        source = self.design.source
        codes = input_bytes(self.design, self.images[frame : frame + 1])
        words = [int.from_bytes(code.tobytes(), "little") for code in codes]
        words[-1] |= 1 << (8 * source.lanes)
        return words

    def play(
        self,
        frames: Sequence[int],
        *,
        isolated: bool = False,
        gap: int = 0,
        stall: int = 0,
        burst: int = 1,
        seed: int = 1,
        waits: npt.NDArray[np.uint32] | None = None,
    ) -> Play:
        """Those frames, in order; ``isolated``: each after the result of the one before.

        ``waits``: idle cycles in front of each word of all frames.
        """
        words: list[int] = []
        holds: list[int] = []
        for place, frame in enumerate(frames):
            new = self.frame_words(frame)
            words += new
            holds += [place * self.outputs if isolated else 0] * len(new)
        return Play(
            to_words(words, self.design.source.lanes * 8 + 1),
            len(frames) * self.outputs,
            np.array(holds, dtype=np.uint32),
            waits=waits,
            gap=gap,
            stall=stall,
            burst=burst,
            seed=seed,
            settle=self.settle,
        )

    def results(self, out: Stream) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
        """(values, TLAST) of each output word."""
        bits = self.design.result_bits
        values = lanes(out.words, 1, bits, signed=True)[:, 0]
        return values, np.unpackbits(out.words, axis=1, bitorder="little")[:, bits] == 1


def make_batch(
    folder: Path,
    networks: Sequence[Network],
    patches: Mapping[str, Patch] | None = None,
    opt: str = "-O1",
) -> Batch:
    """Compile the networks together; ``patches`` by network name."""
    files: dict[str, Path] = {}
    for network in networks:
        for path in network.emit(folder, (patches or {}).get(network.name)):
            if path.suffix == ".v":
                files.setdefault(path.name, path)
    duts = [network.dut() for network in networks]
    return Batch(folder, duts, list(files.values()), folder / "rtl", opt)


def record_of(records: Mapping[str, Record], network: Network) -> Record:
    """The network's record."""
    return records[f"d_{network.name}"]


def problems(network: Network, record: Record, frames: Sequence[int]) -> list[str]:
    """Everything in which the run of ``frames``, all well formed, differs from golden."""
    found = []
    if not record.finished:
        found.append(f"{len(record.taken)} words taken, {len(record.out.cycles)} results")
    if any(record.faults):
        found.append(f"handshake faults {record.faults}")
    values, last = network.results(record.out)
    expected = network.logits[list(frames)].reshape(-1)
    if len(values) != len(expected) or (values != expected).any():
        found.append(f"logits {values.tolist()[:20]}, expected {expected.tolist()[:20]}")
    marks = np.arange(len(values)) % network.outputs == network.outputs - 1
    if (last != marks).any():
        found.append("TLAST")
    if record.finals["frames"] != len(frames) or record.finals["errors"] != 0:
        found.append(f"frame and error count {record.finals}")
    for stage in network.design.stages:
        text = _compare_stream(network, stage, record.probes[stage.op.name], frames)
        found += [text] if text else []
    return found


def _compare_stream(
    network: Network, stage: Stage, stream: Stream, frames: Sequence[int]
) -> str | None:
    layout, fmt = stage.result, stage.op.out.fmt
    if len(stream.words) != layout.words * len(frames):
        return f"{stage.op.name}: {len(stream.words)} words"
    codes = lanes(stream.words, layout.lanes, fmt.width, signed=fmt.signed)
    codes = codes.reshape(len(frames) * layout.groups, -1)[:, : layout.channels]
    expected = network.expected[stage.op.out.name][list(frames)].reshape(codes.shape)
    if (codes == expected).all():
        return None
    group, channel = np.argwhere(codes != expected)[0]
    return f"{stage.op.name}: group {group} channel {channel}: {codes[group, channel]}"


def timing_problems(network: Network, record: Record, frames: int) -> list[str]:
    """Where a run without pauses differs from the cycle model, frame by frame, FIFO by FIFO."""
    model = CycleModel(network.design)
    spans = model.run(frames)
    words = network.design.source.words
    first = record.taken[::words]
    last = record.out.cycles[network.outputs - 1 :: network.outputs]
    measured = [(int(a - first[0]), int(b - first[0])) for a, b in zip(first, last, strict=True)]
    found = []
    if measured != spans:
        found.append(f"cycles {measured[:6]}, predicted {spans[:6]}")
    for stage, fifo in zip(network.design.stages, model.fifos[1:], strict=True):
        peak = record.peaks[f"fill_{stage.op.name}"]
        if peak != fifo.peak or peak > stage.fifo:
            found.append(f"FIFO {stage.op.name}: {peak}, predicted {fifo.peak} of {stage.fifo}")
    return found
