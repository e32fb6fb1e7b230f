"""Fit the resource estimates to Yosys: ``make calibrate``.

Every design of ``models/calibration_designs.py`` is synthesised (two at a time, kept in the cache
of syntheses, so an interrupted run goes on where it was), the counts and features go to
``results/calibration.json``, the fitted weights to ``codegen/cost_table.json``. Without Yosys,
``--fit`` fits anew to the measurements that are there, with the features of today's designs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from lenetgen.codegen.resources import TABLE
from lenetgen.models import calibration
from lenetgen.models.calibration import Measured
from lenetgen.models.calibration_designs import Recipe, recipes
from lenetgen.sim import yosys
from lenetgen.sim.synthesis import synthesis_commands

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "results" / "calibration.json"
JOBS = 2


def main(arguments: Sequence[str]) -> None:
    """Measure, fit, write, print."""
    if "--fit" in arguments:
        known = {design.recipe: design for design in calibration.read(RESULTS)}
        about = calibration.about(RESULTS)
        designs = [_with_features(known[recipe]) for recipe in recipes() if recipe in known]
    else:
        about = {"tool": yosys.find().version, "script": synthesis_commands("TOP")}
        designs = _measured(recipes())
    RESULTS.parent.mkdir(exist_ok=True)
    calibration.save(RESULTS, designs, about)
    table = calibration.table_of(calibration.read(RESULTS), calibration.digest(RESULTS))
    text = json.dumps(table, indent=1)
    (ROOT / "codegen" / TABLE).write_text(f"{text}\n", encoding="utf-8")
    for title, part in (("fitted", "fitted"), ("held out", "held_out")):
        print(calibration.table_row(title, table[part]))  # the rows of docs/synthesis.md


def _measured(wanted: Sequence[Recipe]) -> list[Measured]:
    found: list[Measured] = []

    def work(recipe: Recipe) -> Measured:
        design = calibration.measure(recipe)
        found.append(design)
        print(f"{len(found)} of {len(wanted)}: {recipe.name}", file=sys.stderr, flush=True)
        return design

    with ThreadPoolExecutor(JOBS) as pool:
        try:
            return list(pool.map(work, wanted))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _with_features(design: Measured) -> Measured:
    """The same measurements, their features as they are computed now."""
    found = calibration.parts_of(design.recipe.design())
    parts = [
        replace(part, kind=found[part.name][0], cost=found[part.name][1]) for part in design.parts
    ]
    return replace(design, parts=tuple(parts))


if __name__ == "__main__":
    main(sys.argv[1:])
