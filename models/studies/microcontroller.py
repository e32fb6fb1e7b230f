"""Study ``microcontroller``: LeNet-5 as TensorFlow Lite files, beside the integers of the hardware.

Per data set and seed a chain: six networks (float, trained on, 80 % of the weights pruned, half of
the filters and neurons removed, quantized training, pruning and quantized training), each as five
kinds of file. Quantized training is lenetgen's own, to 8-bit weights and results in powers of two
(``auto``); its weights go into a plain Keras model, which is converted like the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from ...codegen.frontend.quantizers import import_hgq
from ...codegen.precision import AUTO, OWN
from ..datasets import load
from ..keras_file import load_keras
from ..prune import prune
from ..pruning import Pruning
from ..qat import qat
from ..quantized_model import Quantization
from ..recipe import Recipe
from ..training import Epoch, train
from . import tflite
from .microcontroller_report import report
from .rows import Chain, Options, Place, Result, Row, Study, unusual
from .steps import float_graph, score, told, training_part, typed, types

DATASETS = ("mnist", "fashion-mnist")
CALIBRATION = 512  # images, the first of the training part
NOTHING = Pruning("unstructured", 0.0)
SPARSE = Pruning("unstructured", 0.8, (), "polynomial")
HALF = Pruning("structured", 0.5)


@dataclass(frozen=True)
class Network:
    """How a network comes from another of its chain: ``pruning``, else quantized training."""

    name: str
    source: str
    pruning: Pruning | None = None

    @property
    def precisions(self) -> tuple[str, ...]:
        """What its integers are computed with."""
        return ("mixed", AUTO) if self.pruning else (OWN,)


FLOAT = Network("float", "", NOTHING)  # trained from scratch
NETWORKS = (
    FLOAT,
    Network("longer", "float", NOTHING),
    Network("sparse", "float", SPARSE),
    Network("half", "float", HALF),
    Network("qat", "float"),
    Network("sparse-qat", "sparse"),
)


@dataclass(frozen=True)
class Work:
    """What the rows of a chain share: data set, recipe of the first network, of the later ones."""

    dataset: str
    base: Recipe
    tuned: Recipe

    def calibration(self, place: Place) -> Any:
        """Images that types and TensorFlow Lite's scales come from, never test images."""
        part = training_part(self.dataset, place, self.base.validation, self.base.seed)
        return part.images[:CALIBRATION]


def chains(options: Options) -> list[Chain]:
    """A chain per data set and seed."""
    epochs, more = (16, 8) if options.full else (6, 3)
    tuned = Recipe(epochs=more, lr=1e-3, weight_noise=0.0, activity_limit=0.0)
    return [
        Chain(
            f"{dataset}-{seed}",
            rows(Work(dataset, Recipe(epochs=epochs, seed=seed), replace(tuned, seed=seed))),
        )
        for seed in options.seeds
        for dataset in DATASETS
    ]


def rows(
    work: Work, networks: Sequence[Network] = NETWORKS, kinds: Sequence[str] = tflite.KINDS
) -> tuple[Row, ...]:
    """The networks, then their integers, then their files."""
    about = {"dataset": work.dataset, "base": unusual(work.base), "tuned": unusual(work.tuned)}

    def row(name: str, step: Callable[[Place], Result], file: str, **settings: Any) -> Row:
        return Row(name, {**about, **settings}, step, (file,) if file else ())

    found = []
    for network in networks:
        step = partial(_network, work, network)
        found.append(row(network.name, step, f"{network.name}.keras", network=asdict(network)))
    for network in networks:
        for precision in network.precisions:
            step = partial(_integers, work, network.name, precision)
            found.append(row(f"{network.name}-{precision}", step, "", precision=precision))
    for network in networks:
        for kind in kinds:
            name = f"{network.name}-{kind}"
            step = partial(_file, work, network.name, kind)
            found.append(row(name, step, f"{name}.tflite", kind=kind, calibration=CALIBRATION))
    return tuple(found)


def _network(work: Work, network: Network, place: Place) -> Result:
    """Train, prune or train with quantizers; the best epoch on the validation images is kept."""
    tflite.check_lite()  # before the hours, not after them
    out = place.files / f"{network.name}.keras"
    source = place.files / f"{network.source}.keras"
    recipe = work.tuned if network.source else work.base
    common: Mapping[str, Any] = {
        "data_folder": place.data,
        "overwrite": True,
        "threads": place.options.threads,
        "progress": told(place, recipe.epochs),
    }
    extra: Result = {}
    history: Sequence[Epoch]
    if not network.source:
        trained = train("lenet5", work.dataset, out, recipe, **common)
        best, history = trained.best_epoch, trained.history
    elif network.pruning is not None:
        smaller = network.pruning.method == "structured"
        model = load_keras(str(source))
        pruned = prune(model, network.pruning, work.dataset, out, recipe, smaller=smaller, **common)
        best, history = pruned.best_epoch, pruned.history
        extra = {"sparsity": pruned.sparsity, "accuracy_pruned": pruned.accuracy_pruned}
    else:
        graph = float_graph(source)
        how = Quantization(types(graph, AUTO, work.calibration(place)).layers)
        quantized = qat(graph, work.dataset, out, how, recipe, label=AUTO, **common)
        best, history = quantized.best_epoch, quantized.history
        extra = {"differing": quantized.differing}
    return {
        "best_epoch": best,
        "validation_accuracy": history[best - 1].validation_accuracy,
        "history": [asdict(epoch) for epoch in history],
        **extra,
    }


def _integers(work: Work, name: str, precision: str, place: Place) -> Result:
    """What the generated hardware would give."""
    graph = float_graph(place.files / f"{name}.keras")
    images = work.calibration(place)
    return score(typed(graph, precision, images), load(work.dataset, "test", place.data))


def _file(work: Work, name: str, kind: str, place: Place) -> Result:
    """Convert, keep and measure a TensorFlow Lite file."""
    import_hgq()
    model = tflite.plain(load_keras(str(place.files / f"{name}.keras")))
    content = tflite.convert(model, kind, work.calibration(place))
    (place.files / f"{name}-{kind}.tflite").write_bytes(content)
    test = load(work.dataset, "test", place.data)
    return tflite.measure(content, test, tflite.kernel_shapes(model))


STUDY = Study(
    "microcontroller",
    "LeNet-5 as TensorFlow Lite files for MNIST and Fashion-MNIST.",
    chains,
    report,
    seeds=(1,),
    datasets=DATASETS,
)
