"""The course of a training: one row per epoch, kept in memory and written as CSV or JSON.

Input: ``Epoch`` rows; output: a file whose suffix says which. What the numbers mean is said at
``Epoch``; seconds differ from run to run, the rest does not.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from ..codegen.errors import UserError

SUFFIXES = (".csv", ".json")


@dataclass(frozen=True)
class Epoch:
    """What one epoch gave; accuracies are 0..1.

    ``loss`` and ``accuracy``: of the training images as they were seen (augmented, with noise on
    the kernels, each before its own step); ``learning_rate``: at the first step.
    """

    number: int
    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float
    learning_rate: float
    seconds: float


def check_history(path: Path, *, overwrite: bool) -> None:
    """Raise ``UserError`` unless ``path`` is a ``.csv`` or ``.json`` name that may be written."""
    if path.suffix not in SUFFIXES:
        raise UserError(f"{path}: the history must end in {' or '.join(SUFFIXES)}")
    if path.is_dir():
        raise UserError(f"{path}: is a folder; name a file for the history")
    if path.exists() and not overwrite:
        raise UserError(f"{path}: exists; give --force to replace it")


def history_text(epochs: Sequence[Epoch], suffix: str) -> str:
    """Return the rows as JSON (a list of objects) or CSV (a line of names first)."""
    rows = [asdict(epoch) for epoch in epochs]
    if suffix == ".json":
        return json.dumps(rows, indent=2) + "\n"
    text = io.StringIO()
    writer = csv.DictWriter(text, [each.name for each in fields(Epoch)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
