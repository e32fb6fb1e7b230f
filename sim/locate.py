"""The first difference between two runs of a network: layer, place, cycle, integers.

Input: golden codes of every layer and another stage's; output: a ``Difference``, earliest layer
first, then earliest element (in stream order). It runs nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from ..codegen.ir import Graph, Tensor

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Difference:
    """Where ``stage`` first disagrees with the golden model.

    ``row`` and ``column`` are 0 for vectors, ``channel`` then is the element. ``cycle`` counts
    from the start of the simulation, None for C++. ``actual`` None: the element never arrived.
    """

    stage: str
    image: int
    layer: str
    channel: int
    row: int
    column: int
    cycle: int | None
    expected: int
    actual: int | None
    step: Fraction

    def __str__(self) -> str:
        when = "" if self.cycle is None else f" at cycle {self.cycle}"
        wanted = f"expected {self.expected} ({_real(self.expected, self.step)})"
        if self.actual is None:
            got = "got nothing"
        else:
            got = f"got {self.actual} ({_real(self.actual, self.step)})"
        return (
            f"{self.stage} differs from the golden model first in image {self.image}, layer "
            f"{self.layer}, channel {self.channel}, row {self.row}, column {self.column}{when}: "
            f"{wanted}, {got}"
        )


def _real(code: int, step: Fraction) -> str:
    return f"{float(code * step):g}"


def first_difference(
    stage: str,
    graph: Graph,
    image: int,
    expected: Mapping[str, Codes],
    actual: Mapping[str, Codes],
    cycles: Mapping[str, Codes] | None = None,
) -> Difference | None:
    """Compare one image's layers, (*shape) each, in graph order; None if all are equal.

    An element whose cycle is -1 never arrived, which is a difference as well.
    """
    for op in graph.ops:
        name = op.out.name
        wrong = expected[name] != actual[name]
        when = None if cycles is None else cycles[name]
        if when is not None:
            wrong = wrong | (when < 0)
        if wrong.any():
            index = int(np.argmax(wrong.reshape(-1)))
            return _difference(stage, op.out, image, index, expected[name], actual[name], when)
    return None


def logit_difference(
    stage: str, graph: Graph, image: int, expected: Codes, actual: Codes
) -> Difference:
    """The first wrong logit of an image, for a stage whose layers agree when traced."""
    index = int(np.argmax(expected.reshape(-1) != actual.reshape(-1)))
    return _difference(stage, graph.output, image, index, expected, actual, None)


def _difference(
    stage: str,
    tensor: Tensor,
    image: int,
    index: int,
    expected: Codes,
    actual: Codes,
    cycles: Codes | None,
) -> Difference:
    _, width, channels = tensor.image_shape
    pixel, channel = divmod(index, channels)
    row, column = divmod(pixel, width)
    cycle = None if cycles is None else int(cycles.reshape(-1)[index])
    missing = cycle is not None and cycle < 0
    return Difference(
        stage=stage,
        image=image,
        layer=tensor.name,
        channel=channel,
        row=row,
        column=column,
        cycle=None if missing else cycle,
        expected=int(expected.reshape(-1)[index]),
        actual=None if missing else int(actual.reshape(-1)[index]),
        step=tensor.fmt.step,
    )
