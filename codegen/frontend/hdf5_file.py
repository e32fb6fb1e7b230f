"""Look through an HDF5 file before Keras reads arrays from it.

Input: an HDF5 file on disk or in memory; output: how many numbers its arrays hold, and the texts of
attributes. Links, arrays stored in other files, compressed arrays, arrays larger than what is
stored of them, and elements that are no plain numbers are refused: reading such a file could open
other files or take any amount of memory.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..errors import UserError
from .isolated import isolated
from .limits import MAX_CONFIG, MAX_FILE, MAX_OBJECTS, MAX_OTHER, MAX_RATIO, SMALL, mebibytes

_MAX_LEVELS = 64  # groups in groups
_MAX_ELEMENT = 8  # bytes
_NUMBERS = "fiub"  # numpy's kinds: floats, integers, booleans


@dataclass(frozen=True)
class Hdf5Facts:
    """What a sound file holds."""

    values: int  # numbers in all arrays
    texts: dict[str, bytes]  # those of the attributes asked for that there are


def inspect(source: Path | BinaryIO, size: int, attributes: Collection[str] = ()) -> Hdf5Facts:
    """Walk a file of ``size`` bytes, reading all of it, and return text attributes of its root.

    It happens in a process of its own: what HDF5 would crash on crashes there. ``UserError``
    without the path if the file is damaged or holds what is not supported.
    """
    crash = "truncated or damaged HDF5 file (reading it ends the process)"
    return isolated(lambda: _inspect(source, size, attributes), crash)


def _inspect(source: Path | BinaryIO, size: int, attributes: Collection[str]) -> Hdf5Facts:
    import h5py

    try:
        with h5py.File(source, "r") as file:
            walk = _Walk(h5py)
            walk.group(file, 0)
            # What is no array is configuration, names and structure: a bound on all texts in it.
            if size - walk.stored > MAX_CONFIG + MAX_OTHER:
                raise UserError(
                    f"more than {mebibytes(MAX_CONFIG + MAX_OTHER)} beside the weights; "
                    "a model's configuration takes some kilobytes"
                )
            for item, name in walk.attributes:
                item.attrs[name]  # as Keras will do with some
            texts = {name: _bytes(file.attrs[name]) for name in attributes if name in file.attrs}
            return Hdf5Facts(walk.values, texts)
    except UserError:
        raise
    except Exception as error:  # h5py raises all kinds; the file is at fault
        text = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"truncated or damaged HDF5 file ({text})") from None


class _Walk:
    """Visits every group and array once and adds up their sizes."""

    def __init__(self, h5py: Any) -> None:
        self._h5py = h5py
        self._objects = 0
        self.attributes: list[tuple[Any, str]] = []
        self.values = 0
        self.declared = 0  # bytes when read
        self.stored = 0  # bytes in the file

    def group(self, group: Any, level: int) -> None:
        """Check all members of a group; names in messages are the file's."""
        if level > _MAX_LEVELS:
            raise UserError(f"HDF5 groups nested deeper than {_MAX_LEVELS}")
        self._attributes(group)
        for name in group:
            self._objects += 1
            if self._objects > MAX_OBJECTS:
                raise UserError(f"more than {MAX_OBJECTS} objects in its HDF5 part")
            link = group.get(name, getlink=True)
            label = repr(f"{group.name}/{name}".lstrip("/"))[:200]
            if not isinstance(link, self._h5py.HardLink):
                kind = "a link to another file" if self._external(link) else "a soft link"
                raise UserError(f"HDF5 object {label} is {kind}; supported are plain arrays")
            item = group[name]
            if isinstance(item, self._h5py.Group):
                self.group(item, level + 1)
            elif isinstance(item, self._h5py.Dataset):
                self._dataset(item, label)
            else:
                raise UserError(f"HDF5 object {label} is neither a group nor an array")

    def _external(self, link: Any) -> bool:
        return isinstance(link, self._h5py.ExternalLink)

    def _dataset(self, item: Any, label: str) -> None:
        self._attributes(item)
        if item.external or item.is_virtual:
            raise UserError(f"HDF5 array {label} lies in another file; supported are plain arrays")
        if item.id.get_create_plist().get_nfilters():
            raise UserError(
                f"HDF5 array {label} is compressed; unpack it (h5repack -f NONE) "
                "or save the model from Keras"
            )
        kind = item.dtype
        number = kind.kind in _NUMBERS and kind.itemsize <= _MAX_ELEMENT
        if item.shape is None or not (number or _is_bfloat16(item)):
            raise UserError(
                f"HDF5 array {label} holds {'nothing' if item.shape is None else str(kind)[:60]}; "
                "supported are floats and integers of up to 64 bits"
            )
        values = math.prod(item.shape)
        chunk = math.prod(item.chunks or ()) * kind.itemsize
        stored = int(item.id.get_storage_size())
        self.values += values
        self.declared += values * kind.itemsize
        self.stored += stored
        if self.declared > MAX_FILE or chunk > MAX_FILE:
            raise UserError(f"its arrays take more than {mebibytes(MAX_FILE)} (at {label})")
        if values * kind.itemsize > max(SMALL, MAX_RATIO * stored):
            raise UserError(f"HDF5 array {label} is larger than {MAX_RATIO} times what is stored")
        item[()]  # as Keras will do

    def _attributes(self, item: Any) -> None:
        """Refuse attributes that claim a size no honest file has, before anybody reads them."""
        for name in item.attrs:
            attribute = item.attrs.get_id(name)
            elements = attribute.get_space().get_simple_extent_npoints()
            if elements * attribute.get_type().get_size() > MAX_CONFIG:
                raise UserError(f"HDF5 attribute {name[:60]!r} takes more than {MAX_CONFIG} bytes")
            self.attributes.append((item, name))


def _is_bfloat16(item: Any) -> bool:
    """Tell whether an array holds floats of 16 bits in the way Keras 3 stores what HDF5 has not."""
    return bool(item.dtype == np.dtype("V2") and item.attrs.get("dtype") == "bfloat16")


def _bytes(text: object) -> bytes:
    """Return an attribute as bytes, however it is stored."""
    return text if isinstance(text, bytes) else str(text).encode(errors="surrogatepass")
