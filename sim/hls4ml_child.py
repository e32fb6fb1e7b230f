"""Converts, compiles and runs one hls4ml model in a process of its own (``hls4ml_process``).

hls4ml prints much, TensorFlow warns, and compiled C++ may abort: here all that ends in a log file
(standard error) and an exit status. Argument: a file with the segment's JSON
(``hls4ml_layers.Segment.document``); beside it ``parameters.npz`` with ``<layer>.weights`` and
``<layer>.bias``, float64. Standard output: one JSON line when the model is compiled, the types
that hls4ml chose; then a line for every line read, which names an ``.npy`` file with inputs,
float64 (n, *shape). The answers lie beside it, in an ``.npz``: float64 (n, *shape) by layer name.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

DIGITS = "{:.17e}"  # a double's text that reads back as the same double


def main() -> None:
    """Serve until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever else writes to standard output, native code too
    path = Path(sys.argv[1])
    document = json.loads(path.read_text(encoding="utf-8"))
    with np.load(path.with_name("parameters.npz"), allow_pickle=False) as archive:
        parameters = {name: archive[name] for name in archive.files}
    model = _convert(document, parameters)
    model.config.trace_output = True
    model.compile()
    model.compile = lambda: None  # trace() would compile again each time
    print(json.dumps(_types(model, document)), file=answers)
    for line in sys.stdin:
        source = Path(line.rstrip("\n"))
        inputs = np.load(source, allow_pickle=False)
        _, traced = model.trace(np.ascontiguousarray(inputs))
        np.savez(source.with_suffix(".npz"), **{name: traced[name] for name in document["results"]})
        print("done", file=answers)


def _convert(document: dict[str, Any], parameters: dict[str, Any]) -> Any:
    from ..codegen.frontend.keras_runtime import import_keras

    keras = import_keras()
    keras.config.set_floatx("float64")  # weights are not rounded to float32 on the way
    import hls4ml

    layers = [keras.Input(tuple(document["input"]["shape"]), name="pixels")]
    layers += [
        getattr(keras.layers, layer["kind"])(name=layer["name"], **layer["arguments"])
        for layer in document["layers"]
    ]
    network = keras.Sequential(layers)
    for layer in network.layers:
        if layer.weights:
            layer.set_weights([parameters[f"{layer.name}.{what}"] for what in ("weights", "bias")])
    config = hls4ml.utils.config_from_keras_model(network, granularity="name", backend="Vitis")
    wanted = {layer["name"]: layer["types"] for layer in document["layers"]}
    wanted["pixels"] = {"result": document["input"]["type"]}
    for name, entry in config["LayerName"].items():
        entry["Trace"] = True
        entry["Precision"] |= wanted[name]
    model = hls4ml.converters.convert_from_keras_model(
        network,
        output_dir=document["folder"],
        backend="Vitis",
        io_type=document["io_type"],
        hls_config=config,
    )
    for layer in model.get_layers():
        for values in layer.weights.values():
            # by itself hls4ml writes as many decimals as the type has fraction bits: enough for
            # codes, but a float half way between two codes would be rounded twice
            values.precision_fmt = DIGITS
    return model


def _types(model: Any, document: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Every layer's types as C++ text; ``RuntimeError`` if one is not what was asked for."""
    convert = model.config.backend.convert_precision_string
    layers = {layer.name: layer for layer in model.get_layers()}
    for layer in document["layers"]:
        for kind, wanted in layer["types"].items():
            found = str(layers[layer["name"]].types[f"{kind}_t"].precision)
            if found != str(convert(wanted)):
                raise RuntimeError(f"{layer['name']}: hls4ml made {found} of {kind} type {wanted}")
    return {
        name: {
            kind.removesuffix("_t"): one.precision.definition_cpp()
            for kind, one in layer.types.items()
        }
        for name, layer in layers.items()
    }


if __name__ == "__main__":
    main()
