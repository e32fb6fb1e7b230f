"""Unpack a ``.keras`` archive into memory, within limits.

Input: the path of a zip file; output: the bytes of its members. Sizes are
checked in the zip's directory before a byte is unpacked and again while unpacking; checksums are
checked. Nothing is written to disk.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

from ..errors import UserError
from .limits import MAX_CONFIG, MAX_FILE, MAX_RATIO, SMALL, mebibytes

CONFIG = "config.json"
METADATA = "metadata.json"
WEIGHTS = "model.weights.h5"
_MEMBERS = {METADATA: MAX_CONFIG, CONFIG: MAX_CONFIG, WEIGHTS: MAX_FILE}
_MAX_DIRECTORY = 1 << 16  # bytes; three entries take about two hundred
_BLOCK = 1 << 20

# The end of a zip file (PKWARE APPNOTE 6.3.10, sections 4.3.15 and 4.3.16).
_END = struct.Struct("<4s4H2LH")
_END_MARK = b"PK\x05\x06"
_LOCATOR_64_MARK = b"PK\x06\x07"
_LOCATOR_64_SIZE = 20
_MAX_COMMENT = 0xFFFF


def read_archive(path: Path) -> dict[str, bytes]:
    """Return the members; ``UserError`` without the path if the zip is not sound.

    ``CONFIG`` and ``WEIGHTS`` are there, ``METADATA`` may be.
    """
    try:
        _check_directory(path)
        with zipfile.ZipFile(path) as archive:
            _check_members(archive.infolist())
            return {info.filename: _unpack(archive, info) for info in archive.infolist()}
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError) as error:
        raise UserError(f"truncated or damaged Keras archive ({error})") from None


def _check_directory(path: Path) -> None:
    """Refuse a zip whose list of members is large: zipfile would read all of it into memory."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - _END.size - _MAX_COMMENT - _LOCATOR_64_SIZE))
        tail = file.read()
    # Like zipfile: a record without comment at the very end, else the last mark there is.
    start = len(tail) - _END.size
    if not (tail[start : start + 4] == _END_MARK and tail.endswith(b"\0\0")):
        start = tail.rfind(_END_MARK)
    if start < 0 or len(tail) < start + _END.size:
        raise UserError("truncated or damaged Keras archive (its end is missing)")
    directory = _END.unpack_from(tail, start)[5]
    locator = tail[max(0, start - _LOCATOR_64_SIZE) : start]
    if directory > _MAX_DIRECTORY or locator.startswith(_LOCATOR_64_MARK):
        raise UserError("the archive lists too many members, so it is no Keras model")


def _check_members(members: list[zipfile.ZipInfo]) -> None:
    names = [info.filename for info in members]
    for name in (CONFIG, WEIGHTS):
        if name not in names:
            raise UserError(f"a zip file without {name}, so no Keras model")
    for info in members:
        name = info.filename
        if name not in _MEMBERS:
            raise UserError(f"the archive holds {name!r}; supported are {', '.join(_MEMBERS)}")
        if names.count(name) > 1:
            raise UserError(f"the archive holds {name} {names.count(name)} times")
        if info.flag_bits & 1:
            raise UserError(f"{name} is encrypted; supported are plain archives")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise UserError(f"{name} is packed by an unsupported method; supported is deflate")
        if info.file_size > _MEMBERS[name]:
            raise UserError(f"{name} unpacks to more than {mebibytes(_MEMBERS[name])}")
        if info.file_size > max(SMALL, MAX_RATIO * info.compress_size):
            raise UserError(f"{name} unpacks to more than {MAX_RATIO} times its size")


def _unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Return a member; never more than a block beyond what the directory says."""
    blocks, size = [], 0
    with archive.open(info) as member:
        while block := member.read(_BLOCK):
            size += len(block)
            if size > info.file_size:
                raise UserError(f"{info.filename} unpacks to more than its size in the archive")
            blocks.append(block)
    if size != info.file_size:
        raise UserError(f"truncated or damaged Keras archive ({info.filename} is cut)")
    return b"".join(blocks)
