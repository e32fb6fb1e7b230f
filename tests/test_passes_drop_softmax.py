from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from lenetgen.codegen.errors import UserError
from lenetgen.codegen.ir import Const, Dense, Graph, Softmax, Tensor
from lenetgen.codegen.passes.drop_softmax import drop_softmax

X = Tensor("x", (2,))
DENSE = Dense(
    name="fc", x="x", out=Tensor("fc", (3,)), weights=Const(np.ones((2, 3))), bias=Const(np.ones(3))
)
SOFTMAX = Softmax(name="softmax", x="fc", out=Tensor("softmax", (3,)))


def test_last_softmax_goes() -> None:
    assert drop_softmax(Graph("g", X, (DENSE, SOFTMAX))) == Graph("g", X, (DENSE,))


def test_no_change() -> None:
    graph = Graph("g", X, (DENSE,))
    assert drop_softmax(graph) is graph


def test_softmax_elsewhere_is_refused() -> None:
    after = Softmax(name="again", x="softmax", out=Tensor("again", (3,)))
    with pytest.raises(UserError, match="layer softmax: softmax is supported as the last layer"):
        drop_softmax(Graph("g", X, (DENSE, SOFTMAX, after)))
    first = replace(SOFTMAX, x="x", out=Tensor("softmax", (2,)))
    with pytest.raises(UserError, match="layer softmax"):
        drop_softmax(Graph("g", X, (first, replace(DENSE, x="softmax"))))
