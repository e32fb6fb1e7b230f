"""Cycle model: what every handshake of the RTL does, without the data.

Input: a ``Design``. Output: ``Timing`` - initiation interval, latency and peak FIFO fill when the
source always has data and the sink always takes it. Each class mirrors the control registers of
one ``hw/`` module, so the figures equal simulation exactly; the tests hold it to that.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import pairwise

from .design import FLAG_DEPTH, PORT_DEPTH, Design, Stage
from .feeds import Feed, pooled_group
from .ir import Conv2D, Dense, MaxPool2D, Tensor, Window, WindowOp
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


class _Fifo:
    """lng_fifo: decisions see the fill level at the start of the cycle."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.count = 0
        self.delta = 0
        self.peak = 0

    @property
    def room(self) -> bool:
        return self.count < self.depth

    @property
    def filled(self) -> bool:
        return self.count > 0

    def commit(self) -> bool:
        changed = self.delta != 0
        self.count += self.delta
        self.delta = 0
        self.peak = max(self.peak, self.count)
        return changed


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


class _Window:
    """lng_window: writer, reader, dummy columns, position of the completing column."""

    def __init__(
        self,
        window: Window,
        x: Tensor,
        out: Tensor,
        pixels: int = 1,
        slots: int = 1,
        unit: int = 0,
        units: int = 1,
    ) -> None:
        self.pixels = pixels
        self.height, self.width, _ = x.image_shape
        self.rows, self.columns = window.size
        self.stride_y, self.stride_x = window.stride[0] * units, window.stride[1]
        self.out_height, self.out_width = -(-(out.shape[0] - unit) // units), out.shape[1]
        pad = window.padding
        top = pad.top - unit * window.stride[0]
        over = (self.out_width - 1) * self.stride_x - pad.left + self.columns - self.width
        self.lag = max(over, 0)
        self.first_x = self.columns - 1 - pad.left - self.lag
        self.last_x = self.first_x + (self.out_width - 1) * self.stride_x
        self.first_need = min(self.rows - 1 - top, self.height - 1) * self.width
        self.first_limit = (self.rows * slots - top) * self.width
        self.available = self.x = self.y = self.at_x = 0
        self.need, self.limit = self.first_need, self.first_limit
        self.column_valid = self.column_real = self.valid = False
        self.real = [False] * self.lag  # real[0] is the newest

    @property
    def ready(self) -> bool:
        return self.available + self.pixels <= self.limit + self.x

    def tick(self, write: bool, accept: bool) -> None:
        step = not self.valid or accept
        present = self.available > self.need + self.x
        pending = (self.column_valid and self.column_real and self.lag > 0) or any(self.real)
        if step:
            completes = False
            if self.column_valid:
                if self.lag:
                    arrives = self.real.pop()
                    self.real.insert(0, self.column_real)
                else:
                    arrives = self.column_real
                if arrives:
                    offset = self.at_x - self.first_x
                    completes = (
                        offset >= 0 and self.at_x <= self.last_x and offset % self.stride_x == 0
                    )
                    self.at_x = (self.at_x + 1) % self.width
            self.valid = completes
            self.column_real = present
            self.column_valid = present or (self.x == 0 and pending)
            if present:
                self._read()
        self.available += self.pixels * write

    def _read(self) -> None:
        self.x += 1
        if self.x < self.width:
            return
        self.x = 0
        self.y += 1
        if self.y < self.out_height:
            self.need = min(self.need + self.stride_y * self.width, (self.height - 1) * self.width)
            self.limit += self.stride_y * self.width
            return
        self.y = 0
        self.need, self.limit = self.first_need, self.first_limit
        self.available -= self.height * self.width


class _Windows:
    """lng_windows: the units, their FIFOs, and whose turn it is."""

    def __init__(self, stage: Stage, window: Window) -> None:
        self.units = [
            _Window(window, stage.x, stage.op.out, stage.pixels, stage.slots, unit, stage.units)
            for unit in range(stage.units)
        ]
        self.fifos = [_Fifo(stage.unit_fifo) for _ in self.units]
        self.height, self.width = stage.op.out.shape[:2]
        self.turn = self.at_x = self.at_y = 0

    @property
    def ready(self) -> bool:
        return all(fifo.room for fifo in self.fifos)

    @property
    def valid(self) -> bool:
        return self.units[self.turn].valid

    def tick(self, write: bool, accept: bool) -> None:
        for index, (unit, fifo) in enumerate(zip(self.units, self.fifos, strict=True)):
            taken = fifo.filled and unit.ready
            unit.tick(taken, accept and index == self.turn)
            fifo.delta += write - taken
        for fifo in self.fifos:
            fifo.commit()
        if accept:
            self.at_x += 1
            if self.at_x == self.width:
                self.at_x = 0
                self.at_y = (self.at_y + 1) % self.height
                self.turn = self.at_y % len(self.units)


class _FlatWindow:
    """lng_flat_window: tags of the words in the line."""

    def __init__(self, stage: Stage, window: Window) -> None:
        _, width, _ = stage.x.image_shape
        rows, columns = window.size
        pad = window.padding
        ahead = (rows - 1 - pad.top) * width + columns - 1 - pad.left
        self.real = [False] * (-(-ahead // stage.pixels) + 1)  # real[0] is the newest
        self.words = stage.source.words
        self.accepted = 0
        self.free = True

    @property
    def valid(self) -> bool:
        return self.real[-1]

    def tick(self, offered: bool, taken: bool) -> bool:
        """Advance by a cycle; return whether the offered word is taken."""
        free = not self.real[-1] or taken
        dummy = not offered and self.accepted == 0 and any(self.real[:-1])
        accept = offered and free
        if accept or (dummy and free):
            self.real.pop()
            self.real.insert(0, accept)
        elif taken:
            self.real[-1] = False
        if accept:
            self.accepted = (self.accepted + 1) % self.words
        return accept


class _FlatPool:
    """lng_flat_maxpool: the word register, its row and column, the FIFO, the groups sent."""

    def __init__(self, stage: Stage) -> None:
        op = stage.op
        assert isinstance(op, MaxPool2D)
        height, width, _ = stage.x.image_shape
        self.rows, columns = op.window.size
        self.pooled, self.row = stage.pixels // columns, width // columns
        self.group = pooled_group(op, stage.x, stage.source)
        self.used = height // self.rows * self.rows
        self.words = stage.source.words
        self.fifo = _Fifo(stage.unit_fifo)
        self.queue: deque[int] = deque()  # groups of the words in the FIFO
        self.valid = False
        self.word = self.sent = 0

    def complete(self) -> int:
        """Groups that the registered word completes."""
        first = self.word * self.pooled
        rows = (divmod(first + at, self.row)[0] for at in range(0, self.pooled, self.group))
        return sum(row % self.rows == self.rows - 1 and row < self.used for row in rows)

    def tick(self, offered: bool, room: bool) -> tuple[bool, bool]:
        """Advance by a cycle; return (word taken, group sent)."""
        groups = self.complete()
        leave = groups == 0 or self.fifo.room
        accept = offered and (not self.valid or leave)
        sent = self.fifo.filled and room
        if sent:
            self.sent += 1
            if self.sent == self.queue[0]:
                self.sent = 0
                self.queue.popleft()
                self.fifo.delta -= 1
        if self.valid and leave:
            if groups:
                self.queue.append(groups)
                self.fifo.delta += 1
            self.word = (self.word + 1) % self.words
        if not self.valid or leave:
            self.valid = offered
        self.fifo.commit()
        return accept, sent


class _Split:
    """lng_chunk in front of a line buffer: pixels of a wide word, one a cycle."""

    def __init__(self, stage: Stage) -> None:
        self.per_word, self.words = stage.pixels, stage.source.words
        pixels = stage.x.image_shape[0] * stage.x.image_shape[1]
        self.last = pixels % self.per_word or self.per_word
        self.count = self.word = 0

    @property
    def final(self) -> bool:
        limit = self.last if self.word == self.words - 1 else self.per_word
        return self.count == limit - 1

    def move(self) -> bool:
        """Pass a pixel on; return whether it was the word's last."""
        if not self.final:
            self.count += 1
            return False
        self.count = 0
        self.word = (self.word + 1) % self.words
        return True


class _Stage:
    """A stage between two FIFOs."""

    def __init__(self, stage: Stage, before: _Fifo, after: _Fifo) -> None:
        self.before, self.after = before, after
        self.chunks, self.rounds, self.depth = stage.chunks, stage.rounds, stage.depth
        self.is_window = isinstance(stage.op, WindowOp)
        total = stage.source.words_per_group if self.is_window else stage.source.words
        self.pack = _Pack(stage.packed_words, total)
        self.window: _Window | _Windows | None = None
        self.flat: _FlatWindow | None = None
        self.pool: _FlatPool | None = None
        self.split = _Split(stage) if stage.feed is Feed.NARROW else None
        if isinstance(stage.op, WindowOp):
            window = stage.op.window
            pixels = stage.pixels if stage.feed is Feed.ROWS else 1
            if stage.feed is Feed.FLAT and isinstance(stage.op, Conv2D):
                self.flat = _FlatWindow(stage, window)
            elif stage.feed is Feed.FLAT:
                self.pool = _FlatPool(stage)
            elif stage.units > 1:
                self.window = _Windows(stage, window)
            else:
                self.window = _Window(window, stage.x, stage.op.out, pixels, stage.slots)
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
        if self.round < self.rounds:
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

    def __init__(self, layout: StreamLayout, before: _Fifo, flags: _Fifo) -> None:
        self.layout, self.before, self.flags = layout, before, flags
        self.port = _Fifo(PORT_DEPTH)
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
        self.entry = _Fifo(PORT_DEPTH)
        self.flags = _Fifo(FLAG_DEPTH)
        self.fifos = [self.entry, *(_Fifo(stage.fifo) for stage in design.stages)]
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

    def run(self, frames: int) -> list[tuple[int, int]]:
        """Send ``frames`` back to back; (first word in, last result out) cycles of each."""
        starts: list[int] = []
        ends: list[int] = []
        quiet = 0
        while len(ends) < frames:
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
            quiet = 0 if moved else quiet + 1
            if quiet > self.patience:
                raise CycleModelError(f"nothing moved for {quiet} cycles at cycle {self.cycle}")
            self.cycle += 1
        return list(zip(starts, ends, strict=True))

    def latency(self) -> int:
        """Cycles from the first word to the last result of one isolated frame."""
        start, end = self.run(1)[0]
        return end - start


def measure(design: Design) -> Timing:
    """Latency of an isolated frame and the interval of back-to-back frames.

    ``CycleModelError`` if the interval is not constant within ``MAX_FRAMES`` frames.
    """
    latency = CycleModel(design).latency()
    for frames in (6, 12, 24, MAX_FRAMES):
        model = CycleModel(design)
        ends = [last for _, last in model.run(frames)]
        steps = [b - a for a, b in pairwise(ends)]
        if steps[-1] == steps[-2] == steps[-3]:
            return Timing(steps[-1], latency, tuple(fifo.peak for fifo in model.fifos[1:]))
    raise CycleModelError(f"the interval keeps changing: {steps[-6:]}")
