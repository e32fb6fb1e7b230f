"""Damaged model files, seeded: each loads or is refused in one line; nothing else ever happens."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from .damage import DAMAGES

WORKER = Path(__file__).parent / "damage_worker.py"
BASES = 8  # models in damage_worker.py
CASES = 3 * BASES * len(DAMAGES)
SECONDS = 20  # of computing for one file; 0.1 is usual
MEMORY = 1 << 30

# The archive has checksums: what still loads after such damage must be the same model.
CHECKED = ("flip_bits", "flip_structure", "truncate", "shift_bytes")


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[dict[str, Any], Any]]:
    """(case, result) of all cases, from one process; it must live to the end and be silent."""
    folder = tmp_path_factory.mktemp("damaged")
    words = [sys.executable, str(WORKER), str(folder), "20", "0", str(CASES)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=600)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, (lines[-1:], done.stderr[-2000:])
    assert done.stderr == ""
    return list(zip(lines[::2], lines[1::2], strict=True))


def test_each_file_loads_or_is_refused(outcomes: list[tuple[dict[str, Any], Any]]) -> None:
    assert len(outcomes) == CASES >= 300
    for case, result in outcomes:
        assert result["result"] in ("loaded", "refused"), (case, result["text"])
        assert result["seconds"] < SECONDS, case
        assert result["grown"] < MEMORY, case
        if result["result"] == "refused":
            text = result["text"]
            assert f"case{case['case']}." in text.partition(": ")[0]
            assert text.isprintable() and len(text) < 1000, text


def test_undamaged_models_load(outcomes: list[tuple[dict[str, Any], Any]]) -> None:
    whole = {case["base"]: case["whole"] for case, _ in outcomes}
    assert len(whole) == BASES
    assert {result["result"] for result in whole.values()} == {"loaded"}
    texts = {name: result["text"] for name, result in whole.items()}
    for name in texts:
        assert texts[name] == texts[f"{Path(name).stem}.keras"]


def test_checksums_keep_the_model(outcomes: list[tuple[dict[str, Any], Any]]) -> None:
    for case, result in outcomes:
        archive = case["base"].endswith(".keras") and case["damage"] in CHECKED
        if archive and result["result"] == "loaded":
            assert result["text"] == case["whole"]["text"], case


def test_the_damage_is_neither_mild_nor_total(
    outcomes: list[tuple[dict[str, Any], Any]],
) -> None:
    refused = Counter(case["damage"] for case, result in outcomes if result["result"] == "refused")
    assert set(refused) == set(DAMAGES)
    assert min(refused.values()) >= 6
    assert CASES // 2 < sum(refused.values()) < CASES - 30
