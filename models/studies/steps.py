"""Steps that rows of several studies share: progress, graphs, calibration images, accuracies.

Input: a row's ``Place``, model files, graphs; output: plain results. What is trained, pruned and
quantized is the studies' business.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ...codegen.frontend import load_model
from ...codegen.ir import Graph
from ...codegen.pipeline import to_float_graph, to_typed_graph
from ...codegen.precision import AUTO, OWN, Precision, auto, own, preset
from ...sim.float_model import FloatModel
from ..datasets import Dataset, Images, load
from ..evaluation import evaluate
from ..split import split
from ..training import Epoch
from .hardware import size
from .rows import Place, Result


def told(place: Place, epochs: int) -> Callable[[int, int, Epoch | None], None]:
    """What training calls after a step, so that its progress is that of the row."""
    done = 0

    def step_done(step: int, steps: int, epoch: Epoch | None) -> None:
        nonlocal done
        if step % 50 == 0 or epoch is not None:
            place.told((done + step / steps) / epochs)
        done += epoch is not None

    return step_done


def float_graph(file: Path) -> Graph:
    """A model file as the graph that types are given to."""
    return to_float_graph(load_model(file))


def training_part(dataset: str, place: Place, validation: float, seed: int) -> Dataset:
    """What is left of a training set when the images that choose the epoch are taken out."""
    return split(load(dataset, "train", place.data), validation, seed)[0]


def types(graph: Graph, precision: str, images: Images) -> Precision:
    """A preset, ``auto`` from calibration images, or ``model``, the model's own types."""
    if precision == OWN:
        return own(graph)
    if precision == AUTO:
        return auto(graph, FloatModel(graph).ranges(images))
    return preset(precision, graph)


def typed(graph: Graph, precision: str, images: Images) -> Graph:
    """``graph`` on integers; arguments as of ``types``."""
    return to_typed_graph(graph, types(graph, precision, images))


def score(graph: Graph, test: Dataset) -> Result:
    """Accuracy on ``test``, of the integers if the graph is typed, and what the weights take."""
    found = evaluate(graph, test)
    return {
        "accuracy": found.accuracy,
        "correct": found.correct,
        "images": len(test),
        "ties": found.ties,
        **size(graph),
    }
