"""The validation part of a training set: every choice is made on it, the test set only reports."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..codegen.errors import UserError
from .datasets import Dataset
from .training import split_validation


def split(dataset: Dataset, fraction: float, seed: int) -> tuple[Dataset, Dataset]:
    """Return (training, validation) parts of ``dataset``: disjoint, complete, in its order.

    ``fraction`` of the images, at least one, goes to validation. ``train`` with the same seed and
    fraction makes the same choice. ``UserError`` unless 0 < ``fraction`` < 1, or if nothing is left
    to train on.
    """
    if not 0 < fraction < 1:
        raise UserError(f"a validation part must lie between 0 and 1, not {fraction}")
    chosen, kept = split_validation(len(dataset), fraction, seed)
    return _part(dataset, chosen, "training part"), _part(dataset, kept, "validation part")


def _part(dataset: Dataset, indices: npt.NDArray[np.int64], what: str) -> Dataset:
    labels = None if dataset.labels is None else dataset.labels[indices]
    source = f"{what} of {len(indices):,} of {dataset.source}"
    return Dataset(dataset.images[indices], labels, dataset.name, source)
