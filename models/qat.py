"""Quantization-aware training with HGQ2: from a float model to one whose types are its own.

Input: a float graph, types (fixed, or where learning starts) and a data set; output: a ``.keras``
file that ``emit --precision model`` takes, and a ``QatResult``. Zeros of the float model's kernels
are kept, so a pruned network stays pruned. The test set is read once, for the report: there Keras'
results are compared with the golden integers, logit by logit.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..codegen.errors import UserError
from ..codegen.frontend import convert
from ..codegen.frontend.keras_runtime import import_keras
from ..codegen.frontend.quantizers import import_hgq
from ..codegen.ir import Graph, WeightedOp
from ..codegen.pipeline import to_float_graph, to_typed_graph
from ..codegen.precision import has_own, own
from ..sim.golden import GoldenModel
from ..sim.rtl_check import classify
from .datasets import Dataset, Images, load
from .evaluation import check_labels, storage_bits
from .quantized_model import (
    Quantization,
    learned_types,
    parameters,
    quantized_model,
    weighted_layers,
)
from .recipe import Recipe
from .resume import Fact, training_facts
from .session import Session
from .training import Epoch, Progress, fit, prepare_tensorflow, scaled, versions
from .training_step import Extras

RECIPE = Recipe(epochs=5, lr=1e-3, weight_noise=0.0, activity_limit=0.0)
CHUNK = 500  # images of Keras at a time


@dataclass(frozen=True)
class QatResult:
    """A finished quantized training.

    ``test_accuracy``: 0..1, of the golden integers; ``differing``: logits of the test set that
    Keras computes otherwise; bits as in ``evaluation.Score``.
    """

    network: str
    dataset: str
    precision: str
    learn: float | None
    recipe: Recipe
    best_epoch: int
    stopped_early: bool
    validation_accuracy: float
    test_accuracy: float
    test_images: int
    differing: int
    weights: int
    nonzero: int
    stored_bits: int
    history: tuple[Epoch, ...]
    versions: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def qat(
    graph: Graph,
    dataset: str,
    out: Path,
    how: Quantization,
    recipe: Recipe = RECIPE,
    *,
    label: str = "custom",
    data_folder: Path | None = None,
    allow_download: bool = False,
    overwrite: bool = False,
    threads: int = 2,
    progress: Progress | None = None,
    resume: bool = False,
    history_file: Path | None = None,
) -> QatResult:
    """Train a float graph with quantizers and write the best epoch to ``out`` (``.keras``).

    ``label`` names the types in reports; ``resume`` and ``history_file`` as of ``train``.
    ``UserError`` for a model that has quantizers, an operator or type that can't be trained, images
    or labels that don't fit, an existing ``out`` (unless ``overwrite``), the state of another
    training and a loss that stops being finite; nothing is written then.
    """
    session = Session(out, overwrite, resume, history_file)
    if has_own(graph):
        raise UserError(f"{graph.name}: has quantizers already; start from the float model")
    data = load(dataset, "train", data_folder, allow_download=allow_download)
    test = load(dataset, "test", data_folder, allow_download=allow_download)
    for part in (data, test):
        check_labels(graph, part)
    tf = prepare_tensorflow(threads)
    keras = import_keras()
    keras.utils.set_random_seed(recipe.seed)
    model = quantized_model(graph, how)
    extras = Extras(
        variables=parameters(model) + learned_types(model),
        masks=kept_zeros(tf, weighted_layers(model)),
        logits=True,
        own_losses=how.learn is not None,
    )
    facts = training_facts("qat", model, data, recipe, threads) | _facts(how)
    state = session.state(facts)
    history, chosen = fit(tf, keras, model, data, recipe, progress, extras, state)
    try:
        typed = typed_graph(model)
    except UserError:  # training has taken a layer's last bits: to go on from there is no help
        state.remove()
        raise
    accuracy, differing = compare_with_golden(model, typed, test)
    kernels = [op for op in typed.ops if isinstance(op, WeightedOp)]
    result = QatResult(
        network=graph.name,
        dataset=dataset,
        precision=label,
        learn=how.learn,
        recipe=recipe,
        best_epoch=chosen.number,
        stopped_early=len(history) < recipe.epochs,
        validation_accuracy=chosen.validation_accuracy,
        test_accuracy=accuracy,
        test_images=len(test),
        differing=differing,
        weights=sum(op.weights.values.size for op in kernels),
        nonzero=sum(int(np.count_nonzero(op.weights.values)) for op in kernels),
        stored_bits=storage_bits(kernels)[1],
        history=tuple(history),
        versions=versions() | {"hgq2": import_hgq().__version__},
    )
    session.finish(model, history)
    return result


def _facts(how: Quantization) -> dict[str, Fact]:
    """What decides a quantized training besides what decides every training."""
    return {
        "hgq2": import_hgq().__version__,
        "learn": how.learn,
        "input bits": how.pixel_bits,
        **{f"types of {name}": str(types) for name, types in how.types.items()},
    }


def typed_graph(model: Any) -> Graph:
    """The integers of an HGQ2 model in memory."""
    graph = to_float_graph(convert(model))
    return to_typed_graph(graph, own(graph))


def kept_zeros(tf: Any, layers: list[Any]) -> list[tuple[Any, Any]]:
    """(variable, mask) of all kernels with zeros; biases of outputs that are zero altogether."""
    masks = []
    for layer in layers:
        kernel = np.asarray(layer.kernel)
        live = kernel != 0
        if live.all():
            continue
        masks.append((layer.kernel, tf.constant(live, tf.float32)))
        if layer.bias is not None:
            used = live.reshape(-1, live.shape[-1]).any(axis=0) | (np.asarray(layer.bias) != 0)
            masks.append((layer.bias, tf.constant(used, tf.float32)))
    return masks


def keras_logits(model: Any, images: Images) -> npt.NDArray[np.float64]:
    """(N, classes) results of a model without softmax on pixels / 255."""
    parts = [
        np.asarray(model(scaled(images[i : i + CHUNK]), training=False), np.float64)
        for i in range(0, len(images), CHUNK)
    ]
    return np.concatenate(parts)


def compare_with_golden(model: Any, typed: Graph, test: Dataset) -> tuple[float, int]:
    """(accuracy of the golden integers in 0..1, logits that differ from Keras')."""
    labels = check_labels(typed, test)
    integers = GoldenModel(typed).run(test.images.reshape(len(test), *typed.input.shape))
    step = float(typed.output.fmt.step)
    expected = np.asarray(integers, np.float64).reshape(len(test), -1) * step
    differing = int((keras_logits(model, test.images) != expected).sum())
    classes, _ = classify(integers)
    return float((classes == labels).mean()), differing
