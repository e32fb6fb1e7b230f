"""Out-of-context synthesis of an emitted design with Yosys, module by module, cached.

Input: an emitted folder. The stages are synthesised one by one, the top module with them as black
boxes and its other children (FIFOs, ports) kept apart. A result is kept in the user's cache under
the hash of all that it is made from, so an interrupted run goes on where it was. Output: netlists;
counting and timing are done elsewhere.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..codegen.user_cache import cache_root
from . import netlist, yosys
from .netlist import Module
from .toolrun import ToolError

FORMAT = 1  # of what lies in the cache
SYNTHESIS = "synth_xilinx -family xc7 -flatten -noiopad -noclkbuf"
# Run in front of the DSP mapping. Yosys 0.70 packs a register whose upper bits copy the sign of a
# product into the DSP48E1 and leaves these bits undriven (gate-level simulation found it; of the
# kind of https://github.com/YosysHQ/yosys/issues/2648). Reduced once more, it has no such bits.
REDUCE = ("wreduce", "opt_clean")
TIMEOUT = 3600.0  # seconds per module
Progress = Callable[[str, int, int], None]  # phase, done, in all

_MAPPED = re.compile(r"^mapping memory (\S+) via \$__XILINX_(\w+?)_$", re.MULTILINE)
_IN_REGISTERS = re.compile(r"^using FF mapping for memory (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Unit:
    """What one run of Yosys synthesises: a module; the modules named in ``boxes`` stay empty.

    ``apart``: its direct children keep their place, as they do where there are boxes.
    """

    module: str
    boxes: tuple[str, ...] = ()
    apart: bool = False


@dataclass(frozen=True)
class Synthesised:
    """A unit's netlist as data and as Verilog, and how its memories were mapped.

    ``modules``: the unit's own and those below it that kept their place in the hierarchy, by the
    name the netlist uses. ``memories``: module and name (``module.u_rom.mem``) to ``block RAM``,
    ``distributed RAM`` or ``logic``.
    """

    unit: Unit
    modules: dict[str, Module]
    memories: dict[str, str]
    seconds: float
    verilog_file: Path

    @property
    def module(self) -> Module:
        """The unit's own module."""
        return self.modules[self.unit.module]

    def verilog(self) -> str:
        """The netlist as Yosys writes it."""
        with gzip.open(self.verilog_file, "rt", encoding="utf-8") as stream:
            return stream.read()


@dataclass(frozen=True)
class Netlist:
    """The synthesised design: the top unit and the generated stages below it."""

    top: str
    units: tuple[Synthesised, ...]  # the top module's first
    modules: dict[str, Module]  # all of them, by the name that cells refer to

    @property
    def memories(self) -> dict[str, str]:
        """How every memory was mapped, by its name below the top module."""
        places: dict[str, list[str]] = {self.top: [""]}
        for cell in self.modules[self.top].cells:
            places.setdefault(cell.type, []).append(f"{cell.name}.")
        found: dict[str, str] = {}
        for unit in self.units:
            for name, kind in unit.memories.items():
                module, _, memory = name.partition(".")
                found |= {prefix + memory: kind for prefix in places.get(module, [])}
        return dict(sorted(found.items()))


def synthesise(
    rtl: Path,
    top: str,
    *,
    flatten: bool = False,
    at_once: bool = False,
    jobs: int = 2,
    progress: Progress | None = None,
) -> Netlist:
    """Synthesise ``rtl/files.f`` with top module ``top``; ``flatten``: all of it as one module.

    Otherwise every direct child of the top module keeps its place, and the generated ones (named
    ``<top>_<layer>``) are synthesised on their own, ``jobs`` at a time; ``at_once``: in one run,
    which is the same netlist, sooner for small designs.
    """
    tell = progress or (lambda *_: None)
    sources = Sources(rtl)
    stages = () if flatten or at_once else tuple(sources.children(top))
    wanted = [Unit(top, stages, at_once and not flatten), *map(Unit, stages)]
    done: dict[Unit, Synthesised] = {}
    tell("synthesis", 0, len(wanted))

    def work(unit: Unit) -> None:
        done[unit] = sources.synthesise(unit)
        tell("synthesis", len(done), len(wanted))

    with ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(work, unit) for unit in wanted]
        try:
            for future in futures:
                future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    units = tuple(done[unit] for unit in wanted)
    modules = {name: module for unit in units for name, module in unit.modules.items()}
    return Netlist(top, units, modules)


class Sources:
    """The Verilog and memory files of ``rtl/``, and which modules use which."""

    def __init__(self, rtl: Path) -> None:
        self.rtl = rtl
        self.texts = {
            Path(name).stem: (rtl / name).read_text(encoding="utf-8")
            for name in (rtl / "files.f").read_text(encoding="utf-8").split()
        }

    def closure(self, module: str) -> list[str]:
        """``module`` and all modules below it, sorted; by the words in their text."""
        found: set[str] = set()
        pending = [module]
        while pending:
            name = pending.pop()
            if name not in found:
                found.add(name)
                pending += set(re.findall(r"\w+", self.texts[name])) & self.texts.keys()
        return sorted(found)

    def memories(self, modules: list[str]) -> list[str]:
        """The memory files that those modules name."""
        text = "\n".join(self.texts[name] for name in modules)
        return sorted(set(re.findall(r'"([\w.-]+\.mem)"', text)))

    def children(self, module: str) -> list[str]:
        """The generated modules that ``module`` instantiates: ``<module>_<layer>``."""
        words = set(re.findall(r"\w+", self.texts[module]))
        return sorted(name for name in words & self.texts.keys() if name.startswith(f"{module}_"))

    def synthesise(self, unit: Unit) -> Synthesised:
        """From the cache, or by Yosys."""
        modules = self.closure(unit.module)
        memories = self.memories(modules)
        script = _script(unit, modules)
        key = self._key(unit, script, modules, memories)
        place = cache_root() / "synth" / key
        if not (place / "netlist.json.gz").is_file():
            self._run(unit, script, modules, memories, place)
        try:
            return _read(unit, place)
        except (OSError, EOFError, ValueError, KeyError):
            shutil.rmtree(place, ignore_errors=True)  # damaged: once more
            self._run(unit, script, modules, memories, place)
            return _read(unit, place)

    def _key(self, unit: Unit, script: str, modules: list[str], memories: list[str]) -> str:
        digest = hashlib.sha256(f"{FORMAT}\0{yosys.find().version}\0{script}\0".encode())
        for name in modules:
            digest.update(f"{name}\0{self.texts[name]}\0".encode())
        if not unit.boxes:  # else memories are in the boxes only
            for name in memories:
                digest.update(f"{name}\0".encode() + (self.rtl / name).read_bytes())
        return digest.hexdigest()

    def _run(
        self, unit: Unit, script: str, modules: list[str], memories: list[str], place: Path
    ) -> None:
        place.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix="run-", dir=place.parent))
        try:
            for name in modules:
                (scratch / f"{name}.v").write_text(self.texts[name], encoding="utf-8")
            for name in memories:
                shutil.copyfile(self.rtl / name, scratch / name)
            started = time.monotonic()
            try:
                log = yosys.run(script, scratch, timeout=TIMEOUT)
            except ToolError as error:
                raise ToolError(
                    f"{unit.module}: {error}", _keep_log(unit, place.parent, scratch)
                ) from None
            seconds = time.monotonic() - started
            document = json.loads((scratch / "netlist.json").read_text(encoding="utf-8"))
            result = scratch / "result"
            result.mkdir()
            netlist.save(netlist.prune(document, unit.module), result / "netlist.json.gz")
            with gzip.open(result / "netlist.v.gz", "wb", compresslevel=3) as stream:
                stream.write((scratch / "netlist.v").read_bytes())
            about = {"seconds": round(seconds, 1), "memories": read_memories(log)}
            (result / "about.json").write_text(json.dumps(about), encoding="utf-8")
            with contextlib.suppress(OSError):  # another process was faster
                os.rename(result, place)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _keep_log(unit: Unit, folder: Path, scratch: Path) -> Path | None:
    target = folder / f"{unit.module}.log"
    with contextlib.suppress(OSError):
        shutil.copyfile(scratch / yosys.LOG, target)
        return target
    return None


def _script(unit: Unit, modules: list[str]) -> str:
    lines = [f"read_verilog -defer {name}.v" for name in modules]
    lines.append(f"hierarchy -check -top {unit.module}")
    if unit.boxes:
        lines.append(f"blackbox {' '.join(unit.boxes)}")
    if unit.boxes or unit.apart:
        lines.append(f"setattr -set keep_hierarchy 1 {unit.module}/c:*")
    lines += synthesis_commands(unit.module)
    lines += ["write_verilog -noattr netlist.v", "write_json netlist.json"]
    return "".join(f"{line}\n" for line in lines)


def synthesis_commands(top: str) -> list[str]:
    """The synthesis itself as commands of Yosys."""
    command = f"{SYNTHESIS} -top {top}"
    return [f"{command} -run :map_dsp", *REDUCE, f"{command} -run map_dsp:"]


def read_memories(log: str) -> dict[str, str]:
    """From Yosys' log: memories by module and name, and where they went.

    A memory that is mapped in several steps is where it went in the last.
    """
    found = dict.fromkeys(_IN_REGISTERS.findall(log), "logic")
    for name, kind in _MAPPED.findall(log):
        found[name] = "block RAM" if kind.startswith("BLOCKRAM") else "distributed RAM"
    return {name.replace("\\", ""): kind for name, kind in sorted(found.items())}


def _read(unit: Unit, place: Path) -> Synthesised:
    modules = netlist.load(place / "netlist.json.gz")
    about: dict[str, Any] = json.loads((place / "about.json").read_text(encoding="utf-8"))
    if unit.module not in modules:
        raise KeyError(unit.module)
    return Synthesised(unit, modules, about["memories"], about["seconds"], place / "netlist.v.gz")
