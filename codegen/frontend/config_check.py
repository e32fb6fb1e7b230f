"""Look through a model's configuration before Keras builds anything from it.

Input: the parsed configuration; output: nothing, or ``UserError`` in one line. It runs none of the
content: no class is imported, no array is made. What the settings mean is the handlers' task.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from ..errors import UserError
from .legacy import ONLY_TF_KERAS, POLICY, TENSORFLOW_LAYERS
from .limits import MAX_LAYERS, MAX_NAME, MAX_NUMBER
from .quantized import HANDLERS, SETTINGS

MODELS = ("Sequential", "Functional", "Model")  # Model: a functional model of old .h5 files
_DTYPES = ("float16", "bfloat16", "float32", "float64", "mixed_float16", "mixed_bfloat16")
_POLICIES = ("DTypePolicy", "FloatDTypePolicy", POLICY)  # of Keras 3, of Keras 3.0, of Keras 2
# Numbers that count nothing: seeds of initializers and addresses that tell shared objects apart.
_NO_SIZES = ("seed", "shared_object_id")


def check_config(config: dict[str, Any], supported: Collection[str]) -> None:
    """Refuse any model, layer or function that is not Keras' own and supported.

    Also sizes, names and number types that no small model has. Runs before Keras builds anything,
    so that no foreign code named in a file is imported and nothing large is allocated.
    """
    if _check_model(config, supported) > MAX_LAYERS:
        raise UserError(f"the model has more than {MAX_LAYERS} layers")


def _check_model(config: dict[str, Any], supported: Collection[str]) -> int:
    """Check a model and those inside it; return the number of layers."""
    kind = config.get("class_name")
    if kind not in MODELS:
        raise UserError(
            f"model class {_short(kind)} is not supported; use Sequential or Functional"
        )
    inner = config.get("config")
    # Keras 2 before 2.2 stored a Sequential as the bare list of its layers.
    layers = inner.get("layers") if isinstance(inner, dict) else inner
    if not isinstance(layers, list):
        raise UserError("the configuration lists no layers")
    model = f"model {_short(inner.get('name') if isinstance(inner, dict) else None)}"
    if not _is_keras(config):
        raise UserError(f"{model} ({_class_text(config)}) is not supported; use Keras' own classes")
    for key in ("build_config", "compile_config"):
        _check_objects(config.get(key), model, supported)
    count = 0
    for layer in layers:
        if not isinstance(layer, dict):
            raise UserError("the configuration lists something that is no layer")
        if layer.get("class_name") in MODELS:
            count += _check_model(layer, supported)
            continue
        settings = layer.get("config")
        name = settings.get("name") if isinstance(settings, dict) else None
        name = layer.get("name") if name is None else name
        _check_layer(layer, name, f"layer {_short(name)}", supported)
        count += 1
    return count


def _check_layer(
    layer: dict[str, Any], name: object, label: str, supported: Collection[str]
) -> None:
    kind = layer.get("class_name")
    if kind in TENSORFLOW_LAYERS:
        raise UserError(f"{label} is a function of TensorFlow called as a layer; {ONLY_TF_KERAS}")
    known_keras = isinstance(kind, str) and kind in supported and _is_keras(layer)
    if not known_keras and not (_is_hgq(layer) and kind in HANDLERS):
        known = ", ".join(sorted({*supported, *HANDLERS}))
        raise UserError(f"{label} ({_class_text(layer)}) is not supported; supported are {known}")
    label = f"{label} ({kind})"
    if not isinstance(layer.get("config"), dict):
        raise UserError(f"{label}: it has no settings")
    if name is not None and not isinstance(name, str):
        raise UserError(f"{label}: its name is no text")
    if isinstance(name, str) and "/" in name:
        raise UserError(f"{label}: Keras 3 takes no '/' in a layer's name; rename it")
    if isinstance(name, str) and len(name) > MAX_NAME:
        raise UserError(f"{label}: its name has {len(name)} characters; at most {MAX_NAME}")
    _check_dtype(layer["config"].get("dtype"), label)
    for key in ("config", "build_config", "compile_config", "inbound_nodes"):
        _check_objects(layer.get(key), label, supported)
    for setting, value in layer["config"].items():
        _check_numbers(value, label, setting)


def _check_dtype(stored: object, label: str) -> None:
    """Refuse models that Keras quantized itself, complex ones and number types nobody knows."""
    policy = stored
    if isinstance(stored, dict):
        inner = stored.get("config")
        policy = inner.get("name") if isinstance(inner, dict) else None
        if stored.get("class_name") not in _POLICIES:
            policy = stored.get("class_name")
    if policy is not None and policy not in _DTYPES:
        raise UserError(
            f"{label}: dtype {_short(policy)} is not supported; supported are {', '.join(_DTYPES)}"
        )


def _check_objects(value: object, label: str, supported: Collection[str]) -> None:
    """Refuse functions and classes from elsewhere, and layers that hide in settings."""
    for item in _objects(value):
        kind = item["class_name"]
        if kind in ("function", "__lambda__") or not (_is_keras(item) or _is_hgq(item)):
            raise UserError(
                f"{label}: the file's own {_class_text(item)} is not supported; "
                "supported are the functions and classes of Keras and HGQ2's quantizers"
            )
        layer = str(item.get("module")).startswith("keras.layers")
        if layer and not (isinstance(kind, str) and kind in supported):
            raise UserError(f"{label}: {_class_text(item)} among its settings is not supported")


def _check_numbers(value: object, label: str, setting: str) -> None:
    """Refuse sizes that would take all memory: a number of filters, a kernel, a shape."""
    if isinstance(value, int) and abs(value) > MAX_NUMBER and setting not in _NO_SIZES:
        shown = str(value) if abs(value) < 10**20 else f"a number of {len(str(value))} digits"
        raise UserError(f"{label}: {setting[:60]}={shown} is too large; at most {MAX_NUMBER}")
    if isinstance(value, dict):
        for key, item in value.items():
            _check_numbers(item, label, key)
    elif isinstance(value, list):
        for item in value:
            _check_numbers(item, label, setting)


def _objects(value: object) -> Iterator[dict[str, Any]]:
    """Yield all serialized objects inside ``value``; the depth is limited at parsing."""
    if isinstance(value, dict):
        if "class_name" in value:
            yield value
        for item in value.values():
            yield from _objects(item)
    elif isinstance(value, list):
        for item in value:
            yield from _objects(item)


def _is_keras(value: dict[str, Any]) -> bool:
    module = value.get("module") or "keras"
    foreign = ">" in str(value.get("registered_name") or "")
    return str(module).split(".")[0] == "keras" and not foreign


def _is_hgq(value: dict[str, Any]) -> bool:
    """Tell whether an object is a layer or a setting of HGQ2 that we know, as HGQ2 stores it."""
    kind = value.get("class_name")
    if not isinstance(kind, str) or kind not in {*HANDLERS, *SETTINGS}:
        return False
    module = str(value.get("module")).split(".")[0]
    return module == "hgq" and value.get("registered_name") == f"hgq>{kind}"


def uses_hgq(config: dict[str, Any]) -> bool:
    """Tell whether anything in a checked configuration is HGQ2's."""
    return any(_is_hgq(item) for item in _objects(config))


def _class_text(value: dict[str, Any]) -> str:
    """Return the class' name, with its module if that is not Keras."""
    kind = value.get("class_name")
    kind = kind if isinstance(kind, str) and kind.isidentifier() else repr(kind)
    return kind[:60] if _is_keras(value) else f"{kind[:60]} of {_short(value.get('module'))}"


def _short(value: object) -> str:
    """Return a value of the file for a message: quoted, in one line, not too long."""
    text = repr(str(value) if not isinstance(value, str | int | float) else value)
    return text if len(text) <= 80 else f"{text[:76]}...{text[-1]}"
