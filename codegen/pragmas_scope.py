"""Names and scopes of C++ as far as pragmas need them: what is declared, with how many dimensions.

It knows declarators, aliases, structs and integer constants; it does not know overloading, template
instantiation or expressions beyond integer arithmetic. What it can't know (a type from a system
header, a template parameter) it leaves open instead of guessing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

Tokens = tuple[str, ...]


def words(text: str) -> frozenset[str]:
    """The words of ``text`` as a set."""
    return frozenset(text.split())


_MAX_ALIASES = 20
_CONTAINERS = {("std", "array"), ("hls", "vector")}
_STREAMS = {"stream", "stream_of_blocks"}


class NotConstant(Exception):
    """An expression that is no integer constant; the text says why."""


@dataclass(frozen=True)
class Name:
    """A declared name.

    ``kind``: variable, parameter, alias, struct, template, function, macro or enumerator. ``type``
    and each of ``dims`` and ``value`` are tokens. ``members`` of a struct fill up while it is read.
    """

    name: str
    kind: str
    type: Tokens = ()
    dims: tuple[Tokens, ...] = ()
    pointer: bool = False
    const: bool = False
    static: bool = False
    value: Tokens = ()
    members: dict[str, Name] = field(default_factory=dict, compare=False)


@dataclass
class Scope:
    """Braces: ``kind`` is namespace, struct, enum, function, loop or block."""

    kind: str
    name: str = ""
    parent: Scope | None = None
    loop: str = ""  # for, while or do
    names: dict[str, Name] = field(default_factory=dict)
    uses: list[object] = field(default_factory=list)  # the pragmas seen in it
    before: Tokens = ()  # of a struct: what its closing brace continues

    def outwards(self) -> Iterator[Scope]:
        """This scope and those around it."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def find(self, name: str) -> Name | None:
        """What ``name`` means here, or None."""
        return next((at.names[name] for at in self.outwards() if name in at.names), None)

    @property
    def function(self) -> Scope | None:
        """The innermost function around, or None."""
        return next((at for at in self.outwards() if at.kind == "function"), None)

    def inside(self) -> Iterator[Scope]:
        """This scope and those around it up to the function."""
        return takewhile(lambda at: at.kind not in ("namespace", "struct"), self.outwards())


def path_of(tokens: Tokens) -> tuple[str, ...]:
    """The names of ``a::b<...>::c``, template arguments dropped."""
    names: list[str] = []
    depth = 0
    for token in tokens:
        if token in "<>":
            depth += 1 if token == "<" else -1
        elif depth == 0 and (token[0].isalpha() or token[0] == "_"):
            names.append(token)
    return tuple(names)


def _target(name: Name, scope: Scope) -> tuple[Name | None, tuple[Tokens, ...], Tokens]:
    """Follow aliases: the struct or other name meant (None: not known), dimensions added, type."""
    dims, kind = name.dims, name.type
    for _ in range(_MAX_ALIASES):
        path = path_of(kind)
        if len(path) != 1:
            return None, dims, kind
        found = scope.find(path[0])
        if found is None or found.kind != "alias":
            return found, dims, kind
        dims, kind = dims + found.dims, found.type
    return None, dims, kind


def dimensions(name: Name, scope: Scope) -> tuple[Tokens, ...] | None:
    """The sizes of an array, as tokens; empty for a scalar; None where they can't be known."""
    found, dims, kind = _target(name, scope)
    if name.pointer or path_of(kind)[:2] in _CONTAINERS or (path_of(kind) or ("",))[0] == "auto":
        return None
    if found is not None and found.kind == "template":
        return dims or None
    return dims


def is_stream(name: Name, scope: Scope) -> bool | None:
    """Whether its type is ``hls::stream``; None where that can't be known."""
    found, _, kind = _target(name, scope)
    path = path_of(kind)
    if path and path[-1] in _STREAMS and path[0] in ("hls", *_STREAMS):
        return True
    return None if found is not None and found.kind == "template" else False


def resolve(text: str, scope: Scope) -> Name | None:
    """The variable ``a``, ``a.b``, ``a->b`` or ``this->a`` names.

    ``KeyError`` with what is missing if there is none; None if only its struct is not known.
    """
    parts = re.sub(r"\[[^]]*\]", "", text).replace("->", ".").split(".")
    if parts[0] == "this" and len(parts) > 1:
        parts = parts[1:]
    first, *path = parts[0].split("::")
    outer = scope.find(first)
    if path and outer is not None and outer.kind in ("template", "alias"):
        return None
    found = scope.find(path[-1]) if path else outer
    if found is None:
        raise KeyError(f"{parts[0]} is not declared here")
    for part in parts[1:]:
        target = _target(found, scope)[0]
        if target is None or target.kind != "struct":
            return None
        if part not in target.members:
            raise KeyError(f"{found.name} has no member {part}")
        found = target.members[part]
    if found.kind not in ("variable", "parameter"):
        raise KeyError(f"{text} is no variable but {_article(found.kind)}")
    return found


def _article(kind: str) -> str:
    return f"a{'n' if kind[0] in 'aeiou' else ''} {kind}"


_OPERATORS = set("+-*/%()<>")


def evaluate(tokens: Sequence[str], scope: Scope, depth: int = 0) -> int | None:
    """The value of an integer constant expression; None if only a compiler can tell.

    :class:`NotConstant` if a name in it is unknown or no constant.
    """
    if depth > _MAX_ALIASES:
        return None
    parts: list[str] = []
    known = True
    for index, token in enumerate(tokens):
        if token in _OPERATORS:
            parts.append(token)
        elif token[0].isdigit():
            parts.append(token.rstrip("uUlL"))
        elif token == "::" or (index and tokens[index - 1] == "::"):
            known = False
        elif token[0].isalpha() or token[0] == "_":
            value = _constant(token, scope, depth, member=tuple(tokens[index + 1 : index + 2]))
            known = known and value is not None
            parts.append(str(value))
        else:
            raise NotConstant(f"{' '.join(tokens)} is no integer constant")
    if not known:
        return None
    try:
        return _arithmetic(ast.parse("".join(parts).strip(), mode="eval").body)
    except (SyntaxError, ValueError, ZeroDivisionError):
        raise NotConstant(f"{' '.join(tokens)} is no integer constant") from None


def _constant(token: str, scope: Scope, depth: int, member: Tokens) -> int | None:
    found = scope.find(token)
    if found is None:
        raise NotConstant(f"{token} is not declared here")
    if found.kind in ("template", "enumerator") or member == ("::",):
        return None
    if found.kind == "macro" or (found.kind == "variable" and found.const and not found.dims):
        if not found.value:
            return None
        try:
            return evaluate(found.value, scope, depth + 1)
        except NotConstant:
            return None
    raise NotConstant(f"{token} is {_article(found.kind)}, no constant")


def _arithmetic(node: ast.expr) -> int:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        value = _arithmetic(node.operand)
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.BinOp):
        left, right = _arithmetic(node.left), _arithmetic(node.right)
        match node.op:
            case ast.Add():
                return left + right
            case ast.Sub():
                return left - right
            case ast.Mult():
                return left * right
            case ast.FloorDiv() | ast.Div():
                return left // right
            case ast.Mod():
                return left % right
            case ast.LShift() if 0 <= right < 64:
                return left << right
            case ast.RShift() if right >= 0:
                return left >> right
    raise ValueError("not arithmetic")
