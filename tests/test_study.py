"""Studies: rows kept, resumed, redone when what decides them changes; errors; the command."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from lenetgen.cli.recipe_options import Run, run_options
from lenetgen.cli.study import _seeds, command
from lenetgen.codegen.errors import UserError
from lenetgen.models.studies import STUDIES, study
from lenetgen.models.studies.rows import Chain, Options, Row, Store, Study
from lenetgen.models.studies.runner import Event, read, run
from lenetgen.models.threads import VARIABLES

TOY = """
import os, time
from pathlib import Path
from lenetgen.codegen.errors import UserError
from lenetgen.models.studies.rows import Chain, Place, Row, Study
from lenetgen.models.threads import VARIABLES

def trace(place, name):
    with (place.files / "trace.txt").open("a") as file:
        file.write(name + chr(10))

def base(place):
    trace(place, "base")
    (place.files / "base.bin").write_text("x")
    place.told(0.5)
    print("a library talks")
    return {"value": 3}

def double(place):
    trace(place, "double")
    if (place.files / "fail").exists():
        raise UserError("double: no luck")
    if (place.files / "crash").exists():
        raise RuntimeError("a bug")
    while (place.files / "hang").exists():
        time.sleep(0.05)
    return {"value": 2 * place.results["base"]["value"]}

def apart(place):
    trace(place, "apart")
    return {"value": 1, "threads": [os.environ[name] for name in VARIABLES]}

def chains(options):
    step = int(os.environ.get("TOY_STEP", "1"))
    return [
        Chain(f"c-{seed}", (
            Row("base", {"seed": seed, "step": step}, base, ("base.bin",), ()),
            Row("apart", {}, apart, needs=()),
            Row("double", {}, double, needs=("base",)),
        ))
        for seed in options.seeds
    ]

def report(content, folder):
    (folder / "figure.svg").write_text("<svg/>")
    values = ((row["chain"], row["row"], row["result"]["value"]) for row in content["rows"])
    return ["# toy", *(f"{chain} {row} {value}" for chain, row, value in values)]

STUDY = Study("toy", "A toy.", chains, report, seeds=(1, 2), datasets=("digits",))
"""


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Study]:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "toy_study.py").write_text(TOY)
    monkeypatch.syspath_prepend(tmp_path / "code")
    there = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(tmp_path / "code"), there])))
    monkeypatch.delitem(sys.modules, "toy_study", raising=False)
    import toy_study  # type: ignore[import-not-found]

    yield toy_study.STUDY
    sys.modules.pop("toy_study", None)


def _run(toy: Study, out: Path, *seeds: int, jobs: int = 2) -> tuple[list[str], dict[str, object]]:
    """States by row in order of the events, and study.json's content."""
    events: list[Event] = []
    content = run(toy, Options(seeds or (1, 2)), out, jobs, events.append)
    return [f"{e.chain} {e.row} {e.state}" for e in events], content


def _trace(out: Path, seed: int = 1) -> list[str]:
    return (out / "files" / f"c-{seed}" / "trace.txt").read_text().split()


def test_rows_are_computed_once(toy: Study, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first, content = _run(toy, out)
    assert [e for e in first if e.startswith("c-1")] == [
        "c-1 base begun",
        "c-1 base part",
        "c-1 base done",
        "c-1 apart begun",
        "c-1 apart done",
        "c-1 double begun",
        "c-1 double done",
    ]
    assert (out / "study.md").read_text() == (
        "# toy\nc-1 base 3\nc-1 apart 1\nc-1 double 6\nc-2 base 3\nc-2 apart 1\nc-2 double 6\n"
    )
    assert (out / "figure.svg").exists() and "a library talks" in (out / "log.txt").read_text()
    again, same = _run(toy, out)
    assert all(line.endswith("kept") for line in again) and len(again) == 6
    assert same == content == json.loads((out / "study.json").read_text()) == read(out, toy)
    more, _ = _run(toy, out, 1, 2, 3)
    assert next(line for line in more if line.startswith("c-3")) == "c-3 base begun"
    assert next(line for line in more if line.startswith("c-1")) == "c-1 base kept"
    assert _trace(out) == ["base", "apart", "double"]


def test_tensorflow_gets_its_threads_before_it_loads(
    toy: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, "7")
    content = run(toy, Options((1,), threads=3), tmp_path / "out", 1, lambda event: None)
    assert content["rows"][1]["result"]["threads"] == ["3", "3"]

    @click.command
    @run_options
    def fake(run: Run) -> None:
        click.echo(f"{run.threads} {[os.environ[name] for name in VARIABLES]}")

    said = CliRunner().invoke(fake, ["--threads", "2"])
    assert said.output == "2 ['2', '2']\n"


def test_what_a_row_needs_decides(
    toy: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    _run(toy, out, 1)
    monkeypatch.setenv("TOY_STEP", "2")  # base has other settings now
    _run(toy, out, 1)
    assert _trace(out) == ["base", "apart", "double", "base", "double"]
    (out / "files" / "c-1" / "base.bin").unlink()  # a model that later rows would read
    _run(toy, out, 1)
    assert _trace(out)[5:] == ["base", "double"]
    (out / "rows" / "c-1" / "double.json").write_text("{}")
    _run(toy, out, 1)
    assert _trace(out)[7:] == ["double"]
    (out / "rows" / "c-1" / "double.json").write_text("{")
    with pytest.raises(UserError, match=r"double\.json: not a row of a study"):
        _run(toy, out, 1)


def test_an_error_keeps_what_is_done(toy: Study, tmp_path: Path) -> None:
    out = tmp_path / "out"
    folder = out / "files" / "c-1"
    folder.mkdir(parents=True)
    (folder / "fail").touch()
    with pytest.raises(UserError, match=r"^c-1: double: no luck$"):
        _run(toy, out, 1)
    assert not (out / "study.json").exists()
    (folder / "fail").unlink()
    (folder / "crash").touch()
    with pytest.raises(UserError, match=r"c-1 ended with exit status 1; see .*log\.txt"):
        _run(toy, out, 1)
    assert "a bug" in (out / "log.txt").read_text()
    (folder / "crash").unlink()
    states, _ = _run(toy, out, 1)
    assert states[:2] == ["c-1 base kept", "c-1 apart kept"] and states[-1] == "c-1 double done"


def _at_work(out: Path) -> bool:
    """Whether a process was started for the folder and lives."""
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = line.read_bytes().decode(errors="replace")
            if "studies.worker" in words and str(out) in words:
                return True
    return False


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted_it_goes_on_at_its_row(toy: Study, tmp_path: Path, end: int) -> None:
    out = tmp_path / "out"
    folder = out / "files" / "c-1"
    folder.mkdir(parents=True)
    (folder / "hang").touch()
    program = (
        "import sys; from pathlib import Path; import toy_study\n"
        "from lenetgen.models.studies.rows import Options\n"
        "from lenetgen.models.studies.runner import run\n"
        "run(toy_study.STUDY, Options((1,)), Path(sys.argv[1]), 1, lambda event: None)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(out)], stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + 60
        trace = folder / "trace.txt"
        while not (trace.exists() and "double" in trace.read_text()):
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.05)
        with pytest.raises(UserError, match="another run of a study is at work"):
            _run(toy, out, 1)
        process.send_signal(end)
        process.communicate(timeout=60)
    while _at_work(out):
        assert time.monotonic() < deadline, "a child is still at work"
        time.sleep(0.2)
    assert not list(out.rglob(".write-*")) and not (out / "study.json").exists()
    (folder / "hang").unlink()
    states, _ = _run(toy, out, 1)
    assert states[0] == "c-1 base kept" and _trace(out).count("base") == 1


def test_refused_folders(toy: Study, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / ".study").write_text("lenet5")
    with pytest.raises(UserError, match="holds the study lenet5; name another folder"):
        _run(toy, out)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file"):
        _run(toy, tmp_path / "file")
    with pytest.raises(UserError, match=r"study\.json: not a finished study"):
        read(tmp_path, toy)
    (tmp_path / "study.json").write_text('{"study": "other"}')
    with pytest.raises(UserError, match="not of the study toy"):
        read(tmp_path, toy)


@pytest.mark.parametrize(
    "rows",
    [
        (Row("a", {}, lambda place: {}), Row("a", {}, lambda place: {})),
        (Row("a", {}, lambda place: {}, needs=("b",)), Row("b", {}, lambda place: {})),
    ],
)
def test_chains_are_sound(rows: tuple[Row, ...]) -> None:
    with pytest.raises(ValueError, match="a"):
        Chain("c", rows)


def test_every_study_is_sound() -> None:
    for name in STUDIES:
        found = study(name)
        assert found.name == name
        for options in (Options(found.seeds), Options(found.seeds, full=True, synth=True)):
            chains = found.chains(options)
            assert len({chain.name for chain in chains}) == len(chains) > 0
            for chain in chains:
                for row in chain.rows:
                    json.dumps(dict(row.settings))


def test_a_row_of_other_settings_does_not_count(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write("c", Row("a", {"x": (1, 2)}, lambda place: {}), {"value": 1}, 0.5)
    assert store.read("c", Row("a", {"x": [1, 2]}, lambda place: {})) is not None
    assert store.read("c", Row("a", {"x": [1, 3]}, lambda place: {})) is None
    assert store.read("c", Row("b", {}, lambda place: {})) is None


@pytest.mark.parametrize(
    ("text", "seeds"), [("3", (3,)), ("1-3,2,7", (1, 2, 3, 7)), (None, None), (" 4 , 5", (4, 5))]
)
def test_seeds(text: str | None, seeds: tuple[int, ...] | None) -> None:
    assert _seeds(text) == seeds


@pytest.mark.parametrize("text", ["", "a", "3-1", "1-", "-1", "4294967296", "1-2000", "1,,2"])
def test_wrong_seeds(text: str) -> None:
    with pytest.raises(UserError, match="--seeds"):
        _seeds(text)


def test_the_command_says_what_there_is(tmp_path: Path) -> None:
    shown = CliRunner().invoke(command, ["lenet"])
    assert isinstance(shown.exception, UserError)
    assert str(shown.exception).startswith("no study 'lenet'; there are: lenet5")
    missing = CliRunner().invoke(
        command, ["lenet5", "--data", str(tmp_path), "--out", str(tmp_path / "o")]
    )
    assert isinstance(missing.exception, UserError | SystemExit)
    assert not (tmp_path / "o").exists()
