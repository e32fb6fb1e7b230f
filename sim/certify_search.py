"""Images that drive a layer's sum as far as they can be found to.

The target is one element of one layer's exact sum. From several images the search follows the
network backwards (a gradient in which casts are transparent), sets the pixels it asks for, as many
at a time as help, and ends with single pixels. Every candidate is judged by the golden model, so
what is reported was reached; that nothing goes further is *not* claimed, except for the first sum
behind the input, where the construction is exact.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from functools import singledispatch

import numpy as np
import numpy.typing as npt

from ..codegen.ir import (
    Activation,
    AvgPool2D,
    Conv2D,
    Dense,
    Graph,
    InputTable,
    MaxPool2D,
    Op,
    Relu,
    Tensor,
    WeightedOp,
)
from .certificate import Certificate, Place
from .golden import GoldenModel
from .golden.weighted import extract_windows

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Images = npt.NDArray[np.uint8]

STEPS = 30  # of one ascent, at most
FRACTIONS = (1.0, 0.5, 0.25, 0.12, 0.06, 0.03, 0.015, 0.0)  # of the pixels that may change
RANDOM_STARTS = 8  # of each kind: noise, black and white, patches
PATCH = 4  # pixels, edge of a patch
STARTS = 6  # that are followed, per target
SINGLE_PIXELS = 96  # tried at the end, per round
ROUNDS = 2
DEAD = 0.1  # share of the gradient that passes a unit which is off, so that it can wake up


@dataclass(frozen=True, eq=False)
class Found:
    """An image, the value it drives the sum at ``place`` to."""

    image: Images
    value: int
    place: Place


def exact_sum(graph: Graph, op: Op) -> Graph:
    """The network up to ``op``, whose result is its exact sum, neither rectified nor cast.

    An average pool keeps its cast: its sum is not a tensor of the IR.
    """
    ops = list(graph.ops[: graph.ops.index(op) + 1])
    if isinstance(op, WeightedOp):
        assert op.accumulator is not None
        wide = op.accumulator
        out = replace(op.out, format=wide.format, low=wide.low, high=wide.high)
        ops[-1] = replace(op, activation=Activation.LINEAR, out=out)
    return graph.with_ops(ops)


def furthest_image(graph: Graph, certificate: Certificate, side: str) -> Found:
    """The image found that drives the sum of ``certificate.op`` furthest to ``side``.

    A layer that reads the pixels themselves has its certificate's codes as its image.
    """
    if certificate.x == graph.input:
        extreme = certificate.side(side)
        return Found(extreme.codes.astype(np.uint8), extreme.value, extreme.place)
    search = _Search(graph, certificate, 1 if side == "high" else -1)
    found = [search.ascend(image, place) for place in search.places() for image in search.best]
    return max(found, key=lambda one: search.sign * one.value)


class _Search:
    def __init__(self, graph: Graph, certificate: Certificate, sign: int) -> None:
        self.graph = exact_sum(graph, certificate.op)
        self.model = GoldenModel(self.graph)
        self.certificate, self.sign = certificate, sign
        self.rng = np.random.default_rng(zlib.crc32(f"{certificate.op.name} {sign}".encode()))
        shape = self.graph.input.shape
        first = self.graph.ops[0]
        table = first.table.values if isinstance(first, InputTable) else None
        rows = np.arange(256)[None] if table is None else table
        channels = shape[-1] if len(shape) == 3 else 1
        pixels = np.stack([rows.argmin(axis=1), rows.argmax(axis=1)]).astype(np.uint8)
        self.ends = np.broadcast_to(pixels, (2, channels))  # pixels of least and largest code
        dark, bright = (np.broadcast_to(end, shape).astype(np.uint8) for end in self.ends)
        noise = self.rng.integers(0, 256, (RANDOM_STARTS, *shape), dtype=np.uint8)
        coarse = np.where(noise > 127, bright, dark)
        self.best = np.concatenate([dark[None], bright[None], noise, coarse, _patches(coarse)])

    def places(self) -> list[Place]:
        """The certificate's element and the one that goes furthest in the starting images.

        Keeps only the starting images that go furthest.
        """
        extreme = self.certificate.side("high" if self.sign > 0 else "low")
        values = self.sign * self.sums(self.best)
        places = [extreme.place]
        flat = int(values.reshape(len(values), -1).max(axis=0).argmax())
        _, columns, channels = self.graph.output.image_shape
        pixel, channel = divmod(flat, channels)
        places.append(Place(*divmod(pixel, columns), channel))
        order = np.argsort(-values.reshape(len(values), -1).max(axis=1), kind="stable")
        self.best = self.best[order[:STARTS]]
        return list(dict.fromkeys(places))

    def sums(self, images: Images) -> Codes:
        """(n, rows, columns, channels)."""
        return self.model.run(images).reshape(len(images), *self.graph.output.image_shape)

    def values(self, images: Images, place: Place) -> Codes:
        """The target of each image, upwards."""
        result: Codes = self.sign * self.sums(images)[:, place.row, place.column, place.channel]
        return result

    def ascend(self, image: Images, place: Place) -> Found:
        """Climb until no candidate is better."""
        value = int(self.values(image[None], place)[0])
        for _ in range(STEPS):
            image, gain = self._best(image, self._candidates(image, place), place, value)
            value += gain
            if not gain:
                break
        for _ in range(ROUNDS):
            image, gain = self._best(image, self._single(image), place, value)
            value += gain
        return Found(image, self.sign * value, place)

    def _best(
        self, image: Images, candidates: Images, place: Place, value: int
    ) -> tuple[Images, int]:
        values = self.values(candidates, place)
        at = int(values.argmax())
        gain = int(values[at]) - value
        return (candidates[at], gain) if gain > 0 else (image, 0)

    def _candidates(self, image: Images, place: Place) -> Images:
        gradient = self._gradient(image, place)
        low, high = self.ends
        wanted = np.where(gradient > 0, high, np.where(gradient < 0, low, image)).astype(np.uint8)
        step = np.abs(gradient) * np.abs(wanted.astype(np.int64) - image.astype(np.int64))
        order = np.argsort(-step.reshape(-1), kind="stable")
        count = int((step > 0).sum())
        candidates = []
        for fraction in FRACTIONS:
            chosen = order[: max(1, round(count * fraction))]
            candidate = image.reshape(-1).copy()
            candidate[chosen] = wanted.reshape(-1)[chosen]
            candidates.append(candidate.reshape(image.shape))
        return np.stack(candidates)

    def _single(self, image: Images) -> Images:
        candidates = np.repeat(image[None], SINGLE_PIXELS, axis=0)
        flat = candidates.reshape(SINGLE_PIXELS, -1)
        at = self.rng.integers(0, flat.shape[1], SINGLE_PIXELS)
        end = self.rng.integers(0, 2, SINGLE_PIXELS)
        flat[np.arange(SINGLE_PIXELS), at] = self.ends[end, at % self.ends.shape[1]]
        return candidates

    def _gradient(self, image: Images, place: Place) -> Floats:
        codes = self.model.trace(image[None])
        gradient = np.zeros(self.graph.output.image_shape)
        gradient[place.row, place.column, place.channel] = self.sign
        for op in reversed(self.graph.ops):
            x = self.graph.source(op)
            gradient = gradient.reshape(op.out.shape)
            gradient = _backward(op, x, codes[x.name][0], codes[op.out.name][0], gradient)
        return gradient.reshape(self.graph.input.shape)


def _patches(images: Images) -> Images:
    """Every pixel as the corner of its patch."""
    if images.ndim < 4:
        return images
    rows, columns = (np.arange(size) // PATCH * PATCH for size in images.shape[1:3])
    return images[:, rows][:, :, columns]


@singledispatch
def _backward(op: Op, x: Tensor, before: Codes, after: Codes, gradient: Floats) -> Floats:
    """Gradient in front of ``op`` from the one behind; ``before``, ``after``: its codes.

    By default an operator is taken for elementwise and growing; scales don't matter.
    """
    if op.out.size != x.size:
        raise NotImplementedError(f"{op.kind} has no gradient")
    return gradient.reshape(x.shape)


def _through(op: WeightedOp, after: Codes, gradient: Floats) -> Floats:
    if op.activation.relu:
        return gradient * np.where(after > 0, 1.0, DEAD)
    return gradient


@_backward.register
def _dense(op: Dense, x: Tensor, before: Codes, after: Codes, gradient: Floats) -> Floats:
    result: Floats = op.weights.values @ _through(op, after, gradient)
    return result.reshape(x.shape)


@_backward.register
def _conv(op: Conv2D, x: Tensor, before: Codes, after: Codes, gradient: Floats) -> Floats:
    gradient = _through(op, after, gradient)
    taps = np.einsum("yxo,ijko->yxijk", gradient, op.weights.values)
    return _fold(taps, op.window.stride, op, x)


@_backward.register
def _max(op: MaxPool2D, x: Tensor, before: Codes, after: Codes, gradient: Floats) -> Floats:
    windows = extract_windows(before[None], op.window, x.range[0])[0]
    largest = windows == windows.max(axis=(2, 3), keepdims=True)
    share = largest / largest.sum(axis=(2, 3), keepdims=True)
    return _fold(share * gradient[:, :, None, None, :], op.window.stride, op, x)


@_backward.register
def _mean(op: AvgPool2D, x: Tensor, before: Codes, after: Codes, gradient: Floats) -> Floats:
    rows, columns = op.window.size
    taps = np.broadcast_to(
        gradient[:, :, None, None, :], (*gradient.shape[:2], rows, columns, gradient.shape[2])
    )
    return _fold(taps, op.window.stride, op, x)


@_backward.register
def _relu(op: Relu, x: Tensor, before: Codes, after: Codes, gradient: Floats) -> Floats:
    return gradient.reshape(x.shape) * np.where(before > 0, 1.0, DEAD)


def _fold(
    taps: Floats, stride: tuple[int, int], op: Conv2D | MaxPool2D | AvgPool2D, x: Tensor
) -> Floats:
    """Add (rows, columns, i, j, channels) up where the windows overlap; drop the padding."""
    pad = op.window.padding
    height, width, channels = x.image_shape
    rows, columns = taps.shape[:2]
    result = np.zeros((height + pad.top + pad.bottom, width + pad.left + pad.right, channels))
    for i in range(op.window.size[0]):
        for j in range(op.window.size[1]):
            down, right = i + rows * stride[0], j + columns * stride[1]
            result[i : down : stride[0], j : right : stride[1]][:rows, :columns] += taps[:, :, i, j]
    return result[pad.top : pad.top + height, pad.left : pad.left + width].reshape(x.shape)
