"""One hls4ml model, converted, compiled and run in a child process (``hls4ml_child``).

Input: a ``Segment`` with its parameters, and codes of its input tensor; output: codes of every
operator's result. It compares nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from ..codegen.errors import UserError
from .hls4ml_layers import Arrays, Segment
from .toolrun import ToolError, require_tools

Codes = npt.NDArray[np.int64]


class Hls4mlModel:
    """A context manager; ``folder`` (made here) receives project, log and exchanged files.

    ``types``: by hls4ml's layer name the types it uses, by ``weight``, ``bias``, ``accum`` and
    ``result``. ``ToolError`` if hls4ml or the compiler fails, ``UserError`` without a compiler.
    """

    def __init__(self, segment: Segment, parameters: dict[str, Arrays], folder: Path) -> None:
        require_tools(["g++", "bash"])
        self.segment = segment
        self._folder = folder.resolve()
        self._log = self._folder / "hls4ml.log"
        document = self._folder / "segment.json"
        arrays = {
            f"{layer}.{what}": values
            for layer, own in parameters.items()
            for what, values in own.items()
        }
        try:
            self._folder.mkdir(parents=True)
            document.write_text(json.dumps(segment.document(str(self._folder / "project"))))
            np.savez(self._folder / "parameters.npz", allow_pickle=False, **arrays)
            with self._log.open("wb") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", f"{__package__}.hls4ml_child", str(document)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    cwd=self._folder,
                    start_new_session=True,
                )
        except OSError as error:
            raise UserError(f"{folder}: can't write hls4ml's project ({error.strerror})") from None
        try:
            self.types: dict[str, dict[str, str]] = json.loads(self._answer())
        except BaseException:
            self._end()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def run(self, codes: Codes) -> dict[str, Codes]:
        """Results, int64 (n, *shape), by operator name, of input codes (n, *shape)."""
        segment = self.segment
        source = self._folder / "inputs.npy"
        reals = codes.astype(np.float64) * float(segment.x.fmt.step)
        np.save(source, reals.reshape(len(codes), *segment.input_shape), allow_pickle=False)
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # the missing answer tells
            self._process.stdin.write(f"{source}\n")
            self._process.stdin.flush()
        self._answer()
        results = {}
        with np.load(source.with_suffix(".npz"), allow_pickle=False) as archive:
            for op in segment.ops:
                scaled = archive[segment.results[op.name]] / float(op.out.fmt.step)
                integers = np.floor(scaled).astype(np.int64)
                if not np.array_equal(integers, scaled):
                    raise ToolError(f"hls4ml: a result of {op.name} is no code of {op.out.fmt}")
                results[op.name] = integers.reshape(len(codes), *op.out.shape)
        return results

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            status = self._process.wait()
            told = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            last = told[-1].strip() if told else "it said nothing"
            raise ToolError(
                f"hls4ml failed (exit status {status}): {last}; --keep DIR keeps {self._log.name}"
            )
        return line

    def _end(self) -> None:
        """End the child and the compilers it may have started; it leads a group of its own."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        self._process.wait()
