"""The streams of a design that simulation can watch, from the input port to the output port.

Input: a ``Design``. Output: one ``StreamPoint`` per place; harness, benches and the first
difference name places by them.
"""

from __future__ import annotations

from dataclasses import dataclass

from .design import Design
from .ir import Tensor
from .layout import StreamLayout

RESULT = ""  # what a layer computes
INPUT_PORT, FIFO, OUTPUT_PORT = "input port", "FIFO", "output port"


@dataclass(frozen=True)
class StreamPoint:
    """A stream of the top module: signals ``<signal>_tdata``, ``_tvalid``, ``_tready``.

    It carries ``tensor``. ``part`` says what put it there: the layer itself (``RESULT``), the
    FIFO behind it, or the input port.
    """

    tensor: Tensor
    part: str
    signal: str
    layout: StreamLayout

    @property
    def bits(self) -> int:
        """Bits of a word."""
        return self.layout.lanes * self.tensor.fmt.width


def stream_points(design: Design) -> tuple[StreamPoint, ...]:
    """All streams in the order a pixel passes them."""
    source = design.graph.input
    points = [
        StreamPoint(source, INPUT_PORT, "frame", design.source),
        StreamPoint(source, FIFO, f"fifo_{source.name}", design.source),
    ]
    for stage in design.stages:
        tensor, name = stage.op.out, stage.op.name
        points.append(StreamPoint(tensor, RESULT, f"out_{name}", stage.result))
        points.append(StreamPoint(tensor, FIFO, f"fifo_{name}", stage.result))
    return tuple(points)


def verilator_config(design: Design) -> str:
    """A Verilator configuration file that lets the harness read every point's signals."""
    lines = [
        f'public_flat_rd -module "{design.name}" -var "{point.signal}_{end}"'
        for point in stream_points(design)
        for end in ("tdata", "tvalid", "tready")
    ]
    return "\n".join(("`verilator_config", *lines)) + "\n"
