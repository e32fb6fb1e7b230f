"""The model around the kernels: batches, chunks, trace, ranges, what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from lenetgen.models.random_networks import random_images, random_network
from lenetgen.sim.golden import GoldenModel
from lenetgen.sim.golden.model import CHUNK

NETWORKS = range(20, 32)


@pytest.mark.parametrize("number", NETWORKS)
def test_trace_ends_with_what_run_returns(number: int) -> None:
    graph = random_network(number).graph
    images = random_images(graph, 70, number)
    model = GoldenModel(graph)
    trace = model.trace(images)
    assert list(trace) == [tensor.name for tensor in graph.tensors()]
    assert np.array_equal(trace[graph.input.name], images)
    logits = model.run(images)
    assert logits.dtype == np.int64
    assert np.array_equal(trace[graph.output.name].reshape(70, -1), logits)


@pytest.mark.parametrize("number", NETWORKS)
def test_codes_stay_in_the_ranges_of_the_graph(number: int) -> None:
    graph = random_network(number).graph
    trace = GoldenModel(graph).trace(random_images(graph, 200, number))
    for tensor in graph.tensors():
        low, high = tensor.range
        codes = trace[tensor.name]
        assert codes.dtype == np.int64
        assert codes.shape == (200, *tensor.shape)
        assert low <= codes.min() and codes.max() <= high, tensor.name


@pytest.mark.parametrize("number", NETWORKS)
def test_batches_of_any_size_give_the_same(number: int) -> None:
    graph = random_network(number).graph
    images = random_images(graph, 2 * CHUNK + 5, number)
    model = GoldenModel(graph)
    whole = model.run(images)
    for size in (1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 5):
        assert np.array_equal(model.run(images[:size]), whole[:size]), size
    assert np.array_equal(model.run(images[::-1])[::-1], whole)
    assert np.array_equal(GoldenModel(graph).run(images), whole)
    assert model.run(images[:0]).shape == (0, graph.output.size)
    assert model.trace(images[:0])[graph.output.name].shape == (0, *graph.output.shape)


def test_images_are_not_written_to() -> None:
    for number in NETWORKS:
        graph = random_network(number).graph
        images = random_images(graph, 30, number)
        before = images.copy()
        images.setflags(write=False)
        model = GoldenModel(graph)
        model.run(images)
        model.trace(images)
        assert np.array_equal(images, before)


@pytest.mark.parametrize("number", NETWORKS)
def test_trace_equals_runs_of_the_first_layers(number: int) -> None:
    """A kernel that works in place must not change what the trace has already recorded."""
    graph = random_network(number).graph
    images = random_images(graph, 30, number)
    trace = GoldenModel(graph).trace(images)
    for count in range(1, len(graph.ops) + 1):
        part = graph.with_ops(graph.ops[:count])
        logits = GoldenModel(part).run(images)
        assert np.array_equal(trace[part.output.name].reshape(30, -1), logits), part.output.name


def test_progress_counts_every_image() -> None:
    graph = random_network(1).graph
    counts: list[int] = []
    GoldenModel(graph).run(random_images(graph, CHUNK + 3, 1), progress=counts.append)
    assert counts == [CHUNK, 3]


def test_wrong_images_are_refused() -> None:
    graph = random_network(1).graph
    images = random_images(graph, 2, 1)
    model = GoldenModel(graph)
    for wrong in (images.astype(np.int64), images[..., :-1], images[0]):
        with pytest.raises(ValueError, match="expected uint8"):
            model.run(wrong)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="expected uint8"):
            model.trace(wrong)  # type: ignore[arg-type]
