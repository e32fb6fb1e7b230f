"""Constants and widths of Verilog expressions, for the audit.

Values are Python integers (or strings); widths follow the standard's self-determined sizes, except
that an unsized literal has width None: it fits whatever stands next to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, cast

from .audit_types import Constant, Net, Problem, Scope

_LITERAL = re.compile(r"(\d*)'([sS]?)([bodhBODH])([0-9a-fA-FxXzZ?_]+)")
_BASES = {"b": 2, "o": 8, "d": 10, "h": 16}
INTEGER_WIDTH = 32


def _divide(a: int, b: int) -> int:
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


_BINARY: dict[str, Callable[[int, int], int]] = {
    "Power": lambda a, b: a**b if b >= 0 else 0,
    "Times": lambda a, b: a * b,
    "Divide": _divide,
    "Mod": lambda a, b: a - b * _divide(a, b),
    "Plus": lambda a, b: a + b,
    "Minus": lambda a, b: a - b,
    "Sll": lambda a, b: a << b,
    "Sla": lambda a, b: a << b,
    "Srl": lambda a, b: a >> b,
    "Sra": lambda a, b: a >> b,
    "And": lambda a, b: a & b,
    "Or": lambda a, b: a | b,
    "Xor": lambda a, b: a ^ b,
}
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "LessThan": lambda a, b: a < b,
    "GreaterThan": lambda a, b: a > b,
    "LessEq": lambda a, b: a <= b,
    "GreaterEq": lambda a, b: a >= b,
    "Eq": lambda a, b: a == b,
    "NotEq": lambda a, b: a != b,
    "Eql": lambda a, b: a == b,
    "NotEql": lambda a, b: a != b,
    "Land": lambda a, b: bool(a) and bool(b),
    "Lor": lambda a, b: bool(a) or bool(b),
}
_SHIFTS = {"Sll", "Sla", "Srl", "Sra", "Power"}
_UNARY: dict[str, Callable[[int], int]] = {
    "Uplus": lambda a: a,
    "Uminus": lambda a: -a,
    "Unot": lambda a: ~a,
    "Ulnot": lambda a: int(not a),
}
_REDUCE = {"Ulnot", "Uand", "Unand", "Uor", "Unor", "Uxor", "Uxnor"}


def kind_of(node: Any) -> str:
    """The name of a syntax node's class."""
    return type(node).__name__


def literal(node: Any) -> tuple[int | None, int | None]:
    """Width (None if unsized) and value (None with x or z digits) of an integer literal."""
    text = node.value.replace("_", "")
    if text.isdigit():
        return None, int(text)
    match = _LITERAL.fullmatch(text)
    if not match:
        raise Problem(node.lineno, f"can't read the literal {node.value}")
    size, _, base, digits = match.groups()
    width = int(size) if size else None
    if re.search(r"[xXzZ?]", digits):
        return width, None
    value = int(digits, _BASES[base.lower()])
    if width is not None and value >> width:
        raise Problem(node.lineno, f"literal {node.value} doesn't fit in {width} bits")
    return width, value


def wrap(value: int, width: int, signed: bool) -> int:
    """``value`` as it reads back from ``width`` bits."""
    value &= (1 << width) - 1
    return value - (1 << width) if signed and value >> (width - 1) else value


def look_up(node: Any, scope: Scope) -> Constant | Net:
    """What an Identifier names; raises Problem if nothing."""
    if node.scope is not None:
        labels = [
            label.name if label.loop is None else f"{label.name}[{_loop(label.loop, scope)}]"
            for label in node.scope.labellist
        ]
        inner = scope.find_path(labels)
        found = inner.names.get(node.name) if inner else None
        if found is None:
            raise Problem(node.lineno, f"unknown name {'.'.join([*labels, node.name])}")
        return found
    found = scope.find(node.name)
    if found is None:
        raise Problem(node.lineno, f"unknown name {node.name}")
    return found


def _loop(loop: Any, scope: Scope) -> int:
    return int(loop) if isinstance(loop, (int, str)) else integer(loop, scope)


def evaluate(node: Any, scope: Scope) -> int | str:
    """The value of a constant expression; raises Problem if it isn't one."""
    kind = kind_of(node)
    line: int = node.lineno
    if kind == "Rvalue":
        return evaluate(node.var, scope)
    if kind == "IntConst":
        value = literal(node)[1]
        if value is None:
            raise Problem(line, f"{node.value} is not a number")
        return value
    if kind == "StringConst":
        return cast(str, node.value)
    if kind == "Identifier":
        found = look_up(node, scope)
        if isinstance(found, Net):
            raise Problem(line, f"{node.name} is not a constant")
        return found.value
    if kind == "Cond":
        chosen = node.true_value if evaluate(node.cond, scope) else node.false_value
        return evaluate(chosen, scope)
    if kind in _COMPARE:
        return int(_COMPARE[kind](evaluate(node.left, scope), evaluate(node.right, scope)))
    if kind in _BINARY:
        left, right = integer(node.left, scope), integer(node.right, scope)
        if kind in ("Divide", "Mod") and right == 0:
            raise Problem(line, "division by zero")
        if kind in _SHIFTS and not 0 <= right <= 1 << 16:
            raise Problem(line, f"shift or power by {right}")
        return _BINARY[kind](left, right)
    if kind in _UNARY:
        return _UNARY[kind](integer(node.right, scope))
    if kind in ("Uor", "Unor"):
        return int((integer(node.right, scope) != 0) == (kind == "Uor"))
    if kind in ("Concat", "Repeat"):
        return _joined(node, scope)
    if kind in ("Partselect", "Pointer"):
        low, bits = select_range(node, scope)
        return integer(node.var, scope) >> low & (1 << bits) - 1
    if kind == "SystemCall":
        return _system(node, scope)
    raise Problem(line, f"{kind} in a constant expression")


def integer(node: Any, scope: Scope) -> int:
    """:func:`evaluate`, insisting on a number."""
    value = evaluate(node, scope)
    if isinstance(value, str):
        raise Problem(node.lineno, f'"{value}" is not a number')
    return value


def _joined(node: Any, scope: Scope) -> int:
    value = 0
    items = [node.value] * count(node, scope) if kind_of(node) == "Repeat" else node.list
    for item in items:
        bits = width(item, scope)
        if bits is None:
            raise Problem(node.lineno, "unsized literal in a concatenation")
        value = value << bits | integer(item, scope) & (1 << bits) - 1
    return value


def _system(node: Any, scope: Scope) -> int:
    value = integer(node.args[0], scope) if len(node.args) == 1 else 0
    if node.syscall == "clog2":
        return max(value - 1, 0).bit_length()
    if node.syscall in ("signed", "unsigned"):
        bits = width(node.args[0], scope)
        return value if bits is None else wrap(value, bits, node.syscall == "signed")
    raise Problem(node.lineno, f"${node.syscall} in a constant expression")


def count(node: Any, scope: Scope) -> int:
    """How often a Repeat repeats: at least once."""
    times = integer(node.times, scope)
    if times < 1:
        raise Problem(node.lineno, f"replication of {times}")
    return times


def select_range(node: Any, scope: Scope) -> tuple[int, int]:
    """Lowest index and number of bits of a constant part or bit select."""
    if kind_of(node) == "Pointer":
        return integer(node.ptr, scope), 1
    high = integer(node.msb, scope)
    if is_indexed(node):
        bits = integer(node.lsb.right, scope)
        low = high if kind_of(node.lsb) == "Plus" else high - bits + 1
    else:
        low = integer(node.lsb, scope)
        bits = high - low + 1
    if bits < 1:
        raise Problem(node.lineno, f"part select of {bits} bits")
    return low, bits


def is_indexed(node: Any) -> bool:
    """Whether a Partselect is ``[base +: n]`` or ``[base -: n]``, which Pyverilog stores as
    msb = base, lsb = base plus or minus n."""
    return kind_of(node.lsb) in ("Plus", "Minus") and node.lsb.left is node.msb


def width(node: Any, scope: Scope) -> int | None:
    """The self-determined width of an expression in bits; None for an unsized literal."""
    kind = kind_of(node)
    if kind in ("Rvalue", "Lvalue"):
        return width(node.var, scope)
    if kind == "IntConst":
        return literal(node)[0]
    if kind == "StringConst":
        return 8 * len(node.value)
    if kind == "Identifier":
        found = look_up(node, scope)
        if isinstance(found, Net):
            if found.words is not None:
                raise Problem(node.lineno, f"memory {node.name} without an index")
            return found.width
        return found.width or INTEGER_WIDTH
    if kind in ("Concat", "LConcat"):
        parts = [width(item, scope) for item in node.list]
        if None in parts:
            raise Problem(node.lineno, "unsized literal in a concatenation")
        return sum(part or 0 for part in parts)
    if kind == "Repeat":
        bits = width(node.value, scope)
        if bits is None:
            raise Problem(node.lineno, "unsized literal in a replication")
        return bits * count(node, scope)
    if kind == "Pointer":
        if kind_of(node.var) == "Identifier":
            found = look_up(node.var, scope)
            if isinstance(found, Net) and found.words is not None:
                return found.width
        return 1
    if kind == "Partselect":
        if is_indexed(node):
            return integer(node.lsb.right, scope)
        return select_range(node, scope)[1]
    if kind in _COMPARE or kind in _REDUCE:
        return 1
    if kind == "Cond":
        return _wider(width(node.true_value, scope), width(node.false_value, scope))
    if kind in _SHIFTS:
        return width(node.left, scope)
    if kind in _BINARY or kind == "Xnor":
        return _wider(width(node.left, scope), width(node.right, scope))
    if kind in _UNARY:
        return width(node.right, scope)
    if kind == "SystemCall":
        return width(node.args[0], scope) if node.syscall in ("signed", "unsigned") else None
    if kind == "FunctionCall":
        function = scope.find_function(node.name.name)
        if function is None:
            raise Problem(node.lineno, f"unknown function {node.name.name}")
        return declared_width(function.retwidth, scope)[0]
    raise Problem(node.lineno, f"{kind}: width unknown")


def _wider(a: int | None, b: int | None) -> int | None:
    return max(a, b) if a is not None and b is not None else a if b is None else b


def declared_width(node: Any, scope: Scope) -> tuple[int, int]:
    """Width and lowest index of a declaration's ``[msb:lsb]`` (None: one bit)."""
    if node is None:
        return 1, 0
    msb, lsb = integer(node.msb, scope), integer(node.lsb, scope)
    if msb < lsb:
        raise Problem(node.lineno, f"range [{msb}:{lsb}] has no bits or runs upwards")
    return msb - lsb + 1, lsb
