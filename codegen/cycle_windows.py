"""Cycle model of what makes windows: line buffers, alone or in turns, flat windows and pools.

Each class mirrors the control registers of one ``hw/`` module, without the data; ``cycles`` puts
them into stages. ``Fifo`` is here because some of them hold one.
"""

from __future__ import annotations

from collections import deque

from .design import Stage
from .feeds import pooled_group
from .ir import MaxPool2D, Tensor, Window


class Fifo:
    """lng_fifo: decisions see the fill level at the start of the cycle."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.count = 0
        self.delta = 0
        self.peak = 0

    @property
    def room(self) -> bool:
        """Whether a word may enter."""
        return self.count < self.depth

    @property
    def filled(self) -> bool:
        """Whether a word may leave."""
        return self.count > 0

    def commit(self) -> bool:
        """End the cycle; return whether the fill changed."""
        changed = self.delta != 0
        self.count += self.delta
        self.delta = 0
        self.peak = max(self.peak, self.count)
        return changed


class LineBuffer:
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
        self.real = 0  # a bit for each of the lagging columns, bit 0 is the newest

    @property
    def ready(self) -> bool:
        """Whether it takes a word."""
        return self.available + self.pixels <= self.limit + self.x

    def tick(self, write: bool, accept: bool) -> bool:
        """Advance by a cycle: ``write`` a word, ``accept`` the window.

        Return whether anything changed; if not, it waits for one of the two.
        """
        if self.valid and not accept:
            self.available += self.pixels * write
            return write
        present = self.available > self.need + self.x
        lasts = self.x == 0 and ((self.column_real and self.lag > 0) or self.real != 0)
        changed = write or present or lasts or self.column_valid or self.valid
        completes = False
        if self.column_valid:
            arrives = self.column_real
            if self.lag:
                arrives = self.real >> (self.lag - 1) != 0
                self.real = (self.real << 1 | self.column_real) & ((1 << self.lag) - 1)
            if arrives:
                offset = self.at_x - self.first_x
                completes = offset >= 0 and self.at_x <= self.last_x and offset % self.stride_x == 0
                self.at_x = (self.at_x + 1) % self.width
        self.valid = completes
        self.column_real = present
        self.column_valid = present or lasts
        if present:
            self._read()
        self.available += self.pixels * write
        return changed

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


class LineBuffers:
    """lng_windows: the units, their FIFOs, and whose turn it is."""

    def __init__(self, stage: Stage, window: Window) -> None:
        self.units = [
            LineBuffer(window, stage.x, stage.op.out, stage.pixels, stage.slots, unit, stage.units)
            for unit in range(stage.units)
        ]
        self.fifos = [Fifo(stage.unit_fifo) for _ in self.units]
        self.height, self.width = stage.op.out.shape[:2]
        self.turn = self.at_x = self.at_y = 0

    @property
    def ready(self) -> bool:
        """Whether it takes a word."""
        return all(fifo.room for fifo in self.fifos)

    @property
    def valid(self) -> bool:
        """Whether it offers windows."""
        return self.units[self.turn].valid

    def tick(self, write: bool, accept: bool) -> bool:
        """Advance by a cycle, as ``LineBuffer.tick``."""
        changed = write or accept
        for index, (unit, fifo) in enumerate(zip(self.units, self.fifos, strict=True)):
            taken = fifo.filled and unit.ready
            changed |= unit.tick(taken, accept and index == self.turn)
            fifo.delta += write - taken
        for fifo in self.fifos:
            fifo.commit()
        if accept:
            self.at_x += 1
            if self.at_x == self.width:
                self.at_x = 0
                self.at_y = (self.at_y + 1) % self.height
                self.turn = self.at_y % len(self.units)
        return changed


class FlatWindow:
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
        """Whether it offers windows."""
        return self.real[-1]

    def tick(self, offered: bool, taken: bool) -> tuple[bool, bool]:
        """Advance by a cycle; return (word taken, anything changed)."""
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
        return accept, accept or taken or (dummy and free)


class FlatPool:
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
        self.fifo = Fifo(stage.unit_fifo)
        self.queue: deque[int] = deque()  # groups of the words in the FIFO
        self.valid = False
        self.word = self.sent = 0

    def complete(self) -> int:
        """Groups that the registered word completes."""
        first = self.word * self.pooled
        rows = (divmod(first + at, self.row)[0] for at in range(0, self.pooled, self.group))
        return sum(row % self.rows == self.rows - 1 and row < self.used for row in rows)

    def tick(self, offered: bool, room: bool) -> tuple[bool, bool, bool]:
        """Advance by a cycle; return (word taken, group sent, anything changed)."""
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
        changed = accept or sent or (self.valid and leave)
        if self.valid and leave:
            if groups:
                self.queue.append(groups)
                self.fifo.delta += 1
            self.word = (self.word + 1) % self.words
        if not self.valid or leave:
            self.valid = offered
        self.fifo.commit()
        return accept, sent, changed


class Split:
    """lng_chunk in front of a line buffer: pixels of a wide word, one a cycle."""

    def __init__(self, stage: Stage) -> None:
        self.per_word, self.words = stage.pixels, stage.source.words
        pixels = stage.x.image_shape[0] * stage.x.image_shape[1]
        self.last = pixels % self.per_word or self.per_word
        self.count = self.word = 0

    @property
    def final(self) -> bool:
        """Whether the pixel offered is its word's last."""
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
