"""Archives and configurations made to fill memory or to hide something: refused early, cheaply."""

from __future__ import annotations

import json
import resource
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest
from lenetgen.codegen.frontend import load_model
from lenetgen.codegen.frontend.keras_runtime import import_keras
from lenetgen.codegen.frontend.limits import MAX_CONFIG, MAX_FILE, MAX_NUMBER

from .damage import CONFIG, WEIGHTS, edit_config, pack, unpack
from .model_files import refused, small_model

# Keras 3.15 with numpy 2: Variable.__array__ has no copy argument.
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't:DeprecationWarning"
)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return small_model(tmp_path / "model.keras")


# ---- zip


def test_repacked_archives_load(archive: Path) -> None:
    expected = load_model(archive)
    pack(archive, unpack(archive), zipfile.ZIP_DEFLATED)
    assert load_model(archive) == expected


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (100 << 20, f"{WEIGHTS} unpacks to more than 100 times its size"),
        (MAX_FILE + 1, f"{WEIGHTS} unpacks to more than 256 MiB"),
    ],
)
def test_zip_bomb(archive: Path, size: int, message: str) -> None:
    members = unpack(archive)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new:
        new.writestr(CONFIG, members[CONFIG])
        with new.open(WEIGHTS, "w") as stream:
            for _ in range(size >> 20):
                stream.write(bytes(1 << 20))
            stream.write(bytes(size & 0xFFFFF))
    assert refused(archive) == message


@pytest.mark.parametrize("claimed", [100, 5_000_000])
def test_member_of_another_size_than_claimed(archive: Path, claimed: int) -> None:
    """Sizes in the zip's directory, set to less or more than what comes out."""
    members = unpack(archive)
    real = len(members[WEIGHTS])
    pack(archive, members, zipfile.ZIP_DEFLATED)
    content = archive.read_bytes()
    assert content.count(struct.pack("<L", real)) >= 2
    archive.write_bytes(content.replace(struct.pack("<L", real), struct.pack("<L", claimed)))
    assert refused(archive).startswith("truncated or damaged Keras archive (")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "../evil",
            "the archive holds '../evil'; supported are metadata.json, config.json, model.",
        ),
        ("/etc/x", "the archive holds '/etc/x'; supported are"),
        ("assets/layers/x", "the archive holds 'assets/layers/x'; supported are"),
        ("a" * 500, "the archive holds 'aaaa"),
        (CONFIG, "the archive holds config.json 2 times"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_foreign_and_double_members(archive: Path, name: str, message: str) -> None:
    with zipfile.ZipFile(archive, "a") as more:
        more.writestr(name, b"{}")
    assert refused(archive).startswith(message)


def test_encrypted_and_oddly_packed_members(archive: Path) -> None:
    members = unpack(archive)
    pack(archive, members, zipfile.ZIP_LZMA)
    assert refused(archive).endswith("is packed by an unsupported method; supported is deflate")
    pack(archive, members)
    content = bytearray(archive.read_bytes())
    at = content.find(b"PK\x01\x02")
    while at >= 0:
        content[at + 8] |= 1  # general purpose bit 0: encrypted
        at = content.find(b"PK\x01\x02", at + 4)
    archive.write_bytes(content)
    assert refused(archive).endswith("is encrypted; supported are plain archives")


def test_directory_of_many_members(archive: Path) -> None:
    with zipfile.ZipFile(archive, "w") as many:
        for number in range(3000):
            many.writestr(f"{number}", b"")
    assert refused(archive) == "the archive lists too many members, so it is no Keras model"
    with archive.open("ab") as file:  # a comment behind the end hides it from a naive look
        content = archive.read_bytes()
        file.write(b"x" * 50)
    archive.write_bytes(content[:-2] + struct.pack("<H", 50) + b"x" * 50)
    assert refused(archive) == "the archive lists too many members, so it is no Keras model"


def test_zip_64_directory(archive: Path) -> None:
    content = archive.read_bytes()
    locator = b"PK\x06\x07" + bytes(16)
    archive.write_bytes(content[:-22] + locator + content[-22:])
    assert refused(archive) == "the archive lists too many members, so it is no Keras model"


# ---- configuration


def test_config_of_hundreds_of_megabytes(tmp_path: Path) -> None:
    """Refused from the sizes alone, in a process that stays small; deflate packs it to 300 kB."""
    path = small_model(tmp_path / "huge.keras")
    weights = unpack(path)[WEIGHTS]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new:
        new.writestr(WEIGHTS, weights)
        with new.open(CONFIG, "w") as stream:
            for _ in range(300):
                stream.write(b" " * (1 << 20))
    assert path.stat().st_size < 5 << 20
    h5 = small_model(tmp_path / "huge.h5")
    with h5py.File(h5, "r+", libver="latest") as file:
        del file.attrs["model_config"]
        file.attrs["model_config"] = " " * (200 << 20)
    text = """
import resource, sys
from pathlib import Path
import h5py
from lenetgen.codegen.frontend.model_file import read_model_file
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[1:]:
    try:
        read_model_file(Path(path))
    except Exception as error:
        print(type(error).__name__, error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    words = [sys.executable, "-c", text, str(path), str(h5)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    first, second, grown = done.stdout.splitlines()
    assert first == "UserError config.json unpacks to more than 4 MiB"
    assert second.startswith("UserError more than 20 MiB beside the weights; ")
    assert int(grown) << 10 < 40 << 20


def test_config_over_the_limit_in_h5(tmp_path: Path) -> None:
    path = small_model(tmp_path / "m.h5")
    with h5py.File(path, "r+") as file:
        file.attrs["model_config"] = " " * (MAX_CONFIG + 1)
    assert refused(path) == "config.json is larger than 4 MiB"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ('{"a":' * 70 + "1" + "}" * 70, "nested deeper than 64 levels"),
        ("9" * 5000, "is not valid JSON"),
        ('"\xff', "is not valid JSON"),
    ],
)
def test_odd_json(archive: Path, value: str, message: str) -> None:
    members = unpack(archive)
    members[CONFIG] = f'{{"class_name": {value}}}'.encode("latin-1")
    pack(archive, members)
    assert message in refused(archive)


def test_config_in_another_encoding(archive: Path) -> None:
    """json would take UTF-16; the depth check would not see its brackets."""
    members = unpack(archive)
    members[CONFIG] = members[CONFIG].decode().encode("utf-16")
    pack(archive, members)
    assert refused(archive) == "the model's configuration is not valid JSON"


Config = dict[str, Any]


def _set(config: Config, place: int, **settings: object) -> None:
    config["config"]["layers"][place]["config"].update(settings)


SIZES: list[Any] = [
    pytest.param(
        lambda c: _set(c, 1, filters=10**9),
        "layer 'c' (Conv2D): filters=1000000000 is too large; at most",
        id="filters",
    ),
    pytest.param(
        lambda c: _set(c, 1, kernel_size=[10**7, 3]),
        "layer 'c' (Conv2D): kernel_size=10000000 is too large; at most",
        id="kernel",
    ),
    pytest.param(
        lambda c: _set(c, 1, filters=10**500),
        "layer 'c' (Conv2D): filters=a number of 501 digits is too large",
        id="digits",
    ),
    # each number is bearable, the kernel they make together is not
    pytest.param(
        lambda c: _set(c, 1, filters=MAX_NUMBER),
        f"layer 'c' (Conv2D): needs {9 * MAX_NUMBER} weights, the whole file holds",
        id="product",
    ),
    pytest.param(
        lambda c: _set(c, 3, units=300_000),
        "(Dense): needs 9600000 weights, the whole file holds",
        id="units",
    ),
    pytest.param(
        lambda c: c["config"]["layers"][3].update(build_config={"input_shape": [None, 10**6]}),
        "weights, the whole file holds",
        id="build_config",
    ),
]


@pytest.mark.parametrize(("edit", "message"), SIZES)
def test_layers_that_ask_for_gigabytes(
    archive: Path, edit: Callable[[Config], None], message: str
) -> None:
    edit_config(archive, edit)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert message in refused(archive)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 << 10  # KiB


@pytest.mark.parametrize("shape", [[None, 10**5, 10**5, 1], [None, 2048, 4096, 1]])
def test_images_of_gigabytes(tmp_path: Path, shape: list[int | None]) -> None:
    keras = import_keras()
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(1, 1)])
    model.save(path := tmp_path / "m.keras")
    edit_config(path, lambda c: _set(c, 0, batch_shape=shape))
    assert refused(path).endswith(f" values; at most {MAX_NUMBER}")


def test_results_of_gigabytes(tmp_path: Path) -> None:
    keras = import_keras()
    layers = keras.layers
    parts = [layers.Conv2D(1, 1), layers.ZeroPadding2D(1, name="z"), layers.BatchNormalization()]
    model = keras.Sequential([keras.Input((8, 8, 1)), *parts])
    model.save(path := tmp_path / "m.keras")
    edit_config(path, lambda c: _set(c, 2, padding=[[4000, 0], [4000, 0]]))
    size = 4008 * 4008
    assert refused(path) == f"layer 'z' (ZeroPadding2D): its result has {size} values; at most " + (
        str(MAX_NUMBER)
    )


def test_many_layers(tmp_path: Path) -> None:
    keras = import_keras()
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2), keras.layers.ReLU()])
    model.save(path := tmp_path / "m.keras")

    def repeat(config: Config) -> None:
        layers = config["config"]["layers"]
        layers += [json.loads(json.dumps(layers[-1])) for _ in range(1000)]

    edit_config(path, repeat)
    assert refused(path) == "the model has more than 1000 layers"
