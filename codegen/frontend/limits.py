"""How large a model file may be: far above what fits a device, far below what fills a computer."""

from __future__ import annotations

MAX_FILE = 256 << 20  # bytes of a file, of what it unpacks to, and of the arrays in it
MAX_CONFIG = 4 << 20  # bytes of the configuration; a layer takes about one thousand
MAX_OTHER = 16 << 20  # bytes of an HDF5 file that are neither configuration nor weights
MAX_DEPTH = 64  # brackets inside brackets of the configuration; plain models take about 12
MAX_LAYERS = 1000
MAX_NUMBER = 1 << 22  # any whole number of a layer's settings, and the values of one result
MAX_NAME = 200  # characters of a layer's name
MAX_OBJECTS = 20_000  # groups and arrays in an HDF5 file
MAX_RATIO = 100  # unpacked size over packed size, above SMALL
SMALL = 16 << 20  # bytes that no check of a ratio has to care about


def mebibytes(size: int) -> str:
    """Return a limit in bytes as people read it."""
    return f"{size >> 20} MiB"
