from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from lenetgen.codegen.errors import UserError
from lenetgen.codegen.ir import (
    BatchNorm,
    Const,
    Conv2D,
    Graph,
    MaxPool2D,
    Op,
    Padding,
    Relu,
    Tensor,
    Window,
    ZeroPad,
)
from lenetgen.codegen.passes.merge_padding import merge_padding
from lenetgen.codegen.verify import verify
from lenetgen.sim.float_model import FloatModel

X = Tensor("x", (5, 6, 2))


def pad(x: Tensor, *around: int, name: str = "pad") -> ZeroPad:
    top, bottom, left, right = around
    shape = (x.shape[0] + top + bottom, x.shape[1] + left + right, x.shape[2])
    return ZeroPad(name=name, x=x.name, out=Tensor(name, shape), padding=Padding(*around))


def conv(x: Tensor, window: Window, rng: np.random.Generator) -> Conv2D:
    return Conv2D(
        name="conv",
        x=x.name,
        out=Tensor("conv", (*window.positions(x.shape[0], x.shape[1]), 3)),
        weights=Const(rng.normal(size=(*window.size, x.shape[2], 3))),
        bias=Const(rng.normal(size=3)),
        window=window,
    )


def graph_of(*ops: Op) -> Graph:
    graph = Graph("g", X, ops)
    verify(graph)
    return graph


def test_merged(rng: np.random.Generator) -> None:
    zeros = pad(X, 1, 2, 0, 1)
    layer = conv(zeros.out, Window((4, 2)), rng)
    expected = replace(layer, x="x", window=Window((4, 2), padding=Padding(1, 2, 0, 1)))
    assert merge_padding(graph_of(zeros, layer)) == graph_of(expected)


def test_no_change(rng: np.random.Generator) -> None:
    graph = graph_of(conv(X, Window((2, 2), padding=Padding(1, 0, 0, 1)), rng))
    assert merge_padding(graph) is graph


@pytest.mark.parametrize(
    ("around", "size", "stride", "left"),
    [
        pytest.param((1, 1, 1, 1), (3, 3), (2, 2), (1, 1, 1, 0), id="unused_column"),
        pytest.param((0, 1, 0, 1), (2, 2), (2, 2), (0, 1, 0, 0), id="unused_right"),
        pytest.param((0, 2, 1, 2), (3, 4), (1, 1), (0, 2, 1, 2), id="all_used"),
        pytest.param((0, 3, 0, 0), (3, 3), (6, 1), (0, 0, 0, 0), id="more_than_unused"),
    ],
)
def test_zeros_no_window_reaches_go(
    rng: np.random.Generator, around: tuple, size: tuple, stride: tuple, left: tuple
) -> None:
    zeros = pad(X, *around)
    graph = graph_of(zeros, conv(zeros.out, Window(size, stride), rng))
    after = merge_padding(graph)
    verify(after)
    (layer,) = after.ops
    assert isinstance(layer, Conv2D)
    assert layer.window == Window(size, stride, Padding(*left))
    images = rng.integers(0, 256, (9, *X.shape), dtype=np.uint8)
    assert np.allclose(FloatModel(after).run(images), FloatModel(graph).run(images), rtol=1e-12)


def test_through_operators_that_keep_zero(rng: np.random.Generator) -> None:
    zeros = pad(X, 1, 0, 0, 1)
    scale, zero = Const(np.array([2.0, -3.0])), Const(np.zeros(1))
    norm = BatchNorm(name="n", x="pad", out=Tensor("n", zeros.out.shape), scale=scale, offset=zero)
    again = pad(norm.out, 0, 1, 1, 0, name="again")
    relu = Relu(name="r", x="again", out=Tensor("r", again.out.shape))
    layer = conv(relu.out, Window((3, 3)), rng)
    after = merge_padding(graph_of(zeros, norm, again, relu, layer))
    small = X.shape
    assert after == graph_of(
        replace(norm, x="x", out=Tensor("n", small)),
        replace(relu, x="n", out=Tensor("r", small)),
        replace(layer, window=Window((3, 3), padding=Padding(1, 1, 1, 1))),
    )
    moved = replace(norm, offset=Const(np.ones(1)))
    with pytest.raises(UserError, match=r"layer pad: .* but n \(BatchNorm\) follows$"):
        merge_padding(graph_of(zeros, moved, conv(moved.out, Window((3, 3)), rng)))


@pytest.mark.parametrize(
    ("around", "text"),
    [
        ((3, 0, 0, 0), r"make 3\+0 rows and 0\+0 columns around conv; its 3x4 window allows 2 and"),
        ((2, 1, 0, 0), r"make 2\+1 rows"),
        ((0, 0, 2, 2), r"and 2\+2 columns"),
    ],
)
def test_more_than_the_line_buffer_takes(
    rng: np.random.Generator, around: tuple, text: str
) -> None:
    zeros = pad(X, *around)
    with pytest.raises(UserError, match=text):
        merge_padding(graph_of(zeros, conv(zeros.out, Window((3, 4)), rng)))


def test_in_front_of_pooling_and_at_the_end() -> None:
    zeros = pad(X, 1, 0, 0, 0)
    pool = MaxPool2D(name="p", x="pad", out=Tensor("p", (3, 3, 2)), window=Window((2, 2), (2, 2)))
    with pytest.raises(UserError, match=r"layer pad: .* which would count its zeros as pixels"):
        merge_padding(graph_of(zeros, pool))
    with pytest.raises(UserError, match=r"layer pad: .* but nothing follows"):
        merge_padding(graph_of(zeros))
