"""Worst-case timing when the source pauses: bounds for a bounded gap between input words.

A gap is the number of cycles in which the design would take the next word of a frame, or the next
frame's first word, and the source does not offer it. ``docs/hardware.md`` has the argument why the
bounds hold; simulation is held to them.
"""

from __future__ import annotations

from dataclasses import dataclass

from .cycles import Timing
from .design import Design
from .errors import UserError


@dataclass(frozen=True)
class GapBound:
    """``timing`` of a design whose frames have ``words`` input words, and what pauses add to it."""

    timing: Timing
    words: int

    @classmethod
    def of(cls, design: Design, timing: Timing) -> GapBound:
        """The bound of ``design``, whose cycle model says ``timing``."""
        return cls(timing, design.source.words)

    def latency(self, gap: int) -> int:
        """Most cycles from the first word of an isolated frame to its last result.

        ``gap``: most idle cycles in front of each of its other words. ``UserError`` if negative.
        """
        return self.timing.latency + self._checked(gap) * (self.words - 1)

    def interval(self, gap: int) -> int:
        """Most cycles per frame of a long series, up to ``gap`` idle cycles before each word."""
        return self.timing.interval + self._checked(gap) * self.words

    def __str__(self) -> str:
        return (
            f"with up to G idle cycles before an input word: at most "
            f"{self.timing.interval} + {self.words} G cycles per frame, "
            f"latency at most {self.timing.latency} + {self.words - 1} G"
        )

    @staticmethod
    def _checked(gap: int) -> int:
        if gap < 0:
            raise UserError(f"input gap {gap}: a number of cycles, 0 or more, is needed")
        return gap


def least_latency(words: int, stages: int) -> int:
    """No design of ``stages`` stages is quicker, however many resources it has.

    A frame's last of ``words`` words comes ``words - 1`` cycles after its first, and every FIFO
    keeps it a cycle: behind the input port, behind each stage, in front of the output port.
    """
    return words - 1 + stages + 2
