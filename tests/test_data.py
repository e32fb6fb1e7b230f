"""Data sets: found, checked, read strictly, and wrong ones refused in one line."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from lenetgen.codegen.errors import UserError
from lenetgen.codegen.frontend.keras_runtime import import_keras
from lenetgen.models import datasets
from lenetgen.models.datasets import enlarge, load
from lenetgen.models.idx import read_idx
from lenetgen.models.images import default_dataset, images_for, load_npy, seeded_random_images

DATA = os.environ.get("LENETGEN_DATA")
needs_data = pytest.mark.skipif(not DATA, reason="LENETGEN_DATA is not set")


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No data set on this machine: an empty Keras home, LENETGEN_DATA unset."""
    monkeypatch.delenv("LENETGEN_DATA", raising=False)
    home = tmp_path / "keras-home"
    home.mkdir()
    monkeypatch.setenv("KERAS_HOME", str(home))
    return home


def idx(values: np.ndarray, dims: tuple[int, ...] | None = None, kind: bytes = b"\x08") -> bytes:
    shape = values.shape if dims is None else dims
    head = b"\0\0" + kind + bytes([len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape)
    return gzip.compress(head + values.tobytes(), mtime=0)


def small_mnist(
    folder: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Write 5 + 3 images in MNIST's layout and make their checksums the right ones."""
    folder.mkdir(parents=True)
    arrays = {
        "train-images-idx3-ubyte.gz": rng.integers(0, 256, (5, 28, 28), dtype=np.uint8),
        "train-labels-idx1-ubyte.gz": rng.integers(0, 10, 5, dtype=np.uint8),
        "t10k-images-idx3-ubyte.gz": rng.integers(0, 256, (3, 28, 28), dtype=np.uint8),
        "t10k-labels-idx1-ubyte.gz": rng.integers(0, 10, 3, dtype=np.uint8),
    }
    sums = {}
    for name, values in arrays.items():
        content = idx(values)
        (folder / name).write_bytes(content)
        sums[name] = hashlib.md5(content, usedforsecurity=False).hexdigest()
    monkeypatch.setitem(datasets.MD5, "mnist", sums)
    monkeypatch.setattr(datasets, "_COUNTS", {"train": 5, "test": 3})
    return arrays


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    digest = hashlib.sha256(request.node.nodeid.encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


@pytest.mark.data
@needs_data
@pytest.mark.parametrize(
    ("name", "first_labels"),
    [("mnist", [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]), ("fashion-mnist", [9, 2, 1, 1, 6, 1, 4, 6, 5, 7])],
)
def test_real_test_set(name: str, first_labels: list[int]) -> None:
    data = load(name, "test", Path(str(DATA)))
    assert data.images.shape == (10000, 28, 28, 1)
    assert data.images.dtype == np.uint8
    assert data.labels is not None
    assert data.labels.dtype == np.int64
    assert data.labels[:10].tolist() == first_labels
    assert data.source.endswith("test set of 10,000 (given folder)")


@pytest.mark.data
@needs_data
def test_mnist_all_is_training_set_then_test_set() -> None:
    data = load("mnist", "all", Path(str(DATA)) / "mnist")
    assert data.labels is not None
    assert data.images.shape == (70000, 28, 28, 1)
    assert data.labels[0] == 5  # first training image
    assert data.labels[60000] == 7  # first test image
    assert np.bincount(data.labels[:60000])[0] == 5923  # LeCun's page counts the classes


@pytest.mark.parametrize("subfolder", ["mnist", ""])
def test_given_folder_holds_the_set_or_its_subfolder(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    nowhere: Path,
    rng: np.random.Generator,
    subfolder: str,
) -> None:
    arrays = small_mnist(tmp_path / "d" / subfolder, monkeypatch, rng)
    data = load("mnist", "train", tmp_path / "d")
    assert np.array_equal(data.images[..., 0], arrays["train-images-idx3-ubyte.gz"])
    assert data.labels is not None
    assert np.array_equal(data.labels, arrays["train-labels-idx1-ubyte.gz"])


def test_lenetgen_data_goes_before_keras_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nowhere: Path, rng: np.random.Generator
) -> None:
    small_mnist(tmp_path / "d" / "mnist", monkeypatch, rng)
    shutil.copytree(tmp_path / "d" / "mnist", nowhere / "datasets" / "mnist")
    assert load("mnist").source.endswith("(Keras cache)")
    monkeypatch.setenv("LENETGEN_DATA", str(tmp_path / "d"))
    assert load("mnist").source.endswith("(LENETGEN_DATA)")


def test_keras_npz_is_checked_and_read(
    monkeypatch: pytest.MonkeyPatch, nowhere: Path, rng: np.random.Generator
) -> None:
    path = nowhere / "datasets" / "mnist.npz"
    path.parent.mkdir()
    parts = {
        "x_train": rng.integers(0, 256, (5, 28, 28), dtype=np.uint8),
        "y_train": rng.integers(0, 10, 5, dtype=np.uint8),
        "x_test": rng.integers(0, 256, (3, 28, 28), dtype=np.uint8),
        "y_test": rng.integers(0, 10, 3, dtype=np.uint8),
    }
    np.savez(path, **parts)
    with pytest.raises(UserError, match=r"mnist\.npz: wrong checksum .*; delete the file"):
        load("mnist")
    monkeypatch.setattr(datasets, "MNIST_NPZ_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.setattr(datasets, "_COUNTS", {"train": 5, "test": 3})
    data = load("mnist", "all")
    assert np.array_equal(data.images[:5, :, :, 0], parts["x_train"])
    assert np.array_equal(data.images[5:, :, :, 0], parts["x_test"])


def test_damaged_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nowhere: Path, rng: np.random.Generator
) -> None:
    small_mnist(tmp_path / "mnist", monkeypatch, rng)
    path = tmp_path / "mnist" / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(UserError, match=r"t10k-images-idx3-ubyte\.gz: wrong checksum"):
        load("mnist", "test", tmp_path)
    assert len(load("mnist", "train", tmp_path)) == 5  # the other part is whole


def test_label_out_of_range(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nowhere: Path, rng: np.random.Generator
) -> None:
    small_mnist(tmp_path / "mnist", monkeypatch, rng)
    content = idx(np.array([1, 10, 3], dtype=np.uint8))
    name = "t10k-labels-idx1-ubyte.gz"
    (tmp_path / "mnist" / name).write_bytes(content)
    sums = datasets.MD5["mnist"] | {name: hashlib.md5(content).hexdigest()}
    monkeypatch.setitem(datasets.MD5, "mnist", sums)
    with pytest.raises(UserError, match=r"label 10 is not in 0\.\.9"):
        load("mnist", "test", tmp_path)


@pytest.mark.parametrize(
    ("name", "split", "message"),
    [
        pytest.param("cifar", "test", "no data set 'cifar'; there are: mnist, fas", id="name"),
        pytest.param("mnist", "valid", "no part 'valid'.*: train, test, all", id="split"),
        pytest.param("mnist", "test", "MNIST not found: set LENETGEN_DATA", id="nowhere"),
    ],
)
def test_unknown_or_missing(nowhere: Path, name: str, split: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load(name, split)


def test_given_folder_is_the_only_place(tmp_path: Path, nowhere: Path) -> None:
    with pytest.raises(UserError, match=r"no MNIST there; expected t10k-images"):
        load("mnist", "test", tmp_path)
    with pytest.raises(UserError, match="not a folder"):
        load("mnist", "test", tmp_path / "missing")


def test_lenetgen_data_must_be_a_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, nowhere: Path
) -> None:
    monkeypatch.setenv("LENETGEN_DATA", str(tmp_path / "missing"))
    with pytest.raises(UserError, match=r"LENETGEN_DATA names .*missing, which is not a folder"):
        default_dataset((28, 28, 1))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"no gzip at all", "not a complete gzip file", id="not_gzip"),
        pytest.param(idx(np.zeros((2, 3), np.uint8))[:-9], "not a complete gzip", id="truncated"),
        pytest.param(gzip.compress(b""), "not an idx file", id="empty"),
        pytest.param(idx(np.zeros(4, np.uint8), kind=b"\x0d"), "not an idx file", id="float_type"),
        pytest.param(gzip.compress(b"\0\0\x08\x03\0\0\0\1"), "header incomplete", id="header"),
        pytest.param(gzip.compress(b"\0\0\x08\x00\1"), "header incomplete", id="no_dimensions"),
        pytest.param(idx(np.zeros(5, np.uint8), (2, 3)), "says 2x3 bytes.* 5", id="short"),
        pytest.param(idx(np.zeros(7, np.uint8), (2, 3)), "says 2x3 bytes.* 7", id="long"),
    ],
)
def test_malformed_idx(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "f.gz"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_idx(path)


def test_idx_is_row_major(tmp_path: Path, rng: np.random.Generator) -> None:
    values = rng.integers(0, 256, (2, 3, 4), dtype=np.uint8)
    (tmp_path / "f.gz").write_bytes(idx(values))
    assert np.array_equal(read_idx(tmp_path / "f.gz"), values)


def test_digits_parts_are_disjoint_and_complete() -> None:
    train, test = load("digits", "train"), load("digits", "test")
    assert (len(train), len(test)) == (1437, 360)
    whole = load("digits", "all")
    assert np.array_equal(np.concatenate([train.images, test.images]), whole.images)
    assert whole.images.shape == (1797, 28, 28, 1)
    assert whole.labels is not None
    assert whole.labels[:10].tolist() == list(range(10))


def test_digits_bytes_are_the_same_everywhere() -> None:
    digest = hashlib.sha256(load("digits", "all").images.tobytes()).hexdigest()
    assert digest == "de77a57d67c2b949670a7cf0384f375dea4496a1381113ae82360db7fc84ce03"


def test_enlarge_keeps_range_centre_and_symmetry() -> None:
    full = enlarge(np.full((1, 8, 8), 16))[0, :, :, 0]
    assert np.array_equal(full[4:24, 4:24], np.full((20, 20), 255))
    assert full.sum() == 255 * 400  # the frame is empty
    # A step along one axis: pixel i has its centre at (4i - 3) / 10 of the small image.
    ramp = np.broadcast_to(np.arange(8), (1, 8, 8))
    row = enlarge(ramp)[0, 10, 4:24, 0].astype(np.int64)
    exact = [min(max((4 * i - 3) / 10, 0), 7) * 255 / 16 for i in range(20)]
    assert row.tolist() == [int(np.floor(value + 0.5)) for value in exact]
    mirrored = enlarge(np.ascontiguousarray(ramp[:, :, ::-1]))
    assert np.array_equal(mirrored, enlarge(ramp)[:, :, ::-1])


def test_default_is_mnist_where_found_else_digits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nowhere: Path, rng: np.random.Generator
) -> None:
    offline = default_dataset((28, 28, 1), 7)
    assert offline.name == "digits"
    assert len(offline) == 7
    assert "digits" in offline.source
    arrays = small_mnist(tmp_path / "d" / "mnist", monkeypatch, rng)
    monkeypatch.setenv("LENETGEN_DATA", str(tmp_path / "d"))
    found = default_dataset((28, 28, 1), 2)
    assert found.name == "mnist"
    assert np.array_equal(found.images[..., 0], arrays["t10k-images-idx3-ubyte.gz"][:2])


def test_other_shapes_get_random_images(nowhere: Path) -> None:
    data = default_dataset((5, 4, 3), 6)
    assert data.images.shape == (6, 5, 4, 3)
    assert data.labels is None
    assert data.source == "6 random images 5x4x3, seed 1"
    assert len(default_dataset((5, 4, 3))) == 100


def test_random_images_are_seeded_and_extend() -> None:
    few, many = seeded_random_images((3, 2, 1), 4, 9), seeded_random_images((3, 2, 1), 40, 9)
    assert np.array_equal(few, many[:4])
    assert not np.array_equal(few, seeded_random_images((3, 2, 1), 4, 10))
    assert len(np.unique(seeded_random_images((28, 28, 1), 10, 1))) == 256
    with pytest.raises(UserError, match="can't draw 0 images of 3x2x1"):
        seeded_random_images((3, 2, 1), 0, 9)


def test_npy_with_and_without_channels(tmp_path: Path, rng: np.random.Generator) -> None:
    images = rng.integers(0, 256, (3, 4, 5), dtype=np.uint8)
    np.save(tmp_path / "a.npy", images)
    data = load_npy(tmp_path / "a.npy", (4, 5, 1))
    assert np.array_equal(data.images, images[..., None])
    assert data.labels is None
    np.save(tmp_path / "b.npy", images.reshape(3, 2, 2, 5))
    picked = images_for((2, 2, 5), str(tmp_path / "b.npy"), 2)
    assert np.array_equal(picked.images, images.reshape(3, 2, 2, 5)[:2])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        pytest.param(np.zeros((2, 4, 5), np.float32), "values are float32", id="float"),
        pytest.param(np.zeros((2, 4), np.uint8), r"shape \(2, 4\)", id="rank_2"),
        pytest.param(np.zeros((0, 4, 5), np.uint8), r"shape \(0, 4, 5, 1\)", id="no_images"),
        pytest.param(np.zeros((2, 5, 4), np.uint8), "5x4x1, the model takes 4x5x1", id="shape"),
        pytest.param(np.array([[[None]]]), "not a plain .npy file", id="pickled"),
    ],
)
def test_wrong_npy(tmp_path: Path, value: np.ndarray, message: str) -> None:
    np.save(tmp_path / "a.npy", value, allow_pickle=True)
    with pytest.raises(UserError, match=message):
        load_npy(tmp_path / "a.npy", (4, 5, 1))


def test_npy_missing_truncated_or_text(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    with pytest.raises(UserError, match="no such file"):
        load_npy(path)
    np.save(path, np.zeros((20, 4, 5), np.uint8))
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(UserError, match=r"not a plain \.npy file"):
        load_npy(path)
    path.write_text("hello")
    with pytest.raises(UserError, match=r"not a plain \.npy file"):
        load_npy(path)
    with path.open("wb") as file:
        np.savez(file, a=np.zeros((2, 4, 5), np.uint8))
    with pytest.raises(UserError, match="an archive"):
        load_npy(path)


@pytest.mark.parametrize(
    ("choice", "count", "message"),
    [
        pytest.param("cats", None, r"no data set 'cats'; there are: .* or a \.npy file", id="name"),
        pytest.param("digits", None, "images 28x28x1, the model takes 4x5x1", id="shape"),
        pytest.param(None, 0, "at least 1, not 0", id="count"),
    ],
)
def test_wrong_choice(choice: str | None, count: int | None, message: str) -> None:
    with pytest.raises(UserError, match=message):
        images_for((4, 5, 1), choice, count)


def test_download_only_if_allowed_and_its_failure_is_one_line(
    monkeypatch: pytest.MonkeyPatch, nowhere: Path
) -> None:
    asked = []

    def fail() -> None:
        asked.append(True)
        raise Exception("URL fetch failure on https://example.org/mnist.npz\nsecond line")

    monkeypatch.setattr(import_keras().datasets.mnist, "load_data", fail)
    with pytest.raises(UserError, match="MNIST not found"):
        load("mnist", "test")
    assert not asked
    with pytest.raises(UserError, match=r"download failed \(URL fetch failure on [^\n]*\)$"):
        load("mnist", "test", allow_download=True)
    assert asked
