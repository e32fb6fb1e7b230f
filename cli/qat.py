"""``lenetgen qat``: train a float model with quantizers, to given or to learned types."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from ..codegen.precision_choice import parse_choice
from ..models.qat import RECIPE, QatResult, qat
from ..models.quantized_model import PIXEL_BITS, Quantization
from ..models.recipe import Recipe
from .common import choose_precision, float_graph
from .recipe_options import (
    Report,
    Run,
    chosen_epoch,
    default_dataset,
    default_output,
    recipe_options,
    run_options,
)

PRICE = 1e-7  # of a bit operation: the loss grows by 0.08 with LeNet-5 at 4 x 4 bits


@click.command(name="qat", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("model", default="lenet5")
@click.option(
    "--precision",
    default="mixed",
    show_default=True,
    help="q8.8, q6.6, q4.4, mixed, auto, or a TOML file, options behind colons (auto:4:mse, "
    "q4.4:rescaled, ...: docs/precision.md): the types to train to.",
)
@click.option("--out", type=click.Path(path_type=Path), help="The .keras file.  [MODEL-qat-...]")
@click.option(
    "--learn",
    is_flag=False,
    flag_value=str(PRICE),
    type=float,
    metavar="[PRICE]",
    help="Learn the types, beginning with --precision's; PRICE of a bit operation in the loss.  "
    f"[{PRICE:g}]",
)
@click.option(
    "--input-bits",
    type=int,
    default=PIXEL_BITS,
    show_default=True,
    help="The upper bits of a pixel that the network sees.",
)
@recipe_options(RECIPE, "weight_noise", "activity_limit")
@run_options
def command(
    model: str,
    precision: str,
    out: Path | None,
    learn: float | None,
    input_bits: int,
    run: Run,
    **knobs: Any,
) -> None:
    """Train MODEL (a float .keras file or a zoo name) with quantizers and write a .keras file.

    The epoch is chosen on a validation part of the training set. Zero weights of MODEL stay zero.
    At the end Keras' results are compared with the golden integers on the whole test set.

    Example: lenetgen qat runs/base.keras --precision mixed --epochs 5 --out runs/qat.keras
    """
    recipe = Recipe(**knobs, weight_noise=0.0, activity_limit=0.0)
    asked = parse_choice(precision)
    learned = "" if learn is None else "-learned"
    target = out or default_output(model, f"qat-{asked.file_label}{learned}")
    console = Console(file=sys.stderr, quiet=run.as_json, highlight=False)
    with console.status("loading the model (TensorFlow takes a few seconds)"):
        graph = float_graph(model)
    name = run.dataset or default_dataset(
        graph.name, graph.input.image_shape, download=run.download
    )
    types, note = choose_precision(precision, graph, "exact", name, run.data)
    if note:
        console.print(note, markup=False, soft_wrap=True)
    how = Quantization(types.layers, learn, input_bits)
    with Report(run.as_json, recipe.epochs) as report:
        result = qat(
            types.applied(graph),
            name,
            target,
            how,
            recipe,
            label=asked.label + learned,
            progress=report.step,
            **run.keywords(),
        )
    if run.as_json:
        click.echo(json.dumps(result.as_dict(), indent=2))
    else:
        _print(target, result)
    if result.differing:
        sys.exit(1)


def _print(target: Path, result: QatResult) -> None:
    click.echo(
        f"{target}: {result.network}, {result.precision}, {chosen_epoch(result)}; "
        f"validation {100 * result.validation_accuracy:.2f} %, "
        f"test {100 * result.test_accuracy:.2f} % ({result.dataset}, {result.test_images:,} "
        f"images, integers); {result.nonzero:,} of {result.weights:,} weights are not zero, "
        f"{result.stored_bits:,} bits stored"
    )
    if result.differing:
        click.echo(
            f"{result.differing:,} logits differ from Keras', whose float32 can't hold these sums; "
            "the hardware gives the golden integers"
        )
    else:
        click.echo("Keras' results equal the golden integers in every logit")
