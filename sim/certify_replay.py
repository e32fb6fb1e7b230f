"""Plays certificates through golden model, C++ and RTL.

Two kinds of replay. *Layer*: the layer cut out of the network, behind an input table that makes its
input tensor's codes of pixels, and with its exact sum as the result; weights, accumulator width and
folding are the network's. Both ends of the sum pass, whatever the layers before could produce.
*Network*: the whole design with the images found. The C++ is compiled with exact widths
(``-DLNG_EXACT_CODES``), because machine integers would hide a sum that leaves its accumulator.
Input: a design and its certificates; output: what differs, per replay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..codegen.design import Design
from ..codegen.ir import Const, Graph, InputTable, WeightedOp
from ..codegen.names import sanitize
from .certificate import SIDES, Certificate
from .certify_search import exact_sum
from .compare import FULL, compare
from .rtl_networks import Network

ENGINES = ("csim-exact", "rtl")
PIXELS = 256
Images = npt.NDArray[np.uint8]
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Replay:
    """What came of the frames; ``layer`` is the one replayed by itself, empty for the network.

    ``differences`` say engine and place; empty if every integer of every layer is as it must be.
    """

    layer: str
    frames: int
    differences: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


def networks(
    design: Design, certificates: Sequence[Certificate], images: Images
) -> dict[str, Network]:
    """What is played, by layer; the whole network under the empty name, if there are images."""
    found: dict[str, Network] = {}
    if len(images):
        plan = design.schedule
        found[""] = Network.of(design.name, design.graph, plan.folds, images, plan.pixels)
    for certificate in certificates:
        found[certificate.op.name] = _layer(design, certificate)
    return found


def replay(
    design: Design, certificates: Sequence[Certificate], images: Images, folder: Path
) -> tuple[Replay, ...]:
    """The network with ``images`` (n, *shape), if there are any, and every certificate's layer.

    All of them share one simulator of each kind, built in ``folder``. ``UserError`` if a tool is
    missing.
    """
    played = networks(design, certificates, images)
    wrong = {
        one.op.name: _judge(one, played[one.op.name].expected[one.op.out.name])
        for one in certificates
    }
    found = compare(list(played.values()), folder, engines=ENGINES, paces=(FULL,))
    replays = []
    for layer, network in played.items():
        golden = [f"golden: {wrong[layer]}"] if wrong.get(layer) else []
        others = [f"{one.engine}: {one.text}" for one in found if one.network == network.name]
        replays.append(Replay(layer, len(network.images), tuple(golden + others)))
    return tuple(replays)


def _layer(design: Design, certificate: Certificate) -> Network:
    graph, images = layer_network(design.graph, certificate)
    op = certificate.op
    folds = {name: fold for name, fold in design.schedule.folds.items() if name == op.name}
    return Network.of(sanitize(f"{design.name}_{op.name}"), graph, folds, images)


def layer_network(graph: Graph, certificate: Certificate) -> tuple[Graph, Images]:
    """A network of this layer alone, and the frames low, high and low again.

    A first layer reads pixels as it does in the network.
    """
    op, x = certificate.op, certificate.x
    codes = np.stack([certificate.low.codes, certificate.high.codes, certificate.low.codes])
    last = exact_sum(graph, op).ops[-1]
    if x == graph.input:
        return graph.with_ops([last]), codes.astype(np.uint8)
    values, pixels = np.unique(codes, return_inverse=True)
    rows = x.shape[2] if len(x.shape) == 3 else 1
    table = np.full((rows, PIXELS), values[0])
    table[:, : len(values)] = values
    name = f"{op.name}_codes"
    made = replace(x, name=name, low=int(values.min()), high=int(values.max()))
    pixel = replace(graph.input, shape=x.shape)
    source = InputTable(name=name, x=pixel.name, out=made, table=Const(table, x.fmt))
    network = Graph(op.name, pixel, (source, replace(last, x=name)))
    return network, pixels.reshape(codes.shape).astype(np.uint8)


def _judge(certificate: Certificate, sums: Codes) -> str:
    """Why the golden model's sums are not the certificate's; nothing if they are."""
    if not isinstance(certificate.op, WeightedOp):
        return ""  # its sum is no tensor
    shape = certificate.op.out.image_shape
    for frame, side in enumerate(SIDES):
        extreme = certificate.side(side)
        at = extreme.place
        value = int(sums[frame].reshape(shape)[at.row, at.column, at.channel])
        if value != extreme.value:
            return f"{side}: the golden model's sum is {value}, not {extreme.value}"
        if not certificate.low.bound <= sums.min() <= sums.max() <= certificate.high.bound:
            return f"sums {sums.min()} to {sums.max()} leave the bound"
    return ""
