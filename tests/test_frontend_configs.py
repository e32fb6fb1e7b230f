"""Configurations of real files with one thing wrong: names, hidden objects, odd settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lenetgen.codegen.errors import UserError
from lenetgen.codegen.frontend import convert, load_model
from lenetgen.codegen.frontend.keras_runtime import import_keras

from .damage import edit_config
from .model_files import refused, small_model

pytestmark = [
    # Keras 3.15 with numpy 2: Variable.__array__ has no copy argument.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't:DeprecationWarning"),
]


@pytest.fixture(params=[".keras", ".h5"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return small_model(tmp_path / f"model{request.param}")


def _layer(config: dict[str, Any], place: int = 1) -> dict[str, Any]:
    found: dict[str, Any] = config["config"]["layers"][place]
    return found


NAMES = {
    "module": "module_x",
    "class": "class_x",
    "{{7*7}}": "n7_7",
    "{% raw %}": "raw",
    "$(touch x)": "touch_x",
    "слой": "layer_x",
    "層": "layer_x",
    "image": "image_x",
    "a\nb": "a_b",
    "\x1b[31mred": "n31mred",
    "..": "layer_x",
    "flatten": "flatten_2",
}


@pytest.mark.parametrize("name", NAMES)
def test_names_that_mean_something(model: Path, name: str) -> None:
    """They load, as harmless identifiers; one that two layers have is refused by Keras."""
    expected = load_model(model)
    edit_config(model, lambda c: _layer(c)["config"].update(name=name))
    flatten = expected.ops[1].name
    if name == "flatten":
        edit_config(
            model, lambda c: _layer(c)["config"].update(name=_layer(c, 2)["config"]["name"])
        )
        assert "unique name" in refused(model)
        return
    graph = load_model(model)
    assert [op.name for op in graph.ops] == [NAMES[name], flatten, expected.ops[2].name]


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/b"])
def test_names_like_paths(model: Path, name: str) -> None:
    edit_config(model, lambda c: _layer(c)["config"].update(name=name))
    text = f"layer {name!r} (Conv2D): Keras 3 takes no '/' in a layer's name; rename it"
    assert refused(model) == text


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (7, "layer 7 (Conv2D): its name is no text"),
        (["a"], "layer \"['a']\" (Conv2D): its name is no text"),
        ("x" * 300, "(Conv2D): its name has 300 characters; at most 200"),
    ],
)
def test_names_that_are_none(model: Path, name: object, message: str) -> None:
    edit_config(model, lambda c: _layer(c)["config"].update(name=name))
    assert message in refused(model)


FOREIGN = {"module": "os", "class_name": "system", "config": {"command": "touch evil"}}
LAMBDA = {"class_name": "__lambda__", "config": {"value": ["4wEA", None, None]}}
SPEC = {
    "class_name": "__typespec__",
    "module": "os",
    "spec_name": "system",
    "registered_name": None,
    "config": [],
}


@pytest.mark.parametrize("hidden", [FOREIGN, LAMBDA, SPEC], ids=["class", "lambda", "typespec"])
@pytest.mark.parametrize("place", ["config", "build_config", "compile_config", "inbound_nodes"])
def test_objects_anywhere_in_a_layer(model: Path, place: str, hidden: dict[str, Any]) -> None:
    def hide(config: dict[str, Any]) -> None:
        box = _layer(config).get(place)
        _layer(config)[place] = {**(box if isinstance(box, dict) else {}), "more": [hidden]}

    edit_config(model, hide)
    assert refused(model).startswith("layer 'c' (Conv2D): the file's own ")


@pytest.mark.parametrize("hidden", [FOREIGN, LAMBDA], ids=["class", "lambda"])
def test_objects_in_how_an_inner_model_was_compiled(model: Path, hidden: dict[str, Any]) -> None:
    def nest(config: dict[str, Any]) -> None:
        inner = {"class_name": "Sequential", "config": {"name": "in", "layers": []}}
        config["config"]["layers"].append({**inner, "compile_config": {"loss": hidden}})

    edit_config(model, nest)
    assert refused(model).startswith("model 'in': the file's own ")


def test_layers_among_settings(model: Path) -> None:
    """A layer may hide where an activation stands, and could read files."""
    lookup = {
        "module": "keras.layers",
        "class_name": "StringLookup",
        "config": {"vocabulary": "/etc/hostname"},
    }
    edit_config(model, lambda c: _layer(c)["config"].update(activation=lookup))
    text = "layer 'c' (Conv2D): StringLookup among its settings is not supported"
    assert refused(model) == text


def test_settings_of_the_wrong_kind_in_memory() -> None:
    """What a handler can't read is the layer's fault, said with its name."""
    keras = import_keras()
    layer = keras.layers.MaxPooling2D(2, name="p")
    model = keras.Sequential([keras.Input((4, 4, 1)), layer, keras.layers.Conv2D(1, 1)])
    layer.strides = None
    layer.compute_output_shape = lambda shape: (None, 2, 2, 1)
    with pytest.raises(UserError, match=r"layer 'p' \(MaxPooling2D\): its settings can't be used"):
        convert(model)


def test_model_with_named_outputs(tmp_path: Path) -> None:
    """Inputs and outputs as dictionaries."""
    keras = import_keras()
    start = keras.Input((4,), name="pixels")
    end = keras.layers.Dense(2, name="fc")(start)
    plain, named = keras.Model(start, end), keras.Model({"pixels": start}, {"class": end})
    expected, graph = convert(plain), convert(named)
    assert graph.ops == expected.ops
    named.save(path := tmp_path / "named.keras")
    assert load_model(path).ops == expected.ops
