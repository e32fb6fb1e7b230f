"""When each stage sends, drawn from a simulation: two frames back to back, one lane per stream.

    python -m lenetgen.sim.timing_diagram build/lenet5-balanced docs/timing.svg

Input: an emitted folder; its first two bench images go through its RTL in Verilator. Output: SVG,
the same bytes each time.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..codegen.render import write_text
from ..codegen.streams import FIFO, INPUT_PORT
from .package import Package, load
from .rtl import RtlSimulation
from .vectors import ARRAYS

FRAMES = 2
LEFT, WIDTH, LANE = 150, 820, 26  # pixels: labels, cycles, height of a lane
COLOURS = ("#0072B2", "#E69F00")  # first and second frame; dark and light in grey, too


@dataclass(frozen=True)
class Lane:
    """The cycles at which words of each frame moved on a stream, ascending."""

    label: str
    moves: tuple[npt.NDArray[np.int64], ...]


def measure(package: Package) -> list[Lane]:
    """Simulate two frames from a reset on; a lane per stream, input first, results last."""
    with np.load(package.folder / ARRAYS, allow_pickle=False) as archive:
        images = archive["images"][:FRAMES]
    simulation = RtlSimulation(package.design, package.folder)
    last = simulation.points[-1]  # the FIFO whose words the output port takes
    points = tuple(point for point in simulation.points if point.part != FIFO or point == last)
    streams = simulation.traced(images, points).streams
    lanes = []
    for point, stream in zip(points, streams, strict=True):
        label = "input" if point.part == INPUT_PORT else f"{point.tensor.name} sends"
        label = "results" if point == last else label
        lanes.append(Lane(label, tuple(np.unique(codes) for codes in stream.cycles[0])))
    return lanes


def draw(lanes: Sequence[Lane], title: str) -> str:
    """The lanes as SVG; a bar where words move, moves closer than two pixels as one bar."""
    end = max(int(moves[-1]) for lane in lanes for moves in lane.moves) + 1
    step = next(s for s in (10, 20, 50, 100, 200, 500, 1000, 5000, 10**9) if end / s <= 12)
    bottom = 40 + LANE * len(lanes)
    wide, high = LEFT + WIDTH + 20, bottom + 40

    def x(cycle: int) -> str:
        return f"{LEFT + WIDTH * cycle / end:.1f}"

    rows = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" '
        f'viewBox="0 0 {wide} {high}" font-family="sans-serif" font-size="14">',
        f'<rect width="{wide}" height="{high}" fill="white"/>',
        f'<text x="10" y="20">{title}</text>',
    ]
    for cycle in range(0, end, step):
        rows.append(
            f'<path d="M{x(cycle)} 32V{bottom}" stroke="#ddd"/>'
            f'<text x="{x(cycle)}" y="{bottom + 16}" text-anchor="middle">{cycle}</text>'
        )
    rows.append(f'<text x="{LEFT + WIDTH // 2}" y="{bottom + 34}">cycle</text>')
    for index, lane in enumerate(lanes):
        y = 36 + LANE * index
        rows.append(f'<text x="10" y="{y + 15}">{lane.label}</text>')
        for moves, colour in zip(lane.moves, COLOURS, strict=False):
            bars = "".join(
                f"M{x(first)} {y}H{x(last + 1)}V{y + LANE - 8}H{x(first)}Z"
                for first, last in _bars(moves, 2 * end / WIDTH)
            )
            rows.append(f'<path d="{bars}" fill="{colour}"/>')
    return "\n".join([*rows, "</svg>"]) + "\n"


def _bars(moves: npt.NDArray[np.int64], near: float) -> list[tuple[int, int]]:
    """First and last cycle of each run of moves at most ``near`` cycles apart."""
    cuts = np.flatnonzero(np.diff(moves) > max(near, 1)) + 1
    return [(int(run[0]), int(run[-1])) for run in np.split(moves, cuts)]


def main(folder: Path, out: Path) -> None:
    """Draw the design in ``folder`` to ``out``."""
    package = load(folder)
    timing = package.timing
    title = (
        f"{package.design.name}: two frames back to back, blue and orange; "
        f"interval {timing.interval}, latency {timing.latency} cycles"
    )
    write_text(out, draw(measure(package), title))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
