"""Rules the tree itself obeys: sizes, import directions, nothing of a machine in the files."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAX_LINES = 400

# A package may import itself and those of lower levels: imports run one way.
LEVELS = {"codegen": 0, "sim": 1, "models": 2, "vivado": 2, "cli": 3}

# Written in pieces, so that this file does not break its own rule.
MACHINE_PATHS = re.compile(
    r"(?<![\w.])/(?:" + "|".join(["ro" + "ot", "wo" + "rk", "ho" + "me", "Us" + "ers"]) + r")/\w"
    r"|/opt/" + r"(?:pypi|wheels)|[A-Z]:\\" + r"\w"
)
REGISTRIES = re.compile(r"\b(?:pypi|pythonhosted|anaconda|npmjs|crates)\." + r"(?:org|com|io)\b")
SHARED = re.compile(r"\.\./" + "shared")
MAY_NAME_SHARED = {".ci/run"}


def tracked() -> list[Path]:
    """The files git knows or would add, without deleted ones."""
    done = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    names = sorted(set(done.stdout.split("\0")) - {""})
    return [ROOT / name for name in names if (ROOT / name).is_file()]


FILES = tracked()


def texts() -> list[tuple[str, str]]:
    """Relative name and content of each tracked text file."""
    found = []
    for path in FILES:
        data = path.read_bytes()
        if b"\0" not in data:
            found.append((path.relative_to(ROOT).as_posix(), data.decode()))
    assert len(found) > 50
    return found


def package_modules() -> list[Path]:
    return [
        path for path in FILES if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in LEVELS
    ]


def test_modules_are_short() -> None:
    long = {
        name: count
        for name, text in texts()
        if Path(name).suffix in (".py", ".v", ".sv", ".h", ".cpp", ".j2", ".tcl")
        and (count := len(text.splitlines())) > MAX_LINES
    }
    assert long == {}


@pytest.mark.parametrize(
    ("pattern", "allowed"),
    [
        pytest.param(MACHINE_PATHS, set(), id="machine_paths"),
        pytest.param(REGISTRIES, set(), id="registries"),
        pytest.param(SHARED, MAY_NAME_SHARED, id="shared_folder"),
    ],
)
def test_nothing_of_a_machine_in_the_files(pattern: re.Pattern[str], allowed: set[str]) -> None:
    hits = [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in texts()
        if name not in allowed
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]
    assert hits == []


def test_the_patterns_find_what_they_are_for() -> None:
    assert MACHINE_PATHS.search("in '/" + "home/someone/x'")
    assert MACHINE_PATHS.search("C:" + "\\Users")
    assert not MACHINE_PATHS.search("../work/x and build/root/y")
    assert REGISTRIES.search("https://files.pythonhosted" + ".org/x")
    assert SHARED.search("cat ../" + "shared/data")


def test_text_files_end_with_one_newline() -> None:
    bad = [
        name
        for name, text in texts()
        if "\r" in text or (text and (not text.endswith("\n") or text.endswith("\n\n")))
    ]
    assert bad == []


def imported(path: Path) -> list[tuple[int, str]]:
    """Line and dotted name (below the repository's root, or absolute) of each import."""
    package = path.relative_to(ROOT).parts[:-1]
    names: list[tuple[int, str]] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level == 0:
                names.append((node.lineno, node.module or ""))
                continue
            assert node.level <= len(package) + 1, f"{path}:{node.lineno}: above the root"
            base = [*package[: len(package) + 1 - node.level], *(node.module or "").split(".")]
            stem = ".".join(part for part in base if part)
            names += [
                (node.lineno, stem or f"lenetgen-root.{alias.name}".removeprefix("lenetgen-root."))
                for alias in node.names
            ]
    return names


def test_imports_run_one_way() -> None:
    wrong = []
    for path in package_modules():
        own = path.relative_to(ROOT).parts[0]
        for line, name in imported(path):
            other = name.split(".")[0]
            if other == "lenetgen":
                wrong.append(f"{path.relative_to(ROOT)}:{line}: absolute import of {name}")
            elif other in LEVELS and other != own and LEVELS[other] >= LEVELS[own]:
                wrong.append(f"{path.relative_to(ROOT)}:{line}: {own} imports {name}")
    assert wrong == []
    assert len(package_modules()) > 20


def test_heavy_libraries_are_imported_in_functions_only() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in package_modules()
        for node in ast.parse(path.read_text()).body
        if (
            isinstance(node, ast.Import)
            and any(alias.name.split(".")[0] in ("keras", "tensorflow") for alias in node.names)
        )
        or (
            isinstance(node, ast.ImportFrom)
            and node.level == 0
            and (node.module or "").split(".")[0] in ("keras", "tensorflow")
        )
    ]
    assert wrong == []


def test_help_imports_no_heavy_library() -> None:
    code = (
        "import sys\n"
        "from lenetgen.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as done:\n    assert not done.code\n"
        "print('loaded:', sorted({m.split('.')[0] for m in sys.modules}))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    shown, _, loaded = done.stdout.partition("loaded:")
    assert "emit" in shown
    assert "'click'" in loaded and "'lenetgen'" in loaded
    for heavy in ("tensorflow", "keras", "sklearn", "hls4ml", "pyverilog", "cocotb", "numpy"):
        assert f"'{heavy}'" not in loaded


def test_every_library_file_holds_the_module_of_its_name() -> None:
    files = [path for path in FILES if path.parent == ROOT / "hw" and path.suffix == ".v"]
    assert files
    for path in files:
        found = re.findall(r"^\s*module\s+(\w+)", path.read_text(), re.MULTILINE)
        assert found == [path.stem], path.name
        assert path.stem.startswith("lng_"), path.name
