"""``crosscheck``: hls4ml's C++ agrees with the golden model, and where it doesn't, it is told."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from lenetgen.cli import crosscheck as cli_crosscheck
from lenetgen.cli.main import cli
from lenetgen.codegen.cycles import measure
from lenetgen.codegen.design import build_design
from lenetgen.codegen.errors import UserError
from lenetgen.codegen.formats import Rounding, quantized
from lenetgen.codegen.ir import (
    AvgPool2D,
    Cast,
    Const,
    Conv2D,
    Dense,
    Graph,
    MaxPool2D,
    Relu,
    Rescaling,
    Window,
)
from lenetgen.codegen.pipeline import to_float_graph, to_typed_graph
from lenetgen.codegen.precision import preset
from lenetgen.codegen.schedule import make_schedule
from lenetgen.sim.crosscheck import as_json, crosscheck
from lenetgen.sim.golden import GoldenModel
from lenetgen.sim.hls4ml_layers import Arrays, Segment, split
from lenetgen.sim.hls4ml_process import Hls4mlModel
from lenetgen.sim.package import Options, Package, load, write
from lenetgen.sim.toolrun import ToolError

from .crosscheck_networks import edited, typed
from .small_networks import FOLDS, Builder, random_images, small_float_graph

IMAGES = random_images(30, 11)
Key = tuple[str, bytes]


def _with_ties(graph: Graph) -> Graph:
    """Two weights half way between Q4.4 codes, where a second rounding goes the other way."""
    conv = graph.ops[0]
    assert isinstance(conv, Conv2D)
    values = conv.weights.values.copy()
    values[1, 1, 0] = (0.5 / 16, -1.5 / 16, 1.0)
    return edited(graph, "conv1", weights=Const(values))


FLOATS = _with_ties(to_float_graph(small_float_graph()))


class _Kept:
    """An hls4ml model that stays alive for the next test."""

    def __init__(self, model: Hls4mlModel) -> None:
        self.model = model

    def __enter__(self) -> Hls4mlModel:
        return self.model

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def kept() -> Iterator[dict[Key, _Kept]]:
    models: dict[Key, _Kept] = {}
    yield models
    for one in models.values():
        one.model.__exit__(None, None, None)


@pytest.fixture
def one_compilation(
    kept: dict[Key, _Kept],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    require_program: Callable[[str], Path],
) -> None:
    """What hls4ml has compiled for one test serves the next with the same model."""
    require_program("g++")

    def model(segment: Segment, parameters: dict[str, Arrays], _: Path) -> _Kept:
        values = b"".join(v.tobytes() for own in parameters.values() for v in own.values())
        key = (repr(segment.document("")), values)
        if key not in kept:
            folder = tmp_path_factory.mktemp("hls4ml") / "part"
            kept[key] = _Kept(Hls4mlModel(segment, parameters, folder))
        return kept[key]

    monkeypatch.setattr("lenetgen.sim.crosscheck.Hls4mlModel", model)


@pytest.fixture(scope="module")
def emitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crosscheck") / "mini"
    graph = to_typed_graph(FLOATS, preset("mixed", FLOATS))
    design = build_design("mini", graph, make_schedule(graph, FOLDS))
    write(design, measure(design), Options(precision="mixed", model="small"), IMAGES[:3], folder)
    return folder


@pytest.fixture
def package(emitted: Path) -> Package:
    return load(emitted)


def _with(package: Package, graph: Graph) -> Package:
    """The package of another graph, for what needs no emitted files."""
    return replace(package, design=replace(package.design, graph=graph))


def test_nothing_to_compare_is_a_user_error(package: Package) -> None:
    b = Builder((2, 2, 1), 5)
    scale = {"scale": Const(np.array([1 / 128])), "offset": Const(np.array([-1.0]))}
    b.add(Rescaling, "scaling", (2, 2, 1), **scale)
    with pytest.raises(UserError, match=r"none of the layers \(scaling: hls4ml has no table"):
        crosscheck(_with(package, typed(b)), random_images(2, 1, (2, 2, 1)))


def test_another_model_is_refused(package: Package) -> None:
    floats = to_float_graph(small_float_graph(seed=8))
    with pytest.raises(UserError, match="layer conv1: the model's parameters are not the design's"):
        crosscheck(package, IMAGES, floats=floats)
    renamed = floats.with_ops([replace(op, name=f"x{op.name}") for op in floats.ops])
    with pytest.raises(UserError, match="no layer conv1"):
        crosscheck(package, IMAGES, floats=renamed)


def test_keep_wants_an_empty_folder(package: Package, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="holds other files"):
        crosscheck(package, IMAGES, keep=tmp_path)
    with pytest.raises(UserError, match="--keep"):
        crosscheck(package, IMAGES, keep=tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


def _rounded_away(const: Const, layer: str, what: str) -> np.ndarray:
    """The code on the other side of each float: what a wrong rounding would have given."""
    (op,) = (op for op in FLOATS.ops if op.name == layer)
    assert const.format is not None
    reals = getattr(op, what).values / float(const.format.step)
    return np.where(reals > const.values, const.values + 1, const.values - 1)


@pytest.mark.slow
@pytest.mark.usefixtures("one_compilation")
def test_all_layers_equal_with_parameters_hls4ml_quantized(package: Package) -> None:
    seen: dict[str, tuple[int, int]] = {}
    report = crosscheck(
        package,
        IMAGES,
        floats=FLOATS,
        progress=lambda phase, done, total: seen.update({phase: (done, total)}),
    )
    assert report.ok and report.difference is None and report.float_parameters
    conv = package.design.graph.ops[0]
    assert isinstance(conv, Conv2D) and conv.weights.values[1, 1, 0].tolist() == [1, -1, 16]
    assert [(layer.name, layer.values, layer.wrong) for layer in report.layers] == [
        (op.name, op.out.size * len(IMAGES), 0) for op in package.design.graph.ops
    ]
    assert report.logits == report.equal_logits == 5 * len(IMAGES)
    assert seen == {"compile": (1, 1), "hls4ml": (30, 30)}
    # wide enough by hls4ml's own reckoning: 9 products of 8 fraction bits and a bias
    assert report.layers[0].accumulator == "ap_fixed<21,9>"
    assert report.layers[1].accumulator == ""
    plain = json.loads(json.dumps(as_json(report)))
    assert plain["ok"] and plain["parameters"] == "float" and plain["difference"] is None


@pytest.mark.slow
@pytest.mark.usefixtures("one_compilation")
def test_a_wrong_weight_is_found(package: Package) -> None:
    graph = package.design.graph
    conv = graph.ops[2]
    assert isinstance(conv, Conv2D)
    name = conv.out.name
    right = GoldenModel(graph).trace(IMAGES)
    # a ReLU hides what other channels do
    source, busy = (int(right[at].sum(axis=(0, 1, 2)).argmax()) for at in (conv.x, name))
    codes = conv.weights.values.copy()
    tap = (1, 0, source, busy)
    codes[tap] = _rounded_away(conv.weights, "conv2", "weights")[tap]
    broken = edited(graph, "conv2", weights=Const(codes, conv.weights.format))
    report = crosscheck(_with(package, broken), IMAGES, floats=FLOATS)
    wrong = GoldenModel(broken).trace(IMAGES)
    different = np.argwhere(right[name] != wrong[name])
    image, row, column, channel = (int(place) for place in different[0])
    assert channel == busy
    first = report.difference
    assert first is not None and not report.ok
    assert (first.stage, first.layer, first.image) == ("hls4ml", name, image)
    assert (first.row, first.column, first.channel) == (row, column, channel)
    assert first.expected == wrong[name][image, row, column, channel]
    assert first.actual == right[name][image, row, column, channel]
    assert [layer.wrong for layer in report.layers[:3]] == [0, 0, len(different)]
    later = [(right[op.out.name] != wrong[op.out.name]) for op in graph.ops]
    images = np.any([one.reshape(len(IMAGES), -1).any(axis=1) for one in later], axis=0)
    assert report.wrong_images == images.sum()
    assert report.logits is not None
    assert report.logits - report.equal_logits == later[-1].sum()
    plain = json.loads(json.dumps(as_json(report)))
    assert plain["difference"]["layer"] == name and plain["ok"] is False


@pytest.mark.slow
@pytest.mark.usefixtures("one_compilation")
def test_a_golden_model_that_truncates_is_found(
    package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    def truncating(graph: Graph) -> GoldenModel:
        conv = graph.ops[0]
        out = replace(conv.out, format=replace(conv.out.fmt, rounding=Rounding.TRN))
        return GoldenModel(edited(graph, "conv1", out=out))

    monkeypatch.setattr("lenetgen.sim.crosscheck.GoldenModel", truncating)
    report = crosscheck(package, IMAGES, floats=FLOATS)
    first = report.difference
    assert first is not None and first.layer == package.design.graph.ops[0].out.name
    assert first.actual == first.expected + 1


@pytest.mark.slow
@pytest.mark.usefixtures("one_compilation")
def test_command(
    emitted: Path, package: Package, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    np.save(tmp_path / "images.npy", IMAGES)
    monkeypatch.setattr(cli_crosscheck, "float_graph", lambda model: {"mine.keras": FLOATS}[model])
    arguments = [str(emitted), "--dataset", str(tmp_path / "images.npy"), "--model", "mine.keras"]
    result = CliRunner().invoke(cli_crosscheck.command, arguments)
    assert result.exit_code == 0, result.output
    assert "quantized by hls4ml" in result.output
    assert "logits: 150 of 150 equal" in result.output
    assert "all integers of all layers are equal" in result.output
    graph = package.design.graph
    fc2 = graph.ops[-1]
    assert isinstance(fc2, Dense)
    bias = Const(_rounded_away(fc2.bias, "fc2", "bias"), fc2.bias.format)
    broken = _with(package, edited(graph, "fc2", bias=bias))
    monkeypatch.setattr(cli_crosscheck, "load", lambda folder: broken)
    result = CliRunner().invoke(cli_crosscheck.command, arguments)
    assert result.exit_code == 1
    assert "hls4ml differs from the golden model first in image 0, layer fc2" in result.output
    assert "30 of 30 images differ" in result.output
    result = CliRunner().invoke(cli_crosscheck.command, [*arguments, "--json"])
    assert result.exit_code == 1
    document = json.loads(result.output)
    assert document["wrong_images"] == 30 and document["equal_logits"] == 0
    assert [layer["wrong"] for layer in document["layers"]] == [0, 0, 0, 0, 150]


@pytest.mark.slow
def test_pools_padding_strides_and_what_is_left_out(
    package: Package, tmp_path: Path, require_program: Callable[[str], Path]
) -> None:
    require_program("g++")
    b = Builder((9, 8, 2), 21)
    scale = {"scale": Const(np.array([1 / 64])), "offset": Const(np.array([-1.5]))}
    b.add(Rescaling, "scaling", (9, 8, 2), **scale)
    window = Window.same((3, 2), (2, 1), (9, 8))
    b.add(Conv2D, "conv1", (5, 8, 3), window=window, **b.weights(3, 2, 2, 3))
    b.add(AvgPool2D, "pool1", (4, 6, 3), window=Window((2, 3)))  # overlapping, six taps
    b.add(MaxPool2D, "pool2", (2, 3, 3), window=Window.same((3, 3), (2, 2), (4, 6)))
    b.add(Conv2D, "conv2", (1, 3, 4), window=Window((2, 1)), **b.weights(2, 1, 3, 4))
    b.add(Relu, "relu2", (1, 3, 4))
    b.add(AvgPool2D, "pool3", (1, 1, 4), window=Window((1, 3)))
    b.add(Dense, "fc1", (3,), **b.weights(4, 3))
    graph = typed(b, "q6.6")
    *head, conv2, pool3, fc1 = graph.ops
    narrow = replace(conv2.out, name="cast2", format=quantized(7, 4), low=-64, high=63)
    cast = Cast(name="cast2", x=conv2.out.name, out=narrow)
    graph = graph.with_ops([*head, conv2, cast, replace(pool3, x="cast2"), fc1])
    images = random_images(40, 3, (9, 8, 2))
    report = crosscheck(_with(package, graph), images, keep=tmp_path / "kept")
    assert report.ok and not report.float_parameters
    assert report.difference is None and report.models == 1
    assert {layer.name for layer in report.layers if layer.reason} == {"scaling"}
    assert report.compared == 7 and report.logits == 120
    assert report.layers[0].values == 0 and report.layers[1].values == 40 * 5 * 8 * 3
    assert (tmp_path / "kept" / "part0" / "project" / "firmware" / "myproject.cpp").is_file()
    averaged = GoldenModel(graph).trace(images)["pool1"]
    assert len(np.unique(averaged)) > 20  # the six taps were worth comparing
    result = cli_crosscheck.sentence(report)
    assert result == "all integers of 7 of 8 layers are equal"


@pytest.mark.slow
@pytest.mark.data
def test_lenet5(tmp_path: Path, require_data: Callable[[str], Path]) -> None:
    require_data("mnist")
    folder = tmp_path / "lenet5"
    arguments = ["emit", "--precision", "q8.8", "--out", str(folder)]
    assert CliRunner().invoke(cli, arguments).exit_code == 0
    arguments = ["crosscheck", str(folder), "--dataset", "mnist", "--images", "25", "--json"]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    assert document["parameters"] == "float"
    assert document["equal_logits"] == document["logits"] == 250
    assert document["not_compared"] == {}


def test_a_failure_of_hls4ml_is_one_line(package: Package, tmp_path: Path) -> None:
    (segment,), _ = split(package.design.graph)
    with pytest.raises(ToolError, match=r"hls4ml failed \(exit status 1\): KeyError.*--keep"):
        Hls4mlModel(segment, {}, tmp_path / "part")
    with pytest.raises(UserError, match="can't write hls4ml's project"):
        Hls4mlModel(segment, {}, tmp_path / "part")


def test_without_a_compiler(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match=r"not found on PATH: g\+\+"):
        crosscheck(package, IMAGES)
