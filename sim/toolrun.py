"""Run an outside tool (compiler, simulator): list arguments, checked exit status, log kept.

A failing tool raises :class:`ToolError` with the end of its output and the path of the whole log.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ..codegen.errors import UserError

TAIL_LINES = 30

# What Debian and Ubuntu call the packages of the tools used here.
DEBIAN_PACKAGES = {"c++": "g++", "g++": "g++", "make": "make", "perl": "perl", "tclsh": "tcl"}


_running: set[subprocess.Popen[bytes]] = set()
_stopping = threading.Event()


class Stopped(BaseException):
    """``run_tool`` was called, or at work, in a thread while ``stopping`` ended all tools."""


class ToolError(RuntimeError):
    """An outside tool failed: which one, how, the end of its output, and ``log`` with all of it."""

    def __init__(self, summary: str, log: Path | None = None, tail: str = "") -> None:
        parts = [summary, tail, f"whole log: {log}" if log else ""]
        super().__init__("\n".join(part for part in parts if part))
        self.log = log


def require_tools(names: Sequence[str], path: str | None = None) -> None:
    """Raise a one-line :class:`UserError` if one of the programs is not on ``PATH``."""
    missing = [name for name in names if shutil.which(name, path=path) is None]
    if missing:
        packages = " ".join(dict.fromkeys(DEBIAN_PACKAGES.get(name, name) for name in missing))
        raise UserError(
            f"not found on PATH: {', '.join(missing)}"
            f" (on Debian or Ubuntu: sudo apt-get install {packages})"
        )


def run_tool(
    command: Sequence[str | Path],
    *,
    log: Path | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float | None = None,
) -> str:
    """Run ``command`` to its end and return what it wrote (stdout and stderr together).

    ``log`` keeps the command line and the output, also after a failure; ``timeout`` is in seconds
    and ends the tool together with its children. Raises :class:`ToolError` on a non-zero exit
    status or a timeout, :class:`UserError` if the program is missing.
    """
    if _stopping.is_set():
        raise Stopped
    words = [str(word) for word in command]
    name = Path(words[0]).name
    with tempfile.TemporaryFile() if log is None else log.open("w+b") as out:
        out.write(f"$ {shlex.join(words)}\n".encode())
        out.flush()
        start = out.tell()
        try:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=dict(env) if env is not None else None,
                cwd=cwd,
                start_new_session=True,
            )
        except FileNotFoundError as error:
            require_tools([words[0]], None if env is None else env.get("PATH"))
            raise ToolError(f"{name}: {error}", log) from error
        _running.add(process)
        if _stopping.is_set():  # it began just before
            _end(process)
        try:
            status: int | None = process.wait(timeout)
        except subprocess.TimeoutExpired:
            _end(process)
            status = None
        except BaseException:
            _end(process)
            raise
        finally:
            _running.discard(process)
        if _stopping.is_set():
            _end(process)
            raise Stopped
        out.seek(start)
        text = out.read().decode(errors="replace")
    if status != 0:
        tail = "\n".join(text.rstrip().splitlines()[-TAIL_LINES:])
        how = f"ran longer than {timeout:g} s" if status is None else f"exit status {status}"
        raise ToolError(f"{name} failed ({how})", log, tail)
    return text


@contextlib.contextmanager
def stopping() -> Iterator[None]:
    """End the tools of all threads, and let none begin: for a pool that breaks off."""
    _stopping.set()
    try:
        for process in list(_running):
            _end(process)
        yield
    finally:
        _stopping.clear()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the process and all it started (it leads a process group of its own)."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
