"""lenetgen estimate, and what emit says of the part."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from lenetgen.cli.main import main
from lenetgen.codegen.resources import PARTS


def _run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main(list(words))
    text = capsys.readouterr()
    return int(str(stop.value.code)), text.out, " ".join(text.err.split())


def test_emit_says_what_exceeds_the_part(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "design"
    small = ("--part", "xc7z010clg400-1", "--max-dsp", "150", "--out", str(out))
    status, _, text = _run(capsys, "emit", *small)
    assert status == 0
    assert "exceeds xc7z010clg400-1: DSP48E1" in text and "of 80" in text
    assert "LUT" in text and "of 17,600" not in text  # what fits is not blamed

    status, text, _ = _run(capsys, "estimate", str(out), "--json")
    assert status == 0
    report = json.loads(text)
    assert report["binding"] == "dsp" and 1 < report["share"]["dsp"] <= 150 / 80
    for name, whole in report["total"].items():
        parts = sum(layer[name] for layer in report["layers"].values())
        assert abs(parts - whole) <= len(report["layers"])  # rounded one by one
    assert report["share"]["lut"] == pytest.approx(
        report["total"]["lut"] / PARTS["xc7z010"].lut, abs=1e-3
    )


def test_a_design_that_fits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "design"
    status, _, text = _run(capsys, "emit", "--out", str(out))
    assert status == 0 and "estimate:" in text and "exceeds" not in text
    status, _, text = _run(capsys, "estimate", str(out))
    assert status == 0 and "BRAM36" in text and "exceeds" not in text
    status, text, error = _run(capsys, "estimate", str(tmp_path / "nothing"))
    assert status == 2 and text == "" and error.startswith("lenetgen: ")
