"""Commands that break off: Ctrl-C at seeded times, no room for files or for output."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from lenetgen.codegen.cycles import measure
from lenetgen.sim.package import Options, write

from .small_networks import random_images, small_design

COMMAND = [sys.executable, "-m", "lenetgen"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": "", "NO_COLOR": "1"}
STARTED = "import sys; from lenetgen.cli.main import main; print('up', flush=True); main()"


def _interrupted(delay: float, *words: str) -> tuple[int, str]:
    """Run a command, send SIGINT ``delay`` seconds after its start; exit code, stderr."""
    process = subprocess.Popen(
        [sys.executable, "-c", STARTED, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    time.sleep(delay)
    os.killpg(process.pid, signal.SIGINT)  # like the terminal: to the tools it started as well
    _, error = process.communicate(timeout=120)
    return process.returncode, error


def _design(folder: Path) -> Path:
    design = small_design(seed=7)
    options = Options(precision="mixed", model="small.keras")
    write(design, measure(design), options, random_images(2, 1), folder)
    return folder


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".build" not in path.parts
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "part"),
    [
        *((name, part) for name in ("emit", "verify") for part in range(3)),
        *((name, 1) for name in ("train", "regress", "crosscheck", "fuzz")),
        *((name, 2) for name in ("train", "precision", "crosscheck", "certify", "prune", "qat")),
    ],
)
def test_ctrl_c(tmp_path: Path, seed: int, name: str, part: int) -> None:
    folder = _design(tmp_path / "design")
    words = {
        "emit": ["emit", "--out", str(folder)],
        "train": ["train", "lenet5", "--dataset", "digits", "--out", str(tmp_path / "m.keras")],
        "prune": ["prune", "lenet5", "--method", "structured", "--sparsity", "0.5"],
        "qat": ["qat", "lenet5"],
        "precision": ["precision", "--dump", str(tmp_path / "p.toml")],
        "verify": ["verify", str(folder)],
        "regress": ["regress", str(folder)],
        "crosscheck": ["crosscheck", str(folder)],
        "certify": ["certify", str(folder)],
        "fuzz": ["fuzz", "--out", str(folder / ".build" / "fuzz")],  # keeps what it has done
    }[name]
    if name in ("prune", "qat"):
        words += ["--dataset", "digits", "--out", str(tmp_path / "m.keras")]
    before = _files(folder)
    # Within a third of the first seconds each: while importing, reading, computing.
    delay = (part + random.Random(seed).random()) * 1.2
    code, error = _interrupted(delay, *words)
    assert "Traceback" not in error and "Exception ignored" not in error, error
    if code == 0:  # it was done before; nothing to see
        return
    assert code == 130, (code, error)
    assert error.rstrip().splitlines()[-1] == "lenetgen: interrupted"
    assert _files(folder) == before
    state = "m.keras.resume.npz"  # of a training that has come to its second epoch
    assert {path.name for path in tmp_path.iterdir()} - {state} == {"design"}


def _small_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))


@pytest.mark.slow
def test_files_may_not_grow(tmp_path: Path) -> None:
    """A real failing write: the weights' file is larger than the process may write."""
    folder = _design(tmp_path / "design")
    before = _files(folder)
    done = subprocess.run(
        [*COMMAND, "emit", "--out", str(folder)],
        capture_output=True,
        text=True,
        preexec_fn=_small_files,
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")},
    )
    assert done.returncode == 2
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith(f"lenetgen: --out {folder}: File too large")
    assert _files(folder) == before
    assert {path.name for path in tmp_path.iterdir()} <= {"design", "cache"}


@pytest.mark.slow
@pytest.mark.parametrize("words", [["emit", "--json"], ["--help"]], ids=lambda w: w[0])
def test_output_has_no_room(tmp_path: Path, words: list[str]) -> None:
    more = ["--out", str(tmp_path / "d")] if words[0] == "emit" else []
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*COMMAND, *words, *more], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 2
    assert done.stderr.strip() == "lenetgen: No space left on device"


@pytest.mark.slow
def test_dump_that_cant_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = "file/below"
    done = subprocess.run(
        [*COMMAND, "emit", "--out", str(tmp_path / "d"), "--dump-ir", str(tmp_path / folder)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert done.stderr.startswith(f"lenetgen: {tmp_path / folder}: ")
    assert not (tmp_path / "d").exists()
