"""Prune a trained model, fine-tune it with its masks, perhaps shrink it, and write it.

Input: a Keras model, a ``Pruning`` and a data set; output: a ``.keras`` file and a
``PruneResult``. The test set is read for the report only.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from ..codegen.errors import UserError
from ..codegen.frontend.keras_runtime import import_keras
from .datasets import load
from .pruning import Masks, Pruning, polynomial
from .recipe import Recipe
from .resume import training_facts
from .session import Session
from .shrinking import shrink
from .split import split
from .training import Epoch, Progress, accuracy, fit, prepare_tensorflow, versions
from .training_step import Extras

RECIPE = Recipe(epochs=2, lr=1e-3, weight_noise=0.0, activity_limit=0.0)
RAMP = 0.5  # part of the fine-tuning in which a polynomial schedule prunes
UPDATES = 50  # times it does so, at most


@dataclass(frozen=True)
class PruneResult:
    """A pruned model; accuracies are 0..1 over the whole test set, in float.

    ``sparsity``: reached, of weights or of filters; ``layers``: (left, all) of them by layer;
    ``parameters``: of the written file, after shrinking; ``nonzero``: its weights that aren't zero.
    """

    model: str
    dataset: str
    method: str
    schedule: str
    asked: float
    sparsity: float
    layers: dict[str, tuple[int, int]]
    recipe: Recipe | None
    test_images: int
    accuracy_before: float
    accuracy_pruned: float
    accuracy: float
    best_epoch: int
    stopped_early: bool
    parameters_before: int
    parameters: int
    nonzero: int
    history: tuple[Epoch, ...]
    versions: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def prune(
    model: Any,
    how: Pruning,
    dataset: str,
    out: Path,
    recipe: Recipe | None = RECIPE,
    *,
    smaller: bool = False,
    data_folder: Path | None = None,
    allow_download: bool = False,
    overwrite: bool = False,
    threads: int = 2,
    progress: Progress | None = None,
    resume: bool = False,
    history_file: Path | None = None,
) -> PruneResult:
    """Prune ``model`` in place and write it to ``out``; ``recipe`` None: no fine-tuning.

    ``smaller``: what was pruned and what no result depends on is taken out of the written file;
    ``resume`` and ``history_file`` as of ``train``. ``UserError`` for unknown layers, a model of
    HGQ2, images or labels that don't fit, an existing ``out`` (unless ``overwrite``), the state of
    another training, a history without fine-tuning and a loss that stops being finite; nothing is
    written then.
    """
    session = Session(out, overwrite, resume, history_file)
    if recipe is None and history_file is not None:
        raise UserError(f"{history_file}: without an epoch of fine-tuning there is no history")
    if recipe is None and how.schedule == "polynomial":
        raise UserError("a polynomial schedule prunes during fine-tuning: give it an epoch or more")
    tf = prepare_tensorflow(threads)
    keras = import_keras()
    masks = Masks(model, how)
    if smaller:
        shrink(model)  # a model that can't be shrunk is refused before the work
    data = load(dataset, "train", data_folder, allow_download=allow_download)
    test = load(dataset, "test", data_folder, allow_download=allow_download)
    if tuple(model.input_shape[1:]) != data.images.shape[1:]:
        raise UserError(
            f"{model.name} takes images {tuple(model.input_shape[1:])}, "
            f"{dataset} has {data.images.shape[1:]}"
        )
    before, parameters = accuracy(model, test), int(model.count_params())
    if how.schedule == "one-shot":
        masks.tighten(how.sparsity)
    pruned = accuracy(model, test)
    history: list[Epoch] = []
    best = 0
    if recipe is not None:
        keras.utils.set_random_seed(recipe.seed)
        _seed_layers(model, recipe.seed)
        steps = -(-len(split(data, recipe.validation, recipe.seed)[0]) // recipe.batch)
        extras = MaskSchedule(tf, masks, how, steps * recipe.epochs).extras(steps)
        facts = training_facts("prune", model, data, recipe, threads)
        facts |= {f"pruning {each.name}": str(getattr(how, each.name)) for each in fields(how)}
        state = session.state(facts)
        history, chosen = fit(tf, keras, model, data, recipe, progress, extras, state)
        best = chosen.number
    final = shrink(model) if smaller else model
    result = PruneResult(
        model=str(model.name),
        dataset=dataset,
        method=how.method,
        schedule=how.schedule,
        asked=how.sparsity,
        sparsity=masks.reached,
        layers=masks.by_layer(),
        recipe=recipe,
        test_images=len(test),
        accuracy_before=before,
        accuracy_pruned=pruned,
        accuracy=accuracy(final, test),
        best_epoch=best,
        stopped_early=recipe is not None and len(history) < recipe.epochs,
        parameters_before=parameters,
        parameters=int(final.count_params()),
        nonzero=sum(int(np.count_nonzero(each)) for each in final.get_weights() if each.ndim > 1),
        history=tuple(history),
        versions=versions(),
    )
    session.finish(final, history)
    return result


def _seed_layers(model: Any, seed: int) -> None:
    """Seed the layers that draw (dropout, noise): those of a loaded model have a seed by chance."""
    states = [each for each in model.variables if each.path.endswith("seed_generator_state")]
    for number, state in enumerate(states):
        state.assign([seed, number])


class MaskSchedule:
    """Tightens the masks between steps; the step itself reads them as TensorFlow variables."""

    def __init__(self, tf: Any, masks: Masks, how: Pruning, total: int) -> None:
        self.masks = masks
        self.how = how
        self.ramp = max(1, int(total * RAMP)) if how.schedule == "polynomial" else 0
        self.every = max(1, self.ramp // UPDATES)
        self.pairs = [
            (variable, tf.Variable(mask, trainable=False)) for variable, mask in masks.variables()
        ]

    def extras(self, steps: int) -> Extras:
        """What ``fit`` needs; ``steps`` of an epoch. An epoch that ends too dense is no choice."""
        first = self.ramp // steps + 1
        return Extras(
            masks=self.pairs,
            before_step=self.before_step,
            first_choice=first,
            moving=[held for _, held in self.pairs],
            resumed=self.resumed,
        )

    def before_step(self, number: int) -> None:
        """Prune a little more, if it is time."""
        if number > self.ramp or not self.ramp or (number % self.every and number != self.ramp):
            return
        self.masks.tighten(polynomial(self.how.sparsity, number / self.ramp))
        for (_, held), (_, mask) in zip(self.pairs, self.masks.variables(), strict=True):
            held.assign(mask)

    def resumed(self) -> None:
        """Take the masks of an interrupted training from their variables."""
        held = {variable.path: mask for variable, mask in self.pairs}
        self.masks.kernels = [held[layer.kernel.path].numpy() != 0 for layer in self.masks.layers]
