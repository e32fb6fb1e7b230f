"""Writes ``rtl/``: the top module, one module per layer, the library, memory files, file list.

Input: a ``Design``. It decides names and files; widths come from ``rtl_stage``, contents of
memories from ``rtl_memory``.
"""

from __future__ import annotations

import importlib.resources
import re
from dataclasses import dataclass
from pathlib import Path

from .design import FLAG_DEPTH, PORT_DEPTH, Design
from .ir import TableOp
from .render import identifier, render, write_text
from .rtl_adders import adders_context
from .rtl_memory import memory_files
from .rtl_stage import adders_name, stage_context, table_context


@dataclass(frozen=True)
class TopStage:
    """A stage as the top module sees it."""

    name: str
    module: str
    source: str
    bits: int
    fifo: int


@dataclass(frozen=True)
class TopContext:
    """What ``top.v.j2`` is rendered with."""

    banner: str
    name: str
    title: str
    notes: tuple[str, ...]
    input: str
    output: str
    in_bits: int
    in_words: int
    out_bits: int
    port_depth: int
    flag_depth: int
    stages: tuple[TopStage, ...]
    result_lanes: int
    result_width: int
    result_signed: int
    result_group: int
    result_groups: int


@dataclass(frozen=True)
class RtlFiles:
    """File names relative to the output folder; ``verilog`` starts with the top module's."""

    top: str
    verilog: tuple[str, ...]
    memory: tuple[str, ...]
    file_list: str


def emit(design: Design, banner: str, out: Path) -> RtlFiles:
    """Write ``out/rtl`` and return what was written."""
    name = identifier(design.name)
    folder = out / "rtl"
    verilog, memory = [f"{name}.v"], []
    write_text(folder / f"{name}.v", render("verilog/top.v.j2", {"m": top_context(design, banner)}))
    for stage in design.stages:
        module = f"{name}_{identifier(stage.op.name)}"
        files = memory_files(stage, module)
        if isinstance(stage.op, TableOp):
            table = table_context(stage, module, banner, tuple(files))
            text = render("verilog/table.v.j2", {"m": table})
        else:
            text = render("verilog/stage.v.j2", {"m": stage_context(stage, module, banner)})
        write_text(folder / f"{module}.v", text)
        verilog.append(f"{module}.v")
        if stage.adders is not None:
            adders = adders_name(module)
            context = adders_context(stage, adders, banner)
            write_text(folder / f"{adders}.v", render("verilog/adders.v.j2", {"m": context}))
            verilog.append(f"{adders}.v")
        for file, contents in files.items():
            write_text(folder / file, contents)
            memory.append(file)
    for module in copy_library(folder, verilog):
        verilog.append(f"{module}.v")
    write_text(folder / "files.f", "".join(f"{file}\n" for file in verilog))
    return RtlFiles(
        top=name,
        verilog=tuple(f"rtl/{file}" for file in verilog),
        memory=tuple(f"rtl/{file}" for file in memory),
        file_list="rtl/files.f",
    )


def top_context(design: Design, banner: str) -> TopContext:
    """The context of the top module."""
    source, result, output = design.source, design.result, design.graph.output
    before = design.graph.input.name
    stages: list[TopStage] = []
    for stage in design.stages:
        bits = stage.result.lanes * stage.op.out.fmt.width
        module = f"{design.name}_{stage.op.name}"
        stages.append(TopStage(stage.op.name, module, before, bits, stage.fifo))
        before = stage.op.name
    return TopContext(
        banner=banner,
        name=design.name,
        title="AXI4-Stream CNN accelerator",
        notes=(
            f"input  {source.words} words of {source.lanes} raw uint8",
            f"output {output.size} results, {output.fmt}, in {design.result_bits}-bit words",
        ),
        input=design.graph.input.name,
        output=before,
        in_bits=source.lanes * 8,
        in_words=source.words,
        out_bits=design.result_bits,
        port_depth=PORT_DEPTH,
        flag_depth=FLAG_DEPTH,
        stages=tuple(stages),
        result_lanes=result.lanes,
        result_width=output.fmt.width,
        result_signed=int(output.fmt.signed),
        result_group=result.channels,
        result_groups=result.groups,
    )


def library_folder() -> Path:
    """The folder of the hand-written modules."""
    return Path(str(importlib.resources.files("lenetgen") / "hw"))


_INSTANCE = re.compile(r"^\s*(lng_\w+)\s+(?:#\(|u_)", re.MULTILINE)


def copy_library(folder: Path, written: list[str]) -> list[str]:
    """Copy the library modules the written files need, transitively; return their names."""
    source = library_folder()
    pending = [(folder / file).read_text() for file in written]
    found: set[str] = set()
    while pending:
        for module in _INSTANCE.findall(pending.pop()):
            path = source / f"{module}.v"
            if module in found or not path.is_file():
                continue  # names of illegal-parameter traps have no file
            found.add(module)
            text = path.read_text(encoding="utf-8")
            write_text(folder / path.name, text)
            pending.append(text)
    return sorted(found)
