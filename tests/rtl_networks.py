"""Whole networks in a batch, where the tests look for them, and how they are played."""

from collections.abc import Sequence

from lenetgen.sim.rtl_batch import Batch
from lenetgen.sim.rtl_networks import Network, make_batch, problems, record_of, timing_problems

__all__ = ["Network", "make_batch", "play_all", "problems", "record_of", "timing_problems"]

CYCLES = 25_000  # long networks play fewer frames
PACES = {
    "full": {},
    "gaps": {"gap": 30, "burst": 2},
    "stalls": {"stall": 30, "burst": 2},
    "both": {"gap": 25, "stall": 25, "burst": 4},
    "bursts": {"gap": 3, "stall": 3, "burst": 100},
}


def _frames(network: Network) -> list[int]:
    """As many frames as ``CYCLES`` allow, at least four."""
    count = CYCLES // max(network.timing.interval, 1)
    return list(range(max(4, min(len(network.images), count))))


def play_all(batch: Batch, networks: Sequence[Network], pace: str, seed: int) -> list[str]:
    """What goes wrong at that pace, back to back and isolated."""
    found = []
    for isolated in (False, True):
        frames = {network.name: _frames(network) for network in networks}
        plays = {
            f"d_{network.name}": network.play(
                frames[network.name], isolated=isolated, seed=seed, **PACES[pace]
            )
            for network in networks
        }
        records = batch.play(plays, wiggle=pace == "both")
        for network in networks:
            record, played = record_of(records, network), frames[network.name]
            wrong = problems(network, record, played)
            if pace == "full" and not isolated:
                wrong += timing_problems(network, record, len(played))
            if pace == "full" and isolated:
                words = network.design.source.words
                last = record.out.cycles[network.outputs - 1 :: network.outputs]
                latency = network.timing.latency
                if set(last - record.taken[::words]) != {latency}:
                    wrong.append(f"latency {last - record.taken[::words]}, predicted {latency}")
            found += [f"{network.name} {pace} isolated={isolated}: {text}" for text in wrong]
    return found
