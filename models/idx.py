"""Reading an idx file (the format of the MNIST distribution) strictly, and checking checksums.

Format: two zero bytes, a type byte (8: unsigned byte), the number of dimensions, each dimension as
a big-endian 32-bit integer, then the values in row-major order (LeCun's MNIST page).
"""

from __future__ import annotations

import gzip
import hashlib
import math
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..codegen.errors import UserError

_MAX_BYTES = 1 << 30  # a file that claims more is no data set of ours


def read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """Return the array in a gzipped idx file of unsigned bytes; ``UserError`` if it is none."""
    try:
        with gzip.open(path, "rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: not a complete gzip file ({error})") from None
    if len(content) > _MAX_BYTES:
        raise UserError(f"{path}: more than {_MAX_BYTES} bytes unpacked")
    if len(content) < 4 or content[:3] != b"\x00\x00\x08":
        raise UserError(f"{path}: not an idx file of unsigned bytes")
    start = 4 + 4 * content[3]
    if content[3] == 0 or len(content) < start:
        raise UserError(f"{path}: idx header incomplete")
    shape = tuple(int.from_bytes(content[i : i + 4], "big") for i in range(4, start, 4))
    if math.prod(shape) != len(content) - start:
        raise UserError(
            f"{path}: idx header says {'x'.join(map(str, shape))} bytes, "
            f"the file holds {len(content) - start}"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def verify_md5(path: Path, expected: str) -> None:
    """Raise ``UserError`` unless the file has this md5 (against damage, not against malice)."""
    _verify(path, hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest(), expected)


def verify_sha256(path: Path, expected: str) -> None:
    """Raise ``UserError`` unless the file has this sha256."""
    _verify(path, hashlib.sha256(path.read_bytes()).hexdigest(), expected)


def _verify(path: Path, found: str, expected: str) -> None:
    if found != expected:
        raise UserError(
            f"{path}: wrong checksum {found}, expected {expected}; "
            "delete the file and fetch it again"
        )
