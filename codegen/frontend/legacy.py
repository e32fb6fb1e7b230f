"""Files of Keras 2: small repairs with which Keras 3 reads them, or what to tell their owners.

Input: an ``.h5`` file and its configuration; output: a file Keras 3 reads, a repaired copy where
needed. Tried with files of tf-keras 2.21: Keras 3.15 then reads all ``.h5`` files but those with
TensorFlow functions, a '/' in a name, or a Sequential inside a functional model, and none of the
``.keras`` archives.
"""

from __future__ import annotations

import contextlib
import copy
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Layers that Keras 2 made of TensorFlow functions called between layers (tf.nn.relu(x), x / 255).
TENSORFLOW_LAYERS = (
    "TFOpLambda",
    "SlicingOpLambda",
    "ClassMethod",
    "InstanceMethod",
    "InstanceProperty",
    "TensorFlowOpLayer",
)

POLICY = "Policy"  # how Keras 2 stored mixed precision

ONLY_TF_KERAS = (
    "only tf-keras reads it: load it there, build the same layers in Keras 3, copy the weights "
    "(get_weights, set_weights) and save that model as .keras"
)


def only_tf_keras(version: str) -> str:
    """Return what to put behind Keras' message if a Keras 2 wrote the file, else nothing."""
    return f"; written by Keras {version[:20]}, {ONLY_TF_KERAS}" if version.startswith("2.") else ""


@contextlib.contextmanager
def readable(path: Path, config: dict[str, Any]) -> Iterator[Path]:
    """Yield ``path``, or a copy in which Keras 3 finds its own way of saying the same."""
    repaired = copy.deepcopy(config)
    if path.suffix == ".keras" or not _repair(repaired):
        yield path
        return
    import h5py

    with tempfile.TemporaryDirectory(prefix="lenetgen-") as folder:
        changed = Path(shutil.copyfile(path, Path(folder) / "model.h5"))
        with h5py.File(changed, "r+") as file:
            del file.attrs["model_config"]
            file.attrs["model_config"] = json.dumps(repaired)
        yield changed


def _repair(model: dict[str, Any]) -> bool:
    """Repair a model's configuration in place; tell whether that was needed.

    Keras before 2.2.3 stored a Sequential as the bare list of its layers, and a Sequential of
    Keras before 2.4 has no input layer: the first layer has the shape. Keras 2 stored mixed
    precision as a ``Policy``.
    """
    needed = False
    if isinstance(model["config"], list):
        model["config"] = {"name": "sequential", "layers": model["config"]}
        needed = True
    layers = model["config"]["layers"]
    for layer in layers:
        settings = layer["config"]
        if isinstance(settings, list) or "layers" in settings:
            needed |= _repair(layer)
            continue
        dtype = settings.get("dtype")
        if isinstance(dtype, dict) and dtype.get("class_name") == POLICY:
            settings["dtype"] = dtype["config"]["name"]
            needed = True
    first = layers[0] if layers and model.get("class_name") == "Sequential" else {}
    shape = (
        first["config"].get("batch_input_shape") if isinstance(first.get("config"), dict) else None
    )
    if shape is not None and first.get("class_name") != "InputLayer":
        name = f"{first['config'].get('name')}_input"
        settings = {"name": name, "batch_input_shape": shape}
        layers.insert(0, {"class_name": "InputLayer", "config": settings})
        needed = True
    return needed
