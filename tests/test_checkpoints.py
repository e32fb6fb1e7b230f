"""The bundled quantized and pruned models are what their cards and the presets say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from lenetgen.cli.presets import PRESETS, preset_model, preset_precision
from lenetgen.codegen.frontend import load_model
from lenetgen.codegen.ir import Graph, WeightedOp
from lenetgen.codegen.pipeline import to_float_graph, to_typed_graph
from lenetgen.codegen.precision import own
from lenetgen.models import zoo
from lenetgen.models.datasets import load
from lenetgen.models.evaluation import evaluate
from lenetgen.models.keras_file import load_keras


def _typed(name: str) -> Graph:
    graph = to_float_graph(load_model(zoo.checkpoint(name)))
    return to_typed_graph(graph, own(graph))


def _card(name: str) -> str:
    return (zoo.CHECKPOINTS / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "images", "least"),
    [
        ("lenet5-half-qat", 10_000, 0.99),
        ("lenet5-qat-fast", 1000, 0.985),
        ("lenet5-qat-low", 10_000, 0.99),
        ("lenet5-qat-mixed", 1000, 0.985),
        ("lenet5-slim-qat", 10_000, 0.978),
    ],
)
def test_quantized_checkpoints(
    name: str, images: int, least: float, require_data: Callable[[str], Path]
) -> None:
    typed = _typed(name)
    test = load("mnist", "test", require_data("mnist")).first(images)
    score = evaluate(typed, test)
    assert score.accuracy >= least
    if images == 10_000:
        assert f"{100 * score.accuracy:.2f} %" in _card(name)
    weights = [op.weights.values for op in typed.ops if isinstance(op, WeightedOp)]
    assert f"{score.stored_bits:,} bits stored" in _card(name)
    zeros = sum(int((each == 0).sum()) for each in weights)
    if name == "lenet5-qat-fast":
        assert zeros >= 0.8 * sum(each.size for each in weights)
    if name not in ("lenet5-qat-mixed", "lenet5-half-qat"):
        assert max(int(np.abs(each).max()) for each in weights) <= 8  # four bits


def test_the_types_are_those_of_the_precision_files(root: Path) -> None:
    for name, file in {
        "lenet5-qat-fast": "low",
        "lenet5-qat-low": "low",
        "lenet5-slim-qat": "slim",
    }.items():
        graph = to_float_graph(load_model(zoo.checkpoint(name)))
        asked = root / "models" / "precisions" / f"lenet5-{file}.toml"
        types = own(graph).layers
        text = asked.read_text(encoding="utf-8")
        for op in graph.ops:
            if isinstance(op, WeightedOp):
                assert f'weight = "{types[op.name].weight}"' in text
                assert f"[layers.{op.name}]" in text


def test_the_pruned_checkpoint_has_a_fifth_of_its_weights() -> None:
    kernels = [each for each in load_keras("lenet5-pruned-80").get_weights() if each.ndim > 1]
    left = sum(int(np.count_nonzero(each)) for each in kernels)
    assert left == round(0.2 * sum(each.size for each in kernels))
    assert f"{left:,} of 61,470" in _card("lenet5-pruned-80")


def test_presets_name_a_bundled_model_and_types_for_it() -> None:
    for name in PRESETS:
        assert preset_model(name) in zoo.checkpoint_names()
    assert preset_model(None) == "lenet5"
    assert preset_model("tiny") == "lenet5-slim-qat"
    assert preset_precision("tiny", "lenet5-slim-qat") is None  # its own
    assert preset_precision("balanced", "lenet5") == "mixed"
    assert preset_precision("balanced", "other.keras") is None
    assert preset_precision(None, "lenet5") is None
