"""HLS C++ of a typed graph: sources, weights, test bench and the fast C simulation's main.

Input: a typed graph, a schedule, a name and a banner; output: the folder ``hls/``. Widths, orders
and constants are decided in ``emit_hls_layers.py``; templates only place them. ``docs/hls.md`` says
what each file is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .emit_hls_context import Layer, Stream
from .emit_hls_layers import layer_for, stream_for, types_of
from .errors import UserError
from .ir import Graph
from .layout import StreamLayout, result_word_bits
from .render import identifier, render, to_json, write_text
from .schedule import Schedule, layouts

LIBRARY = (
    "lng_axis.h",
    "lng_map.h",
    "lng_pool.h",
    "lng_reshape.h",
    "lng_trace.h",
    "lng_types.h",
    "lng_window.h",
)
MAX_WORD_BITS = 4096  # the widest ap_int Vitis HLS allows
STIMULUS, EXPECTED = "hls/data/stimulus.txt", "hls/data/expected.txt"


@dataclass(frozen=True)
class HlsFiles:
    """What was emitted; names are relative to the output folder and start with ``hls/``."""

    top: str  # the C++ top function
    sources: tuple[str, ...]  # compiled for hardware
    headers: tuple[str, ...]
    tb: tuple[str, ...]  # test bench sources
    data: tuple[str, ...]  # read by the test bench; written by ``write_vectors``
    csim: tuple[str, ...]  # only for ``sim.csim``: its main and the shapes of all streams


@dataclass(frozen=True)
class Design:
    """Context of all templates."""

    banner: tuple[str, ...]
    name: str
    guard: str
    input: Stream
    output: Stream
    layers: tuple[Layer, ...]
    pixel_bits: int  # width of an AXI word in
    logit_bits: int  # width of an AXI word out
    outputs: int  # words out per frame
    output_fraction: int

    @property
    def max_bits(self) -> int:
        """Width of the widest ``ap_uint``."""
        return max(self.pixel_bits, self.logit_bits)


def emit(graph: Graph, schedule: Schedule, name: str, banner: str, out: Path) -> HlsFiles:
    """Write ``out/hls``; return its files. The same input gives the same bytes.

    ``graph`` is typed and verified, ``name`` becomes the top function, ``banner`` a comment in
    every generated file. ``UserError`` where a word would be wider than C++ types can be;
    ``OSError`` if the folder can't be written.
    """
    design = _design(graph, schedule, identifier(name), banner)
    texts = {
        "types.h": render("hls/types.h.j2", {"design": design}),
        f"{name}.h": render("hls/top.h.j2", {"design": design}),
        f"{name}.cpp": render("hls/top.cpp.j2", {"design": design}),
        f"tb_{name}.cpp": render("hls/tb.cpp.j2", {"design": design}),
        f"csim_{name}.cpp": render("hls/csim.cpp.j2", {"design": design}),
        "csim.json": to_json(_description(graph, design)),
    }
    for layer in design.layers:
        values = {"design": design, "layer": layer, "weights": layer.weights}
        texts[f"layers/{layer.name}.h"] = render(layer.template, values)
        if layer.weights is not None:
            texts[f"weights/{layer.name}.h"] = render("hls/weights.h.j2", values)
    for header in LIBRARY:
        text = (files("lenetgen") / "templates" / "hls" / header).read_text(encoding="utf-8")
        texts[header] = text
    for relative, text in texts.items():
        write_text(out / "hls" / relative, text)
    return HlsFiles(
        top=name,
        sources=(f"hls/{name}.cpp",),
        headers=tuple(f"hls/{file}" for file in sorted(texts) if file.endswith(".h")),
        tb=(f"hls/tb_{name}.cpp",),
        data=(STIMULUS, EXPECTED),
        csim=(f"hls/csim_{name}.cpp", "hls/csim.json"),
    )


def write_vectors(out: Path, images: npt.NDArray[np.uint8], logits: npt.NDArray[np.int64]) -> None:
    """Write the test bench's data: uint8 images (N, *shape) and golden logits (N, outputs)."""
    write_text(out / STIMULUS, _lines(images))
    write_text(out / EXPECTED, _lines(logits))


def _lines(frames: npt.NDArray[Any]) -> str:
    rows: Iterable[Any] = frames.reshape(len(frames), -1).tolist()
    return "".join(" ".join(map(str, row)) + "\n" for row in rows)


def _design(graph: Graph, schedule: Schedule, name: str, banner: str) -> Design:
    source: Stream | None = None
    layers: list[Layer] = []
    first: Stream | None = None
    for op, reads, writes in layouts(graph, schedule.folds, schedule.pixels):
        if source is None:
            source = first = _input_stream(graph, reads)
        layer = layer_for(op, graph.source(op), source, stream_for(op, writes), schedule)
        layers.append(layer)
        source = layer.y
    assert first is not None and source is not None
    output = graph.output
    pixel_bits = 8 * first.lanes
    if pixel_bits > MAX_WORD_BITS:
        raise UserError(
            f"input {graph.input.name}: a word has {first.lanes} lanes of 8 bits "
            f"(channels times pixels per clock); C++ allows {MAX_WORD_BITS // 8}"
        )
    return Design(
        banner=tuple(line.rstrip("\\ ") for line in banner.splitlines()),
        name=name,
        guard=name.upper(),
        input=first,
        output=source,
        layers=tuple(layers),
        pixel_bits=pixel_bits,
        logit_bits=result_word_bits(output.fmt),
        outputs=output.size,
        output_fraction=output.fmt.fraction_bits,
    )


def _input_stream(graph: Graph, layout: StreamLayout) -> Stream:
    shape = "x".join(map(str, graph.input.shape))
    return Stream(
        stream="frame",
        type="input_t",
        vec="input_vec_t",
        cpp=types_of(graph.input.fmt),
        comment=f"{graph.input.name}, {shape}, code p stands for p/256",
        layout=layout,
    )


def _description(graph: Graph, design: Design) -> dict[str, Any]:
    """What ``sim.csim`` needs to know: all streams in order with their shapes."""
    return {
        "top": design.name,
        "outputs": design.outputs,
        "tensors": [
            {"name": tensor.name, "shape": list(tensor.shape), "elements": math.prod(tensor.shape)}
            for tensor in graph.tensors()
        ],
    }
