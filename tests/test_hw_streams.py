"""lng_window, lng_fifo, lng_pack, lng_chunk, lng_axis_input: what goes in comes out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from lenetgen.codegen.emit_verilog import library_folder

from .rtl_batch import Batch, Dut, Level, Play, Probe, Record, to_integers, to_words
from .window_geometry import PACES, STREAM, Geometry, same, valid, values_of

pytestmark = pytest.mark.verilator

GEOMETRIES = {
    "pixel": valid(1, 1, (1, 1)),
    "pixel_3x3_same": same(1, 1, (3, 3)),
    "pixel_4x4_same": same(1, 1, (4, 4), pad=9),
    "row_1x5_same": same(1, 9, (1, 5)),
    "row_3x3_same": same(1, 7, (3, 3)),
    "column_5x1_same": same(9, 1, (5, 1)),
    "column_3x3_same": same(6, 1, (3, 3), (2, 2)),
    "lenet_conv1": same(12, 12, (5, 5)),
    "lenet_pool": valid(8, 8, (2, 2), (2, 2)),
    "whole_image": valid(5, 4, (5, 4)),
    "larger_than_image": same(3, 2, (5, 6)),
    "even": same(7, 6, (4, 2)),
    "even_strided": same(7, 6, (2, 4), (2, 3)),
    "pool_3x3_s2_same": same(7, 8, (3, 3), (2, 2), pad=32),
    "stride_above_size": valid(9, 11, (2, 2), (3, 4)),
    "stride_above_size_same": same(8, 9, (1, 1), (3, 3)),
    "stride_far": valid(10, 10, (1, 2), (7, 8)),
    "unused_bottom": valid(8, 8, (3, 3), (2, 2)),
    "unused_all": valid(6, 7, (2, 2), (5, 6)),
    "wide_column": valid(3, 17, (2, 3)),
    "two_columns": same(6, 2, (3, 3)),
    "two_rows": same(2, 6, (3, 3)),
    "rows_only": same(5, 5, (3, 1)),
    "columns_only": same(5, 5, (1, 3)),
    "odd_stride": same(11, 10, (5, 3), (3, 2)),
}


def _random_geometries() -> dict[str, Geometry]:
    rng = np.random.default_rng(77)
    found: dict[str, Geometry] = {}
    while len(found) < 25:
        height, width = (int(v) for v in rng.integers(1, 10, 2))
        size = (int(rng.integers(1, 6)), int(rng.integers(1, 6)))
        stride = (int(rng.integers(1, 5)), int(rng.integers(1, 5)))
        if rng.random() < 0.6:
            geometry = same(height, width, size, stride, int(rng.integers(0, 64)))
        elif size[0] <= height and size[1] <= width:
            geometry = valid(height, width, size, stride)
        else:
            continue
        found[f"random_{len(found)}"] = geometry
    return found


GEOMETRIES |= _random_geometries()
FRAMES = 7

FIFOS = (1, 2, 3, 4, 5, 8, 17)
# lane bits, lanes in, lanes out, words per word, words per group
PACKS = {
    "through": (5, 3, 3, 1, 4),
    "through_dead": (5, 3, 2, 1, 1),
    "pair": (4, 1, 2, 2, 2),
    "pixel_dead": (4, 3, 7, 3, 3),
    "short_group": (3, 2, 6, 3, 8),
    "one_left": (3, 2, 6, 3, 7),
    "single_word_group": (3, 2, 6, 3, 1),
    "group_below_word": (3, 1, 5, 5, 3),
    "long": (7, 1, 16, 16, 400),
}
# lane bits, lanes in, lanes of a chunk
CHUNKS = {
    "same": (5, 4, 4),
    "half": (5, 4, 2),
    "dead": (3, 7, 3),
    "single": (4, 5, 1),
    "one": (6, 1, 1),
}
AXIS = {"one": 1, "two": 2, "seven": 7, "sixteen": 16}


def _fifo(depth: int) -> Dut:
    verilog = f"lng_fifo #(.DATA_WIDTH(11), .DEPTH({depth})) NAME ({STREAM});"
    return Dut(f"fifo_{depth}", 11, 11, verilog, (), (Level("fill", 32, "NAME.count_q"),))


def _pack(name: str) -> Dut:
    width, lanes, out, per_word, total = PACKS[name]
    values = values_of(
        LANE_WIDTH=width, IN_LANES=lanes, OUT_LANES=out, PER_WORD=per_word, TOTAL=total
    )
    return Dut(f"pack_{name}", width * lanes, width * out, f"lng_pack #({values}) NAME ({STREAM});")


def _chunk(name: str) -> Dut:
    width, lanes, out = CHUNKS[name]
    values = values_of(LANE_WIDTH=width, IN_LANES=lanes, OUT_LANES=out)
    return Dut(
        f"chunk_{name}", width * lanes, width * out, f"lng_chunk #({values}) NAME ({STREAM});"
    )


def _axis(name: str) -> Dut:
    """TLAST above the data; a FIFO takes the flags, as in the top module, read half of the time."""
    ports = STREAM.replace("(NAME_s_data)", "(NAME_s_data[7:0]), .s_axis_tlast(NAME_s_data[8])")
    verilog = f"""
        reg [7:0] NAME_random;
        always @(posedge clk) begin
            if (NAME_rst) NAME_random <= 8'd1;
            else NAME_random <= {{NAME_random[6:0], ^(NAME_random & 8'hb8)}};
        end
        wire NAME_flag, NAME_flag_valid, NAME_flag_ready, NAME_drop, NAME_drop_valid;
        lng_axis_input #(.DATA_WIDTH(8), .PIXELS({AXIS[name]})) NAME ({ports},
            .flag_tdata(NAME_flag), .flag_tvalid(NAME_flag_valid), .flag_tready(NAME_flag_ready));
        lng_fifo #(.DATA_WIDTH(1), .DEPTH(2)) NAME_flags (.clk(clk), .rst(NAME_rst),
            .s_axis_tdata(NAME_flag), .s_axis_tvalid(NAME_flag_valid),
            .s_axis_tready(NAME_flag_ready), .m_axis_tdata(NAME_drop),
            .m_axis_tvalid(NAME_drop_valid), .m_axis_tready(NAME_random[0]));"""
    probe = Probe("flag", 1, "NAME_drop", "NAME_drop_valid && NAME_random[0]")
    return Dut(f"axis_{name}", 9, 8, verilog, (probe,))


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Batch:
    duts = [geometry.dut(f"window_{name}") for name, geometry in GEOMETRIES.items()]
    duts += [_fifo(depth) for depth in FIFOS] + [_pack(name) for name in PACKS]
    duts += [_chunk(name) for name in CHUNKS] + [_axis(name) for name in AXIS]
    names = [
        "window",
        "change",
        "rows",
        "ring",
        "ring_step",
        "add_modulo",
        "between",
        "fifo",
        "pack",
        "chunk",
    ]
    names += ["axis_input"]
    files: list[Path] = [library_folder() / f"lng_{name}.v" for name in names]
    return Batch(tmp_path_factory.mktemp("streams"), duts, files)


def _check(record: Record, name: str) -> None:
    assert record.finished, f"{name}: {len(record.taken)} in, {len(record.out.cycles)} out"
    assert not any(record.faults), f"{name}: handshake faults {record.faults}"


@pytest.mark.parametrize("isolated", [False, True], ids=["back_to_back", "isolated"])
@pytest.mark.parametrize("pace", PACES)
def test_window(batch: Batch, pace: str, isolated: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    plays, frames = {}, {}
    for name, geometry in GEOMETRIES.items():
        frames[name] = rng.integers(0, 1 << geometry.bits, (FRAMES, *geometry.image))
        words = to_words(frames[name].reshape(-1), geometry.bits)
        pixels = geometry.image[0] * geometry.image[1]
        # isolated: the next frame only after the last window, so the window has to flush itself
        holds = np.repeat(np.arange(FRAMES, dtype=np.uint32), pixels) * geometry.outputs
        expect = FRAMES * geometry.outputs
        plays[f"window_{name}"] = Play(
            words, expect, holds if isolated else None, seed=seed, **PACES[pace]
        )
    records = batch.play(plays, 60_000, wiggle=pace == "both")
    for name, geometry in GEOMETRIES.items():
        record = records[f"window_{name}"]
        _check(record, name)
        assert to_integers(record.out.words) == geometry.expected(frames[name]), name


def test_window_reads_one_column_per_cycle(batch: Batch, rng: np.random.Generator) -> None:
    """Frame after frame takes as many cycles as it has pixels, or columns to read if more."""
    plays = {}
    for name, geometry in GEOMETRIES.items():
        pixels = 40 * geometry.image[0] * geometry.image[1]
        words = to_words(rng.integers(0, 1 << geometry.bits, pixels), geometry.bits)
        plays[f"window_{name}"] = Play(words, 40 * geometry.outputs)
    records = batch.play(plays, 60_000)
    for name, geometry in GEOMETRIES.items():
        out = records[f"window_{name}"].out.cycles[geometry.outputs - 1 :: geometry.outputs]
        (height, width), rows = geometry.image, geometry.window.positions(*geometry.image)[0]
        least = max(height, rows) * width
        if width > 1:
            assert set(np.diff(out[10:])) == {least}, name
        else:  # a row of one pixel is written and read in turns
            assert least <= (out[39] - out[19]) / 20 <= 2 * least, name


def test_window_appears_three_cycles_after_its_last_pixel(batch: Batch) -> None:
    for name in ("pixel", "whole_image", "lenet_pool"):
        geometry = GEOMETRIES[name]
        height, width = geometry.image
        words = to_words(np.zeros(height * width, np.int64), geometry.bits)
        record = batch.play({f"window_{name}": Play(words, geometry.outputs)})[f"window_{name}"]
        assert record.out.cycles[-1] == record.taken[-1] + 3


@pytest.mark.parametrize("pace", PACES)
def test_fifo(batch: Batch, pace: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 1 << 11, 500)
    play = Play(to_words(codes, 11), 500, seed=seed, **PACES[pace])
    records = batch.play({f"fifo_{depth}": play for depth in FIFOS}, wiggle=pace == "both")
    for depth in FIFOS:
        record = records[f"fifo_{depth}"]
        _check(record, str(depth))
        assert to_integers(record.out.words) == codes.tolist()
        assert record.out.cycles[0] >= record.taken[0] + 1
        if pace == "full":
            step = 1 if depth > 1 else 2
            assert set(np.diff(record.out.cycles)) == {step}
            assert record.out.cycles[0] == record.taken[0] + 1
        elif pace in ("stalls", "bursts"):
            assert record.peaks["fill"] == depth


def test_fifo_holds_exactly_its_depth(batch: Batch) -> None:
    play = Play(to_words(np.arange(40), 11), 40, stall=100, burst=1)
    records = batch.play({f"fifo_{depth}": play for depth in FIFOS}, 200)
    for depth in FIFOS:
        record = records[f"fifo_{depth}"]
        assert len(record.taken) == depth
        assert len(record.out.cycles) == 0
        assert not record.finished


@pytest.mark.parametrize("pace", PACES)
def test_pack(batch: Batch, pace: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    plays, inputs = {}, {}
    for name, (width, lanes, _, per_word, total) in PACKS.items():
        inputs[name] = rng.integers(0, 1 << width, (9 * total, lanes))
        codes = [sum(int(v) << (width * i) for i, v in enumerate(row)) for row in inputs[name]]
        expect = 9 * -(-total // per_word)
        words = to_words(codes, width * lanes)
        plays[f"pack_{name}"] = Play(words, expect, seed=seed, **PACES[pace])
    records = batch.play(plays, wiggle=pace == "both")
    for name, (width, lanes, out, per_word, total) in PACKS.items():
        record = records[f"pack_{name}"]
        _check(record, name)
        got = iter(to_integers(record.out.words))
        for group in inputs[name].reshape(9, total, lanes):
            for start in range(0, total, per_word):
                elements = group[start : start + per_word].reshape(-1)[:out]
                word = next(got)
                found = [word >> (width * i) & ((1 << width) - 1) for i in range(len(elements))]
                assert found == elements.tolist(), name
        assert next(got, None) is None


@pytest.mark.parametrize("pace", PACES)
def test_chunk(batch: Batch, pace: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    plays, inputs = {}, {}
    for name, (width, lanes, out) in CHUNKS.items():
        inputs[name] = [int(v) for v in rng.integers(0, 1 << (width * lanes), 60)]
        words = to_words(inputs[name], width * lanes)
        plays[f"chunk_{name}"] = Play(words, 60 * -(-lanes // out), seed=seed, **PACES[pace])
    records = batch.play(plays, wiggle=pace == "both")
    for name, (width, lanes, out) in CHUNKS.items():
        record = records[f"chunk_{name}"]
        _check(record, name)
        mask = (1 << (width * out)) - 1
        chunks = range(-(-lanes // out))
        expected = [word >> (width * out * k) & mask for word in inputs[name] for k in chunks]
        assert to_integers(record.out.words) == expected, name
        if pace == "full":
            assert set(np.diff(record.out.cycles)) == {1}


@pytest.mark.parametrize("pace", PACES)
def test_axis_input(batch: Batch, pace: str, seed: int) -> None:
    """Frames of any length come out with the right number of words, the wrong ones flagged."""
    rng = np.random.default_rng(seed)
    plays, expected, flags = {}, {}, {}
    for name, pixels in AXIS.items():
        lengths = [pixels, 1, pixels, pixels + 1, pixels, 3 * pixels, max(pixels - 1, 1), pixels]
        lengths += [int(v) for v in rng.integers(1, 2 * pixels + 1, 30)] + [pixels]
        words, expected[name] = [], []
        for length in lengths:
            data = [int(v) for v in rng.integers(1, 256, length)]
            words += [*data[:-1], data[-1] | 256]
            expected[name] += (data + [0] * pixels)[:pixels]
        flags[name] = [int(length != pixels) for length in lengths]
        play = Play(to_words(words, 9), len(expected[name]), seed=seed, **PACES[pace])
        plays[f"axis_{name}"] = play
    records = batch.play(plays, wiggle=True)
    for name in AXIS:
        record = records[f"axis_{name}"]
        _check(record, name)
        assert to_integers(record.out.words) == expected[name], name
        assert to_integers(record.probes["flag"].words) == flags[name], name
