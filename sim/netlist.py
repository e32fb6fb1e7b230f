"""A synthesised module, read from the JSON that Yosys writes.

Nets are single bits with a number; the constants ``"0"``, ``"1"``, ``"x"``, ``"z"`` stay text.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Bit = int | str

# What the flow leaves in a netlist that is no hardware.
_MARKERS = frozenset({"$scopeinfo"})


@dataclass(frozen=True)
class Cell:
    """An instance: parameters as Yosys writes them (bit strings or text), bits per port."""

    name: str
    type: str
    parameters: dict[str, str]
    connections: dict[str, tuple[Bit, ...]]


@dataclass(frozen=True)
class Module:
    """Cells, port bits by direction (``input``, ``output``), and the names of nets that have one.

    ``names``: bit number to ``name`` or ``name[index]`` as in the Verilog.
    """

    name: str
    ports: dict[str, tuple[str, tuple[Bit, ...]]]
    cells: tuple[Cell, ...]
    names: dict[int, str]


def prune(document: dict[str, Any], top: str) -> dict[str, Any]:
    """What of Yosys' JSON describes ``top`` and the modules below it; the library is left out."""
    kept: dict[str, Any] = {}
    pending = [top]
    while pending:
        name = pending.pop()
        module = document["modules"].get(name)
        if name in kept or module is None or module["attributes"].get("blackbox"):
            continue
        cells = {
            key: {part: cell[part] for part in ("type", "parameters", "connections")}
            for key, cell in module["cells"].items()
            if cell["type"] not in _MARKERS
        }
        names = {
            key: {"bits": net["bits"], "offset": net.get("offset", 0)}
            for key, net in module["netnames"].items()
            if not net.get("hide_name")
        }
        kept[name] = {"ports": module["ports"], "cells": cells, "netnames": names}
        pending += {
            cell["type"] for cell in cells.values() if not _in_library(document, cell["type"])
        }
    return kept


def _in_library(document: dict[str, Any], name: str) -> bool:
    attributes = document["modules"].get(name, {}).get("attributes", {})
    return "blackbox" in attributes or "whitebox" in attributes or "lib_whitebox" in attributes


def save(pruned: dict[str, Any], path: Path) -> None:
    """Write what :func:`prune` gave."""
    with gzip.open(path, "wt", compresslevel=3, encoding="utf-8") as stream:
        json.dump(pruned, stream)


def load(path: Path) -> dict[str, Module]:
    """Read it back, by module name."""
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        return {name: parse(module, name) for name, module in json.load(stream).items()}


def parse(module: dict[str, Any], name: str) -> Module:
    """One module of what :func:`prune` gave."""
    cells = tuple(
        Cell(
            key,
            cell["type"],
            cell["parameters"],
            {port: tuple(bits) for port, bits in cell["connections"].items()},
        )
        for key, cell in module["cells"].items()
    )
    names: dict[int, str] = {}
    for key, net in module["netnames"].items():
        for place, bit in enumerate(net["bits"]):
            label = key if len(net["bits"]) == 1 else f"{key}[{place + net['offset']}]"
            if isinstance(bit, int) and (bit not in names or len(label) < len(names[bit])):
                names[bit] = label
    ports = {key: (port["direction"], tuple(port["bits"])) for key, port in module["ports"].items()}
    return Module(name, ports, cells, names)
