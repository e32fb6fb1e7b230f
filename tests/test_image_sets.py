"""CIFAR-10 in all its containers, the EuroSAT sample, and the validation part of a set."""

from __future__ import annotations

import hashlib
import pickle
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from lenetgen.codegen.errors import UserError
from lenetgen.models import cifar, eurosat
from lenetgen.models.datasets import Dataset, load
from lenetgen.models.images import images_for
from lenetgen.models.split import split
from lenetgen.models.training import split_validation

COUNT = 4  # images of every batch in these tests


def python2_string(content: bytes) -> bytes:
    """One string as Python 2's pickle writes it."""
    if len(content) < 256:
        return b"U" + bytes([len(content)]) + content
    return b"T" + struct.pack("<i", len(content)) + content


def python2_batch(images: np.ndarray, labels: np.ndarray) -> bytes:
    """A batch in the layout of CIFAR-10's Python version: protocol 2, an array of bytes."""
    numbers = b"".join(b"K" + bytes([label]) for label in labels.tolist())
    pixels = images.transpose(0, 3, 1, 2).tobytes()
    return (
        b"\x80\x02}q\x01("
        + python2_string(b"batch_label")
        + b"q\x02"
        + python2_string(b"training batch 1 of 5")
        + b"q\x03"
        + python2_string(b"labels")
        + b"q\x04]q\x05("
        + numbers
        + b"e"
        + python2_string(b"data")
        + b"q\x06cos\nsystem\nq\x07"  # whoever carries this out has lost
        + b"(K\x01K\x08"
        + python2_string(pixels)
        + b"tRu."
    )


class Sets:
    """Five training batches and a test batch of random images, written in any container."""

    def __init__(self, rng: np.random.Generator) -> None:
        names = [*cifar.BATCHES["train"], *cifar.BATCHES["test"]]
        self.batches = {
            name: (
                rng.integers(0, 256, (COUNT, 32, 32, 3), dtype=np.uint8),
                rng.integers(0, 10, COUNT, dtype=np.uint8),
            )
            for name in names
        }

    def part(self, part: str) -> tuple[np.ndarray, np.ndarray]:
        chosen = [self.batches[name] for name in cifar.BATCHES[part]]
        return np.concatenate([x for x, _ in chosen]), np.concatenate([y for _, y in chosen])

    def write(self, kind: str, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if kind == "npz":
            (x_train, y_train), (x_test, y_test) = self.part("train"), self.part("test")
            y_test = y_test[:, None]  # Keras' shape of labels
            arrays = {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}
            np.savez(folder / "cifar10.npz", **arrays)
            return
        for name, (images, labels) in self.batches.items():
            planes = images.transpose(0, 3, 1, 2)
            if kind == "binary":
                records = np.concatenate([labels[:, None], planes.reshape(COUNT, -1)], axis=1)
                (folder / f"{name}.bin").write_bytes(records.tobytes())
            elif kind == "python":
                (folder / name).write_bytes(python2_batch(images, labels))
            else:
                moved = planes.copy()
                moved[:, 0] -= planes[:, 1]
                moved[:, 2] -= planes[:, 1]
                moved[:, :, 1:] -= moved[:, :, :-1].copy()
                moved[..., 1:] -= moved[..., :-1].copy()
                np.savez(folder / f"{name}.npz", delta=moved, labels=labels)


@pytest.fixture
def sets(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> Sets:
    """Small batches whose checksums are the right ones."""
    made = Sets(rng)
    for part in ("train", "test"):
        sums = tuple(hashlib.sha256(values.tobytes()).hexdigest() for values in made.part(part))
        monkeypatch.setitem(cifar.SHA256, part, sums)
    return made


@pytest.mark.parametrize("kind", ["npz", "binary", "python", "packed"])
def test_every_container_gives_the_same_arrays(sets: Sets, tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "cifar10" / {"python": "cifar-10-batches-py"}.get(kind, "")
    sets.write(kind, folder)
    data = load("cifar10", "all", tmp_path)
    assert data.labels is not None
    images = np.concatenate([sets.part("train")[0], sets.part("test")[0]])
    labels = np.concatenate([sets.part("train")[1], sets.part("test")[1]])
    assert np.array_equal(data.images, images)
    assert np.array_equal(data.labels, labels)
    assert data.labels.dtype == np.int64
    assert data.source == f"CIFAR-10, all images of {6 * COUNT} (given folder)"


def test_places_of_cifar10(sets: Sets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LENETGEN_DATA", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(UserError, match=r"CIFAR-10 not found: set LENETGEN_DATA .* --download"):
        load("cifar10")
    cache = tmp_path / "datasets" / "cifar-10-batches-py-target" / "cifar-10-batches-py"
    sets.write("python", cache)
    assert load("cifar10").source.endswith("(Keras cache)")
    sets.write("npz", tmp_path / "d" / "cifar10")
    monkeypatch.setenv("LENETGEN_DATA", str(tmp_path / "d"))
    assert load("cifar10").source.endswith("(LENETGEN_DATA)")
    assert load("cifar10", folder=tmp_path / "d" / "cifar10" / "cifar10.npz").source.endswith(
        "(given file)"
    )
    assert images_for((32, 32, 3), "cifar10", 2).images.shape == (2, 32, 32, 3)
    with pytest.raises(UserError, match="images 32x32x3, the model takes 28x28x1"):
        images_for((28, 28, 1), "cifar10")


@pytest.mark.parametrize("kind", ["npz", "binary", "python", "packed"])
def test_a_changed_pixel_or_label_is_found(sets: Sets, tmp_path: Path, kind: str) -> None:
    sets.batches["test_batch"][0][1, 2, 3, 0] ^= 1
    sets.write(kind, tmp_path)
    assert len(load("cifar10", "train", tmp_path)) == 5 * COUNT  # the other part is whole
    with pytest.raises(UserError, match="test images have the wrong checksum"):
        load("cifar10", "test", tmp_path)
    sets.batches["test_batch"][0][1, 2, 3, 0] ^= 1
    sets.batches["test_batch"][1][3] ^= 1
    sets.write(kind, tmp_path)
    with pytest.raises(UserError, match="test labels have the wrong checksum"):
        load("cifar10", "test", tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("cifar10.npz", b"hello", r"not an \.npz with x_test and y_test"),
        ("test_batch.bin", b"\0" * 100, "100 bytes, expected 3073 for every image"),
        ("test_batch", b"hello", "not a batch of CIFAR-10's Python version"),
        ("test_batch", pickle.dumps({"labels": [1], "data": b"x" * 9}), "1 labels and 9 pixels"),
        ("test_batch", pickle.dumps({"labels": [300]}), "Python version .label 300."),
    ],
    ids=["npz", "binary", "python", "pixels", "label"],
)
def test_damaged_container(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        load("cifar10", "test", tmp_path)


def test_npz_with_pickles_or_without_an_array(tmp_path: Path) -> None:
    path = tmp_path / "cifar10.npz"
    np.savez(path, x_test=np.array([None]), y_test=np.zeros(1, np.uint8), allow_pickle=True)
    with pytest.raises(UserError, match=r"not an \.npz .*allow_pickle"):
        load("cifar10", "test", tmp_path)
    np.savez(path, x_test=np.zeros(1, np.uint8))
    with pytest.raises(UserError, match=r"not an \.npz with x_test and y_test .*y_test"):
        load("cifar10", "test", tmp_path)
    np.savez(path, x_test=np.zeros(1, np.float32), y_test=np.zeros(1, np.uint8))
    with pytest.raises(UserError, match="x_test is float32, expected uint8"):
        load("cifar10", "test", tmp_path)


@pytest.mark.data
def test_real_cifar10(require_data: Callable[[str], Path]) -> None:
    data = load("cifar10", "test", require_data("cifar10"))
    assert data.images.shape == (10000, 32, 32, 3)
    assert data.labels is not None
    assert data.labels[:5].tolist() == [3, 8, 8, 0, 6]  # cat, ship, ship, airplane, frog
    assert np.bincount(data.labels).tolist() == [1000] * 10


@pytest.mark.data
def test_real_eurosat_sample(require_data: Callable[[str], Path]) -> None:
    folder = require_data("eurosat")
    train, test = load("eurosat-sample", "train", folder), load("eurosat-sample", "test", folder)
    assert train.images.shape == (800, 64, 64, 3)
    assert test.images.shape == (200, 64, 64, 3)
    assert test.labels is not None
    assert test.labels[:12].tolist() == [*range(10), 0, 1]
    # SeaLake (9) is dark and blue, in every tile: rows and classes are not mixed up
    lakes = test.images[test.labels == 9].astype(float).mean(axis=(1, 2))
    assert (lakes[:, 2] > lakes[:, 0]).all()
    others = test.images[test.labels == 2].astype(float).mean()
    assert lakes.mean() < others


def test_eurosat_missing_or_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LENETGEN_DATA", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(UserError, match=r"EuroSAT sample not found: .*; it is demo/canvases of"):
        load("eurosat-sample", allow_download=True)
    for name in eurosat.SHA256:
        (tmp_path / eurosat.sheet(name)).write_bytes(b"x")
    with pytest.raises(UserError, match=r"AnnualCrop_10x10\.jpg: wrong checksum"):
        load("eurosat-sample", "test", tmp_path)


def test_split_is_disjoint_complete_and_training_s_own(rng: np.random.Generator) -> None:
    images = np.arange(50, dtype=np.uint8).reshape(50, 1, 1, 1)
    data = Dataset(images, np.arange(50, dtype=np.int64), "n", "fifty numbers")
    train, held = split(data, 0.2, 7)
    assert (len(train), len(held)) == (40, 10)
    assert held.labels is not None
    assert train.labels is not None
    assert sorted([*train.labels, *held.labels]) == list(range(50))
    assert np.array_equal(held.images.reshape(-1), held.labels)
    assert np.array_equal(held.labels, split_validation(50, 0.2, 7)[1])
    assert not np.array_equal(held.labels, split(data, 0.2, 8)[1].labels)
    assert held.source == "validation part of 10 of fifty numbers"
    for wrong in (0.0, 1.0, -0.5, float("nan")):
        with pytest.raises(UserError, match="between 0 and 1"):
            split(data, wrong, 7)
    with pytest.raises(UserError, match="too few"):
        split(data.first(1), 0.5, 7)
