"""Look at a model file before Keras does: is it one, is it whole, is it built of known layers.

Input: a path; output: the model's configuration as Keras stores it (parsed JSON), after checks that
run none of the file's content. Whatever is wrong raises ``UserError`` in one line.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

from ..errors import UserError

_ZIP = b"PK\x03\x04"
_HDF5 = b"\x89HDF\r\n\x1a\n"
_MAX_CONFIG = 16 << 20  # bytes of config.json
_MAX_FILE = 1 << 30  # bytes of weights; a thousand times what fits the device
_MODELS = ("Sequential", "Functional", "Model")  # Model: a functional model of old .h5 files


def read_config(path: Path) -> dict[str, Any]:
    """Return the configuration of a ``.keras`` or ``.h5`` file once the file proved whole."""
    if path.is_dir():
        raise UserError(f"{path}: is a folder; expected a .keras or .h5 file")
    if not path.exists():
        raise UserError(f"{path}: no such file")
    try:
        if path.stat().st_size > _MAX_FILE:
            raise UserError(f"{path}: larger than {_MAX_FILE >> 20} MiB")
        with path.open("rb") as file:
            start = file.read(8)
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror or error})") from None
    hdf5_name = path.suffix in (".h5", ".hdf5")
    if path.suffix != ".keras" and not hdf5_name:
        raise UserError(f"{path}: the name must end in .keras, .h5 or .hdf5")
    if start.startswith(_ZIP):
        if hdf5_name:
            raise UserError(f"{path}: is a Keras 3 archive; rename it to end in .keras")
        text = _from_archive(path)
    elif start == _HDF5:
        if not hdf5_name:
            raise UserError(f"{path}: is an HDF5 file; rename it to end in .h5")
        text = _from_hdf5(path)
    else:
        raise UserError(f"{path}: neither a Keras archive nor an HDF5 file")
    try:
        config = json.loads(text)
    except (ValueError, RecursionError):
        raise UserError(f"{path}: the model's configuration is not valid JSON") from None
    if not isinstance(config, dict):
        raise UserError(f"{path}: the model's configuration is not a Keras model")
    return config


def _from_archive(path: Path) -> bytes:
    """Return config.json of a zip archive whose parts have the right checksums."""
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = {info.filename: info.file_size for info in archive.infolist()}
            for name in ("config.json", "model.weights.h5"):
                if name not in sizes:
                    raise UserError(f"{path}: a zip file without {name}, so no Keras model")
            if sizes["config.json"] > _MAX_CONFIG or sum(sizes.values()) > _MAX_FILE:
                raise UserError(f"{path}: unpacks to more than {_MAX_FILE >> 20} MiB")
            if damaged := archive.testzip():
                raise UserError(f"{path}: damaged archive ({damaged} has a wrong checksum)")
            return archive.read("config.json")
    except (zipfile.BadZipFile, OSError, EOFError, zlib.error, NotImplementedError) as error:
        raise UserError(f"{path}: truncated or damaged Keras archive ({error})") from None


def _from_hdf5(path: Path) -> bytes:
    """Return the attribute ``model_config`` of an HDF5 file."""
    import h5py

    try:
        with h5py.File(path, "r") as file:
            text = file.attrs.get("model_config")
    except (OSError, RuntimeError) as error:
        raise UserError(f"{path}: truncated or damaged HDF5 file ({error})") from None
    if text is None:
        raise UserError(f"{path}: holds weights only; save the whole model (model.save)")
    return text if isinstance(text, bytes) else str(text).encode()


def check_config(config: dict[str, Any], supported: Collection[str]) -> None:
    """Refuse any model, layer or function that is not Keras' own and supported.

    Runs before Keras builds anything, so that no foreign code named in a file is imported.
    """
    kind = config.get("class_name")
    if kind not in _MODELS:
        raise UserError(f"model class {kind!r} is not supported; use Sequential or Functional")
    inner = config.get("config")
    # Keras 2 before 2.2 stored a Sequential as the bare list of its layers.
    layers = inner.get("layers") if isinstance(inner, dict) else inner
    if not isinstance(layers, list):
        raise UserError("the configuration lists no layers")
    for layer in layers:
        if not isinstance(layer, dict):
            raise UserError("the configuration lists something that is no layer")
        if layer.get("class_name") in _MODELS:
            check_config(layer, supported)
            continue
        settings = layer.get("config")
        name = settings.get("name") if isinstance(settings, dict) else None
        _check_layer(layer, f"layer {str(name or layer.get('name'))!r}", supported)


def _check_layer(layer: dict[str, Any], label: str, supported: Collection[str]) -> None:
    kind = str(layer.get("class_name"))
    if kind not in supported or not _is_keras(layer):
        known = ", ".join(sorted(supported))
        raise UserError(f"{label} ({_class_text(layer)}) is not supported; supported are {known}")
    for value in _objects(layer.get("config")):
        if value["class_name"] in ("function", "__lambda__") or not _is_keras(value):
            raise UserError(
                f"{label} ({kind}): the file's own {_class_text(value)} is not supported; "
                "supported are the functions and classes of Keras"
            )


def _objects(value: Any) -> list[dict[str, Any]]:
    """Return all serialized objects inside ``value``."""
    found = []
    if isinstance(value, dict):
        if "class_name" in value:
            found.append(value)
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            found += _objects(item)
    return found


def _is_keras(value: dict[str, Any]) -> bool:
    module = value.get("module") or "keras"
    foreign = ">" in str(value.get("registered_name") or "")
    return str(module).split(".")[0] == "keras" and not foreign


def _class_text(value: dict[str, Any]) -> str:
    """Return the class' name, with its module if that is not Keras."""
    kind = value.get("class_name")
    kind = kind if isinstance(kind, str) and kind.isidentifier() else repr(kind)
    return kind if _is_keras(value) else f"{kind} of {str(value.get('module'))!r}"
