"""Fixtures every test may use: seeds from the test's id, required parts, the data sets."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

# A background job is started with Ctrl-C ignored; here it must work, and in the children too.
in_main = threading.current_thread() is threading.main_thread()
if in_main and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent


def missing(what: str) -> None:
    """Skip the test for want of ``what``; under LENETGEN_CI, where nothing may lack, fail it."""
    if os.environ.get("LENETGEN_CI"):
        pytest.fail(f"{what} is missing, and LENETGEN_CI is set")
    pytest.skip(f"{what} is missing")


@pytest.fixture
def root() -> Path:
    """The repository's root."""
    return ROOT


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """A number that depends on the test's id only."""
    return zlib.crc32(request.node.nodeid.encode())


@pytest.fixture
def rng(seed: int) -> np.random.Generator:
    """A random generator seeded from the test's id."""
    return np.random.default_rng(seed)


@pytest.fixture
def require_data() -> Callable[[str], Path]:
    """``require_data("mnist")``: that folder of LENETGEN_DATA; else skip (LENETGEN_CI: fail)."""

    def require(name: str) -> Path:
        folder = Path(os.environ.get("LENETGEN_DATA", "")) / name
        if not os.environ.get("LENETGEN_DATA") or not folder.is_dir():
            missing(f"data set {name} (LENETGEN_DATA)")
        return folder

    return require


@pytest.fixture
def require_program() -> Callable[[str], Path]:
    """``require_program("tclsh")``: its path; else skip, under LENETGEN_CI fail."""

    def require(name: str) -> Path:
        path = shutil.which(name)
        if path is None:
            missing(f"program {name}")
        return Path(str(path))

    return require
