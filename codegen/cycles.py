"""Cycle model: what every handshake of the RTL does, without the data.

Input: a ``Design``. Output: ``Timing`` - initiation interval, latency and peak FIFO fill when the
source always has data and the sink always takes it. Each class mirrors the control registers of
one ``hw/`` module, so the figures equal simulation exactly; the tests hold it to that. A stage in
which nothing but counters and a pipeline move sleeps until they matter or a FIFO beside it changes.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass
from itertools import accumulate, pairwise

from .cycle_windows import Fifo, FlatPool, FlatWindow, LineBuffer, LineBuffers, Split
from .design import FLAG_DEPTH, PORT_DEPTH, Design, Stage
from .feeds import Feed
from .ir import Conv2D, Dense, WindowOp
from .layout import StreamLayout

MAX_FRAMES = 40


class CycleModelError(Exception):
    """The model found no steady state: a deadlock, or a period longer than it looks."""


@dataclass(frozen=True)
class Timing:
    """Cycles when nothing stalls.

    ``interval``: from a frame's last result to the next frame's (initiation interval).
    ``latency``: from the first accepted input word of an isolated frame to its last result.
    ``peaks``: most words each stage's FIFO held, back-to-back frames.
    """

    interval: int
    latency: int
    peaks: tuple[int, ...]


class _Pack:
    """lng_pack: words of a group collected, the last one passing through."""

    def __init__(self, per_word: int, total: int) -> None:
        self.per_word, self.total = per_word, total
        self.count = self.seen = 0

    @property
    def final(self) -> bool:
        return self.count == self.per_word - 1 or self.seen == self.total - 1

    def move(self) -> None:
        self.count = 0 if self.final else self.count + 1
        self.seen = 0 if self.seen == self.total - 1 else self.seen + 1


class _Stage:
    """A stage between two FIFOs."""

    def __init__(self, stage: Stage, before: Fifo, after: Fifo) -> None:
        self.before, self.after = before, after
        self.is_window = isinstance(stage.op, WindowOp)
        total = stage.source.words_per_group if self.is_window else stage.source.words
        self.pack = _Pack(stage.packed_words, total)
        self.window: LineBuffer | LineBuffers | None = None
        self.flat: FlatWindow | None = None
        self.pool: FlatPool | None = None
        self.split = Split(stage) if stage.feed is Feed.NARROW else None
        if isinstance(stage.op, WindowOp):
            window = stage.op.window
            pixels = stage.pixels if stage.feed is Feed.ROWS else 1
            if stage.feed is Feed.FLAT and isinstance(stage.op, Conv2D):
                self.flat = FlatWindow(stage, window)
            elif stage.feed is Feed.FLAT:
                self.pool = FlatPool(stage)
            elif stage.units > 1:
                self.window = LineBuffers(stage, window)
            else:
                self.window = LineBuffer(window, stage.x, stage.op.out, pixels, stage.slots)
        self.engine = _Engine(stage, after)
        self.seen = 0  # cycles it has lived through
        self.wake: float = 0  # the next cycle that it must not sleep through

    def tick(self, cycle: int) -> None:
        """Live through ``cycle``, and find out how long it may sleep."""
        self.catch_up(cycle)
        self.seen = cycle + 1
        changed = self._move()
        self.wake = self.seen if changed else self.seen + self.engine.rest

    def catch_up(self, cycle: int) -> None:
        """Live through the cycles before ``cycle`` that it slept through."""
        if self.seen < cycle:
            self.engine.sleep(cycle - self.seen)
            self.seen = cycle

    def state(self) -> object:
        """What decides what it does next; equal states, equal futures."""
        return _state([self.pack, self.window, self.flat, self.pool, self.split]), (
            self.engine.state()
        )

    def _move(self) -> bool:
        """A cycle; return whether more changed than the engine's counters."""
        before, after, engine = self.before, self.after, self.engine
        if self.pool is not None:
            taken, sent, changed = self.pool.tick(before.filled, after.room)
            before.delta -= taken
            after.delta += sent
            return changed
        if self.flat is not None:
            accept = engine.tick(self.flat.valid)
            taken, changed = self.flat.tick(before.filled, accept)
            before.delta -= taken
            return changed or engine.changed
        if self.window is None:
            accept = engine.tick(before.filled and self.pack.final)
            taken = before.filled and (accept or not self.pack.final)
            if taken:
                before.delta -= 1
                self.pack.move()
            return taken or engine.changed
        accept = engine.tick(self.window.valid)
        ready = self.window.ready
        if self.split is not None:
            write = before.filled and ready
            if write and self.split.move():
                before.delta -= 1
            return self.window.tick(write, accept) or engine.changed
        final = self.pack.final
        taken = before.filled and (ready or not final)
        if taken:
            before.delta -= 1
            self.pack.move()
        changed = self.window.tick(taken and final, accept)
        return changed or taken or engine.changed


class _Engine:
    """Steps of a vector, and the pipeline of results behind them."""

    def __init__(self, stage: Stage, after: Fifo) -> None:
        self.after = after
        self.depth = stage.depth
        rounds = [stage.rounds] * stage.chunks  # of each chunk
        if stage.steps:
            rounds = [0] * stage.chunks
            for step in stage.steps:
                rounds[step.chunk] += 1
        words = stage.source.words if isinstance(stage.op, Dense) else 1
        chunks_per_word = stage.chunks // -(-words // stage.packed_words)
        ends = list(accumulate(rounds))
        self.steps = ends[-1]
        self.emitting = self.steps - rounds[-1]  # from here on a result a step
        used_up = [end - 1 for end in ends[chunks_per_word - 1 :: chunks_per_word]]
        self.used_up = frozenset(used_up)  # steps that are the last ones of a word
        self.stops = [*(at for at in used_up if at < self.emitting), self.emitting]
        self.step = 0
        self.shift = 0  # cycles the pipeline moved
        self.due: deque[int] = deque()  # ``shift`` at which each result leaves
        self.counting = self.shifting = self.changed = False

    def tick(self, offered: bool) -> bool:
        """Advance by a cycle; return whether the offered word is used up.

        ``changed``: a result or a word moved; if not, it is a matter of counters.
        """
        self.counting = False
        if not self.depth:
            self.changed = offered and self.after.room
            self.after.delta += self.changed
            return self.changed
        self.changed = False
        finished = len(self.due) > 0 and self.due[0] == self.shift
        self.shifting = not finished or self.after.room
        if not self.shifting:
            return False
        if finished:
            self.after.delta += 1
            self.due.popleft()
            self.changed = True
        accept = False
        if offered:
            self.counting = True
            if self.step >= self.emitting:
                self.due.append(self.shift + self.depth)
                self.changed = True
            accept = self.step in self.used_up
            self.changed |= accept
            self.step = 0 if self.step == self.steps - 1 else self.step + 1
        self.shift += 1
        return accept

    @property
    def rest(self) -> float:
        """Cycles in which only counters change, if nothing around changes."""
        left = math.inf
        if self.counting:
            left = 0
            if self.step < self.emitting:
                left = self.stops[bisect_left(self.stops, self.step)] - self.step
        if self.shifting and self.due:
            left = min(left, self.due[0] - self.shift)
        return left

    def sleep(self, cycles: int) -> None:
        """So many cycles of ``rest``."""
        if self.counting:
            self.step += cycles
        if self.shifting:
            self.shift += cycles

    def state(self) -> object:
        """Where it is in its vector, and the results on their way."""
        return self.step, [due - self.shift for due in self.due]


class _Output:
    """lng_axis_output and the FIFO behind it, drained by a sink that always takes."""

    def __init__(self, layout: StreamLayout, before: Fifo, flags: Fifo) -> None:
        self.layout, self.before, self.flags = layout, before, flags
        self.port = Fifo(PORT_DEPTH)
        self.lane = self.element = self.group = 0
        self.pending: deque[bool] = deque()

    @property
    def resting(self) -> bool:
        """Whether there is nothing to hand on."""
        return not self.port.filled and not (self.before.filled and self.flags.filled)

    def tick(self) -> bool:
        """Return whether a frame's last result leaves in this cycle."""
        done = False
        if self.port.filled:
            self.port.delta -= 1
            done = self.pending.popleft()
        if self.before.filled and self.flags.filled and self.port.room:
            group_end = self.element == self.layout.channels - 1
            frame_end = group_end and self.group == self.layout.groups - 1
            self.port.delta += 1
            self.pending.append(frame_end)
            if group_end or self.lane == self.layout.lanes - 1:
                self.before.delta -= 1
                self.lane = 0
            else:
                self.lane += 1
            self.element = 0 if group_end else self.element + 1
            self.group = (0 if frame_end else self.group + 1) if group_end else self.group
            self.flags.delta -= frame_end
        self.port.commit()
        return done


class CycleModel:
    """Steps a design cycle by cycle, over those in which nothing moves at once."""

    skips = True  # not where the source looks at every cycle

    def __init__(self, design: Design) -> None:
        self.words = design.source.words
        self.entry = Fifo(PORT_DEPTH)
        self.flags = Fifo(FLAG_DEPTH)
        self.fifos = [self.entry, *(Fifo(stage.fifo) for stage in design.stages)]
        self.stages = [
            _Stage(stage, self.fifos[index], self.fifos[index + 1])
            for index, stage in enumerate(design.stages)
        ]
        self.output = _Output(design.result, self.fifos[-1], self.flags)
        self.word = 0
        self.cycle = 0
        # no stage is busy for longer without moving a word
        longest = max(stage.chunks * stage.rounds + stage.depth for stage in design.stages)
        self.patience = 2 * longest + 10_000

    def run(self, frames: int, *, steady: bool = False) -> list[tuple[int, int]]:
        """Send ``frames`` back to back; (first word in, last result out) cycles of each.

        ``steady``: stop when a frame leaves everything as the one before did; from there on all
        frames take as long.
        """
        starts: list[int] = []
        ends: list[int] = []
        before: object = None
        quiet = 0
        around = self._around()
        while len(ends) < frames:
            completed = len(ends)
            sent = len(starts) if self.word == 0 else len(starts) - 1
            moved = False
            if sent < frames and self.entry.room and self.flags.room:
                moved = True
                if self.word == 0:
                    starts.append(self.cycle)
                self.entry.delta += 1
                self.word += 1
                if self.word == self.words:
                    self.word = 0
                    self.flags.delta += 1
            for stage in self.stages:
                if stage.wake <= self.cycle:
                    stage.tick(self.cycle)
            resting = self.output.resting
            if not resting and self.output.tick():
                ends.append(self.cycle)
                moved = True
            for fifo, neighbours in around:
                if fifo.delta:
                    moved |= fifo.commit()
                    for stage in neighbours:
                        stage.wake = self.cycle + 1
            moved |= self.flags.commit()
            if steady and len(ends) > completed and len(starts) < frames:
                state = self._now()
                if state == before:
                    return list(zip(starts, ends, strict=False))
                before = state
            quiet = 0 if moved else quiet + 1
            if quiet > self.patience:
                raise CycleModelError(f"nothing moved for {quiet} cycles at cycle {self.cycle}")
            self.cycle += 1
            if self.skips and resting and not moved:
                wake = min(stage.wake for stage in self.stages)
                skipped = max(int(min(wake - self.cycle, self.patience - quiet)), 0)
                self.cycle += skipped
                quiet += skipped
        return list(zip(starts, ends, strict=True))

    def _around(self) -> list[tuple[Fifo, list[_Stage]]]:
        """Every FIFO between stages with the stages it joins."""
        return [
            (fifo, [stage for stage in self.stages if fifo in (stage.before, stage.after)])
            for fifo in self.fifos
        ]

    def _now(self) -> object:
        """All registers at the end of a cycle."""
        for stage in self.stages:
            stage.catch_up(self.cycle + 1)
        stages = [stage.state() for stage in self.stages]
        return _state([self.word, self.fifos, self.flags, stages, self.output])

    def latency(self) -> int:
        """Cycles from the first word to the last result of one isolated frame."""
        start, end = self.run(1)[0]
        return end - start


def _state(part: object) -> object:
    """All registers of a part of the model, as plain values that compare."""
    if isinstance(part, (list, tuple, deque)):
        return tuple(_state(one) for one in part)
    if type(part).__module__ in (__name__, Fifo.__module__):
        return tuple(_state(one) for name, one in vars(part).items() if name != "peak")
    return part


def measure(design: Design) -> Timing:
    """Latency of an isolated frame and the interval of back-to-back frames.

    The interval is that of the steady state; FIFOs that fill a word a frame can take more than
    ``MAX_FRAMES`` frames to get there, then it is that of the frame ``MAX_FRAMES``.
    ``CycleModelError`` if the last three frames differ.
    """
    latency = CycleModel(design).latency()
    model = CycleModel(design)
    ends = [last for _, last in model.run(MAX_FRAMES, steady=True)]
    steps = [b - a for a, b in pairwise(ends)]
    if len(ends) == MAX_FRAMES and len(set(steps[-3:])) > 1:
        raise CycleModelError(f"the interval keeps changing: {steps[-6:]}")
    return Timing(steps[-1], latency, tuple(fifo.peak for fifo in model.fifos[1:]))
