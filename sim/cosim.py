"""Runs the cocotb bench of an emitted folder in Verilator and reads its results.

Input: a ``Package``, or just the folder. Output: a ``CosimReport``, one entry a test. The compiled
simulator stays in ``FOLDER/.build``; a run's logs, memory files, results and waves lie in
``FOLDER/.build/cocotb-run``. A failed test is a result; a simulator that did not run is a
``ToolError``.
"""

from __future__ import annotations

import io
import shutil
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import verilator
from .golden import GoldenModel
from .package import Package
from .rtl import BUILD_FOLDER
from .toolrun import ToolError
from .vectors import ARRAYS

RUN_FOLDER = "cocotb-run"
LAYERS_FILE = "layers.npz"
TIMEOUT = 3600.0  # seconds for all tests together: a hanging bench stops itself long before


@dataclass(frozen=True)
class BenchTest:
    """One test: ``state`` is ``passed``, ``failed`` or ``skipped``; ``message`` says why."""

    name: str
    state: str
    seconds: float
    message: str = ""


@dataclass(frozen=True)
class CosimReport:
    """What a run of the bench did; ``waves`` is None unless asked for."""

    tests: tuple[BenchTest, ...]
    build_seconds: float
    run_seconds: float
    log: Path
    waves: Path | None = None

    def named(self, state: str) -> tuple[str, ...]:
        """The names of the tests in that state, in the order they ran."""
        return tuple(test.name for test in self.tests if test.state == state)

    @property
    def ok(self) -> bool:
        """Whether at least one test passed and none failed."""
        return bool(self.named("passed")) and not self.named("failed")

    def text(self) -> str:
        """A line a test, the messages of the failed ones, where the log is."""
        lines = [
            f"{test.state:7} {test.name} ({test.seconds:.2f} s)"
            + (f"\n        {test.message}" if test.message else "")
            for test in self.tests
        ]
        lines.append(
            f"{len(self.named('passed'))} passed, {len(self.named('failed'))} failed in "
            f"{self.run_seconds:.1f} s; log: {self.log}"
        )
        if self.waves is not None:
            lines.append(f"waves: {self.waves}")
        return "\n".join(lines)


def run_benches(
    package: Package,
    *,
    layers: bool = False,
    test_filter: str | None = None,
    waves: bool = False,
    progress: Callable[[str], None] | None = None,
) -> CosimReport:
    """Run the bench of ``package``; ``layers`` compares every layer's stream as well.

    ``test_filter``: a regular expression on test names (``re.search``). ``progress`` is told what
    is being done. Raises ``ToolError`` if the build or the simulator fails.
    """
    return run_folder(
        package.folder,
        package.design.name,
        layers=write_layers(package) if layers else None,
        test_filter=test_filter,
        waves=waves,
        progress=progress,
    )


def write_layers(package: Package) -> Path:
    """Write the golden codes of every layer for the bench's frames; return the file.

    Arrays (frames, *shape), named as the operators.
    """
    with np.load(package.folder / ARRAYS, allow_pickle=False) as archive:
        images = archive["images"]
    graph = package.design.graph
    codes = GoldenModel(graph).trace(images)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{op.name: codes[op.out.name] for op in graph.ops})
    path = package.folder / BUILD_FOLDER / LAYERS_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(buffer.getvalue())
    return path


def run_folder(
    folder: Path,
    top: str,
    *,
    layers: Path | None = None,
    test_filter: str | None = None,
    waves: bool = False,
    plusargs: Sequence[str] = (),
    progress: Callable[[str], None] | None = None,
    bench: Path | None = None,
) -> CosimReport:
    """Build ``folder/rtl`` and run ``folder/sim/test_<top>.py``, as ``run_benches`` does.

    Works on edited folders, too. ``bench``: another test file to run, in a folder of its own.
    ``layers``: a file of ``write_layers``. ``plusargs`` go to the simulator (``+NAME`` for
    ``$test$plusargs("NAME")``).
    """
    tell = progress or (lambda _: None)
    rtl, build = folder.resolve() / "rtl", folder.resolve() / BUILD_FOLDER
    names = (rtl / "files.f").read_text(encoding="utf-8").split()
    started = time.perf_counter()
    tell("compiling the simulator")
    design = verilator.build_cocotb(
        build / ("cocotb-waves" if waves else "cocotb"),
        [rtl / name for name in names],
        top,
        trace=waves,
    )
    built = time.perf_counter()
    bench = bench or folder / "sim" / f"test_{top}.py"
    run = build / (RUN_FOLDER if bench.stem == f"test_{top}" else f"{bench.stem}-run")
    shutil.rmtree(run, ignore_errors=True)
    run.mkdir(parents=True)
    for memory in rtl.glob("*.mem"):  # the Verilog names them without a folder
        shutil.copyfile(memory, run / memory.name)
    tell("running the cocotb bench")
    env = {"PYTHONDONTWRITEBYTECODE": "1", "COCOTB_TRUST_INERTIAL_WRITES": "1"}
    env["LENETGEN_LAYERS"] = "" if layers is None else str(layers.resolve())
    tests, log = _run(design, bench.stem, bench.parent, run, env, test_filter, plusargs)
    finished = time.perf_counter()
    dump = run / "dump.vcd"
    return CosimReport(tests, built - started, finished - built, log, dump if waves else None)


def _run(
    design: verilator.CocotbDesign,
    module: str,
    sources: Path,
    run: Path,
    env: dict[str, str],
    test_filter: str | None,
    plusargs: Sequence[str],
) -> tuple[tuple[BenchTest, ...], Path]:
    results, log = run / "results.xml", run / "cocotb.log"
    try:
        verilator.run_cocotb(
            design,
            module,
            run,
            python_path=[sources],
            env=env,
            test_filter=test_filter,
            plusargs=plusargs,
            trace=design.trace,
            timeout=TIMEOUT,
        )
    except ToolError:
        if not results.is_file():
            raise  # else the results say which tests failed
    tests = read_results(results)
    if not any(test.state != "skipped" for test in tests):
        wanted = f" matching {test_filter!r}" if test_filter else ""
        raise ToolError(f"{module}: no test{wanted} ran", log)
    return tests, log


def read_results(path: Path) -> tuple[BenchTest, ...]:
    """The tests of a ``results.xml`` of cocotb, in the order they ran."""
    tests: list[BenchTest] = []
    for case in ET.parse(path).getroot().iter("testcase"):
        bad = [item for item in case if item.tag in ("failure", "error")]
        state, message = "passed", ""
        if bad:
            state = "failed"
            message = bad[0].get("error_msg") or bad[0].get("message") or (bad[0].text or "")
            message = message.strip().splitlines()[0] if message.strip() else "no message"
        elif case.find("skipped") is not None:
            state = "skipped"
        seconds = float(case.get("time") or 0.0)
        tests.append(BenchTest(str(case.get("name")), state, seconds, message))
    return tuple(tests)
