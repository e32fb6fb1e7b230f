from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from lenetgen.codegen.ir import (
    Const,
    Conv2D,
    Dense,
    Flatten,
    Graph,
    MaxPool2D,
    Relu,
    Rescaling,
    Softmax,
    Tensor,
    Window,
)
from lenetgen.codegen.pipeline import FLOAT_PASSES, to_float_graph, to_typed_graph
from lenetgen.codegen.precision import preset
from lenetgen.codegen.show import show
from lenetgen.codegen.verify import IRError

TYPED = """\
graph tiny
  %x: 4x5x1 ap_ufixed<8,0> [0, 255] = input
  %c: 3x4x2 ap_fixed<8,4,AP_RND,AP_SAT> [0, 16] = Conv2D x window=(2, 2) stride=(1, 1) \
pad=(0,0,0,0) weights=(2, 2, 1, 2):ap_fixed<8,4,AP_RND,AP_SAT> \
bias=ap_fixed<8,4,AP_RND,AP_SAT> activation=relu acc=ap_fixed<13,1> [-1024, 4080]
  %p: 1x2x2 ap_fixed<8,4,AP_RND,AP_SAT> [0, 16] = MaxPool2D c window=(2, 2) stride=(2, 2) \
pad=(0,0,0,0)
  %f: 3 ap_fixed<14,4> [-128, 4096] = Dense p weights=(4, 3):ap_fixed<12,6,AP_RND,AP_SAT> \
bias=ap_fixed<12,6,AP_RND,AP_SAT> activation=linear acc=ap_fixed<14,4> [-128, 4096]
"""


def tiny() -> Graph:
    x = Tensor("x", (4, 5, 1))
    taps = np.zeros((2, 2, 1, 2))
    taps[..., 0], bias = 1 / 256, np.array([0.0, -0.25])
    fc = np.zeros((4, 3))
    fc[0] = 4, 0, 0
    return Graph(
        "tiny",
        x,
        (
            Rescaling(
                name="s",
                x="x",
                out=Tensor("s", x.shape),
                scale=Const(np.array([1 / 4])),
                offset=Const(np.array([0.0])),
            ),
            Conv2D(
                name="conv",
                x="s",
                out=Tensor("c", (3, 4, 2)),
                window=Window((2, 2)),
                weights=Const(taps),
                bias=Const(bias),
            ),
            Relu(name="r", x="c", out=Tensor("r", (3, 4, 2))),
            MaxPool2D(
                name="pool", x="r", out=Tensor("p", (1, 2, 2)), window=Window((2, 2), (2, 2))
            ),
            Flatten(name="flat", x="p", out=Tensor("v", (4,))),
            Dense(
                name="fc",
                x="v",
                out=Tensor("f", (3,)),
                weights=Const(fc),
                bias=Const(np.array([0.0, -0.125, 1.0])),
            ),
            Softmax(name="soft", x="f", out=Tensor("o", (3,))),
        ),
    )


def test_dump_holds_a_file_per_pass(tmp_path: Path) -> None:
    graph = to_float_graph(tiny(), tmp_path / "ir")
    typed = to_typed_graph(graph, preset("mixed", graph), tmp_path / "ir")
    names = sorted(path.name for path in (tmp_path / "ir").iterdir())
    passes = [f"{n:02d}_{step.__name__}.txt" for n, step in enumerate(FLOAT_PASSES, start=1)]
    assert names == ["00_frontend.txt", *passes, f"{len(passes) + 1:02d}_assign_formats.txt"]
    assert (tmp_path / "ir" / names[-1]).read_text() == show(typed)
    assert (tmp_path / "ir" / names[0]).read_text() == show(tiny())


def test_shown_graph_names_types_and_ranges() -> None:
    graph = to_float_graph(tiny())
    assert show(to_typed_graph(graph, preset("mixed", graph))) == TYPED


def test_float_passes_are_idempotent() -> None:
    """What comes out is left alone by every pass but the one that assumes pixels over 255."""
    graph = to_float_graph(tiny())
    for step in FLOAT_PASSES:
        if step.__name__ != "assume_unit_range":
            assert step(graph) is graph


def test_a_broken_graph_does_not_enter() -> None:
    graph = tiny()
    with pytest.raises(IRError, match="conv: reads s"):
        to_float_graph(graph.with_ops(graph.ops[1:]))
