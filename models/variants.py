"""Networks that differ in the types of a few layers, run together on the golden integers.

Input: a float graph, a family of ``Precision`` in which each but the first has a parent, and a
labelled set; output: an ``Outcome`` for each, against its parent. What a network shares with its
parent, all layers in front of the first that differs, is computed once.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from ..codegen.ir import Graph
from ..codegen.pipeline import to_typed_graph
from ..codegen.precision import Precision
from ..sim.golden.model import CHUNK, kernel_for
from ..sim.rtl_check import classify
from .datasets import Images, Labels


@dataclass(frozen=True)
class Outcome:
    """What one network made of the images, against another one.

    ``change``: accuracy less the other's, in points; ``won`` and ``lost``: images whose class is
    right only here, and only there; ``other_class``: images whose class is another one here and
    there, right or not; ``sqnr_db``: power of the other's logits over that of the difference, in
    decibels, None where all logits are equal; ``recall_change``: points, by class, 0 for a class
    without images.
    """

    accuracy: float
    correct: int
    change: float
    won: int
    lost: int
    other_class: int
    sqnr_db: float | None
    recall_change: tuple[float, ...]

    def as_dict(self) -> dict[str, Any]:
        """The fields by name, for JSON."""
        return asdict(self)


class Family:
    """Networks of one float graph; ``add`` them, then ``run`` them all."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._members: list[_Member] = []

    def __len__(self) -> int:
        return len(self._members)

    def add(self, precision: Precision, parent: int = 0) -> int:
        """The number of a new member; the first one has itself as parent.

        ``UserError`` where a layer's sum would need too many bits.
        """
        typed = to_typed_graph(self.graph, precision)
        number = len(self._members)
        source, start = parent, 0
        if number:
            pairs = enumerate(zip(typed.ops, self.typed(parent).ops, strict=True))
            start = next((i for i, (op, before) in pairs if op != before), len(typed.ops))
            while start < self._members[source].start:  # what the parent itself has not computed
                source = self._members[source].source
            self._members[source].branches.add(start)
        self._members.append(_Member(number, typed, parent, source, start))
        return number

    def typed(self, number: int) -> Graph:
        """The typed graph of a member."""
        return self._members[number].graph

    def run(
        self, images: Images, labels: Labels, told: Callable[[int], None] | None = None
    ) -> Results:
        """Run all members on uint8 ``images`` (n, *input shape), n >= 1.

        ``told`` gets the number of images of each finished chunk, counted once per member.
        """
        chunks = -(-len(images) // CHUNK)
        classes = np.empty((len(self), len(images)), dtype=np.int64)
        noise, power = np.empty((2, len(self), chunks))

        def work(index: int) -> int:
            chosen = slice(index * CHUNK, (index + 1) * CHUNK)
            kept: dict[tuple[int, int], npt.NDArray[Any]] = {}
            logits: list[npt.NDArray[np.float64]] = []
            for member in self._members:
                codes = member.run(images[chosen], kept)
                classes[member.number, chosen] = classify(codes)[0]
                logits.append(codes.astype(np.float64) * member.step)
                signal = logits[member.parent]
                noise[member.number, index] = np.square(logits[-1] - signal).sum()
                power[member.number, index] = np.square(signal).sum()
            return len(images[chosen]) * len(self)

        with threadpool_limits(1), ThreadPoolExecutor(os.cpu_count()) as pool:
            for count in pool.map(work, range(chunks)):
                if told is not None:
                    told(count)
        parents = tuple(member.parent for member in self._members)
        outputs = self.graph.output.size
        return Results(classes, labels, outputs, parents, noise.sum(axis=1), power.sum(axis=1))


class _Member:
    """A typed graph; operators from ``start`` on are its own, those before the ``source``'s."""

    def __init__(self, number: int, graph: Graph, parent: int, source: int, start: int) -> None:
        self.number, self.graph, self.parent = number, graph, parent
        self.source, self.start = source, start
        self.branches: set[int] = set()  # operators whose input a child starts from
        self.step = float(graph.output.fmt.step)
        self._kernels = [kernel_for(op, graph.source(op)) for op in graph.ops[start:]]

    def run(
        self, images: Images, kept: dict[tuple[int, int], npt.NDArray[Any]]
    ) -> npt.NDArray[np.int64]:
        """Logits (n, outputs) as codes; inputs of branches go to ``kept``, by member, operator."""
        codes: npt.NDArray[Any] = images
        if self.number:
            codes = kept[self.source, self.start]
        codes = codes.copy()  # a kernel may overwrite its argument
        for index, kernel in enumerate(self._kernels, start=self.start):
            if index in self.branches:
                kept[self.number, index] = codes.copy()
            codes = kernel(codes)
        if len(self.graph.ops) in self.branches:
            kept[self.number, len(self.graph.ops)] = codes
        return np.asarray(codes.reshape(len(images), -1), dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Results:
    """What the members of a family found.

    ``classes``: int64 (members, images); ``noise`` and ``power``: sums of squares of the logits'
    differences from the parent's, and of the parent's logits, float64 (members,).
    """

    classes: npt.NDArray[np.int64]
    labels: Labels
    outputs: int
    parents: tuple[int, ...]
    noise: npt.NDArray[np.float64]
    power: npt.NDArray[np.float64]

    def outcome(self, number: int) -> Outcome:
        """The member ``number`` against its parent."""
        found, other = self.classes[number], self.classes[self.parents[number]]
        right, before = found == self.labels, other == self.labels
        won, lost = (self._by_class(part) for part in (right & ~before, before & ~right))
        recall = 100 * (won - lost) / np.maximum(self.support, 1)
        return Outcome(
            accuracy=float(right.mean()),
            correct=int(right.sum()),
            change=100 * int((won - lost).sum()) / len(self.labels),
            won=int(won.sum()),
            lost=int(lost.sum()),
            other_class=int((found != other).sum()),
            sqnr_db=_decibels(self.power[number], self.noise[number]),
            recall_change=tuple(recall.tolist()),
        )

    @property
    def support(self) -> npt.NDArray[np.int64]:
        """Images by class."""
        return self._by_class(np.ones(len(self.labels), dtype=np.bool_))

    def _by_class(self, part: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        return np.bincount(self.labels[part], minlength=self.outputs)


def _decibels(power: float, noise: float) -> float | None:
    if noise == 0:
        return None
    return 10 * math.log10(max(power, sys.float_info.min) / noise)


def exchanged(precision: Precision, other: Precision, names: Sequence[str]) -> Precision:
    """``precision``, but the layers ``names`` have the types and biases of ``other``."""
    layers, biases = dict(precision.layers), dict(precision.biases)
    for name in names:
        layers[name] = other.layers[name]
        biases.pop(name, None)
        if name in other.biases:
            biases[name] = other.biases[name]
    return Precision(precision.name, layers, biases)
