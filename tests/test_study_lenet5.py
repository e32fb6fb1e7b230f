"""Study ``lenet5`` at toy size: every kind of row gives what it says, on digits."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lenetgen.models.datasets import load
from lenetgen.models.recipe import Recipe
from lenetgen.models.studies import lenet5, lenet5_report
from lenetgen.models.studies.rows import Chain, Options, Store
from lenetgen.models.studies.worker import work

KINDS = ("float", "q4.4", "q4.4-rescaled", "float-longer", "half", "half-q4.4", "sparse")
ROWS = (*KINDS, "qat-low", "hw-half-q4.4", "hw-qat-low")
OPTIONS = Options((7,))


def _short(epochs: int, **other: Any) -> Recipe:
    return Recipe(epochs=epochs, lr=2e-3, batch=32, **lenet5.PLAIN, **other)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Results of the rows, by name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lenet5, "DATASET", "digits")
        setup = lenet5.Setup("toy", _short(3), _short(1), _short(2))
        patch.setattr(lenet5, "SETUPS", (setup,))
        whole = lenet5.chains(OPTIONS)
        assert [chain.name for chain in whole] == ["toy-7"]
        rows = tuple(row for row in whole[0].rows if row.name in ROWS)
        assert [row.name for row in rows] == list(ROWS)
        out, events = tmp_path_factory.mktemp("study"), io.StringIO()
        work(Chain("toy-7", rows), OPTIONS, out, events)
        told = [json.loads(line) for line in events.getvalue().splitlines()]
        parts = [each["done"] for each in told if each["row"] == "float" and each["done"]]
        assert parts == sorted(parts) and parts[-1] == 1.0
        store = Store(out)
        found = {}
        for row in rows:
            kept = store.read("toy-7", row)
            assert kept is not None
            found[row.name] = kept["result"]
        return found


def test_scores_are_of_the_whole_test_set(results: dict[str, dict[str, Any]]) -> None:
    labels = load("digits", "test").labels
    assert labels is not None
    for name in ROWS:
        result = results[name]
        if name.startswith("hw-"):
            continue
        confusion = np.array(result["confusion"])
        assert confusion.sum(axis=1).tolist() == np.bincount(labels, minlength=10).tolist()
        assert confusion.trace() == result["correct"] and result["images"] == len(labels)
        assert result["accuracy"] == result["correct"] / len(labels)
    assert results["float"]["accuracy"] > 0.8 and results["qat-low"]["accuracy"] > 0.5
    assert results["q4.4"]["confusion"] != results["float"]["confusion"]
    assert results["q4.4-rescaled"]["nonzero"] > results["q4.4"]["nonzero"]


def test_sizes(results: dict[str, dict[str, Any]]) -> None:
    float_, half, sparse = results["float"], results["half"], results["sparse"]
    assert (float_["weights"], float_["macs"]) == (61_470, 416_520)
    # 8 filters of conv2 (6 x 25 weights at 100 places) and their 8 x 25 inputs of fc1 are gone
    assert half["weights"] == 61_470 - 8 * 150 - 8 * 25 * 120
    assert half["macs"] == 416_520 - 8 * 150 * 100 - 8 * 25 * 120
    assert sparse["weights"] == 61_470 and sparse["nonzero"] == round(0.2 * 61_470)
    assert sparse["nonzero_macs"] < 0.5 * sparse["macs"]
    assert float_["stored_bits"] == 32 * 61_706
    assert results["half-q4.4"]["stored_bits"] < results["q4.4"]["stored_bits"] < 8 * 61_706
    assert results["half"]["sparsity"] == 0.5
    assert len(results["float-longer"]["history"]) == 1 and len(half["history"]) == 2


def test_ranges_and_quantized_training(results: dict[str, dict[str, Any]]) -> None:
    assert results["qat-low"]["differing"] == 0
    layers = results["float"]["layers"]
    assert [sum(layer["counts"]) for layer in layers.values()] == [150, 2400, 48_000, 10_080, 840]
    assert all(layer["low"] < 0 < layer["high"] for layer in layers.values())


def test_hardware(results: dict[str, dict[str, Any]]) -> None:
    for name in ("hw-half-q4.4", "hw-qat-low"):
        found = results[name]
        assert found["goal"] == 2500 >= found["interval"] > 784 and found["lut"] > 1000
    assert results["hw-half-q4.4"]["dsp"] + results["hw-qat-low"]["dsp"] > 0


def test_every_row_has_a_label() -> None:
    for chain in lenet5.chains(OPTIONS):
        for row in chain.rows:
            assert row.name.removeprefix("hw-") in lenet5_report.LABELS
    assert set(lenet5_report.CLAIMED) <= set(lenet5_report.LABELS)
    assert {setup.name for setup in lenet5.SETUPS} == set(lenet5_report.SETUPS)


def test_report_takes_means_over_seeds(tmp_path: Path) -> None:
    folder = Path(__file__).resolve().parents[1] / "results" / "lenet5"
    content = json.loads((folder / "study.json").read_text())
    picked = [
        100 * row["result"]["accuracy"]
        for row in content["rows"]
        if row["chain"].startswith("best-") and row["row"] == "qat-mixed"
    ]
    assert len(picked) == len(content["options"]["seeds"]) >= 5
    text = (folder / "study.md").read_text()
    line = next(
        line
        for line in text.partition("## Best")[2].splitlines()
        if line.startswith("| QAT mixed |")
    )
    assert f"| {np.mean(picked):.2f} ± {np.std(picked, ddof=1):.2f} |" in line
