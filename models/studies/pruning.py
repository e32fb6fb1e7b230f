"""Study ``pruning``: how much of a network can go, what it costs in accuracy and saves in hardware.

Per network and seed a chain: the network is trained, then pruned in twelve ways from that one file
({unstructured, structured} × {one-shot, polynomial} × {30, 50, 70 %}) and trained on; ``longer`` is
trained on without pruning. The rows of the first seed are also timed on the CPU and, where the
network can be emitted, estimated in hardware. Epochs are chosen on validation images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from ...codegen.frontend.keras_runtime import import_keras
from .. import zoo
from ..archive import write_model
from ..datasets import Dataset, load
from ..keras_file import load_keras
from ..prune import MaskSchedule
from ..pruning import METHODS, SCHEDULES, Masks, Pruning
from ..recipe import Recipe
from ..shrinking import shrink
from ..split import split
from ..training import Epoch, accuracy, fit, prepare_tensorflow, scaled
from .hardware import CYCLES, hardware
from .latency import latencies
from .pruning_report import report
from .rows import Chain, Options, Place, Result, Row, Study, unusual
from .steps import float_graph, score, told, typed

SPARSITIES = (0.3, 0.5, 0.7)
CALIBRATION = 512  # images for ``auto``, the first of the training part
SAME = 1000  # test images on which a shrunk network is compared with the masked one


@dataclass(frozen=True)
class Network:
    """A network of the zoo, how it is trained and trained on, and what its integers are.

    ``images``: of the training set, all if None; ``precision``: empty for a network that can only
    be masked; ``cycles``: per frame, the goal of the hardware estimates.
    """

    name: str
    dataset: str
    images: int | None
    base: Recipe
    tuned: Recipe
    precision: str = ""
    cycles: int = CYCLES

    def seeded(self, seed: int) -> Network:
        """The network with recipes of that seed, so with the same validation images in both."""
        return replace(
            self, base=replace(self.base, seed=seed), tuned=replace(self.tuned, seed=seed)
        )


PLAIN = Recipe(augment=False, weight_noise=0.0, activity_limit=0.0)
TUNED = replace(PLAIN, lr=1e-3)


def networks(full: bool) -> tuple[Network, ...]:
    """What is studied; ``full`` takes all images, more epochs and MobileNetV2."""

    def network(name: str, dataset: str, base: int, tuned: int, *other: Any) -> Network:
        recipes = replace(PLAIN, epochs=base), replace(TUNED, epochs=tuned)
        return Network(name, dataset, None if full else 20_000, *recipes, *other)

    if not full:
        return (
            network("lenet5", "mnist", 6, 3, "mixed", CYCLES),
            network("cifar-small", "cifar10", 12, 3, "auto", 8000),
        )
    return (
        network("lenet5", "mnist", 12, 8, "mixed", CYCLES),
        network("cifar-small", "cifar10", 20, 10, "auto", 8000),
        network("mobilenetv2", "cifar10", 40, 10),
    )


def chains(options: Options) -> list[Chain]:
    """A chain per network and seed; those of the first seed have latency and hardware too."""
    return [
        Chain(f"{each.name}-{seed}", rows(each.seeded(seed), seed == options.seeds[0]))
        for seed in options.seeds
        for each in networks(options.full)
    ]


def ways(sparsities: Sequence[float] = SPARSITIES) -> dict[str, Pruning]:
    """What is done to the trained network, by the row's name."""
    found = {"longer": Pruning("unstructured", 0.0)}
    for method in METHODS:
        for schedule in SCHEDULES:
            for part in sparsities:
                name = f"{method}-{schedule}-{round(100 * part)}"
                found[name] = Pruning(method, part, (), schedule)
    return found


def rows(
    network: Network, first: bool, sparsities: Sequence[float] = SPARSITIES
) -> tuple[Row, ...]:
    """The trained network, the pruned ones, then latency and hardware."""
    about: dict[str, Any] = {
        "network": network.name,
        "dataset": network.dataset,
        "images": network.images,
        "precision": network.precision,
        "base": unusual(network.base),
    }
    found = [Row("base", about, partial(_base, network), ("base.keras",), ())]
    emitted = {"base": "base.keras"}
    for name, how in ways(sparsities).items():
        files = dict.fromkeys((f"{name}.keras", _emitted(network, name, how)))
        settings = {**about, "tuned": unusual(network.tuned), "pruning": asdict(how)}
        step = partial(_pruned, network, name, how)
        found.append(Row(name, settings, step, tuple(files), ("base",)))
        emitted[name] = _emitted(network, name, how)
    if not first:
        return tuple(found)
    if network.precision:
        for name, file in emitted.items():
            step = partial(_hardware, network, file)
            settings = {**about, "cycles": network.cycles}
            found.append(Row(f"hw-{name}", settings, step, (), (name,)))
    timed = [file for row in found for file in row.files]
    settings = {**about, "files": timed}
    found.append(Row("latency", settings, partial(_latency, timed), (), tuple(emitted)))
    return tuple(found)


def _emitted(network: Network, name: str, how: Pruning) -> str:
    """The file of a row that types and hardware are for: shrunk if it can be and was pruned."""
    return f"{name}-small.keras" if network.precision and how.sparsity else f"{name}.keras"


@cache
def _images(dataset: str, part: str, folder: Path | None) -> Dataset:
    return load(dataset, part, folder)


def _train(network: Network, place: Place) -> Dataset:
    return _images(network.dataset, "train", place.data).first(network.images)


def _test(network: Network, place: Place) -> Dataset:
    return _images(network.dataset, "test", place.data)


def _fit(
    recipe: Recipe, network: Network, place: Place, start: Callable[[], Any], how: Pruning | None
) -> tuple[Any, Masks | None, Result]:
    """Train what ``start`` makes, pruned as ``how`` says; (model, masks, what was measured)."""
    tf = prepare_tensorflow(place.options.threads)
    keras = import_keras()
    keras.utils.set_random_seed(recipe.seed)
    model = start()
    train, test = _train(network, place), _test(network, place)
    result: Result = {}
    masks = extras = None
    if how is not None:
        result["accuracy_before"] = accuracy(model, test)
        masks = Masks(model, how)
        if how.schedule == "one-shot":
            masks.tighten(how.sparsity)
            result["accuracy_pruned"] = accuracy(model, test)
        steps = -(-len(split(train, recipe.validation, recipe.seed)[0]) // recipe.batch)
        extras = MaskSchedule(tf, masks, how, steps * recipe.epochs).extras(steps)
    history, chosen = fit(tf, keras, model, train, recipe, told(place, recipe.epochs), extras)
    return model, masks, result | _outcome(model, test, history, chosen)


def _outcome(model: Any, test: Dataset, history: Sequence[Epoch], chosen: Epoch) -> Result:
    kernels = [each for each in model.get_weights() if each.ndim > 1]
    return {
        "accuracy": accuracy(model, test),
        "images": len(test),
        "best_epoch": chosen.number,
        "validation_accuracy": chosen.validation_accuracy,
        "parameters": int(model.count_params()),
        "weights": sum(each.size for each in kernels),
        "nonzero": sum(int(np.count_nonzero(each)) for each in kernels),
        "history": [asdict(epoch) for epoch in history],
    }


def _base(network: Network, place: Place) -> Result:
    """Train the network that all rows begin with."""
    start = partial(zoo.build, network.name)
    model, _, result = _fit(network.base, network, place, start, None)
    write_model(model, place.files / "base.keras")
    if network.precision:
        result["integers"] = _integers(network, "base.keras", place)
    return result


def _pruned(network: Network, name: str, how: Pruning, place: Place) -> Result:
    """Prune the trained network and train it on; shrink it if it can be emitted."""
    start = partial(load_keras, str(place.files / "base.keras"))
    model, masks, result = _fit(network.tuned, network, place, start, how)
    assert masks is not None
    result |= {"asked": how.sparsity, "reached": masks.reached, "layers": masks.by_layer()}
    write_model(model, place.files / f"{name}.keras")
    file = _emitted(network, name, how)
    if file != f"{name}.keras":
        small = shrink(model)
        images = scaled(_test(network, place).images[:SAME])
        kinds = [np.asarray(each(images, training=False)).argmax(axis=1) for each in (model, small)]
        result["small_parameters"] = int(small.count_params())
        result["small_differs"] = int((kinds[0] != kinds[1]).sum())
        write_model(small, place.files / file)
    if network.precision:
        result["integers"] = _integers(network, file, place)
    return result


def _typed(network: Network, file: str, place: Place) -> Any:
    part = split(_train(network, place), network.base.validation, network.base.seed)[0]
    return typed(float_graph(place.files / file), network.precision, part.images[:CALIBRATION])


def _integers(network: Network, file: str, place: Place) -> Result:
    """Accuracy of the integers that hardware gives."""
    return score(_typed(network, file, place), _test(network, place))


def _hardware(network: Network, file: str, place: Place) -> Result:
    return hardware(_typed(network, file, place), network.cycles)


def _latency(files: Sequence[str], place: Place) -> Result:
    found = latencies([place.files / file for file in files], place.told)
    return {"micros": dict(zip(files, found, strict=True))}


STUDY = Study(
    "pruning",
    "Unstructured and structured pruning, at once and step by step, on LeNet-5 and CIFAR-10.",
    chains,
    report,
    seeds=(1,),
    datasets=("mnist", "cifar10"),
)
