"""Golden model = C++ = RTL on many networks at once: every stream of every network.

Input: ``Network``s (typed graph, folds, images); output: a ``Finding`` per difference. Networks
share one g++ run and one Verilator build; one that does not even build is found by halving.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..codegen import emit_hls
from ..codegen.errors import UserError
from . import csim, csim_batch
from .rtl_batch import Batch
from .rtl_networks import Network, make_batch, problems, record_of, timing_problems
from .toolrun import ToolError, stopping

ENGINES = ("csim", "csim-exact", "rtl")  # C++ with machine integers, with declared widths; Verilog
BANNER = "random network"
CYCLES = 25_000  # long networks play fewer frames


@dataclass(frozen=True)
class Pace:
    """How frames come and results go; gap and stall in percent of the cycles, see ``Play``."""

    name: str
    gap: int = 0
    stall: int = 0
    burst: int = 1
    isolated: bool = False

    @property
    def full(self) -> bool:
        """Whether nothing pauses, so that the cycle model says every cycle."""
        return self.gap == self.stall == 0


FULL = Pace("full")
ALONE = Pace("alone", isolated=True)
BOTH = Pace("both", gap=25, stall=25, burst=4)
PACES = (FULL, ALONE, BOTH)


@dataclass(frozen=True)
class Finding:
    """A difference: which network, found by which engine, and what."""

    network: str
    engine: str
    text: str

    @property
    def step(self) -> str:
        """Where it showed: while emitting, building, or running."""
        first = self.text.split(":")[0]
        return first if first in ("emit", "build") else "run"

    def __str__(self) -> str:
        return f"{self.network}: {self.engine}: {self.text}"


def compare(
    networks: Sequence[Network],
    folder: Path,
    *,
    engines: Sequence[str] = ENGINES,
    paces: Sequence[Pace] = PACES,
    seed: int = 1,
) -> list[Finding]:
    """Emit, build and run ``networks`` in ``folder``; empty if every integer is golden's.

    ``seed`` is that of the pauses. Names of networks are distinct. ``UserError`` if a tool is
    missing.
    """
    folder = folder.resolve()
    if not networks:
        return []
    with ThreadPoolExecutor(len(ENGINES)) as pool:
        jobs = [
            pool.submit(_compare_csim, networks, folder / engine, engine)
            for engine in ("csim", "csim-exact")
            if engine in engines
        ]
        try:
            # here, not in the pool, so that Ctrl-C ends what takes longest
            found = _compare_rtl(networks, folder / "rtl", paces, seed) if "rtl" in engines else []
            return [finding for job in jobs for finding in job.result()] + found
        except BaseException:
            with stopping():
                pool.shutdown(cancel_futures=True)
            raise


def _compare_csim(networks: Sequence[Network], folder: Path, engine: str) -> list[Finding]:
    emitted, found = [], []
    for network in networks:
        design = network.design
        try:
            emit_hls.emit(
                design.graph, design.schedule, network.name, BANNER, folder / network.name
            )
            emitted.append(network)
        except UserError as error:
            found.append(Finding(network.name, engine, f"emit: {error}"))
    if not emitted:
        return found
    designs = [network.design for network in emitted]
    exact = engine == "csim-exact"
    try:
        binaries = csim_batch.build(folder, designs, exact=exact)
    except ToolError as error:
        if len(emitted) == 1:
            return [*found, Finding(emitted[0].name, engine, f"build: {error}")]
        return found + [
            finding
            for number, half in enumerate(_halves(emitted))
            for finding in _compare_csim(half, folder / f"half{number}", engine)
        ]
    for network in emitted:
        text = _csim_problem(network, binaries[network.name])
        found += [Finding(network.name, engine, text)] if text else []
    return found


def _csim_problem(network: Network, binary: csim.CsimBinary) -> str | None:
    try:
        codes = csim.run(binary, network.images, trace=True)
    except RuntimeError as error:
        return str(error)
    assert isinstance(codes, dict)
    for name, expected in network.expected.items():
        if not np.array_equal(codes[name], expected):
            place = tuple(int(index) for index in np.argwhere(codes[name] != expected)[0])
            return f"{name}{list(place)}: {codes[name][place]}, expected {expected[place]}"
    return None


def _compare_rtl(
    networks: Sequence[Network], folder: Path, paces: Sequence[Pace], seed: int
) -> list[Finding]:
    try:
        batch = make_batch(folder, networks, opt="-O0")  # small: they compile longer than they run
    except (ToolError, UserError) as error:
        if len(networks) == 1:
            return [Finding(networks[0].name, "rtl", f"build: {error}")]
        return [
            finding
            for number, half in enumerate(_halves(networks))
            for finding in _compare_rtl(half, folder / f"half{number}", paces, seed)
        ]
    return [finding for pace in paces for finding in play_all(batch, networks, pace, seed)]


def _halves(networks: Sequence[Network]) -> tuple[Sequence[Network], Sequence[Network]]:
    middle = len(networks) // 2
    return networks[:middle], networks[middle:]


def frames_of(network: Network) -> list[int]:
    """As many frames as ``CYCLES`` allow, but four at least if there are."""
    count = max(4, CYCLES // max(network.timing.interval, 1))
    return list(range(min(len(network.images), count)))


def play_all(batch: Batch, networks: Sequence[Network], pace: Pace, seed: int) -> list[Finding]:
    """What goes wrong at that pace, every stream and, without pauses, every cycle."""
    frames = {network.name: frames_of(network) for network in networks}
    plays = {
        f"d_{network.name}": network.play(
            frames[network.name],
            isolated=pace.isolated,
            gap=pace.gap,
            stall=pace.stall,
            burst=pace.burst,
            seed=seed,
        )
        for network in networks
    }
    cycles = max(_patience(network, len(frames[network.name])) for network in networks)
    records = batch.play(plays, cycles, wiggle=pace.gap > 0 and pace.stall > 0)
    found = []
    for network in networks:
        record, played = record_of(records, network), frames[network.name]
        wrong = problems(network, record, played)
        if not wrong and pace.full and not pace.isolated:
            wrong = timing_problems(network, record, len(played))
        if not wrong and pace.full and pace.isolated:
            words, latency = network.design.source.words, network.timing.latency
            last = record.out.cycles[network.outputs - 1 :: network.outputs]
            measured = (last - record.taken[::words]).tolist()
            if set(measured) != {latency}:
                wrong = [f"latency {measured}, predicted {latency}"]
        found += [Finding(network.name, "rtl", f"{pace.name}: {text}") for text in wrong]
    return found


def _patience(network: Network, frames: int) -> int:
    """Cycles after which that many frames can't come any more."""
    timing = network.timing
    return 20_000 + 12 * frames * (timing.interval + timing.latency + network.settle)
