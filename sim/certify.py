"""``certify``: certificates of an emitted design, the images found, and their replays, as files.

``certificates.json`` says for every sum its bounds, what reaches them and how far images get;
``certificates.npz`` holds the inputs: ``<layer>_<side>_codes`` (the layer's input tensor) and
``<layer>_<side>_image`` (uint8, the network's). The same design gives the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..codegen.ir import WeightedOp
from ..codegen.render import to_json, write_text
from .certificate import SIDES, Certificate, certificates, summary
from .certify_replay import Replay, replay
from .certify_search import Found, furthest_image
from .package import Package

REPORT, INPUTS = "certificates.json", "certificates.npz"
FOLDER = Path(".build") / "certify"
NO_IMAGES = np.zeros((0,), dtype=np.uint8)
Progress = Callable[[str, int, int], None]  # phase, done, in all


@dataclass(frozen=True)
class Report:
    """Per sum its certificate and, for weighted layers, the image found for each side."""

    package: Package
    certificates: tuple[Certificate, ...]
    images: dict[tuple[str, str], Found]  # by layer and side
    replays: tuple[Replay, ...]

    @property
    def ok(self) -> bool:
        """Whether every replay gave the integers it had to."""
        return all(one.ok for one in self.replays)


def certify(package: Package, progress: Progress | None = None, *, layers: bool = True) -> Report:
    """Find the images, replay everything, write the two files into the package's folder.

    ``layers=False`` leaves the replays of single layers out. ``UserError`` if a tool is missing.
    """
    tell = progress or (lambda *_: None)
    graph = package.design.graph
    found = certificates(graph)
    images: dict[tuple[str, str], Found] = {}
    weighted = [one for one in found if isinstance(one.op, WeightedOp)]
    for done, one in enumerate(weighted):
        tell("images", done, len(weighted))
        for side in SIDES:
            images[one.op.name, side] = furthest_image(graph, one, side)
    tell("images", len(weighted), len(weighted))
    tell("replay", 0, 1)
    frames = np.stack([one.image for one in images.values()]) if images else NO_IMAGES
    folder = package.folder / FOLDER
    replays = replay(package.design, found if layers else (), frames, folder)
    tell("replay", 1, 1)
    report = Report(package, found, images, replays)
    _write(report, package.folder)
    return report


def as_json(report: Report) -> dict[str, Any]:
    """The report as plain data, without the inputs."""
    return {
        "ok": report.ok,
        "design": report.package.design.name,
        "layers": [_layer(report, one) for one in report.certificates],
        "replays": [
            {
                "layer": one.layer or None,
                "frames": one.frames,
                "ok": one.ok,
                "differences": list(one.differences),
            }
            for one in report.replays
        ],
    }


def _layer(report: Report, one: Certificate) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": one.op.name, "kind": one.op.kind}
    if isinstance(one.op, WeightedOp) and one.op.accumulator is not None:
        entry["accumulator"] = str(one.op.accumulator.format)
    for side, values in summary(one).items():
        found = report.images.get((one.op.name, side))
        if found is not None:
            share = found.value / values["bound"] if values["bound"] else None
            values["image"] = {"value": found.value, "share": share, **vars(found.place)}
        entry[side] = values
    return entry


def _write(report: Report, folder: Path) -> None:
    arrays: dict[str, npt.NDArray[Any]] = {}
    for one in report.certificates:
        for side in SIDES:
            arrays[f"{one.op.name}_{side}_codes"] = one.side(side).codes
            found = report.images.get((one.op.name, side))
            if found is not None:
                arrays[f"{one.op.name}_{side}_image"] = found.image
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)  # entries dated 1980: same bytes
    (folder / INPUTS).write_bytes(buffer.getvalue())
    write_text(folder / REPORT, to_json(as_json(report)))
