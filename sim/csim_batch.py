"""Many networks' emitted C++ in one g++ run: the headers are read once, which is most of the time.

Input: emitted folders with ``hls/`` side by side in one folder, and their designs. Output: a
``CsimBinary`` per network, to be run by ``csim.run``. The emitted files are compiled as they are,
each network inside its own namespace.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..codegen.design import Design
from ..codegen.emit_hls import LIBRARY
from ..codegen.render import render, write_text
from . import csim
from .toolrun import run_tool

DEFAULT_MAX_BITS = 1024  # ap_int's own limit
PER_NETWORK = "lng_trace.h"  # declares what every network defines


def build(folder: Path, designs: Sequence[Design], *, exact: bool) -> dict[str, csim.CsimBinary]:
    """Compile ``folder/<name>/hls`` of every design with traces; binaries by name.

    ``exact``: ``ap_int`` of the declared widths instead of machine integers. :class:`ToolError`
    if g++ refuses any of them (log: ``folder/csim.log``), ``UserError`` without g++ or headers.
    """
    bits = max(8 * design.source.lanes for design in designs)
    values = {
        "cases": [design.name for design in designs],
        "library": [header for header in LIBRARY if header != PER_NETWORK],
        "max_bits": max(bits, DEFAULT_MAX_BITS),
    }
    source, program = folder / "csim_batch.cpp", folder / "csim_batch"
    write_text(source, render("sim/csim_batch.cpp.j2", values))
    flags = [*csim.FLAGS, "-O0", "-DLNG_TRACE", *["-DLNG_EXACT_CODES"] * exact]
    include = [f"-I{folder}", "-isystem", str(csim.headers())]
    run_tool(["g++", *flags, *include, str(source), "-o", str(program)], log=folder / "csim.log")
    links = folder / "csim"
    links.mkdir(exist_ok=True)
    binaries = {}
    for design in designs:
        name, graph = design.name, design.graph
        link = links / name
        link.unlink(missing_ok=True)
        link.symlink_to(program)
        binaries[name] = csim.CsimBinary(
            path=link,
            folder=folder / name,
            exact=exact,
            trace=True,
            tensors=tuple((tensor.name, tensor.shape) for tensor in graph.tensors()),
            outputs=graph.output.size,
        )
    return binaries
