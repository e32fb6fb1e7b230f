"""Checks a Vivado or Vitis HLS script without the tool: it runs in ``tclsh`` against stand-ins.

Input: a script in an emitted folder and its arguments. Output: what it called. The stand-ins
(``vivado/tcl/``) know the documented syntax of each command used, keep state and look at the files
named; whatever they don't know fails. Nothing is written to the emitted folder. That a script
passes says that it is well formed, not that the tool likes the design.
"""

from __future__ import annotations

import importlib.resources
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..codegen.boards import BOARDS
from ..codegen.emit_vivado import STEPS
from ..codegen.errors import UserError

Tool = Literal["vivado", "vitis_hls"]


class TclCheckError(Exception):
    """The tool would not accept the script: ``script``, ``line`` (0: not known), ``message``."""

    def __init__(self, script: Path, line: int, message: str) -> None:
        super().__init__(f"{script.name}:{line}: {message}")
        self.script = script
        self.line = line
        self.message = message


@dataclass(frozen=True)
class World:
    """What the stand-ins pretend is installed.

    ``boards``: board part -> part, None for the board files of all boards; ``missing``: names of
    IPs that the catalog lacks.
    """

    version: str = "2022.2"
    boards: tuple[tuple[str, str], ...] | None = ()
    missing: tuple[str, ...] = ()

    def tcl(self) -> str:
        """As a Tcl dictionary."""
        boards = self.boards
        if boards is None:
            boards = tuple(
                (board.board_parts[0].replace("*", "1.0"), board.part) for board in BOARDS.values()
            )
        pairs = " ".join(f"{{{name}}} {{{part}}}" for name, part in boards)
        return f"version {{{self.version}}} boards {{{pairs}}} missing {{{' '.join(self.missing)}}}"


@dataclass(frozen=True)
class TclCall:
    """One call of a tool command: its name, its words after substitution, its line."""

    name: str
    args: tuple[str, ...]
    line: int


@dataclass(frozen=True)
class TclTrace:
    """What a script that passed the check did."""

    calls: tuple[TclCall, ...]  # tool commands in order
    written: tuple[Path, ...]  # reports, checkpoints and projects it would have written
    state: dict[str, str]  # project, part, top, sim_top, period: those that were set
    output: str  # what it printed

    def named(self, name: str) -> tuple[TclCall, ...]:
        """Return the calls of one command."""
        return tuple(call for call in self.calls if call.name == name)


def check_script(
    script: Path | Sequence[Path],
    tool: Tool,
    args: Sequence[str] = (),
    *,
    root: Path | None = None,
    cwd: Path | None = None,
    world: World | None = None,
    timeout_s: float = 120.0,
) -> TclTrace:
    """Run ``script`` against the stand-ins of ``tool``; return its calls.

    Several scripts run one after another, each in a tool of its own that finds on disk what those
    before it left. ``args`` become the scripts' ``argv``. ``root`` is the emitted folder, outside
    of which they may not write (default: the parent of the script's folder); ``cwd`` is the folder
    the tool is started in (default: a fresh empty one). Raises ``TclCheckError`` for a script that
    the tool would not accept, ``UserError`` if ``tclsh`` or a script is missing.
    """
    tclsh = shutil.which("tclsh")
    if tclsh is None:
        raise UserError("tclsh is not on PATH; the script check needs Tcl 8.6 (package tcl)")
    scripts = [path.resolve() for path in ([script] if isinstance(script, Path) else script)]
    for path in scripts:
        if not path.is_file():
            raise UserError(f"no script {path}; allowed: a .tcl file of an emitted folder")
    resources = importlib.resources.files("lenetgen") / "vivado" / "tcl"
    with (
        importlib.resources.as_file(resources) as home,
        tempfile.TemporaryDirectory(prefix="lenetgen-tcl-") as scratch,
    ):
        result = Path(scratch) / "result.json"
        start = Path(scratch) / "start"
        start.mkdir()
        names = " ".join(tcl_word(str(path)) for path in scripts)
        command = [tclsh, str(home / "check.tcl"), tool, names, str(result)]
        command += [str(root.resolve() if root else scripts[0].parent.parent)]
        command += [(world or World()).tcl(), *args]
        done = subprocess.run(
            command,
            cwd=cwd or start,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        if not result.is_file():
            raise RuntimeError(f"the script check broke: {done.stdout}{done.stderr}")
        answer = json.loads(result.read_text(encoding="utf-8"))
    if not answer["ok"]:
        raise TclCheckError(Path(answer["script"]), answer["line"], answer["message"])
    return TclTrace(
        calls=tuple(TclCall(c["name"], tuple(c["args"]), c["line"]) for c in answer["calls"]),
        written=tuple(Path(path) for path in answer["written"]),
        state=answer["state"],
        output=done.stdout,
    )


def tcl_word(text: str) -> str:
    """``text`` as one element of a Tcl list."""
    return re.sub(r"([\s{}\[\]$\"\\;])", r"\\\1", text)


# Keys of a configuration file of v++ and vitis-run (UG1399, HLS Config File Commands) by section;
# True where the value is a file or folder beside it.
_CONFIG_KEYS = {
    "": {"part": False},
    "hls": {
        "flow_target": False,
        "clock": False,
        "clock_uncertainty": False,
        "syn.top": False,
        "syn.file": True,
        "syn.cflags": False,
        "syn.csimflags": False,
        "tb.file": True,
        "tb.cflags": False,
        "csim.argv": False,
        "package.output.format": False,
        "package.ip.vendor": False,
        "package.ip.library": False,
        "package.ip.version": False,
    },
}


def check_hls_config(path: Path) -> dict[str, list[str]]:
    """Check ``hls_config.cfg``: its keys, and that its files exist; return the values by key.

    Raises ``TclCheckError`` as for a script.
    """
    section = ""
    values: dict[str, list[str]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if text.startswith("["):
            section = text.strip("[]")
            if section not in _CONFIG_KEYS:
                raise TclCheckError(path, number, f"there is no section {text}")
            continue
        key, _, value = text.partition("=")
        if key not in _CONFIG_KEYS[section] or not value:
            raise TclCheckError(path, number, f"section [{section}] has no '{text}'")
        if _CONFIG_KEYS[section][key] and not (path.parent / value).exists():
            raise TclCheckError(path, number, f"{key}: there is no file {value}")
        values.setdefault(key, []).append(value)
    for key in ("part", "clock", "syn.top", "syn.file", "tb.file", "flow_target"):
        if key not in values:
            raise TclCheckError(path, 0, f"{key} is missing")
    return values


def check_folder(folder: Path, world: World | None = None) -> dict[str, TclTrace]:
    """Check every script of an emitted folder; return the traces by script name.

    ``run_hls.tcl`` is checked with all of its stages, the steps of a board project one after
    another (under the name of the last). Raises as ``check_script`` does.
    """
    names = ["vivado/create_project.tcl", "vivado/build.tcl"]
    names += ["vivado/package_ip.tcl"] * (folder / "vivado/package_ip.tcl").is_file()
    traces = {name: check_script(folder / name, "vivado", world=world) for name in names}
    steps = [folder / "vivado" / f"{step}.tcl" for step in STEPS]
    if steps[0].is_file():
        traces[f"vivado/{STEPS[-1]}.tcl"] = check_script(steps, "vivado", world=world)
    check_hls_config(folder / "hls/hls_config.cfg")
    traces["hls/run_hls.tcl"] = check_script(folder / "hls/run_hls.tcl", "vitis_hls", ["all"])
    return traces
