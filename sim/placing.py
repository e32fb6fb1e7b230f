"""Put a new folder in the place of an old one: as a whole or not at all, whatever interrupts.

Output goes to a scratch folder beside the target, which then takes the target's name. Interrupts
(Ctrl-C, termination) wait while names change; other processes that place the same folder wait too.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold back SIGINT and SIGTERM while the block runs; they act at its end.

    Only in the main thread, the one Python runs signal handlers in; elsewhere it does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught: list[tuple[int, FrameType | None]] = []
    kept = {number: signal.getsignal(number) for number in _SIGNALS}
    for number in _SIGNALS:
        signal.signal(number, lambda number, frame: caught.append((number, frame)))
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
    if caught:
        signal.raise_signal(caught[0][0])


@contextlib.contextmanager
def scratch_for(target: Path) -> Iterator[Path]:
    """Yield an empty folder beside ``target``; remove it at the end if it is still there.

    Missing parents are made, and removed again if nothing was put in them. ``OSError`` if that
    can't be done.
    """
    made: list[Path] = []
    scratch: Path | None = None
    try:
        with uninterrupted():
            _make_parents(target.parent, made)
            scratch = Path(tempfile.mkdtemp(prefix=f".{target.name[:100]}.", dir=target.parent))
            scratch.chmod(0o777 & ~_umask())
        yield scratch
    finally:
        with uninterrupted():
            if scratch is not None:
                shutil.rmtree(scratch, ignore_errors=True)
            for folder in reversed(made):
                with contextlib.suppress(OSError):  # not empty: it holds the result
                    folder.rmdir()


def replace(scratch: Path, target: Path, check: Callable[[], None], keep: str) -> None:
    """Give ``scratch`` the name ``target``; an old folder of that name is removed.

    ``check`` runs when nobody else can place anything here; an exception of it changes nothing.
    The old folder's member ``keep`` moves over. ``OSError`` if it fails; the old folder is back
    then.
    """
    with uninterrupted(), alone_in(target.parent):
        check()
        if not target.exists():
            os.rename(scratch, target)
            return
        old = Path(tempfile.mkdtemp(prefix=f".{target.name[:100]}.old.", dir=target.parent))
        try:
            os.rename(target, old / "design")
            try:
                os.rename(scratch, target)
            except OSError:
                os.rename(old / "design", target)
                raise
            with contextlib.suppress(OSError):  # can be made again
                os.rename(old / "design" / keep, target / keep)
        finally:
            shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Wait until no other process holds this folder; the lock leaves no file behind."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        # File systems without locks (some of networks) say so: then the renames alone must do.
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _make_parents(folder: Path, made: list[Path]) -> None:
    """Make ``folder`` and its missing parents, the outermost first; note the new ones."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        try:
            path.mkdir()
        except FileExistsError:  # another process was faster
            continue
        made.append(path)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
