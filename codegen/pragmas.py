"""Checks every ``#pragma HLS`` of emitted C++: g++ ignores them, and so would a typing error.

Each pragma must be known (``pragmas_table.py``), have known options with allowed values, stand in
braces where AMD allows it, and name variables that are declared there; array pragmas must name a
dimension the array has, streams must be streams, ports parameters of the top function. Twice the
same, or two that exclude each other, is a defect as well. It does not judge whether a pragma is
wise, and computes no schedule.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .audit_types import Finding
from .pragmas_rules import Tell, Use, check_meaning, conflicts
from .pragmas_scan import Branch, Scanner, Source
from .pragmas_scope import NotConstant, Scope, evaluate, resolve
from .pragmas_table import PRAGMAS, REPLACED, Kind, Option, Place, Pragma

_OTHERS = frozenset(["once", "GCC", "clang", "message", "pack", "push_macro", "pop_macro"])
_OLD_PREFIXES = frozenset(("AP", "AUTOPILOT"))
_ARGUMENT = re.compile(r'([A-Za-z_]\w*)(?:\s*=\s*("[^"]*"|[^\s=]+))?(?=\s|$)|(\S+)')
_PATTERNS = {
    Kind.NUMBER: re.compile(r"\d+(\.\d+)?([eE][-+]?\d+)?[a-zA-Z]{0,4}"),
    Kind.NAME: re.compile(r'"[^"]*"|[\w:]+(<.*>)?'),
}
_WORD = re.compile(r"[A-Za-z_]\w*|\d\w*|::|[^\s\w]")


@dataclass(frozen=True)
class PragmaReport:
    """``pragmas`` counts the HLS pragmas by name."""

    files: int
    pragmas: Mapping[str, int]
    findings: tuple[Finding, ...]


class PragmaError(RuntimeError):
    """C++ with pragmas that mean nothing; ``report`` lists them, the message too."""

    def __init__(self, top: str, report: PragmaReport) -> None:
        lines = [f"{top}: {len(report.findings)} defects in the pragmas of the C++"]
        super().__init__("\n".join([*lines, *map(str, report.findings)]))
        self.report = report


def check(folder: Path, files: Iterable[str], top: str) -> PragmaReport:
    """:func:`find_defects` in ``files`` of ``folder``; :class:`PragmaError` if there are any."""
    texts = {name: (folder / name).read_text(encoding="utf-8") for name in files}
    report = find_defects(texts, top)
    if report.findings:
        raise PragmaError(top, report)
    return report


def find_defects(texts: Mapping[str, str], top: str) -> PragmaReport:
    """Check C++ files by name (with ``/``; ``#include "x"`` is looked up in them).

    ``top`` is the top function, the only one that may have INTERFACE pragmas.
    """
    checker = _Checker(texts, top)
    for name in texts:
        checker.source(name)
    return PragmaReport(len(texts), checker.counts, tuple(sorted(set(checker.findings))))


class _Checker:
    def __init__(self, texts: Mapping[str, str], top: str) -> None:
        self.texts, self.top = texts, top
        self.sources: dict[str, Source | None] = {}
        self.findings: list[Finding] = []
        self.counts: Counter[str] = Counter()

    def source(self, name: str) -> Source | None:
        """The file, read once; None for one that is not among ours, or includes itself."""
        if name in self.texts and name not in self.sources:
            self.sources[name] = None

            def visit(text: str, line: int, scope: Scope, branch: Branch) -> None:
                self.pragma(name, text, line, scope, branch)

            def report(line: int, message: str) -> None:
                self.findings.append(Finding(name, line, "", message))

            scanner = Scanner(name, self.texts[name], self.source, visit, report)
            self.sources[name] = scanner.read()
        return self.sources.get(name)

    def pragma(self, file: str, text: str, line: int, scope: Scope, branch: Branch) -> None:
        function = scope.function

        def report(message: str) -> None:
            self.findings.append(Finding(file, line, function.name if function else "", message))

        prefix, _, rest = text.partition(" ")
        if prefix.upper() != "HLS":
            if prefix.upper() in _OLD_PREFIXES:
                report(f"#pragma {prefix} is obsolete; write #pragma HLS")
            elif prefix not in _OTHERS:
                report(f"unknown #pragma {prefix}; known are HLS, {', '.join(sorted(_OTHERS))}")
            return
        word, _, arguments = rest.strip().partition(" ")
        pragma = PRAGMAS.get(word.upper())
        if pragma is None:
            report(_unknown("pragma", word.upper(), PRAGMAS, REPLACED))
            return
        self.counts[pragma.name] += 1

        def tell(message: str) -> None:
            report(f"{pragma.name}: {message} ({pragma.source})")

        use = Use(pragma, line, scope, branch, options(pragma, arguments, tell))
        _place(use, tell)
        if function is None:
            return  # no names to look for
        _values(use, tell)
        check_meaning(use, self.top, tell)
        conflicts(use, tell)
        scope.uses.append(use)


def _unknown(
    what: str, name: str, known: Iterable[str], replaced: Mapping[str, str] | None = None
) -> str:
    if replaced and name in replaced:
        return f"{name} is no {what} of Vitis HLS any more; it has {replaced[name]}"
    names = list(known)
    close = difflib.get_close_matches(name, names, 1)
    hint = f"; did you mean {close[0]}?" if close else ""
    return f"unknown {what} {name or '(none)'}{hint}; allowed are {', '.join(names) or 'none'}"


def options(pragma: Pragma, arguments: str, tell: Tell) -> dict[str, str]:
    """Split ``arguments``; returns values by option name, ``true`` for flags."""
    found: dict[str, str] = {}
    given = [match.groups() for match in _ARGUMENT.finditer(arguments)]
    known = list(pragma.options)
    if pragma.modes:  # the mode decides what else is allowed
        modes = dict(pragma.modes)
        mode = next((v or k for k, v, _ in given if k and (v or k).lower() in modes), "").lower()
        known += modes.get(mode, ())
    names = {option.name.lower(): option for option in known}
    words = {word: option for option in known if option.bare for word in option.values}
    for key, value, other in given:
        if other is not None:
            tell(f"unexpected {other!r}")
            continue
        option = names.get(key.lower())
        if value is None and (option is None or option.kind is not Kind.FLAG):
            word = words.get(key.lower())
            if word is None:
                close = [*(option.name for option in known), *words]
                tell(f"{key} needs a value" if option else _unknown("option", key, close))
                continue
            option, value = word, key
        if option is None:
            tell(_unknown("option", key, [option.name for option in known]))
            continue
        if option.name in found:
            tell(f"{option.name} is given twice")
        found[option.name] = "true" if value is None else value
        _word(option, found[option.name], tell)
    for option in known:
        if option.required and option.name not in found:
            allowed = f": {', '.join(option.values)}" if option.values else ""
            tell(f"{option.name} is missing{allowed}")
    return found


def _word(option: Option, value: str, tell: Tell) -> None:
    """Check a value that needs no scope."""
    allowed = option.values if option.kind is Kind.ENUM else ("true", "false")
    if option.kind in (Kind.ENUM, Kind.FLAG) and value.lower() not in allowed:
        tell(f"{option.name}={value}: allowed are {', '.join(allowed)}")
    elif option.kind in _PATTERNS and not _PATTERNS[option.kind].fullmatch(value):
        tell(f"{option.name}={value} must be {option.kind.value}")


def _place(use: Use, tell: Tell) -> None:
    scope, pragma = use.scope, use.pragma
    if scope.function is None:
        tell("stands outside of any function")
        return
    if Place(_PLACES[scope.kind]) not in pragma.places:
        allowed = " or ".join(place.value for place in pragma.places)
        tell(f"stands in {_PLACES[scope.kind].value}, but must stand in {allowed}")
    elif pragma.name == "DATAFLOW" and scope.kind == "loop" and scope.loop != "for":
        tell(f"stands in a {scope.loop} loop, but only for loops and functions can be dataflow")


_PLACES = {
    "function": Place.FUNCTION,
    "loop": Place.LOOP,
    "block": Place.BLOCK,
    "struct": Place.BLOCK,
    "enum": Place.BLOCK,
    "namespace": Place.BLOCK,
}


def _values(use: Use, tell: Tell) -> None:
    """Look up variables and evaluate integers in the pragma's scope."""
    modes = dict(use.pragma.modes).get(use.options.get("mode", "").lower(), ())
    for option in (*use.pragma.options, *modes):
        value = use.options.get(option.name)
        if value is None:
            continue
        if option.kind is Kind.INTEGER:
            try:
                number = evaluate(_WORD.findall(value), use.scope)
            except NotConstant as error:
                tell(f"{option.name}={value}: {error}")
                continue
            if number is not None and number < option.minimum:
                tell(f"{option.name}={number} must be at least {option.minimum}")
            elif number is not None:
                use.numbers[option.name] = number
        elif option.kind in (Kind.VARIABLE, Kind.VARIABLES):
            for name in value.split(","):
                if option.name == "port" and name == "return":
                    continue
                try:
                    use.variables[name] = resolve(name, use.scope)
                except KeyError as error:
                    tell(f"{option.name}={value}: {error.args[0]}")
