"""Synthesis with Yosys: counting, timing, the cache, and the netlist's results frame by frame."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lenetgen.cli.main import main
from lenetgen.codegen.cycles import measure as measure_cycles
from lenetgen.codegen.errors import UserError
from lenetgen.sim import cell_timing, gate_level, synthesis, yosys
from lenetgen.sim.cell_timing import CellTiming, cell_timings, kind_of
from lenetgen.sim.netlist import Cell, Module, parse, prune
from lenetgen.sim.package import Options, Package, write
from lenetgen.sim.synth_report import measure
from lenetgen.sim.timing import slowest_paths
from lenetgen.sim.toolrun import ToolError
from lenetgen.sim.utilisation import XC7Z020, Utilisation, count

from .small_networks import leftover_design, random_images


def test_counts_as_vivado_does() -> None:
    used = count(["LUT6", "LUT1", "INV", "FDRE", "FDSE", "RAM32M", "SRL16E", "RAMB18E1", "CARRY4"])
    assert (used.lut, used.logic_luts, used.memory_luts, used.ff) == (8, 3, 5, 2)
    total = used + count(["RAMB36E1", "DSP48E1", "MUXF7", "MUXF8", "LUT6"])
    assert (total.lut, total.bram36, total.dsp, total.muxes, total.carry4) == (9, 1.5, 1, 2, 1)
    assert total.cells["LUT6"] == 2
    share = Utilisation(logic_luts=5320, ff=1064, dsp=110, bram36=35).share(XC7Z020)
    assert share == {"lut": 10, "ff": 1, "dsp": 50, "bram36": 25}
    with pytest.raises(ToolError, match=r"unknown size: \$mul, URAM288"):
        count(["LUT6", "URAM288", "$mul"])


def test_netlist_leaves_the_library_out() -> None:
    cell = {"type": "LUT2", "parameters": {}, "connections": {"O": [4], "I0": [2], "I1": ["1"]}}
    marker = {"type": "$scopeinfo", "parameters": {}, "connections": {}}
    names = {
        "long_name": {"bits": [2, 3]},
        "x": {"bits": [3], "hide_name": 0},
        "$1": {"bits": [4], "hide_name": 1},
    }
    ports = {"a": {"direction": "input", "bits": [2, "0"]}}
    document = {
        "modules": {
            "top": {
                "attributes": {},
                "ports": ports,
                "cells": {"u": cell, "s": marker, "c": {**cell, "type": "child"}},
                "netnames": names,
            },
            "child": {"attributes": {}, "ports": {}, "cells": {}, "netnames": {}},
            "LUT2": {"attributes": {"whitebox": "1"}, "ports": {}, "cells": {}, "netnames": {}},
        }
    }
    pruned = prune(document, "top")
    assert pruned.keys() == {"top", "child"}
    module = parse(pruned["top"], "top")
    assert [(item.name, item.type) for item in module.cells] == [("u", "LUT2"), ("c", "child")]
    assert module.names == {2: "long_name[0]", 3: "x"}
    assert module.ports == {"a": ("input", (2, "0"))}


def test_memories_in_the_log() -> None:
    log = (
        "using FF mapping for memory top.u_a.mem\n"
        "mapping memory top.u_b.mem via $__XILINX_BLOCKRAM_SDP_\n"
        "mapping memory \\top.u_c.mem via $__XILINX_LUTRAM_DP_\n"
    )
    assert synthesis.read_memories(log) == {
        "top.u_a.mem": "logic",
        "top.u_b.mem": "block RAM",
        "top.u_c.mem": "distributed RAM",
    }


@pytest.mark.parametrize(
    ("text", "number"), [("Yosys 0.70 (git)", (0, 70)), ("0.9.1", (0, 9)), ("?", (0, 0))]
)
def test_version_number(text: str, number: tuple[int, int]) -> None:
    assert yosys.version_number(text) == number


def test_error_of_yosys_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"ERROR: No such command: nonsense") as caught:
        yosys.run("nonsense\n", tmp_path)
    assert caught.value.log == tmp_path / yosys.LOG


FLOP = Cell("", "FDRE", {}, {})
LUT = Cell("", "LUT3", {}, {})


@pytest.fixture(scope="module")
def library() -> dict[Any, CellTiming]:
    """Delays of some cells, from Yosys' library."""
    digits = {"AREG": 0, "BREG": 0, "CREG": 0, "ADREG": 0, "DREG": 0, "MREG": 0, "PREG": 0}
    cells = [FLOP, LUT, Cell("", "CARRY4", {}, {}), Cell("", "RAMB36E1", {"DOA_REG": "0"}, {})]
    for registers in ({}, {"MREG": 1}, {"MREG": 1, "PREG": 1}):
        values = {**digits, **registers}
        cells.append(Cell("", "DSP48E1", {k: f"{v:032b}" for k, v in values.items()}, {}))
    return cell_timings(cells)


def test_library_delays(library: dict[Any, CellTiming]) -> None:
    flop, lut = library[kind_of(FLOP)], library[kind_of(LUT)]
    assert flop.launch == {("Q", 0): 303} and flop.clocks == {"C"} and not flop.through
    assert flop.setup == {("D", 0): 0, ("CE", 0): 109, ("R", 0): 404}
    inputs = ((("I0", 0), 407), (("I1", 0), 238), (("I2", 0), 127))
    assert lut.through == {("O", 0): inputs} and not lut.clocked
    carry = library["CARRY4", ()].through
    assert dict(carry["CO", 3])["CI", 0] == 114 and dict(carry["O", 3])["S", 2] == 330
    dsps = [timing for kind, timing in library.items() if kind[0] == "DSP48E1"]
    bare, product, full = sorted(dsps, key=lambda timing: len(timing.setup))
    assert not bare.clocked and dict(bare.through["P", 0])["A", 29] == 2823
    assert product.launch["P", 0] == 1671 and product.launch["PCOUT", 47] == 1819
    assert product.setup["A", 0] == 1416 and dict(product.through["P", 5])["PCIN", 1] == 1107
    assert full.launch["P", 0] == 329 and full.setup["PCIN", 3] == 1025
    ram = next(timing for kind, timing in library.items() if kind[0] == "RAMB36E1")
    assert ram.launch["DOADO", 31] == cell_timing.RAM_WITHOUT_REGISTER
    assert ram.setup["ADDRARDADDR", 15] == 566


def _flop(name: str, d: int | str, q: int) -> Cell:
    return Cell(name, "FDRE", {}, {"C": (1,), "D": (d,), "Q": (q,), "CE": ("1",), "R": ("0",)})


def _lut(name: str, *inputs: int | str, out: int) -> Cell:
    pins = {f"I{place}": (bit,) for place, bit in enumerate(inputs)}
    return Cell(name, "LUT3", {}, {**pins, "O": (out,)})


def test_slowest_path_by_hand(library: dict[Any, CellTiming]) -> None:
    # inner: a flop, and y = LUT(x, x, x) from port to port; z is x itself
    ports = {
        "clk": ("input", (1,)),
        "x": ("input", (2,)),
        "y": ("output", (3,)),
        "z": ("output", (2,)),
    }
    cells = (_lut("g", 2, 2, 2, out=3), _flop("f", 2, 4))
    inner = Module("inner", ports, cells, {3: "y"})
    # q -> LUT(q, p, 1) -> inner -> flop; the LUT's later input p takes the fastest pin
    chain = (
        _flop("q", 20, 10),
        _flop("r", 21, 11),
        _lut("l0", 11, 11, 11, out=12),
        _lut("l1", 12, 10, "1", out=13),
        Cell("u", "inner", {}, {"clk": (1,), "x": (13,), "y": (14,), "z": (15,)}),
        _flop("e", 14, 16),
        _flop("d", 15, 17),
    )
    top = Module("top", {"aclk": ("input", (1,))}, chain, {12: "first", 13: "second"})
    modules = {"top": top, "inner": inner}
    paths = slowest_paths(modules, "top", library)
    assert paths.keys() == {"", "u"}
    longest = paths[""]
    # 303 clock to output, 407: all inputs of l0 at once, 127: l0 before q, 407 in inner, setup 0
    assert [step.delay for step in longest.steps] == [303, 407, 127, 407]
    assert [step.net for step in longest.steps] == ["", "first", "second", "u.y"]
    assert (longest.delay, longest.levels, longest.end) == (1244, 3, "FDRE")
    assert paths["u"].delay == 303 + 407 + 127 and paths["u"].start_module == ""
    assert longest.as_json()["delay_ns"] == 1.244
    loop = Module("top", {}, (_lut("a", 5, "0", "0", out=6), _lut("b", 6, "0", "0", out=5)), {})
    with pytest.raises(ToolError, match="combinational loop at net"):
        slowest_paths({"top": loop}, "top", library)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """A small emitted network; 7 x 7 pixels, a convolution, a pool, a dense layer."""
    design = leftover_design()
    options = Options(precision="q4.4", model="leftover")
    images = random_images(4, 5, (7, 7, 1))
    out = tmp_path_factory.mktemp("synth") / "design"
    return write(design, measure_cycles(design), options, images, out)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty cache of synthesis results."""
    root = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthesis, "cache_root", lambda: root)
        yield root


@pytest.fixture(scope="module")
def netlist(folder: Package, cache: Path) -> synthesis.Netlist:
    """The small network, synthesised."""
    return synthesis.synthesise(folder.folder / "rtl", folder.design.name)


def test_report_of_a_small_network(folder: Package, netlist: synthesis.Netlist) -> None:
    stages = tuple(stage.op.name for stage in folder.design.stages)
    report = measure(netlist, stages)
    assert [row.name for row in report.layers] == [*stages, "ports"]
    rows = {row.name: row for row in report.modules}
    assert {f"u_stage_{name}" for name in stages} | {f"u_fifo_{name}" for name in stages} <= set(
        rows
    )
    assert rows["u_entry"].module == "lng_fifo" and rows[""].module == "leftover"
    for resource in ("lut", "ff", "dsp", "bram36", "memory_luts"):
        total = getattr(report.total.used, resource)
        assert total == sum(getattr(row.used, resource) for row in report.layers)
        assert total == sum(getattr(row.used, resource) for row in report.modules)
    # one DSP48E1 a product; every counter of the top module is in registers
    assert report.total.used.dsp == folder.design.schedule.multipliers == 9
    assert rows[""].used.ff == 65 and report.total.used.latches == 0
    path = report.total.path
    assert path is not None and path.levels == len(path.steps) - 1 > 0
    assert path.delay == path.steps[-1].arrival + path.setup
    assert path.delay == max(row.path.delay for row in report.modules if row.path is not None)
    assert "u_stage_conv1.u_mvu.u_weights.gen_luts.mem" in report.memories
    document = json.loads(json.dumps(report.as_json()))
    assert document["timing"]["label"] == "logic only, no routing"
    assert document["total"]["percent"]["dsp"] == round(100 * 9 / 220, 2)


def test_cache(
    folder: Package, netlist: synthesis.Netlist, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rtl, name = folder.folder / "rtl", folder.design.name
    calls: list[str] = []
    run = yosys.run

    def counted(script: str, place: Path, *, timeout: float | None = None) -> str:
        calls.append(re.findall(r"-top (\w+)", script)[0])
        return run(script, place, timeout=timeout)

    monkeypatch.setattr(yosys, "run", counted)
    assert synthesis.synthesise(rtl, name).modules == netlist.modules and not calls
    damaged = next(unit.verilog_file for unit in netlist.units if unit.unit.module.endswith("fc1"))
    (damaged.parent / "netlist.json.gz").write_bytes(b"\x1f\x8b torn")
    assert synthesis.synthesise(rtl, name).modules == netlist.modules
    assert calls == ["leftover_fc1"]
    assert not list((cache / "synth").glob("run-*")), "work folders are left"
    weights = rtl / "leftover_fc1_bias.mem"
    sources = synthesis.Sources(rtl)
    keys = [
        sources._key(unit.unit, "", sources.closure(unit.unit.module), []) for unit in netlist.units
    ]
    assert len(set(keys)) == len(keys)
    assert weights.name in sources.memories(sources.closure("leftover_fc1"))
    assert weights.name not in sources.memories(sources.closure("leftover_conv1"))


def test_gate_level_equals_golden(folder: Package, netlist: synthesis.Netlist) -> None:
    images = random_images(3, 6, (7, 7, 1))
    run = gate_level.simulate(folder, netlist, images, opt="-O0")
    assert run.ok, str(run)
    assert run.cells > 500 and run.run.images == 3
    assert "all integers are equal" in str(run)


def test_one_wrong_lut_is_found(
    folder: Package, netlist: synthesis.Netlist, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = synthesis.Synthesised.verilog

    def broken(unit: synthesis.Synthesised) -> str:
        if unit.unit.module != "leftover_fc1":
            return text(unit)
        # an adder's sum bit: x ^ y becomes its opposite
        found = re.search(r"LUT2 #\(\s*\.INIT\(4'h(6)\)", text(unit))
        assert found is not None
        table = "9"
        return text(unit)[: found.start(1)] + table + text(unit)[found.end(1) :]

    monkeypatch.setattr(synthesis.Synthesised, "verilog", broken)
    run = gate_level.simulate(folder, netlist, random_images(3, 6, (7, 7, 1)), opt="-O0")
    assert not run.ok and run.run.difference is not None
    assert "fc1" in str(run)


def test_flat_netlist_has_no_layers(folder: Package, netlist: synthesis.Netlist) -> None:
    flat = replace(netlist, modules={netlist.top: netlist.modules[netlist.top]})
    with pytest.raises(UserError, match="--per-module"):
        gate_level.simulate(folder, flat, np.zeros((1, 7, 7, 1), dtype=np.uint8))


def _command(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main(["synth", *words])
    captured = capsys.readouterr()
    return int(stop.value.code or 0), captured.out, captured.err


def test_command(
    folder: Package, netlist: synthesis.Netlist, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    place = str(folder.folder)
    status, text, _ = _command(capsys, place, "--json")
    assert status == 0
    document = json.loads(text)
    assert document == json.loads((folder.folder / "reports" / "synth.json").read_text())
    assert document["mode"] == "per module" and document["gate_level"] is None
    assert document["layers"][0]["name"] == "conv1" and document["total"]["dsp"] == 9
    out = tmp_path / "own.json"
    status, _, shown = _command(capsys, place, "--out", str(out))
    assert status == 0 and out.is_file()
    assert "logic only, no routing" in shown and "% of device" in shown
    status, _, shown = _command(capsys, str(tmp_path / "nowhere"))
    assert status == 2 and "no such folder" in shown
    status, _, shown = _command(capsys, place, "--out", f"{out}/x.json")
    assert status == 2 and "--out" in shown
    edited = folder.folder / "rtl" / "lng_fifo.v"
    text = edited.read_text()
    try:
        edited.write_text(text + "\n")
        status, _, shown = _command(capsys, place)
    finally:
        edited.write_text(text)
    assert status == 2 and "lng_fifo.v: was edited" in shown
