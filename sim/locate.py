"""The first difference between two runs of a network: layer, place, cycle, integers.

Input: golden codes of every layer and another stage's; output: a ``Difference``, earliest place in
the network first, then earliest element (in stream order). It runs nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from ..codegen.ir import Graph, Tensor
from ..codegen.streams import FIFO, INPUT_PORT, OUTPUT_PORT, RESULT, StreamPoint
from .rtl import Replay, StreamTrace

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Difference:
    """Where ``stage`` first disagrees with the golden model.

    ``layer`` names the tensor, ``part`` what should have brought it: the layer itself (empty), a
    FIFO behind it, the input or the output port. ``row`` and ``column`` are 0 for vectors,
    ``channel`` then is the element. ``cycle`` counts from the start of the simulation, None for
    C++. ``actual`` None: the element never arrived.
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
    part: str = RESULT

    @property
    def place(self) -> str:
        """Layer and part in words."""
        layer = f"layer {self.layer}"
        if self.part == RESULT:
            return layer
        return f"FIFO behind {layer}" if self.part == FIFO else f"{self.part}, {layer}"

    def __str__(self) -> str:
        when = "" if self.cycle is None else f" at cycle {self.cycle}"
        wanted = f"expected {self.expected} ({_real(self.expected, self.step)})"
        if self.actual is None:
            got = "got nothing"
        else:
            got = f"got {self.actual} ({_real(self.actual, self.step)})"
        return (
            f"{self.stage} differs from the golden model first in image {self.image}, "
            f"{self.place}, channel {self.channel}, row {self.row}, column {self.column}{when}: "
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

    The input counts as a layer where ``actual`` has it. An element whose cycle is -1 never
    arrived, which is a difference as well.
    """
    for tensor in graph.tensors():
        name = tensor.name
        if tensor is graph.input and name not in actual:
            continue
        part = INPUT_PORT if tensor is graph.input else RESULT
        when = None if cycles is None else cycles[name]
        wrong = _wrong(expected[name], actual[name], when)
        if wrong.any():
            return _difference(
                stage, tensor, part, image, wrong, expected[name], actual[name], when
            )
    return None


def logit_difference(
    stage: str, graph: Graph, image: int, expected: Codes, actual: Codes
) -> Difference:
    """The first wrong logit of an image whose layers all agree."""
    wrong = _wrong(expected, actual, None)
    return _difference(stage, graph.output, OUTPUT_PORT, image, wrong, expected, actual, None)


def replay_differences(
    points: Sequence[StreamPoint],
    output: Tensor,
    replay: Replay,
    golden: Mapping[str, Codes],
    images: Sequence[int],
) -> list[Difference | None]:
    """The first difference of every group of ``replay``, None where there is none.

    ``golden`` (groups * frames, *shape) per tensor; ``images`` names the frames of a group. Where
    elements are missing, the place named is the one that should have moved: streams whose word
    was still waiting to be taken at the end are not to blame.
    """
    groups, frames = replay.complete.shape
    expected = [golden[p.tensor.name].reshape(groups, frames, *p.tensor.shape) for p in points]
    logits = golden[output.name].reshape(groups, frames, -1)
    wrong = ~replay.complete | (replay.logits != logits).any(axis=2)
    for codes, trace in zip(expected, replay.streams, strict=True):
        bad = _wrong(codes, trace.codes, trace.cycles)
        wrong |= bad.reshape(groups, frames, -1).any(axis=2)
    found: list[Difference | None] = [None] * groups
    for group in np.flatnonzero(wrong.any(axis=1)).tolist():
        frame = int(np.argmax(wrong[group]))
        image = images[frame]
        here = [codes[group, frame] for codes in expected]
        found[group] = _stream_difference(points, replay.streams, group, frame, image, here)
        if found[group] is None:
            found[group] = _port_difference(
                output, image, logits[group, frame], replay, group, frame
            )
    return found


def _stream_difference(
    points: Sequence[StreamPoint],
    streams: Sequence[StreamTrace],
    group: int,
    frame: int,
    image: int,
    expected: Sequence[Codes],
) -> Difference | None:
    for point, trace, codes in zip(points, streams, expected, strict=True):
        actual, cycles = trace.codes[group, frame], trace.cycles[group, frame]
        wrong = _wrong(codes, actual, cycles)
        if not wrong.any():
            continue
        values = wrong & (cycles >= 0)
        if values.any() or not trace.blocked[group]:
            return _difference("rtl", point.tensor, point.part, image, wrong, codes, actual, cycles)
    return None


def _port_difference(
    output: Tensor, image: int, expected: Codes, replay: Replay, group: int, frame: int
) -> Difference:
    """All streams are right, or wait to be taken: it is the output port."""
    actual = replay.logits[group, frame]
    wrong = _wrong(expected, actual, None)
    if not wrong.any():  # a result is missing, or TLAST is on the wrong one
        wrong[-1] = True
    came = replay.complete[group, frame]
    cycles = None if came else np.full(expected.shape, -1, dtype=np.int64)
    return _difference("rtl", output, OUTPUT_PORT, image, wrong, expected, actual, cycles)


def _wrong(expected: Codes, actual: Codes, cycles: Codes | None) -> npt.NDArray[np.bool_]:
    wrong: npt.NDArray[np.bool_] = expected != actual
    return wrong if cycles is None else wrong | (cycles < 0)


def _difference(
    stage: str,
    tensor: Tensor,
    part: str,
    image: int,
    wrong: npt.NDArray[np.bool_],
    expected: Codes,
    actual: Codes,
    cycles: Codes | None,
) -> Difference:
    """The first element that is ``wrong``."""
    index = int(np.argmax(wrong.reshape(-1)))
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
        part=part,
    )
