"""``lenetgen prune``: take weights, filters or neurons out of a trained model."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import click

from ..models.prune import RECIPE, PruneResult, prune
from ..models.pruning import METHODS, SCHEDULES, Pruning
from .recipe_options import (
    Report,
    Run,
    chosen_epoch,
    default_dataset,
    default_output,
    recipe_options,
    run_options,
)


@click.command(name="prune", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("model", default="lenet5")
@click.option(
    "--method", type=click.Choice(METHODS), required=True, help="Single weights, or units."
)
@click.option("--sparsity", type=float, required=True, help="Part that goes, 0 to below 1.")
@click.option("--layer", "layers", multiple=True, help="A layer to prune; may be repeated.  [all]")
@click.option(
    "--schedule",
    type=click.Choice(SCHEDULES),
    default="one-shot",
    show_default=True,
    help="At once, or step by step in the first half of the fine-tuning.",
)
@click.option(
    "--finetune", type=click.IntRange(min=0), default=0, show_default=True, help="Epochs behind it."
)
@click.option("--shrink", is_flag=True, help="Write a smaller network with the same results.")
@click.option("--out", type=click.Path(path_type=Path), help="The .keras file.  [MODEL-...]")
@recipe_options(RECIPE, "epochs", "schedule")
@run_options
def command(
    model: str,
    method: str,
    sparsity: float,
    layers: tuple[str, ...],
    schedule: str,
    finetune: int,
    shrink: bool,
    out: Path | None,
    run: Run,
    **knobs: Any,
) -> None:
    """Prune MODEL (a float .keras file or a zoo name) and write a .keras file.

    unstructured: the smallest weights of all layers together; structured: whole filters and
    neurons, those of the smallest L2 norm in their layer. Fine-tuning keeps the zeros, and so does
    lenetgen qat.

    Example: lenetgen prune runs/base.keras --method structured --layer conv2 --sparsity 0.5
    --finetune 2
    """
    how = Pruning(method, sparsity, layers, schedule)
    recipe = dataclasses.replace(RECIPE, epochs=max(finetune, 1), **knobs)
    target = out or default_output(model, f"{method}-{100 * sparsity:g}")
    from ..models.keras_file import load_keras

    loaded = load_keras(model)
    name = run.dataset or default_dataset(
        str(loaded.name), loaded.input_shape[1:], download=run.download
    )
    with Report(run.as_json, recipe.epochs) as report:
        result = prune(
            loaded,
            how,
            name,
            target,
            recipe if finetune else None,
            smaller=shrink,
            progress=report.step,
            **run.keywords(),
        )
    if run.as_json:
        click.echo(json.dumps(result.as_dict(), indent=2))
    else:
        _print(target, result)


def _print(target: Path, result: PruneResult) -> None:
    if result.recipe is not None:
        click.echo(f"fine-tuned: {chosen_epoch(result)}")
    what = "weights" if result.method == "unstructured" else "filters and neurons"
    click.echo(
        f"{target}: {100 * result.sparsity:.1f} % of the {what} removed; test "
        f"{100 * result.accuracy_before:.2f} % before, {100 * result.accuracy:.2f} % now "
        f"({result.dataset}, {result.test_images:,} images, float); "
        f"{result.parameters:,} of {result.parameters_before:,} parameters, "
        f"{result.nonzero:,} weights not zero"
    )
    for name, (left, count) in result.layers.items():
        click.echo(f"  {name}: {left:,} of {count:,} left")
