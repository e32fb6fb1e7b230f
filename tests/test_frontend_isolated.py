"""Work in a process of its own: results, refusals, crashes, hangs, interrupts."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from lenetgen.codegen.errors import UserError
from lenetgen.codegen.frontend import hdf5_file, isolated
from lenetgen.codegen.frontend.isolated import isolated as run

from .model_files import refused, small_model


def _die() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _refuse() -> None:
    raise UserError("no")


def test_results_and_refusals() -> None:
    assert run(lambda: b"x" * 3_000_000, "crash") == b"x" * 3_000_000
    with pytest.raises(UserError, match=r"^no$"):
        run(_refuse, "crash")


def test_crash(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match=r"^crash$"):
        run(_die, "crash")
    assert capfd.readouterr() == ("", "")


def test_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "_SECONDS", 0.2)
    started = time.monotonic()
    with pytest.raises(UserError, match=r"^crash$"):
        run(lambda: time.sleep(60), "crash")
    assert time.monotonic() - started < 30


def test_interrupt_ends_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: int) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(isolated, "_read", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run(lambda: time.sleep(60), "crash")
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_crash_of_hdf5(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    """As some damaged files make it: it ends in the usual line."""
    path = small_model(tmp_path / f"m{suffix}")
    monkeypatch.setattr(hdf5_file, "_bytes", lambda _: _die())
    monkeypatch.setattr(hdf5_file._Walk, "group", lambda *_: _die())
    assert refused(path).endswith("truncated or damaged HDF5 file (reading it ends the process)")
