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
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
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
    folder: Path, exact: bool = False, trace: bool = False, optimize: int = 3
) -> CsimBinary:
    """Compile ``folder``'s C++; an earlier build of the same sources is used again.

    ``exact``: ``ap_int`` of the declared widths instead of machine integers, slower. ``trace``:
    every stream is recorded. ``optimize``: the compiler's level, 0 to 3. Build and log lie in
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
    build = folder / BUILD / _hash(hls, compiler, include, flags)
    binary = build / "csim"
    if not binary.exists():
        sources = [str(hls / f"{top}.cpp"), str(hls / f"csim_{top}.cpp")]
        _build(binary, [compiler, *flags, f"-I{hls}", "-isystem", str(include), *sources])
    return CsimBinary(
        path=binary,
        folder=folder,
        exact=exact,
        trace=trace,
        tensors=tuple((one["name"], tuple(one["shape"])) for one in description["tensors"]),
        outputs=description["outputs"],
    )


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
    if images.dtype != np.uint8 or images.shape[1:] != binary.input_shape:
        raise ValueError(
            f"images are {images.dtype} {images.shape[1:]}, expected uint8 {binary.input_shape}"
        )
    if trace and not binary.trace:
        binary = compile(binary.folder, binary.exact, trace=True)
    sizes = [int(np.prod(shape)) for _, shape in binary.tensors]
    width = sum(sizes) * binary.trace + binary.outputs
    codes = np.empty((len(images), width), dtype=np.int64)
    part = max(1, min(CHUNK, -(-len(images) // max(processes, 1))))

    def work(start: int) -> int:
        stop = min(start + part, len(images))
        codes[start:stop] = _run_part(binary, images[start:stop], width)
        return stop - start

    with ThreadPoolExecutor(max(processes, 1)) as pool:
        for done in as_completed(pool.submit(work, at) for at in range(0, len(images), part)):
            if progress is not None:
                progress(done.result())
            done.result()
    logits = codes[:, width - binary.outputs :]
    if not trace:
        return logits
    ends = np.cumsum(sizes)
    if not np.array_equal(logits, codes[:, ends[-1] - sizes[-1] : ends[-1]]):
        raise RuntimeError("C simulation: the logits on AXI are not the last layer's codes")
    return {
        name: codes[:, end - size : end].reshape(len(images), *shape)
        for (name, shape), size, end in zip(binary.tensors, sizes, ends, strict=True)
    }


def _run_part(binary: CsimBinary, images: npt.NDArray[np.uint8], width: int) -> npt.NDArray[Any]:
    with tempfile.TemporaryDirectory(prefix="lenetgen-csim-") as folder:
        given, results = Path(folder) / "images", Path(folder) / "results"
        given.write_bytes(images.tobytes())
        done = subprocess.run(
            [str(binary.path), str(given), str(results)], capture_output=True, text=True
        )
        said = (done.stdout + done.stderr).strip()  # hls::stream warns on stdout
        if done.returncode != 0 or said:
            raise RuntimeError(f"C simulation, exit {done.returncode}: {said[-2000:]}")
        codes = np.fromfile(results, dtype=np.int64)
    if codes.size != len(images) * width:
        raise RuntimeError(f"C simulation wrote {codes.size} numbers, not {len(images) * width}")
    return codes.reshape(len(images), width)


def _description(hls: Path) -> dict[str, Any]:
    path = hls / "csim.json"
    try:
        description: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        description["top"], description["tensors"], description["outputs"]
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{path}: not there or damaged; emit the design again") from None
    return description


def _hash(hls: Path, compiler: str, include: Path, flags: list[str]) -> str:
    """Changes with every byte of the sources, the compiler, its flags and the headers' place."""
    version = subprocess.run([compiler, "--version"], capture_output=True, check=True).stdout
    digest = hashlib.sha256(repr((compiler, version, str(include), flags)).encode())
    for path in sorted(hls.rglob("*")):
        if path.suffix in (".h", ".cpp", ".json") and path.is_file():
            content = path.read_bytes()
            digest.update(repr((path.relative_to(hls).as_posix(), len(content))).encode())
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
