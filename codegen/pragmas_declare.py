"""Declarations of C++ as lists of tokens: types, declarators, parameters, template parameters."""

from __future__ import annotations

from collections.abc import Sequence

from .pragmas_scope import Name, Tokens, words

QUALIFIERS = words(
    "static const constexpr volatile extern mutable inline typename register thread_local"
)
_BUILTIN = words("void bool char short int long signed unsigned float double auto")
RECORDS = frozenset(("struct", "class", "union"))
LOOPS = frozenset(("for", "while", "do"))
CONTROLS = LOOPS | {"if", "else", "switch", "try", "catch"}
STATEMENTS = CONTROLS | {"return", "break", "continue", "goto", "delete", "throw", "using"}
_CLOSERS = {"(": ")", "[": "]", "<": ">", "{": "}"}


def with_depth(tokens: Sequence[str]) -> list[tuple[str, int]]:
    """Each token with the number of parentheses and brackets around it."""
    depth, result = 0, []
    for token in tokens:
        depth -= token in (")", "]")
        result.append((token, depth))
        depth += token in ("(", "[")
    return result


def group(tokens: Sequence[str], start: int) -> Tokens:
    """What stands between the bracket at ``start`` and its partner."""
    opener, closer, depth = tokens[start], _CLOSERS[tokens[start]], 0
    for index in range(start, len(tokens)):
        depth += (tokens[index] == opener) - (tokens[index] == closer)
        if depth == 0:
            return tuple(tokens[start + 1 : index])
    return tuple(tokens[start + 1 :])


def split(tokens: Sequence[str], signs: str) -> list[Tokens]:
    """Parts between ``signs`` outside of all brackets, angle brackets among them."""
    parts: list[list[str]] = [[]]
    depth = 0
    for token in tokens:
        if len(token) == 1 and token in "([<{":
            depth += 1
        elif len(token) == 1 and token in ")]>}":
            depth -= 1
        if depth <= 0 and token in signs:
            parts.append([])
        else:
            parts[-1].append(token)
    return [tuple(part) for part in parts]


def call(tokens: Sequence[str]) -> int:
    """The place of the parenthesis that opens a function's parameters."""
    depth = 0
    for index, token in enumerate(tokens):
        depth += (token == "<") - (token == ">")
        if token == "(" and depth <= 0:
            return index
    return list(tokens).index("(")


def split_template(tokens: list[str]) -> tuple[list[Name], list[str]]:
    """Template parameters in front, and the rest."""
    names: list[Name] = []
    while tokens[:2] == ["template", "<"]:
        inside = group(tokens, 1)
        for part in split(inside, ","):
            words = [token for token in split(part, "=")[0] if token.isidentifier()]
            if len(words) > 1:
                names.append(Name(words[-1], "template"))
        tokens = tokens[len(inside) + 3 :]
    return names, tokens


def aliased(name: str, tokens: Sequence[str]) -> Name:
    """What ``using name = tokens;`` declares."""
    size = _type_length(tokens)
    found = _declarator((*(token for token in tokens[size:] if token in "*&"), name))
    dims = tuple(group(tokens, i) for i in range(size, len(tokens)) if tokens[i] == "[")
    return Name(name, "alias", tuple(tokens[:size]), dims, bool(found and found[2]))


def parameters(tokens: Sequence[str]) -> list[Name]:
    """The parameters between a function's parentheses."""
    names: list[Name] = []
    for part in split(tokens, ","):
        for name in declarations(part):
            names.append(Name(**{**vars(name), "kind": "parameter"}))
    return names


def declarations(tokens: Sequence[str], *, prototypes: bool = False) -> list[Name]:
    """The names a statement declares; none if it declares nothing.

    ``prototypes``: where a name with parentheses is a function, not a variable.
    """
    flags = [token for token in tokens if token in QUALIFIERS or token == "typedef"]
    rest = [token for token in tokens if token not in QUALIFIERS and token != "typedef"]
    if rest[:1] and rest[0] in RECORDS:
        rest = rest[1:]
    size = _type_length(rest)
    if size == 0:
        return []
    kind = "alias" if "typedef" in flags else "variable"
    names: list[Name] = []
    for part in split(rest[size:], ","):
        found = _declarator(part)
        if found is None:
            return []
        name, dims, pointer, after = found
        value = after[1:] if after[:1] == ("=",) else ()
        made = "function" if prototypes and after[:1] == ("(",) else kind
        const = "const" in flags or "constexpr" in flags
        names.append(
            Name(name, made, tuple(rest[:size]), dims, pointer, const, "static" in flags, value)
        )
    return names


def _type_length(tokens: Sequence[str]) -> int:
    """How many tokens in front are a type; 0 if they are none."""
    at = 0
    while at < len(tokens) and tokens[at] in _BUILTIN:
        at += 1
    if at:
        return at
    while at < len(tokens):
        at += tokens[at] == "::"
        at += tokens[at : at + 1] == ["template"]
        if at >= len(tokens) or not tokens[at].isidentifier():
            return 0
        at += 1
        if tokens[at : at + 1] == ["<"]:
            at += len(group(tokens, at)) + 2
        if tokens[at : at + 1] != ["::"]:
            return at
    return 0


def _declarator(tokens: Tokens) -> tuple[str, tuple[Tokens, ...], bool, Tokens] | None:
    """Name, dimensions, whether it is a pointer, and what follows."""
    at, pointer = 0, False
    while at < len(tokens) and tokens[at] in ("*", "&"):
        pointer = pointer or tokens[at] == "*"
        at += 1
    if tokens[at : at + 1] == ("(",) and tokens[at + 1 : at + 2] in (("&",), ("*",)):
        inner = _declarator(group(tokens, at))  # a reference to an array
        if inner is None:
            return None
        name, at = inner[0], at + len(group(tokens, at)) + 2
    elif at < len(tokens) and tokens[at].isidentifier() and tokens[at] not in STATEMENTS:
        name, at = tokens[at], at + 1
    else:
        return None
    dims: list[Tokens] = []
    while tokens[at : at + 1] == ("[",):
        dims.append(group(tokens, at))
        at += len(dims[-1]) + 2
    after = tokens[at:]
    if after and after[0] not in ("=", "(", "{}", ":"):
        return None
    return name, tuple(dims), pointer, after
