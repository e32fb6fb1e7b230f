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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..codegen.emit_vivado import OLDEST, validate_part
from ..codegen.errors import UserError
from .diagnose import diagnose, first_error

__all__ = [
    "HlsTool",
    "Stage",
    "ToolRun",
    "find_tool",
    "first_error",
    "run_hls",
    "run_script",
    "run_tool",
    "synthesize",
]

Stage = Literal["csim", "csynth", "export", "all"]
HlsTool = Literal["vitis_hls", "vitis-run", "v++"]
Progress = Callable[[str], None]  # told what the tool is doing, a line of its log
BATCH = ("-mode", "batch", "-nojournal", "-nolog", "-source")
POLL_S = 0.2
WORK = "work"  # in hls/: where the unified commands work
_PHASE = re.compile(r"^(?:LENETGEN: |Starting |Phase |Running |Command: ).*$", re.MULTILINE)


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
    progress: Progress | None = None,
) -> ToolRun:
    """Run a tool in ``cwd`` with its output in ``log``; ``env`` is added to the environment.

    Raises ``UserError`` if it can't be started, does not end within ``timeout_s`` seconds (it is
    stopped with all its children) or ends with another exit status than 0. The log stays.
    """
    name = Path(command[0]).name
    began = time.monotonic()
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        sink = log.open("wb")
    except OSError as error:
        raise UserError(
            f"{error.filename}: {error.strerror}: {name} needs a folder it can write"
        ) from None
    with sink:
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
            status = _wait(process, log, began, timeout_s, progress)
        except BaseException as error:  # also a keyboard interrupt: leave no process behind
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if isinstance(error, subprocess.TimeoutExpired):
                raise UserError(f"{name} took longer than {timeout_s:g} s; log: {log}") from error
            raise
    if status != 0:
        reason = diagnose(_text_with_run_log(log))
        raise UserError(f"{name} failed with exit status {status}: {reason}; log: {log}")
    return ToolRun(tuple(command), cwd, log, time.monotonic() - began)


def _wait(
    process: subprocess.Popen[bytes],
    log: Path,
    began: float,
    timeout_s: float | None,
    progress: Progress | None,
) -> int:
    """The exit status; meanwhile ``progress`` hears of new phases in the log."""
    if progress is None:
        return process.wait(timeout=timeout_s)
    place = 0
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(timeout=POLL_S)
        if timeout_s is not None and time.monotonic() - began > timeout_s:
            raise subprocess.TimeoutExpired(process.args, timeout_s)
        with log.open("rb") as source:
            source.seek(place)
            new = source.read()
        place += len(new)
        phases = _PHASE.findall(new.decode("utf-8", errors="replace"))
        if phases:
            progress(phases[-1])


def _text_with_run_log(log: Path) -> str:
    """The log; in front of it the log of the run that it says failed, which tells more."""
    text = log.read_text(encoding="utf-8", errors="replace")
    found = re.search(r"its log is runme\.log in\s+(\S.*)$", text, re.MULTILINE)
    inner = Path(found[1].strip()) / "runme.log" if found else None
    if inner is None or not inner.is_file():
        return text
    return inner.read_text(encoding="utf-8", errors="replace") + "\n" + text


def vivado_version(tool: Path, timeout_s: float = 120.0) -> str:
    """The version of this Vivado, such as 2022.2; "" if it does not say it.

    ``UserError`` if it is older than the scripts need.
    """
    try:
        done = subprocess.run(
            [str(tool), "-version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(f"{tool.name} -version does not work: {error}") from None
    match = re.search(r"(?i)vivado v\.?(\d{4}\.\d)", done.stdout + done.stderr)
    version = match[1] if match else ""
    if version and version < OLDEST:
        raise UserError(f"{tool} is Vivado {version}: {OLDEST} or later is needed")
    return version


def run_script(
    folder: Path,
    script: str,
    arguments: Sequence[str] = (),
    *,
    log: Path,
    timeout_s: float | None = None,
    progress: Progress | None = None,
) -> ToolRun:
    """Run ``vivado/SCRIPT`` of an emitted folder in batch mode."""
    where = _folder_of(folder, "vivado", script)
    words = [*BATCH, script]
    if arguments:
        words += ["-tclargs", *arguments]
    tool = find_tool("vivado")
    return run_tool([str(tool), *words], where, log, timeout_s=timeout_s, progress=progress)


def synthesize(
    folder: Path,
    *,
    part: str | None = None,
    timeout_s: float | None = None,
    progress: Progress | None = None,
) -> ToolRun:
    """Run ``vivado/build.tcl`` of an emitted folder in batch mode; reports in ``vivado/reports``.

    ``part`` replaces the part of the design. Log: ``vivado/reports/vivado.log``.
    """
    arguments = [] if part is None else ["--part", validate_part(part)]
    log = _folder_of(folder, "vivado", "build.tcl") / "reports" / "vivado.log"
    return run_script(
        folder, "build.tcl", arguments, log=log, timeout_s=timeout_s, progress=progress
    )


def run_hls(
    folder: Path,
    stage: Stage = "csim",
    *,
    tool: HlsTool | None = None,
    timeout_s: float | None = None,
    progress: Progress | None = None,
) -> ToolRun:
    """Run a stage of C simulation, synthesis, export; log: ``hls/vitis_hls.STAGE.log``.

    ``tool``: ``vitis_hls`` or ``vitis-run`` run ``run_hls.tcl``; ``v++`` stands for the commands of
    the unified Vitis with ``hls_config.cfg`` (log: that of the last). None takes the first of them
    that is on PATH. ``timeout_s`` holds for each command.
    """
    where = _folder_of(folder, "hls", "run_hls.tcl")
    if re.search(r"\s", str(where)):
        raise UserError(f"Vitis HLS can't work in a path with a blank: move {where.parent}")
    found = find_tool(*([tool] if tool else ["vitis_hls", "vitis-run", "v++"]))
    log = where / f"vitis_hls.{stage}.log"
    run: ToolRun | None = None
    for command in _hls_commands(found, stage):
        run = run_tool(
            command,
            where,
            log,
            timeout_s=timeout_s,
            env={"LENETGEN_HLS_STAGE": stage},
            progress=progress,
        )
    assert run is not None
    return run


def _hls_commands(tool: Path, stage: Stage) -> list[list[str]]:
    """What to start for a stage (UG1399, UG1702)."""
    if tool.stem == "vitis_hls":
        return [[str(tool), "-f", "run_hls.tcl", "-tclargs", stage]]
    if tool.stem == "vitis-run":
        return [[str(tool), "--mode", "hls", "--tcl", "run_hls.tcl"]]
    words = ["--config", "hls_config.cfg", "--work_dir", WORK]
    steps = {
        "csim": ["csim"],
        "csynth": ["csynth"],
        "export": ["csynth", "package"],
        "all": ["csim", "csynth", "package"],
    }[stage]
    runner = "" if steps == ["csynth"] else str(find_tool("vitis-run"))
    return [
        [str(tool), "-c", "--mode", "hls", *words]
        if step == "csynth"
        else [runner, "--mode", "hls", f"--{step}", *words]
        for step in steps
    ]


def _folder_of(folder: Path, name: str, script: str) -> Path:
    if not (folder / name / script).is_file():
        raise UserError(f"{folder} has no {name}/{script}; expected: a folder that emit wrote")
    return folder.resolve() / name
