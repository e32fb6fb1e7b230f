"""The texts of a PYNQ package: driver, notebook, register map, C examples, README.

Input: a ``Design``, its clock, a few test vectors. Output: texts by file name; which files go into
the package, and the bitstream, are ``sim/pynq_package.py``'s business.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .design import Design
from .emit_board import LENGTH_BITS
from .registers import (
    ADDRESS_WIDTH,
    CORE_BASE,
    CORE_CELL,
    CORE_RANGE,
    DMA_BASE,
    DMA_CELL,
    DMA_RANGE,
    MAP_VERSION,
    MAX_PACKET_FRAMES,
    REGISTERS,
    Access,
    Field,
    Register,
    constants,
    frame_bytes,
    model_hash,
    stream_bytes,
)
from .render import identifier, render, to_json

C_VECTORS = 2  # images the C examples play


@dataclass(frozen=True, kw_only=True)
class PynqContext:
    """What the templates in ``templates/pynq`` are rendered with."""

    banner: str
    title: str
    name: str
    model_hash: str
    shape: tuple[int, ...]
    classes: int
    fraction_bits: int
    words: int
    lanes: int
    in_bytes: int
    out_bytes: int
    frame_bytes: int
    image_size: int  # bytes
    clock_mhz: float
    part: str
    length_bits: int
    core_cell: str
    core_base: int
    core_range: int
    dma_cell: str
    dma_base: int
    dma_range: int
    map_version: int
    address_width: int
    max_frames: int
    registers: tuple[Register, ...]
    bits: tuple[tuple[str, Field], ...]  # register and field of those software acts on
    constants: dict[str, int]


def register_values() -> dict[str, Any]:
    """What ``registers.md.j2`` is rendered with: the same for every design."""
    return {
        "map_version": MAP_VERSION,
        "address_width": ADDRESS_WIDTH,
        "core_cell": CORE_CELL,
        "core_base": CORE_BASE,
        "core_range": CORE_RANGE,
        "dma_cell": DMA_CELL,
        "dma_base": DMA_BASE,
        "dma_range": DMA_RANGE,
        "registers": REGISTERS,
    }


def pynq_context(
    design: Design, banner: str, title: str, clock_ns: float, part: str
) -> PynqContext:
    """The context of all texts."""
    output = design.graph.output
    return PynqContext(
        banner=banner,
        title=title,
        name=identifier(design.name),
        model_hash=model_hash(design),
        shape=design.graph.input.shape,
        classes=output.size,
        fraction_bits=output.fmt.width - output.fmt.integer_bits,
        words=design.source.words,
        lanes=design.source.lanes,
        in_bytes=stream_bytes(design.source.lanes * 8),
        out_bytes=design.result_bits // 8,
        frame_bytes=frame_bytes(design),
        image_size=design.graph.input.size,
        clock_mhz=round(1000 / clock_ns, 3),
        part=part,
        length_bits=LENGTH_BITS,
        max_frames=MAX_PACKET_FRAMES,
        bits=tuple(
            (one.name, field)
            for one in REGISTERS
            if one.access is not Access.CONSTANT and one.name != "IRQ_ENABLE"
            for field in one.fields
        ),
        constants=constants(design),
        **register_values(),
    )


def texts(
    context: PynqContext, images: npt.NDArray[np.uint8], logits: npt.NDArray[np.int64]
) -> dict[str, str]:
    """Texts by file name, the README excepted; ``images`` (n, *shape) with golden ``logits``."""
    m = {"m": context}
    vectors = {
        "images": [list(map(int, image.reshape(-1))) for image in images[:C_VECTORS]],
        "logits": [list(map(int, row)) for row in logits[:C_VECTORS]],
    }
    return {
        "driver.py": render("pynq/driver.py.j2", m),
        f"{context.name}.ipynb": to_json(_notebook(render("pynq/notebook.txt.j2", m))),
        "registers.md": render("pynq/registers.md.j2", register_values()),
        "lenetgen_registers.h": render("pynq/registers.h.j2", m),
        "lenetgen_vectors.h": render("pynq/vectors.h.j2", {**m, **vectors}),
        "lenetgen_core.h": render("pynq/core.h.j2", m),
        "bare_metal.c": render("pynq/bare_metal.c.j2", m),
        "linux_user.c": render("pynq/linux_user.c.j2", m),
    }


def readme(context: PynqContext, files: dict[str, str], bitstream: bool, command: str) -> str:
    """README.md: ``files`` are names with what they are; ``command`` adds the bitstream."""
    values = {"m": context, "files": files, "bitstream": bitstream, "command": command}
    return render("pynq/README.md.j2", values)


def _notebook(text: str) -> dict[str, Any]:
    """A notebook (nbformat 4.4) of cells that begin with a line ``%% markdown`` or ``%% code``."""
    cells = []
    for part in text.split("%% ")[1:]:
        kind, _, source = part.partition("\n")
        cell: dict[str, Any] = {"cell_type": kind, "metadata": {}}
        cell["source"] = source.strip("\n").splitlines(keepends=True)
        if kind == "code":
            cell |= {"execution_count": None, "outputs": []}
        cells.append(cell)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 4}
