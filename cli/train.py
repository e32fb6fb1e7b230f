"""``lenetgen train``: train a network of the zoo and write a ``.keras`` file."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ..models.recipe import OPTIMIZERS, SCHEDULES, Recipe

_DEFAULT = Recipe()


def _option(
    name: str, field: str, text: str, **more: Any
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A click option whose default is the recipe's."""
    return click.option(
        name, field, default=getattr(_DEFAULT, field), show_default=True, help=text, **more
    )


@click.command(name="train", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("network")
@click.option("--dataset", help="mnist, fashion-mnist or digits; default: the network's own.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder that holds the data set.")
@click.option("--download", is_flag=True, help="Let Keras download a data set not found.")
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="The .keras file to write."
)
@click.option("--force", is_flag=True, help="Replace an existing file.")
@_option("--epochs", "epochs", "Passes over the training set.")
@_option("--batch", "batch", "Images per step.")
@_option("--seed", "seed", "Of weights, split, order, augmentation and noise.")
@_option("--optimizer", "optimizer", "How gradients are applied.", type=click.Choice(OPTIMIZERS))
@_option("--lr", "lr", "Learning rate at the start.")
@_option("--schedule", "schedule", "Course of the learning rate.", type=click.Choice(SCHEDULES))
@click.option(
    "--augment/--no-augment",
    default=_DEFAULT.augment,
    show_default=True,
    help="Shift, rotate and scale images a little.",
)
@_option("--weight-noise", "weight_noise", "Width of uniform noise on kernels; 0.0625 mimics Q4.4.")
@_option("--activity-limit", "activity_limit", "Penalise hidden results beyond this; 0: off.")
@_option("--label-smoothing", "label_smoothing", "Probability spread over all classes.")
@_option("--validation", "validation", "Part of the training set kept to choose the epoch.")
@click.option(
    "--threads", type=click.IntRange(min=1), default=2, show_default=True, help="CPU threads."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON only.")
def command(
    network: str,
    dataset: str | None,
    data: Path | None,
    download: bool,
    out: Path,
    force: bool,
    threads: int,
    as_json: bool,
    **knobs: Any,
) -> None:
    """Train NETWORK (a name of the zoo, such as lenet5) and write the best epoch to a .keras file.

    The epoch is chosen on a validation part of the training set; the test set is only reported.

    Example: lenetgen train lenet5 --dataset mnist --out runs/base.keras
    """
    from ..models import zoo
    from ..models.training import train

    recipe = Recipe(**knobs)
    name = dataset or zoo.entry(network).dataset
    with _Report(as_json, recipe.epochs) as report:
        result = train(
            network,
            name,
            out,
            recipe,
            data_folder=data,
            allow_download=download,
            overwrite=force,
            threads=threads,
            progress=report.step,
        )
    if as_json:
        click.echo(json.dumps(result.as_dict(), indent=2))
        return
    click.echo(
        f"{out}: {network}, {result.parameters:,} parameters, epoch {result.best_epoch} of "
        f"{recipe.epochs}; validation {100 * result.validation_accuracy:.2f} %, test "
        f"{100 * result.test_accuracy:.2f} % ({name}, {result.test_images:,} images, float)"
    )


class _Report:
    """A progress bar on standard error and one line per epoch on standard output."""

    def __init__(self, silent: bool, epochs: int) -> None:
        from rich.console import Console
        from rich.progress import Progress

        self._silent = silent
        self._epochs = epochs
        self._bar = Progress(console=Console(stderr=True), transient=True, disable=silent)
        self._task = self._bar.add_task("loading", total=None)

    def __enter__(self) -> _Report:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
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
