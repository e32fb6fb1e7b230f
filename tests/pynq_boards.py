"""Unpacked PYNQ packages and the boards they run on in simulation."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from lenetgen.codegen.cycles import measure
from lenetgen.codegen.design import Design
from lenetgen.sim import pynq_stub
from lenetgen.sim.package import Options, Package, write
from lenetgen.sim.pynq_board import Board, build
from lenetgen.sim.pynq_package import write_zip

from .small_networks import random_images

_numbers = itertools.count()


def emitted(design: Design, out: Path, images: int = 6) -> Package:
    """The design emitted to ``out``, its vectors random images."""
    shape = design.graph.input.shape
    options = Options(precision="mixed", model=f"{design.name}.keras")
    return write(design, measure(design), options, random_images(images, 11, shape), out)


def unpacked(package: Package, folder: Path) -> Path:
    """The package's zip, written and unpacked in ``folder``, with a bitstream of one byte."""
    name = package.design.name
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(write_zip(package, folder / "package.zip").path) as archive:
        archive.extractall(folder)
    for suffix in (".bit", ".hwh"):
        (folder / name / f"{name}{suffix}").write_bytes(b"0")
    return folder / name


@dataclass(frozen=True)
class Rig:
    """What the driver tests share: an emitted folder, its compiled board, its unpacked zip."""

    package: Package
    program: Path
    folder: Path

    @contextlib.contextmanager
    def running(self, folder: Path | None = None, **behaviour: int) -> Iterator[tuple[Board, Any]]:
        """A fresh board, and the driver of ``folder`` (by default the board's own) on it."""
        with (
            Board(self.program, self.package.folder, **behaviour) as board,
            pynq_stub.installed(board),
        ):
            yield board, driver(folder or self.folder)


def rig(design: Design, folder: Path, images: int = 6) -> Rig:
    """Emit, pack, unpack and compile."""
    package = emitted(design, folder / "emitted", images)
    return Rig(package, build(design, package.folder), unpacked(package, folder / "unpacked"))


def driver(folder: Path) -> ModuleType:
    """``driver.py`` of an unpacked package, as a module of its own; needs ``pynq`` in place."""
    name = f"driver_{next(_numbers)}"
    spec = importlib.util.spec_from_file_location(name, folder / "driver.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = writes
    return module
