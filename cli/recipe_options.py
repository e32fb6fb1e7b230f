"""What the training commands share: their options, the output's name, a progress bar."""

from __future__ import annotations

import dataclasses
import functools
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
from ..models.threads import limit_threads

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
    "patience": ("--patience", "Stop after so many epochs without a better one; 0: never.", {}),
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


@dataclasses.dataclass(frozen=True)
class Run:
    """What every training command is told besides what it trains, and how."""

    dataset: str | None
    data: Path | None
    download: bool
    force: bool
    threads: int
    resume: bool
    history: Path | None
    as_json: bool

    def keywords(self) -> dict[str, Any]:
        """The keywords that ``train``, ``qat`` and ``prune`` share, but ``progress``."""
        return {
            "data_folder": self.data,
            "allow_download": self.download,
            "overwrite": self.force,
            "threads": self.threads,
            "resume": self.resume,
            "history_file": self.history,
        }


def run_options(command: Command) -> Command:
    """Add the options that are the fields of ``Run``; they arrive together, as ``run``."""

    @functools.wraps(command)
    def collected(**values: Any) -> Any:
        run = Run(**{field.name: values.pop(field.name) for field in dataclasses.fields(Run)})
        limit_threads(run.threads)
        return command(run=run, **values)

    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print the result as JSON only."),
        click.option(
            "--history",
            type=click.Path(path_type=Path),
            help="Write a row per epoch to this .csv or .json file.",
        ),
        click.option(
            "--resume",
            is_flag=True,
            help="Go on behind the last epoch of the same command, if it was interrupted.",
        ),
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
        collected = option(collected)
    return collected


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


def chosen_epoch(result: Any) -> str:
    """``epoch 3 of 5``, and what ended the training if its recipe had more epochs.

    ``result``: what ``train``, ``qat`` or ``prune`` returned.
    """
    text = f"epoch {result.best_epoch} of {len(result.history)}"
    if not result.stopped_early:
        return text
    return f"{text} (stopped early: {result.recipe.patience} without a better one)"


class Report:
    """A progress bar on standard error and one line per epoch on standard output."""

    def __init__(self, silent: bool, epochs: int) -> None:
        self._silent = silent
        self._epochs = epochs
        self._done = 0
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
        if isinstance(error, KeyboardInterrupt) and self._done:
            click.echo(f"epoch {self._done} is kept: --resume goes on behind it", err=True)

    def step(self, step: int, steps: int, epoch: Any) -> None:
        """Show a step; ``epoch`` is an ``Epoch`` when one has ended, else None."""
        self._bar.update(self._task, description="training", completed=step, total=steps)
        if epoch is None:
            return
        self._done = epoch.number
        if not self._silent:
            values = dataclasses.asdict(epoch)
            click.echo(
                "epoch {number}/{epochs}: loss {loss:.4f}, validation loss {validation_loss:.4f}, "
                "accuracy {percent:.2f} %, {seconds:.1f} s".format(
                    epochs=self._epochs, percent=100 * values["validation_accuracy"], **values
                )
            )
