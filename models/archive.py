"""Writing a Keras 3 ``.keras`` archive so that the same weights give the same bytes.

Input: a model; output: a file, written beside its place and then moved there. Keras' own writer
stores the time of saving in the archive's entries and in ``metadata.json``, and memory addresses as
``shared_object_id`` in ``config.json``.
"""

from __future__ import annotations

import json
import os
import tempfile
import warnings
import zipfile
from pathlib import Path
from typing import Any

from ..codegen.errors import UserError

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip entry can have


def write_model(model: Any, out: Path) -> None:
    """Save ``model`` (weights and layers, no optimizer) to ``out``; all or nothing.

    ``UserError`` if the folder can't be written.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".write-") as folder:
            raw, fixed = Path(folder) / "raw.keras", Path(folder) / "fixed.keras"
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # Keras 3.15 on numpy 2
                model.save(raw, include_optimizer=False)
            normalize(raw, fixed)
            os.replace(fixed, out)
    except OSError as error:
        raise UserError(f"{out}: can't be written ({error.strerror or error})") from None


def normalize(source: Path, target: Path) -> None:
    """Copy an archive with sorted entries, without times, shared objects numbered from 1."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in sorted(old.namelist()):
            content = old.read(name)
            if name == "metadata.json":
                metadata = json.loads(content)
                metadata["date_saved"] = "1980-01-01@00:00:00"
                content = json.dumps(metadata).encode()
            elif name == "config.json":
                config = json.loads(content)
                _number_shared_objects(config, {})
                content = json.dumps(config).encode()
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o644 << 16
            new.writestr(entry, content)


def _number_shared_objects(value: Any, numbers: dict[int, int]) -> None:
    """Replace every ``shared_object_id`` by the order of its first appearance."""
    if isinstance(value, dict):
        if "shared_object_id" in value:
            address = value["shared_object_id"]
            value["shared_object_id"] = numbers.setdefault(address, len(numbers) + 1)
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            _number_shared_objects(item, numbers)
