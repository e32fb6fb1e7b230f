"""``verify`` on a small emitted network: all equal, and deliberate bugs named by their place."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from lenetgen.cli import verify as cli_verify
from lenetgen.codegen.cycles import measure
from lenetgen.codegen.design import build_design
from lenetgen.codegen.formats import Rounding
from lenetgen.codegen.ir import Graph
from lenetgen.codegen.rtl_memory import memory_files
from lenetgen.sim import package as package_module
from lenetgen.sim.cosim import run_benches
from lenetgen.sim.golden import GoldenModel
from lenetgen.sim.locate import first_difference
from lenetgen.sim.package import Options, Package, load, write
from lenetgen.sim.rtl_check import Cycles
from lenetgen.sim.verification import Report, as_json, verify

from .small_networks import leftover_design, random_images, small_design

pytestmark = [pytest.mark.verilator, pytest.mark.slow]

IMAGES = random_images(12, 5)


@pytest.fixture(scope="module")
def emitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verify") / "small"
    design = small_design()
    write(design, measure(design), Options(precision="mixed", model="small"), IMAGES[:3], folder)
    return folder


@pytest.fixture
def broken(emitted: Path) -> Iterator[Package]:
    """The package, whose files a test may edit; they are put back afterwards."""
    package = load(emitted)
    files = {
        path: path.read_bytes()
        for folder in ("rtl", "hls")
        for path in (emitted / folder).rglob("*")
        if path.is_file()
    }
    yield package
    for path, content in files.items():
        path.write_bytes(content)


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times in {path.name}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def _only_rtl_differs(report: Report) -> None:
    csim, rtl = report.stages
    assert csim.equal and not rtl.equal and not report.ok


def test_all_equal(emitted: Path) -> None:
    package = load(emitted)
    seen: dict[str, int] = {}
    labels = GoldenModel(package.design.graph).run(IMAGES).argmax(axis=1)
    report = verify(
        package,
        IMAGES,
        labels=labels,
        rtl_images=10,
        progress=lambda stage, done, _: seen.update({stage: done}),
    )
    assert report.ok
    assert report.correct == len(IMAGES)
    assert [(stage.name, stage.images, stage.wrong_images) for stage in report.stages] == [
        ("csim", 12, 0),
        ("rtl", 10, 0),
    ]
    assert seen == {"golden": 12, "csim": 12, "rtl": 10}
    timing = package.timing
    assert report.cycles == [
        Cycles("interval", timing.interval, timing.interval),
        Cycles("latency", timing.latency, timing.latency),
    ]


def test_a_wrong_prediction_is_no_success(emitted: Path) -> None:
    package = load(emitted)
    slower = replace(package.timing, latency=package.timing.latency + 1)
    report = verify(replace(package, timing=slower), IMAGES, rtl_images=1)
    assert all(stage.equal for stage in report.stages)
    assert not report.ok


def test_what_no_result_needs_is_compared_too(tmp_path: Path) -> None:
    design = leftover_design()
    images = random_images(4, 6, (7, 7, 1))
    options = Options(precision="q4.4", model="leftover")
    package = write(design, measure(design), options, images, tmp_path / "leftover")
    report = verify(package, images)
    assert report.ok and report.stages[1].layer_images == 2
    benches = run_benches(package, layers=True)
    assert benches.ok, benches
    assert {"isolated_frame", "every_layer"} <= {
        test.name for test in benches.tests if test.state == "passed"
    }


def _with_truncation(graph: Graph) -> Graph:
    """The network a requantizer without rounding computes, layer by layer as far as it matters."""
    ops = [
        replace(op, out=replace(op.out, format=replace(op.out.fmt, rounding=Rounding.TRN)))
        if op.out.fmt.rounding is Rounding.RND
        else op
        for op in graph.ops
    ]
    return replace(graph, ops=tuple(ops))


def test_requantizer_rounding_in_rtl(broken: Package) -> None:
    """Without the half unit, which is a part of the biases, the casts truncate."""
    graph = broken.design.graph
    schedule = broken.design.schedule
    for stage in build_design("mini", _with_truncation(graph), schedule).stages:
        for name, text in memory_files(stage, f"mini_{stage.op.name}").items():
            path = broken.folder / "rtl" / name
            if name.endswith("_bias.mem") and stage.op is not graph.ops[-1]:
                assert path.read_text() != text or stage.op.out.fmt.rounding is Rounding.TRN
                path.write_text(text)
    report = verify(broken, IMAGES)
    _only_rtl_differs(report)
    found = report.stages[1].difference
    assert found is not None and found.cycle is not None
    right = GoldenModel(graph).trace(IMAGES)
    wrong = GoldenModel(_with_truncation(graph)).trace(IMAGES)
    place = first_difference(
        "rtl",
        graph,
        found.image,
        {name: codes[found.image] for name, codes in right.items()},
        {name: codes[found.image] for name, codes in wrong.items()},
    )
    assert replace(found, cycle=None) == place


def test_line_buffer_order_in_rtl(broken: Package) -> None:
    _edit(
        broken.folder / "rtl" / "lng_rows.v",
        "assign column = twice[column_bank_q*DATA_WIDTH +: ROWS*DATA_WIDTH];",
        "assign column = twice[ROWS*DATA_WIDTH-1:0];",
    )
    report = verify(broken, IMAGES)
    _only_rtl_differs(report)
    found = report.stages[1].difference
    assert found is not None and found.layer == "conv1" and found.cycle is not None
    text = as_json(report)["stages"][1]["difference"]["message"]
    assert f"layer conv1, channel {found.channel}, row {found.row}" in text


def test_weight_memory_order_in_rtl(
    broken: Package, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    memory = broken.folder / "rtl" / "mini_fc1_weights.mem"
    lines = memory.read_text(encoding="utf-8").splitlines()
    other = next(index for index, line in enumerate(lines) if line != lines[0])
    lines[0], lines[other] = lines[other], lines[0]
    memory.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    report = verify(broken, IMAGES)
    _only_rtl_differs(report)
    found = report.stages[1].difference
    assert found is not None and found.layer == "fc1" and found.cycle is not None

    # the same through the command line: refused as edited, or, unchecked, a difference
    np.save(tmp_path / "images.npy", IMAGES)
    command = [str(broken.folder), "--dataset", str(tmp_path / "images.npy")]
    refused = CliRunner().invoke(cli_verify.command, command)
    assert "was edited" in str(refused.exception)
    monkeypatch.setattr(package_module, "_check_files", lambda *_: None)
    result = CliRunner().invoke(cli_verify.command, command)
    assert result.exit_code == 1
    assert f"layer fc1, channel {found.channel}" in result.stderr
    assert f"cycle {found.cycle}" in result.stderr
    assert f"expected {found.expected}" in result.stderr and f"got {found.actual}" in result.stderr


def test_a_deadlock_is_located(broken: Package) -> None:
    _edit(
        broken.folder / "rtl" / "mini.v",
        """        .s_axis_tvalid(fifo_fc1_tvalid),
""",
        """        .s_axis_tvalid(1'b0),
""",
    )
    report = verify(broken, IMAGES[:3])
    rtl = report.stages[1]
    assert not report.ok and "nothing moved for" in rtl.failure
    found = rtl.difference
    assert found is not None and (found.image, found.layer, found.channel) == (0, "fc2", 0)
    assert found.actual is None and str(found).endswith("got nothing")


def test_wrong_weight_in_cpp(broken: Package) -> None:
    header = broken.folder / "hls" / "weights" / "conv2.h"
    text = header.read_text(encoding="utf-8")
    start = text.index("{") + 1
    number = next(part for part in text[start:].replace("{", " ").split(",") if part.strip())
    value = int(number)
    at = text.index(number.strip(), start)
    header.write_text(
        text[:at] + str(90 if value < 40 else -90) + text[at + len(number.strip()) :],
        encoding="utf-8",
    )
    report = verify(broken, IMAGES, rtl_images=0)
    csim = report.stages[0]
    assert not report.ok and csim.difference is not None
    assert csim.difference.layer == "conv2" and csim.difference.cycle is None
