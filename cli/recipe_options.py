"""What the training commands share: data and recipe options, the output's name, a progress bar."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress

from ..codegen.errors import UserError
from ..models.datasets import find
from ..models.recipe import OPTIMIZERS, SCHEDULES, Recipe

Command = Callable[..., Any]

_KNOBS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "epochs": ("--epochs", "Passes over the training set.", {}),
    "batch": ("--batch", "Images per step.", {}),
    "seed": ("--seed", "Of weights, split, order, augmentation and noise.", {}),
    "optimizer": ("--optimizer", "How gradients are applied.", {"type": click.Choice(OPTIMIZERS)}),
    "momentum": ("--momentum", "Of sgd, Nesterov's; 0: none.", {}),
    "lr": ("--lr", "Learning rate at the start.", {}),
    "schedule": ("--schedule", "Course of the learning rate.", {"type": click.Choice(SCHEDULES)}),
    "augment": ("--augment/--no-augment", "Shift, rotate and scale images a little.", {}),
    "weight_noise": (
        "--weight-noise",
        "Width of uniform noise on kernels; 0.0625 mimics Q4.4.",
        {},
    ),
    "activity_limit": ("--activity-limit", "Penalise hidden results beyond this; 0: off.", {}),
    "label_smoothing": ("--label-smoothing", "Probability spread over all classes.", {}),
    "validation": ("--validation", "Part of the training set kept to choose the epoch.", {}),
}


def recipe_options(default: Recipe, *left_out: str) -> Callable[[Command], Command]:
    """Add an option for every field of ``Recipe`` but those ``left_out``; they arrive by name."""

    def decorate(command: Command) -> Command:
        for field, (name, text, more) in reversed(_KNOBS.items()):
            if field not in left_out:
                preset = getattr(default, field)
                add = click.option(
                    name, field, default=preset, show_default=True, help=text, **more
                )
                command = add(command)
        return command

    return decorate


def data_options(command: Command) -> Command:
    """Add ``dataset``, ``data``, ``download``, ``force``, ``threads`` and ``as_json``."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print the result as JSON only."),
        click.option(
            "--threads",
            type=click.IntRange(min=1),
            default=2,
            show_default=True,
            help="CPU threads.",
        ),
        click.option("--force", is_flag=True, help="Replace an existing file."),
        click.option("--download", is_flag=True, help="Let Keras download a data set not found."),
        click.option(
            "--data", type=click.Path(path_type=Path), help="Folder that holds the data set."
        ),
        click.option("--dataset", help="A data set's name; default: the network's own."),
    ):
        command = option(command)
    return command


def default_output(model: str, what: str) -> Path:
    """``runs/base.keras`` -> ``runs/base-WHAT.keras``; a bundled model's goes to ``runs``."""
    path = Path(model)
    folder = path.parent if path.suffix or len(path.parts) > 1 else Path("runs")
    return folder / f"{path.stem if path.suffix else path.name}-{what}.keras"


def default_dataset(model: str, shape: tuple[int, ...], *, download: bool) -> str:
    """MNIST where it is found, else the digits; ``UserError`` where they don't fit ``shape``."""
    if shape != (28, 28, 1):
        size = "x".join(map(str, shape))
        raise UserError(f"{model} takes images {size}: name a data set with --dataset")
    return "mnist" if download or find("mnist", part="train") is not None else "digits"


class Report:
    """A progress bar on standard error and one line per epoch on standard output."""

    def __init__(self, silent: bool, epochs: int) -> None:
        self._silent = silent
        self._epochs = epochs
        self._bar = Progress(console=Console(stderr=True), transient=True, disable=silent)
        self._task = self._bar.add_task("loading", total=None)

    def __enter__(self) -> Report:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def step(self, step: int, steps: int, epoch: Any) -> None:
        """Show a step; ``epoch`` is an ``Epoch`` when one has ended, else None."""
        self._bar.update(self._task, description="training", completed=step, total=steps)
        if epoch is not None and not self._silent:
            values = dataclasses.asdict(epoch)
            click.echo(
                "epoch {number}/{epochs}: loss {loss:.4f}, validation loss {validation_loss:.4f}, "
                "accuracy {percent:.2f} %, {seconds:.1f} s".format(
                    epochs=self._epochs, percent=100 * values["validation_accuracy"], **values
                )
            )
