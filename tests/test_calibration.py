"""The estimates' fit: its rules, its measurements, the table of weights, and what the docs say."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from lenetgen.codegen.cost_parts import block_rom, fifo, multipliers, ram, rom, shift_chain
from lenetgen.codegen.resources import design_resources, table, total, weights
from lenetgen.models import calibration
from lenetgen.models.calibration import Measured
from lenetgen.models.calibration_designs import HELD_OUT, Recipe, held_out, names

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "results" / "calibration.json"
REBUILT = 6  # designs whose features are computed anew
LIMITS = {"lut": 5.0, "ff": 5.0, "dsp": 0.0, "bram": 0.0}  # percent, on designs held out


@pytest.fixture(scope="module")
def designs() -> tuple[Measured, ...]:
    return calibration.read(RESULTS)


@pytest.mark.parametrize(
    ("bits", "words", "extra", "kind", "luts", "bram"),
    [  # measured with Yosys 0.70
        (8, 2, 4, "logic", 0, 0),
        (33, 2, 4, "lut", 24, 0),
        (1, 10, 4, "logic", 0, 0),
        (8, 32, 4, "lut", 8, 0),
        (8, 64, 4, "lut", 12, 0),
        (8, 84, 4, "lut", 24, 0),
        (8, 392, 4, "block", 0, 0.5),
        (60, 64, 4, "lut", 80, 0),
        (60, 84, 4, "block", 0, 1),
        (48, 28, 1, "lut", 32, 0),
    ],
)
def test_memories_as_yosys_maps_them(
    bits: int, words: int, extra: int, kind: str, luts: int, bram: float
) -> None:
    found = ram(bits, words, extra)
    assert (found.kind, found.luts, found.bram) == (kind, luts, bram)


def test_constants_and_multipliers() -> None:
    assert rom(8, 512).kind == "logic" and rom(12, 4096).bram == 1.5
    assert block_rom(30, 200).bram == 0.5 and block_rom(72, 512).bram == 1
    assert block_rom(100, 512).bram == 1.5
    assert multipliers(9, 6) == 1 and multipliers(4, 4) == 0
    assert multipliers(17, 16) == 1 and multipliers(30, 16) == 2


def test_registers_in_a_row() -> None:
    assert shift_chain(5, [5]) == (0, 1)  # one LUT
    assert shift_chain(2, [2]) == (2, 0)
    assert shift_chain(9, [2, 9]) == (2, 1)
    assert shift_chain(40, [40]) == (0, 2)
    assert shift_chain(9, [4]) == (0, 1)  # what lies behind the last reader is not there
    assert shift_chain(5, [5], reset=True) == (1, 1)
    assert shift_chain(3, [3], reset=True) == (3, 0)


def test_a_fifo_in_block_ram_and_in_registers() -> None:
    assert fifo(60, 84).bram == 1 and fifo(8, 32).bram == 0
    assert fifo(8, 2).ff["exact"] == 16 + 2 + 2 + 2 + 1


def test_designs_are_held_out_by_name(designs: tuple[Measured, ...]) -> None:
    assert HELD_OUT >= 30 and len(names()) - HELD_OUT >= 45
    measured = [item.recipe.name for item in designs]
    assert set(measured) <= set(names()) and len(set(measured)) == len(measured)
    fitted, held = calibration.split(designs)
    assert {item.recipe.name for item in held} == held_out() & set(measured)
    assert not held_out() & {item.recipe.name for item in fitted} and fitted and held
    assert table()["missing"] == len(names()) - len(designs)


def test_the_table_comes_from_these_measurements(
    designs: tuple[Measured, ...], tmp_path: Path
) -> None:
    """Fitting anew gives the table that is in the package, errors included."""
    assert table()["measurements"] == calibration.digest(RESULTS)
    assert calibration.table_of(designs, calibration.digest(RESULTS)) == table()
    other = designs[0].parts[0]
    cells = {**other.measured, "lut": other.measured["lut"] + 40}
    changed = replace(designs[0], parts=(replace(other, measured=cells), *designs[0].parts[1:]))
    copy = tmp_path / "calibration.json"
    calibration.save(copy, (changed, *designs[1:]), calibration.about(RESULTS))
    assert calibration.digest(copy) != table()["measurements"]
    assert calibration.table_of(calibration.read(copy), "") != {**table(), "measurements": ""}


def test_dsp_slices_and_block_rams_are_exact(designs: tuple[Measured, ...]) -> None:
    for design in designs:
        said, real = design.estimate(weights()), design.total()
        assert (said["dsp"], said["bram"]) == (real["dsp"], real["bram"]), design.recipe.name


def test_features_are_those_of_the_measured_designs(designs: tuple[Measured, ...]) -> None:
    """What the estimate sees today is what the table was fitted to."""
    drawn = [item for item in designs if item.recipe.layers]
    for item in drawn[:: len(drawn) // REBUILT][:REBUILT]:
        found = calibration.parts_of(item.recipe.design())
        assert list(found) == [part.name for part in item.parts]
        for part in item.parts:
            kind, cost = found[part.name]
            where = f"{item.recipe.name}, {part.name}"
            assert (kind, cost.dsp, cost.bram) == (part.kind, part.cost.dsp, part.cost.bram), where
            assert cost.lut == pytest.approx(part.cost.lut, abs=2e-3), where
            assert cost.ff == pytest.approx(part.cost.ff, abs=2e-3), where


def test_the_whole_is_the_sum(designs: tuple[Measured, ...]) -> None:
    item = min((d for d in designs if d.recipe.layers), key=lambda d: d.total()["lut"])
    whole = total(design_resources(item.recipe.design()))
    for name, value in item.estimate(weights()).items():
        assert getattr(whole, name) == pytest.approx(value, rel=1e-3)


def test_docs_state_the_errors() -> None:
    rows = (ROOT / "docs" / "synthesis.md").read_text(encoding="utf-8").splitlines()
    for title, part in (("fitted", "fitted"), ("held out", "held_out")):
        assert calibration.table_row(title, table()[part]) in rows
    done = table()["fitted"]["designs"] + table()["held_out"]["designs"]
    partial = f"So far {done} of the {len(names())} designs are measured" in " ".join(rows)
    assert partial == (table()["missing"] > 0)


def test_errors_stay_within_their_goals() -> None:
    for name, limit in LIMITS.items():
        assert table()["held_out"]["mape"][name] <= limit, name


def test_a_design_measured_now() -> None:
    """From the recipe through Yosys to a part by part comparison."""
    recipe = Recipe("tiny", (4,), ("dense 3 linear",), "q4.4", "d", 64)
    measured = calibration.measure(recipe)
    assert [part.name for part in measured.parts] == ["dense0", "dense0 fifo", "ports"]
    said, real = measured.estimate(weights()), measured.total()
    assert (said["dsp"], said["bram"]) == (real["dsp"], real["bram"])
    for name in ("lut", "ff"):
        assert said[name] == pytest.approx(real[name], rel=0.15)
        assert all(re.fullmatch(r"[a-z0-9_.]+", feature) for feature in measured.parts[0].cost.lut)
