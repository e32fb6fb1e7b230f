"""Contents of the memory files, in the order the folded engines read them ($readmemh)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from .design import Stage
from .ir import Conv2D, InputTable, Lookup, WeightedOp
from .narrowing import narrow_weights, weight_width


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


def input_order(stage: Stage) -> npt.NDArray[np.int64]:
    """(chunks, SIMD): which input element each lane of each word carries; -1 for a dead lane."""
    assert stage.fold is not None and isinstance(stage.op, WeightedOp)
    order = np.full((stage.chunks, stage.fold.simd), -1, dtype=np.int64)
    if isinstance(stage.op, Conv2D):
        inputs = int(np.prod(stage.op.weights.shape[:-1]))
        order.reshape(-1)[:inputs] = np.arange(inputs)
        return order
    lanes, per_word = stage.source.lanes, stage.packed_words
    split = stage.chunks // -(-stage.source.words // per_word)
    for word in range(stage.source.words):
        for lane in range(lanes):
            element = stage.source.element(word, lane)
            if element is None:
                continue
            place = (word % per_word) * lanes + lane
            chunk = (word // per_word) * split + place // stage.fold.simd
            order[chunk, place % stage.fold.simd] = element
    return order


def weight_words(stage: Stage) -> tuple[list[int], int]:
    """Words of the weight memory (round fastest) and bits of one."""
    assert stage.fold is not None and isinstance(stage.op, WeightedOp)
    order = input_order(stage)
    outputs = stage.op.weights.shape[-1]
    pe = stage.fold.pe
    codes = narrow_weights(stage.op).reshape(-1, outputs)
    padded = np.zeros((codes.shape[0] + 1, stage.rounds * pe), dtype=np.int64)
    padded[:-1, :outputs] = codes  # row -1 stays zero: dead lanes
    # (chunks, SIMD, rounds, PE) -> (chunks, rounds, PE, SIMD)
    grid = padded[order].reshape(stage.chunks, stage.fold.simd, stage.rounds, pe)
    lanes = grid.transpose(0, 2, 3, 1).reshape(stage.chunks * stage.rounds, -1)
    bits = weight_width(stage.op)
    return pack_words(lanes, bits), bits * lanes.shape[1]


def bias_words(stage: Stage) -> tuple[list[int], int]:
    """Words of the bias memory, aligned to the accumulator, and bits of one."""
    assert stage.fold is not None and isinstance(stage.op, WeightedOp)
    op = stage.op
    assert op.accumulator is not None and op.bias.format is not None
    shift = op.accumulator.format.fraction_bits - op.bias.format.fraction_bits
    padded = np.zeros(stage.rounds * stage.fold.pe, dtype=np.int64)
    padded[: op.bias.values.size] = op.bias.values << shift
    bits = op.accumulator.format.width
    return pack_words(padded.reshape(stage.rounds, -1), bits), bits * stage.fold.pe


def memory_files(stage: Stage, module: str) -> dict[str, str]:
    """File name to contents of every memory that the stage's ``module`` reads."""
    op = stage.op
    if stage.adders is not None:
        return {}
    if isinstance(op, WeightedOp):
        return {
            f"{module}_weights.mem": hex_lines(*weight_words(stage)),
            f"{module}_bias.mem": hex_lines(*bias_words(stage)),
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
