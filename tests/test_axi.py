"""The AXI top: registers, packets, interrupts and resets, driven by cocotbext-axi."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from lenetgen.codegen import audit, emit_axi, emit_verilog
from lenetgen.codegen.cycles import measure
from lenetgen.codegen.design import Design, build_design
from lenetgen.codegen.ir import Conv2D, Dense, MaxPool2D, Relu, Window
from lenetgen.codegen.pipeline import to_float_graph, to_typed_graph
from lenetgen.codegen.precision import preset
from lenetgen.codegen.registers import REGISTERS, constants, frame_bytes, stream_bytes
from lenetgen.codegen.schedule import Fold, make_schedule
from lenetgen.sim import verilator
from lenetgen.sim.golden import GoldenModel
from lenetgen.sim.vectors import input_bytes

from .small_networks import Builder, random_images

pytestmark = pytest.mark.verilator

BENCH = Path(__file__).with_name("axi_bench.py")


def wide_design(pixels: int = 2, channels: int = 3) -> Design:
    """Words with bytes to spare: 6 of 8, and 3 in a frame's last word (49 pixels, 2 a word)."""
    b = Builder((7, 7, channels), 5)
    b.add(Conv2D, "conv1", (5, 5, 2), window=Window((3, 3)), **b.weights(3, 3, channels, 2))
    b.add(Relu, "relu1", (5, 5, 2))
    b.add(MaxPool2D, "pool1", (2, 2, 2), window=Window((2, 2), (2, 2)))
    b.add(Dense, "fc1", (3,), **b.weights(8, 3))
    float_graph = to_float_graph(b.graph("wide"))
    graph = to_typed_graph(float_graph, preset("mixed", float_graph))
    folds = {"conv1": Fold(2, 27), "fc1": Fold(3, 8)}
    return build_design("wide", graph, make_schedule(graph, folds, pixels))


def emit(design: Design, out: Path) -> tuple[str, list[Path]]:
    """Name and files of the AXI top of ``design``, written to ``out``."""
    core = emit_verilog.emit(design, "test", out)
    files = emit_axi.emit(design, core, "test", out)
    assert (out / files.file_list).read_text().split() == [Path(f).name for f in files.verilog]
    return files.top, [out / name for name in files.verilog]


def stream_frames(design: Design, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frames (n, bytes) as they lie in memory, and (bytes,) which of them need TKEEP."""
    lanes, words = design.source.lanes, design.source.words
    width = stream_bytes(8 * lanes)
    frames = np.full((len(images), words, width), 0x5A, dtype=np.uint8)
    frames[:, :, :lanes] = input_bytes(design, images).reshape(len(images), words, lanes)
    needed = np.zeros((words, width), dtype=bool)
    used = np.zeros(words * lanes, dtype=bool)
    used[: design.graph.input.size] = True
    needed[:, :lanes] = used.reshape(words, lanes)
    return frames.reshape(len(images), -1), needed.reshape(-1)


def test_bench(tmp_path: Path) -> None:
    design = wide_design()
    top, files = emit(design, tmp_path)
    audit.check(files, top)
    verilator.lint(files, top)
    images = random_images(4, 3, (7, 7, 3))
    frames, needed = stream_frames(design, images)
    assert frames.shape[1] == frame_bytes(design)
    values = constants(design)
    vectors = tmp_path / "bench.npz"
    np.savez(
        vectors,
        frames=frames,
        needed=needed,
        logits=GoldenModel(design.graph).run(images),
        latency=measure(design).latency,
        names=[one.name for one in REGISTERS],
        offsets=[one.offset for one in REGISTERS],
        constant_names=list(values),
        constants=list(values.values()),
    )
    built = verilator.build_cocotb(tmp_path / "build", files, top)
    for memory in (tmp_path / "rtl").glob("*.mem"):
        (tmp_path / "run").mkdir(exist_ok=True)
        (tmp_path / "run" / memory.name).write_bytes(memory.read_bytes())
    result = verilator.run_cocotb(
        built,
        BENCH.stem,
        tmp_path / "run",
        python_path=[BENCH.parent],
        env={"LENETGEN_AXI_BENCH": str(vectors), "PYTHONDONTWRITEBYTECODE": "1"},
        timeout=300,
    )
    assert len(result.passed) == 18
    assert result.skipped == ()
