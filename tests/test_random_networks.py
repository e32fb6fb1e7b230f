from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from lenetgen.codegen.formats import Overflow, Rounding
from lenetgen.codegen.ir import AvgPool2D, Graph, Relu, Tensor, WeightedOp, WindowOp
from lenetgen.codegen.schedule import Layer, layouts
from lenetgen.codegen.verify import verify
from lenetgen.models.random_networks import (
    MAX_MULTIPLIERS,
    RandomNetwork,
    random_images,
    random_network,
)
from lenetgen.sim.golden import GoldenModel

COUNT = 150


@pytest.fixture(scope="module")
def networks() -> list[RandomNetwork]:
    return [random_network(seed) for seed in range(COUNT)]


def test_the_same_seed_gives_the_same_network(networks: list[RandomNetwork]) -> None:
    for seed in range(12):
        assert random_network(seed) == networks[seed]
    assert networks[0] != networks[1]
    graph = networks[0].graph
    assert np.array_equal(random_images(graph, 9, 4), random_images(graph, 9, 4))
    assert not np.array_equal(random_images(graph, 9, 4), random_images(graph, 9, 5))


def test_networks_are_small_and_legal(networks: list[RandomNetwork]) -> None:
    for number, network in enumerate(networks):
        graph = network.graph
        verify(graph)
        assert graph.name == f"random_{number}"
        height, width, channels = graph.input.image_shape
        assert max(height, width) <= 12 and channels <= 24
        weighted = {op.name for op in graph.ops if isinstance(op, WeightedOp)}
        assert weighted == set(network.folds) != set()
        for op, source, _ in layouts(graph, network.folds):
            if isinstance(op, WeightedOp):
                fold = network.folds[op.name]
                assert fold in list(Layer.of(op, source).folds())
                assert fold.multipliers <= MAX_MULTIPLIERS


def test_logits_differ_between_images(networks: list[RandomNetwork]) -> None:
    for seed, network in enumerate(networks):
        images = random_images(network.graph, 48, seed)
        assert not images[0].any()
        assert (images[1] == 255).all()
        assert len(np.unique(GoldenModel(network.graph).run(images), axis=0)) > 1


def test_everything_occurs(networks: list[RandomNetwork]) -> None:
    """Layer kinds, modes, geometry and folds: each at least twice among the first networks."""
    seen: Counter[str] = Counter()
    for network in networks:
        graph = network.graph
        seen[f"input rank {len(graph.input.shape)}"] += 1
        seen["not square"] += len(set(graph.input.image_shape[:2])) == 2
        seen["exact logits"] += _is_exact(graph)
        seen["cast logits"] += not _is_exact(graph)
        for op, source, _ in layouts(graph, network.folds):
            fmt = op.out.fmt
            cast = not (isinstance(op, WeightedOp) and op.accumulator.format == fmt)  # type: ignore[union-attr]
            seen[op.kind] += 1
            seen["signed" if fmt.signed else "unsigned"] += 1
            if cast:
                seen[fmt.rounding.name] += 1
                seen[fmt.overflow.name] += 1
                seen["1 bit"] += fmt.width == 1
                seen["negative integer bits"] += fmt.integer_bits < 0
                seen["integer bits above width"] += fmt.integer_bits > fmt.width
            if isinstance(op, WindowOp):
                seen["padding"] += op.window.padding != type(op.window.padding)()
                seen["stride"] += op.window.stride != (1, 1)
                seen["even window"] += op.window.size[0] % 2 == 0
                seen["size-1 side"] += 1 in graph.source(op).shape[:2]
            if isinstance(op, WeightedOp):
                layer, fold = Layer.of(op, source), network.folds[op.name]
                seen[f"activation {op.activation.value}"] += 1
                seen["serial fold"] += fold.multipliers == 1
                seen["several words at once"] += fold.simd > layer.lanes
                seen["outputs not divided"] += layer.outputs % fold.pe != 0
                seen["inputs not divided"] += (
                    fold.simd < layer.lanes and layer.lanes % fold.simd != 0
                )
                seen["fully parallel"] += (
                    layer.cycles(fold) == layer.vectors and fold.multipliers > 1
                )
                seen["unsigned weights"] += not op.weights.format.signed  # type: ignore[union-attr]
    expected = {
        "input rank 1",
        "input rank 3",
        "not square",
        "exact logits",
        "cast logits",
        "signed",
        "unsigned",
        "1 bit",
        "negative integer bits",
        "integer bits above width",
        "padding",
        "stride",
        "even window",
        "size-1 side",
        "activation linear",
        "activation relu",
        "serial fold",
        "several words at once",
        "outputs not divided",
        "inputs not divided",
        "fully parallel",
        "unsigned weights",
        "Conv2D",
        "Dense",
        "MaxPool2D",
        "AvgPool2D",
        "Relu",
        "InputTable",
        *(mode.name for mode in (*Rounding, *Overflow)),
    }
    assert {name for name in expected if seen[name] < 2} == set()


def _is_exact(graph: Graph) -> bool:
    last = graph.ops[-1]
    return isinstance(last, WeightedOp) and last.accumulator.format == last.out.fmt  # type: ignore[union-attr]


def test_saturations_and_ties_really_occur(networks: list[RandomNetwork]) -> None:
    """Else the modes would be drawn but never decide anything."""
    seen: Counter[str] = Counter()
    for seed, network in enumerate(networks[:60]):
        graph = network.graph
        images = random_images(graph, 40, seed)
        for op in graph.ops:
            fmt = op.out.fmt
            if isinstance(op, WeightedOp) and op.accumulator is not None:
                sums, fraction = _sums(graph, op, images), op.accumulator.format.fraction_bits
            elif isinstance(op, Relu):
                sums = np.maximum(GoldenModel(graph).trace(images)[op.x], 0)
                fraction = graph.source(op).fmt.fraction_bits
            else:
                continue
            drop = fraction - fmt.fraction_bits
            if drop > 0:
                seen[fmt.rounding.name] += int((sums & ((1 << drop) - 1) == 1 << (drop - 1)).sum())
            low, high = fmt.min_code, fmt.max_code
            kept = sums >> drop if drop > 0 else sums << -drop
            seen[fmt.overflow.name] += int(((kept < low) | (kept > high + 1)).sum())
    assert all(seen[mode.name] >= 20 for mode in (*Rounding, *Overflow)), seen


def _sums(graph: Graph, op: WeightedOp, images: np.ndarray) -> np.ndarray:
    """The sums of ``op`` before its cast: the same operator with an exact result."""
    assert op.accumulator is not None
    acc = op.accumulator
    exact = replace(op, out=Tensor("exact", op.out.shape, acc.format, acc.low, acc.high))
    before = graph.ops[: graph.ops.index(op)]
    return GoldenModel(graph.with_ops([*before, exact])).run(images)


def test_average_pools_round(networks: list[RandomNetwork]) -> None:
    counts = Counter(
        op.window.size[0] * op.window.size[1]
        for network in networks
        for op in network.graph.ops
        if isinstance(op, AvgPool2D)
    )
    assert sum(n for size, n in counts.items() if size & (size - 1)) >= 2  # no power of two
