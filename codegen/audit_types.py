"""What the structural audit works with: findings, nets, constants and scopes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, order=True)
class Finding:
    """One defect: file name, line, module, and what is wrong."""

    file: str
    line: int
    module: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.module}: {self.message}"


class Problem(Exception):
    """Something the audit can't accept at ``line``; its user makes a :class:`Finding` of it."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


@dataclass(frozen=True)
class Constant:
    """A parameter or genvar: its value and, if declared, its width."""

    value: int | str
    width: int | None = None


@dataclass
class Net:
    """A net, variable or memory, with who drives which of its bits (of a memory: its words)."""

    name: str
    kind: str  # wire, reg, integer
    line: int
    width: int
    lsb: int = 0
    words: int | None = None  # of a memory
    first_word: int = 0
    direction: str = ""  # Input, Output, Inout or none
    checked: bool = True  # not so: a function's variable
    drivers: list[tuple[int, object, int]] = field(default_factory=list)  # mask, who, line
    initial: int = 0  # mask of what an initial block sets
    read: int = 0  # mask

    @property
    def full(self) -> int:
        """The mask of all bits (of all words)."""
        return (1 << (self.width if self.words is None else self.words)) - 1

    def bits(self, mask: int) -> str:
        """``mask`` in Verilog's words: ``name``, ``name[3]``, ``name[7:4]``, or several."""
        if mask == self.full:
            return self.name
        low = self.lsb if self.words is None else self.first_word
        parts: list[str] = []
        position = 0
        while mask:
            zeros = (mask & -mask).bit_length() - 1
            mask >>= zeros
            ones = (~mask & (mask + 1)).bit_length() - 1
            start = position + zeros
            top, bottom = low + start + ones - 1, low + start
            parts.append(f"[{top}]" if ones == 1 else f"[{top}:{bottom}]")
            mask >>= ones
            position = start + ones
        shown = parts if len(parts) <= 4 else [*parts[:3], "...", parts[-1]]
        return self.name + " and ".join(shown)


class Scope:
    """Names of a module, a generate block, a function or a named block; looks up outwards."""

    def __init__(self, parent: Scope | None = None, label: str = "") -> None:
        self.parent = parent
        self.names: dict[str, Constant | Net] = {}
        self.functions: dict[str, Any] = {}
        self.children: dict[str, Scope] = {}
        self.prefix: str = f"{parent.prefix if parent else ''}{label}{'.' if label else ''}"
        if parent is not None and label:
            parent.children[label] = self

    def find(self, name: str) -> Constant | Net | None:
        """What ``name`` means here, or None."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.parent
        return None

    def find_function(self, name: str) -> Any:
        """The Function node ``name`` means here, or None."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.functions:
                return scope.functions[name]
            scope = scope.parent
        return None

    def find_path(self, labels: list[str]) -> Scope | None:
        """The generate block a hierarchical name starts with, or None."""
        scope: Scope | None = self
        while scope is not None:
            inner: Scope | None = scope
            for label in labels:
                inner = inner.children.get(label) if inner else None
            if inner is not None:
                return inner
            scope = scope.parent
        return None
