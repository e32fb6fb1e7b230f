"""Every command that reads an emitted folder refuses one that is not as it was emitted."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from lenetgen.cli.main import main
from lenetgen.codegen.cycles import measure
from lenetgen.sim.package import Options, write

from .small_networks import random_images, small_design

COMMANDS = ("verify", "regress", "synth", "estimate", "crosscheck", "certify")


@pytest.fixture(scope="module")
def emitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    design = small_design()
    out = tmp_path_factory.mktemp("damaged") / "mini"
    options = Options(precision="mixed", model="mini")
    return write(design, measure(design), options, random_images(3, 1), out).folder


def _edit(name: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        with (folder / name).open("ab") as file:
            file.write(b"\n")

    return damage


def _drop(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _set(key: str, value: object) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        path = folder / "design.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))

    return damage


DAMAGES = {
    "edited_verilog": (_edit("rtl/mini_conv2.v"), "rtl/mini_conv2.v: was edited; emit"),
    "edited_weights": (_edit("rtl/mini_fc1_weights.mem"), "mini_fc1_weights.mem: was edited; emit"),
    "edited_library": (_edit("rtl/lng_fifo.v"), "rtl/lng_fifo.v: was edited; emit"),
    "edited_cpp": (_edit("hls/mini.cpp"), "hls/mini.cpp: was edited; emit"),
    "edited_harness": (_edit("sim/harness.cpp"), "sim/harness.cpp: was edited; emit"),
    "missing_verilog": (_drop("rtl/mini.v"), "rtl/mini.v: missing; emit"),
    "missing_parameters": (_drop("sim/parameters.npz"), "sim/parameters.npz: missing; emit"),
    "missing_design": (_drop("design.json"), "holds no design.json"),
    "another_version": (_set("generator", "lenetgen 0.0.1"), "written by lenetgen 0.0.1, this is"),
    "another_schema": (_set("schema", 0), "emit it again"),
    "no_hashes": (_set("files", None), "design.json: not a complete design"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_is_refused_with_the_file(
    emitted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    folder = tmp_path / "design"
    shutil.copytree(emitted, folder)
    spoil, message = DAMAGES[damage]
    spoil(folder)
    before = {path.name for path in folder.iterdir()}
    for command in COMMANDS:
        with pytest.raises(SystemExit) as stop:
            main([command, str(folder)])
        captured = capsys.readouterr()
        assert stop.value.code == 2 and captured.out == "", command
        lines = captured.err.strip().splitlines()
        assert len(lines) == 1 and lines[0].startswith("lenetgen: "), command
        assert str(folder) in lines[0] and message in lines[0], command
        assert {path.name for path in folder.iterdir()} == before, f"{command} began"
