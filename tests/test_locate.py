from dataclasses import replace

import numpy as np
import pytest
from lenetgen.codegen.streams import stream_points
from lenetgen.sim.golden import GoldenModel
from lenetgen.sim.locate import (
    Difference,
    first_difference,
    logit_difference,
    replay_differences,
)
from lenetgen.sim.rtl import Replay, StreamTrace

from .small_networks import random_images, small_design, small_typed_graph

GRAPH = small_typed_graph()
EXPECTED = {
    name: codes[0] for name, codes in GoldenModel(GRAPH).trace(random_images(3, 2)[2:]).items()
}


def _copy() -> dict[str, np.ndarray]:
    return {name: codes.copy() for name, codes in EXPECTED.items()}


def test_equal_is_none() -> None:
    assert first_difference("csim", GRAPH, 0, EXPECTED, _copy()) is None


@pytest.mark.parametrize(
    ("layer", "row", "column", "channel"),
    [("conv1", 0, 0, 0), ("conv1", 7, 7, 2), ("pool1", 2, 3, 1), ("conv2", 1, 2, 3)],
)
def test_image_layers(layer: str, row: int, column: int, channel: int) -> None:
    actual = _copy()
    actual[layer][row, column, channel] += 3
    actual[layer][row:, column:, channel:] += 3  # later elements differ as well
    actual["fc2"] += 1  # and so do later layers
    cycles = {name: np.arange(codes.size).reshape(codes.shape) for name, codes in actual.items()}
    found = first_difference("rtl", GRAPH, 4, EXPECTED, actual, cycles)
    assert found is not None
    assert (found.layer, found.row, found.column, found.channel) == (layer, row, column, channel)
    assert found.cycle == cycles[layer][row, column, channel]
    assert found.expected == EXPECTED[layer][row, column, channel]
    assert found.actual == found.expected + 6
    assert found.image == 4


def test_vectors_and_text() -> None:
    actual = _copy()
    actual["fc1"][5] = 40
    found = first_difference("csim", GRAPH, 1, EXPECTED, actual)
    assert found == Difference(
        stage="csim",
        image=1,
        layer="fc1",
        channel=5,
        row=0,
        column=0,
        cycle=None,
        expected=int(EXPECTED["fc1"][5]),
        actual=40,
        step=GRAPH.tensor("fc1").fmt.step,
    )
    assert str(found).endswith(", got 40 (0.625)")
    assert "layer fc1, channel 5, row 0, column 0: expected" in str(found)


def test_elements_that_never_arrive() -> None:
    actual = _copy()
    cycles = {name: np.zeros(codes.shape, dtype=np.int64) for name, codes in actual.items()}
    cycles["pool1"][3, 1, :] = -1
    found = first_difference("rtl", GRAPH, 0, EXPECTED, actual, cycles)
    assert found is not None
    assert (found.layer, found.row, found.column, found.channel) == ("pool1", 3, 1, 0)
    assert found.actual is None and found.cycle is None
    assert str(found).endswith("got nothing")


def test_the_input_port_comes_first() -> None:
    actual = _copy()
    actual[GRAPH.input.name][7, 6, 0] ^= 1
    actual["conv1"] += 1
    found = first_difference("csim", GRAPH, 2, EXPECTED, actual)
    assert found is not None
    assert (found.layer, found.part) == (GRAPH.input.name, "input port")
    assert (found.row, found.column, found.channel) == (7, 6, 0)
    del actual[GRAPH.input.name]
    found = first_difference("csim", GRAPH, 2, EXPECTED, actual)
    assert found is not None and found.place == "layer conv1"


def test_places_in_words() -> None:
    wrong = EXPECTED["fc2"] + 1
    found = logit_difference("rtl", GRAPH, 0, EXPECTED["fc2"], wrong)
    assert "image 0, output port, layer fc2, channel 0" in str(found)
    assert replace(found, part="FIFO").place == "FIFO behind layer fc2"


def _replayed(missing_from: str, waiting: set[str]) -> Difference | None:
    """Nothing arrives at ``missing_from`` and behind it; the ``waiting`` signals offer a word."""
    design = small_design()
    points = stream_points(design)
    golden = {name: codes[None] for name, codes in EXPECTED.items()}
    first = next(i for i, point in enumerate(points) if point.signal == missing_from)
    streams = []
    for index, point in enumerate(points):
        codes = golden[point.tensor.name][None]
        cycles = np.full(codes.shape, -1 if index >= first else 5, dtype=np.int64)
        blocked = np.array([point.signal in waiting])
        streams.append(StreamTrace(codes, cycles, blocked))
    logits = golden["fc2"].reshape(1, 1, -1) * 0
    replay = Replay(logits, np.zeros((1, 1), dtype=bool), tuple(streams))
    return replay_differences(points, GRAPH.output, replay, golden, [0])[0]


@pytest.mark.parametrize(
    ("missing_from", "waiting", "place"),
    [
        ("out_conv1", set(), "layer conv1"),
        ("out_conv1", {"out_conv1"}, "FIFO behind layer conv1"),
        ("out_conv1", {"out_conv1", "fifo_conv1", "out_pool1"}, "FIFO behind layer pool1"),
        ("out_fc2", {"out_fc2", "fifo_fc2"}, "output port, layer fc2"),
        ("frame", set(), "input port, layer image"),
    ],
)
def test_a_word_that_waits_is_not_to_blame(
    missing_from: str, waiting: set[str], place: str
) -> None:
    found = _replayed(missing_from, waiting)
    assert found is not None and found.place == place and found.actual is None


def test_logits_only() -> None:
    wrong = EXPECTED["fc2"].copy()
    wrong[3] -= 1
    found = logit_difference("csim", GRAPH, 9, EXPECTED["fc2"], wrong)
    assert (found.layer, found.channel, found.image) == ("fc2", 3, 9)
    assert found.actual == found.expected - 1
