"""Steps of a folded layer that leave blocks of zero weights out.

A vector meets the weights in blocks of SIMD inputs (a chunk) times PE outputs (a round), a block a
step. A block of zeros changes no sum, so a schedule drops it. The first and the last chunk stay
whole: they load the biases and hand out the results. ``hw/lng_mvu_steps.v`` plays the schedule.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .ir import Conv2D, WeightedOp
from .layout import StreamLayout

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Step:
    """A block of weights; ``filler``: zeros instead, only to keep two steps apart."""

    chunk: int
    round: int
    filler: bool = False


def input_order(op: WeightedOp, source: StreamLayout, chunks: int, simd: int) -> Codes:
    """(chunks, SIMD): which input element each lane of each word carries; -1 for a dead lane.

    ``source`` is the stream a dense layer reads, ``simd`` as ``Layer.effective_simd`` gives it.
    """
    order = np.full((chunks, simd), -1, dtype=np.int64)
    if isinstance(op, Conv2D):
        inputs = math.prod(op.weights.shape[:-1])
        order.reshape(-1)[:inputs] = np.arange(inputs)
        return order
    lanes, per_word = source.lanes, min(max(simd // source.lanes, 1), source.words)
    split = chunks // -(-source.words // per_word)
    for word in range(source.words):
        for lane in range(lanes):
            element = source.element(word, lane)
            if element is None:
                continue
            place = (word % per_word) * lanes + lane
            chunk = (word // per_word) * split + place // simd
            order[chunk, place % simd] = element
    return order


def blocks(weights: Codes, order: Codes, pe: int) -> Codes:
    """(chunks, rounds, PE, SIMD) weights of every block; ``order`` from ``input_order``.

    ``weights`` is shaped like the layer's; dead lanes and outputs get zeros.
    """
    outputs = weights.shape[-1]
    rounds = -(-outputs // pe)
    padded = np.zeros((weights.size // outputs + 1, rounds * pe), dtype=weights.dtype)
    padded[:-1, :outputs] = weights.reshape(-1, outputs)  # row -1 stays zero: dead lanes
    chunks, simd = order.shape
    return padded[order].reshape(chunks, simd, rounds, pe).transpose(0, 2, 3, 1)


def schedule_steps(used: npt.NDArray[np.bool_]) -> tuple[Step, ...]:
    """The steps of a vector; ``used`` (chunks, rounds): blocks that hold a weight.

    No two steps in a row have the same round, within a vector: an accumulator is read while the
    step before still adds up.
    """
    chunks, rounds = used.shape
    if chunks < 3 or rounds < 2:
        return tuple(Step(chunk, at) for chunk in range(chunks) for at in range(rounds))
    steps = [Step(0, at) for at in range(rounds)]
    for chunk in range(1, chunks - 1):
        wanted = np.flatnonzero(used[chunk]).tolist()
        after = 0 if chunk == chunks - 2 else None
        for at in _turned(wanted or [(steps[-1].round + 1) % rounds], steps[-1].round, after):
            _append(steps, Step(chunk, at), rounds)
        if steps[-1].round == after:  # the last chunk begins with round 0
            steps.append(Step(chunk, 1, filler=True))
    return (*steps, *(Step(chunks - 1, at) for at in range(rounds)))


def _turned(rounds: list[int], before: int, after: int | None) -> Sequence[int]:
    """``rounds`` rotated so that neither end meets its neighbour, if there is such a way."""
    ways = [rounds[turn:] + rounds[:turn] for turn in range(len(rounds))]
    return next((way for way in ways if way[0] != before and way[-1] != after), rounds)


def _append(steps: list[Step], step: Step, rounds: int) -> None:
    if steps[-1].round == step.round:
        steps.append(Step(step.chunk, (step.round + 1) % rounds, filler=True))
    steps.append(step)
