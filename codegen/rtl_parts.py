"""What a stage's module is put together from: instances of ``hw/`` modules and streams between."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Parameter:
    """A named Verilog parameter and its value as text."""

    name: str
    text: str


@dataclass(frozen=True)
class Link:
    """A stream between two modules of a stage; ``user_bits`` of a mask beside it, or 0."""

    name: str
    bits: int
    user_bits: int = 0
    user_read: bool = False


@dataclass(frozen=True)
class Part:
    """An instance of a ``hw/`` module between two streams."""

    module: str
    label: str
    parameters: tuple[Parameter, ...]
    source: str
    result: str
    reads_user: bool = False
    writes_user: bool = False
    copies: int = 1  # side by side, each with its part of both words
    in_bits: int = 0  # of one copy's part
    out_bits: int = 0


def parameters(**values: int | str) -> tuple[Parameter, ...]:
    """Named parameters, in order; text is taken as a Verilog literal."""
    return tuple(Parameter(name, str(value)) for name, value in values.items())
