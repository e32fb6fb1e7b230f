"""``lenetgen train``: train a network of the zoo and write a ``.keras`` file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from ..models.recipe import Recipe
from .recipe_options import Report, Run, chosen_epoch, recipe_options, run_options


@click.command(name="train", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("network")
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="The .keras file to write."
)
@recipe_options(Recipe())
@run_options
def command(
    network: str,
    out: Path,
    run: Run,
    **knobs: Any,
) -> None:
    """Train NETWORK (a name of the zoo, such as lenet5) and write the best epoch to a .keras file.

    The epoch is chosen on a validation part of the training set; the test set is only reported.

    Example: lenetgen train lenet5 --dataset mnist --out runs/base.keras
    """
    from ..models import zoo
    from ..models.training import train

    recipe = Recipe(**knobs)
    name = run.dataset or zoo.entry(network).dataset
    with Report(run.as_json, recipe.epochs) as report:
        result = train(network, name, out, recipe, progress=report.step, **run.keywords())
    if run.as_json:
        click.echo(json.dumps(result.as_dict(), indent=2))
        return
    click.echo(
        f"{out}: {network}, {result.parameters:,} parameters, {chosen_epoch(result)}; "
        f"validation {100 * result.validation_accuracy:.2f} %, test "
        f"{100 * result.test_accuracy:.2f} % ({name}, {result.test_images:,} images, float)"
    )
