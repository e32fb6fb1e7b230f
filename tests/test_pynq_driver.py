"""The packaged PYNQ driver, unchanged, against the emitted RTL behind a simulated DMA engine."""

from __future__ import annotations

import ast
import ctypes
import json
import re
import runpy
import shutil
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lenetgen.cli.common import float_graph
from lenetgen.codegen.design import build_design
from lenetgen.codegen.emit_pynq import C_VECTORS
from lenetgen.codegen.pipeline import to_typed_graph
from lenetgen.codegen.precision import preset
from lenetgen.codegen.registers import CORE_BASE, CORE_CELL, DMA_BASE, DMA_CELL, REGISTERS
from lenetgen.codegen.schedule import schedule
from lenetgen.models.datasets import load
from lenetgen.sim.golden import GoldenModel
from lenetgen.sim.pynq_board import Behaviour, BusError
from lenetgen.sim.pynq_package import MAX_BYTES
from lenetgen.sim.rtl import BATCH

from .pynq_boards import Rig, emitted, rig, unpacked
from .small_networks import random_images, small_design
from .test_axi import wide_design

pytestmark = pytest.mark.verilator

MNIST_IMAGES = 200
POLLS = 100  # a time limit, on a clock that only goes on when it is looked at


class Clock:
    """In place of the module ``time``: a tick each time the driver asks."""

    def __init__(self) -> None:
        self.ticks = 0

    def monotonic(self) -> int:
        self.ticks += 1
        return self.ticks


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Rig:
    return rig(small_design(), tmp_path_factory.mktemp("mini"))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of a model of the same shape with other weights."""
    folder = tmp_path_factory.mktemp("other")
    return unpacked(emitted(small_design(seed=8), folder / "emitted"), folder / "unpacked")


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Rig:
    """Words of 8 bytes, two pixels of three channels in each; 25 of them, the last half empty."""
    return rig(wide_design(), tmp_path_factory.mktemp("wide"))


def golden(rig: Rig, images: np.ndarray) -> np.ndarray:
    return GoldenModel(rig.package.design.graph).run(images)


@pytest.mark.parametrize("stall", [0, 40])
def test_logits_and_classes_are_the_models(mini: Rig, stall: int, seed: int) -> None:
    images = random_images(23, seed)
    expected = golden(mini, images)
    with mini.running(stall=stall) as (_, driver):
        accelerator = driver.Accelerator(batch=4)
        assert np.array_equal(accelerator.logits(images), expected)
        assert np.array_equal(accelerator.predict(images[..., 0]), expected.argmax(axis=1))
        assert np.array_equal(accelerator.logits(images[5]), expected[5:6])
        assert accelerator.logits(images[:0]).shape == (0, 5)
        assert accelerator.register("FRAME_COUNT") == 2 * 23 + 1
        assert accelerator.register("ERROR_COUNT") == 0
        assert accelerator.self_test() == "self-test: 6 images, 30 logits, all equal"
        accelerator.close()


def test_words_with_bytes_to_spare(wide: Rig, seed: int) -> None:
    images = random_images(9, seed, (7, 7, 3))
    with wide.running() as (board, driver):
        driver.time = Clock()
        accelerator = driver.Accelerator(batch=2, timeout=POLLS)
        assert np.array_equal(accelerator.logits(images), golden(wide, images))
        board.set(Behaviour.CUT_BYTES, 8 - 2)  # of the last word's 3 bytes with pixels, 2 are left
        with pytest.raises(driver.TransferError, match="a frame was malformed"):
            accelerator.logits(images)
        board.set(Behaviour.CUT_BYTES, 8 - 3)
        assert np.array_equal(accelerator.logits(images), golden(wide, images))


def test_batches_are_in_flight_together(mini: Rig, seed: int) -> None:
    images = random_images(12, seed)
    with mini.running() as (_, driver):
        accelerator = driver.Accelerator(batch=2, slots=3)
        log: list[str] = []
        for name, channel in (("send", accelerator._send), ("receive", accelerator._receive)):
            start = channel.start

            def noted(*given: Any, start: Any = start, name: str = name) -> None:
                log.append(name)
                start(*given)

            channel.start = noted
        parts = []
        for part in accelerator.batches(images):
            parts.append(part)
            log.append("got")
        assert np.array_equal(np.concatenate(parts), golden(mini, images))
        assert log.count("send") == log.count("receive") == log.count("got") == 6
        ahead = [log[:place].count("send") for place, what in enumerate(log) if what == "got"]
        assert ahead[0] >= 2  # the second batch was on its way before the first had come back


def test_a_loop_left_early(mini: Rig, seed: int) -> None:
    images = random_images(12, seed)
    with mini.running() as (_, driver):
        accelerator = driver.Accelerator(batch=2)
        for _ in accelerator.batches(images):
            break  # batches are still on their way
        assert np.array_equal(accelerator.logits(images), golden(mini, images))


@pytest.mark.parametrize(
    ("what", "value", "says"),
    [
        pytest.param(Behaviour.INPUT_STUCK, 1, ["no result", "input not offered"], id="input"),
        pytest.param(Behaviour.INPUT_STUCK, 150, ["no result", "core: busy"], id="in_packet"),
        pytest.param(Behaviour.OUTPUT_STUCK, 1, ["no result", "waits to be taken"], id="output"),
        pytest.param(Behaviour.CUT_BYTES, 1, ["a frame was malformed"], id="short_frame"),
        pytest.param(Behaviour.CUT_BYTES, 64, ["a frame was malformed"], id="short_by_a_frame"),
        pytest.param(Behaviour.CUT_BYTES, 100, ["a frame was malformed"], id="short_in_between"),
    ],
)
def test_a_transfer_that_does_not_end(
    mini: Rig, what: Behaviour, value: int, says: list[str], seed: int
) -> None:
    images = random_images(8, seed)
    with mini.running() as (board, driver):
        driver.time = clock = Clock()
        accelerator = driver.Accelerator(batch=4, timeout=POLLS)
        assert np.array_equal(accelerator.logits(images), golden(mini, images))
        board.set(what, value)
        begin = clock.ticks
        with pytest.raises(driver.TransferError) as caught:
            accelerator.logits(images)
        assert clock.ticks - begin < 3 * POLLS
        message = str(caught.value)
        for text in (*says, "SEND_STATUS", "RECEIVE_LENGTH", *(one.name for one in REGISTERS)):
            assert text in message
        board.set(what, 0)
        assert np.array_equal(accelerator.logits(images), golden(mini, images))


def test_a_long_batch_is_no_hang(mini: Rig, seed: int) -> None:
    """As long as frames come back, a transfer may take longer than the time limit."""
    images = random_images(200, seed)
    with mini.running(stall=90) as (_, driver):
        driver.time = clock = Clock()
        accelerator = driver.Accelerator(batch=200, slots=1, timeout=POLLS)
        begin = clock.ticks
        assert np.array_equal(accelerator.logits(images), golden(mini, images))
        assert clock.ticks - begin > 3 * POLLS


def test_errors_of_the_dma_engine(mini: Rig, seed: int) -> None:
    images = random_images(3, seed)
    with mini.running() as (_, driver):
        accelerator = driver.Accelerator(batch=4)
        start = accelerator._send.start
        nowhere = types.SimpleNamespace(physical_address=0x10)
        accelerator._send.start = lambda _, size: start(nowhere, size)
        with pytest.raises(driver.TransferError, match=r"memory to core: .*decode error"):
            accelerator.logits(images)
        accelerator._send.start = start
        accelerator.reset()
        accelerator._core.write(driver.REGISTERS["PACKET_FRAMES"], 4)
        accelerator._packet = 3  # the core waits for four frames: no TLAST after three
        with pytest.raises(driver.TransferError, match=r"core to memory: .*internal error"):
            accelerator.logits(images)


def test_wrong_bitstream(mini: Rig, other: Path) -> None:
    with mini.running(other) as (_, driver):
        with pytest.raises(driver.WrongBitstream, match="of another model: HASH_HIGH is 0x"):
            driver.Accelerator()
        with pytest.raises(driver.AcceleratorError, match=r"no bitstream .*README"):
            driver.Accelerator(bitfile=str(other / "missing.bit"))


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        pytest.param({}, f"the overlay has no {CORE_CELL}; it has nothing", id="empty"),
        pytest.param({CORE_CELL: CORE_BASE}, f"has no {DMA_CELL}; it has {CORE_CELL}", id="no_dma"),
        pytest.param(
            {CORE_CELL: DMA_BASE, DMA_CELL: DMA_BASE}, "none of lenetgen's: ID", id="no_core"
        ),
    ],
)
def test_foreign_overlay(mini: Rig, cells: dict[str, int], says: str) -> None:
    overlay = types.SimpleNamespace(
        ip_dict={name: {"phys_addr": base, "addr_range": 0x1000} for name, base in cells.items()}
    )
    with mini.running() as (_, driver), pytest.raises(driver.WrongBitstream, match=says):
        driver.Accelerator(overlay=overlay)


def test_wrong_arguments(mini: Rig) -> None:
    with mini.running() as (board, driver):
        for batch in (0, 0x10000):
            with pytest.raises(ValueError, match=rf"batch is {batch}; allowed: 1 to 65535"):
                driver.Accelerator(batch=batch)
        with pytest.raises(ValueError, match="slots is 0"):
            driver.Accelerator(slots=0)
        accelerator = driver.Accelerator(batch=2)
        with pytest.raises(TypeError, match="images are float64; they must be uint8"):
            accelerator.predict(np.zeros((1, 8, 8, 1)))
        with pytest.raises(ValueError, match=r"shape \(1, 8, 9\); expected \(n,\) \+ \(8, 8, 1\)"):
            accelerator.predict(np.zeros((1, 8, 9), np.uint8))
        with pytest.raises(BusError, match="DECERR"):  # the stand-in knows no forgiveness
            board.read(CORE_BASE + 0x100)


def test_self_test_names_the_first_difference(mini: Rig, tmp_path: Path) -> None:
    with np.load(mini.folder / "vectors.npz") as archive:
        images, logits = archive["images"], archive["logits"].copy()
    right = logits[2, 3]
    logits[2, 3] += 1
    logits[4, 0] -= 1
    path = tmp_path / "wrong.npz"
    np.savez(path, images=images, logits=logits)
    with mini.running() as (_, driver):
        accelerator = driver.Accelerator(batch=4)
        says = rf"image 2, logit 3: expected {right + 1}, actual {right}; 2 of 30 logits differ"
        with pytest.raises(driver.AcceleratorError, match=says):
            accelerator.self_test(str(path))


def test_benchmark_tells_host_and_accelerator_apart(mini: Rig) -> None:
    with mini.running() as (_, driver):
        accelerator = driver.Accelerator(batch=8)
        times = accelerator.benchmark(frames=40, repeats=3)
    timing = mini.package.timing
    assert times["clock_mhz"] == 100.0
    assert times["accelerator_latency_us"] == timing.latency / 100
    assert times["host_latency_us"] > times["accelerator_latency_us"]
    limit = 1e8 / timing.interval
    assert limit / 3 < times["accelerator_frames_per_second"] < limit
    assert times["host_frames_per_second"] < times["accelerator_frames_per_second"]


def test_the_notebook_runs_top_to_bottom(
    mini: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(mini.folder, tmp_path / "mini")
    notebook = json.loads((folder / "mini.ipynb").read_text())
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 4)
    code = ["".join(one["source"]) for one in notebook["cells"] if one["cell_type"] == "code"]
    assert len(code) == 6
    (folder / "notebook.py").write_text("\n".join(code))
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    with mini.running():
        runpy.run_path("notebook.py")
    del sys.modules["driver"]
    printed = capsys.readouterr().out
    assert "self-test: 6 images, 30 logits, all equal" in printed
    assert len(re.findall(r"^image \d: class \d, logit -?[\d.]+$", printed, re.MULTILINE)) == 6
    assert "host_latency_us" in printed and "core: not busy" in printed


def test_the_driver_is_old_python(mini: Rig) -> None:
    """PYNQ 2.5 has Python 3.6: nothing that came later."""
    tree = ast.parse((mini.folder / "driver.py").read_text(), feature_version=(3, 6))
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert imported == {"os", "time", "numpy", "pynq"}


LIBRARY = """
#include <stdint.h>
static uint32_t (*reader)(uint32_t, uint32_t);
static void (*writer)(uint32_t, uint32_t, uint32_t);
static uint32_t lenetgen_read(uint32_t base, uint32_t offset) { return reader(base, offset); }
static void lenetgen_write(uint32_t base, uint32_t offset, uint32_t value)
{
    writer(base, offset, value);
}
#define LENETGEN_POLLS 2000u
#include "lenetgen_core.h"
#include "lenetgen_vectors.h"
void setup(uint32_t (*r)(uint32_t, uint32_t), void (*w)(uint32_t, uint32_t, uint32_t))
{
    reader = r;
    writer = w;
}
int check(void) { return lenetgen_check(); }
int reset(uint32_t frames) { return lenetgen_reset(frames); }
int run(uint32_t in, uint32_t out, uint32_t frames) { return lenetgen_run(in, out, frames); }
void pack(uint32_t image, uint8_t *frame) { lenetgen_pack(lenetgen_images[image], frame); }
uint32_t best(const lenetgen_result *results) { return lenetgen_class(results); }
const lenetgen_result *expected(void) { return lenetgen_expected[0]; }
"""


def test_the_c_code_runs_on_the_simulated_board(wide: Rig, tmp_path: Path) -> None:
    """The C of the examples drives the same RTL, a stuck engine and a short transfer included."""
    (tmp_path / "library.c").write_text(LIBRARY)
    command = ["gcc", "-std=c99", "-shared", "-fPIC", f"-I{wide.folder}", "-o", "library.so"]
    subprocess.run([*command, "library.c"], cwd=tmp_path, check=True)
    library = ctypes.CDLL(str(tmp_path / "library.so"))
    word = ctypes.c_uint32
    library.expected.restype = ctypes.POINTER(ctypes.c_int32)
    library.best.restype = word
    with wide.running() as (board, driver):
        reader = ctypes.CFUNCTYPE(word, word, word)(lambda base, at: board.read(base + at))
        writer = ctypes.CFUNCTYPE(None, word, word, word)(
            lambda base, at, value: board.write(base + at, value)
        )
        library.setup(reader, writer)
        assert library.check() == 0
        frames = driver.pynq.allocate((C_VECTORS, driver.FRAME_BYTES), np.uint8)
        results = driver.pynq.allocate((C_VECTORS, driver.CLASSES), np.int32)
        for image, frame in enumerate(frames):
            library.pack(image, ctypes.c_void_p(frame.ctypes.data))
        frames.flush()
        places = (word(frames.physical_address), word(results.physical_address))
        expected = np.ctypeslib.as_array(library.expected(), results.shape)
        for _ in range(2):
            assert library.reset(C_VECTORS) == 0
            assert library.run(*places, C_VECTORS) == 0
            results.invalidate()
            assert np.array_equal(results, expected)
        row = results[1].ctypes.data_as(ctypes.POINTER(ctypes.c_int32))
        assert library.best(row) == expected[1].argmax()
        board.set(Behaviour.OUTPUT_STUCK, 1)
        assert library.run(*places, C_VECTORS) == 3  # LENETGEN_TIMEOUT
        board.set(Behaviour.OUTPUT_STUCK, 0)
        board.set(Behaviour.CUT_BYTES, driver.WORD_BYTES)
        assert library.reset(C_VECTORS) == 0
        assert library.run(*places, C_VECTORS) == 5  # LENETGEN_MALFORMED


@pytest.mark.slow
@pytest.mark.data
def test_mnist_through_lenet5(tmp_path: Path, require_data: Callable[[str], Path]) -> None:
    require_data("mnist")
    floats = float_graph("lenet5")
    graph = to_typed_graph(floats, preset("mixed", floats))
    lenet5 = rig(build_design("lenet5", graph, schedule(graph, None, 220)), tmp_path)
    assert (tmp_path / "unpacked" / "package.zip").stat().st_size < MAX_BYTES
    data = load("mnist", "test").first(MNIST_IMAGES)
    expected = golden(lenet5, data.images)
    with lenet5.running() as (_, driver):
        accelerator = driver.Accelerator(batch=BATCH, timeout=60)
        actual = accelerator.logits(data.images)
    assert actual.shape == (MNIST_IMAGES, 10)
    assert np.array_equal(actual, expected)
    assert (actual.argmax(axis=1) == data.labels).mean() > 0.95
