"""Hard-wired layers and several pixels a clock in Verilator: golden streams, predicted cycles.

All networks are compiled into one simulator and run side by side.
"""

from __future__ import annotations

import numpy as np
import pytest
from lenetgen.models.random_networks import random_images, random_network

from .rtl_batch import Batch
from .rtl_networks import Network, make_batch, play_all
from .wide_networks import WIDE, Wide, plan

pytestmark = [pytest.mark.verilator, pytest.mark.slow]

SEEDS = range(3000, 3020)
FRAMES = 10
PACES = ("full", "both", "bursts")


def _random(seed: int) -> Wide:
    rng = np.random.default_rng(seed)
    return plan(random_network(seed).graph, int(rng.choice([1, 2, 4, 8])), rng, 0.7)


def _network(name: str, wide: Wide) -> Network:
    images = random_images(wide.graph, FRAMES, len(name))
    return Network.of(name, wide.graph, wide.folds, images, wide.pixels)


@pytest.fixture(scope="module")
def networks() -> list[Network]:
    made = [_network(name, make()) for name, make in WIDE.items()]
    return made + [_network(f"wide_{seed}", _random(seed)) for seed in SEEDS]


@pytest.fixture(scope="module")
def batch(networks: list[Network], tmp_path_factory: pytest.TempPathFactory) -> Batch:
    return make_batch(tmp_path_factory.mktemp("wide"), networks)


@pytest.mark.parametrize("pace", PACES)
def test_every_stream_and_every_cycle(
    batch: Batch, networks: list[Network], pace: str, seed: int
) -> None:
    assert play_all(batch, networks, pace, seed) == []
