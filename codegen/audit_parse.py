"""Verilog text to Pyverilog syntax trees, for the audit.

Uses ``VerilogParser(...).parse(text)``: Pyverilog's ``parse()`` would call Icarus Verilog as a
preprocessor, and leave its tables in the current folder. The tables, which take a second to make,
are kept in the user's cache; parsed texts are remembered for the life of the process.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from .audit_types import Finding
from .user_cache import cache_root


@dataclass(frozen=True)
class Module:
    """One parsed module: its name, the file it stands in, its ``ModuleDef`` node."""

    name: str
    file: str
    node: Any


def _pyverilog() -> Any:
    """Pyverilog's parser module; importing it leaves a file open, which Python may warn about."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        return importlib.import_module("pyverilog.vparser.parser")


@lru_cache(maxsize=1)
def _parser() -> Any:
    """The parser, its tables from the user's cache if they are there (5 ms instead of 1 s)."""
    _pyverilog()
    from pyverilog.vparser.parser import VerilogParser

    ply = importlib.import_module("ply.yacc")
    lexer = importlib.import_module("pyverilog.vparser.lexer")

    class Parser(VerilogParser):  # type: ignore[misc]
        """Pyverilog's parser with its tables in a pickle instead of a module in a folder."""

        def __init__(self, tables: Path) -> None:
            self.lexer = lexer.VerilogLexer(error_func=self._lexer_error_func)
            self.lexer.build()
            self.tokens = self.lexer.tokens
            # ply compares the grammar's signature: tables of another version are made anew
            self.parser = ply.yacc(
                module=self, picklefile=str(tables), write_tables=False, debug=False
            )

    tables = cache_root() / "pyverilog" / f"{metadata.version('pyverilog')}.pickle"
    if tables.is_file():
        with warnings.catch_warnings(), contextlib.suppress(Exception):
            # a damaged pickle may raise anything, and ply then leaves the file open
            warnings.simplefilter("ignore", ResourceWarning)
            return Parser(tables)
    with tempfile.TemporaryDirectory(prefix="lenetgen-") as folder:
        parser = Parser(Path(folder) / "tables")
        with contextlib.suppress(OSError):
            tables.parent.mkdir(parents=True, exist_ok=True)
            fresh = tables.with_suffix(f".{os.getpid()}")
            shutil.copyfile(Path(folder) / "tables", fresh)
            fresh.replace(tables)
    return parser


_trees: dict[bytes, Any] = {}
_ATTRIBUTE = re.compile(r'\(\*\s*\w+\s*=\s*"[^"\n]*"\s*\*\)')


def parse_text(text: str) -> Any:
    """The ``Source`` tree of ``text``; raises Pyverilog's ``ParseError``.

    Attributes with a text, which Pyverilog knows in few places only, are taken out before.
    """
    text = _ATTRIBUTE.sub("", text)
    key = hashlib.sha256(text.encode()).digest()
    if key not in _trees:
        parser = _parser()
        parser.lexer.reset_lineno()
        _trees[key] = parser.parse(text)
    return _trees[key]


def parse_files(files: Sequence[Path]) -> tuple[dict[str, Module], list[Finding]]:
    """All modules of ``files`` by name; a syntax error or a second definition is a finding."""
    modules: dict[str, Module] = {}
    findings: list[Finding] = []
    for path in files:
        name = path.name
        try:
            source = parse_text(path.read_text())
        except _pyverilog().ParseError as error:
            # Pyverilog: "line:2 column:8: what", "line:2: before: what", "None: at end of input"
            match = re.match(r"\s*line:(\d+)(?: column:\d+)?:\s*(.*)", str(error), re.DOTALL)
            line, what = (
                (int(match[1]), match[2]) if match else (0, str(error).removeprefix("None: "))
            )
            findings.append(Finding(name, line, "", f"syntax error: {what}"))
            continue
        for node in source.description.definitions:
            if type(node).__name__ != "ModuleDef":
                continue
            if node.name in modules:
                other = modules[node.name]
                message = f"module defined twice, also in {other.file} line {other.node.lineno}"
                findings.append(Finding(name, node.lineno, node.name, message))
            else:
                modules[node.name] = Module(node.name, name, node)
    return modules, findings
