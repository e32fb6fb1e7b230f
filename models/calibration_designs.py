"""The designs that resource estimates are fitted to and judged on.

Input: nothing; output: named recipes, each of which always becomes the same ``Design``, whatever
the estimates say: folds come from rules here, never from a search by cost. Half of the
networks are drawn at random from what small image classifiers look like, the rest is LeNet-5.
Which recipes are held out of the fit is decided by their names alone.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..codegen.candidates import nonzero_digits
from ..codegen.design import Design, build_design
from ..codegen.errors import UserError
from ..codegen.feeds import Feed, window_cycles
from ..codegen.formats import FixedPoint, LayerPrecision, Overflow, Rounding
from ..codegen.frontend import load_model
from ..codegen.ir import (
    Activation,
    AvgPool2D,
    Const,
    Conv2D,
    Dense,
    Function,
    Graph,
    Lookup,
    MaxPool2D,
    Op,
    Relu,
    Rescaling,
    Tensor,
    WeightedOp,
    Window,
)
from ..codegen.layout import StreamLayout, input_layout
from ..codegen.narrowing import can_pack
from ..codegen.pipeline import to_float_graph, to_typed_graph
from ..codegen.precision import Precision, auto, from_toml, preset
from ..codegen.schedule import Fold, Layer, make_schedule, output_layout, stage_feed
from ..sim.float_model import FloatModel
from .images import seeded_random_images
from .zoo import CHECKPOINTS, checkpoint

HELD_OUT = 30  # designs the fit never sees
DRAWN = 70  # random networks
# of a drawn network, so that it is measured within a minute:
DIGITS = 250  # nonzero digits of hard-wired layers
PRODUCTS = 130  # bits of the products of folded layers in LUTs
MULTIPLIERS = 28
WINDOW_BITS = 800
RANGE_IMAGES = 64
PRECISIONS = ("mixed", "q4.4", "q6.6", "q8.8", "auto", "narrow")
LOW = CHECKPOINTS.parent / "precisions" / "lenet5-low.toml"
_MODES = (Rounding.RND, Overflow.SAT)


@dataclass(frozen=True)
class Recipe:
    """A network, its types and how it is built.

    ``layers``: words such as ``conv 6 5x5 same`` (see ``_LAYERS``), or none for the bundled
    LeNet-5. ``engines``: one letter per weighted layer, the last one repeated: c constant, d folded
    on DSP slices, p two products a slice where they fit, s without blocks of zeros, l folded in
    LUTs. ``cycles``: goal per frame of every layer.
    """

    name: str
    shape: tuple[int, ...]
    layers: tuple[str, ...]
    precision: str
    engines: str
    cycles: int
    pixels: int = 1
    zeros: float = 0.0  # share of the weights

    def design(self) -> Design:
        """The design; the same on every call and machine."""
        graph = self.graph()
        return build_design("design", graph, make_schedule(graph, self.folds(graph), self.pixels))

    def graph(self) -> Graph:
        """The typed graph."""
        graph = _lenet5() if not self.layers else to_float_graph(_network(self))
        return to_typed_graph(graph, _precision(self.precision, graph))

    def folds(self, graph: Graph) -> dict[str, Fold]:
        """Per weighted layer the fewest multipliers within the goal, or none of them."""
        folds: dict[str, Fold] = {}
        source = input_layout(graph.input, self.pixels)
        weighted = [op for op in graph.ops if isinstance(op, WeightedOp)]
        engines = self.engines + self.engines[-1] * len(weighted)
        letters = {op.name: letter for op, letter in zip(weighted, engines, strict=False)}
        for op in graph.ops:
            x = graph.source(op)
            if isinstance(op, WeightedOp):
                folds[op.name] = _fold(op, x, source, letters[op.name], self.cycles)
            source = output_layout(op, x, source, folds.get(op.name))
        return folds


def recipes() -> tuple[Recipe, ...]:
    """All of them; drawing the random ones takes seconds."""
    return (*_LENETS, *_drawn())


def names() -> tuple[str, ...]:
    """Their names."""
    return (*(recipe.name for recipe in _LENETS), *map(_drawn_name, range(DRAWN)))


@functools.lru_cache(maxsize=1)
def held_out() -> frozenset[str]:
    """Names of the recipes that judge the fit: those whose hash comes first."""

    def rank(name: str) -> bytes:
        return hashlib.sha256(f"held out: {name}".encode()).digest()

    return frozenset(sorted(names(), key=rank)[:HELD_OUT])


def _drawn_name(index: int) -> str:
    return f"net-{index:02d}"


def _lenet(
    name: str, precision: str, engines: str, cycles: int, pixels: int = 1, zeros: float = 0.0
) -> Recipe:
    return Recipe(f"lenet5-{name}", (28, 28, 1), (), precision, engines, cycles, pixels, zeros)


_LENETS = (
    _lenet("mixed-2441", "mixed", "d", 2441),
    _lenet("auto-3000", "auto", "d", 3000),
    _lenet("mixed-lut-8000", "mixed", "l", 8000),
    _lenet("q44-c-2400", "q4.4", "cd", 2400),
    _lenet("low-lut-4000", "low", "l", 4000),
)


@functools.lru_cache(maxsize=1)
def _lenet5() -> Graph:
    return to_float_graph(load_model(checkpoint("lenet5")))


@functools.lru_cache(maxsize=1)
def _drawn() -> tuple[Recipe, ...]:
    """Random recipes; those whose layers are too large to be measured soon are drawn anew."""
    found: list[Recipe] = []
    seed = 0
    while len(found) < DRAWN:
        recipe = _draw(_drawn_name(len(found)), np.random.default_rng([0xCA11, seed]))
        seed += 1
        if _modest(recipe):
            found.append(recipe)
    return tuple(found)


def _draw(name: str, rng: np.random.Generator) -> Recipe:
    """One random classifier of small images: convolutions with pooling, then dense layers."""

    def pick(*choices: str) -> str:
        return choices[int(rng.integers(len(choices)))]

    side = int(rng.integers(8, 29))
    width = side if rng.random() < 0.7 else int(rng.integers(8, 29))
    shape = (side, width, 1 if rng.random() < 0.7 else 3)
    layers: list[str] = []
    if rng.random() < 0.12:
        layers.append("table")
    blocks = int(rng.choice([0, 1, 2, 3], p=[0.1, 0.35, 0.4, 0.15]))
    size = (side, width)
    act = pick("relu", "relu", "relu", "relu", "relu6", "leaky", "linear")
    for _ in range(blocks):
        k = int(rng.choice([2, 3, 4, 5], p=[0.1, 0.5, 0.1, 0.3]))
        tall = k if rng.random() < 0.85 else 1
        if min(size) < max(k, tall) + 1:
            break
        same = rng.random() < 0.5
        stride = 2 if rng.random() < 0.15 else 1
        channels = int(rng.integers(2, 13))
        layers.append(f"conv {channels} {tall}x{k} {'same' if same else 'valid'} {stride} {act}")
        size = _shrunk(size, (tall, k), same, stride)
        if rng.random() < 0.75 and min(size) >= 4:
            pool = 3 if rng.random() < 0.15 else 2
            step = 2 if pool == 3 and rng.random() < 0.5 else pool
            layers.append(f"{pick('max', 'max', 'max', 'mean')} {pool} {step}")
            size = _shrunk(size, (pool, pool), False, step)
    for _ in range(int(rng.choice([0, 1, 2], p=[0.35, 0.45, 0.2]))):
        layers.append(f"dense {int(rng.integers(6, 65))} {pick('relu', 'relu', 'relu', 'tanh')}")
    layers.append(f"dense {int(rng.integers(2, 13))} linear")
    engines = "".join(pick("c", "d", "p", "l") for _ in range(blocks)) + pick(*"dplsc")
    pixels = int(rng.choice([1, 2, 4, 8], p=[0.6, 0.15, 0.15, 0.1]))
    least = side * width / pixels
    cycles = int(least * 2.0 ** rng.uniform(0, 4))
    zeros = float(rng.choice([0.0, 0.5, 0.8], p=[0.7, 0.2, 0.1]))
    return Recipe(name, shape, tuple(layers), pick(*PRECISIONS), engines, cycles, pixels, zeros)


def _shrunk(
    size: tuple[int, int], window: tuple[int, int], same: bool, stride: int
) -> tuple[int, int]:
    kind = Window.same(window, (stride, stride), size) if same else Window(window, (stride, stride))
    return kind.positions(*size)


def _modest(recipe: Recipe) -> bool:
    """Whether the network is small; one that the passes refuse is not."""
    try:
        graph = recipe.graph()
    except UserError:
        return False
    digits = products = multipliers = window = 0
    for name, fold in recipe.folds(graph).items():
        op = next(op for op in graph.ops if op.name == name)
        x = graph.source(op)
        assert isinstance(op, WeightedOp)
        if fold.constant:
            digits += nonzero_digits(op) * recipe.pixels
        elif fold.lut:
            products += fold.multipliers * (x.fmt.width + 6)
        multipliers += fold.multipliers
        if isinstance(op, Conv2D):
            window += op.weights.values[..., 0].size * x.fmt.width * max(fold.units, recipe.pixels)
    return (
        digits <= DIGITS
        and products <= PRODUCTS
        and multipliers <= MULTIPLIERS
        and window <= WINDOW_BITS
    )


def _fold(op: WeightedOp, x: Tensor, source: StreamLayout, letter: str, cycles: int) -> Fold:
    layer = Layer.of(op, source)
    goal = max(cycles, layer.vectors)
    legal = [fold for fold in layer.folds() if layer.cycles(fold) <= goal]
    fold = min(legal, key=lambda fold: (fold.multipliers, layer.cycles(fold), -fold.pe))
    fold = replace(fold, lut=letter == "l", sparse=letter == "s")
    if letter == "p":
        fold = replace(fold, packed=can_pack(op, x, fold.pe))
    elif letter == "c":
        fold = layer.constant()
    how = stage_feed(op, x, source, fold)
    if isinstance(op, Conv2D) and how in (Feed.PIXELS, Feed.ROWS):
        while fold.units < op.out.shape[0]:
            now, more = (window_cycles(op, x, how, fold.units + n) for n in (0, 1))
            if now <= cycles or more == now:
                break
            fold = replace(fold, units=fold.units + 1)
    return fold


class _Network:
    """Layers appended to a float graph, weights drawn from the recipe's name."""

    def __init__(self, recipe: Recipe) -> None:
        digest = hashlib.sha256(recipe.name.encode()).digest()
        self.rng = np.random.default_rng(int.from_bytes(digest[:8], "big"))
        self.zeros = recipe.zeros
        self.at = Tensor("pixels", recipe.shape)
        self.ops: list[Op] = []

    def add(self, cls: type[Op], shape: tuple[int, ...], **fields: object) -> None:
        out = Tensor(f"{cls.__name__.lower()}{len(self.ops)}", shape)
        self.ops.append(cls(name=out.name, x=self.at.name, out=out, **fields))  # type: ignore[arg-type]
        self.at = out

    def weights(self, *shape: int) -> dict[str, Const]:
        scale = 1.6 / np.sqrt(np.prod(shape[:-1]))
        values = self.rng.normal(0, scale, shape)
        values[self.rng.random(shape) < self.zeros] = 0
        return {"weights": Const(values), "bias": Const(self.rng.normal(0, 0.2, shape[-1]))}

    def window(
        self, size: tuple[int, int], same: bool, stride: int
    ) -> tuple[Window, tuple[int, int]]:
        image, steps = self.at.image_shape[:2], (stride, stride)
        window = Window.same(size, steps, image) if same else Window(size, steps)
        return window, window.positions(*image)

    def layer(self, text: str) -> None:
        kind, *words = text.split()
        if kind == "table":
            shape = (self.at.image_shape[2],)
            scale, offset = self.rng.uniform(0.6, 2, shape) / 255, self.rng.uniform(-0.8, 0, shape)
            self.add(Rescaling, self.at.shape, scale=Const(scale), offset=Const(offset))
        elif kind == "conv":
            rows, columns = map(int, words[1].split("x"))
            window, place = self.window((rows, columns), words[2] == "same", int(words[3]))
            channels, out = self.at.image_shape[2], int(words[0])
            weights = self.weights(rows, columns, channels, out)
            self.add(Conv2D, (*place, out), window=window, **weights)
            self.activation(words[4])
        elif kind in ("max", "mean"):
            side, stride = map(int, words)
            window, place = self.window((side, side), False, stride)
            cls = MaxPool2D if kind == "max" else AvgPool2D
            self.add(cls, (*place, self.at.image_shape[2]), window=window)
        elif kind == "dense":
            out = int(words[0])
            self.add(Dense, (out,), **self.weights(self.at.size, out))
            self.activation(words[1])
        else:
            raise ValueError(f"no layer {text!r}")

    def activation(self, name: str) -> None:
        if name == "tanh":
            self.add(Lookup, self.at.shape, function=Function.TANH)
        elif name != "linear":
            limit = 6.0 if name == "relu6" else None
            shift = 3 if name == "leaky" else 0
            self.add(Relu, self.at.shape, activation=Activation(True, limit, shift))


def _network(recipe: Recipe) -> Graph:
    network = _Network(recipe)
    for text in recipe.layers:
        network.layer(text)
    return Graph("design", Tensor("pixels", recipe.shape), tuple(network.ops))


def _precision(name: str, graph: Graph) -> Precision:
    if name == "low":
        return from_toml(LOW, graph)
    if name == "narrow":
        return Precision(name, _narrow(graph))
    if name == "auto":
        images = seeded_random_images(graph.input.image_shape, RANGE_IMAGES, 2)
        return auto(graph, FloatModel(graph).ranges(images.reshape(-1, *graph.input.shape)))
    return preset(name, graph)


def _narrow(graph: Graph) -> Mapping[str, LayerPrecision]:
    """Weights of four bits, results of three or four, as quantization-aware training gives them."""
    plain = preset("q4.4", graph).layers
    found: dict[str, LayerPrecision] = {}
    for op in graph.ops:
        entry = plain[op.name]
        weight = entry.weight and FixedPoint(True, 4, 0, *_MODES)
        bias = entry.bias and FixedPoint(True, 8, 2, *_MODES)
        signed = not (isinstance(op, WeightedOp) and op.activation.relu)
        result = entry.result and FixedPoint(signed, 4 if signed else 3, 2, *_MODES)
        found[op.name] = LayerPrecision(weight, bias, result)
    return found
