"""Two products a DSP slice after synthesis: half the slices, and the netlist's integers."""

from __future__ import annotations

from pathlib import Path

import pytest
from lenetgen.codegen.cycles import measure
from lenetgen.codegen.design import build_design
from lenetgen.codegen.schedule import Fold, make_schedule
from lenetgen.models.random_networks import random_images
from lenetgen.sim import gate_level, synthesis
from lenetgen.sim.package import Options, load, write
from lenetgen.sim.synth_report import measure as measure_resources

from .rtl_zoo import PLAIN, Net

pytestmark = [pytest.mark.verilator, pytest.mark.slow]


def test_half_the_slices_and_the_same_integers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synthesis, "cache_root", lambda: tmp_path / "cache")
    net = Net("halved", (6,)).dense(5, (1, 1), result=PLAIN).dense(4, (1, 1))
    graph, _ = net.build()
    # unsigned pixels, an output left over; signed sums
    folds = {"dense_0": Fold(5, 2, packed=True), "dense_1": Fold(2, 5, packed=True)}
    design = build_design("halved", graph, make_schedule(graph, folds))
    images = random_images(graph, 4, 1)
    options = Options(precision="zoo", model="halved")
    package = write(design, measure(design), options, images, tmp_path / "design")
    assert load(package.folder).design.schedule == design.schedule
    netlist = synthesis.synthesise(package.folder / "rtl", design.name)
    report = measure_resources(netlist, ("dense_0", "dense_1"))
    slices = {row.name: row.used.dsp for row in report.layers}
    assert slices["dense_0"] == 6 == folds["dense_0"].slices  # of 10 products
    assert slices["dense_1"] == 5 == folds["dense_1"].slices
    run = gate_level.simulate(package, netlist, random_images(graph, 12, 2), opt="-O0")
    assert run.ok, str(run)
