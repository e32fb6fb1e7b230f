"""The stages of a build and what their reports say, as one document.

Input: an emitted folder with its board project. Output: runs with logs in ``vivado/logs`` and a
document of plain data. The names of stages are those of ``lenetgen vivado --stage``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..codegen.emit_vivado import STEPS
from ..codegen.errors import UserError
from . import hls_report, reports
from .run import HlsTool, Stage, ToolRun, find_tool, run_hls, run_script, synthesize, vivado_version

BOARD_STAGES = tuple(step[3:] for step in STEPS)  # project, block_design, synth, ...
HLS_STAGES: dict[str, Stage] = {"hls-csim": "csim", "hls-csynth": "csynth", "hls-export": "export"}
ALL_STAGES = (*BOARD_STAGES, "core", *HLS_STAGES)
LOGS = "vivado/logs"
Progress = Callable[[str, str], None]  # stage, what it is doing


def default_stages(folder: Path) -> tuple[str, ...]:
    """What to run if nothing is said: the board project, or the core alone where there is none."""
    return BOARD_STAGES if has_board(folder) else ("core",)


def has_board(folder: Path) -> bool:
    """Whether the folder was emitted for a board."""
    return (folder / "vivado" / f"{STEPS[0]}.tcl").is_file()


def run_stages(
    folder: Path,
    stages: Sequence[str],
    *,
    jobs: int = 2,
    board_files: bool = True,
    hls_tool: HlsTool | None = None,
    timeout_s: float | None = None,
    progress: Progress | None = None,
) -> list[tuple[str, ToolRun]]:
    """Run ``stages`` in the order given; ``timeout_s`` holds for each of them.

    ``UserError`` with the stage, the reason and the log if one fails; those after it don't run.
    """
    board = [stage for stage in stages if stage in BOARD_STAGES]
    if board and not has_board(folder):
        raise UserError(
            f"{folder} has no board project, which stage {board[0]} needs: emit with --board"
        )
    if board or "core" in stages:
        vivado_version(find_tool("vivado"))
    done: list[tuple[str, ToolRun]] = []
    for stage in stages:
        tell = None if progress is None else _named(progress, stage)
        if tell is not None:
            tell("started")
        try:
            if stage in BOARD_STAGES:
                step = STEPS[BOARD_STAGES.index(stage)]
                words = ["--jobs", str(jobs), *([] if board_files else ["--no-board-files"])]
                log = folder.resolve() / LOGS / f"{step}.log"
                run = run_script(
                    folder, f"{step}.tcl", words, log=log, timeout_s=timeout_s, progress=tell
                )
            elif stage == "core":
                run = synthesize(folder, timeout_s=timeout_s, progress=tell)
            else:
                run = run_hls(
                    folder, HLS_STAGES[stage], tool=hls_tool, timeout_s=timeout_s, progress=tell
                )
        except UserError as error:
            raise UserError(f"{stage}: {error}") from error
        done.append((stage, run))
    return done


def _named(progress: Progress, stage: str) -> Callable[[str], None]:
    return lambda line: progress(stage, line)


def document(folder: Path, top: str) -> dict[str, Any]:
    """All that the reports in an emitted folder say, whenever they were written.

    Keys, where there is something: ``core`` (out of context), ``synth``, ``impl``, ``hls``,
    ``outputs`` (files for the board), ``timing_met`` (of ``impl``; None before it).
    """
    where = folder / "vivado" / "reports"
    found: dict[str, Any] = {
        name: data
        for name, place in (("core", where), ("synth", where / "synth"), ("impl", where / "impl"))
        if (data := reports.read_folder(place))
    }
    csynth = hls_report.find(folder, top)
    if csynth is not None:
        found["hls"] = asdict(csynth)
    output = folder / "vivado" / "output"
    found["outputs"] = sorted(
        f"vivado/output/{path.name}" for path in output.glob("*") if path.is_file()
    )
    timing = found.get("impl", {}).get("timing")
    found["timing_met"] = None if timing is None else timing["met"]
    return found


def notes(runs: Sequence[tuple[str, ToolRun]]) -> list[str]:
    """What the scripts had to say beside their success: which board files they used."""
    found = []
    for _, run in runs:
        for line in run.log.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("LENETGEN: ") and "board files" in line:
                found.append(line.removeprefix("LENETGEN: "))
    return found
