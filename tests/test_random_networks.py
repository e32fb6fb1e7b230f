"""The generator, what its networks cover, and golden = C++ = RTL on them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from lenetgen.codegen import ir
from lenetgen.codegen.candidates import nonzero_digits
from lenetgen.codegen.cast import overflow_codes
from lenetgen.codegen.formats import FixedPoint, Overflow, Rounding
from lenetgen.codegen.ir import WeightedOp
from lenetgen.codegen.schedule import Layer, layouts
from lenetgen.codegen.verify import verify
from lenetgen.models import fuzz as fuzz_module
from lenetgen.models.fuzz import FRAMES, fuzz
from lenetgen.models.random_layers import MAX_SIDE
from lenetgen.models.random_networks import (
    MAX_DIGITS,
    MAX_MULTIPLIERS,
    PIXELS,
    RandomNetwork,
    random_images,
    random_network,
)
from lenetgen.sim.casts import Sums, casts_of
from lenetgen.sim.compare import Finding
from lenetgen.sim.coverage import Coverage, happened, operator_kinds, option_labels
from lenetgen.sim.golden import GoldenModel

COUNT = 56  # networks compared in `make test`
PER_BUILD = 28
MORE = 150  # networks drawn only


@pytest.fixture(scope="module")
def networks() -> list[RandomNetwork]:
    return [random_network(seed) for seed in range(MORE)]


def test_the_same_seed_gives_the_same_network(networks: list[RandomNetwork]) -> None:
    for seed in range(12):
        assert random_network(seed) == networks[seed]
    assert networks[0] != networks[1]
    graph = networks[0].graph
    assert np.array_equal(random_images(graph, 9, 4), random_images(graph, 9, 4))
    assert not np.array_equal(random_images(graph, 9, 4), random_images(graph, 9, 5))


def test_networks_are_small_and_legal(networks: list[RandomNetwork]) -> None:
    for number, network in enumerate(networks):
        graph = network.graph
        verify(network.source)
        verify(graph)
        assert graph.name == f"random_{number}"
        height, width, channels = graph.input.image_shape
        assert max(height, width) <= 2 * MAX_SIDE and channels <= 24
        weighted = {op.name for op in graph.ops if isinstance(op, WeightedOp)}
        assert weighted == set(network.folds) != set()
        assert network.pixels in PIXELS
        for op, source, _ in layouts(graph, network.folds, network.pixels):
            if isinstance(op, WeightedOp):
                fold, layer = network.folds[op.name], Layer.of(op, source)
                plain = replace(fold, lut=False, units=1)
                assert plain in ([layer.constant()] if fold.constant else list(layer.folds()))
                assert not fold.constant or nonzero_digits(op) <= MAX_DIGITS
                assert fold.multipliers <= MAX_MULTIPLIERS
                assert fold.units == 1 or fold.units <= op.out.shape[0]


def test_logits_differ_between_images(networks: list[RandomNetwork]) -> None:
    for seed, network in enumerate(networks):
        images = random_images(network.graph, 48, seed)
        assert not images[0].any()
        assert (images[1] == 255).all()
        assert len(np.unique(GoldenModel(network.graph).run(images), axis=0)) > 1


def _covered(networks: list[RandomNetwork]) -> Coverage:
    coverage = Coverage()
    for seed, network in enumerate(networks):
        images = random_images(network.graph, FRAMES, seed)
        coverage.add(network.source, network.graph, network.folds, images, network.pixels)
    return coverage


def test_everything_occurs_among_the_networks_of_make_test(networks: list[RandomNetwork]) -> None:
    """Every operator, option, mode, tie, overflow, geometry and fold, at least twice."""
    coverage = _covered(networks[:COUNT])
    assert coverage.networks == COUNT >= 50
    assert coverage.missing(2) == []
    assert len(coverage.rows()) >= 60


def test_what_must_occur_follows_the_ir(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True, kw_only=True)
    class Fancy(ir.Op):
        mode: Overflow = Overflow.WRAP
        activation: ir.Activation = ir.Activation.LINEAR
        limit: float | None = None
        narrow: bool = False
        shift: int = 3

    assert "Fancy" not in operator_kinds()
    monkeypatch.setattr(ir, "Fancy", Fancy, raising=False)
    missing = _covered([random_network(0)]).missing(1)
    assert "operator: Fancy (0)" in missing
    labels = [f"Fancy mode {member.name.lower()}" for member in Overflow]
    labels += ["Activation relu no", "Activation relu yes"]
    labels += ["Fancy activation max_value not given", "Fancy activation max_value given"]
    labels += ["Fancy limit not given", "Fancy limit given", "Fancy narrow no", "Fancy narrow yes"]
    labels += ["Fancy shift 3", "Fancy shift not 3"]
    assert set(labels) <= set(option_labels(Fancy))
    labels = [label for label in labels if label.startswith("Fancy")]
    assert {f"option: {label} (0)" for label in labels} <= set(missing)


def test_each_mode_missing_is_reported() -> None:
    coverage = Coverage()
    everything = [label for labels in coverage.expected().values() for label in labels]
    assert len(coverage.missing()) == len(everything) == len(coverage.rows())
    for mode in (*Rounding, *Overflow):
        assert mode.value in everything
        assert any(label.startswith(f"{mode.value} ") for label in everything)


def test_measured_sums_are_what_golden_casts(networks: list[RandomNetwork]) -> None:
    """Else ties and overflows would be counted of other numbers than the ones that are cast."""
    compared = 0
    for seed, network in enumerate(networks[:COUNT]):
        graph = network.graph
        codes = GoldenModel(graph).trace(random_images(graph, 6, seed))
        for op in graph.ops:
            for sums in casts_of(op, graph.source(op), codes[op.x])[-1:]:
                if sums.to != op.out.fmt:
                    continue  # a cast of what the operator reads
                expected = codes[op.out.name].reshape(-1).tolist()
                results = overflow_codes(sums.rounded(), sums.to).reshape(-1).tolist()
                if isinstance(op, WeightedOp) or "activation" not in vars(op):
                    assert results == expected, f"{network.graph.name} {op.name}"
                    compared += 1
    assert compared > COUNT


def test_happened_counts_ties_and_what_is_outside() -> None:
    def counts(fmt: FixedPoint, codes: list[int]) -> list[int]:
        return list(happened(Sums.of(np.array(codes), 1, fmt)).values())

    tie = FixedPoint(True, 4, 4, Rounding.RND, Overflow.SAT)
    assert counts(tie, [1, 2, 3, 14, 15, -16, -17, -18]) == [4, 2]  # 7.5 rounds to 8; -8.5 to -8
    assert counts(FixedPoint(True, 4, 4, Rounding.TRN, Overflow.SAT_SYM), [1, -16, 2]) == [1, 1]
    assert counts(FixedPoint(False, 2, 2, Rounding.RND_CONV, Overflow.WRAP), [2, 8, -2]) == [0, 2]


@pytest.mark.slow
@pytest.mark.verilator
def test_golden_csim_and_rtl_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same path as ``lenetgen fuzz``: two builds, machine integers and exact widths."""
    monkeypatch.setattr(fuzz_module, "code_stamp", lambda: "this code")
    told: list[tuple[str, int, int]] = []
    report = fuzz(
        range(COUNT), tmp_path, per_build=PER_BUILD, progress=lambda *state: told.append(state)
    )
    assert [str(finding) for finding in report.findings] == []
    assert report.ok and report.tests == [] and report.reused == 0
    assert report.coverage.missing(2) == []
    assert told[0] == ("networks", 0, COUNT) and told[-1] == ("networks", COUNT, COUNT)

    def never(*_: object, **__: object) -> list[Finding]:
        raise AssertionError("compared again")

    monkeypatch.setattr(fuzz_module, "compare", never)
    again = fuzz(range(COUNT), tmp_path, per_build=PER_BUILD)
    assert again.ok and again.reused == COUNT
    assert again.coverage.counts == report.coverage.counts
