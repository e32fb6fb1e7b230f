"""Verilog text to Pyverilog syntax trees, for the audit.

Uses ``VerilogParser(...).parse(text)``: Pyverilog's ``parse()`` would call Icarus Verilog as a
preprocessor. The parser's tables go to a temporary folder; the parser is built once a process
(about a second) and parsed texts are remembered.
"""

from __future__ import annotations

import hashlib
import importlib
import re
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from .audit_types import Finding


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
    with tempfile.TemporaryDirectory(prefix="lenetgen-") as folder:
        return _pyverilog().VerilogParser(outputdir=folder, debug=False)


_trees: dict[bytes, Any] = {}


def parse_text(text: str) -> Any:
    """The ``Source`` tree of ``text``; raises Pyverilog's ``ParseError``."""
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
