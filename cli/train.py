"""``lenetgen train``: train a network of the zoo and write a ``.keras`` file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from ..models.recipe import Recipe
from .recipe_options import Report, data_options, recipe_options


@click.command(name="train", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("network")
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="The .keras file to write."
)
@recipe_options(Recipe())
@data_options
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
    with Report(as_json, recipe.epochs) as report:
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
