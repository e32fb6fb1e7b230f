"""What a training writes: the model, its epochs and, until the end, its state.

Input: file names as the user gave them, refused before the work if they can't be used; output: all
files at the end together, or none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..codegen.errors import UserError
from .archive import write_model
from .history import Epoch, check_history, history_text
from .resume import Fact, StateFile, replacing, state_path


@dataclass(frozen=True)
class Session:
    """The files of one training. ``UserError`` for names that can't or may not be written."""

    out: Path
    overwrite: bool = False
    resume: bool = False  # go on from the state beside ``out`` if there is one
    history_file: Path | None = None  # .csv or .json

    def __post_init__(self) -> None:
        check_output(self.out, overwrite=self.overwrite)
        if self.history_file is not None:
            check_history(self.history_file, overwrite=self.overwrite)

    def state(self, facts: Mapping[str, Fact]) -> StateFile:
        """The state of a training that ``facts`` decide."""
        return StateFile(self.out, facts, resume=self.resume)

    def finish(self, model: Any, history: Sequence[Epoch]) -> None:
        """Write the model and the history, and remove the state."""
        with ExitStack() as stack:
            if self.history_file is not None:
                place = stack.enter_context(replacing(self.history_file))
                place.write_text(history_text(history, self.history_file.suffix), encoding="utf-8")
            write_model(model, self.out)
        state_path(self.out).unlink(missing_ok=True)


def check_output(out: Path, *, overwrite: bool) -> None:
    """Raise ``UserError`` unless ``out`` is a ``.keras`` name that may be written."""
    if out.suffix != ".keras":
        raise UserError(f"{out}: the output must be a .keras file")
    if out.is_dir():
        raise UserError(f"{out}: is a folder; name a .keras file")
    if out.exists() and not overwrite:
        raise UserError(f"{out}: exists; give --force to replace it")
