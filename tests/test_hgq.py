"""HGQ2 models: Keras' quantized outputs equal the golden integers, then C++ and RTL equal golden.

Keras computes in float32; these models' sums stay below 2^24 steps, so float32 is exact.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lenetgen.cli.main import main
from lenetgen.codegen.formats import Overflow, Rounding
from lenetgen.codegen.frontend import load_model
from lenetgen.codegen.frontend.keras_runtime import import_keras
from lenetgen.codegen.ir import Cast, Graph, InputTable
from lenetgen.codegen.pipeline import to_float_graph, to_typed_graph
from lenetgen.codegen.precision import Precision, own
from lenetgen.codegen.schedule import schedule
from lenetgen.models.datasets import load
from lenetgen.sim.compare import compare
from lenetgen.sim.golden import GoldenModel
from lenetgen.sim.rtl_networks import Network

from .hgq_networks import colours, flat, lenet, save, trained

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't:DeprecationWarning"
)

SHAPES = {"lenet": (28, 28, 1), "colours": (9, 8, 3), "flat": (48,)}
LAYERS = {"lenet": lenet, "colours": colours, "flat": flat}
COUNT = 360  # images each


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hgq")


@pytest.fixture(scope="module")
def models(folder: Path) -> dict[str, Any]:
    """The trained models, also saved in ``folder``."""
    made = {name: trained(LAYERS[name], shape, 5) for name, shape in SHAPES.items()}
    for name, model in made.items():
        save(model, folder / f"{name}.keras")
    return made


@pytest.fixture(scope="module")
def graphs(models: dict[str, Any], folder: Path) -> dict[str, Graph]:
    """Float graphs of the files."""
    return {name: to_float_graph(load_model(folder / f"{name}.keras")) for name in models}


def _images(name: str, seed: int) -> np.ndarray:
    """Raw pixels (COUNT, *shape of the graph's input)."""
    if name == "lenet":
        return load("digits", "test").images[:COUNT]
    rng = np.random.default_rng(seed)
    shape = {"colours": (9, 8, 3), "flat": (6, 8, 1)}[name]
    images = rng.integers(0, 256, (COUNT, *shape), dtype=np.uint8)
    images[: COUNT // 2] //= rng.integers(1, 9, (COUNT // 2, *[1] * len(shape)), dtype=np.uint8)
    images[0], images[1] = 0, 255
    return images


def _keras(model: Any, name: str, images: np.ndarray) -> np.ndarray:
    """What Keras predicts, softmax left out, for pixels as the model was trained on."""
    keras = import_keras()
    pixels = images.reshape(-1, *SHAPES[name]).astype(np.float32)
    if name != "colours":
        pixels = pixels / np.float32(255)
    model.layers[-1].activation = keras.activations.linear
    return np.asarray(model.predict(pixels, verbose=0), np.float64)


@pytest.mark.parametrize("name", SHAPES)
def test_keras_equals_golden(
    name: str, models: dict[str, Any], graphs: dict[str, Graph], seed: int
) -> None:
    typed = to_typed_graph(graphs[name], own(graphs[name]))
    images = _images(name, seed)
    logits = GoldenModel(typed).run(images)
    expected = _keras(models[name], name, images) * 2.0**typed.output.fmt.fraction_bits
    assert len(images) == COUNT and len(np.unique(logits)) > 12, "too few results to show anything"
    np.testing.assert_array_equal(logits, expected)


def test_every_mode_shows(graphs: dict[str, Graph], seed: int) -> None:
    """With another mode in place of one of the models', some integer would be another."""
    shown: set[Rounding | Overflow] = set()
    for name, graph in graphs.items():
        types = own(graph)
        images = _images(name, seed)
        golden = GoldenModel(to_typed_graph(graph, types)).trace(images)
        for op in graph.ops:
            result = types.layers[op.name].result
            if result is None or isinstance(op, InputTable):
                continue
            for mode in (*Rounding, *Overflow):
                field = "rounding" if isinstance(mode, Rounding) else "overflow"
                changed = replace(types.layers[op.name], result=replace(result, **{field: mode}))
                other = Precision("other", {**types.layers, op.name: changed})
                trace = GoldenModel(to_typed_graph(graph, other)).trace(images[:40])
                if (trace[op.out.name] != golden[op.out.name][:40]).any():
                    shown.add(getattr(result, field))
    assert {Overflow.WRAP, Overflow.SAT} <= shown
    assert {Rounding.TRN, Rounding.RND, Rounding.RND_CONV} <= shown


def test_types_are_the_quantizers(models: dict[str, Any], graphs: dict[str, Graph]) -> None:
    wraps = models["lenet"].get_layer("fc1").iq.quantizer
    k, i, f = (int(np.asarray(value).item()) for value in wraps.kif)
    assert i > -2, "training moved it"
    ops = {op.name: op for op in graphs["lenet"].ops}
    assert list(ops) == ["input_quantizer", "conv1", "pool1", "conv2", "pool2", "fc1", "fc2"]
    results = {name: str(op.own.result) for name, op in ops.items() if op.own is not None}
    assert results == {
        "input_quantizer": "ap_ufixed<7,0,AP_RND,AP_SAT>",
        "conv1": "ap_ufixed<4,0,AP_TRN,AP_SAT>",  # in front of the pool
        "conv2": "None",  # the mean divides the exact sum
        "pool2": f"ap_fixed<{k + i + f},{k + i},AP_RND_CONV>",
        "fc1": "ap_fixed<5,1,AP_RND,AP_SAT_SYM>",
        "fc2": "ap_fixed<6,1,AP_RND_ZERO,AP_SAT>",
    }
    assert str(ops["conv2"].own.weight) == "ap_fixed<7,2,AP_TRN,AP_SAT>"
    # Five bits and up to two more, a sign: a type for all of them has the finest point.
    assert ops["conv1"].own.weight.fraction_bits == 7
    kinds = [type(op) for op in graphs["colours"].ops]
    assert kinds.count(Cast) == 3, "casts that wrap stay behind the pool"
    assert kinds[:2] == [InputTable, type(ops["conv1"])]
    assert not any(op.own.weight.signed for op in graphs["colours"].ops[1:2])


def test_cpp_and_verilog_equal_golden(graphs: dict[str, Graph], folder: Path, seed: int) -> None:
    networks = []
    for name in ("colours", "flat"):
        typed = to_typed_graph(graphs[name], own(graphs[name]))
        folds = schedule(typed, None, 40).folds
        networks.append(Network.of(name, typed, folds, _images(name, seed)[:8]))
    assert compare(networks, folder / "compare", engines=("csim", "rtl"), seed=seed) == []


def _run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main(list(words))
    captured = capsys.readouterr()
    return int(stop.value.code or 0), captured.out, captured.err


def test_commands_use_the_models_types(
    models: dict[str, Any], folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = str(folder / "colours.keras")
    status, text, _ = _run(capsys, "precision", path, "--json")
    found = json.loads(text)
    assert status == 0 and found["precision"] == "model"
    assert re.fullmatch(r"ap_fixed<\d,1,AP_RND_INF,AP_SAT>", found["layers"][0]["result"])
    status, text, _ = _run(capsys, "precision", path)
    assert status == 0 and "u4,0,RND_MIN_INF,SAT" in text
    out = str(tmp_path / "d")
    for words, said in (
        (["emit", path, "--precision", "q8.8", "--out", out], "--precision q8.8: the model's own"),
        (["emit", path, "--precision", "a.toml", "--out", out], "--precision a.toml: the model's"),
        (["emit", path, "--logits", "preset", "--out", out], "--logits preset: the model's own qu"),
        (["precision", path, "--preset", "auto"], "--precision auto: the model's own quantizers"),
        (["precision", path, "--dump", "-"], "--dump: the model's own quantizers decide its types"),
        (["precision", "lenet5", "--preset", "model"], "--precision model: the model has no quant"),
    ):
        status, _, errors = _run(capsys, *words)
        assert status == 2 and said in errors and errors.count("\n") == 1
    assert not (tmp_path / "d").exists()
