"""Overflow certificates: bounds reached exactly, images found, and what the replays catch."""

from __future__ import annotations

import itertools
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from lenetgen.cli import certify as cli
from lenetgen.codegen.cycles import measure
from lenetgen.codegen.design import Design, build_design
from lenetgen.codegen.formats import FixedPoint
from lenetgen.codegen.ir import AvgPool2D, Const, Dense, Graph, Relu, Tensor, WeightedOp
from lenetgen.codegen.passes.assign_formats import accumulator_for
from lenetgen.codegen.pipeline import to_float_graph, to_typed_graph
from lenetgen.codegen.precision import preset
from lenetgen.codegen.schedule import Fold, make_schedule
from lenetgen.sim import certify as certifying
from lenetgen.sim.certificate import SIDES, Certificate, certificates
from lenetgen.sim.certify_replay import Replay, layer_network, networks
from lenetgen.sim.certify_search import exact_sum, furthest_image
from lenetgen.sim.compare import FULL, compare
from lenetgen.sim.golden import GoldenModel
from lenetgen.sim.package import Options, Package, load, write
from lenetgen.sim.rtl_networks import Network

from .rtl_zoo import ZOO
from .small_networks import Builder, leftover_design, random_images, small_typed_graph


@pytest.mark.parametrize("precision", ["mixed", "q4.4", "q8.8"])
def test_every_bound_of_a_network_is_reached(precision: str) -> None:
    graph = small_typed_graph(precision)
    found = certificates(graph)
    assert [one.op.name for one in found] == ["conv1", "conv2", "fc1", "fc2"]
    for one in found:
        assert isinstance(one.op, WeightedOp)
        assert one.op.accumulator is not None
        assert (one.low.bound, one.high.bound) == (one.op.accumulator.low, one.op.accumulator.high)
        assert one.low.attained
        assert one.high.attained
        bits = one.op.accumulator.format.width - 1  # one less does not hold both ends
        assert one.low.value < -(1 << (bits - 1)) or one.high.value >= 1 << (bits - 1)
        _golden_agrees(graph, one)


def _golden_agrees(graph: Graph, one: Certificate) -> None:
    """The golden model, fed the codes, has these sums at these places and none beyond."""
    network, images = layer_network(graph, one)
    trace = GoldenModel(network).trace(images)
    source = network.source(network.ops[-1])
    sums = trace[one.op.out.name]
    for frame, side in enumerate((*SIDES, "low")):
        extreme = one.side(side)
        np.testing.assert_array_equal(trace[source.name][frame], extreme.codes)
        if isinstance(one.op, AvgPool2D):
            continue
        at = extreme.place
        result = sums[frame].reshape(one.op.out.image_shape)
        assert result[at.row, at.column, at.channel] == extreme.value
        assert one.low.bound <= result.min() <= result.max() <= one.high.bound


@pytest.mark.parametrize("name", sorted(ZOO))
def test_certificates_of_the_zoo(name: str) -> None:
    graph, _ = ZOO[name]()
    for one in certificates(graph):
        for extreme in (one.low, one.high):
            assert one.low.bound <= extreme.value <= one.high.bound
            low, high = one.x.range
            assert low <= extreme.codes.min() <= extreme.codes.max() <= high
        if isinstance(one.op, Dense) and one.x.range[0] <= 0 <= one.x.range[1]:
            assert one.low.attained or one.low.bound == 0
            assert one.high.attained or one.high.bound == 0
        _golden_agrees(graph, one)


def test_no_input_goes_further(rng: np.random.Generator) -> None:
    """All inputs of small dense layers, tried one by one."""
    narrow = FixedPoint(True, 4, 2)
    for low, high in ((-2, 1), (0, 3), (1, 3), (-3, -1)):
        x = Tensor("x", (4,), narrow, low, high)
        weights = Const(rng.integers(-8, 8, (4, 3)), narrow)
        bias = Const(rng.integers(-8, 8, 3), narrow)
        op = Dense(name="fc", x="x", out=Tensor("fc", (3,)), weights=weights, bias=bias)
        accumulator = accumulator_for(op, x, weights, bias)
        out = Tensor("fc", (3,), accumulator.format, accumulator.low, accumulator.high)
        op = replace(op, out=out, accumulator=accumulator)
        (one,) = certificates(Graph("g", x, (op,)))
        codes = np.array(list(itertools.product(range(low, high + 1), repeat=4)))
        sums = codes @ weights.values + (bias.values << 2)
        assert one.low.value == sums.min()
        assert one.high.value == sums.max()
        if low <= 0 <= high:  # the bound also covers zeros: here they are among the inputs
            assert one.low.bound == min(sums.min(), 0)
            assert one.high.bound == max(sums.max(), 0)


def test_images_found() -> None:
    graph = small_typed_graph()
    ordinary = random_images(300, 4)
    for place, one in enumerate(certificates(graph)):
        model = GoldenModel(exact_sum(graph, one.op))
        for side, sign in (("low", -1), ("high", 1)):
            found = furthest_image(graph, one, side)
            assert found.image.dtype == np.uint8
            at = found.place
            sums = model.run(found.image[None]).reshape(one.op.out.image_shape)
            assert sums[at.row, at.column, at.channel] == found.value
            assert sign * found.value >= (sign * model.run(ordinary)).max()
            assert sign * found.value <= sign * one.side(side).bound
            if place == 0:  # behind the input the construction is exact
                assert found.value == one.side(side).bound
            again = furthest_image(graph, one, side)
            assert (again.value, again.image.tobytes()) == (found.value, found.image.tobytes())


@pytest.mark.parametrize(
    "name", sorted(name for name in ZOO if re.search("table|average|max|modes|lookup", name))
)
def test_images_through_every_kind_of_layer(name: str) -> None:
    graph, _ = ZOO[name]()
    for one in certificates(graph):
        if not isinstance(one.op, WeightedOp):
            continue
        found = {side: furthest_image(graph, one, side) for side in SIDES}
        assert one.low.bound <= found["low"].value <= found["high"].value <= one.high.bound
        if one.x == graph.input:
            assert found["low"].value == one.low.value
            assert found["high"].value == one.high.value


def _narrow(design: Design, layer: str) -> Design:
    """The design with that layer's accumulator one bit narrower."""
    ops = list(design.graph.ops)
    place = next(i for i, op in enumerate(ops) if op.name == layer)
    op = ops[place]
    assert isinstance(op, WeightedOp)
    assert op.accumulator is not None
    fmt = op.accumulator.format
    narrow = replace(fmt, width=fmt.width - 1, integer_bits=fmt.integer_bits - 1)
    ops[place] = replace(op, accumulator=replace(op.accumulator, format=narrow))
    return build_design("narrow", design.graph.with_ops(ops), design.schedule)


def _dense_design() -> Design:
    """36 pixels through two dense layers."""
    b = Builder((6, 6, 1), 5)
    b.add(Dense, "fc1", (4,), **b.weights(36, 4))
    b.add(Relu, "relu1", (4,))
    b.add(Dense, "fc2", (2,), **b.weights(4, 2))
    float_graph = to_float_graph(b.graph("dense"))
    graph = to_typed_graph(float_graph, preset("q4.4", float_graph))
    folds = {"fc1": Fold(2, 1), "fc2": Fold(1, 2)}
    return build_design("dense", graph, make_schedule(graph, folds))


@pytest.mark.verilator
def test_replay_catches_an_accumulator_one_bit_short(tmp_path: Path) -> None:
    """C++ and RTL, layer and network: the certificates see it, ordinary images do not."""
    narrow = _narrow(_dense_design(), "fc1")
    (first, _) = certificates(narrow.graph)
    images = np.stack([furthest_image(narrow.graph, first, side).image for side in SIDES])
    wrong = networks(narrow, [first], images)
    ordinary = np.random.default_rng(1).integers(0, 256, (50, *narrow.graph.input.shape), np.uint8)
    missed = Network.of("ordinary", narrow.graph, narrow.schedule.folds, ordinary)
    every = [*wrong.values(), missed]
    differences = compare(every, tmp_path, engines=("csim-exact", "rtl"), paces=(FULL,))
    caught = {(one.network, one.engine) for one in differences}
    assert caught == {
        (network.name, engine) for network in wrong.values() for engine in ("csim-exact", "rtl")
    }
    assert all("fc" in one.text or "logits" in one.text for one in differences)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    design = leftover_design()
    options = Options(precision="q4.4", model="leftover")
    images = random_images(2, 1, design.graph.input.shape)
    return write(design, measure(design), options, images, tmp_path_factory.mktemp("out") / "p")


@pytest.mark.verilator
def test_command(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    result = CliRunner().invoke(cli.command, [str(package.folder), "--json"])
    assert result.exit_code == 0, result.output
    report = json.loads(result.output)
    assert report == json.loads((package.folder / certifying.REPORT).read_text())
    assert [one["layer"] for one in report["replays"]] == [None, "conv1", "fc1"]
    assert all(one["ok"] for one in report["replays"])
    conv, fc = report["layers"]
    assert conv["high"]["attained"]
    assert conv["high"]["image"]["share"] == 1.0
    assert 0 < fc["high"]["image"]["share"] <= 1.0
    with np.load(package.folder / certifying.INPUTS) as archive:
        arrays = {name: archive[name] for name in archive.files}
    (first, _) = certificates(package.design.graph)
    for side in SIDES:
        np.testing.assert_array_equal(arrays[f"conv1_{side}_image"], arrays[f"conv1_{side}_codes"])
        np.testing.assert_array_equal(arrays[f"conv1_{side}_codes"], first.side(side).codes)
    before = _files(package.folder)
    load(package.folder)  # the new files do not make it a foreign folder

    monkeypatch.setattr(certifying, "replay", _replays(report))
    again = CliRunner().invoke(cli.command, [str(package.folder)])
    assert again.exit_code == 0
    assert "3 replays: all integers are equal" in again.output
    assert _files(package.folder) == before


def _files(folder: Path) -> list[bytes]:
    return [(folder / name).read_bytes() for name in (certifying.REPORT, certifying.INPUTS)]


def _replays(report: dict, difference: str = "") -> Callable[..., tuple[Replay, ...]]:
    texts = (difference,) if difference else ()
    return lambda *_: tuple(
        Replay(one["layer"] or "", one["frames"], texts) for one in report["replays"]
    )


def test_a_difference_is_exit_code_1(
    package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(package.folder, folder)
    one = {"replays": [{"layer": "fc1", "frames": 3}]}
    monkeypatch.setattr(certifying, "replay", _replays(one, "rtl: full: fc1: group 0"))
    result = CliRunner().invoke(cli.command, [str(folder)])
    assert result.exit_code == 1
    assert "fc1: rtl: full: fc1: group 0" in result.output
    assert json.loads((folder / certifying.REPORT).read_text())["ok"] is False


def test_the_golden_model_is_judged_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lenetgen.sim import certify_replay

    design = leftover_design()
    monkeypatch.setattr(certify_replay, "compare", lambda *_, **__: [])
    found = certificates(design.graph)
    lying = replace(found[0], high=replace(found[0].high, value=found[0].high.value + 1))
    none = np.zeros((0,), np.uint8)
    good, bad = (
        certify_replay.replay(design, [one], none, tmp_path)[0] for one in (found[0], lying)
    )
    assert good.ok
    assert bad.differences[0].startswith("golden: high: the golden model's sum is")


def test_folds_stay_as_they_are() -> None:
    design = leftover_design()
    for one in certificates(design.graph):
        network = networks(design, [one], np.zeros((0,), np.uint8))[one.op.name]
        assert network.design.schedule.folds == {one.op.name: design.schedule.folds[one.op.name]}
        assert make_schedule(network.design.graph, network.design.schedule.folds)
