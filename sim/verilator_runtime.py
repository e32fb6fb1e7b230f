"""Share Verilator's compiled run-time library (``verilated*.o``) between builds.

Compiling it takes longer than compiling a small design, and it is the same for every design built
with the same tools and flags. The objects lie in ``$XDG_CACHE_HOME/lenetgen/verilator/KEY`` (or
``~/.cache/...``). KEY covers the compile commands as make would run them, the compiler's version
and the text of Verilator's ``include`` folder, so nothing stale can be picked up. An entry appears
by one rename: two processes may build at once, and the second finds the first one's entry or
throws its own away. Everything here may fail (read-only home, full disk): then make compiles.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from ..codegen.user_cache import cache_root
from .toolrun import run_tool

KEEP_ENTRIES = 24  # of about 4 MB each; the longest unused go first


def cache_folder() -> Path:
    """The folder with one sub-folder per set of run-time objects; need not exist."""
    return cache_root() / "verilator"


class RuntimeObjects:
    """The run-time objects one build folder needs, and where the cache keeps them."""

    def __init__(
        self,
        build_dir: Path,
        makefile: str,
        make_args: Sequence[str],
        env: Mapping[str, str],
        include: Path,
    ) -> None:
        """Ask make which objects ``makefile`` in ``build_dir`` needs and how it compiles them.

        ``make_args`` are the variables the real build will get; ``include`` is the folder with
        ``verilated.h``.
        """
        self.build_dir = build_dir
        make = ["make", "-C", str(build_dir), "-f", makefile, "--no-print-directory", *make_args]
        show = "--eval=lng-objects: ; @echo $(VK_GLOBAL_OBJS)"
        self.names = tuple(run_tool([*make, show, "lng-objects"], env=env).split())
        commands = run_tool([*make, "-n", "-B", *self.names], env=env) if self.names else ""
        key = hashlib.sha256()
        # folders of the design's own headers are named, too; the library includes nothing of them
        commands = re.sub(r" -I/\S+", "", commands.replace(str(include), "INCLUDE"))
        for text in (
            commands,
            run_tool(["c++", "--version"], env=env),
            _tree_digest(include),
        ):
            key.update(hashlib.sha256(text.encode()).digest())
        self.entry = cache_folder() / key.hexdigest()[:40]

    def fetch(self) -> bool:
        """Copy the objects into the build folder if the cache has them; make then keeps them."""
        try:
            for name in self.names:
                # copyfile leaves the time of copying: newer than the makefile, as make wants it
                shutil.copyfile(self.entry / name, self.build_dir / name)
            os.utime(self.entry)
        except OSError:
            for name in self.names:
                (self.build_dir / name).unlink(missing_ok=True)
            return False
        return True

    def store(self) -> None:
        """Put the build folder's freshly compiled objects into the cache, all or none."""
        with contextlib.suppress(OSError):
            folder = self.entry.parent
            folder.mkdir(parents=True, exist_ok=True)
            temporary = Path(tempfile.mkdtemp(prefix=".new-", dir=folder))
            try:
                for name in self.names:
                    shutil.copyfile(self.build_dir / name, temporary / name)
                temporary.rename(self.entry)  # fails if another process was first: as good
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
            _prune(folder)


def _prune(folder: Path) -> None:
    """Remove the longest unused entries beyond KEEP_ENTRIES."""
    entries = [path for path in folder.iterdir() if not path.name.startswith(".")]
    entries.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in entries[KEEP_ENTRIES:]:
        shutil.rmtree(path, ignore_errors=True)


@lru_cache(maxsize=4)
def _tree_digest(include: Path) -> str:
    """SHA-256 over names and contents of the run-time library's sources."""
    digest = hashlib.sha256()
    for path in sorted(include.glob("verilated*")):
        data = path.read_bytes()
        digest.update(f"{path.name} {len(data)}\n".encode() + data)
    return digest.hexdigest()
