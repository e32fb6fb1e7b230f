"""Contents of the memory files, in the order the folded engines read them ($readmemh)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from .design import Stage
from .ir import InputTable, Lookup, WeightedOp
from .narrowing import narrow_weights, stored_width, with_borrows
from .rtl_stage import rounding_half, sum_width
from .sparsity import blocks, input_order
from .weight_memory import packed_rows, weight_memory


def pack_words(lanes: npt.NDArray[np.int64], bits: int) -> list[int]:
    """Each row's codes side by side, ``bits`` each in two's complement, column 0 lowest."""
    mask = (1 << bits) - 1
    words: list[int] = []
    for row in lanes.tolist():
        word = 0
        for value in reversed(row):
            word = (word << bits) | (value & mask)
        words.append(word)
    return words


def hex_lines(words: Iterable[int], bits: int) -> str:
    """One hexadecimal word a line, as wide as ``bits`` needs."""
    digits = -(-bits // 4)
    return "".join(f"{word:0{digits}x}\n" for word in words)


def weight_words(stage: Stage) -> tuple[list[int], int]:
    """Rows of the weight memory (round fastest) and bits of one."""
    assert stage.fold is not None and isinstance(stage.op, WeightedOp)
    op, fold = stage.op, stage.fold
    order = input_order(op, stage.source, stage.chunks, fold.simd)
    grid = blocks(narrow_weights(op), order, fold.pe)
    if fold.packed:
        grid = with_borrows(grid)
    lanes = grid.reshape(stage.chunks * stage.rounds, -1)
    if stage.steps:
        lanes = lanes[[step.chunk * stage.rounds + step.round for step in stage.steps]]
        lanes[[step.filler for step in stage.steps]] = 0
    bits = stored_width(op, fold.pe, fold.packed)
    words, wide = pack_words(lanes, bits), bits * lanes.shape[1]
    return packed_rows(words, wide, weight_memory(len(words), wide).pack)


def step_words(stage: Stage) -> tuple[list[int], int]:
    """Words of the schedule, {last, first, done, round}, and bits of one."""
    bits = max((stage.rounds - 1).bit_length(), 1)
    words = []
    for step, after in zip(stage.steps, (*stage.steps[1:], None), strict=True):
        done = after is None or after.chunk != step.chunk
        flags = (step.chunk == stage.chunks - 1, step.chunk == 0, done)
        words.append(int("".join(str(int(flag)) for flag in flags), 2) << bits | step.round)
    return words, bits + 3


def bias_words(stage: Stage) -> tuple[list[int], int]:
    """Words of the bias memory, aligned to the accumulator, and bits of one.

    Half an output unit is in them where adding it is the rounding.
    """
    assert stage.fold is not None and isinstance(stage.op, WeightedOp)
    op = stage.op
    assert op.accumulator is not None and op.bias.format is not None
    shift = op.accumulator.format.fraction_bits - op.bias.format.fraction_bits
    padded = np.zeros(stage.rounds * stage.fold.pe, dtype=np.int64)
    padded[: op.bias.values.size] = (op.bias.values << shift) + rounding_half(op)
    bits = sum_width(op)
    return pack_words(padded.reshape(stage.rounds, -1), bits), bits * stage.fold.pe


def memory_files(stage: Stage, module: str) -> dict[str, str]:
    """File name to contents of every memory that the stage's ``module`` reads."""
    op = stage.op
    if stage.adders is not None:
        return {}
    if isinstance(op, WeightedOp):
        steps = {f"{module}_steps.mem": hex_lines(*step_words(stage))} if stage.steps else {}
        return {
            f"{module}_weights.mem": hex_lines(*weight_words(stage)),
            f"{module}_bias.mem": hex_lines(*bias_words(stage)),
            **steps,
        }
    if isinstance(op, Lookup):
        assert op.table is not None
        bits = op.out.fmt.width
        words = pack_words(op.table.values[:, None], bits)
        return {f"{module}_table.mem": hex_lines(words, bits)}
    if isinstance(op, InputTable):
        bits = op.out.fmt.width
        return {
            f"{module}_channel{channel}.mem": hex_lines(pack_words(row[:, None], bits), bits)
            for channel, row in enumerate(op.table.values)
        }
    return {}
