"""Whole networks in Verilator: logits and every stream equal golden, cycles equal the model.

All networks are compiled into one simulator and run side by side. ``test_random_networks`` does the
same with more random ones, and with their C++.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from lenetgen.models.fuzz import FRAMES, network_of
from lenetgen.models.random_networks import random_images
from lenetgen.sim import verilator
from lenetgen.sim.compare import Pace, play_all

from .rtl_batch import Batch, Play, to_words
from .rtl_networks import Network, make_batch, record_of
from .rtl_zoo import ZOO

pytestmark = [pytest.mark.verilator, pytest.mark.slow]

SEEDS = range(1000, 1008)  # other networks than those of test_random_networks
PACES = {
    "full": Pace("full"),
    "gaps": Pace("gaps", gap=30, burst=2),
    "stalls": Pace("stalls", stall=30, burst=2),
    "both": Pace("both", gap=25, stall=25, burst=4),
    "bursts": Pace("bursts", gap=3, stall=3, burst=100),
}


def _zoo(name: str) -> Network:
    graph, folds = ZOO[name]()
    return Network.of(name, graph, folds, random_images(graph, FRAMES, len(name)))


@pytest.fixture(scope="module")
def networks() -> list[Network]:
    return [_zoo(name) for name in ZOO] + [network_of(seed) for seed in SEEDS]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("networks")


@pytest.fixture(scope="module")
def batch(networks: list[Network], folder: Path) -> Batch:
    return make_batch(folder, networks)


@pytest.mark.parametrize("pace", PACES)
def test_every_stream_and_every_cycle(
    batch: Batch, networks: list[Network], pace: str, seed: int
) -> None:
    for isolated in (False, True):
        found = play_all(batch, networks, replace(PACES[pace], isolated=isolated), seed)
        assert [str(finding) for finding in found] == []


def test_zoo_covers_what_it_should(networks: list[Network]) -> None:
    designs = {network.name: network.design for network in networks}
    stages = [stage for name in ZOO for stage in designs[name].stages]
    kinds = {stage.op.kind for stage in stages}
    assert kinds == {"Conv2D", "Dense", "MaxPool2D", "AvgPool2D", "Relu", "Cast", "InputTable"}
    assert designs["wide_sums"].result_bits == designs["unsigned_logits"].result_bits == 64
    assert designs["lenet_small"].result_bits == 32
    assert designs["nine_channels"].source.lanes == 9
    dense = designs["dense_spans_words"].stages[-1]
    # a pack of several words whose last group is short
    assert dense.packed_words > 1 and dense.source.words % dense.packed_words != 0
    for network in networks[: len(ZOO)]:  # a constant result would compare nothing
        assert len(np.unique(network.logits, axis=0)) > 1, network.name


def test_generated_verilog_is_lint_free(
    batch: Batch, networks: list[Network], folder: Path
) -> None:
    """One call for all: a top module that holds them, ports tied to its own."""
    ports, bodies = [], []
    for network in networks:
        dut, n = network.dut(), network.name
        wires = [("input", dut.in_bits, "i"), ("input", 1, "v"), ("output", 1, "r")]
        wires += [("output", dut.out_bits, "o"), ("output", 1, "w"), ("input", 1, "t")]
        wires += [("output", 32, "f"), ("output", 32, "e")]
        ports += [f"{way} wire [{bits - 1}:0] {n}_{wire}" for way, bits, wire in wires]
        bodies.append(
            f"{n} u_{n} (.aclk(clk), .aresetn(aresetn),"
            f" .s_axis_tdata({n}_i[{dut.in_bits - 2}:0]), .s_axis_tlast({n}_i[{dut.in_bits - 1}]),"
            f" .s_axis_tvalid({n}_v), .s_axis_tready({n}_r),"
            f" .m_axis_tdata({n}_o[{dut.out_bits - 2}:0]),"
            f" .m_axis_tlast({n}_o[{dut.out_bits - 1}]), .m_axis_tvalid({n}_w),"
            f" .m_axis_tready({n}_t), .frame_count({n}_f), .error_count({n}_e));"
        )
    top = folder / "linted.v"
    head = ", ".join(["input wire clk", "input wire aresetn", *ports])
    top.write_text(f"module linted ({head});\n" + "\n".join(bodies) + "\nendmodule\n")
    assert batch.executable.is_file()  # the Verilog is written
    files = sorted(path for path in (folder / "rtl").glob("*.v"))
    verilator.lint([top, *files], "linted")


def _length_words(network: Network, length: int, rng: np.random.Generator) -> list[int]:
    """A frame of random pixels, TLAST on the last of ``length`` words."""
    bits = 8 * network.design.source.lanes
    words = [int.from_bytes(rng.bytes(bits // 8), "little") for _ in range(length)]
    words[-1] |= 1 << bits
    return words


@pytest.mark.parametrize("pace", ["full", "both", "bursts"])
def test_malformed_frames_are_dropped(
    batch: Batch, networks: list[Network], pace: str, seed: int
) -> None:
    """Short and long frames between good ones: good results exact, errors counted."""
    rng = np.random.default_rng(seed)
    pauses = {name: vars(PACES[pace])[name] for name in ("gap", "stall", "burst")}
    plays = {}
    errors, good = {}, {}
    for network in networks:
        words: list[int] = []
        pixels = network.design.source.words
        bad = [pixels + 1, 2 * pixels, 2 * pixels + 3]
        bad += [length for length in (1, pixels // 2, pixels - 1) if 0 < length < pixels]
        good[network.name] = []
        for index, length in enumerate([bad[0], *rng.permutation(bad), bad[-1], bad[-1]]):
            words += _length_words(network, int(length), rng)
            if index % 2 == 0 or index > len(bad):
                frame = int(rng.integers(FRAMES))
                words += network.frame_words(frame)
                good[network.name].append(frame)
        errors[network.name] = len(bad) + 3
        bits = network.design.source.lanes * 8 + 1
        expect = len(good[network.name]) * network.outputs
        plays[f"d_{network.name}"] = Play(to_words(words, bits), expect, seed=seed, **pauses)
    records = batch.play(plays)
    for network in networks:
        record = record_of(records, network)
        values, last = network.results(record.out)
        assert record.finished, f"{network.name}: {len(values)} results"
        assert not any(record.faults), network.name
        expected = network.logits[good[network.name]].reshape(-1)
        assert np.array_equal(values, expected), network.name
        assert last.sum() == len(good[network.name])
        assert record.finals["frames"] == len(good[network.name]), network.name
        assert record.finals["errors"] == errors[network.name], network.name


def test_reset_in_mid_frame(
    batch: Batch, networks: list[Network], rng: np.random.Generator
) -> None:
    """After a reset at any word the next frames are exact, and the counters start again."""
    for _ in range(4):
        plays, before = {}, {}
        for network in networks:
            pixels = network.design.source.words
            first = network.frame_words(0) * 3
            cut = int(rng.integers(1, 3 * pixels))  # two frames may be in flight
            words = first[:cut] + network.frame_words(1) + network.frame_words(2)
            resets = np.zeros(len(words), dtype=np.bool_)
            resets[cut] = True
            bits = network.design.source.lanes * 8 + 1
            # only what leaves after the reset is certain: two frames
            plays[f"d_{network.name}"] = Play(
                to_words(words, bits), 2 * network.outputs, resets=resets, seed=int(cut)
            )
            before[network.name] = cut
        records = batch.play(plays)
        for network in networks:
            record = record_of(records, network)
            cut = before[network.name]
            values, _ = network.results(record.out)
            after = record.out.cycles > record.taken[cut]
            early = values[~after]
            assert np.array_equal(early, np.tile(network.logits[0], 3)[: len(early)]), network.name
            assert np.array_equal(values[after], network.logits[1:3].reshape(-1)), network.name
            assert record.finals["frames"] == 2 and record.finals["errors"] == 0, network.name
