"""C simulation: compiles the emitted C++ with g++ and runs images through it.

Input: an emitted folder (with ``hls/``) and uint8 images; output: int64 logits, or every stream's
codes. The ``ap_fixed`` and ``hls_stream`` headers are Vitis HLS' own where ``vitis_hls`` is on the
PATH, else those that hls4ml packages. It compares nothing and chooses no data.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..codegen.errors import UserError

CHUNK = 256  # most images per process: progress is told this often
BUILD = Path(".build") / "csim"
FLAGS = (
    "-std=c++14",
    "-Wall",
    "-Wno-uninitialized",  # the ap_fixed headers' own
    "-Wno-maybe-uninitialized",
    "-Wno-unknown-pragmas",
    "-Wno-unused-label",  # loop labels are for the synthesis report
)
LOG_LINES = 12  # lines of a compiler's complaint shown in the error

Trace = dict[str, npt.NDArray[np.int64]]


@dataclass(frozen=True)
class Replay:
    """What the C++ made of images, however it ended: of the first ones only, if it stopped early.

    ``codes``: every stream's; ``logits`` (N, outputs): the words that left. ``complaint``: what it
    said besides, or how it ended; empty if nothing was wrong.
    """

    codes: Trace
    logits: npt.NDArray[np.int64]
    complaint: str


@dataclass(frozen=True)
class CsimBinary:
    """A compiled C simulation and the streams it knows, in order: (name, shape)."""

    path: Path
    folder: Path
    exact: bool
    trace: bool
    tensors: tuple[tuple[str, tuple[int, ...]], ...]
    outputs: int

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one image."""
        return self.tensors[0][1]


def compile(
    folder: Path,
    exact: bool = False,
    trace: bool = False,
    optimize: int = 3,
    main: Path | None = None,
) -> CsimBinary:
    """Compile ``folder``'s C++; an earlier build of the same sources is used again.

    ``exact``: ``ap_int`` of the declared widths instead of machine integers, slower. ``trace``:
    every stream is recorded. ``optimize``: the compiler's level, 0 to 3. ``main``: a main program
    other than the emitted one. Build and log lie in
    ``folder/.build/csim``. ``UserError`` if there is no emitted C++, no compiler, or it refuses
    the sources (with the end of its log).
    """
    hls = folder / "hls"
    description = _description(hls)
    top = description["top"]
    compiler = shutil.which("g++")
    if compiler is None:
        raise UserError(
            "C simulation needs g++, which is not on the PATH (Debian: apt install g++)"
        )
    include = headers()
    flags = [*FLAGS, f"-O{optimize}", *["-DLNG_EXACT_CODES"] * exact, *["-DLNG_TRACE"] * trace]
    main = main or hls / f"csim_{top}.cpp"
    build = folder / BUILD / _hash(hls, main, compiler, include, flags)
    binary = build / "csim"
    if not binary.exists():
        sources = [str(hls / f"{top}.cpp"), str(main)]
        _build(binary, [compiler, *flags, f"-I{hls}", "-isystem", str(include), *sources])
    return CsimBinary(
        path=binary,
        folder=folder,
        exact=exact,
        trace=trace,
        tensors=tuple((one["name"], tuple(one["shape"])) for one in description["tensors"]),
        outputs=description["outputs"],
    )


def run_main(folder: Path, main: Path, arguments: Sequence[Path]) -> tuple[int, str]:
    """Compile ``folder``'s C++, traced, with another main program; run it.

    Returns its exit status and what it said; ``UserError`` as ``compile``.
    """
    binary = compile(folder, trace=True, main=main)
    command = [str(binary.path), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, (done.stdout + done.stderr).strip()


def headers() -> Path:
    """The folder with ``ap_fixed.h``; ``UserError`` if neither Vitis HLS nor hls4ml is there."""
    tool = shutil.which("vitis_hls")
    if tool is not None:
        include = Path(tool).resolve().parent.parent / "include"
        if (include / "ap_fixed.h").is_file():
            return include
    spec = importlib.util.find_spec("hls4ml")  # found, not imported: that takes seconds
    for place in (spec.submodule_search_locations or []) if spec else []:
        include = Path(place) / "templates" / "vivado" / "ap_types"
        if (include / "ap_fixed.h").is_file():
            return include
    raise UserError("C simulation needs the ap_fixed headers: pip install hls4ml")


def run(
    binary: CsimBinary,
    images: npt.NDArray[np.uint8],
    trace: bool = False,
    processes: int = 2,
    progress: Callable[[int], None] | None = None,
) -> npt.NDArray[np.int64] | Trace:
    """Logits, int64 (N, outputs), of uint8 ``images`` (N, *input shape).

    With ``trace`` every stream's codes by tensor name instead, int64 (N, *shape), the input
    included, from a build of its own. ``processes`` run at once; ``progress`` is called with the
    number of images of each finished part. ``RuntimeError`` if the simulation fails.
    """
    if trace:
        played = replay(binary, images, processes, progress)
        if played.complaint:
            raise RuntimeError(played.complaint)
        if not np.array_equal(
            played.logits, played.codes[binary.tensors[-1][0]].reshape(played.logits.shape)
        ):
            raise RuntimeError("C simulation: the logits on AXI are not the last layer's codes")
        return played.codes
    codes, complaint = _run(binary, images, processes, progress)
    if complaint:
        raise RuntimeError(complaint)
    return codes[:, codes.shape[1] - binary.outputs :]


def replay(
    binary: CsimBinary,
    images: npt.NDArray[np.uint8],
    processes: int = 2,
    progress: Callable[[int], None] | None = None,
) -> Replay:
    """Every stream's codes, as ``run`` with ``trace``, but a simulation that fails is a result."""
    if not binary.trace:
        binary = compile(binary.folder, binary.exact, trace=True)
    codes, complaint = _run(binary, images, processes, progress)
    sizes = [int(np.prod(shape)) for _, shape in binary.tensors]
    ends = np.cumsum(sizes)
    streams = {
        name: codes[:, end - size : end].reshape(len(codes), *shape)
        for (name, shape), size, end in zip(binary.tensors, sizes, ends, strict=True)
    }
    return Replay(streams, codes[:, ends[-1] :], complaint)


def _run(
    binary: CsimBinary,
    images: npt.NDArray[np.uint8],
    processes: int,
    progress: Callable[[int], None] | None,
) -> tuple[npt.NDArray[np.int64], str]:
    """Rows of numbers, one a frame, up to the first part that complains, and its complaint."""
    if images.dtype != np.uint8 or images.shape[1:] != binary.input_shape:
        raise ValueError(
            f"images are {images.dtype} {images.shape[1:]}, expected uint8 {binary.input_shape}"
        )
    traced = sum(int(np.prod(shape)) for _, shape in binary.tensors) * binary.trace
    width = traced + binary.outputs
    part = max(1, min(CHUNK, -(-len(images) // max(processes, 1))))
    starts = range(0, len(images), part)

    def work(start: int) -> tuple[npt.NDArray[np.int64], str]:
        given = images[start : start + part]
        rows, complaint = _run_part(binary, given, width)
        if progress is not None:
            progress(len(given))
        return rows, complaint

    with ThreadPoolExecutor(max(processes, 1)) as pool:
        results = list(pool.map(work, starts))
    bad = next((at for at, (_, complaint) in enumerate(results) if complaint), len(results) - 1)
    rows = [rows for rows, _ in results[: bad + 1]]
    complaint = results[bad][1] if results else ""
    return np.concatenate([np.empty((0, width), dtype=np.int64), *rows]), complaint


def _run_part(
    binary: CsimBinary, images: npt.NDArray[np.uint8], width: int
) -> tuple[npt.NDArray[np.int64], str]:
    with tempfile.TemporaryDirectory(prefix="lenetgen-csim-") as folder:
        given, results = Path(folder) / "images", Path(folder) / "results"
        given.write_bytes(images.tobytes())
        results.touch()
        done = subprocess.run(
            [str(binary.path), str(given), str(results)], capture_output=True, text=True
        )
        codes = np.fromfile(results, dtype=np.int64)
    said = (done.stdout + done.stderr).strip()  # hls::stream warns on stdout
    complaint = ""
    if done.returncode != 0 or said:
        shown = said if len(said) <= 2000 else f"{said[:1000]}\n...\n{said[-1000:]}"
        complaint = f"C simulation, exit {done.returncode}: {shown}"
    elif codes.size != len(images) * width:
        complaint = f"C simulation wrote {codes.size} numbers, not {len(images) * width}"
    whole = codes.size // width
    return codes[: whole * width].reshape(whole, width), complaint


def _description(hls: Path) -> dict[str, Any]:
    path = hls / "csim.json"
    try:
        description: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        description["top"], description["tensors"], description["outputs"]
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{path}: not there or damaged; emit the design again") from None
    return description


def _hash(hls: Path, main: Path, compiler: str, include: Path, flags: list[str]) -> str:
    """Changes with every byte of the sources, the compiler, its flags and the headers' place."""
    version = subprocess.run([compiler, "--version"], capture_output=True, check=True).stdout
    digest = hashlib.sha256(repr((compiler, version, str(include), flags)).encode())
    sources = [path for path in sorted(hls.rglob("*")) if path.suffix in (".h", ".cpp", ".json")]
    sources += [] if main in sources else [main]
    for path in filter(Path.is_file, sources):
        content = path.read_bytes()
        name = path.relative_to(hls).as_posix() if path.is_relative_to(hls) else path.name
        digest.update(repr((name, len(content))).encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def _build(binary: Path, command: list[str]) -> None:
    """Run the compiler; the binary appears under its name only when it is complete."""
    try:
        binary.parent.mkdir(parents=True, exist_ok=True)
        partial = binary.with_name(f"csim-{os.getpid()}.partial")
        done = subprocess.run([*command, "-o", str(partial)], capture_output=True, text=True)
        log = binary.parent / "csim.log"
        log.write_text(done.stdout + done.stderr, encoding="utf-8")
        if done.returncode == 0:
            partial.replace(binary)
    except OSError as error:
        raise UserError(f"C simulation: cannot build in {binary.parent}: {error}") from None
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-LOG_LINES:])
        raise UserError(f"C simulation: g++ failed, log in {log}; its end:\n{tail}")
