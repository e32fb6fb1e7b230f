"""Training of a zoo network: fixed seeds, best epoch by validation accuracy, atomic result.

Input: a network's name, a data set and a ``Recipe``; output: a ``.keras`` file without optimizer
state, whose bytes depend on the weights only, and a ``TrainingResult``. The pixels are scaled by
1/255 outside of the model. The test set is read once, after the choice, for the report. After every
epoch the state is kept beside the output; a training that goes on from it ends with the same bytes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..codegen.errors import UserError
from ..codegen.frontend.keras_runtime import import_keras
from . import zoo
from .datasets import Dataset, Images, load
from .history import Epoch as Epoch
from .recipe import Recipe
from .resume import Reached, StateFile, training_facts
from .session import Session
from .training_step import Extras, batches, make_optimizer, make_step


@dataclass(frozen=True)
class TrainingResult:
    """A finished training; accuracies are 0..1 over whole sets, in float.

    ``stopped_early``: the recipe's patience ended it before its last epoch.
    """

    network: str
    dataset: str
    recipe: Recipe
    parameters: int
    best_epoch: int
    stopped_early: bool
    validation_accuracy: float
    test_accuracy: float
    test_images: int
    history: tuple[Epoch, ...]
    versions: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


Progress = Callable[[int, int, Epoch | None], None]  # (step, steps, epoch when one has ended)


def scaled(images: Images) -> npt.NDArray[np.float32]:
    """Return uint8 pixels as the float32 values in 0..1 the networks are trained on (x / 255)."""
    return images.astype(np.float32) / np.float32(255)


def split_validation(
    count: int, part: float, seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return (training, validation) indices: a seeded permutation of ``range(count)``, cut."""
    order = np.random.Generator(np.random.PCG64(seed)).permutation(count).astype(np.int64)
    kept = max(1, round(count * part))
    if kept >= count:
        raise UserError(f"{count} training images are too few for a validation part of {part}")
    return np.sort(order[kept:]), np.sort(order[:kept])


def accuracy(model: Any, dataset: Dataset, batch: int = 1000) -> float:
    """Return the float accuracy (0..1) of a Keras model on a data set; ties go to the lowest class.

    ``UserError`` if the model's output does not match the labels.
    """
    labels = dataset.labels
    if labels is None:
        raise UserError(f"{dataset.source} has no labels")
    classes = int(model.output_shape[-1])
    if labels.size and int(labels.max()) >= classes:
        raise UserError(f"the model has {classes} outputs, the labels go up to {labels.max()}")
    good = 0
    for start in range(0, len(labels), batch):
        scores = np.asarray(model(scaled(dataset.images[start : start + batch]), training=False))
        good += int(np.sum(scores.argmax(axis=1) == labels[start : start + batch]))
    return good / len(labels)


def prepare_tensorflow(threads: int = 2) -> Any:
    """Return the ``tensorflow`` module, limited to ``threads`` and to deterministic kernels."""
    keras = import_keras()
    if keras.backend.backend() != "tensorflow":
        raise UserError(
            f"training needs Keras' TensorFlow backend, this process uses {keras.backend.backend()}"
        )
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError:
        pass  # TensorFlow has computed before: its threads are what they are
    tf.config.experimental.enable_op_determinism()
    return tf


def train(
    network: str,
    dataset: str,
    out: Path,
    recipe: Recipe | None = None,
    *,
    data_folder: Path | None = None,
    allow_download: bool = False,
    overwrite: bool = False,
    threads: int = 2,
    progress: Progress | None = None,
    resume: bool = False,
    history_file: Path | None = None,
) -> TrainingResult:
    """Train ``network`` on ``dataset`` and write the best epoch to ``out`` (``.keras``).

    ``progress`` is called after every step. ``resume``: go on from the state that an interrupted
    training left beside ``out``, if there is one; ``history_file``: a ``.csv`` or ``.json`` file
    for the epochs. Raises ``UserError`` for unknown names, an existing ``out`` or ``history_file``
    (unless ``overwrite``), images of another shape than the network's, labels out of range, the
    state of another training and a loss that stops being finite; nothing is written then.
    """
    recipe = recipe or Recipe()
    zoo.entry(network)  # an unknown name is said before anything is loaded
    session = Session(out, overwrite, resume, history_file)
    data = load(dataset, "train", data_folder, allow_download=allow_download)
    test = load(dataset, "test", data_folder, allow_download=allow_download)
    tf = prepare_tensorflow(threads)
    keras = import_keras()
    keras.utils.set_random_seed(recipe.seed)
    model = zoo.build(network)
    if tuple(model.input_shape[1:]) != data.images.shape[1:]:
        raise UserError(
            f"{network} takes images {tuple(model.input_shape[1:])}, "
            f"{dataset} has {data.images.shape[1:]}"
        )
    state = session.state(training_facts("train", model, data, recipe, threads))
    history, chosen = fit(tf, keras, model, data, recipe, progress, state=state)
    result = TrainingResult(
        network=network,
        dataset=dataset,
        recipe=recipe,
        parameters=int(model.count_params()),
        best_epoch=chosen.number,
        stopped_early=len(history) < recipe.epochs,
        validation_accuracy=chosen.validation_accuracy,
        test_accuracy=accuracy(model, test),
        test_images=len(test.images),
        history=tuple(history),
        versions=versions(),
    )
    session.finish(model, history)
    return result


def versions() -> dict[str, str]:
    """Versions of what computes a training, by package."""
    import tensorflow as tf

    return {
        "keras": import_keras().__version__,
        "tensorflow": tf.__version__,
        "numpy": np.__version__,
    }


def fit(
    tf: Any,
    keras: Any,
    model: Any,
    data: Dataset,
    recipe: Recipe,
    progress: Progress | None = None,
    extras: Extras | None = None,
    state: StateFile | None = None,
) -> tuple[list[Epoch], Epoch]:
    """Train ``model``; it gets the weights of the best validation epoch, which is also returned.

    ``state`` is read first and written after every epoch; whoever writes the model removes it.
    Returns (all epochs, the best one). ``UserError`` for labels out of range and a loss that stops
    being finite.
    """
    extras = extras or Extras()
    assert data.labels is not None
    classes = int(model.output_shape[-1])
    if int(data.labels.max()) >= classes or int(data.labels.min()) < 0:
        raise UserError(f"{data.source}: labels must be in 0..{classes - 1}")
    chosen, kept = split_validation(len(data.images), recipe.validation, recipe.seed)
    steps = math.ceil(len(chosen) / recipe.batch)
    held = Dataset(data.images[kept], data.labels[kept], data.name, data.source)
    steps_data = batches(tf, data.images[chosen], data.labels[chosen], recipe)
    optimizer = make_optimizer(keras, recipe, steps * recipe.epochs)
    step = make_step(tf, keras, model, recipe, optimizer, extras)
    moving = [*model.variables, *optimizer.variables, *extras.moving]
    reached = Reached()
    if state is not None:
        reached = state.load(moving, model.get_weights())
    if reached.history and extras.resumed:
        extras.resumed()
    for _ in reached.history:
        iter(steps_data)  # the orders of the epochs that are done
    while not _ended(reached, recipe):
        number, start = len(reached.history) + 1, time.perf_counter()
        rate = float(f"{float(optimizer.learning_rate):.7g}")  # a float32 has no more digits
        losses, hits = 0.0, 0
        for index, (images, labels) in enumerate(steps_data, 1):
            if extras.before_step:
                extras.before_step((number - 1) * steps + index - 1)
            results = step(images, labels)
            loss = float(results[0])
            if not math.isfinite(loss):
                raise _diverged(f"loss {loss} in epoch {number}, step {index}", recipe, state)
            losses, hits = losses + loss, hits + int(results[1])
            if progress and index < steps:
                progress(index, steps, None)
        validation = _evaluate(model, held, extras.logits)
        if not math.isfinite(validation[0]):
            raise _diverged(f"validation loss {validation[0]} in epoch {number}", recipe, state)
        seconds = time.perf_counter() - start
        epoch = Epoch(number, losses / steps, hits / len(chosen), *validation, rate, seconds)
        _keep(reached, epoch, model, extras.first_choice)
        if state is not None:
            state.save(moving, reached)
        if progress:
            progress(steps, steps, epoch)
    model.set_weights(reached.weights)
    assert reached.best is not None
    return reached.history, reached.best


def _ended(reached: Reached, recipe: Recipe) -> bool:
    """Whether all epochs are done, or as many as the patience allows have passed the best one."""
    done = len(reached.history)
    waited = done - reached.best.number if reached.best else 0
    return done >= recipe.epochs or 0 < recipe.patience <= waited


def _keep(reached: Reached, epoch: Epoch, model: Any, first_choice: int) -> None:
    """Add ``epoch``; if it is the best so far and a candidate, keep the weights as well."""
    reached.history.append(epoch)
    best = reached.best
    score = (epoch.validation_accuracy, -epoch.validation_loss)
    if epoch.number >= first_choice and (
        best is None or score > (best.validation_accuracy, -best.validation_loss)
    ):
        reached.best = epoch
        reached.weights = [np.array(weight) for weight in model.get_weights()]


def _diverged(what: str, recipe: Recipe, state: StateFile | None) -> UserError:
    """The error that ends a training for good, so without its state."""
    if state is not None:
        state.remove()
    return UserError(f"training diverged: {what}; try a learning rate below {recipe.lr:g}")


def _evaluate(model: Any, held: Dataset, logits: bool) -> tuple[float, float]:
    """Return (mean cross-entropy, accuracy) over ``held``."""
    scores = np.concatenate(
        [
            np.asarray(model(scaled(held.images[i : i + 1000]), training=False), dtype=np.float64)
            for i in range(0, len(held.images), 1000)
        ]
    )
    assert held.labels is not None
    if logits:
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        scores /= scores.sum(axis=1, keepdims=True)
    right = scores[np.arange(len(scores)), held.labels]
    loss = float(-np.log(np.maximum(right, 1e-12)).mean())
    return loss, float((scores.argmax(axis=1) == held.labels).mean())
