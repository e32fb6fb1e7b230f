"""``lenetgen precision``: the per-layer types of a model as a table, JSON, or TOML to edit."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from ..codegen.errors import UserError
from ..codegen.formats import FixedPoint
from ..codegen.pipeline import to_typed_graph
from ..codegen.precision import LOGITS, OWN, PRESETS, to_toml
from ..sim.calibrate import LayerUse, layer_uses
from .common import (
    calibration_images,
    choose_precision,
    default_precision,
    float_graph,
    show_table,
)


@click.command(name="precision", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("model", default="lenet5")
@click.option(
    "--preset",
    "--precision",
    "preset",
    metavar="PRECISION",
    help=f"Types to show or to write: {', '.join(PRESETS)}, or a TOML file, options behind colons "
    "(auto:6:mse, q4.4:rescaled, ...); model.  [mixed, or model if it has quantizers]",
)
@click.option(
    "--check",
    type=click.Path(path_type=Path),
    help="Show the types of this TOML file instead, if it is sound.",
)
@click.option("--dump", metavar="FILE", help="Write all types as TOML to FILE; - is the output.")
@click.option("--force", is_flag=True, help="Let --dump replace an existing file.")
@click.option(
    "--logits",
    type=click.Choice(LOGITS),
    default="exact",
    show_default=True,
    help="A preset's last result: the exact sum, or the preset's type.",
)
@click.option("--dataset", help="Images to measure ranges with: a data set, or an .npy file.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON only.")
def command(
    model: str,
    preset: str | None,
    check: Path | None,
    dump: str | None,
    force: bool,
    logits: str,
    dataset: str | None,
    as_json: bool,
) -> None:
    """Show the type of every weight, bias, sum and result of MODEL (a file or a zoo name).

    Example: lenetgen precision lenet5 --preset mixed --dump mine.toml

    The table also says how much of each type's range real images use. MODEL defaults to the
    bundled LeNet-5.
    """
    console = Console(file=sys.stderr, quiet=as_json or dump == "-", highlight=False)
    if dump is not None and check is not None:
        raise UserError("--dump writes a preset and --check reads a file: give one of them")
    if check is not None and check.suffix != ".toml":
        raise UserError(f"--check {check}: the file's name must end in .toml")
    if dump is not None and dump != "-":
        _refuse_existing(Path(dump), force)
    with console.status("loading the model (TensorFlow takes a few seconds)"):
        graph = float_graph(model)
    choice = str(check or preset or default_precision(graph))
    types, note = choose_precision(choice, graph, logits, dataset)
    typed = to_typed_graph(graph, types)
    if dump is not None and choice == OWN:
        raise UserError("--dump: the model's own quantizers decide its types; no file changes them")
    if dump is not None and types.biases:
        raise UserError(
            "--dump: a TOML file holds types, no biases: leave :corrected out here and put it "
            "behind the file's name where you use it (--precision FILE.toml:corrected)"
        )
    if dump is not None:
        text = to_toml(types, graph)
        if dump == "-":
            click.echo(text, nl=False)
            return
        write_new(Path(dump), text, force)
        if not as_json:
            text = f"{dump}: {len(graph.ops)} layers" + (f"; {note}" if note else "")
            console.print(text, markup=False, soft_wrap=True)
            return
    images, source = calibration_images(graph, dataset)
    uses = layer_uses(graph, typed, images)
    if as_json:
        result = {"model": graph.name, "precision": types.name, "images": source}
        click.echo(json.dumps({**result, "layers": [as_dict(use) for use in uses]}, indent=2))
        return
    text = f"{graph.name}, {types.name}; ranges seen on {len(images)} images: {source}"
    console.print(text, markup=False, soft_wrap=True)
    wide = Console(highlight=False)
    show_table(wide, table(uses))


def _refuse_existing(path: Path, force: bool) -> None:
    if path.is_dir():
        raise UserError(f"--dump {path}: is a folder")
    if path.exists() and not force:
        raise UserError(f"--dump {path}: exists already; --force replaces it")


def write_new(path: Path, text: str, force: bool) -> None:
    """Write ``text`` to ``path``, all or nothing; an existing file stays unless ``force``.

    ``UserError`` if the file is there or can't be written.
    """
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".precision-", suffix=".part")
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        if force:
            os.replace(temporary, path)
            temporary = None
        else:
            os.link(temporary, path)  # unlike a rename it fails where there is a file
    except FileExistsError:
        raise UserError(f"--dump {path}: exists already; --force replaces it") from None
    except OSError as error:
        raise UserError(f"--dump {path}: can't be written ({error.strerror or error})") from None
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def as_dict(use: LayerUse) -> dict[str, Any]:
    """One layer for ``--json``: types as C++ writes them, ranges as reals, parts of 1."""

    def text(fmt: FixedPoint | None) -> str | None:
        return None if fmt is None else str(fmt)

    acc = use.accumulator
    return {
        "name": use.name,
        "kind": use.kind,
        "weight": text(use.weight),
        "bias": text(use.bias),
        "accumulator": None if acc is None else str(acc.format),
        "accumulator_codes": None if acc is None else [acc.low, acc.high],
        "result": str(use.result),
        "seen": list(use.seen),
        "limits": list(use.limits),
        "range_use": use.use,
        "results_at_limit": use.at_limit,
        "weights_outside": use.weights_changed,
        "weights_zeroed": use.weights_zeroed,
    }


def table(uses: list[LayerUse]) -> Table:
    """The types of all layers and how real values use them, for people."""
    result = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("layer", "weight", "bias", "sum", "result"):
        result.add_column(name, no_wrap=True)
    for name in ("seen", "range use", "at limit", "w. outside", "w. to zero"):
        result.add_column(name, justify="right", no_wrap=True)
    for use in uses:
        weighted = use.weight is not None
        result.add_row(
            use.name,
            short(use.weight),
            short(use.bias),
            short(use.accumulator.format) if use.accumulator else "",
            short(use.result),
            f"{use.seen[0]:.4g}..{use.seen[1]:.4g}",
            f"{use.use:.0%}",
            f"{use.at_limit:.2%}",
            f"{use.weights_changed:.2%}" if weighted else "",
            f"{use.weights_zeroed:.2%}" if weighted else "",
        )
    return result


def short(fmt: FixedPoint | None) -> str:
    """``8,4`` or ``u8,4``: width and integer bits, then the modes if they are not RND and SAT."""
    if fmt is None:
        return ""
    modes = f"{fmt.rounding.name},{fmt.overflow.name}"
    usual = modes in ("RND,SAT", "TRN,WRAP")
    prefix = "" if fmt.signed else "u"
    return f"{prefix}{fmt.width},{fmt.integer_bits}" + ("" if usual else f",{modes}")
