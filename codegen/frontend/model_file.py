"""Look at a model file before Keras does: is it one, is it whole, is it of a bearable size.

Input: a path; output: the model's configuration as Keras stores it (parsed JSON) and the number of
weights in the file, after checks that run none of the file's content. Whatever is wrong raises
``UserError`` in one line.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import UserError
from .archive import CONFIG, METADATA, WEIGHTS, read_archive
from .hdf5_file import inspect
from .limits import MAX_CONFIG, MAX_DEPTH, MAX_FILE, mebibytes

_ZIP = b"PK\x03\x04"
_HDF5 = b"\x89HDF\r\n\x1a\n"
_MODEL = "model_config"  # attributes of an .h5 file, and the latter of an archive's metadata
_VERSION = "keras_version"


@dataclass(frozen=True)
class ModelFile:
    """What a sound file says about itself."""

    config: dict[str, Any]
    values: int  # numbers in its arrays: no layer can have more parameters
    keras: str  # the version of Keras that wrote it, empty if it does not say


def read_model_file(path: Path) -> ModelFile:
    """Return the configuration of a ``.keras`` or ``.h5`` file once the file proved whole.

    ``UserError`` without the path.
    """
    start = _first_bytes(path)
    hdf5_name = path.suffix in (".h5", ".hdf5")
    if path.suffix != ".keras" and not hdf5_name:
        raise UserError("the name must end in .keras, .h5 or .hdf5")
    if start.startswith(_ZIP):
        if hdf5_name:
            raise UserError("is a Keras 3 archive; rename it to end in .keras")
        members = read_archive(path)
        weights = members[WEIGHTS]
        try:
            facts = inspect(io.BytesIO(weights), len(weights))
        except UserError as error:
            raise UserError(f"{WEIGHTS}: {error}") from None
        text, version = members[CONFIG], _version(members.get(METADATA, b""))
    elif start == _HDF5:
        if not hdf5_name:
            raise UserError("is an HDF5 file; rename it to end in .h5")
        facts = inspect(path, path.stat().st_size, (_MODEL, _VERSION))
        if _MODEL not in facts.texts:
            raise UserError("holds weights only; save the whole model (model.save)")
        text = facts.texts[_MODEL]
        version = facts.texts.get(_VERSION, b"").decode(errors="replace")
    else:
        raise UserError("neither a Keras archive nor an HDF5 file")
    return ModelFile(parse_config(text), facts.values, version)


def parse_config(text: bytes) -> dict[str, Any]:
    """Parse a model's configuration of limited size and depth; ``UserError`` if it is none."""
    if len(text) > MAX_CONFIG:
        raise UserError(f"{CONFIG} is larger than {mebibytes(MAX_CONFIG)}")
    if _too_deep(text):
        raise UserError(f"the model's configuration is nested deeper than {MAX_DEPTH} levels")
    try:
        config = json.loads(
            text.decode("utf-8")
        )  # bytes could be UTF-16, which _too_deep can't read
    except (ValueError, RecursionError):
        raise UserError("the model's configuration is not valid JSON") from None
    if not isinstance(config, dict):
        raise UserError("the model's configuration is not a Keras model")
    return config


def _version(metadata: bytes) -> str:
    """Return the version of Keras that wrote an archive, empty if the metadata do not say."""
    try:
        return str(parse_config(metadata).get(_VERSION, ""))
    except UserError:  # not needed for anything but a better message
        return ""


def _too_deep(text: bytes) -> bool:
    """Tell whether brackets outside of strings nest deeper than any model's, before parsing."""
    depth, inside, escaped = 0, False, False
    for byte in text:
        if inside:
            if escaped:
                escaped = False
            elif byte == 0x5C:  # backslash
                escaped = True
            elif byte == 0x22:  # quote
                inside = False
        elif byte == 0x22:
            inside = True
        elif byte in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif byte in b"]}":
            depth -= 1
    return False


def _first_bytes(path: Path) -> bytes:
    """Return the first eight bytes of a file that exists, can be read and is not too large."""
    try:
        if path.is_dir():
            raise UserError("is a folder; expected a .keras or .h5 file")
        if not path.exists():
            raise UserError("no such file")
        if not path.is_file():
            raise UserError("is no plain file; expected a .keras or .h5 file")
        if path.stat().st_size > MAX_FILE:
            raise UserError(f"larger than {mebibytes(MAX_FILE)}")
        with path.open("rb") as file:
            return file.read(8)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        text = getattr(error, "strerror", None) or error
        raise UserError(f"can't be read ({text})") from None
