"""The passes in order, each checked by ``verify`` afterwards.

``to_float_graph`` prepares a front-end graph, ``to_typed_graph`` gives it formats,
``to_hardware_graph`` drops what no result depends on. ``--dump-ir`` writes the graph after every
pass.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .ir import Graph
from .passes.assign_formats import assign_formats
from .passes.cast_before_table import cast_before_table
from .passes.drop_dead_channels import drop_dead_channels
from .passes.drop_flatten import drop_flatten
from .passes.drop_softmax import drop_softmax
from .passes.fold_batchnorm import fold_batchnorm
from .passes.fuse_activation import fuse_activation
from .passes.fuse_casts import fuse_casts
from .passes.input_scaling import assume_unit_range, fold_input_scaling
from .passes.merge_padding import merge_padding
from .precision import Precision
from .render import write_text
from .show import show
from .verify import verify

Pass = Callable[[Graph], Graph]

FLOAT_PASSES: tuple[Pass, ...] = (
    drop_softmax,  # logits leave the hardware; must be first, nothing else knows softmax
    drop_flatten,  # so that a ReLU behind Flatten can meet its layer
    merge_padding,  # before normalization moves: a folded offset must see the zeros
    assume_unit_range,  # a model without Rescaling was trained on pixels / 255
    fold_batchnorm,  # before fusion: a fused ReLU stops a normalization behind its layer
    fuse_activation,  # one cast per layer: the sum is activated before it is rounded
    fuse_casts,  # a trained quantizer acts after the activation
    fold_input_scaling,  # needs the float weights, so before formats are assigned
    cast_before_table,  # last: what stands before a table is settled now
)


HARDWARE_PASSES: tuple[Pass, ...] = (
    drop_dead_channels,  # on integers: quantizing makes weights zero, and nothing may change
)


def to_float_graph(graph: Graph, dump: Path | None = None) -> Graph:
    """Run the float passes; ``dump`` receives one text file per pass."""
    verify(graph)
    _dump(graph, dump, 0, "frontend")
    for index, step in enumerate(FLOAT_PASSES, start=1):
        graph = step(graph)
        verify(graph)
        _dump(graph, dump, index, step.__name__)
    return graph


def to_typed_graph(graph: Graph, precision: Precision, dump: Path | None = None) -> Graph:
    """Assign formats and quantize the parameters of a float graph."""
    typed = assign_formats(graph, precision)
    verify(typed)
    _dump(typed, dump, len(FLOAT_PASSES) + 1, "assign_formats")
    return typed


def to_hardware_graph(typed: Graph, dump: Path | None = None) -> Graph:
    """Run the passes that change layers' sizes, but not one integer of the logits."""
    for index, step in enumerate(HARDWARE_PASSES, start=len(FLOAT_PASSES) + 2):
        typed = step(typed)
        verify(typed)
        _dump(typed, dump, index, step.__name__)
    return typed


def _dump(graph: Graph, folder: Path | None, index: int, name: str) -> None:
    if folder is not None:
        write_text(folder / f"{index:02d}_{name}.txt", show(graph))
