"""The emitted folder: complete, the same bytes each time, replaced as a whole or not at all."""

import hashlib
import json
from pathlib import Path

import pytest
from lenetgen.codegen.cycles import measure
from lenetgen.codegen.errors import UserError
from lenetgen.sim import package
from lenetgen.sim.package import Options, load, write

from .small_networks import random_images, small_design

OPTIONS = Options(precision="mixed", model="small.keras", clock_ns=10.0)


def _write(out: Path, seed: int = 7) -> package.Package:
    design = small_design(seed=seed)
    return write(design, measure(design), OPTIONS, random_images(3, 1), out)


def _bytes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_complete_and_the_same_bytes(tmp_path: Path) -> None:
    _write(tmp_path / "a")
    _write(tmp_path / "deep" / "b c")
    first = _bytes(tmp_path / "a")
    assert first == _bytes(tmp_path / "deep" / "b c")
    for name in (
        "design.json",
        "README.md",
        "hls/mini.cpp",
        "hls/tb_mini.cpp",
        "hls/run_hls.tcl",
        "hls/weights/fc1.h",
        "rtl/mini.v",
        "rtl/mini_conv2.v",
        "rtl/mini_conv2_weights.mem",
        "rtl/lng_mvu.v",
        "rtl/files.f",
        "sim/harness.cpp",
        "sim/stimulus.mem",
        "sim/expected.mem",
        "sim/vectors.npz",
        "sim/test_mini.py",
        "vivado/create_project.tcl",
        "vivado/build.tcl",
    ):
        assert name in first
    listed = json.loads((tmp_path / "a" / "design.json").read_text())["files"]
    assert {**listed, "design.json": first["design.json"]} == first
    for path in (tmp_path / "a").rglob("*"):
        if path.is_file() and path.suffix != ".npz":
            assert str(tmp_path) not in path.read_text(encoding="utf-8")


def test_load_returns_what_was_written(tmp_path: Path) -> None:
    written = _write(tmp_path / "a")
    read = load(tmp_path / "a")
    assert read.design == written.design
    assert (read.timing.interval, read.timing.latency) == (
        written.timing.interval,
        written.timing.latency,
    )
    assert (read.part, read.clock_ns, read.precision) == (written.part, 10.0, "mixed")


def test_emitting_again_replaces_and_keeps_builds(tmp_path: Path) -> None:
    out = tmp_path / "a"
    _write(out)
    (out / ".build").mkdir()
    (out / ".build" / "kept").write_text("x")
    (out / "rtl" / "stray.v").write_text("x")
    _write(out, seed=8)
    assert (out / ".build" / "kept").is_file()
    assert not (out / "rtl" / "stray.v").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_failure_leaves_the_earlier_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "a"
    _write(out)
    before = _bytes(out)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(package, "write_vectors", fail)
    with pytest.raises(UserError, match="No space left on device"):
        _write(out, seed=8)
    assert _bytes(out) == before
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_foreign_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    with pytest.raises(UserError, match="holds other files"):
        _write(tmp_path / "mine")
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="not a folder"):
        _write(tmp_path / "file")
    with pytest.raises(UserError, match="choose a folder you can write"):
        _write(tmp_path / "file" / "below")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "mine"]


def test_unwritable_parent() -> None:
    with pytest.raises(UserError, match="choose a folder you can write"):
        _write(Path("/proc/lenetgen/a"))  # not even root can make folders there


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("rtl/mini.v", "// edited\n", "mini.v: was edited"),
        ("rtl/mini_fc1_weights.mem", None, "mini_fc1_weights.mem: missing"),
        ("design.json", "{", "not readable as a design"),
        (
            "design.json",
            '{"schema": 1, "generator": "lenetgen 0.0.1"}',
            "written by lenetgen 0.0.1",
        ),
        ("design.json", "[]", "not readable as a design"),
        ("design.json", None, "holds no design.json"),
    ],
)
def test_damaged_folders_are_refused(
    tmp_path: Path, name: str, text: str | None, message: str
) -> None:
    out = tmp_path / "a"
    _write(out)
    if text is None:
        (out / name).unlink()
    else:
        (out / name).write_text(text)
    with pytest.raises(UserError, match=message):
        load(out)
    with pytest.raises(UserError, match="no such folder"):
        load(tmp_path / "b")
