"""What a ``--precision`` value stands for, and the calibration images it is decided on.

Input: the value, a float graph and where images are; output: a ``Precision``. The grammar is
``codegen.precision_choice``'s, the work ``sim.post_training``'s.
"""

from __future__ import annotations

from pathlib import Path

from ..codegen.errors import UserError
from ..codegen.ir import Graph
from ..codegen.precision import AUTO, OWN, Precision, has_own
from ..codegen.precision_choice import parse_choice
from ..sim.post_training import post_training
from .datasets import Images, find, load
from .images import images_for, seeded_random_images

CALIBRATION_IMAGES = 512


def choose_precision(
    choice: str, graph: Graph, logits: str, dataset: str | None, data: Path | None = None
) -> tuple[Precision, str]:
    """The types that a ``--precision`` value stands for: see ``codegen.precision_choice``.

    Returns a ``Precision`` for ``to_typed_graph`` and a line on the calibration images, empty where
    none were needed; ``dataset`` and ``data`` say where they come from (``calibration_images``).
    Its ``name`` holds the value's options, its ``biases`` those that were corrected. ``UserError``
    for what can't be read, and for any choice but ``model`` where the model has quantizers: it
    would be another model.
    """
    if has_own(graph) and (choice != OWN or logits != "exact"):
        wrong = f"--precision {choice}" if choice != OWN else f"--logits {logits}"
        raise UserError(
            f"{wrong}: the model's own quantizers decide its types; leave the option out"
        )
    asked = parse_choice(choice)
    if not asked.needs_images:
        return post_training(asked, graph, logits), ""
    images, source = calibration_images(graph, dataset, data)
    what = [
        word
        for word, said in (
            ("calibrated", asked.base == AUTO),
            ("biases corrected", asked.corrected),
        )
        if said
    ]
    return post_training(asked, graph, logits, images), f"{' and '.join(what)} on {source}"


def calibration_images(
    graph: Graph, dataset: str | None, data: Path | None = None
) -> tuple[Images, str]:
    """Images (n, *shape) for ``auto`` and a line that says where they come from.

    Training images of the named data set, in the folder ``data`` if given; without a name MNIST's
    where the shape fits and it is found, else the digits, else seeded random images. Test images
    are never used.
    """
    shape = graph.input.image_shape
    if dataset is not None:
        chosen = images_for(shape, dataset, CALIBRATION_IMAGES, split="train", folder=data)
        return chosen.images, f"{len(chosen)} images of {chosen.source}"
    if shape == (28, 28, 1):
        name = "mnist" if find("mnist", part="train") is not None else "digits"
        chosen = load(name, "train").first(CALIBRATION_IMAGES)
        return chosen.images, f"{len(chosen)} images of {chosen.source}"
    images = seeded_random_images(shape, CALIBRATION_IMAGES, 2)
    return images, f"{len(images)} random images"
