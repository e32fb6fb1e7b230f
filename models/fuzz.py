"""Random networks by the hundred: golden model = C++ = RTL, coverage, small failing examples.

Input: seeds and a folder; output: a ``FuzzReport``. Parts that were done by the same code are not
done again: ``FOLDER/parts`` keeps them, one file a part.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from ..codegen.errors import UserError
from ..codegen.render import to_json, write_text
from ..sim.compare import Finding, compare
from ..sim.coverage import Coverage
from ..sim.rtl_networks import Network
from ..sim.shrink import ROUNDS, Judge, shrink
from ..sim.shrink_case import Case
from ..sim.standalone import write_test
from .random_networks import random_images, random_network

PER_BUILD = 20  # networks in one simulator: more share its start, but the compiler's memory grows
FRAMES = 14
SHRUNK = 3  # failing networks made small; the others are usually the same bug
GOLDEN = "golden"  # the engine of a network that can't even be drawn or computed
SOURCES = ("codegen", "hw", "models", "sim", "templates")

Progress = Callable[[str, int, int], None]


@dataclass
class FuzzReport:
    """What the networks of ``seeds`` showed."""

    seeds: tuple[int, ...]
    findings: list[Finding] = field(default_factory=list)
    coverage: Coverage = field(default_factory=Coverage)
    tests: list[Path] = field(default_factory=list)
    reused: int = 0  # networks whose results were there
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether nothing differs."""
        return not self.findings

    def as_json(self) -> dict[str, Any]:
        """The report as plain data."""
        return {
            "ok": self.ok,
            "networks": len(self.seeds),
            "seeds": [self.seeds[0], self.seeds[-1]],
            "reused": self.reused,
            "seconds": round(self.seconds, 1),
            "missing": self.coverage.missing(),
            "coverage": self.coverage.counts,
            "findings": [asdict(finding) for finding in self.findings],
            "tests": [str(path) for path in self.tests],
        }


def network_of(seed: int, frames: int = FRAMES) -> Network:
    """The seed's network with images, golden results computed."""
    drawn = random_network(seed)
    images = random_images(drawn.graph, frames, seed)
    return Network.of(f"random_{seed}", drawn.graph, drawn.folds, images, drawn.pixels)


def fuzz(
    seeds: Sequence[int],
    folder: Path,
    *,
    per_build: int = PER_BUILD,
    shrunk: int = SHRUNK,
    progress: Progress | None = None,
) -> FuzzReport:
    """Compare the networks of ``seeds``; for the first ``shrunk`` bad ones ``folder`` gets a test.

    Every second build compiles the C++ with exact widths. ``UserError`` if ``folder`` can't be
    written or a tool is missing.
    """
    tell = progress or (lambda *_: None)
    report = FuzzReport(tuple(seeds))
    started = time.perf_counter()
    stamp = code_stamp()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number, place in enumerate(range(0, len(seeds), per_build)):
            tell("networks", place, len(seeds))
            part = list(seeds[place : place + per_build])
            kept = folder / "parts" / f"{part[0]}-{part[-1]}.json"
            findings = _read(kept, stamp)
            if findings is None:
                findings = _run(part, folder, number)
                write_text(kept, to_json({"stamp": stamp, "findings": list(map(asdict, findings))}))
            else:
                report.reused += len(part)
            report.findings += findings
            broken = {finding.network for finding in findings if finding.engine == GOLDEN}
            for seed in part:
                if f"random_{seed}" not in broken:
                    drawn = random_network(seed)
                    images = random_images(drawn.graph, FRAMES, seed)
                    report.coverage.add(
                        drawn.source, drawn.graph, drawn.folds, images, drawn.pixels
                    )
        tell("networks", len(seeds), len(seeds))
        report.tests = list(_shrink_all(report.findings, folder, shrunk, tell))
    except OSError as error:
        raise UserError(f"--out {folder}: {error.strerror or error}") from None
    report.seconds = time.perf_counter() - started
    return report


def _run(part: Sequence[int], folder: Path, number: int) -> list[Finding]:
    cpp = ("csim", "csim-exact")[number % 2]
    networks, findings = [], []
    for seed in part:
        try:
            networks.append(network_of(seed))
        except Exception as error:  # whatever it is: a legal network must have golden results
            findings.append(Finding(f"random_{seed}", GOLDEN, repr(error)))
    with tempfile.TemporaryDirectory(prefix="build-", dir=folder) as scratch:
        return findings + compare(networks, Path(scratch), engines=(cpp, "rtl"))


def _read(path: Path, stamp: str) -> list[Finding] | None:
    """The findings kept there by the same code, if any."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["stamp"] == stamp:
            return [Finding(**finding) for finding in kept["findings"]]
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None


def code_stamp() -> str:
    """Changes with every file that decides about networks or results."""
    digest = hashlib.sha256()
    for name in SOURCES:
        for path, data in _files(files("lenetgen") / name, name):
            digest.update(f"{path} {len(data)}\n".encode() + data)
    return digest.hexdigest()


def _files(folder: Traversable, path: str) -> Iterator[tuple[str, bytes]]:
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        if entry.is_dir() and entry.name != "__pycache__":
            yield from _files(entry, f"{path}/{entry.name}")
        elif entry.name.endswith((".py", ".v", ".j2", ".h")):
            yield f"{path}/{entry.name}", entry.read_bytes()


def _shrink_all(
    findings: Sequence[Finding], folder: Path, count: int, tell: Progress
) -> Iterator[Path]:
    """A test file for each of the first failing networks that there are."""
    first: dict[str, Finding] = {}
    for finding in findings:
        if finding.engine != GOLDEN:
            first.setdefault(finding.network, finding)
    for done, (name, finding) in enumerate(list(first.items())[:count]):
        tell("shrinking", done, min(count, len(first)))
        yield shrink_to_test(int(name.removeprefix("random_")), finding, folder)
    if first:
        tell("shrinking", min(count, len(first)), min(count, len(first)))


def shrink_to_test(seed: int, finding: Finding, folder: Path, *, rounds: int = ROUNDS) -> Path:
    """Make the network of ``seed`` small while ``finding``'s engine differs; write its test.

    What does not fail a second time is written as it was.
    """
    network = network_of(seed)
    case = Case.of(network)
    with tempfile.TemporaryDirectory(prefix="shrink-", dir=folder) as scratch:
        judge = Judge(Path(scratch), finding)
        if judge.fails([case])[0]:
            case = shrink(case, judge.fails, rounds=rounds)
        notes = judge.findings([case]) or [finding]
    return write_test(folder, seed, case, notes, finding.engine)
