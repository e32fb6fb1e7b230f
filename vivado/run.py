"""Runs the generated scripts with Vivado or Vitis HLS when they are on PATH.

Input: an emitted folder. Output: the finished run with its log; a failure is one line that names
the log. What the reports say is not read here.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..codegen.emit_vivado import validate_part
from ..codegen.errors import UserError

Stage = Literal["csim", "csynth", "export", "all"]


@dataclass(frozen=True)
class ToolRun:
    """A finished run of a tool that ended with exit status 0."""

    command: tuple[str, ...]  # as started, in the folder ``cwd``
    cwd: Path
    log: Path  # standard output and error of the tool
    seconds: float  # wall-clock time


def find_tool(*names: str) -> Path:
    """Return the first of these programs that is on PATH; ``UserError`` if none is."""
    for name in names:
        path = shutil.which(name)
        if path is not None:
            return Path(path)
    raise UserError(
        f"{' or '.join(names)} not found on PATH; source the settings64.sh of the installation"
    )


def run_tool(
    command: Sequence[str],
    cwd: Path,
    log: Path,
    *,
    timeout_s: float | None = None,
    env: Mapping[str, str] | None = None,
) -> ToolRun:
    """Run a tool in ``cwd`` with its output in ``log``; ``env`` is added to the environment.

    Raises ``UserError`` if it can't be started, does not end within ``timeout_s`` seconds (it is
    stopped with all its children) or ends with another exit status than 0.
    """
    name = Path(command[0]).name
    began = time.monotonic()
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as sink:
        try:
            process = subprocess.Popen(
                list(command),
                cwd=cwd,
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise UserError(f"{name} can't be started: {error.strerror} ({command[0]})") from error
        try:
            status = process.wait(timeout=timeout_s)
        except BaseException as error:  # also a keyboard interrupt: leave no process behind
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if isinstance(error, subprocess.TimeoutExpired):
                raise UserError(f"{name} took longer than {timeout_s:g} s; log: {log}") from error
            raise
    if status != 0:
        reason = first_error(log.read_text(encoding="utf-8", errors="replace"))
        raise UserError(f"{name} failed with exit status {status}: {reason}; log: {log}")
    return ToolRun(tuple(command), cwd, log, time.monotonic() - began)


def first_error(text: str) -> str:
    """Return the first ``ERROR`` line of a log, or its last line, or a word that it is empty."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for line in lines:
        if re.match(r"ERROR\b", line):
            return line
    return lines[-1] if lines else "no output"


def synthesize(folder: Path, *, part: str | None = None, timeout_s: float | None = None) -> ToolRun:
    """Run ``vivado/build.tcl`` of an emitted folder in batch mode; reports in ``vivado/reports``.

    ``part`` replaces the part of the design. Log: ``vivado/reports/vivado.log``.
    """
    where = _folder_of(folder, "vivado", "build.tcl")
    arguments = ["-mode", "batch", "-nojournal", "-nolog", "-source", "build.tcl"]
    if part is not None:
        arguments += ["-tclargs", "--part", validate_part(part)]
    tool = find_tool("vivado")
    log = where / "reports" / "vivado.log"
    return run_tool([str(tool), *arguments], where, log, timeout_s=timeout_s)


def run_hls(folder: Path, stage: Stage = "csim", *, timeout_s: float | None = None) -> ToolRun:
    """Run a stage of ``hls/run_hls.tcl`` of an emitted folder; log: ``hls/vitis_hls.STAGE.log``.

    Takes ``vitis_hls``, or ``vitis-run`` where only that exists (Vitis 2025).
    """
    where = _folder_of(folder, "hls", "run_hls.tcl")
    tool = find_tool("vitis_hls", "vitis-run")
    if tool.stem == "vitis_hls":
        arguments = ["-f", "run_hls.tcl", "-tclargs", stage]
    else:
        arguments = ["--mode", "hls", "--tcl", "run_hls.tcl"]
    return run_tool(
        [str(tool), *arguments],
        where,
        where / f"vitis_hls.{stage}.log",
        timeout_s=timeout_s,
        env={"LENETGEN_HLS_STAGE": stage},
    )


def _folder_of(folder: Path, name: str, script: str) -> Path:
    if not (folder / name / script).is_file():
        raise UserError(f"{folder} has no {name}/{script}; expected: a folder that emit wrote")
    return folder.resolve() / name
