"""Which images feed ``verify``: a data set by name, an ``.npy`` file, or seeded random ones.

Input: a network's input shape and perhaps the user's choice; output: a ``Dataset`` that fits the
shape and says where it comes from.
"""

from __future__ import annotations

import hashlib
import math
from pathlib import Path

import numpy as np

from ..codegen.errors import UserError
from .datasets import Dataset, Images, find, load, names

Shape = tuple[int, int, int]  # height, width, channels

DEFAULT_RANDOM = 100  # images, where nothing else fits the shape


def images_for(
    input_shape: Shape,
    choice: str | None = None,
    count: int | None = None,
    *,
    split: str = "test",
    seed: int = 1,
    folder: Path | None = None,
    allow_download: bool = False,
) -> Dataset:
    """Return images of ``input_shape`` for checking a design, at most ``count``.

    ``choice``: a data set's name, a path ending in ``.npy``, or None for ``default_dataset``;
    ``folder`` and ``allow_download`` as in ``load``, for a name only.
    ``UserError`` if the choice is unknown or has another shape.
    """
    if count is not None and count < 1:
        raise UserError(f"the number of images must be at least 1, not {count}")
    if choice is None:
        return default_dataset(input_shape, count, seed=seed)
    if choice.endswith(".npy"):
        return load_npy(Path(choice), input_shape).first(count)
    if choice not in names():
        raise UserError(f"no data set {choice!r}; there are: {', '.join(names())}, or a .npy file")
    dataset = load(choice, split, folder, allow_download=allow_download)
    if dataset.images.shape[1:] != input_shape:
        raise UserError(
            f"data set {choice} has images {_shape_text(dataset.images.shape[1:])}, "
            f"the model takes {_shape_text(input_shape)}"
        )
    return dataset.first(count)


def default_dataset(input_shape: Shape, count: int | None = None, *, seed: int = 1) -> Dataset:
    """Return MNIST's test set where it is found, else the enlarged digits, for 28×28×1 inputs.

    Any other shape gets ``count`` (default 100) random images. Nothing is downloaded.
    """
    if input_shape == (28, 28, 1):
        if find("mnist") is not None:
            return load("mnist", "test").first(count)
        return load("digits", "all").first(count)
    images = seeded_random_images(input_shape, count or DEFAULT_RANDOM, seed)
    source = f"{len(images):,} random images {_shape_text(input_shape)}, seed {seed}"
    return Dataset(images, None, "random", source)


def seeded_random_images(shape: Shape, count: int, seed: int) -> Images:
    """Return ``count`` images of independent uniform pixels, uint8 (count, *shape).

    The bytes are SHAKE-256 of shape and seed: the same on every machine and with every numpy, and
    a longer run starts with the shorter one.
    """
    if count < 1 or min(shape) < 1:
        raise UserError(f"can't draw {count} images of {_shape_text(shape)}")
    key = f"lenetgen random images {shape} {seed}".encode()
    content = hashlib.shake_256(key).digest(count * math.prod(shape))
    return np.frombuffer(content, dtype=np.uint8).reshape(count, *shape)


def load_npy(path: Path, input_shape: Shape | None = None) -> Dataset:
    """Load uint8 images (N, H, W) or (N, H, W, C) from an ``.npy`` file, labels unknown.

    ``UserError`` if the file is missing, pickled, damaged, empty, of another type, or does not fit
    ``input_shape``.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        images = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise UserError(f"{path}: not a plain .npy file ({error})") from None
    if not isinstance(images, np.ndarray):
        raise UserError(f"{path}: an archive; give an .npy file of images")
    if images.dtype != np.uint8:
        raise UserError(f"{path}: values are {images.dtype}; images must be uint8 pixels 0..255")
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.ndim != 4 or 0 in images.shape:
        raise UserError(f"{path}: shape {images.shape}; expected (N, H, W) or (N, H, W, C)")
    if input_shape is not None and images.shape[1:] != input_shape:
        raise UserError(
            f"{path}: images are {_shape_text(images.shape[1:])}, "
            f"the model takes {_shape_text(input_shape)}"
        )
    return Dataset(images, None, path.name, f"{len(images):,} images from {path.name}")


def _shape_text(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
