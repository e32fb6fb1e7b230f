"""The drawing of a simulated frame, and the names in ``docs/hardware.md``."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from lenetgen.codegen.cycles import measure
from lenetgen.sim import timing_diagram
from lenetgen.sim.package import Options, write
from lenetgen.sim.rtl import Replay, RtlSimulation, StreamTrace
from lenetgen.sim.timing_diagram import Lane, draw

from .small_networks import random_images, small_design

SVG = "{http://www.w3.org/2000/svg}"


def test_bars_are_where_words_move() -> None:
    early, late = np.array([0, 1, 2, 50]), np.array([98, 99])
    lanes = [Lane("input", (early, late)), Lane("results", (np.array([40]), late))]
    text = draw(lanes, "two frames")
    assert text == draw(lanes, "two frames")
    root = ET.fromstring(text)
    labels = [item.text for item in root.iter(f"{SVG}text")]
    assert {"two frames", "input", "results", "cycle", "0", "90"} <= set(labels)
    first = next(path for path in root.iter(f"{SVG}path") if path.get("fill") == "#0072B2")
    assert str(first.get("d")).count("M") == 2  # three words in a row, and one alone
    assert str(first.get("d")).startswith("M150.0 36H174.6V")


def test_a_lane_per_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Input, every layer, results, in the order a pixel passes them."""
    design = small_design()
    options = Options(precision="mixed", model="mini")
    package = write(design, measure(design), options, random_images(3, 1), tmp_path / "mini")

    def traced(self: RtlSimulation, images: np.ndarray, points: tuple[object, ...]) -> Replay:
        assert images.shape == (2, 8, 8, 1)
        cycles = [np.arange(2 * 3).reshape(1, 2, 3) + place for place, _ in enumerate(points)]
        streams = [StreamTrace(item, item, np.zeros(1, dtype=np.bool_)) for item in cycles]
        return Replay(np.zeros((1, 2, 5)), np.ones((1, 2), dtype=np.bool_), tuple(streams))

    monkeypatch.setattr(RtlSimulation, "traced", traced)
    monkeypatch.setattr("lenetgen.sim.verilator.build_executable", lambda *_, **__: Path("none"))
    lanes = timing_diagram.measure(package)
    names = ["input", *(f"{layer} sends" for layer in ("conv1", "pool1", "conv2", "fc1", "fc2"))]
    assert [lane.label for lane in lanes] == [*names, "results"]
    assert [moves.tolist() for moves in lanes[1].moves] == [[1, 2, 3], [4, 5, 6]]


def test_modules_of_the_docs_exist(root: Path) -> None:
    text = (root / "docs" / "hardware.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\blng_[a-z_]+\b", text))
    assert len(named) > 20
    assert {name for name in named if not (root / "hw" / f"{name}.v").is_file()} == set()
