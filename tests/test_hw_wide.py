"""Modules for several pixels a word: wide and turn-taking line buffers, flat windows and pools."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
from lenetgen.codegen.emit_verilog import library_folder
from lenetgen.codegen.ir import Padding, Window

from .rtl_batch import Batch, Dut, Play, Words, to_integers, to_words
from .window_geometry import PACES, STREAM, Geometry, same, valid, values_of

pytestmark = pytest.mark.verilator

FRAMES = 7


def joined(codes: Sequence[int] | npt.NDArray[np.int64], bits: int) -> int:
    """Codes of ``bits`` bits side by side, the first lowest."""
    return sum(int(code) << (bits * place) for place, code in enumerate(codes))


def flat_words(frames: npt.NDArray[np.int64], pixels: int, bits: int) -> Words:
    """(frames, pixels of an image) in words; the last word of a frame ends in ones."""
    words = -(-frames.shape[1] // pixels)
    filled = np.full((len(frames), words * pixels), (1 << bits) - 1)
    filled[:, : frames.shape[1]] = frames
    return to_words([joined(row, bits) for row in filled.reshape(-1, pixels)], bits * pixels)


@dataclass(frozen=True)
class Wide:
    """A line buffer that reads ``pixels`` a word; ``skip`` rows above its first window."""

    geometry: Geometry
    pixels: int = 1
    slots: int = 1
    units: int = 1
    skip: int = 0

    def dut(self, name: str) -> Dut:
        more: dict[str, int] = {"SLOTS": self.slots}
        geometry = self.geometry
        if self.units > 1:
            depth = (self.units + 1) * geometry.image[1] // self.pixels
            more |= {"UNITS": self.units, "DEPTH": depth}
            return geometry.dut(name, "lng_windows", self.pixels, **more)
        dut = geometry.dut(name, "lng_window", self.pixels, **more)
        top, rows = geometry.window.padding.top, geometry.window.positions(*geometry.image)[0]
        verilog = dut.verilog.replace(f".PAD_TOP({top})", f".PAD_TOP({top - self.skip})")
        left = rows - self.skip // geometry.window.stride[0]
        verilog = verilog.replace(f".OUT_HEIGHT({rows})", f".OUT_HEIGHT({left})")
        return Dut(name, dut.in_bits, dut.out_bits, verilog)

    @property
    def outputs(self) -> int:
        """Windows of a frame."""
        rows, columns = self.geometry.window.positions(*self.geometry.image)
        return (rows - self.skip // self.geometry.window.stride[0]) * columns

    def expected(self, frames: npt.NDArray[np.int64]) -> list[int]:
        """What must come out for (frames, height, width) pixels."""
        whole = self.geometry.expected(frames)
        each = self.geometry.outputs
        dropped = each - self.outputs
        return [word for place, word in enumerate(whole) if place % each >= dropped]


WIDE = {
    "two": Wide(same(6, 8, (3, 3)), 2),
    "row_a_word": Wide(same(5, 4, (3, 3)), 4),
    "four_strided": Wide(same(7, 8, (3, 2), (2, 3), pad=11), 4),
    "valid_six": Wide(valid(9, 12, (5, 5)), 6),
    "slots": Wide(valid(7, 6, (3, 3)), 1, 4),
    "slots_wide": Wide(same(9, 8, (5, 3)), 4, 2),
    "slots_one_row": Wide(valid(5, 6, (1, 2)), 2, 8),
    "skipped": Wide(valid(9, 6, (3, 3)), 2, 2, skip=1),
    "skipped_far": Wide(same(9, 6, (3, 3), (2, 1)), 1, 1, skip=4),
    "skipped_above_image": Wide(valid(10, 4, (2, 2)), 4, 4, skip=5),
    "turns": Wide(valid(8, 8, (3, 3)), 1, 4, 2),
    "turns_wide": Wide(valid(8, 12, (5, 5)), 4, 8, 3),
    "turns_same": Wide(same(7, 6, (3, 3)), 2, 2, 2),
    "turns_strided": Wide(same(9, 9, (3, 3), (2, 2), pad=5), 3, 2, 3),
    "turns_all_rows": Wide(valid(5, 4, (2, 2)), 2, 4, 4),
    "turns_one_slot": Wide(valid(6, 5, (3, 2)), 1, 1, 2),
}


@dataclass(frozen=True)
class Flat:
    """lng_flat_window: every pixel has a window, ``pixels`` of them a word."""

    geometry: Geometry
    pixels: int

    @property
    def words(self) -> int:
        """Words of a frame."""
        return -(-self.geometry.pixels // self.pixels)

    def dut(self, name: str) -> Dut:
        (height, width), window = self.geometry.image, self.geometry.window
        rows, columns = window.size
        bits = self.geometry.bits
        values = values_of(
            DATA_WIDTH=bits, PIXELS=self.pixels, HEIGHT=height, WIDTH=width, ROWS=rows,
            COLUMNS=columns, PAD_TOP=window.padding.top, PAD_LEFT=window.padding.left,
            COLUMN_STEP=int(np.gcd(self.pixels, width)),
        )  # fmt: skip
        verilog = f"lng_flat_window #({values}) NAME ({STREAM});"
        return Dut(name, bits * self.pixels, bits * rows * columns * self.pixels, verilog)

    def expected(self, frames: npt.NDArray[np.int64]) -> list[list[int]]:
        """The windows of each word; the last word of a frame may have fewer."""
        size = self.geometry.window.size[0] * self.geometry.window.size[1]
        mask = (1 << (size * self.geometry.bits)) - 1
        windows = [word & mask for word in self.geometry.expected(frames)]
        pixels = self.geometry.pixels
        return [
            windows[frame * pixels + start : frame * pixels + min(start + self.pixels, pixels)]
            for frame in range(len(frames))
            for start in range(0, pixels, self.pixels)
        ]


FLAT = {
    "lenet": Flat(same(6, 12, (5, 5)), 8),
    "two_odd": Flat(same(5, 7, (3, 3)), 2),
    "four_nine": Flat(same(4, 9, (3, 5)), 4),
    "whole_row": Flat(same(4, 5, (3, 3)), 5),
    "one": Flat(same(4, 4, (3, 2)), 1),
    "even": Flat(same(5, 6, (4, 2)), 4),
    "rows_only": Flat(same(5, 6, (3, 1)), 4),
    "columns_only": Flat(same(3, 7, (1, 5)), 4),
    "pixel": Flat(valid(3, 5, (1, 1)), 3),
    "larger_than_image": Flat(same(2, 4, (5, 7)), 3),
    "single_row": Flat(same(1, 10, (3, 3)), 8),
    "uneven": Flat(Geometry((4, 6), Window((2, 3), (1, 1), Padding(1, 0, 0, 2))), 4),
}


@dataclass(frozen=True)
class Pool:
    """lng_flat_maxpool over an image of pixels of some channels."""

    image: tuple[int, int]
    size: tuple[int, int]
    pixels: int
    channels: int = 1
    signed: bool = False
    bits: int = 5

    @property
    def group(self) -> int:
        """Pooled pixels of an output word."""
        return int(np.gcd(self.pixels // self.size[1], self.image[1] // self.size[1]))

    @property
    def outputs(self) -> int:
        """Output words of a frame."""
        rows, columns = self.image[0] // self.size[0], self.image[1] // self.size[1]
        return rows * columns // self.group

    def dut(self, name: str) -> Dut:
        values = values_of(
            LANE_WIDTH=self.bits, SIGNED=int(self.signed), CHANNELS=self.channels,
            PIXELS=self.pixels, HEIGHT=self.image[0], WIDTH=self.image[1], ROWS=self.size[0],
            COLUMNS=self.size[1], GROUP=self.group, DEPTH=3,
        )  # fmt: skip
        pixel = self.bits * self.channels
        verilog = f"lng_flat_maxpool #({values}) NAME ({STREAM});"
        return Dut(name, pixel * self.pixels, pixel * self.group, verilog)

    def expected(self, frames: npt.NDArray[np.int64]) -> list[int]:
        """Words for (frames, height, width, channels) codes."""
        (rows, columns), half = self.size, 1 << (self.bits - 1)
        values = np.where(frames >= half, frames - 2 * half, frames) if self.signed else frames
        used = values[:, : self.image[0] // rows * rows]
        shape = (len(used), -1, rows, self.image[1] // columns, columns, self.channels)
        largest = used.reshape(shape).max(axis=(2, 4)) & ((1 << self.bits) - 1)
        return [joined(row, self.bits) for row in largest.reshape(-1, self.group * self.channels)]


POOLS = {
    "lenet": Pool((6, 12), (2, 2), 8, 2),
    "signed": Pool((7, 6), (2, 2), 4, 1, True),
    "leftover_row": Pool((5, 8), (2, 2), 8, 3),
    "three": Pool((7, 9), (3, 3), 6, 1, True),
    "along": Pool((3, 10), (1, 2), 4),
    "across": Pool((7, 5), (3, 1), 4, 2),
    "whole_row": Pool((4, 4), (2, 4), 4),
    "odd_groups": Pool((4, 14), (2, 2), 8),
}
# group bits, groups
GROUPS = {"one": (5, 1), "two": (4, 2), "five": (3, 5)}
# lane bits, lanes in, lanes of a chunk, words of a frame, lanes of the last word
CHUNKS = {
    "short": (3, 8, 1, 4, 3),
    "short_pixels": (4, 6, 2, 3, 2),
    "single_word": (5, 8, 2, 1, 4),
    "one_chunk_left": (2, 4, 1, 5, 1),
    "full_last": (4, 4, 2, 3, 4),
}


def _groups(name: str) -> Dut:
    """The mask above the data."""
    bits, groups = GROUPS[name]
    ports = STREAM.replace("(NAME_s_data)", f"(NAME_s_data[{bits * groups - 1}:0])")
    ports += f", .s_axis_tuser(NAME_s_data[{(bits + 1) * groups - 1}:{bits * groups}])"
    values = values_of(GROUP_WIDTH=bits, GROUPS=groups)
    verilog = f"lng_groups #({values}) NAME ({ports});"
    return Dut(f"groups_{name}", (bits + 1) * groups, bits, verilog)


def _chunk(name: str) -> Dut:
    bits, lanes, out, words, last = CHUNKS[name]
    values = values_of(LANE_WIDTH=bits, IN_LANES=lanes, OUT_LANES=out, WORDS=words, LAST_LANES=last)
    verilog = f"lng_chunk #({values}) NAME ({STREAM});"
    return Dut(f"chunk_{name}", bits * lanes, bits * out, verilog)


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Batch:
    duts = [wide.dut(f"wide_{name}") for name, wide in WIDE.items()]
    duts += [flat.dut(f"flat_{name}") for name, flat in FLAT.items()]
    duts += [pool.dut(f"pool_{name}") for name, pool in POOLS.items()]
    duts += [_groups(name) for name in GROUPS] + [_chunk(name) for name in CHUNKS]
    names = [
        "window",
        "change",
        "windows",
        "rows",
        "ring",
        "ring_step",
        "add_modulo",
        "between",
        "fifo",
        "chunk",
    ]
    names += ["flat_window", "flat_maxpool", "groups", "largest"]
    files = [library_folder() / f"lng_{name}.v" for name in names]
    return Batch(tmp_path_factory.mktemp("wide"), duts, files)


def _play(
    words: Words, outputs: int, isolated: bool, pace: str, seed: int, frames: int = FRAMES
) -> Play:
    """Frames of ``outputs`` words; ``isolated``: each waits for the results of the one before."""
    holds = np.repeat(np.arange(frames, dtype=np.uint32), len(words) // frames) * outputs
    return Play(words, frames * outputs, holds if isolated else None, seed=seed, **PACES[pace])


@pytest.mark.parametrize("isolated", [False, True], ids=["back_to_back", "isolated"])
@pytest.mark.parametrize("pace", PACES)
def test_windows(batch: Batch, pace: str, isolated: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    plays, frames = {}, {}
    for name, wide in {**WIDE, **FLAT}.items():
        bits, shape = wide.geometry.bits, (FRAMES, *wide.geometry.image)
        frames[name] = rng.integers(0, 1 << bits, shape)
        words = flat_words(frames[name].reshape(FRAMES, -1), wide.pixels, bits)
        outputs = wide.words if isinstance(wide, Flat) else wide.outputs
        kind = "flat" if isinstance(wide, Flat) else "wide"
        plays[f"{kind}_{name}"] = _play(words, outputs, isolated, pace, seed)
    records = batch.play(plays, 60_000, wiggle=pace == "both")
    for key, record in records.items():
        if key in plays:
            assert record.finished and not any(record.faults), (key, record.faults)
    for name, wide in WIDE.items():
        assert to_integers(records[f"wide_{name}"].out.words) == wide.expected(frames[name]), name
    for name, flat in FLAT.items():
        rows, columns = flat.geometry.window.size
        bits = rows * columns * flat.geometry.bits
        got = to_integers(records[f"flat_{name}"].out.words)
        expected = flat.expected(frames[name])
        kept = [
            word & ((1 << (bits * len(windows))) - 1)
            for word, windows in zip(got, expected, strict=True)
        ]
        assert kept == [joined(windows, bits) for windows in expected], name


def test_line_buffers_in_turns_send_a_window_a_cycle(
    batch: Batch, rng: np.random.Generator
) -> None:
    """A frame takes a cycle per word, or per column from a row's first window to its last."""
    plays = {}
    for name, wide in WIDE.items():
        frames = rng.integers(0, 64, (40, wide.geometry.pixels))
        plays[f"wide_{name}"] = Play(flat_words(frames, wide.pixels, 6), 40 * wide.outputs)
    records = batch.play(plays, 60_000)
    for name, wide in WIDE.items():
        height, width = wide.geometry.image
        columns = wide.geometry.window.positions(height, width)[1]
        rows = wide.outputs // columns
        row = (columns - 1) * wide.geometry.window.stride[1] + 1
        least = max(height * width // wide.pixels, rows * max(row, -(-width // wide.units)))
        out = records[f"wide_{name}"].out.cycles[wide.outputs - 1 :: wide.outputs]
        if wide.units > 1 and wide.slots > 1 and rows % wide.units == 0:
            assert set(np.diff(out[10:])) == {least}, name
        elif wide.units > 1:  # the first unit sends a frame's last row and the next one's first
            pause = max(width - row, 0) if wide.slots > 1 else rows * width
            assert least <= (out[39] - out[19]) / 20 <= least + pause, name
        else:
            assert least <= (out[39] - out[19]) / 20, name


def test_flat_windows_take_a_word_a_cycle(batch: Batch, rng: np.random.Generator) -> None:
    plays = {}
    for name, flat in FLAT.items():
        frames = rng.integers(0, 64, (9, flat.geometry.pixels))
        plays[f"flat_{name}"] = Play(flat_words(frames, flat.pixels, 6), 9 * flat.words)
    for key, record in batch.play(plays).items():
        if key in plays:
            assert set(np.diff(record.taken)) == {1}, key


@pytest.mark.parametrize("isolated", [False, True], ids=["back_to_back", "isolated"])
@pytest.mark.parametrize("pace", PACES)
def test_flat_maxpool(batch: Batch, pace: str, isolated: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    plays, frames = {}, {}
    for name, pool in POOLS.items():
        frames[name] = rng.integers(0, 1 << pool.bits, (FRAMES, *pool.image, pool.channels))
        codes = frames[name].reshape(FRAMES, -1, pool.channels)
        pixels = np.array([[joined(pixel, pool.bits) for pixel in frame] for frame in codes])
        words = flat_words(pixels, pool.pixels, pool.bits * pool.channels)
        plays[f"pool_{name}"] = _play(words, pool.outputs, isolated, pace, seed)
    records = batch.play(plays, wiggle=pace == "both")
    for name, pool in POOLS.items():
        record = records[f"pool_{name}"]
        assert record.finished and not any(record.faults), (name, record.faults)
        assert to_integers(record.out.words) == pool.expected(frames[name]), name


@pytest.mark.parametrize("pace", PACES)
def test_groups(batch: Batch, pace: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    plays, expected = {}, {}
    for name, (bits, groups) in GROUPS.items():
        codes = rng.integers(0, 1 << bits, (60, groups))
        marks = rng.integers(1, 1 << groups, 60)
        words = [
            joined(row, bits) | int(mark) << (bits * groups)
            for row, mark in zip(codes, marks, strict=True)
        ]
        expected[name] = [
            int(code)
            for row, mark in zip(codes, marks, strict=True)
            for place, code in enumerate(row)
            if mark >> place & 1
        ]
        data = to_words(words, (bits + 1) * groups)
        plays[f"groups_{name}"] = Play(data, len(expected[name]), seed=seed, **PACES[pace])
    records = batch.play(plays, wiggle=pace == "both")
    for name in GROUPS:
        record = records[f"groups_{name}"]
        assert record.finished and not any(record.faults), (name, record.faults)
        assert to_integers(record.out.words) == expected[name], name
        if pace == "full":
            assert set(np.diff(record.out.cycles)) == {1}


@pytest.mark.parametrize("pace", PACES)
def test_chunk_ends_a_short_word_early(batch: Batch, pace: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    plays, expected = {}, {}
    for name, (bits, lanes, out, words, last) in CHUNKS.items():
        codes = rng.integers(0, 1 << bits, (9, words, lanes))
        data = to_words([joined(row, bits) for row in codes.reshape(-1, lanes)], bits * lanes)
        expected[name] = [
            joined(codes[frame, word, start : start + out], bits)
            for frame in range(9)
            for word in range(words)
            for start in range(0, last if word == words - 1 else lanes, out)
        ]
        plays[f"chunk_{name}"] = Play(data, len(expected[name]), seed=seed, **PACES[pace])
    records = batch.play(plays, wiggle=pace == "both")
    for name in CHUNKS:
        record = records[f"chunk_{name}"]
        assert record.finished and not any(record.faults), (name, record.faults)
        assert to_integers(record.out.words) == expected[name], name
