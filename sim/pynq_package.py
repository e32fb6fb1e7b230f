"""The PYNQ package of an emitted folder: one zip with what a board needs, always the same bytes.

Input: a ``Package`` (and its ``vivado/output``, if a bitstream was built). Output: a zip. It builds
nothing and touches no hardware.
"""

from __future__ import annotations

import io
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..codegen.emit_pynq import pynq_context, readme, texts
from ..codegen.errors import UserError
from .package import Package, banner
from .vectors import ARRAYS

OUTPUT = "vivado/output"  # where the build scripts leave the bitstream
ADD_BITSTREAM = "lenetgen vivado FOLDER && lenetgen package FOLDER"
MAX_BYTES = 3_000_000  # a promise for packages without a bitstream, a goal with one
_DATE = (1980, 1, 1, 0, 0, 0)  # the first a zip can hold

_FILES = {
    "README.md": "this list",
    "driver.py": "the driver: class `Accelerator`; it knows the registers and the model's hash",
    "{name}.ipynb": "notebook: load, self-test, predict, measure, look at the registers",
    "vectors.npz": "self-test vectors: `images` (uint8) and the golden `logits`",
    "registers.md": "ports, packets and registers of the core",
    "lenetgen_registers.h": "the same registers for C, with the sizes of this design",
    "lenetgen_core.h": "the accelerator in plain C: check, reset, run a packet, class",
    "lenetgen_vectors.h": "two of the vectors for C",
    "bare_metal.c": "example without an operating system: plays the vectors",
    "linux_user.c": "example for a Linux program: plays the vectors",
    "{name}.bit": "the bitstream",
    "{name}.hwh": "what PYNQ has to know of the block design",
}


@dataclass(frozen=True)
class Zip:
    """A written package: its place, the sizes of its files in bytes, whether a bitstream is in."""

    path: Path
    files: dict[str, int]
    bitstream: bool

    @property
    def size(self) -> int:
        """Bytes of the zip."""
        return self.path.stat().st_size


def contents(package: Package) -> tuple[dict[str, bytes], bool]:
    """Files by name, and whether a bitstream is among them; ``UserError`` for half a one."""
    design = package.design
    context = pynq_context(design, banner(design), package.title, package.clock_ns, package.part)
    vectors = (package.folder / ARRAYS).read_bytes()
    with np.load(io.BytesIO(vectors), allow_pickle=False) as archive:
        written = texts(context, archive["images"], archive["logits"])
    files = {name: text.encode() for name, text in written.items()}
    files["vectors.npz"] = vectors
    built = _bitstream(package.folder / OUTPUT, design.name)
    files |= built
    described = {key.format(name=design.name): text for key, text in _FILES.items()}
    listed = {
        name: text for name, text in described.items() if name in files or name == "README.md"
    }
    assert set(listed) == {*files, "README.md"}
    files["README.md"] = readme(context, listed, bool(built), ADD_BITSTREAM).encode()
    return files, bool(built)


def _bitstream(folder: Path, name: str) -> dict[str, bytes]:
    """Bitstream and .hwh if both are there; nothing if neither is."""
    paths = [folder / f"{name}.bit", folder / f"{name}.hwh"]
    there = [path for path in paths if path.is_file()]
    if len(there) == 1:
        missing = next(path for path in paths if path not in there)
        raise UserError(f"{missing}: missing, but {there[0].name} is there: build it again")
    return {path.name: path.read_bytes() for path in there}


def write_zip(package: Package, path: Path) -> Zip:
    """Write the package to ``path``; ``UserError`` if that can't be written."""
    files, bitstream = contents(package)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(f"{package.design.name}/{name}", _DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, wherever it is written
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, files[name])
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        scratch.write_bytes(buffer.getvalue())
        scratch.replace(path)
    except OSError as error:
        scratch.unlink(missing_ok=True)
        raise UserError(f"--out {path}: {error.strerror or error}") from None
    return Zip(path, {name: len(files[name]) for name in sorted(files)}, bitstream)
