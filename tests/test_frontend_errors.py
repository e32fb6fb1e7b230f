"""What the front end refuses, each in one line that names the file and the layer."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from lenetgen.codegen.errors import UserError
from lenetgen.codegen.frontend import convert, load_model
from lenetgen.codegen.frontend.keras_runtime import import_keras

pytestmark = [
    # Keras 3.15 with numpy 2: Variable.__array__ has no copy argument.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't:DeprecationWarning"),
    # Keras tells everyone who writes .h5 that .keras is the native format.
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5:UserWarning"),
]


@pytest.fixture(scope="module")
def keras() -> Any:
    return import_keras()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, keras: Any) -> Path:
    """One good model in both formats."""
    folder = tmp_path_factory.mktemp("models")
    model = keras.Sequential(
        [keras.Input((4, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(2, name="fc")]
    )
    model.save(folder / "good.keras")
    model.save(folder / "good.h5")
    return folder


def refused(path: Path) -> str:
    """Return the one line ``load_model`` says, which begins with the path."""
    with pytest.raises(UserError) as caught:
        load_model(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


def edited(source: Path, target: Path, edit: Callable[[dict[str, Any]], None]) -> Path:
    """Copy a .keras archive with a changed configuration."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                config = json.loads(content)
                edit(config)
                content = json.dumps(config).encode()
            new.writestr(name, content)
    return target


def test_good_files_load(files: Path) -> None:
    assert load_model(files / "good.keras") == load_model(str(files / "good.h5"))


def test_missing_folder_and_foreign_suffix(tmp_path: Path) -> None:
    assert refused(tmp_path / "no.keras") == "no such file"
    (tmp_path / "saved.keras").mkdir()
    assert refused(tmp_path / "saved.keras") == "is a folder; expected a .keras or .h5 file"
    (tmp_path / "model.onnx").write_bytes(b"x")
    assert refused(tmp_path / "model.onnx") == "the name must end in .keras, .h5 or .hdf5"


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_text_and_empty_files(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"text{suffix}"
    for content in (b"hello, I am no model", b""):
        path.write_bytes(content)
        assert refused(path) == "neither a Keras archive nor an HDF5 file"


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_truncated(files: Path, tmp_path: Path, suffix: str, part: float) -> None:
    content = (files / f"good{suffix}").read_bytes()
    path = tmp_path / f"cut{suffix}"
    path.write_bytes(content[: int(len(content) * part)])
    assert refused(path).startswith("truncated or damaged")


def test_flipped_bit_in_the_weights(files: Path, tmp_path: Path) -> None:
    content = bytearray((files / "good.keras").read_bytes())
    with zipfile.ZipFile(files / "good.keras") as archive:
        info = archive.getinfo("model.weights.h5")
    content[info.header_offset + 200] ^= 1
    path = tmp_path / "flipped.keras"
    path.write_bytes(content)
    assert "damaged" in refused(path)


def test_swapped_suffixes(files: Path, tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_bytes((files / "good.keras").read_bytes())
    assert refused(tmp_path / "a.h5") == "is a Keras 3 archive; rename it to end in .keras"
    (tmp_path / "a.keras").write_bytes((files / "good.h5").read_bytes())
    assert refused(tmp_path / "a.keras") == "is an HDF5 file; rename it to end in .h5"


def test_zip_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "other.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert refused(path) == "a zip file without config.json, so no Keras model"


def test_weights_only(tmp_path: Path, keras: Any) -> None:
    path = tmp_path / "weights.h5"
    with h5py.File(path, "w") as file:
        file["kernel"] = np.zeros(3)
    assert refused(path) == "holds weights only; save the whole model (model.save)"


@pytest.mark.parametrize("text", ["{", "[]", "null", "[" * 100000])
def test_configuration_is_no_model(files: Path, tmp_path: Path, text: str) -> None:
    path = tmp_path / "odd.h5"
    path.write_bytes((files / "good.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        del file.attrs["model_config"]
        file.attrs["model_config"] = text[:60000]
    assert refused(path).startswith("the model's configuration is n")


def test_missing_weights(files: Path, tmp_path: Path) -> None:
    def more_units(config: dict[str, Any]) -> None:
        config["config"]["layers"][-1]["config"]["units"] = 3

    path = edited(files / "good.keras", tmp_path / "units.keras", more_units)
    assert refused(path).startswith("Keras 3.")


def test_foreign_classes_are_refused_before_they_are_imported(files: Path, tmp_path: Path) -> None:
    def foreign_layer(config: dict[str, Any]) -> None:
        config["config"]["layers"][-1] |= {"module": "evil_module", "class_name": "Dense"}

    def foreign_initializer(config: dict[str, Any]) -> None:
        config["config"]["layers"][-1]["config"]["kernel_initializer"] = {
            "module": "os",
            "class_name": "system",
            "config": {"command": "true"},
        }

    def custom_function(config: dict[str, Any]) -> None:
        config["config"]["layers"][-1]["config"]["activation"] = {
            "module": "builtins",
            "class_name": "function",
            "config": "my_activation",
            "registered_name": "function",
        }

    def subclassed(config: dict[str, Any]) -> None:
        config |= {"module": "evil_module", "class_name": "Net"}

    source = files / "good.keras"
    message = refused(edited(source, tmp_path / "a.keras", foreign_layer))
    assert message.startswith("layer 'fc' (Dense of 'evil_module') is not supported; supported are")
    message = refused(edited(source, tmp_path / "b.keras", foreign_initializer))
    assert message.startswith("layer 'fc' (Dense): the file's own system of 'os' is not supported")
    message = refused(edited(source, tmp_path / "c.keras", custom_function))
    assert "the file's own function of 'builtins'" in message
    message = refused(edited(source, tmp_path / "d.keras", subclassed))
    assert message == "model class 'Net' is not supported; use Sequential or Functional"


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_unsupported_layer_in_a_file(tmp_path: Path, keras: Any, suffix: str) -> None:
    layers = keras.layers
    nested = keras.Sequential([keras.Input((4, 4, 2)), layers.GroupNormalization(2, name="gn")])
    model = keras.Sequential([keras.Input((4, 4, 1)), layers.Conv2D(2, 1), nested])
    path = tmp_path / f"model{suffix}"
    model.save(path)
    message = refused(path)
    assert message.startswith("layer 'gn' (GroupNormalization) is not supported; supported are Act")
    assert "Conv2D, Dense, Dropout, Flatten, Gaussian" in message


@pytest.mark.parametrize("nested", [False, True], ids=["flat", "nested"])
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_lambda_is_not_run(tmp_path: Path, keras: Any, suffix: str, nested: bool) -> None:
    twice = keras.layers.Lambda(lambda x: x * 2, name="twice")
    if nested:
        twice = keras.Sequential([keras.Input((4,)), twice])
    model = keras.Sequential([keras.Input((4,)), twice, keras.layers.Dense(2)])
    path = tmp_path / f"model{suffix}"
    model.save(path)
    assert refused(path).startswith("layer 'twice' (Lambda) is not supported")


CASES: list[Any] = [
    pytest.param(
        lambda k, la: [k.Input((6, 6, 2)), la.Conv2D(2, 3, groups=2, name="c")],
        "layer 'c' (Conv2D): groups=2 is not supported; supported is 1",
        id="groups",
    ),
    pytest.param(
        lambda k, la: [k.Input((6, 6, 2)), la.Conv2D(2, 3, dilation_rate=(1, 2), name="c")],
        "layer 'c' (Conv2D): dilation_rate=(1, 2) is not supported; supported is (1, 1)",
        id="dilation",
    ),
    pytest.param(
        lambda k, la: [k.Input((6, 6, 2)), la.Conv2D(2, 3, activation="gelu", name="c")],
        "layer 'c' (Conv2D): activation 'gelu' is not supported; supported are linear, relu, "
        "relu6, tanh, sigmoid, hard_sigmoid and, in the last layer, softmax",
        id="gelu",
    ),
    pytest.param(
        lambda k, la: [k.Input((4,)), la.Dense(2, activation="softmax", name="a"), la.Dense(2)],
        "layer 'a' (Dense): softmax is supported as the last layer only",
        id="softmax_inside",
    ),
    pytest.param(
        lambda k, la: [k.Input((4,)), la.Dense(2), la.Softmax(name="s"), la.ReLU()],
        "layer 's' (Softmax): softmax is supported as the last layer only",
        id="softmax_layer_inside",
    ),
    pytest.param(
        lambda k, la: [k.Input((4, 4, 1)), la.Conv2D(2, 1), la.Softmax(name="s")],
        "layer 's' (Softmax): softmax over an image is not supported; supported is a vector",
        id="softmax_image",
    ),
    pytest.param(
        lambda k, la: [k.Input((4,)), la.Dense(2), la.ReLU(max_value=0, name="r")],
        "layer 'r' (ReLU): max_value=0 is not supported; supported is a positive number",
        id="relu_of_zero",
    ),
    pytest.param(
        lambda k, la: [k.Input((4,)), la.Dense(2), la.ReLU(negative_slope=0.1, name="r")],
        "layer 'r' (ReLU): negative_slope=0.1 is not supported; supported are powers of two; "
        "the nearest are 1/16 and 1/8",
        id="leaky",
    ),
    pytest.param(
        lambda k, la: [k.Input((4,)), la.Dense(2), la.ReLU(threshold=1, name="r")],
        "layer 'r' (ReLU): threshold=1.0 is not supported; supported is 0.0",
        id="threshold",
    ),
    pytest.param(
        lambda k, la: [k.Input((4, 4)), la.Dense(2, name="d")],
        "layer 'd' (Dense): its input has shape (4, 4); put a Flatten layer before it",
        id="dense_on_rows",
    ),
    pytest.param(
        lambda k, la: [k.Input((2, 4, 4)), la.MaxPooling2D(2, data_format="channels_first")],
        "data_format='channels_first' is not supported; supported is 'channels_last'",
        id="channels_first",
    ),
    pytest.param(
        lambda k, la: [k.Input((2, 2, 3)), la.Rescaling([1, 2], name="s"), la.Flatten()],
        "layer 's' (Rescaling): scale has shape (2,); supported are one number or one per channel",
        id="rescaling_shape",
    ),
    pytest.param(
        lambda k, la: [k.Input((2, 2, 3)), la.Rescaling(float("nan"), name="s")],
        "layer 's' (Rescaling): scale is NaN or infinite",
        id="rescaling_nan",
    ),
    pytest.param(
        lambda k, la: [k.Input((None, None, 1)), la.Conv2D(2, 3)],
        "the model's input shape (None, None, 1) is not fixed; give every size",
        id="open_input",
    ),
    pytest.param(
        lambda k, la: [k.Input((2, 2, 2, 1)), la.Flatten(), la.Dense(1)],
        "the model's input shape (2, 2, 2, 1) is not supported; supported are",
        id="rank_4",
    ),
    pytest.param(
        lambda k, la: [k.Input((4, 4, 1)), la.MaxPooling2D(2), la.Flatten()],
        "the model has no Conv2D and no Dense layer",
        id="no_weights",
    ),
    pytest.param(
        lambda k, la: [la.Dense(2)],
        "the model's input shape is unknown; begin it with an Input layer",
        id="unbuilt",
    ),
    pytest.param(
        lambda k, la: [k.Input((4, 4, 1)), la.Conv2D(1, 1), la.LayerNormalization(name="ln")],
        "layer 'ln' (LayerNormalization) is not supported; supported are Activation,",
        id="unsupported",
    ),
]


@pytest.mark.parametrize(("build", "message"), CASES)
def test_unsupported_settings(
    keras: Any, build: Callable[[Any, Any], list[Any]], message: str
) -> None:
    model = keras.Sequential(build(keras, keras.layers))
    with pytest.raises(UserError) as caught:
        convert(model)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers(keras: Any, value: float) -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="fc")])
    kernel, bias = model.get_weights()
    kernel[1, 1] = value
    model.set_weights([kernel, bias])
    with pytest.raises(UserError, match=r"layer 'fc' \(Dense\): 1 of 6 values of its kernel"):
        convert(model)


def test_models_that_are_no_chain(keras: Any) -> None:
    layers = keras.layers
    start = keras.Input((4,))
    other = keras.Input((4,))
    shared = layers.Dense(4, name="shared")
    with pytest.raises(UserError, match="the model has 2 inputs; supported is one"):
        convert(keras.Model([start, other], layers.Add()([start, other])))
    with pytest.raises(UserError, match="the model has 2 outputs; supported is one"):
        convert(keras.Model(start, [layers.Dense(1)(start), layers.Dense(2)(start)]))
    with pytest.raises(UserError, match=r"layer 'shared' \(Dense\) is used 2 times"):
        convert(keras.Model(start, shared(shared(start))))
    branches = [layers.Dense(4)(start), layers.Dense(4)(start)]
    with pytest.raises(UserError, match=r"layer 'sum' \(Add\) takes 2 tensors; supported are pla"):
        convert(keras.Model(start, layers.Add(name="sum")(branches)))
