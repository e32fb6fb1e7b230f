"""A sample of EuroSAT: ten JPEG sheets of a hundred 64×64 tiles, a sheet for each class.

Input: the folder of the sheets; output: uint8 images (N, 64, 64, 3) and int64 labels. The tiles
were saved as JPEG twice: good for trying things out, not for an accuracy to quote. Classes are
numbered in the alphabet's order and take turns, so that any first images hold all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..codegen.errors import UserError
from .idx import verify_sha256

Images = npt.NDArray[np.uint8]
Pair = tuple[Images, npt.NDArray[np.int64]]

FOLDERS = ("eurosat-sample", "eurosat")
SOURCE = "demo/canvases of github.com/676627/deep-learning-eurosat, commit b6df7812"
# sha256 of the sheets at that commit, after renaming; nobody publishes any.
SHA256 = {
    "AnnualCrop": "5d3cb91b146fb6dcc99e0a6eec44a71572befcaad39c320382a2c5a7ce97ae93",
    "Forest": "57c5955c2c7ca6ade96451d36f0e73e9b89dbbeea43fe47137b49708e7eada78",
    "HerbaceousVegetation": "2f4fd80dc9c19e2b517a304dc2e1ec83ac688c6502d1d07518f4e4c6471954dc",
    "Highway": "d6b32f57cf4ce107abe1101a9c0d5deea54917746cb54c8c696c0fb729c18250",
    "Industrial": "d9175c2465ee301893473933cd70e1484cf216cdb09c08e6557995e621b64164",
    "Pasture": "31b8d98ba5b1525cda3205a84a5338cd9550bc83aa329b6bd7210fd64c7b1c3d",
    "PermanentCrop": "793d4ee2c82ee418bcce5ff79e0215d9e1c001174ec87cfa19f01c88c1090f7e",
    "Residential": "b39e63372a4084862d143124ed6c0f1ed9225febf262619598cd8957d8565b89",
    "River": "1d3a4a04acf199f584cde64344a762f0029d6c3b29e291ed2b3d5eb4ca5e47b1",
    "SeaLake": "4b3ea588c10dd3b247fae286163cb253f3768e5ea44d5f207f340b7f37ca37bb",
}
_GRID, _TILE = 10, 64
_TRAIN_ROWS = 8  # of a sheet's ten; the last two are the test part


def sheet(name: str) -> str:
    """Return the file name of a class's sheet."""
    return f"{name}_10x10.jpg"


def reader(folder: Path, parts: tuple[str, ...]) -> Callable[[], list[Pair]] | None:
    """Return what reads ``parts`` of the sample in ``folder``, None if a sheet is missing."""
    if not all((folder / sheet(name)).is_file() for name in SHA256):
        return None
    return lambda: _read(folder, parts)


def _read(folder: Path, parts: tuple[str, ...]) -> list[Pair]:
    sheets = np.stack([_tiles(folder / sheet(name), SHA256[name]) for name in SHA256])
    cut = _TRAIN_ROWS * _GRID
    chosen = {"train": sheets[:, :cut], "test": sheets[:, cut:]}
    result = []
    for part in parts:
        tiles = chosen[part].swapaxes(0, 1)  # tile by tile, the classes in turn
        labels = np.tile(np.arange(len(SHA256), dtype=np.int64), len(tiles))
        result.append((np.ascontiguousarray(tiles).reshape(-1, _TILE, _TILE, 3), labels))
    return result


def _tiles(path: Path, sha256: str) -> Images:
    """Return the tiles of a sheet row by row, uint8 (100, 64, 64, 3)."""
    verify_sha256(path, sha256)
    import tensorflow as tf

    try:
        decoded = tf.io.decode_jpeg(path.read_bytes(), channels=3, dct_method="INTEGER_ACCURATE")
    except tf.errors.InvalidArgumentError as error:
        raise UserError(f"{path}: not a JPEG file ({str(error).splitlines()[0]})") from None
    pixels: Images = decoded.numpy()
    side = _GRID * _TILE
    if pixels.shape != (side, side, 3):
        raise UserError(f"{path}: {pixels.shape} pixels, expected ({side}, {side}, 3)")
    rows = pixels.reshape(_GRID, _TILE, _GRID, _TILE, 3).swapaxes(1, 2)
    return rows.reshape(-1, _TILE, _TILE, 3)
