"""Which weights, filters and neurons of a Keras model go: masks of zeros and ones.

Input: a Keras model and a ``Pruning``; output: ``Masks``, which can be tightened during training.
Unstructured pruning takes the smallest weights of all chosen layers together; structured pruning
takes whole filters or neurons, those of the smallest L2 norm in their layer, with their biases and
the normalization behind them. Removing what is masked is ``shrinking.py``'s task.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..codegen.errors import UserError

METHODS = ("unstructured", "structured")
SCHEDULES = ("one-shot", "polynomial")
KERNELS = ("Conv2D", "DepthwiseConv2D", "Dense")
FILTERS = ("Conv2D", "Dense")  # with outputs that can go one by one
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Pruning:
    """What is pruned, and how.

    ``layers``: names, all if empty; ``sparsity``: the part of the chosen layers' weights that is
    zero in the end (unstructured), or of their filters and neurons that go (structured), 0..1;
    ``schedule``: at once before fine-tuning, or along 1 - (1 - t)^3 during its first half (Zhu and
    Gupta, "To prune, or not to prune", 2017).
    """

    method: str
    sparsity: float
    layers: tuple[str, ...] = ()
    schedule: str = "one-shot"

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise UserError(f"method {self.method!r} unknown; there are: {', '.join(METHODS)}")
        if self.schedule not in SCHEDULES:
            known = ", ".join(SCHEDULES)
            raise UserError(f"schedule {self.schedule!r} unknown; there are: {known}")
        if not 0 <= self.sparsity < 1:
            raise UserError(f"sparsity must be in [0, 1), not {self.sparsity}")


def polynomial(sparsity: float, done: float) -> float:
    """The sparsity after the part ``done`` (0..1) of the ramp."""
    return sparsity * (1 - (1 - min(max(done, 0.0), 1.0)) ** 3)


def prunable(model: Any, how: Pruning) -> list[Any]:
    """The layers to prune, in the model's order.

    Structured pruning leaves the last layer alone, whose outputs are the classes. ``UserError``
    lists the names where one is unknown.
    """
    kinds = KERNELS if how.method == "unstructured" else FILTERS
    found = [layer for layer in model.layers if type(layer).__name__ in kinds]
    if how.method == "structured":
        found = found[:-1]
    names = [layer.name for layer in found]
    for name in how.layers:
        if name not in names:
            raise UserError(
                f"no layer {name!r} for {how.method} pruning; there are: {', '.join(names) or '-'}"
            )
    chosen = [layer for layer in found if not how.layers or layer.name in how.layers]
    if not chosen:
        raise UserError(f"{model.name}: no layer for {how.method} pruning")
    return chosen


class Masks:
    """What stays of a model; everything masked once stays zero."""

    def __init__(self, model: Any, how: Pruning) -> None:
        self.how = how
        self.layers = prunable(model, how)
        self.kernels: list[Bools] = [np.asarray(layer.kernel) != 0 for layer in self.layers]
        self._norms = [_normalization(model, layer) for layer in self.layers]

    def tighten(self, sparsity: float) -> None:
        """Mask more of the model as it is now, up to ``sparsity``, and set what is masked to 0."""
        if self.how.method == "unstructured":
            self._smallest(sparsity)
        else:
            self._weakest(sparsity)
        for variable, mask in self.variables():
            variable.assign(np.asarray(variable) * mask)

    def variables(self) -> list[tuple[Any, npt.NDArray[np.float32]]]:
        """(variable, mask of zeros and ones): kernels, then what belongs to filters that went."""
        pairs = []
        for layer, kernel, norm in zip(self.layers, self.kernels, self._norms, strict=True):
            pairs.append((layer.kernel, kernel.astype(np.float32)))
            if self.how.method == "structured":
                kept = live(kernel).astype(np.float32)
                own = [layer.bias] if layer.use_bias else []
                own += [norm.gamma, norm.beta] if norm is not None else []
                pairs += [(variable, kept) for variable in own if variable is not None]
        return pairs

    @property
    def reached(self) -> float:
        """The sparsity there is: of weights, or of filters and neurons."""
        counts = [
            kernel if self.how.method == "unstructured" else live(kernel) for kernel in self.kernels
        ]
        return 1 - sum(int(each.sum()) for each in counts) / sum(each.size for each in counts)

    def by_layer(self) -> dict[str, tuple[int, int]]:
        """Per layer (left, all) weights or filters."""
        whole = self.how.method == "unstructured"
        parts = [kernel if whole else live(kernel) for kernel in self.kernels]
        return {
            layer.name: (int(part.sum()), part.size)
            for layer, part in zip(self.layers, parts, strict=True)
        }

    def _smallest(self, sparsity: float) -> None:
        sizes = [
            np.where(mask, np.abs(np.asarray(layer.kernel)), -1.0).ravel()
            for layer, mask in zip(self.layers, self.kernels, strict=True)
        ]
        together = np.concatenate(sizes)
        gone = np.argsort(together, kind="stable")[: round(sparsity * together.size)]
        kept = np.ones(together.size, bool)
        kept[gone] = False
        parts = np.split(kept, np.cumsum([each.size for each in sizes])[:-1])
        self.kernels = [
            mask & part.reshape(mask.shape) for mask, part in zip(self.kernels, parts, strict=True)
        ]

    def _weakest(self, sparsity: float) -> None:
        counts = shares([mask.shape[-1] for mask in self.kernels], sparsity)
        for index, (layer, count) in enumerate(zip(self.layers, counts, strict=True)):
            mask = self.kernels[index]
            kernel = np.asarray(layer.kernel, np.float64) * mask
            norms = np.sqrt((kernel.reshape(-1, kernel.shape[-1]) ** 2).sum(axis=0))
            mask = mask.copy()
            mask[..., np.argsort(norms, kind="stable")[:count]] = False
            self.kernels[index] = mask


def live(kernel: Bools) -> Bools:
    """Which outputs of a kernel mask have any weight left."""
    return np.asarray(kernel.reshape(-1, kernel.shape[-1]).any(axis=0))


def shares(sizes: list[int], part: float) -> list[int]:
    """How many of each of ``sizes`` go, so that all together are nearest to ``part``.

    Largest remainders; one of each always stays.
    """
    exact = [size * part for size in sizes]
    counts = [min(int(value), size - 1) for value, size in zip(exact, sizes, strict=True)]
    rest = sorted(range(len(sizes)), key=lambda i: (counts[i] - exact[i], i))
    missing = round(sum(exact)) - sum(counts)
    for index in rest:
        if missing > 0 and counts[index] + 1 < sizes[index]:
            counts[index] += 1
            missing -= 1
    return counts


def _normalization(model: Any, layer: Any) -> Any:
    """The batch normalization that reads ``layer``'s result, None if there is none."""
    for other in model.layers:
        if type(other).__name__ == "BatchNormalization" and other.input is layer.output:
            return other
    return None
