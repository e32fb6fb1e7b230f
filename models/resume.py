"""The state of an unfinished training, kept beside the model it will write.

Input: what decides the training's result, its variables and what it has reached; output:
``OUT.keras.resume.npz``, replaced after every epoch and removed at the end. It holds plain arrays
and one JSON text, and is read without pickle. A training that goes on from it ends with the bytes
it would have had.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import __version__
from ..codegen.errors import UserError
from .archive import write_model
from .datasets import Dataset
from .history import Epoch
from .recipe import Recipe

FORMAT = 1
Array = npt.NDArray[Any]
Fact = str | int | float | bool | None


@dataclass
class Reached:
    """What a training has reached: the epochs done, the best of them, the weights it had."""

    history: list[Epoch] = field(default_factory=list)
    best: Epoch | None = None
    weights: list[Array] = field(default_factory=list)


class StateFile:
    """The state beside ``out``. ``facts``: by name, all that decides the training's result."""

    def __init__(self, out: Path, facts: Mapping[str, Fact], *, resume: bool) -> None:
        self.path = state_path(out)
        self._facts = {"format": FORMAT, **facts}
        self._resume = resume

    def load(self, variables: Sequence[Any], weights: Sequence[Any]) -> Reached:
        """Set ``variables`` to the state and return what was reached; nothing if there is none.

        ``weights``: arrays of the shapes the best weights have. ``UserError`` for a damaged file
        and for one of another training, with what differs.
        """
        if not self._resume or not self.path.exists():
            return Reached()
        try:
            header, arrays = _read(self.path)
            self._compare(header["facts"])
            history = [Epoch(**row) for row in header["history"]]
            best = history[header["best"] - 1] if header["best"] else None
            values = _matching(arrays, "variable", [each.numpy() for each in variables])
            kept = _matching(arrays, "best", weights if best else [])
        except UserError:
            raise
        except (
            *(OSError, EOFError, MemoryError, OverflowError, SyntaxError),
            *(ValueError, TypeError, LookupError, AttributeError, NotImplementedError),
            *(zipfile.BadZipFile, RuntimeError),
        ) as error:  # numpy, zipfile and json have an error each for every kind of damage
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise UserError(
                f"{self.path}: can't be read ({reason}); without --resume the training begins anew"
            ) from None
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        return Reached(history, best, kept)

    def save(self, variables: Sequence[Any], reached: Reached) -> None:
        """Write the state after an epoch; the one before is replaced, or stays as it was."""
        header = {
            "facts": self._facts,
            "history": [asdict(epoch) for epoch in reached.history],
            "best": reached.best.number if reached.best else 0,
        }
        arrays = {f"variable{i}": each.numpy() for i, each in enumerate(variables)}
        arrays |= {f"best{i}": each for i, each in enumerate(reached.weights)}
        with replacing(self.path) as place, place.open("wb") as file:
            np.savez(file, allow_pickle=False, header=np.array(json.dumps(header)), **arrays)

    def remove(self) -> None:
        """Take the file away: the training has ended."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)

    def _compare(self, found: Mapping[str, Fact]) -> None:
        differing = [
            f"{name} ({found.get(name, '-')} there, {self._facts.get(name, '-')} here)"
            for name in dict.fromkeys([*self._facts, *found])
            if found.get(name) != self._facts.get(name)
        ]
        if differing:
            raise UserError(
                f"{self.path}: the state of another training, which differs in "
                f"{', '.join(differing[:3])}{', ...' if differing[3:] else ''}; without --resume "
                "this one begins anew and replaces it"
            )


def state_path(out: Path) -> Path:
    """``runs/base.keras`` -> ``runs/base.keras.resume.npz``."""
    return out.with_name(out.name + ".resume.npz")


def training_facts(
    command: str, model: Any, data: Dataset, recipe: Recipe, threads: int
) -> dict[str, Fact]:
    """What decides the result of every training: the untrained model, data, recipe, programs."""
    import tensorflow as tf

    pixels = hashlib.sha256(data.images.tobytes())
    if data.labels is not None:
        pixels.update(data.labels.tobytes())
    return {
        "command": command,
        "model": model_digest(model),
        "dataset": data.name,
        "images": pixels.hexdigest()[:16],
        **asdict(recipe),
        "threads": threads,
        "lenetgen": __version__,
        "tensorflow": tf.__version__,
        "numpy": np.__version__,
    }


def model_digest(model: Any) -> str:
    """Sixteen digits of the SHA-256 of the file the model would be, so of layers and weights."""
    with tempfile.TemporaryDirectory(prefix="lenetgen-") as folder:
        path = Path(folder) / "model.keras"
        write_model(model, path)
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file beside ``path`` to write to, which becomes ``path`` if the block ends well.

    ``UserError`` if it can't be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".write-") as folder:
            place = Path(folder) / path.name
            yield place
            os.replace(place, path)
    except OSError as error:
        raise UserError(f"{path}: can't be written ({error.strerror or error})") from None


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Array]]:
    """The JSON text and the arrays; zip's checksums are compared first."""
    with zipfile.ZipFile(path) as archive:
        if bad := archive.testzip():
            raise ValueError(f"checksum of {bad}")
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    header = json.loads(str(arrays.pop("header")))
    return header, arrays


def _matching(arrays: dict[str, Array], kind: str, like: Sequence[Array]) -> list[Array]:
    """The arrays ``kind0``, ``kind1``, ..., which have the shapes and types of ``like``."""
    found = [arrays[f"{kind}{i}"] for i in range(len(like))]
    for value, wanted in zip(found, like, strict=True):
        if (value.shape, value.dtype) != (wanted.shape, wanted.dtype):
            raise ValueError(f"an array {value.shape} where {wanted.shape} belongs")
    return found
