"""Hard-wired layers and several pixels a clock in Verilator: golden streams, predicted cycles.

All networks are compiled into one simulator and run side by side.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from lenetgen.codegen.feeds import Feed
from lenetgen.models.random_networks import random_images, random_network
from lenetgen.sim import verilator
from lenetgen.sim.compare import Pace, play_all

from .rtl_batch import Batch
from .rtl_networks import Network, make_batch
from .wide_networks import WIDE, Wide, plan

pytestmark = [pytest.mark.verilator, pytest.mark.slow]

SEEDS = range(3000, 3010)
FRAMES = 10
PACES = {
    "full": Pace("full"),
    "alone": Pace("alone", isolated=True),
    "both": Pace("both", gap=25, stall=25, burst=4),
    "bursts": Pace("bursts", gap=3, stall=3, burst=100),
}


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
    return make_batch(tmp_path_factory.mktemp("wide"), networks, opt="-O0")


@pytest.mark.parametrize("pace", PACES)
def test_every_stream_and_every_cycle(
    batch: Batch, networks: list[Network], pace: str, seed: int
) -> None:
    found = play_all(batch, networks, PACES[pace], seed)
    assert [str(finding) for finding in found] == []


@pytest.mark.parametrize("name", ["w_lenet_28", "w_odd_4", "w_valid_8", "w_column", "w_pools_12"])
def test_generated_verilog_is_lint_free(networks: list[Network], name: str, tmp_path: Path) -> None:
    (network,) = [network for network in networks if network.name == name]
    verilator.lint(network.emit(tmp_path), name, [tmp_path / "rtl"])


def test_every_feed_and_every_engine_is_there(networks: list[Network]) -> None:
    stages = [stage for network in networks for stage in network.design.stages]
    kinds = {
        (stage.op.kind, stage.feed, stage.adders is not None)
        for stage in stages
        if stage.window is not None
    }
    for feed in Feed:
        if feed is not Feed.FLAT:
            assert any(kind[0] == "Conv2D" and kind[1:] == (feed, False) for kind in kinds), feed
        assert any(kind[0] == "Conv2D" and kind[1:] == (feed, True) for kind in kinds), feed
    assert {kind[1] for kind in kinds if kind[0] == "MaxPool2D"} == set(Feed)
    assert {network.design.schedule.pixels for network in networks} >= {1, 2, 4, 8}
    turns = [stage for stage in stages if stage.units > 1]
    assert {stage.adders is not None for stage in turns} == {False, True}
    assert any(stage.slots > 1 and stage.pixels > 1 for stage in turns)
    dense = [stage for stage in stages if stage.op.kind == "Dense" and stage.adders is not None]
    assert any(stage.packed_words > 1 for stage in dense)
    outputs = [output for stage in stages if stage.adders for output in stage.adders.outputs]
    assert any(output.negate for output in outputs)
    assert any(output.node is None for output in outputs)  # a bias alone
    assert any(network.design.result.groups == 1 for network in networks if network.outputs > 9)
    for network in networks[: len(WIDE)]:  # a constant result would compare nothing
        assert len(np.unique(network.logits, axis=0)) > 1, network.name
