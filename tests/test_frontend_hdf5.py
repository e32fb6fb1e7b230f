"""HDF5 parts that would open other files or take all memory, and numbers that are none."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from lenetgen.codegen.frontend import load_model
from lenetgen.codegen.frontend.keras_runtime import import_keras
from lenetgen.codegen.frontend.limits import MAX_CONFIG
from lenetgen.codegen.frontend.model_file import read_model_file

from .damage import WEIGHTS, edit_arrays, edit_config, pack, unpack
from .model_files import refused, small_model

# Keras 3.15 with numpy 2: Variable.__array__ has no copy argument.
pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't:DeprecationWarning"
)


@pytest.fixture(params=[".keras", ".h5"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return small_model(tmp_path / f"model{request.param}")


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return small_model(tmp_path / "model.keras")


def _first(file: h5py.File) -> str:
    names: list[str] = []
    file.visititems(lambda name, item: names.append(name) if hasattr(item, "shape") else None)
    return names[0]


def _replace(make: Callable[[h5py.File, str, Any], None]) -> Callable[[h5py.File], None]:
    """Edit a file: ``make(file, name, values)`` builds another thing in the first array's place."""

    def edit(file: h5py.File) -> None:
        name = _first(file)
        values = file[name][()]
        del file[name]
        make(file, name, values)

    return edit


def _virtual(file: h5py.File, name: str, values: Any) -> None:
    layout = h5py.VirtualLayout(values.shape, "f4")
    layout[...] = h5py.VirtualSource("other.h5", "x", values.shape)
    file.create_virtual_dataset(name, layout)


def _external(file: h5py.File, name: str, values: Any) -> None:
    size = values.size * 4
    file.create_dataset(name, values.shape, "f4", external=[("other.raw", 0, size)])


def _links(file: h5py.File, name: str, values: Any) -> None:
    """Groups that hold each other twice: two to the fortieth ways through forty groups."""
    file[name] = values
    groups = [file.create_group(f"g{n}") for n in range(40)]
    for outer, inner in itertools.pairwise(groups):
        outer["a"] = inner
        outer["b"] = inner


def _loop(file: h5py.File, name: str, values: Any) -> None:
    file[name] = values
    file["loop"] = file["/"]


ARRAYS: list[Any] = [
    pytest.param(
        lambda f, n, v: f.__setitem__(n, h5py.ExternalLink("other.h5", "/x")),
        "is a link to another file; supported are plain arrays",
        id="external-link",
    ),
    pytest.param(
        lambda f, n, v: f.__setitem__(n, h5py.SoftLink("/")),
        "is a soft link; supported are plain arrays",
        id="soft-link",
    ),
    pytest.param(_virtual, "lies in another file; supported are plain arrays", id="virtual"),
    pytest.param(_external, "lies in another file; supported are plain arrays", id="external"),
    pytest.param(
        lambda f, n, v: f.create_dataset(n, (1 << 34,), "f4", chunks=(1024,)),
        "its arrays take more than 256 MiB",
        id="declared",
    ),
    pytest.param(
        lambda f, n, v: f.create_dataset(n, (10 << 20,), "f4", chunks=(1024,)),
        "is larger than 100 times what is stored",
        id="not-stored",
    ),
    pytest.param(
        lambda f, n, v: f.create_dataset(n, (2,), "f4", maxshape=(None,), chunks=(1 << 27,)),
        "its arrays take more than 256 MiB",
        id="chunk",
    ),
    pytest.param(
        lambda f, n, v: f.create_dataset(n, data=np.zeros(1 << 20, "f4"), compression="gzip"),
        "is compressed; unpack it (h5repack -f NONE) or save the model from Keras",
        id="compressed",
    ),
    pytest.param(
        lambda f, n, v: f.__setitem__(n, v.astype("c8")),
        "holds complex64; supported are floats and integers of up to 64 bits",
        id="complex",
    ),
    pytest.param(
        lambda f, n, v: f.__setitem__(n, np.full(v.shape, b"text")),
        "holds |S4; supported are",
        id="text",
    ),
    pytest.param(
        lambda f, n, v: f.__setitem__(n, np.zeros(v.shape, "f4,i4")),
        "holds [('f0', '<f4'), ('f1', '<i4')]; supported are",
        id="compound",
    ),
    pytest.param(
        lambda f, n, v: f.create_dataset(n, v.shape, h5py.special_dtype(vlen=np.float32)),
        "holds object; supported are",
        id="ragged",
    ),
    pytest.param(
        lambda f, n, v: f.__setitem__(n, h5py.Empty("f4")), "holds nothing; supported", id="empty"
    ),
    pytest.param(
        lambda f, n, v: f.__setitem__(n, np.dtype("f4")),
        "is neither a group nor an array",
        id="named-type",
    ),
    pytest.param(_links, "more than 20000 objects in its HDF5 part", id="links"),
    pytest.param(_loop, "HDF5 groups nested deeper than 64", id="loop"),
]


@pytest.mark.parametrize(("make", "message"), ARRAYS)
def test_hdf5_parts(
    model: Path, make: Callable[[h5py.File, str, Any], None], message: str, tmp_path: Path
) -> None:
    (tmp_path / "other.raw").write_bytes(bytes(10_000))
    edit_arrays(model, _replace(make))
    text = refused(model, read_model_file)
    assert message in text
    assert text.startswith(f"{WEIGHTS}: ") == (model.suffix == ".keras")


def test_large_attribute(tmp_path: Path) -> None:
    path = small_model(tmp_path / "m.h5")
    with h5py.File(path, "r+", libver="latest") as file:
        group = file.create_group("more")
        group.attrs["big"] = np.zeros(MAX_CONFIG + 1, "u1")
    assert refused(path) == f"HDF5 attribute 'big' takes more than {MAX_CONFIG} bytes"


# ---- numbers


@pytest.mark.parametrize("policy", ["float16", "bfloat16", "float64", "mixed_float16"])
def test_other_floats_are_read_exactly(tmp_path: Path, policy: str) -> None:
    keras = import_keras()
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, dtype=policy, name="fc")])
    weights = [np.arange(8).reshape(4, 2) / 8, np.array([0.5, -1.25])]
    model.set_weights(weights)
    model.save(path := tmp_path / "m.keras")
    (op,) = load_model(path).ops
    assert np.array_equal(op.weights.values, weights[0])  # type: ignore[attr-defined]
    assert np.array_equal(op.bias.values, weights[1])  # type: ignore[attr-defined]


@pytest.mark.parametrize("policy", ["int8", "complex64", "float8", "int8_from_float32", "bool"])
def test_other_number_types(model: Path, policy: str) -> None:
    edit_config(model, lambda c: c["config"]["layers"][1]["config"].update(dtype=policy))
    assert refused(model) == (
        f"layer 'c' (Conv2D): dtype '{policy}' is not supported; supported are float16, bfloat16, "
        "float32, float64, mixed_float16, mixed_bfloat16"
    )


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_weights_in_a_file_that_are_no_numbers(model: Path, bad: float) -> None:
    """1e300 is a number, but none of the layer's float32."""

    def edit(file: h5py.File) -> None:
        names: list[str] = []
        file.visititems(lambda n, i: names.append(n) if getattr(i, "ndim", 0) == 4 else None)
        values = file[names[0]][()].astype("f8")
        values[0, 0, 0, 0] = bad
        del file[names[0]]
        file[names[0]] = values

    edit_arrays(model, edit)
    text = "layer 'c' (Conv2D): 1 of 18 values of its kernel are NaN or infinite"
    assert refused(model) == text


def test_weights_of_another_shape(model: Path) -> None:
    edit_arrays(model, _replace(lambda f, n, v: f.__setitem__(n, np.zeros((7, 7), "f4"))))
    assert "can't load it: " in refused(model)


def test_damaged_weights_inside_a_sound_archive(archive: Path) -> None:
    members = unpack(archive)
    members[WEIGHTS] = members[WEIGHTS][:1000]
    pack(archive, members)
    assert refused(archive).startswith(f"{WEIGHTS}: truncated or damaged HDF5 file (")
    members[WEIGHTS] = io.BytesIO(b"text").getvalue()
    pack(archive, members)
    assert refused(archive).startswith(f"{WEIGHTS}: truncated or damaged HDF5 file (")
