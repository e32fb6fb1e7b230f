"""Accuracy of a network on a labelled set: of its integers, by the golden model, or in float64.

Input: a float or a typed graph and a ``Dataset``; output: a ``Score``. Integer scores are computed
on the integers the hardware gives, never on simulated floats. It chooses no types.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from ..codegen.errors import UserError
from ..codegen.ir import Graph, WeightedOp
from ..codegen.narrowing import weight_width
from ..sim.float_model import FloatModel
from ..sim.golden import GoldenModel
from ..sim.rtl_check import classify
from .datasets import Dataset, Labels

FLOAT = "float"
FLOAT_BITS = 32  # of one parameter as Keras stores it
CHUNK = 64  # images of the float network at a time: what fits the cache


@dataclass(frozen=True, eq=False)
class Score:
    """What one arithmetic made of a data set.

    ``classes``: int64 (N,), the lowest index among an image's largest logits; ``ties``: images with
    more than one largest logit; ``declared_bits``: weights and biases as their types say;
    ``stored_bits``: the weights in the fewest bits that hold a layer's codes, as the hardware
    multiplies them, and the biases as declared; ``seconds``: for all images, after loading.
    """

    precision: str
    classes: Labels
    correct: int
    ties: int
    parameters: int
    nonzero: int
    declared_bits: int
    stored_bits: int
    seconds: float

    @property
    def accuracy(self) -> float:
        """The part of the images whose class is right, 0..1."""
        return self.correct / len(self.classes)


@dataclass(frozen=True, eq=False)
class ClassReport:
    """Per class: ``confusion`` (true class, class found) counts; the others 0..1, (classes,).

    A class never found has precision 0, one without images has recall 0.
    """

    confusion: npt.NDArray[np.int64]
    precision: npt.NDArray[np.float64]
    recall: npt.NDArray[np.float64]
    f1: npt.NDArray[np.float64]
    support: npt.NDArray[np.int64]


def evaluate(
    graph: Graph,
    dataset: Dataset,
    precision: str = FLOAT,
    progress: Callable[[int], None] | None = None,
) -> Score:
    """Score ``graph`` on ``dataset``: a typed graph on its integers, a float one in float64.

    ``progress`` gets the number of images of each finished chunk. ``UserError`` if the set has no
    labels, no images, or labels and images that don't fit the network.
    """
    labels = check_labels(graph, dataset)
    images = dataset.images.reshape(len(dataset), *graph.input.shape)
    started = time.perf_counter()
    if graph.input.format is not None:
        classes, ties = classify(GoldenModel(graph).run(images, progress))
    else:
        classes, ties = classify_reals(FloatModel(graph), images, progress)
    seconds = time.perf_counter() - started
    weighted = [op for op in graph.ops if isinstance(op, WeightedOp)]
    declared, stored = storage_bits(weighted)
    return Score(
        precision=precision,
        classes=classes,
        correct=int((classes == labels).sum()),
        ties=ties,
        parameters=sum(op.weights.values.size + op.bias.values.size for op in weighted),
        nonzero=sum(int(np.count_nonzero(op.weights.values)) for op in weighted),
        declared_bits=declared,
        stored_bits=stored,
        seconds=seconds,
    )


def classify_reals(
    model: FloatModel,
    images: npt.NDArray[np.uint8],
    progress: Callable[[int], None] | None = None,
) -> tuple[Labels, int]:
    """Classes and ties of the float64 logits; chunks side by side on all cores."""
    classes = np.empty(len(images), dtype=np.int64)

    def work(start: int) -> tuple[int, int]:
        logits: npt.NDArray[Any] = model.run(images[start : start + CHUNK])
        classes[start : start + CHUNK], tied = classify(logits)
        return len(logits), tied

    ties = 0
    with threadpool_limits(1), ThreadPoolExecutor(os.cpu_count()) as pool:
        for count, tied in pool.map(work, range(0, len(images), CHUNK)):
            ties += tied
            if progress is not None:
                progress(count)
    return classes, ties


def check_labels(graph: Graph, dataset: Dataset) -> Labels:
    """Return the labels; ``UserError`` unless they and the images fit ``graph``."""
    if dataset.labels is None:
        raise UserError(f"{dataset.source} have no labels: name a data set with --dataset")
    if not len(dataset):
        raise UserError(f"{dataset.source}: no images")
    if dataset.images.shape[1:] != graph.input.image_shape:
        raise UserError(
            f"{graph.name} takes images {graph.input.image_shape}, "
            f"{dataset.name} has {dataset.images.shape[1:]}"
        )
    outputs = graph.output.size
    low, high = int(dataset.labels.min()), int(dataset.labels.max())
    if low < 0 or high >= outputs:
        raise UserError(
            f"{graph.name} has {outputs} outputs, the labels of {dataset.name} are {low} to {high}"
        )
    return dataset.labels


def storage_bits(ops: list[WeightedOp]) -> tuple[int, int]:
    """(declared, stored) bits of all weights and biases; without types 32 each for both."""
    declared = stored = 0
    for op in ops:
        weights, biases = op.weights.values.size, op.bias.values.size
        if op.weights.format is None or op.bias.format is None:
            declared += FLOAT_BITS * (weights + biases)
            stored += FLOAT_BITS * (weights + biases)
            continue
        bias = biases * op.bias.format.width
        declared += weights * op.weights.format.width + bias
        stored += weights * min(weight_width(op), op.weights.format.width) + bias
    return declared, stored


def per_class(score: Score, labels: Labels, outputs: int) -> ClassReport:
    """Confusion matrix, precision, recall and F1 of ``outputs`` classes, by scikit-learn."""
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    numbers = np.arange(outputs)
    precision, recall, f1, support = precision_recall_fscore_support(
        labels, score.classes, labels=numbers, zero_division=0
    )
    confusion = confusion_matrix(labels, score.classes, labels=numbers)
    return ClassReport(confusion, precision, recall, f1, support)


def as_dict(score: Score, base: Score, report: ClassReport | None = None) -> dict[str, Any]:
    """One row for JSON; ``base`` is the float score of the same network and images.

    ``loss`` is the float accuracy less this one, in points of 100; ``other_class`` counts images
    that got another class than in float.
    """
    row: dict[str, Any] = {
        "precision": score.precision,
        "accuracy": score.accuracy,
        "correct": score.correct,
        "images": len(score.classes),
        "ties": score.ties,
        "loss": 100 * (base.correct - score.correct) / len(score.classes),
        "other_class": int((score.classes != base.classes).sum()),
        "parameters": score.parameters,
        "nonzero_weights": score.nonzero,
        "declared_bits": score.declared_bits,
        "stored_bits": score.stored_bits,
        "seconds": score.seconds,
    }
    if report is not None:
        row["confusion"] = report.confusion.tolist()
        row["classes"] = [
            {
                "class": number,
                "images": int(report.support[number]),
                "precision": float(report.precision[number]),
                "recall": float(report.recall[number]),
                "f1": float(report.f1[number]),
            }
            for number in range(len(report.support))
        ]
    return row
