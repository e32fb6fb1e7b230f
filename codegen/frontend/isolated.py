"""Run a function in a copy of this process, so that a crash of native code ends the copy only.

HDF5's C library crashes on some damaged files (about one in three thousand of ours). Input: a
function of no arguments; output: what it returns, or its ``UserError``.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import pickle
import resource
import select
import signal
import time
import warnings
from collections.abc import Callable
from typing import TypeVar

from ..errors import UserError

_SECONDS = 120.0  # for the largest file allowed, on a busy machine
_BLOCK = 1 << 20

Result = TypeVar("Result")


def isolated(function: Callable[[], Result], crash: str) -> Result:
    """Return ``function()``, computed in a child process; its result must pickle.

    ``UserError`` is passed on; if the child dies or takes too long, ``UserError(crash)``.
    """
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 warns of threads: the child uses no lock of theirs and never returns.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        _compute(function, writer)
    os.close(writer)
    try:
        answer = _read(reader)
    finally:
        os.close(reader)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    if not answer:
        raise UserError(crash)
    refusal, result = pickle.loads(answer)
    if refusal is not None:
        raise UserError(refusal)
    return result  # type: ignore[no-any-return]


def _compute(function: Callable[[], Result], writer: int) -> None:
    """In the child: send (refusal, result) and end, without any clean-up of the parent's things."""
    try:
        faulthandler.disable()  # a crash is the parent's to tell
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        try:
            answer = pickle.dumps((None, function()))
        except UserError as error:
            answer = pickle.dumps((str(error), None))
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(answer)
    finally:
        os._exit(0)


def _read(reader: int) -> bytes:
    """Return all that the child sends; nothing if it does not come in time."""
    end, blocks = time.monotonic() + _SECONDS, list[bytes]()
    while select.select([reader], [], [], max(0.0, end - time.monotonic()))[0]:
        block = os.read(reader, _BLOCK)
        if not block:
            return b"".join(blocks)
        blocks.append(block)
    return b""
