"""Reads C++ token by token: braces, declarations and, in their midst, pragmas.

No parser of C++: enough of it to know at every ``#pragma`` which braces are around it and which
names are declared. Constant arrays are skipped as one token. All branches of ``#if`` are read.
"""

from __future__ import annotations

import posixpath
import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .pragmas_declare import (
    CONTROLS,
    LOOPS,
    QUALIFIERS,
    RECORDS,
    STATEMENTS,
    aliased,
    call,
    declarations,
    group,
    parameters,
    split,
    split_template,
    with_depth,
)
from .pragmas_scope import Name, Scope, words

_COMMENT = re.compile(
    r'//(?:\\\n|[^\n])*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S
)
_TOKEN = re.compile(
    r"""(?P<hash>^[ \t]*\#(?:\\\n|[^\n])*)
    |(?P<numbers>\{[-\s{]*\d[-\s\d,{}.]*\}(?=\s*;))
    |(?P<name>[A-Za-z_]\w*)
    |(?P<number>\.?\d[\w.]*)
    |(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
    |(?P<sign>::|->|[-=!<>+*/%&|^]=|[^\s])""",
    re.X | re.M,
)
DIRECTIVES = words("define undef include if ifdef ifndef elif else endif pragma error warning line")

Branch = dict[int, int]  # number of an #if: number of its branch
Visit = Callable[[str, int, Scope, Branch], None]  # a pragma's text, its line, where it stands
Report = Callable[[int, str], None]


@dataclass(frozen=True)
class Source:
    """A file that was read: its names at namespace scope, those of its includes among them."""

    name: str
    names: Mapping[str, Name]


class Scanner:
    """Reads one file; pragmas go to ``visit``, what can't be read to ``report``."""

    def __init__(
        self,
        name: str,
        text: str,
        include: Callable[[str], Source | None],
        visit: Visit,
        report: Report,
    ) -> None:
        self.name, self.include, self.visit, self.report = name, include, visit, report
        self.text = _COMMENT.sub(_blank, text)
        self.root = self.scope = Scope("namespace")
        self.pending: list[str] = []
        self.nest = 0  # parentheses and brackets open in ``pending``
        self.skipped = 0  # braces open in an initializer
        self.branches: list[tuple[int, int]] = []
        self.conditions = 0
        self.records = 0  # structs open
        self.deferred: list[tuple[str, int, Scope, Branch]] = []

    def read(self) -> Source:
        """The whole file."""
        ends = [match.start() for match in re.finditer("\n", self.text)]
        for match in _TOKEN.finditer(self.text):
            kind, token = match.lastgroup, match.group()
            if kind == "hash":
                line = bisect_right(ends, match.start() + len(token) - len(token.lstrip())) + 1
                self._directive(re.sub(r"\\\n", " ", token).strip()[1:].strip(), line)
            elif kind == "name" and token == "_Pragma" and not self.skipped:
                self.pending.append(token)
            elif kind == "string" and self.pending[-2:] == ["_Pragma", "("]:
                line = bisect_right(ends, match.start()) + 1
                self._pragma(token[1:-1].replace('\\"', '"'), line)
                self.pending.append(token)
            elif kind != "numbers":
                self._token(token)
        line = len(ends) + 1
        if self.scope is not self.root or self.skipped or self.nest:
            self.report(line, "braces or parentheses are not closed")
        return Source(self.name, self.root.names)

    def _directive(self, text: str, line: int) -> None:
        match = re.match(r"\w+", text)
        word = match.group() if match else ""
        rest = text[len(word) :].strip()
        if word and word not in DIRECTIVES:
            self.report(
                line, f"unknown directive #{word}; known are {', '.join(sorted(DIRECTIVES))}"
            )
        elif word == "pragma":
            self._pragma(rest, line)
        elif word == "include" and rest.startswith('"'):
            folder = posixpath.dirname(self.name)
            path = posixpath.normpath(posixpath.join(folder, rest.split('"')[1]))
            source = self.include(path)
            if source is not None:
                self.root.names.update(source.names)
        elif word == "define" and (found := re.match(r"(\w+)(\([^)]*\))?\s*(.*)", rest, re.S)):
            value = tuple(match.group() for match in _TOKEN.finditer(found[3]))
            kind = "macro call" if found[2] else "macro"
            self.root.names[found[1]] = Name(found[1], kind, value=value)
        elif word.startswith("if"):
            self.conditions += 1
            self.branches.append((self.conditions, 0))
        elif word in ("elif", "else") and self.branches:
            number, branch = self.branches[-1]
            self.branches[-1] = (number, branch + 1)
        elif word == "endif" and self.branches:
            self.branches.pop()

    def _pragma(self, text: str, line: int) -> None:
        if self.skipped or (self.nest and self.pending[-2:] != ["_Pragma", "("]):
            self.report(line, "a pragma within an expression has no scope")
            return
        visit = (text, line, self.scope, dict(self.branches))
        if self.records:  # a class's members may follow the functions that use them
            self.deferred.append(visit)
        else:
            self.visit(*visit)

    def _token(self, token: str) -> None:
        if self.skipped:
            self.skipped += {"{": 1, "}": -1}.get(token, 0)
        elif token in "([":
            self.nest += 1
            self.pending.append(token)
        elif token in ")]":
            self.nest -= 1
            self.pending.append(token)
            if self.pending[0] == "_Pragma" and not self.nest:
                self.pending.clear()
        elif token == "{" and self.nest:
            self.skipped = 1
        elif self.nest:
            self.pending.append(token)
        elif token == ";":
            self._statement()
            self.pending.clear()
        elif token == "{":
            self._open()
        elif token == "}":
            self._close()
        elif token == ":" and self._is_label():
            self.pending.clear()
        else:
            self.pending.append(token)

    def _is_label(self) -> bool:
        tokens = self._without_macro_call(self.pending)
        return len(tokens) == 1 or tokens[:1] in (["case"], ["default"])

    def _open(self) -> None:
        tokens = self._without_macro_call(self.pending)
        template, tokens = split_template(tokens)
        kind, name, loop = self._kind_of(tokens)
        if kind == "initializer":
            self.skipped = 1
            self.pending.append("{}")
            return
        scope = Scope(kind, name, self.scope, loop)
        if kind == "namespace":
            scope.names = self.scope.names  # names are found without their namespace
        if kind == "struct":
            place = next(i for i, token in enumerate(tokens) if token in RECORDS)
            record = Name(name or f"struct at {id(scope)}", "struct", members=scope.names)
            self.scope.names[record.name] = record
            scope.before = (*tokens[:place], record.name)
            self.records += 1
        for parameter in template:
            scope.names[parameter.name] = parameter
        if kind == "function":
            for parameter in parameters(group(tokens, call(tokens))):
                scope.names[parameter.name] = parameter
            self.scope.names.setdefault(name, Name(name, "function"))
        for index, token in enumerate(tokens):
            if kind == "loop" and token == "for" and tokens[index + 1 : index + 2] == ["("]:
                first = split(group(tokens, index + 1), ";:")[0]
                scope.names.update((name.name, name) for name in declarations(first))
        self.scope = scope
        self.pending.clear()

    def _kind_of(self, tokens: list[str]) -> tuple[str, str, str]:
        """Kind and name of the braces that open behind ``tokens``, and which loop they are."""
        outer = [token for token, depth in with_depth(tokens) if depth == 0]
        said = [token for token in outer if token not in QUALIFIERS]
        if "namespace" in said[:1] or said[:1] == ['"C"']:
            return "namespace", "", ""
        if "enum" in said[:2]:
            return "enum", "", ""
        start = said[1:] if said[:1] == ["typedef"] else said
        if start[:1] and start[0] in RECORDS and "(" not in said:
            return "struct", start[1] if len(start) > 1 and start[1].isidentifier() else "", ""
        if self.scope.kind in ("namespace", "struct"):
            if ":" in said and said[-1].isidentifier():
                return "initializer", "", ""  # of a member, in front of a constructor's body
            if "(" in said and ("=" not in said or "operator" in said):
                return "function", tokens[call(tokens) - 1], ""
            return "initializer", "", ""
        controls = [token for token in outer if token in CONTROLS]
        if controls and tokens[0] in CONTROLS:
            last = controls[-1]
            return ("loop", "", last) if last in LOOPS else ("block", "", "")
        if not tokens:
            return "block", "", ""
        if tokens[-1] == ")" and "[" in tokens and "=" in said:
            return "function", "lambda", ""
        return ("block", "", "") if tokens[-1] == ")" else ("initializer", "", "")

    def _close(self) -> None:
        scope = self.scope
        if scope.kind == "enum":
            for token in self.pending:
                if token.isidentifier():
                    scope.parent = scope.parent or self.root
                    scope.parent.names[token] = Name(token, "enumerator")
        if scope.kind == "struct":
            self.records -= 1
            while self.deferred and not self.records:
                self.visit(*self.deferred.pop(0))
        self.pending = list(scope.before)
        if scope.parent is None:
            self.report(self.text.count("\n") + 1, "a closing brace too many")
            return
        self.scope = scope.parent

    def _statement(self) -> None:
        tokens = self._without_macro_call(self.pending)
        tokens = split_template(tokens)[1]
        if not tokens or self.scope.kind == "enum":
            return
        if tokens[0] == "using" and "=" in tokens:
            self.scope.names[tokens[1]] = aliased(tokens[1], tokens[tokens.index("=") + 1 :])
        elif tokens[0] in RECORDS and len(tokens) >= 2 and len(tokens) != 3:
            self.scope.names.setdefault(tokens[1], Name(tokens[1], "struct type"))
        elif tokens[0] not in STATEMENTS:
            outside = self.scope.kind in ("namespace", "struct")
            for name in declarations(tokens, prototypes=outside):
                self.scope.names[name.name] = name

    def _without_macro_call(self, tokens: Sequence[str]) -> list[str]:
        """A macro that stands for a whole statement needs no semicolon."""
        rest = list(tokens)
        while len(rest) > 1 and rest[1] == "(":
            found = self.scope.find(rest[0])
            size = len(group(rest, 1)) + 3
            if found is None or found.kind != "macro call" or size >= len(rest):
                break
            rest = rest[size:]
        return rest


def _blank(match: re.Match[str]) -> str:
    """A comment as as many lines; a string as it is."""
    text = match.group()
    return text if text[0] in "\"'" else " " + "\n" * text.count("\n")
