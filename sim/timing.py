"""The slowest paths of a synthesised design: logic only, no routing.

Input: modules of xc7 cells (:mod:`.netlist`) and the cells' delays (:mod:`.cell_timing`). A path
runs from a register, memory or input of the top module to another, across the modules' borders. A
LUT's latest input takes its fastest pin, as placement arranges it. Routing and clock skew count
nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .cell_timing import CellTiming, Kind, PinBit, kind_of
from .netlist import Bit, Cell, Module
from .toolrun import ToolError

LABEL = "logic only, no routing"
CLOCK_PORTS = frozenset({"aclk", "clk"})


@dataclass(frozen=True)
class Step:
    """A cell on a path: how it is called, the net it drives, its delay and the time so far, ps."""

    cell: str
    net: str
    delay: int
    arrival: int


@dataclass(frozen=True)
class Path:
    """From ``start`` (kind of cell or ``input``) to ``end``; times in ps.

    ``start_module``, ``end_module``: instance below the top module, ``""``: the top's own logic.
    """

    delay: int
    levels: int
    start: str
    start_module: str
    end: str
    end_module: str
    setup: int
    steps: tuple[Step, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain data, delays in nanoseconds."""
        return {
            "delay_ns": self.delay / 1000,
            "levels": self.levels,
            "from": {"cell": self.start, "module": self.start_module},
            "to": {"cell": self.end, "module": self.end_module, "setup_ns": self.setup / 1000},
            "steps": [
                {
                    "cell": step.cell,
                    "net": step.net,
                    "delay_ns": step.delay / 1000,
                    "arrival_ns": step.arrival / 1000,
                }
                for step in self.steps
            ],
        }


def slowest_paths(
    modules: Mapping[str, Module], top: str, timings: Mapping[Kind, CellTiming]
) -> dict[str, Path]:
    """The slowest path that ends in each instance below ``top`` (``""``: in the top module).

    Raises :class:`ToolError` on a combinational loop.
    """
    graph = _Graph(timings)
    graph.add(modules, top)
    arrivals = graph.arrivals()
    best: dict[str, tuple[int, int, _End]] = {}
    for end in graph.ends:
        time = arrivals.get(end.net, 0) + end.setup
        if end.net in arrivals and time > best.get(end.owner, (-1,))[0]:
            best[end.owner] = (time, end.net, end)
    return {
        owner: graph.trace(time, end, arrivals) for owner, (time, _, end) in sorted(best.items())
    }


@dataclass(frozen=True)
class _End:
    net: int
    setup: int
    owner: str
    cell: str


@dataclass(frozen=True)
class _Driver:
    """What drives a net: a launch (no inputs) or a cell with (input net, delay)."""

    cell: str
    owner: str
    launch: int | None
    inputs: tuple[tuple[int, int], ...] = ()
    lut: tuple[int, ...] = ()  # of a LUT the delays of its pins, the fastest first


@dataclass
class _Graph:
    timings: Mapping[Kind, CellTiming]
    drivers: dict[int, _Driver] = field(default_factory=dict)
    ends: list[_End] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    _joined: dict[int, int] = field(default_factory=dict)
    _count: int = 0

    def add(self, modules: Mapping[str, Module], top: str) -> None:
        """All cells of the top module and of those it instantiates."""
        module = modules[top]
        nets: dict[Bit, int] = {}
        inside = []
        for cell in module.cells:
            if cell.type in modules:
                inside.append((cell, self._join(cell, modules[cell.type], nets)))
        self._name(module, nets, "")
        for cell, below in inside:
            self._name(modules[cell.type], below, f"{cell.name}.")
        for port, (direction, bits) in module.ports.items():
            for bit in bits:
                net = self._net(bit, nets)
                if net is None or port in CLOCK_PORTS:
                    continue
                if direction == "input":
                    self.drivers[net] = _Driver("input", "", 0)
                else:
                    self.ends.append(_End(net, 0, "", "output"))
        for cell in module.cells:
            if cell.type not in modules:
                self._cell(cell, nets, "")
        for cell, below in inside:
            for item in modules[cell.type].cells:
                self._cell(item, below, cell.name)

    def _join(self, cell: Cell, module: Module, outer: dict[Bit, int]) -> dict[Bit, int]:
        """The nets of an instance; its ports are the nets outside, feed-throughs included."""
        inner: dict[Bit, int] = {}
        for port, (_, bits) in module.ports.items():
            outside = cell.connections.get(port, ())
            for bit, other in zip(bits, outside, strict=False):
                a, b = self._net(bit, inner), self._net(other, outer)
                if a is not None and b is not None and a != b:
                    self._joined[a] = b
        return inner

    def _net(self, bit: Bit, nets: dict[Bit, int]) -> int | None:
        if not isinstance(bit, int):
            return None
        if bit not in nets:
            self._count += 1
            nets[bit] = self._count
        return self._root(nets[bit])

    def _root(self, net: int) -> int:
        while net in self._joined:
            net = self._joined[net]
        return net

    def _name(self, module: Module, nets: dict[Bit, int], prefix: str) -> None:
        for bit, name in module.names.items():
            net = self._net(bit, nets)
            if net is not None:
                self.names.setdefault(net, prefix + name)

    def _cell(self, cell: Cell, nets: dict[Bit, int], owner: str) -> None:
        timing = self.timings[kind_of(cell)]
        pins: dict[PinBit, int] = {}
        for port, bits in cell.connections.items():
            for place, bit in enumerate(bits):
                net = self._net(bit, nets)
                if net is not None:
                    pins[port, place] = net
        outputs = timing.through.keys() | timing.launch.keys()
        for pin, net in pins.items():
            if pin in timing.launch:
                self.drivers[net] = _Driver(cell.type, owner, timing.launch[pin])
            elif pin in timing.through:
                arcs = tuple(
                    (pins[source], delay) for source, delay in timing.through[pin] if source in pins
                )
                delays = sorted(delay for _, delay in timing.through[pin])
                lut = tuple(delays) if cell.type.startswith("LUT") else ()
                self.drivers[net] = _Driver(cell.type, owner, None, arcs, lut)
            elif timing.clocked and pin[0] not in timing.clocks and pin not in outputs:
                self.ends.append(_End(net, timing.setup.get(pin, 0), owner, cell.type))

    def arrivals(self) -> dict[int, int]:
        """When each net is stable, ps after the clock edge."""
        done: dict[int, int] = {}
        waiting: dict[int, int] = {}
        followers: dict[int, list[int]] = {}
        ready = []
        for net, driver in self.drivers.items():
            inputs = {source for source, _ in driver.inputs if source in self.drivers}
            waiting[net] = len(inputs)
            for source in inputs:
                followers.setdefault(source, []).append(net)
            if not inputs:
                ready.append(net)
        while ready:
            net = ready.pop()
            driver = self.drivers[net]
            done[net] = (
                driver.launch if driver.launch is not None else self._latest(driver, done)[0]
            )
            for other in followers.get(net, ()):
                waiting[other] -= 1
                if not waiting[other]:
                    ready.append(other)
        if len(done) != len(self.drivers):
            stuck = next(net for net in self.drivers if net not in done)
            raise ToolError(f"combinational loop at {self.names.get(stuck, f'net {stuck}')}")
        return done

    def _latest(self, driver: _Driver, done: Mapping[int, int]) -> tuple[int, int | None]:
        """(arrival, input net it comes from) of a combinational cell's output."""
        arcs = [(done[net], delay, net) for net, delay in driver.inputs if net in done]
        if driver.lut:  # any input may take any pin: the latest the fastest
            latest = sorted(arcs, key=lambda arc: (-arc[0], arc[2]))
            arcs = [(arc[0], delay, arc[2]) for arc, delay in zip(latest, driver.lut, strict=False)]
        if not arcs:
            return 0, None
        time, delay, net = max(arcs, key=lambda arc: (arc[0] + arc[1], arc[2]))
        return time + delay, net

    def trace(self, time: int, end: _End, arrivals: Mapping[int, int]) -> Path:
        """The path to ``end``, backwards along the latest inputs."""
        steps: list[Step] = []
        net: int | None = end.net
        while net is not None:
            driver = self.drivers[net]
            source = None if driver.launch is not None else self._latest(driver, arrivals)[1]
            before = arrivals[source] if source is not None else 0
            name = self.names.get(net, "")
            steps.append(Step(driver.cell, name, arrivals[net] - before, arrivals[net]))
            start, net = driver, source
        return Path(
            delay=time,
            levels=len(steps) - 1,
            start=start.cell,
            start_module=start.owner,
            end=end.cell,
            end_module=end.owner,
            setup=end.setup,
            steps=tuple(reversed(steps)),
        )
