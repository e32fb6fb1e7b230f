"""Seeded damage to model files: bits, bytes, zip directories, configurations, arrays, names."""

from __future__ import annotations

import copy
import io
import json
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

CONFIG, WEIGHTS = "config.json", "model.weights.h5"

# What may stand in a damaged configuration instead of a value.
VALUES: tuple[Any, ...] = (
    *(None, True, False, "", "x", "relu", "same", [], {}, [[]], [None], {"a": 1}),
    *(0, 1, -1, 2, 3, 7, 1 << 31, 1 << 62, 1 << 64, 10**9, 10**30, -(10**9)),
    *(0.0, -0.5, 1e-300, 1e300, float("nan"), float("inf"), float("-inf")),
    *([3], [3, 3], [0, 0], [-1, 2], [10**5, 10**5], [None, None], [1, 2, 3, 4, 5], "float16"),
    *([None, 8, 8, 1], [None, 10**6, 10**6, 1], [None], [2, None, 8, 1], "int8", "complex64"),
    *({"class_name": "Dense", "config": {}}, {"class_name": "__lambda__", "config": {}}),
    {"module": "os", "class_name": "system", "config": {"command": "true"}},
    {"module": "keras.initializers", "class_name": "Zeros", "config": {}},
    {"class_name": "__tensor__", "config": {"value": [1e30], "dtype": "float32"}},
    {"class_name": "__numpy__", "config": {"value": "x", "dtype": "object"}},
)
NAMES = (
    *("", " ", "a/b", "../x", "/etc/passwd", "{{7*7}}", "{% raw %}", "module", "class", "con"),
    *("слой", "層", "a\nb", "a\0b", "\ud800", "\x1b[31m", "x" * 300, "image", "input_1", "a:0"),
)


def unpack(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def edit_config(path: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Change the configuration of either kind of file in place."""

    def change(text: str | bytes) -> bytes:
        config = json.loads(text)
        edit(config)
        return json.dumps(config).encode()

    edit_text(path, change)


def edit_text(path: Path, change: Callable[[bytes], bytes]) -> None:
    """Change the configuration's text in place."""
    if path.suffix == ".keras":
        members = unpack(path)
        members[CONFIG] = change(members[CONFIG])
        pack(path, members)
        return
    with h5py.File(path, "r+") as file:
        text = file.attrs["model_config"]
        del file.attrs["model_config"]
        file.attrs["model_config"] = np.bytes_(
            change(text.encode() if isinstance(text, str) else text)
        )


def edit_arrays(path: Path, edit: Callable[[h5py.File], None]) -> None:
    """Change the HDF5 part in place."""
    if path.suffix != ".keras":
        with h5py.File(path, "r+") as file:
            edit(file)
        return
    members = unpack(path)
    buffer = io.BytesIO(members[WEIGHTS])
    with h5py.File(buffer, "r+") as file:
        edit(file)
    members[WEIGHTS] = buffer.getvalue()
    pack(path, members)


def places(value: Any) -> list[tuple[Any, Any]]:
    """All (container, key) pairs inside a JSON value."""
    keys: list[Any] = []
    if isinstance(value, dict):
        keys = list(value)
    elif isinstance(value, list):
        keys = list(range(len(value)))
    found = [(value, key) for key in keys]
    for key in keys:
        found += places(value[key])
    return found


def layers(config: Any) -> list[dict[str, Any]]:
    """All objects of a configuration that have a class and settings."""
    spots = [box[key] for box, key in places(config)]
    return [v for v in spots if isinstance(v, dict) and "class_name" in v and "config" in v]


# Each damage changes the file at a path, in place.


def flip_bits(path: Path, rng: random.Random) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def flip_structure(path: Path, rng: random.Random) -> None:
    """Damage where the formats keep their structure: HDF5's start, the zip's end."""
    content = bytearray(path.read_bytes())
    reach = min(len(content), rng.choice((100, 800, 4096)))
    for _ in range(rng.choice((1, 2, 4))):
        at = rng.randrange(reach)
        at = len(content) - 1 - at if path.suffix == ".keras" else at
        content[at] = rng.choice((0, 255, rng.randrange(256)))
    path.write_bytes(content)


def truncate(path: Path, rng: random.Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: rng.randrange(len(content))])


def shift_bytes(path: Path, rng: random.Random) -> None:
    """Take out, put in or repeat a piece of the file."""
    content = path.read_bytes()
    start, size = rng.randrange(len(content)), rng.choice((1, 4, 16, 512))
    piece = rng.choice((b"", rng.randbytes(size), content[start : start + size] * 2))
    path.write_bytes(content[:start] + piece + content[start + size :])


def flip_weights_file(path: Path, rng: random.Random) -> None:
    """Bits inside the archive's HDF5 member, with a right checksum; for .h5 like flip_bits."""
    if path.suffix != ".keras":
        return flip_bits(path, rng)
    members = unpack(path)
    content = bytearray(members[WEIGHTS])
    for _ in range(rng.choice((1, 2, 8))):
        content[rng.randrange(min(len(content), rng.choice((600, 1 << 30))))] ^= 1 << rng.randrange(
            8
        )
    members[WEIGHTS] = bytes(content)
    return pack(path, members)


def members(path: Path, rng: random.Random) -> None:
    """Lost, added, renamed, swapped or repacked members of the archive."""
    if path.suffix != ".keras":
        return truncate(path, rng)
    content = unpack(path)
    name = rng.choice(sorted(content))
    kind = rng.randrange(6)
    if kind == 0:
        del content[name]
    elif kind == 1:
        content[rng.choice(("../x", "/x", "assets/a", "a\\b", "model.weights.npz"))] = b"x"
    elif kind == 2:
        content = {f"./{key}" if key == name else key: value for key, value in content.items()}
    elif kind == 3:
        content[name] = content[rng.choice(sorted(content))]
    elif kind == 4:
        content[name] = b"\0" * rng.choice((0, 1, 100_000))
    methods = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    return pack(path, content, rng.choice(methods))


def json_text(path: Path, rng: random.Random) -> None:
    def change(text: bytes) -> bytes:
        start, size = rng.randrange(len(text)), rng.choice((1, 1, 2, 20))
        new = rng.choice((b"", b"\xff", b'"', b"{", b"]", b"9" * 30, b"e999", b"NaN", b"\\ud800"))
        return text[:start] + new + text[start + size :]

    edit_text(path, change)


def json_value(path: Path, rng: random.Random) -> None:
    """Other values in one to three places."""

    def edit(config: dict[str, Any]) -> None:
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            box, key = rng.choice(places(config))
            box[key] = copy.deepcopy(rng.choice(VALUES))

    edit_config(path, edit)


def json_setting(path: Path, rng: random.Random) -> None:
    """Another value for a setting of a layer."""

    def edit(config: dict[str, Any]) -> None:
        settings = [v["config"] for v in layers(config) if isinstance(v["config"], dict)]
        box = rng.choice([v for v in settings if v])
        box[rng.choice(list(box))] = copy.deepcopy(rng.choice(VALUES))

    edit_config(path, edit)


def json_keys(path: Path, rng: random.Random) -> None:
    """Keys or items lost, doubled, renamed or swapped."""

    def edit(config: dict[str, Any]) -> None:
        box, key = rng.choice(places(config))
        other = rng.choice(list(box) if isinstance(box, dict) else range(len(box)))
        kind = rng.randrange(4)
        if kind == 0:
            del box[key]
        elif kind == 1:
            box[key], box[other] = box[other], box[key]
        elif isinstance(box, list):
            box.insert(other, copy.deepcopy(box[key]))
        elif kind == 2:
            box[f"{key}x"] = box.pop(key)
        else:
            box[str(rng.choice(VALUES))] = copy.deepcopy(box[key])

    edit_config(path, edit)


def json_names(path: Path, rng: random.Random) -> None:
    """Another name of a layer, wherever the old one stands."""

    def edit(config: dict[str, Any]) -> None:
        spots = [(b, k) for b, k in places(config) if k == "name" and isinstance(b[k], str)]
        box, key = rng.choice(spots)
        old, new = box[key], rng.choice((*NAMES, *(b[k] for b, k in spots)))
        box[key] = new
        for other, place in places(config) if rng.random() < 0.8 else []:
            if other[place] == old:
                other[place] = new

    edit_config(path, edit)


def _arrays(file: h5py.File) -> list[str]:
    found: list[str] = []
    file.visititems(lambda name, item: found.append(name) if hasattr(item, "shape") else None)
    return found


def array(path: Path, rng: random.Random) -> None:
    """One array lost, of another shape, type, storage or place, or with other values."""

    def edit(file: h5py.File) -> None:
        name = rng.choice(_arrays(file))
        values = file[name][()]
        del file[name]
        shape = rng.choice(((1,), (2, 2), (), (0,), (3, 3, 1, 2), values.shape[::-1]))
        new = rng.randrange(8)
        if new == 1:
            file[name] = np.resize(values, shape)
        elif new == 2:
            kinds = ("f2", "f8", "i1", "i8", "u1", "?", "c8", "S4", "f4,i4", ">f4")
            file[name] = np.zeros(values.shape, rng.choice(kinds))
        elif new == 3:
            bad = rng.choice((np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-45))
            file[name] = np.full_like(values, bad, dtype="f4")
        elif new == 4:
            chunks = tuple(max(1, n) for n in values.shape) or None
            file.create_dataset(name, data=values, chunks=chunks or None, fletcher32=bool(chunks))
        elif new == 5:
            file.create_dataset(name, shape=(1 << 40,), dtype="f4", chunks=(1 << 10,))
        elif new == 6:
            link = rng.choice((h5py.SoftLink("/"), h5py.ExternalLink("other.h5", "/x")))
            file[name] = link
        elif new == 7:
            file.create_group(name)

    edit_arrays(path, edit)


def attribute(path: Path, rng: random.Random) -> None:
    """An attribute lost, or of another type."""

    def edit(file: h5py.File) -> None:
        owners = [file]
        file.visititems(lambda _, item: owners.append(item))
        owner = rng.choice([item for item in owners if len(item.attrs)] or owners)
        name = rng.choice(list(owner.attrs) or ["weight_names"])
        if name in owner.attrs:
            del owner.attrs[name]
        new = rng.choice((None, 1, 2.5, "text", b"text", [b"a"], [1, 2], h5py.Empty("f4"), [b""]))
        if new is not None:
            owner.attrs[name] = new

    edit_arrays(path, edit)


def group(path: Path, rng: random.Random) -> None:
    """A group lost, moved or linked into itself."""

    def edit(file: h5py.File) -> None:
        groups: list[str] = []
        file.visititems(lambda n, v: groups.append(n) if isinstance(v, h5py.Group) else None)
        name, other = rng.choice(groups), rng.choice(groups)
        kind = rng.randrange(3)
        if kind == 0:
            del file[name]
        elif kind == 1:
            file.move(name, f"{name}_x")
        else:
            file[f"{name}/loop"] = file[other]

    edit_arrays(path, edit)


DAMAGES: dict[str, Callable[[Path, random.Random], None]] = {
    function.__name__: function
    for function in (
        flip_bits,
        flip_structure,
        truncate,
        shift_bytes,
        flip_weights_file,
        members,
        json_text,
        json_value,
        json_setting,
        json_keys,
        json_names,
        array,
        attribute,
        group,
    )
}
