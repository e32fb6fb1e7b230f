"""A bug put in on purpose: the failing random network becomes small and a test of its own.

The bug is a changed line in what the emitters write, so everything behind them runs as always.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from lenetgen.cli.fuzz import command
from lenetgen.codegen import emit_hls, emit_verilog
from lenetgen.codegen.formats import PIXEL, Overflow
from lenetgen.codegen.ir import Activation, Dense, WeightedOp
from lenetgen.codegen.render import write_text
from lenetgen.codegen.schedule import Layer, layouts
from lenetgen.codegen.verify import IRError, verify
from lenetgen.models import fuzz as fuzz_module
from lenetgen.models.fuzz import network_of, shrink_to_test
from lenetgen.models.random_networks import RandomNetwork
from lenetgen.sim.compare import Finding
from lenetgen.sim.golden import GoldenModel
from lenetgen.sim.rtl_networks import Network
from lenetgen.sim.shrink import shrink
from lenetgen.sim.shrink_case import Case, constants, resized, span
from lenetgen.sim.standalone import network_json, read_network

CONFTEST = """
import lenetgen.codegen.{module} as emitter

write = emitter.write_text
emitter.write_text = lambda path, text: write(path, text.replace({old!r}, {new!r}))
"""


@dataclass(frozen=True)
class Bug:
    """``old`` becomes ``new`` in what ``module`` writes; ``shows``: a network would show it."""

    module: str
    engine: str
    old: str
    new: str
    shows: Callable[[Case], bool]

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        emitter = {"emit_verilog": emit_verilog, "emit_hls": emit_hls}[self.module]

        def write(path: Path, text: str) -> None:
            write_text(path, text.replace(self.old, self.new))

        monkeypatch.setattr(emitter, "write_text", write)

    def seed(self) -> int:
        """The first network of several layers and moderate size that shows the bug."""
        return next(
            seed
            for seed in range(200)
            if len((case := case_of(seed)).graph.ops) >= 3
            and case.size[1] < 500
            and self.shows(case)
        )


def saturates(case: Case) -> bool:
    """Whether many results are the largest code of a type that saturates."""
    codes = GoldenModel(case.graph).trace(case.images)
    return any(
        op.out.fmt.overflow is Overflow.SAT
        and op.out.fmt.width > 2
        and isinstance(op, WeightedOp)
        and np.count_nonzero(codes[op.out.name] == op.out.fmt.max_code) > 20
        for op in case.graph.ops
    )


def rectifies(case: Case) -> bool:
    """Whether a layer with a plain ReLU makes many zeros, and not of nothing."""
    codes = GoldenModel(case.graph).trace(case.images)
    return any(
        isinstance(op, WeightedOp)
        and op.activation == Activation.RELU
        and op.out.fmt.signed
        and np.count_nonzero(codes[op.out.name] == 0) > 20
        for op in case.graph.ops
    )


BUGS = {
    "verilog": Bug(
        "emit_verilog", "rtl", "HIGH  = LIMIT - ONE;", "HIGH  = LIMIT - ONE - ONE;", saturates
    ),
    "cpp": Bug("emit_hls", "csim", "limited < 0 ? sum_t(0)", "limited < 0 ? limited", rectifies),
}


def case_of(seed: int) -> Case:
    network = network_of(seed)
    return Case.of(network)


@pytest.mark.parametrize("seed_", range(12))
def test_every_span_computes_the_same_codes(seed_: int) -> None:
    """A run of layers alone, fed by a table, gives the codes it gave in the whole network."""
    case = case_of(seed_)
    whole = GoldenModel(case.graph).trace(case.images)
    ops = case.graph.ops
    for first in range(len(ops)):
        for last in range(first, len(ops)):
            part = span(case, first, last)
            verify(part.graph)
            assert [op.name for op in part.graph.ops[-(last - first + 1) :]] == [
                op.name for op in ops[first : last + 1]
            ]
            assert part.graph.input.fmt == PIXEL and len(part.images) > 0
            codes = GoldenModel(part.graph).trace(part.images)
            for op in part.graph.ops[-(last - first + 1) :]:
                np.testing.assert_array_equal(
                    codes[op.out.name], whole[op.out.name][: len(part.images)]
                )


@pytest.mark.parametrize("seed_", range(12))
def test_a_case_is_written_and_read_as_it_was(seed_: int) -> None:
    case = case_of(seed_)
    network = read_network("again", network_json(case))
    assert network.design.graph == case.graph
    assert network.design.schedule.folds == case.folds
    assert network.design.schedule.pixels == case.pixels
    np.testing.assert_array_equal(network.images, case.images)


def test_shrinking_keeps_what_matters() -> None:
    """A made-up failure: one pixel set in some image, and a layer of a kind with two outputs."""
    case = case_of(3)
    kind = case.graph.ops[-1].kind
    asked = []

    def fails(cases: Sequence[Case]) -> list[bool]:
        asked.append(len(cases))
        for one in cases:
            verify(one.graph)
            GoldenModel(one.graph).run(one.images)
            for op, source, _ in layouts(one.graph, one.folds, one.pixels):
                if op.name in one.folds:
                    layer, fold = Layer.of(op, source), one.folds[op.name]
                    plain = replace(fold, lut=False, units=1)
                    assert plain in [layer.constant(), *layer.folds()]
        return [
            bool(one.images.any())
            and one.graph.output.size >= 2
            and kind in {op.kind for op in one.graph.ops}
            for one in cases
        ]

    best: list[Case] = []
    small = shrink(case, fails, together=8, progress=best.append)
    assert fails([small]) == [True]
    assert [one.kind for one in small.graph.ops] in ([kind], ["InputTable", kind])
    assert small.graph.output.size == 2
    assert np.count_nonzero(small.images) == 1 and len(small.images) == 1
    assert small.graph.input.size <= 2
    assert max(asked) <= 8
    sizes = [one.size for one in best]
    assert sizes == sorted(sizes, reverse=True) and len(set(sizes)) == len(sizes)
    assert best[-1] is small


def test_resized_cuts_weights_and_images_alike() -> None:
    cut = 0
    for seed in range(12):
        case = case_of(seed)
        shape = tuple(max(1, length - 1) for length in case.graph.input.shape)
        try:
            small = resized(case, shape)
        except IRError:  # a window larger than what is left
            continue
        verify(small.graph)
        assert small.graph.input.shape == shape == small.images.shape[1:]
        kept = tuple(slice(0, length) for length in shape)
        np.testing.assert_array_equal(small.images, case.images[(slice(None), *kept)])
        for old, new in zip(case.graph.ops, small.graph.ops, strict=True):
            if isinstance(new, Dense):
                x, y = case.graph.source(old).image_shape, small.graph.source(new).image_shape
                weights = constants(old)["weights"].values.reshape(*x, -1)
                part = weights[: y[0], : y[1], : y[2]].reshape(new.weights.shape)
                np.testing.assert_array_equal(new.weights.values, part)
                cut += x != y
    assert cut >= 4


def test_resized_takes_the_first_or_the_last_outputs() -> None:
    case = next(
        case
        for case in map(case_of, range(30))
        if isinstance(case.graph.ops[-1], Dense) and case.graph.output.size > 3
    )
    last = case.graph.ops[-1]
    whole = constants(last)
    for count, kept in ((2, slice(0, 2)), (-2, slice(-2, None))):
        small = constants(resized(case, outputs={last.name: count}).graph.ops[-1])
        np.testing.assert_array_equal(small["weights"].values, whole["weights"].values[:, kept])
        np.testing.assert_array_equal(small["bias"].values, whole["bias"].values[kept])


@pytest.mark.slow
@pytest.mark.verilator
@pytest.mark.parametrize("name", BUGS)
def test_a_bug_becomes_a_small_test(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bug = BUGS[name]
    seed = bug.seed()
    with monkeypatch.context() as patched:
        bug.install(patched)
        path = shrink_to_test(seed, Finding(f"random_{seed}", bug.engine, "full: logits"), tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == [f"test_random_{seed}.py"]
    text = path.read_text(encoding="utf-8")
    parts = json.loads(text.split('r"""')[1].split('"""')[0])
    network = read_network("small", json.dumps(parts))
    assert len(network.design.graph.ops) <= 2
    assert sum(tensor.size for tensor in network.design.graph.tensors()) <= 8
    # an input table alone has 256 entries a channel, of two channels at most here
    assert sum(len(np.ravel(values)) for values in parts["parameters"].values()) <= 2 * 256 + 44
    assert "random_" not in str(parts["network"]["layers"])

    assert _pytest(path) == 0, "without the bug"
    conftest = CONFTEST.format(module=bug.module, old=bug.old, new=bug.new)
    (tmp_path / "conftest.py").write_text(conftest)
    assert _pytest(path) == 1, "with the bug"


def _pytest(path: Path) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", path.name]
    return subprocess.run(command, cwd=path.parent, capture_output=True).returncode


def test_command_reports_a_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 1, the finding and the test's path; the same as JSON."""
    found = Finding("random_5", "rtl", "full: logits [1], expected [2]")

    def differs(networks: Sequence[Network], folder: Path, **_: object) -> list[Finding]:
        return [found] if any(one.name == "random_5" for one in networks) else []

    written = tmp_path / "test_random_5.py"
    monkeypatch.setattr("lenetgen.models.fuzz.compare", differs)
    monkeypatch.setattr("lenetgen.models.fuzz.shrink_to_test", lambda *_: written)
    monkeypatch.setattr("lenetgen.models.fuzz.code_stamp", lambda: "the same code")
    options = ["--seeds", "3", "--first", "4", "--out", str(tmp_path)]
    done = CliRunner().invoke(command, options)
    assert done.exit_code == 1
    assert str(found) in done.stderr and str(written) in done.stderr
    assert "seeds 4 to 6" in done.stderr and "RND_CONV tie" in done.stderr
    done = CliRunner().invoke(command, [*options, "--json"])
    assert done.exit_code == 1
    report = json.loads(done.stdout)
    assert report["ok"] is False and report["networks"] == 3 and report["reused"] == 3
    assert report["findings"] == [vars(found)]
    assert report["tests"] == [str(written)]
    assert report["coverage"]["operator"]["Dense"] >= 1
    monkeypatch.setattr("lenetgen.models.fuzz.code_stamp", lambda: "other code")
    done = CliRunner().invoke(command, [*options, "--json"])
    assert json.loads(done.stdout)["reused"] == 0
    done = CliRunner().invoke(command, ["--seeds", "2", "--out", str(tmp_path)])
    assert done.exit_code == 0 and "all integers are equal" in done.stderr


def test_a_network_without_golden_results_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = fuzz_module.random_network

    def broken(seed: int) -> RandomNetwork:
        if seed == 1:
            raise ValueError("output array is read-only")
        return draw(seed)

    monkeypatch.setattr(fuzz_module, "random_network", broken)
    monkeypatch.setattr(fuzz_module, "compare", lambda *_, **__: [])
    report = fuzz_module.fuzz(range(3), tmp_path)
    assert [str(one) for one in report.findings] == [
        "random_1: golden: ValueError('output array is read-only')"
    ]
    assert not report.ok and report.tests == [] and report.coverage.networks == 2


def test_unwritable_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = CliRunner().invoke(command, ["--seeds", "1", "--out", str(tmp_path / "file" / "x")])
    assert done.exit_code == 1 and "--out" in str(done.exception)
