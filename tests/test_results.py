"""The documents' figures are those of ``results/designs.json``; a missed reach is named."""

from __future__ import annotations

import copy
import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from lenetgen.cli.presets import PRESETS
from lenetgen.models.studies import STUDIES, study
from lenetgen.models.studies.runner import read, render

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def results() -> ModuleType:
    path = ROOT / "benchmarks" / "results.py"
    spec = importlib.util.spec_from_file_location("lenetgen_results", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def designs() -> dict[str, Any]:
    """Figures of designs that reach what they should, as ``measure`` gives them."""
    one = {
        "cycles": {
            "interval": {"predicted": 100, "measured": 100},
            "latency": {"predicted": 397, "measured": 397},
        },
        "images": 10_000,
        "wrong_images": 0,
        "accuracy": 99.26,
        "measured": {"lut": 3000, "ff": 2000, "dsp": 0, "bram36": 0},
        "percent": {"lut": 5.64, "ff": 1.88, "dsp": 0.0, "bram36": 0.0},
        "estimate": {"lut": 2900, "ff": 2100, "dsp": 0, "bram": 0.0},
        "logic_ns": 2.46,
        "gate_level": {"images": 3, "wrong_images": 0},
        "tool": "Yosys 0.70",
    }
    return {name: copy.deepcopy(one) for name in PRESETS}


def test_every_preset_has_a_row(results: ModuleType, designs: dict[str, Any]) -> None:
    text = results.page(designs)
    for name in PRESETS:
        assert f"| `{name}` | 100 | 397 | 3,000 (5.6 %) |" in text
        assert results.misses(name, designs[name]) == []
    assert text.count("| met |") == len(PRESETS)
    assert "2,000,000 frames/s" in text


def test_only_the_table_between_the_marks_changes(
    results: ModuleType, designs: dict[str, Any]
) -> None:
    before = "# A\n\n" + "\n".join(["x", results.MARKS[0] + "stale", results.MARKS[1] + "\ny\n"])
    text = results.readme(before, designs)
    assert text.startswith("# A\n\nx\n") and text.endswith("y\n") and "stale" not in text
    assert results.readme(text, designs) == text
    other = copy.deepcopy(designs)
    other["fast"]["measured"]["lut"] += 1
    assert results.readme(text, other) != text


@pytest.mark.parametrize(
    ("name", "place", "value", "message"),
    [
        ("balanced", ("cycles", "interval", "measured"), 785, "cycles per frame 785, wanted 784"),
        ("balanced", ("percent", "dsp"), 90.5, "largest share, % 90.5, wanted 85"),
        ("fast", ("cycles", "latency", "measured"), 401, "latency 401, wanted 400"),
        ("small", ("accuracy",), 98.9, "accuracy 98.9, wanted 99"),
        ("tiny", ("measured", "bram36"), 0.5, "BRAM36 0.5, wanted 0"),
    ],
)
def test_a_missed_reach_is_named(
    results: ModuleType,
    designs: dict[str, Any],
    name: str,
    place: tuple[str, ...],
    value: float,
    message: str,
) -> None:
    part = designs[name]
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    assert results.misses(name, designs[name]) == [message]


def test_documents_say_what_was_measured(results: ModuleType) -> None:
    measured = results.load_results()
    text = results.README.read_text(encoding="utf-8")
    if not measured:
        assert not results.PAGE.exists() and results.MARKS[0] not in text
        return
    assert list(measured) == list(PRESETS)
    assert results.PAGE.read_text(encoding="utf-8") == results.document(measured)
    assert text == results.readme(text, measured)
    for design in measured.values():
        assert design["regression_ok"] and design["images"] == 10_000
        assert design["gate_level"]["wrong_images"] == 0


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_says_what_its_json_says(name: str, tmp_path: Path) -> None:
    folder = ROOT / "results" / name
    render(study(name), read(folder, study(name)), tmp_path)
    text = (folder / "study.md").read_text(encoding="utf-8")
    assert (tmp_path / "study.md").read_text(encoding="utf-8") == text
    for drawn in tmp_path.glob("*.svg"):
        assert f"]({drawn.name})" in text and (folder / drawn.name).exists()
    shown = {line.partition("](")[2].rstrip(")") for line in text.splitlines() if "![" in line}
    assert shown == {path.name for path in tmp_path.glob("*.svg")}
    assert {path.name for path in folder.glob("*.svg")} == shown
