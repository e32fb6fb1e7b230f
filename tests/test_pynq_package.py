"""``lenetgen package``: what is in the zip, the same bytes each time, mistakes in one line."""

from __future__ import annotations

import json
import re
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from lenetgen.cli.main import COMMANDS, cli
from lenetgen.codegen.emit_pynq import register_values
from lenetgen.codegen.errors import UserError
from lenetgen.codegen.registers import REGISTERS
from lenetgen.codegen.render import render
from lenetgen.sim.package import Package
from lenetgen.sim.pynq_package import MAX_BYTES, OUTPUT, contents, write_zip

from .pynq_boards import emitted, unpacked
from .small_networks import small_design
from .test_axi import wide_design

CROSS = "arm-linux-gnueabihf-gcc"
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror"]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return emitted(small_design(), tmp_path_factory.mktemp("package") / "mini")


def test_the_same_bytes_and_every_file_explained(package: Package, tmp_path: Path) -> None:
    first = write_zip(package, tmp_path / "a.zip")
    second = write_zip(package, tmp_path / "b.zip")
    assert first.path.read_bytes() == second.path.read_bytes()
    assert first.size < 100_000 < MAX_BYTES
    with zipfile.ZipFile(first.path) as archive:
        names = archive.namelist()
        assert names == sorted(names) == [f"mini/{name}" for name in first.files]
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        readme = archive.read("mini/README.md").decode()
        texts = [archive.read(name) for name in names]
    explained = re.findall(r"^\| `([^`]+)` \| \w", readme, re.MULTILINE)
    assert sorted(explained) == sorted(first.files) and len(explained) == 10
    assert "There is no bitstream" in readme
    assert "lenetgen vivado FOLDER && lenetgen package FOLDER" in readme
    assert not any(str(package.folder).encode() in text for text in texts)


def test_with_a_bitstream(package: Package, tmp_path: Path) -> None:
    output = package.folder / OUTPUT
    output.mkdir(parents=True)
    bit, hwh = output / "mini.bit", output / "mini.hwh"
    bit.write_bytes(b"bits")
    with pytest.raises(UserError, match=r"mini\.hwh: missing, but mini\.bit is there"):
        contents(package)
    hwh.write_bytes(b"cells")
    written = write_zip(package, tmp_path / "a.zip")
    assert written.bitstream
    with zipfile.ZipFile(written.path) as archive:
        assert archive.read("mini/mini.bit") == b"bits"
        assert archive.read("mini/mini.hwh") == b"cells"
        readme = archive.read("mini/README.md").decode()
    assert "The bitstream is here" in readme and "`mini.hwh`" in readme
    bit.unlink()
    hwh.unlink()


def test_command(package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "package" in COMMANDS
    monkeypatch.chdir(tmp_path)
    shown = CliRunner().invoke(cli, ["package", str(package.folder)])
    assert shown.exit_code == 0, shown.output
    assert (tmp_path / "mini-pynq.zip").is_file()
    assert f"lenetgen vivado {package.folder} && lenetgen package" in shown.stderr
    told = CliRunner().invoke(cli, ["package", str(package.folder), "--json", "--out", "x.zip"])
    document = json.loads(told.stdout)
    assert document["bytes"] == (tmp_path / "x.zip").stat().st_size
    assert document["bitstream"] is False and "driver.py" in document["files"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(["missing"], "no such folder", id="no_folder"),
        pytest.param([".", "--out", "x.zip"], "holds no design.json", id="no_design"),
        pytest.param(["mini", "--out", "."], "is a folder; name a file", id="a_folder"),
        pytest.param(["mini", "--out", "x.tar"], "ends in .zip", id="no_zip"),
        pytest.param(["mini", "--out", "no/x.zip"], "No such file or directory", id="nowhere"),
    ],
)
def test_mistakes_are_one_line(
    package: Package,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mini").symlink_to(package.folder)
    result = CliRunner().invoke(cli, ["package", *arguments])
    assert isinstance(result.exception, UserError)
    assert says in str(result.exception) and "\n" not in str(result.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["mini"]


def test_the_document_is_the_map(root: Path) -> None:
    document = (root / "docs" / "registers.md").read_text(encoding="utf-8")
    assert document == render("pynq/registers.md.j2", register_values())
    assert [one.offset for one in REGISTERS] == list(range(0, 4 * len(REGISTERS), 4))


@pytest.mark.parametrize("compiler", ["gcc", CROSS])
@pytest.mark.parametrize("wide", [False, True], ids=["mini", "wide"])
def test_the_c_examples_compile(
    package: Package,
    tmp_path: Path,
    compiler: str,
    wide: bool,
    require_program: Callable[[str], Path],
) -> None:
    require_program(compiler)
    chosen = emitted(wide_design(), tmp_path / "wide") if wide else package
    folder = unpacked(chosen, tmp_path)
    for name in ("bare_metal.c", "linux_user.c"):
        command = [compiler, *STRICT, "-O2", "-c", name, "-o", f"{name}.o"]
        # addresses are 32 bits wide on the board; pread, mmap and the like are POSIX
        command += ["-D_DEFAULT_SOURCE"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, f"{name}: {done.stderr}"


def test_the_strict_flags_find_something(tmp_path: Path) -> None:
    (tmp_path / "bad.c").write_text("int main(void) { long x = 1; int y = x; return y; }\n")
    command = ["gcc", *STRICT, "-c", "bad.c"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True).returncode != 0
