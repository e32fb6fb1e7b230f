from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from lenetgen.codegen.errors import UserError
from lenetgen.codegen.ir import (
    Activation,
    AvgPool2D,
    BatchNorm,
    Const,
    Conv2D,
    Dense,
    Graph,
    MaxPool2D,
    Op,
    Padding,
    Relu,
    Rescaling,
    Tensor,
    Window,
)
from lenetgen.codegen.passes.fold_batchnorm import fold_batchnorm
from lenetgen.codegen.verify import verify
from lenetgen.sim.float_model import FloatModel

X = Tensor("x", (4, 4, 2))
SCALE, OFFSET = np.array([0.5, -2.0]), np.array([1.0, 0.25])


class Chain:
    """Appends operators with exact binary numbers to a chain from X."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.ops: list[Op] = []

    @property
    def at(self) -> Tensor:
        return self.ops[-1].out if self.ops else X

    def numbers(self, *shape: int) -> Const:
        return Const(self.rng.integers(-8, 9, shape) / 4)

    def add(self, kind: type[Op], shape: tuple[int, ...], **fields: object) -> Chain:
        name = f"op{len(self.ops)}"
        out = Tensor(f"t{len(self.ops)}", shape)
        self.ops.append(kind(name=name, x=self.at.name, out=out, **fields))
        return self

    def conv(self, activation: Activation = Activation.LINEAR, pad: int = 0) -> Chain:
        side = self.at.shape[0] + 2 * pad - 1
        return self.add(
            Conv2D,
            (side, side, 2),
            weights=self.numbers(2, 2, 2, 2),
            bias=self.numbers(2),
            window=Window((2, 2), padding=Padding(pad, pad, pad, pad)),
            activation=activation,
        )

    def dense(self) -> Chain:
        weights, bias = self.numbers(self.at.size, 3), self.numbers(3)
        return self.add(Dense, (3,), weights=weights, bias=bias)

    def pool(self, kind: type[AvgPool2D] | type[MaxPool2D]) -> Chain:
        side = self.at.shape[0] // 2
        return self.add(kind, (side, side, 2), window=Window((2, 2), (2, 2)))

    def relu(self, activation: Activation = Activation.RELU) -> Chain:
        return self.add(Relu, self.at.shape, activation=activation)

    def norm(
        self,
        scale: np.ndarray = SCALE,
        offset: np.ndarray = OFFSET,
        kind: type[Op] = BatchNorm,
    ) -> Chain:
        return self.add(kind, self.at.shape, scale=Const(scale), offset=Const(offset))

    def graph(self) -> Graph:
        graph = Graph("g", X, tuple(self.ops))
        verify(graph)
        return graph


@pytest.fixture
def chain(rng: np.random.Generator) -> Chain:
    return Chain(rng)


def same_function(before: Graph, after: Graph, rng: np.random.Generator) -> None:
    verify(after)
    assert not any(isinstance(op, BatchNorm) for op in after.ops)
    images = rng.integers(0, 256, (30, *X.shape), dtype=np.uint8)
    expected = FloatModel(before).run(images)
    assert np.ptp(expected) > 0
    assert np.allclose(FloatModel(after).run(images), expected, rtol=1e-12, atol=1e-12)


def test_behind_a_convolution(chain: Chain) -> None:
    graph = chain.conv(pad=1).norm().relu().graph()
    conv, _, relu = graph.ops
    assert isinstance(conv, Conv2D)
    weights = Const(conv.weights.values * SCALE)
    bias = Const(conv.bias.values * SCALE + OFFSET)
    expected = (replace(conv, weights=weights, bias=bias), replace(relu, x=conv.out.name))
    assert fold_batchnorm(graph) == graph.with_ops(expected)


def test_in_front_of_a_dense_layer(chain: Chain) -> None:
    graph = chain.conv(Activation.RELU).norm().dense().graph()
    conv, _, dense = graph.ops
    assert isinstance(dense, Dense)
    taps = dense.weights.values.reshape(3, 3, 2, 3)
    weights = Const((taps * SCALE[:, None]).reshape(18, 3))
    bias = Const(dense.bias.values + (taps * OFFSET[:, None]).sum(axis=(0, 1, 2)))
    expected = (conv, replace(dense, x=conv.out.name, weights=weights, bias=bias))
    assert fold_batchnorm(graph) == graph.with_ops(expected)


def test_no_change(chain: Chain) -> None:
    graph = chain.norm(kind=Rescaling).conv().pool(MaxPool2D).dense().graph()
    assert fold_batchnorm(graph) is graph


FOLDED = [
    pytest.param(lambda c: c.conv().pool(AvgPool2D).norm().dense(), 0, id="back_past_average"),
    pytest.param(
        lambda c: c.conv().pool(MaxPool2D).norm(-SCALE[1:]).relu().dense(), 0, id="back_past_max"
    ),
    pytest.param(
        lambda c: c.conv(Activation.RELU).norm().pool(AvgPool2D).dense(), 1, id="on_past_average"
    ),
    pytest.param(
        lambda c: c.conv(Activation.RELU).norm(-SCALE[1:]).pool(MaxPool2D).dense(),
        1,
        id="on_past_max",
    ),
    pytest.param(
        lambda c: c.conv().pool(MaxPool2D).norm().dense(), 1, id="max_sends_negative_factors_on"
    ),
    pytest.param(
        lambda c: c.conv(Activation.RELU).norm(SCALE, 0 * OFFSET).conv(pad=1),
        1,
        id="factor_into_a_padded_convolution",
    ),
    pytest.param(
        lambda c: c.conv(Activation.RELU).norm(np.abs(SCALE), 0 * OFFSET).relu().dense(),
        0,
        id="positive_factor_back_past_relu",
    ),
    pytest.param(
        lambda c: c.conv(Activation.RELU).norm().norm(OFFSET, SCALE).conv(), 1, id="two_in_a_row"
    ),
    pytest.param(
        lambda c: (
            c.conv(Activation.RELU)
            .norm(np.arange(18).reshape(3, 3, 2) / 4, np.arange(18).reshape(3, 3, 2) / 8)
            .dense()
        ),
        1,
        id="per_element_into_dense",
    ),
    pytest.param(lambda c: c.conv().norm(kind=Rescaling).dense(), 0, id="late_rescaling"),
]


@pytest.mark.parametrize(("build", "place"), FOLDED)
def test_same_function(chain: Chain, rng: np.random.Generator, build: object, place: int) -> None:
    """``place``: which of the weighted operators takes scale and offset."""
    assert callable(build)
    graph = build(chain).graph()
    after = fold_batchnorm(graph)
    same_function(graph, after, rng)
    before = [op for op in graph.ops if isinstance(op, Conv2D | Dense)]
    now = [op for op in after.ops if isinstance(op, Conv2D | Dense)]
    taken = [
        index
        for index, (old, new) in enumerate(zip(before, now, strict=True))
        if (old.weights, old.bias) != (new.weights, new.bias)
    ]
    assert taken == [place]


def test_joins_the_input_scaling(chain: Chain, rng: np.random.Generator) -> None:
    graph = chain.norm(np.array([0.5]), np.array([0.0]), Rescaling).norm().conv(pad=1).graph()
    after = fold_batchnorm(graph)
    same_function(graph, after, rng)
    first = after.ops[0]
    assert isinstance(first, Rescaling)
    assert first.scale == Const(SCALE / 2)
    assert first.offset == Const(OFFSET)


def test_input_scaling_per_element_goes_into_dense(chain: Chain, rng: np.random.Generator) -> None:
    scale = np.arange(32).reshape(X.shape) / 4
    graph = chain.norm(scale, scale / 2, Rescaling).dense().graph()
    after = fold_batchnorm(graph)
    same_function(graph, after, rng)
    first = after.ops[0]
    assert isinstance(first, Rescaling)
    assert (first.scale, first.offset) == (Const(np.ones(1)), Const(np.zeros(1)))


def test_input_scaling_that_comes_to_be_per_element_goes_into_dense(
    chain: Chain, rng: np.random.Generator
) -> None:
    scale = np.arange(32).reshape(X.shape) / 4
    chain.norm(np.ones(1), np.zeros(1), Rescaling).norm().norm(scale, scale / 2, Rescaling).dense()
    raw = chain.graph()  # says that pixels enter as they are; without it the second Rescaling does
    first, second, *rest = raw.ops
    after = fold_batchnorm(raw.with_ops([replace(second, x=first.x), *rest]))
    same_function(raw, after, rng)
    assert isinstance(after.ops[0], Rescaling)
    assert after.ops[0].scale == Const(np.ones(1))


def test_zero_weights_stay_zero(chain: Chain) -> None:
    graph = chain.conv().norm().dense().graph()
    conv = graph.ops[0]
    assert isinstance(conv, Conv2D)
    masked = replace(conv, weights=Const(conv.weights.values * (conv.weights.values > 0)))
    after = fold_batchnorm(graph.with_ops([masked, *graph.ops[1:]])).ops[0]
    assert isinstance(after, Conv2D)
    assert np.array_equal(after.weights.values == 0, masked.weights.values == 0)


RELU6 = Activation(relu=True, max_value=6.0)
REFUSED = [
    pytest.param(
        lambda c: c.conv(Activation.RELU).norm().conv(pad=1),
        "before it op0 (Conv2D) ends with a ReLU; after it op2 (Conv2D) pads with zeros",
        id="padding",
    ),
    pytest.param(
        lambda c: c.conv(Activation.RELU).norm().pool(MaxPool2D).dense(),
        "after it op2 (MaxPool2D) takes the maximum, and a factor is negative",
        id="max",
    ),
    pytest.param(
        lambda c: c.conv(Activation.RELU).norm(np.abs(SCALE)).relu().dense(),
        "after it op2 (Relu) clips at zero",
        id="relu",
    ),
    pytest.param(
        lambda c: c.conv().norm(np.arange(18).reshape(3, 3, 2)).pool(AvgPool2D).dense(),
        "before it op0 (Conv2D) has one kernel for all pixels; "
        "after it op2 (AvgPool2D) mixes pixels of different factors",
        id="per_element",
    ),
    pytest.param(
        lambda c: c.conv(RELU6).norm(np.abs(SCALE), 0 * OFFSET).relu(RELU6).dense(),
        "before it op0 (Conv2D) ends with a ReLU; after it op2 (Relu) clips at its max_value",
        id="limit",
    ),
    pytest.param(
        lambda c: c.conv().relu().norm(),
        "before it op1 (Relu) clips at zero; after it is no Conv2D or Dense",
        id="last",
    ),
]


@pytest.mark.parametrize(("build", "message"), REFUSED)
def test_refused(chain: Chain, build: object, message: str) -> None:
    assert callable(build)
    with pytest.raises(UserError) as caught:
        fold_batchnorm(build(chain).graph())
    text = str(caught.value)
    assert text.startswith("layer op")
    assert message in text
    assert "\n" not in text
