"""Emits that break off: full disk at any write, Ctrl-C at any time, another emit beside."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from lenetgen.codegen.cycles import measure
from lenetgen.codegen.errors import UserError
from lenetgen.sim import package, placing
from lenetgen.sim.package import Options, load, write

from .small_networks import random_images, small_design

WORKER = Path(__file__).parent / "emit_worker.py"
OPTIONS = Options(precision="mixed", model="small.keras", clock_ns=10.0)


def _worker(*words: object) -> list[str]:
    return [sys.executable, str(WORKER), *map(str, words)]


class _Breaks:
    """Counts calls that write, and raises or interrupts at the n-th."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls, self.at, self.act = 0, 0, lambda: None
        for owner, name in (
            (Path, "write_bytes"),
            (Path, "mkdir"),
            (os, "rename"),
            (placing.tempfile, "mkdtemp"),
        ):
            monkeypatch.setattr(owner, name, self._counted(getattr(owner, name)))

    def _counted(self, original: Callable[..., object]) -> Callable[..., object]:
        def call(*words: object, **options: object) -> object:
            self.calls += 1
            if self.calls == self.at:
                self.act()
            return original(*words, **options)

        return call

    def at_call(self, number: int, act: Callable[[], None]) -> None:
        self.calls, self.at, self.act = 0, number, act


def _full() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def _state(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("kind", ["full", "interrupt"])
def test_break_at_every_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(package.audit, "check", lambda *_: None)  # slow, and writes nothing here
    old, new = small_design(seed=7), small_design(seed=8)
    timing, images = measure(old), random_images(2, 1)
    out, other = tmp_path / "made" / "a", tmp_path / "b"
    write(old, timing, OPTIONS, images, out)
    (out / ".build").mkdir()
    (out / ".build" / "kept").write_text("x")
    write(new, timing, OPTIONS, images, other)
    before = _state(out)
    after = {**_state(other), ".build/kept": b"x"}
    assert before.keys() == after.keys() and before != after

    act, error = (_full, UserError) if kind == "full" else (_ctrl_c, KeyboardInterrupt)
    breaks = _Breaks(monkeypatch)
    broken = changed = 0
    for number in range(1, 1000):
        breaks.at_call(number, act)
        try:
            write(new, timing, OPTIONS, images, out)
        except error as caught:
            broken += 1
            if kind == "full":
                assert "No space left on device" in str(caught) and "\n" not in str(caught)
        if breaks.calls < number:
            break
        assert [path.name for path in out.parent.iterdir()] == ["a"]
        state = _state(out)
        if state != before:
            # Ctrl-C during the last renames waits for them; only the move of .build may fail.
            missing_cache = {k: v for k, v in after.items() if not k.startswith(".build")}
            assert state == after or (kind == "full" and state == missing_cache)
            changed += 1
            breaks.at_call(0, act)
            (out / ".build").mkdir(exist_ok=True)
            (out / ".build" / "kept").write_text("x")
            write(old, timing, OPTIONS, images, out)
            (out / ".build" / "kept").write_text("x")
            assert _state(out) == before
    assert broken > 40
    assert changed <= 4


@pytest.mark.parametrize("act", [_full, _ctrl_c], ids=["full", "interrupt"])
def test_broken_first_emit_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]
) -> None:
    design = small_design(seed=7)
    breaks = _Breaks(monkeypatch)
    for number in (1, 2, 3, 9):
        breaks.at_call(number, act)
        with pytest.raises((UserError, KeyboardInterrupt)):
            write(design, measure(design), OPTIONS, random_images(2, 1), tmp_path / "x" / "y" / "a")
        assert list(tmp_path.iterdir()) == []


def test_ctrl_c_at_any_time(tmp_path: Path, seed: int) -> None:
    (tmp_path / "only").mkdir()
    done = subprocess.run(
        _worker(tmp_path / "only" / "a", seed % 1000, 25, "interrupt"),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    word, hit = done.stdout.split()
    assert word == "done" and int(hit) > 8


@pytest.mark.parametrize(("mode", "rounds"), [("race", 8), ("replace", 400)])
def test_two_emits_into_one_folder(tmp_path: Path, mode: str, rounds: int) -> None:
    out = tmp_path / "a"
    workers = [
        subprocess.Popen(
            _worker(out, which, rounds, mode), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for which in (0, 1)
    ]
    texts = [worker.communicate(timeout=300)[0].decode() for worker in workers]
    assert texts == ["done 0\n", "done 0\n"]
    assert [worker.returncode for worker in workers] == [0, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    if mode == "race":
        assert load(out).model in ("number7", "number15")  # the last of either, whole
    else:
        assert [path.name for path in out.iterdir()] in (["0"], ["1"])


def test_signals_wait_and_then_act() -> None:
    reached = False
    with pytest.raises(KeyboardInterrupt), placing.uninterrupted():
        _ctrl_c()
        reached = True
    assert reached
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
