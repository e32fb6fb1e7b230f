"""A failing network as a test file of its own, which needs neither the generator nor its seed.

Input: a ``Case`` and what differed; output: a pytest file that holds the network as JSON, and
``read_network`` for that file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from .. import __version__
from ..codegen.render import identifier, render, write_text
from ..codegen.schedule import Fold
from ..codegen.serialize import from_parts, to_parts
from ..codegen.show import show
from .compare import Finding
from .rtl_networks import Network
from .shrink_case import Case

MAX_NOTES = 6


def network_json(case: Case) -> str:
    """The case as JSON, a line per part: description, parameters, folds, images."""
    description, arrays = to_parts(case.graph)
    parts = {
        "network": description,
        "parameters": {name: values.tolist() for name, values in arrays.items()},
        "folds": {name: asdict(fold) for name, fold in case.folds.items()},
        "pixels": case.pixels,
        "images": case.images.tolist(),
    }
    lines = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in parts.items()]
    return "{\n" + ",\n".join(lines) + "\n}"


def read_network(name: str, text: str) -> Network:
    """The network that ``network_json`` wrote, checked and ready to compare."""
    parts = json.loads(text)
    arrays = {key: np.array(values, dtype=np.int64) for key, values in parts["parameters"].items()}
    for entry in parts["network"]["layers"]:
        for label in ("weights", "bias", "table"):
            if label in entry:  # an empty list has no shape of its own
                key = f"{entry['name']}_{label}"
                arrays[key] = arrays[key].reshape(entry[label]["shape"])
    graph = from_parts(parts["network"], arrays)
    folds = {key: Fold(**fold) for key, fold in parts["folds"].items()}
    images = np.array(parts["images"], dtype=np.uint8).reshape(-1, *graph.input.shape)
    return Network.of(name, graph, folds, images, parts["pixels"])


def write_test(
    folder: Path, seed: int, case: Case, findings: Sequence[Finding], engine: str
) -> Path:
    """Write ``folder/test_random_<seed>.py``; return its path. ``OSError`` if it can't be."""
    name = identifier(f"random_{seed}")
    path = folder / f"test_{name}.py"
    notes = [line for finding in findings[:MAX_NOTES] for line in str(finding).splitlines()]
    values = {
        "seed": seed,
        "version": __version__,
        "notes": [line.replace("\\", "/").replace('"""', "'''") for line in notes],
        "file": path.name,
        "summary": "".join(f"# {line}\n" for line in show(case.graph).splitlines()),
        "network": network_json(case),
        "name": name,
        "engine": engine,
    }
    write_text(path, render("sim/test_network.py.j2", values))
    return path
