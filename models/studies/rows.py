"""What a study is made of: rows with everything that decides them, in chains that build on them.

A row computes one result (plain JSON values) and may leave files for later rows of its chain.
Chains know nothing of each other, so they may run side by side.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

from ...codegen.errors import UserError
from ...codegen.render import to_json
from ..resume import replacing

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")
Result = dict[str, Any]


@dataclass(frozen=True)
class Options:
    """What a user may set: ``seeds`` of the chains, ``full`` for the long version of a study.

    ``data``: folder of the data sets; ``synth``: measure resources with Yosys too (minutes a row);
    ``threads``: of a chain, TensorFlow's and BLAS'.
    """

    seeds: tuple[int, ...]
    data: str | None = None
    full: bool = False
    synth: bool = False
    threads: int = 1


@dataclass(frozen=True)
class Place:
    """Where a row works.

    ``files``: the chain's folder for models; ``results``: of the chain's earlier rows, by name;
    ``told``: called with the part done, 0..1, now and then.
    """

    files: Path
    options: Options
    results: Mapping[str, Result]
    told: Callable[[float], None] = lambda part: None

    @property
    def data(self) -> Path | None:
        """The folder of the data sets, if one was named."""
        return None if self.options.data is None else Path(self.options.data)


@dataclass(frozen=True)
class Row:
    """One result: ``settings`` (plain values) decide it, ``work`` computes it.

    ``files``: what ``work`` leaves in ``Place.files``; ``needs``: the earlier rows of the chain
    whose files or results it uses, None for all. A result on disk is kept as long as its settings
    are these, its files exist and no row that it needs had to run.
    """

    name: str
    settings: Mapping[str, Any]
    work: Callable[[Place], Result]
    files: tuple[str, ...] = ()
    needs: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"row name {self.name!r}")


@dataclass(frozen=True)
class Chain:
    """Rows that run in this order; ``name`` is unique in its study."""

    name: str
    rows: tuple[Row, ...]

    def __post_init__(self) -> None:
        names = [row.name for row in self.rows]
        if not _NAME.fullmatch(self.name) or len(set(names)) < len(names):
            raise ValueError(f"chain {self.name!r}: {names}")
        for place, row in enumerate(self.rows):
            if not set(row.needs or ()) <= set(names[:place]):
                raise ValueError(f"{self.name}, {row.name}: needs {row.needs} before it")


@dataclass(frozen=True)
class Study:
    """A named study.

    ``chains``: its rows for these options; ``report``: takes the content of ``study.json``, writes
    figures into the folder it is given and returns lines of Markdown that name them relatively;
    ``seeds``: those of a run that names none; ``datasets``: what it reads.
    """

    name: str
    help: str
    chains: Callable[[Options], list[Chain]]
    report: Callable[[dict[str, Any], Path], list[str]]
    seeds: tuple[int, ...] = (1, 2, 3, 4, 5)
    datasets: tuple[str, ...] = ("mnist",)


def unusual(settings: Any) -> dict[str, Any]:
    """The fields of a dataclass that aren't as its defaults, for ``Row.settings``."""
    return {
        each.name: getattr(settings, each.name)
        for each in fields(settings)
        if each.default is MISSING or getattr(settings, each.name) != each.default
    }


@dataclass
class Store:
    """Finished rows under a folder: ``rows/CHAIN/ROW.json`` and ``files/CHAIN/``."""

    folder: Path
    results: dict[str, Result] = field(default_factory=dict)

    def row_file(self, chain: str, row: str) -> Path:
        """Where the result of a row is kept."""
        return self.folder / "rows" / chain / f"{row}.json"

    def files(self, chain: str) -> Path:
        """The folder of a chain's models."""
        return self.folder / "files" / chain

    def read(self, chain: str, row: Row) -> dict[str, Any] | None:
        """The stored row (settings, result, seconds) if it still counts, else None."""
        path = self.row_file(chain, row.name)
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: not a row of a study ({error}); delete it") from None
        whole = isinstance(found, dict) and {"settings", "result", "seconds"} <= found.keys()
        if not whole or found["settings"] != json.loads(to_json(row.settings)):
            return None
        if any(not (self.files(chain) / name).is_file() for name in row.files):
            return None
        return dict(found)

    def write(self, chain: str, row: Row, result: Result, seconds: float) -> None:
        """Keep a row's result; all or nothing."""
        content = {"settings": dict(row.settings), "result": result, "seconds": round(seconds, 1)}
        write_whole(self.row_file(chain, row.name), to_json(content))


def write_whole(path: Path, text: str) -> None:
    """Write ``text`` beside ``path`` and move it there; ``UserError`` if that can't be done."""
    with replacing(path) as place:
        place.write_text(text, encoding="utf-8")
