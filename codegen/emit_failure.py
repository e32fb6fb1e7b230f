"""Writes a failing input as a stand-alone test: for RTL a cocotb test, for C++ a main program.

Input: a ``Design``, what differs, the frames and the right integers. Output: files of one folder;
the same input gives the same bytes. What to write is decided in ``sim/failure.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .cycles import Timing
from .design import Design
from .emit_bench import BenchContext, bench_context, bench_layer
from .emit_sim import EXPECTED, STIMULUS
from .render import render, write_text
from .rtl_memory import hex_lines, pack_words
from .streams import OUTPUT_PORT, StreamPoint, stream_points

RUNNER = "run_failure.py"
SHOWN_PIXELS = 16  # more are not listed in words
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Failing:
    """What fails; ``layer`` and ``part`` as in ``StreamPoint``, ``place``: both in words.

    ``images`` uint8 (frames, *shape); ``golden`` their right codes (frames, *shape) by tensor.
    """

    stage: str  # rtl or csim
    layer: str
    part: str
    place: str
    message: str  # the first difference in a sentence
    search: str  # how the input was found, in a sentence
    images: npt.NDArray[np.uint8]
    golden: Mapping[str, Codes]


@dataclass(frozen=True, kw_only=True)
class FailureContext(BenchContext):
    """What the failure templates are rendered with; ``design``: the emitted folder from here."""

    stage: str
    what: str
    place: str
    message: str
    search: str
    design: str
    frames: int
    pixels: int
    values: int
    lit: tuple[str, ...]
    lanes: int
    trace_start: int
    trace_size: int


def failure_context(
    design: Design, timing: Timing, banner: str, failing: Failing, folder: str
) -> FailureContext:
    """The context of the templates."""
    tensors = list(design.graph.tensors())
    index = next(i for i, tensor in enumerate(tensors) if tensor.name == failing.layer)
    point = _point(design, failing)
    bench = bench_context(design, timing, banner)
    given = {field.name: getattr(bench, field.name) for field in fields(bench)}
    layers = () if point is None else (bench_layer(point, failing.layer, failing.place),)
    return FailureContext(
        **{**given, "layers": layers},
        stage=failing.stage,
        what="the Verilog" if failing.stage == "rtl" else "the C++",
        place=failing.place,
        message=failing.message,
        search=failing.search,
        design=folder,
        frames=len(failing.images),
        pixels=int(np.count_nonzero(failing.images)),
        values=failing.images.size,
        lit=_lit(failing.images),
        lanes=design.source.lanes,
        trace_start=sum(tensor.size for tensor in tensors[:index]),
        trace_size=tensors[index].size,
    )


def emit(
    design: Design, timing: Timing, banner: str, failing: Failing, folder: str, out: Path
) -> None:
    """Write the test to ``out``; ``folder``: the emitted design as seen from where it will be."""
    context = {"m": failure_context(design, timing, banner, failing, folder)}
    golden = failing.golden
    logits = golden[design.graph.output.name].reshape(len(failing.images), -1)
    texts = {
        "README.md": render("sim/failure.md.j2", context),
        RUNNER: render("sim/run_failure.py.j2", context),
    }
    if failing.stage == "rtl":
        bits, lanes = design.result_bits, design.source.lanes
        flat = failing.images.reshape(len(failing.images), -1).astype(np.int64)
        dead = design.source.words * lanes - flat.shape[1]
        words = pack_words(np.pad(flat, ((0, 0), (0, dead))).reshape(-1, lanes), 8)
        texts["test_failure.py"] = render("sim/test_failure.py.j2", context)
        texts[STIMULUS] = hex_lines(words, lanes * 8)
        texts[EXPECTED] = hex_lines(pack_words(logits.reshape(-1, 1), bits), bits)
    else:
        texts["failure.cpp"] = render("sim/failure.cpp.j2", context)
        texts["stimulus.txt"] = _lines(failing.images.reshape(len(failing.images), -1))
        texts["expected.txt"] = _lines(logits)
    if failing.part != OUTPUT_PORT or failing.stage != "rtl":
        codes = golden[failing.layer]
        channels = design.graph.tensor(failing.layer).image_shape[2]
        texts["layer.txt"] = _lines(codes.reshape(-1, channels))
    for name, text in texts.items():
        write_text(out / name, text)


def _point(design: Design, failing: Failing) -> StreamPoint | None:
    """The stream to watch; None for the output port, whose results are compared anyway."""
    for point in stream_points(design):
        if (point.tensor.name, point.part) == (failing.layer, failing.part):
            return point
    return None


def _lit(images: npt.NDArray[np.uint8]) -> tuple[str, ...]:
    """The values that are not zero, in words; none if they are many."""
    if np.count_nonzero(images) > SHOWN_PIXELS:
        return ()
    names = ("image", "row", "column", "channel") if images.ndim == 4 else ("image", "element")
    skip = 1 if len(images) == 1 else 0
    return tuple(
        ", ".join(f"{name} {at}" for name, at in list(zip(names, place, strict=True))[skip:])
        + f": {images[tuple(place)]}"
        for place in np.argwhere(images).tolist()
    )


def _lines(rows: npt.NDArray[np.int64] | npt.NDArray[np.uint8]) -> str:
    return "".join(" ".join(map(str, row)) + "\n" for row in rows.tolist())
