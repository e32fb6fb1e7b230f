"""Studies: tables of trained, pruned and quantized networks, each row measured and resumable.

``rows.py`` says what a study is, ``runner.py`` runs one, ``lenet5.py``, ``pruning.py`` and
``microcontroller.py`` are the studies. A study's module is imported only when it runs.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping

from ...codegen.errors import UserError
from .rows import Study

STUDIES: Mapping[str, str] = {
    "lenet5": "LeNet-5: precisions, pruning and quantized training, two recipes, with hardware.",
    "microcontroller": "LeNet-5 as TensorFlow Lite files for MNIST and Fashion-MNIST.",
    "pruning": "Unstructured and structured pruning on LeNet-5 and CIFAR-10, with hardware.",
}


def study(name: str) -> Study:
    """The study of that name; ``UserError`` lists what there is."""
    if name not in STUDIES:
        raise UserError(f"no study {name!r}; there are: {', '.join(STUDIES)}")
    found = importlib.import_module(f".{name}", __name__).STUDY
    assert isinstance(found, Study)
    return found
