"""Cycle model: what every handshake of the RTL does, without the data.

Input: a ``Design``. Output: ``Timing`` - initiation interval, latency and peak FIFO fill when the
source always has data and the sink always takes it. Each class mirrors the control registers of
one ``hw/`` module, so the figures equal simulation exactly; the tests hold it to that.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import pairwise

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
        self.depth = stage.depth
        self.rounds = [stage.rounds] * stage.chunks  # of each chunk
        if stage.steps:
            self.rounds = [0] * stage.chunks
            for step in stage.steps:
                self.rounds[step.chunk] += 1
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
        words = stage.source.words if isinstance(stage.op, Dense) else 1
        per_vector = -(-words // stage.packed_words)
        self.chunks_per_word = stage.chunks // per_vector
        self.last_chunk = stage.chunks - 1
        self.pipe: deque[bool] = deque([False] * stage.depth)
        self.round = self.chunk = self.part = 0
        self.weighted = isinstance(stage.op, (Conv2D, Dense))

    def tick(self) -> None:
        if self.pool is not None:
            taken, sent = self.pool.tick(self.before.filled, self.after.room)
            self.before.delta -= taken
            self.after.delta += sent
            return
        if self.flat is not None:
            accept = self._engine(self.flat.valid)
            self.before.delta -= self.flat.tick(self.before.filled, accept)
            return
        offered = self.window.valid if self.window is not None else self._packed()
        accept = self._engine(offered)
        if self.window is not None and self.split is not None:
            write = self.before.filled and self.window.ready
            if write and self.split.move():
                self.before.delta -= 1
            self.window.tick(write, accept)
        elif self.window is not None:
            write = self._packed() and self.window.ready
            if self.before.filled and (self.window.ready or not self.pack.final):
                self.before.delta -= 1
                self.pack.move()
            self.window.tick(write, accept)
        elif self.before.filled and (accept or not self.pack.final):
            self.before.delta -= 1
            self.pack.move()

    def _packed(self) -> bool:
        return self.before.filled and self.pack.final

    def _engine(self, offered: bool) -> bool:
        """Advance the pipeline by a cycle; return whether the offered word is used up."""
        if not self.depth:
            if offered and self.after.room:
                self.after.delta += 1
                return True
            return False
        finished = self.pipe[-1]
        if finished and not self.after.room:
            return False
        if finished:
            self.after.delta += 1
        self.pipe.pop()
        emits, accept = offered, offered
        if offered and self.weighted:
            emits = self.chunk == self.last_chunk
            accept = self._count()
        self.pipe.appendleft(emits)
        return accept

    def _count(self) -> bool:
        self.round += 1
        if self.round < self.rounds[self.chunk]:
            return False
        self.round = 0
        self.chunk = 0 if self.chunk == self.last_chunk else self.chunk + 1
        self.part += 1
        if self.part < self.chunks_per_word:
            return False
        self.part = 0
        return True


class _Output:
    """lng_axis_output and the FIFO behind it, drained by a sink that always takes."""

    def __init__(self, layout: StreamLayout, before: Fifo, flags: Fifo) -> None:
        self.layout, self.before, self.flags = layout, before, flags
        self.port = Fifo(PORT_DEPTH)
        self.lane = self.element = self.group = 0
        self.pending: deque[bool] = deque()

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
    """Steps a design cycle by cycle."""

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
                stage.tick()
            if self.output.tick():
                ends.append(self.cycle)
                moved = True
            for fifo in self.fifos:
                moved |= fifo.commit()
            moved |= self.flags.commit()
            if steady and len(ends) > completed and len(starts) < frames:
                state = _state([self.word, self.fifos, self.flags, self.stages, self.output])
                if state == before:
                    return list(zip(starts, ends, strict=False))
                before = state
            quiet = 0 if moved else quiet + 1
            if quiet > self.patience:
                raise CycleModelError(f"nothing moved for {quiet} cycles at cycle {self.cycle}")
            self.cycle += 1
        return list(zip(starts, ends, strict=True))

    def latency(self) -> int:
        """Cycles from the first word to the last result of one isolated frame."""
        start, end = self.run(1)[0]
        return end - start


def _state(part: object) -> object:
    """All registers of a part of the model, as plain values that compare."""
    if isinstance(part, (list, deque)):
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
