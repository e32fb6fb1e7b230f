from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from lenetgen.cli import emit as emit_module
from lenetgen.cli import evaluate as evaluate_module
from lenetgen.cli import qat as qat_module
from lenetgen.cli.common import choose_precision
from lenetgen.codegen.binary_point import Method, fitted
from lenetgen.codegen.cast import quantize
from lenetgen.codegen.errors import UserError
from lenetgen.codegen.formats import FixedPoint, quantized
from lenetgen.codegen.ir import (
    AvgPool2D,
    Const,
    Conv2D,
    Dense,
    Function,
    Graph,
    Lookup,
    Relu,
    WeightedOp,
    Window,
)
from lenetgen.codegen.pipeline import to_float_graph, to_hardware_graph, to_typed_graph
from lenetgen.codegen.precision import Precision, auto, preset, rescaled, to_toml
from lenetgen.codegen.precision_choice import parse_choice
from lenetgen.codegen.schedule import Fold
from lenetgen.codegen.serialize import fingerprint
from lenetgen.models.datasets import load
from lenetgen.sim.compare import compare
from lenetgen.sim.float_model import FloatModel
from lenetgen.sim.golden import GoldenModel
from lenetgen.sim.post_training import post_training

from .rtl_networks import Network
from .small_networks import Builder, random_images, small_float_graph

GRAPH = to_float_graph(small_float_graph(3))
IMAGES = random_images(300, 4)  # more than a chunk


def chosen(text: str, graph: Graph = GRAPH) -> Precision:
    return post_training(parse_choice(text), graph, "exact", IMAGES)


def seen(graph: Graph = GRAPH) -> dict[str, np.ndarray]:
    """Every operator's float results over all images."""
    parts: dict[str, list[np.ndarray]] = {}
    for op, _, values in FloatModel(graph).steps(IMAGES):
        parts.setdefault(op.name, []).append(values)
    return {name: np.concatenate(found) for name, found in parts.items()}


def error(values: np.ndarray, fmt: FixedPoint) -> float:
    return float(((quantize(values, fmt) * float(fmt.step) - values) ** 2).sum())


@pytest.mark.parametrize("bits", [3, 6])
def test_mse_is_least_for_weights_biases_and_results(bits: int) -> None:
    types = chosen(f"auto:{bits}:mse").layers
    values, compared = seen(), 0
    for op in GRAPH.ops:
        pairs = [(types[op.name].result, values[op.name])]
        if isinstance(op, WeightedOp):
            pairs += [
                (types[op.name].weight, op.weights.values),
                (types[op.name].bias, op.bias.values),
            ]
        for fmt, reals in pairs:
            if fmt is not None:
                others = [replace(fmt, integer_bits=fmt.integer_bits + k) for k in (-1, 1)]
                assert error(reals, fmt) <= min(error(reals, other) for other in others), op.name
                compared += 1
    assert compared == 3 * 4 - 1


def test_percentile_cuts_results_and_weights_but_no_biases() -> None:
    types, plain = chosen("auto:4:percentile=60").layers, chosen("auto:4").layers
    values, finer = seen(), 0
    for op in GRAPH.ops:
        if not isinstance(op, WeightedOp):
            continue
        assert types[op.name].bias == plain[op.name].bias
        for fmt, reals in (
            (types[op.name].result, values[op.name]),
            (types[op.name].weight, op.weights.values),
        ):
            if fmt is not None:
                top = float(fmt.real(fmt.max_code)) + float(fmt.step) / 2
                low = float(fmt.real(fmt.min_code)) - float(fmt.step) / 2
                assert np.mean((reals >= top) | (reals < low)) <= 0.4
        finer += types[op.name] != plain[op.name]
    assert finer >= 2


def test_mse_is_asked_of_biases() -> None:
    """Of 40 biases one is a code beyond the finer type: cutting it costs less than half a bit."""
    b = Builder((4, 4, 1), 5)
    b.add(Dense, "fc1", (40,), **b.weights(16, 40))
    graph = to_float_graph(b.graph("net"))
    biases = np.random.default_rng(6).uniform(-0.9, 0.9, 40)
    biases[0] = 1.0
    op = graph.ops[0]
    assert isinstance(op, Dense)
    graph = graph.with_ops([replace(op, bias=Const(biases))])
    ranges = {"fc1": (-1.0, 1.0)}
    assert auto(graph, ranges).layers["fc1"].bias == quantized(16, 2)
    assert auto(graph, ranges, method=Method.MSE).layers["fc1"].bias == quantized(16, 1)


def test_bits() -> None:
    types = chosen("auto:w4a6").layers
    for op in GRAPH.ops:
        entry = types[op.name]
        if isinstance(op, WeightedOp):
            assert entry.weight is not None and entry.weight.width == 4
            assert entry.bias is not None and entry.bias.width == 16
        if entry.result is not None:
            assert entry.result.width == 6
    assert chosen("auto").layers == auto(GRAPH, FloatModel(GRAPH).ranges(IMAGES)).layers


def test_tables_keep_their_width_and_their_range() -> None:
    b = Builder((8, 8, 1), 5)
    b.add(Conv2D, "conv1", (6, 6, 2), window=Window((3, 3)), **b.weights(3, 3, 1, 2))
    b.add(Lookup, "tanh", (6, 6, 2), function=Function.TANH)
    b.add(AvgPool2D, "pool", (3, 3, 2), window=Window((2, 2), (2, 2)))
    b.add(Dense, "fc1", (3,), **b.weights(18, 3))
    graph = to_float_graph(b.graph("tables"))
    plain, types = (chosen(text, graph).layers for text in ("auto:4", "auto:4:percentile=50"))
    assert types["conv1"].result == plain["conv1"].result
    address, entries = types["conv1"].result, types["tanh"].result
    assert address is not None and address.width == 10
    assert entries is not None and entries.width == 4
    to_typed_graph(graph, chosen("auto:4:mse", graph))


def test_rescaled_moves_binary_points_of_parameters_only() -> None:
    before, after = preset("mixed", GRAPH), chosen("mixed:rescaled")
    assert after.name == "mixed:rescaled"
    for op in GRAPH.ops:
        old, new = before.layers[op.name], after.layers[op.name]
        assert new.result == old.result
        if isinstance(op, WeightedOp):
            assert new.weight is not None and old.weight is not None
            assert new.weight == replace(old.weight, integer_bits=new.weight.integer_bits)
            largest = np.abs(quantize(op.weights.values, new.weight)).max()
            assert largest > new.weight.max_code / 2
    assert after.layers != before.layers


def test_rescaling_asks_the_method() -> None:
    method = parse_choice("q4.4:rescaled:percentile=60").points
    types, plain = chosen("q4.4:rescaled:percentile=60").layers, chosen("q4.4:rescaled").layers
    for op in GRAPH.ops:
        if isinstance(op, WeightedOp):
            assert types[op.name].weight == fitted(quantized(8, 4), op.weights.values, method)
            assert types[op.name].bias == fitted(quantized(8, 4), op.bias.values)
    assert types != plain


def test_rescaling_is_scaling_weights_by_a_power_of_two() -> None:
    """The source study's way: multiply the weights, quantize to the same type, divide the sum."""
    types = chosen("q4.4:rescaled").layers
    for op in GRAPH.ops:
        if isinstance(op, WeightedOp):
            fmt = types[op.name].weight
            assert fmt is not None
            scaled = op.weights.values * 2.0 ** (4 - fmt.integer_bits)
            assert np.array_equal(
                quantize(op.weights.values, fmt), quantize(scaled, quantized(8, 4))
            )


def sums(op: WeightedOp, x: np.ndarray) -> np.ndarray:
    """Sums before the activation, (results, channels), from the definition."""
    taps = op.weights.values
    if isinstance(op, Dense):
        return x.reshape(len(x), -1) @ taps + op.bias.values
    pad = op.window.padding
    x = np.pad(x, ((0, 0), (pad.top, pad.bottom), (pad.left, pad.right), (0, 0)))
    rows, columns = op.out.shape[:2]
    total = np.zeros((len(x), rows, columns, taps.shape[3]), x.dtype) + op.bias.values
    for row in range(taps.shape[0]):
        for column in range(taps.shape[1]):
            total = total + x[:, row : row + rows, column : column + columns] @ taps[row, column]
    return total.reshape(-1, taps.shape[3])


def mean_errors(types: Precision, graph: Graph = GRAPH) -> dict[str, np.ndarray]:
    """Mean of integer sums less mean of float sums, per channel, in steps of the bias' type."""
    typed = to_typed_graph(graph, types)
    codes, floats = GoldenModel(typed).trace(IMAGES), seen(graph)
    before, found = graph.input.name, {}
    reals = IMAGES / 256.0
    for op, real in zip(typed.ops, graph.ops, strict=True):
        if isinstance(op, WeightedOp) and isinstance(real, WeightedOp):
            assert op.bias.format is not None and op.weights.format is not None
            x = codes[before].astype(np.float64) * float(typed.source(op).fmt.step)
            quantized_op = replace(
                op,
                weights=Const(op.weights.values * float(op.weights.format.step)),
                bias=Const(op.bias.values * float(op.bias.format.step)),
            )
            difference = sums(quantized_op, x).mean(axis=0) - sums(real, reals).mean(axis=0)
            found[op.name] = difference / float(op.bias.format.step)
        before, reals = op.out.name, floats[op.name]
    return found


@pytest.mark.parametrize("text", ["auto:3", "auto:4:mse", "q4.4", "q4.4:rescaled"])
def test_corrected_means_are_the_float_networks(text: str) -> None:
    """Within half a step of the bias, for every channel, in the network with all corrections."""
    plain = np.concatenate(list(mean_errors(chosen(text)).values()))
    types = chosen(f"{text}:corrected")
    errors = np.concatenate(list(mean_errors(types).values()))
    assert np.abs(errors).max() <= 0.5 + 1e-6
    assert np.abs(plain).max() > 0.5 + 1e-6
    assert types.name == f"{text}:corrected"
    assert set(types.biases) == {op.name for op in GRAPH.ops if isinstance(op, WeightedOp)}


def test_a_corrected_bias_fits_its_type_where_the_type_is_free() -> None:
    """All biases zero: a type that covers them holds no correction."""
    zeros = GRAPH.with_ops(
        [
            replace(op, bias=Const(op.bias.values * 0)) if isinstance(op, WeightedOp) else op
            for op in GRAPH.ops
        ]
    )
    errors = mean_errors(chosen("auto:2:corrected", zeros), zeros)
    assert max(np.abs(each).max() for each in errors.values()) <= 0.5 + 1e-6
    fixed = chosen("q4.4:corrected", zeros)
    assert fixed.layers == preset("q4.4", zeros).layers


def test_the_same_images_give_the_same_types() -> None:
    assert chosen("auto:4:mse:corrected") == chosen("auto:4:mse:corrected")
    assert chosen("auto:4:mse:corrected") != chosen("auto:4:mse")


def test_every_chunk_counts() -> None:
    """Dark images fill the first chunk or the last one: neither decides alone."""
    images = np.concatenate([IMAGES[:260] // 32, IMAGES])
    choice = parse_choice("auto:4:mse:corrected")
    types, again = (
        post_training(choice, GRAPH, "exact", order) for order in (images, images[::-1])
    )
    assert types.layers == again.layers
    for name, bias in types.biases.items():
        assert bias.values == pytest.approx(again.biases[name].values, abs=1e-9)
    dark = post_training(choice, GRAPH, "exact", images[:256])
    assert dark.layers != types.layers


def test_applied_biases_are_the_integers() -> None:
    types = chosen("auto:4:corrected")
    applied = types.applied(GRAPH)
    assert applied != GRAPH
    plain = Precision(types.name, types.layers)
    assert to_typed_graph(applied, plain) == to_typed_graph(GRAPH, types)
    assert to_typed_graph(GRAPH, plain) != to_typed_graph(GRAPH, types)
    assert plain.applied(GRAPH) == GRAPH


def test_a_file_can_be_rescaled_and_corrected(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(to_toml(preset("q4.4", GRAPH), GRAPH))
    types, note = choose_precision(f"{path}:rescaled", GRAPH, "exact", None)
    assert types.layers == rescaled(preset("q4.4", GRAPH), GRAPH).layers
    assert (types.name, note) == ("q4.4:rescaled", "")
    types, note = choose_precision(f"{path}:corrected", GRAPH, "exact", None)
    assert types.biases and note == "biases corrected on 512 random images"
    _, note = choose_precision("auto:corrected", GRAPH, "exact", None)
    assert note == "calibrated and biases corrected on 512 random images"


def test_training_images_only(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def watched(name: str, part: str, *arguments: Any, **options: Any) -> Any:
        asked.append(part)
        return load(name, part, *arguments, **options)

    monkeypatch.setattr("lenetgen.models.images.load", watched)
    b = Builder((28, 28, 1), 5)
    b.add(Dense, "fc1", (3,), **b.weights(784, 3))
    graph = to_float_graph(b.graph("digits"))
    _, note = choose_precision("auto:3:mse:corrected", graph, "exact", "digits")
    assert asked == ["train"] and "training" in note


def run(command: Any, *arguments: str) -> Any:
    result = CliRunner().invoke(command, list(arguments))
    assert result.exit_code == 0, (result.output, result.exception)
    return json.loads(result.stdout)


def test_an_emitted_design_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emit_module, "float_graph", lambda *_: GRAPH)
    monkeypatch.chdir(tmp_path)
    arguments = ["net.keras", "--precision", "auto:mse:4:corrected", "--json"]
    folder = run(emit_module.command, *arguments)["folder"]
    assert folder == "build/net-auto-4-mse-corrected"
    design = json.loads((tmp_path / folder / "design.json").read_text())
    assert design["precision"] == "auto:4:mse:corrected"
    readme = next((tmp_path / folder).rglob("README.md")).read_text()
    assert "precision auto:4:mse:corrected\n" in readme
    types, _ = choose_precision("auto:4:mse:corrected", GRAPH, "exact", None)
    expected = to_hardware_graph(to_typed_graph(GRAPH, types))
    assert design["model"]["sha256"] == fingerprint(expected)
    plain = to_hardware_graph(to_typed_graph(GRAPH, replace(types, biases={})))
    assert fingerprint(plain) != fingerprint(expected)


def test_training_starts_from_corrected_biases(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = replace(GRAPH, name="net")
    seen_by: dict[str, Any] = {}

    class Stop(Exception):
        pass

    def fake(*arguments: Any, **options: Any) -> None:
        seen_by.update(options, graph=arguments[0], out=arguments[2], types=arguments[3].types)
        raise Stop

    monkeypatch.setattr(qat_module, "float_graph", lambda _: graph)
    monkeypatch.setattr(qat_module, "qat", fake)
    monkeypatch.setattr(qat_module, "choose_precision", lambda text, *_: (chosen(text), ""))
    arguments = ["net.keras", "--dataset", "digits", "--precision", "auto:4:corrected"]
    with pytest.raises(Stop):
        CliRunner().invoke(qat_module.command, arguments, catch_exceptions=False)
    types = chosen("auto:4:corrected")
    assert seen_by["graph"] == types.applied(graph) != graph
    assert seen_by["types"] == types.layers
    assert seen_by["label"] == "auto:4:corrected"
    assert seen_by["out"] == Path("net-qat-auto-4-corrected.keras")


def test_evaluate_takes_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    b = Builder((28, 28, 1), 5)
    b.add(Dense, "fc1", (10,), **b.weights(784, 10))
    graph = to_float_graph(b.graph("digits"))
    monkeypatch.setattr(evaluate_module, "float_graph", lambda *_: graph)
    names = ["float", "auto:3:mse", "auto:w3a8:percentile=99.5:corrected", "q4.4:rescaled"]
    arguments = ["net.keras", "--dataset", "digits", "--images", "20", "--json", "--precision"]
    (found,) = run(evaluate_module.command, *arguments, ",".join(names))
    assert [row["precision"] for row in found["rows"]] == names
    with pytest.raises(UserError, match="'max' is no option of auto"):
        CliRunner().invoke(
            evaluate_module.command, [*arguments, "float,auto:max"], catch_exceptions=False
        )


@pytest.mark.slow
@pytest.mark.verilator
def test_golden_csim_and_rtl_agree(tmp_path: Path) -> None:
    """Random networks play all kinds of types; here two that these choices lead to."""
    b = Builder((5, 5, 1), 8)
    b.add(Conv2D, "conv1", (3, 3, 2), window=Window((3, 3)), **b.weights(3, 3, 1, 2))
    b.add(Relu, "relu1", (3, 3, 2))
    b.add(Dense, "fc1", (3,), **b.weights(18, 3))
    graph = to_float_graph(b.graph("tiny"))
    images, networks = random_images(40, 9, (5, 5, 1)), []
    for number, text in enumerate(["auto:w2a3:mse:corrected", "q4.4:rescaled:corrected"]):
        typed = to_typed_graph(graph, post_training(parse_choice(text), graph, "exact", images))
        assert len(np.unique(GoldenModel(typed).run(images[:6]), axis=0)) >= 5
        folds = {"conv1": Fold(2, 3), "fc1": Fold(1, 2, lut=True)}
        networks.append(Network.of(f"tiny{number}", typed, folds, images[:6]))
    found = compare(networks, tmp_path, engines=("csim", "rtl"))
    assert [str(finding) for finding in found] == []
