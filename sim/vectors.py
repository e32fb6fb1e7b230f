"""Stimulus and expected results as files any simulator reads.

``sim/stimulus.mem``: one input word a line, hexadecimal, frames one after another;
``sim/expected.mem``: one result word a line, two's complement; ``sim/vectors.npz``: the same as
arrays (images uint8, logits int64) for Python benches.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..codegen.design import Design
from ..codegen.emit_sim import EXPECTED, STIMULUS
from ..codegen.render import write_text
from ..codegen.rtl_memory import hex_lines, pack_words

FOLDER, ARRAYS = "sim", "sim/vectors.npz"


def input_words(design: Design, images: npt.NDArray[np.uint8]) -> list[int]:
    """The AXI words of ``images`` (n, *shape), channel 0 of a pixel in the low byte."""
    return pack_words(input_bytes(design, images).astype(np.int64), 8)


def input_bytes(design: Design, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """``images`` (n, *shape) as words (n * words, lanes); a frame's last word filled with zeros."""
    lanes, words = design.source.lanes, design.source.words
    flat = images.reshape(len(images), -1)
    padded = np.zeros((len(images), words * lanes), dtype=np.uint8)
    padded[:, : flat.shape[1]] = flat
    return padded.reshape(-1, lanes)


def write_vectors(
    design: Design,
    images: npt.NDArray[np.uint8],
    logits: npt.NDArray[np.int64],
    out: Path,
) -> None:
    """Write the three files for ``images`` and their golden ``logits`` (n, outputs)."""
    bits = design.result_bits
    stimulus = hex_lines(input_words(design, images), design.source.lanes * 8)
    write_text(out / FOLDER / STIMULUS, stimulus)
    write_text(out / FOLDER / EXPECTED, hex_lines(pack_words(logits.reshape(-1, 1), bits), bits))
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, images=images, logits=logits)
    (out / ARRAYS).write_bytes(buffer.getvalue())
