"""The layers of a Keras model in the order data passes through them.

Input: a Sequential or functional model, models inside it included; output: its layers, without
input layers. A model that is not one chain raises ``UserError``.
"""

from __future__ import annotations

from typing import Any

from ..errors import UserError


def layer_chain(model: Any) -> list[Any]:
    """Return the Keras layers from input to output; nested models are unfolded in place."""
    names = [layer.name for layer in model.layers]
    if type(model).__name__ != "Sequential":
        names = _functional_order(model)
    layers: list[Any] = []
    for name in names:
        layer = model.get_layer(name)
        kind = type(layer).__name__
        if kind in ("Sequential", "Functional", "Model"):
            layers += layer_chain(layer)
        elif kind != "InputLayer":
            layers.append(layer)
    return layers


def input_shape(model: Any) -> tuple[int, ...]:
    """Return the shape of the only input, batch left out; all sizes must be fixed."""
    try:
        inputs, outputs = model.inputs, model.outputs
    except (AttributeError, ValueError):
        inputs = outputs = None
    if not inputs or not outputs:
        raise UserError("the model's input shape is unknown; begin it with an Input layer")
    for what, tensors in (("inputs", inputs), ("outputs", outputs)):
        if len(tensors) != 1:
            raise UserError(f"the model has {len(tensors)} {what}; supported is one")
    shape = tuple(inputs[0].shape[1:])
    if any(size is None for size in shape):
        raise UserError(f"the model's input shape {shape} is not fixed; give every size")
    return tuple(int(size) for size in shape)


def _functional_order(model: Any) -> list[str]:
    """Follow a functional model from its output back to its input, by its configuration."""
    config = model.get_config()
    nodes = {entry["name"]: entry["inbound_nodes"] for entry in config["layers"]}
    kinds = {entry["name"]: entry["class_name"] for entry in config["layers"]}
    output = config["output_layers"]
    while not isinstance(output, list | tuple) or isinstance(output[0], list | tuple | dict):
        output = next(iter(output.values())) if isinstance(output, dict) else output[0]
    name, order = str(output[0]), []
    while nodes[name]:
        order.append(name)
        label = f"layer {name!r} ({kinds[name]})"
        if len(nodes[name]) > 1:
            raise UserError(f"{label} is used {len(nodes[name])} times; supported is once")
        sources = _sources(nodes[name])
        if len(sources) != 1:
            raise UserError(f"{label} takes {len(sources)} tensors; supported are plain chains")
        name = sources[0]
        if name in order:
            raise UserError(f"{label}: the model is not a plain chain of layers")
    return order[::-1]


def _sources(value: Any) -> list[str]:
    """Return the names of the layers whose tensors appear in the arguments of a call."""
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            return [str(value["config"]["keras_history"][0])]
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [name for item in value for name in _sources(item)]
    return []
