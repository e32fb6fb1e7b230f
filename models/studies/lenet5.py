"""Study ``lenet5``: float, five precisions, pruning, rescaling and quantized training, two recipes.

``study`` is the recipe of the study this project started from (SGD 0.01, batch 64, 5 epochs);
``best`` is the bundled LeNet-5's. A chain per recipe and seed; what hardware costs is asked of the
first seed only. Quantized rows are the accuracy of the golden integers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from ...codegen.ir import Graph, WeightedOp
from ...codegen.pipeline import to_typed_graph
from ..chosen_precision import choose_precision
from ..datasets import Dataset, load
from ..evaluation import as_dict, evaluate, per_class
from ..prune import prune
from ..pruning import Pruning
from ..qat import qat
from ..quantized_model import Quantization
from ..recipe import Recipe
from ..training import train
from ..zoo import CHECKPOINTS
from .hardware import CYCLES, hardware, measured, size
from .lenet5_report import report
from .rows import Chain, Options, Place, Result, Row, Study, unusual
from .steps import float_graph, told

DATASET = "mnist"
BINS = 60
LOW = CHECKPOINTS.parent / "precisions" / "lenet5-low.toml"
PLAIN: Mapping[str, Any] = {"augment": False, "weight_noise": 0.0, "activity_limit": 0.0}


@dataclass(frozen=True)
class Setup:
    """A recipe's name, how the float network is trained, and how it is trained on.

    ``tuned``: with quantizers; ``pruned``: without filters.
    """

    name: str
    base: Recipe
    tuned: Recipe
    pruned: Recipe

    def seeded(self, recipe: Recipe, seed: int, **other: Any) -> Recipe:
        """The recipe with a seed of its own."""
        return Recipe(**{**asdict(recipe), "seed": seed, **other})


SETUPS = (
    Setup(
        "study",
        Recipe(epochs=5, optimizer="sgd", momentum=0.0, lr=0.01, schedule="constant", **PLAIN),
        Recipe(epochs=2, lr=1e-3, **PLAIN),
        Recipe(epochs=2, lr=1e-3, **PLAIN),
    ),
    Setup(
        "best",
        Recipe(),
        Recipe(epochs=3, lr=1e-3, weight_noise=0.0, activity_limit=0.0),
        Recipe(epochs=7, lr=2e-3, weight_noise=0.0, activity_limit=0.0),
    ),
)
POST = ("q8.8", "q6.6", "q4.4", "mixed", "auto")
HALVED = ("q4.4", "mixed")
# quantized training: row, the row it begins with, types
TRAINED = (
    *((f"qat-{name}", "float", name) for name in (*POST, "low")),
    *((f"qat-half-{name}", "half", name) for name in HALVED),
)
# rows that --synth measures: those of the others have the same types and nearly the same hardware
MEASURED = (*POST, *(f"half-{name}" for name in HALVED), "qat-low")
SPARSE = Pruning("unstructured", 0.8, (), "polynomial")
HALF = Pruning("structured", 0.5, ("conv2",))


def chains(options: Options) -> list[Chain]:
    """A chain per seed and recipe; those of the first seed have the hardware rows too."""
    return [
        Chain(f"{setup.name}-{seed}", tuple(_rows(setup, seed, options)))
        for seed in options.seeds
        for setup in SETUPS
    ]


def _rows(setup: Setup, seed: int, options: Options) -> list[Row]:
    base, tuned = setup.seeded(setup.base, seed), setup.seeded(setup.tuned, seed)
    long = setup.seeded(setup.tuned, seed, epochs=2 * setup.tuned.epochs)

    def row(name: str, work: partial[Result], needs: str, **settings: Any) -> Row:
        about = {"base": unusual(base), "dataset": DATASET, **settings}
        files = () if work.func not in (_float, _pruned, _trained) else (f"{name}.keras",)
        return Row(name, about, work, files, (needs,) if needs else ())

    def pruned(name: str, how: Pruning, recipe: Recipe) -> Row:
        work = partial(_pruned, name, how, recipe)
        return row(name, work, "float", recipe=unusual(recipe), pruning=unusual(how))

    nothing = Pruning("unstructured", 0.0)
    rows = [
        row("float", partial(_float, base), ""),
        *(row(name, partial(_quantized, "float", name), "float") for name in POST),
        row("q4.4-rescaled", partial(_quantized, "float", "q4.4:rescaled"), "float"),
        row("q4.4-corrected", partial(_quantized, "float", "q4.4:corrected"), "float"),
        pruned("float-longer", nothing, tuned),
        pruned("half", HALF, setup.seeded(setup.pruned, seed)),
        *(row(f"half-{name}", partial(_quantized, "half", name), "half") for name in HALVED),
        pruned("sparse", SPARSE, long),
    ]
    quantized = [(name, "float", name) for name in POST]
    quantized += [(f"half-{name}", "half", name) for name in HALVED]
    for label, source, name in TRAINED:
        work = partial(_trained, source, name, label, tuned)
        rows.append(row(label, work, source, recipe=unusual(tuned)))
        quantized.append((label, label, "model"))
    if seed != options.seeds[0]:
        return rows
    for label, file, precision in quantized:  # what each costs at one common frame rate
        rows.append(row(f"hw-{label}", partial(_hardware, file, precision), file, cycles=CYCLES))
    if options.synth and setup.name == "best":
        for label, file, precision in quantized:
            if label in MEASURED:
                work = partial(_measured, file, precision)
                rows.append(row(f"synth-{label}", work, file, cycles=CYCLES))
    return rows


def _test(place: Place) -> Dataset:
    return load(DATASET, "test", place.data)


def _graph(place: Place, name: str) -> Graph:
    return float_graph(place.files / f"{name}.keras")


def _typed(place: Place, name: str, precision: str) -> Graph:
    """The integers of a chain's model; ``model``: its own types."""
    graph = _graph(place, name)
    return to_typed_graph(graph, _types(place, graph, precision))


def _types(place: Place, graph: Graph, precision: str) -> Any:
    choice = str(LOW) if precision == "low" else precision
    return choose_precision(choice, graph, "exact", DATASET, place.data)[0]


def _float(recipe: Recipe, place: Place) -> Result:
    """Train the float network; ranges of its weights."""
    done = train(
        "lenet5",
        DATASET,
        place.files / "float.keras",
        recipe,
        data_folder=place.data,
        overwrite=True,
        threads=place.options.threads,
        progress=told(place, recipe.epochs),
    )
    graph = _graph(place, "float")
    return {
        **_scored(graph, "float", place),
        "best_epoch": done.best_epoch,
        "history": [asdict(epoch) for epoch in done.history],
        "layers": {
            op.name: _histogram(op.weights.values) for op in graph.ops if isinstance(op, WeightedOp)
        },
    }


def _histogram(values: npt.NDArray[np.float64]) -> dict[str, Any]:
    counts, edges = np.histogram(values, BINS)
    return {"low": float(edges[0]), "high": float(edges[-1]), "counts": counts.tolist()}


def _scored(graph: Graph, precision: str, place: Place) -> Result:
    test = _test(place)
    assert test.labels is not None
    score = evaluate(graph, test, precision)
    found = as_dict(score, score, per_class(score, test.labels, graph.output.size))
    kept = ("accuracy", "correct", "images", "ties", "confusion")
    return {key: found[key] for key in kept} | size(graph)


def _quantized(source: str, precision: str, place: Place) -> Result:
    """Quantize a float model of the chain after training."""
    return _scored(_typed(place, source, precision), precision, place)


def _pruned(name: str, how: Pruning, recipe: Recipe, place: Place) -> Result:
    """Prune the float network and train it on; what was removed as a whole is taken out."""
    from ..keras_file import load_keras

    done = prune(
        load_keras(str(place.files / "float.keras")),
        how,
        DATASET,
        place.files / f"{name}.keras",
        recipe,
        smaller=how.method == "structured",
        data_folder=place.data,
        overwrite=True,
        threads=place.options.threads,
        progress=told(place, recipe.epochs),
    )
    extra = {"sparsity": done.sparsity, "accuracy_pruned": done.accuracy_pruned}
    history = [asdict(epoch) for epoch in done.history]
    return _scored(_graph(place, name), "float", place) | extra | {"history": history}


def _trained(source: str, precision: str, label: str, recipe: Recipe, place: Place) -> Result:
    """Quantized training; Keras' logits that are not the golden integers are counted."""
    graph = _graph(place, source)
    done = qat(
        graph,
        DATASET,
        place.files / f"{label}.keras",
        Quantization(_types(place, graph, precision).layers),
        recipe,
        label=precision,
        data_folder=place.data,
        overwrite=True,
        threads=place.options.threads,
        progress=told(place, recipe.epochs),
    )
    extra = {"differing": done.differing, "history": [asdict(epoch) for epoch in done.history]}
    return _scored(_typed(place, label, "model"), precision, place) | extra


def _hardware(name: str, precision: str, place: Place) -> Result:
    return hardware(_typed(place, name, precision))


def _measured(name: str, precision: str, place: Place) -> Result:
    return measured(_typed(place, name, precision))


STUDY = Study(
    "lenet5",
    "LeNet-5: precisions, pruning and quantized training, two recipes, with hardware.",
    chains,
    report,
    seeds=(42, 1, 2, 3, 4),
)
