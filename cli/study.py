"""``lenetgen study``: run a study of trained networks row by row, resumable, with figures."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress, TaskID

from ..codegen.errors import UserError
from ..models.studies import STUDIES, study
from ..models.studies.rows import Options
from ..models.studies.runner import Event, read, render, run


def _seeds(text: str | None) -> tuple[int, ...] | None:
    """``1,2,5`` or ``1-5``; None for None."""
    if text is None:
        return None
    found: list[int] = []
    for part in text.split(","):
        low, dash, high = part.strip().partition("-")
        if not low.isdecimal() or (dash and not high.isdecimal()):
            raise UserError(f"--seeds {text!r}: whole numbers such as 1,2,3 or 1-5")
        first, last = int(low), int(high or low)
        if last < first or last >= 2**32 or last - first >= 1000:
            raise UserError(f"--seeds {text!r}: a range rises, ends below 4294967296, at most 1000")
        found += range(first, last + 1)
    return tuple(dict.fromkeys(found))


@click.command(name="study", context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("name", metavar=f"[{'|'.join(STUDIES)}]")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder for rows, models, figures and study.json.  [runs/study-NAME]",
)
@click.option("--seeds", "seeds", help="Such as 1-5 or 42.  [the study's own]")
@click.option("--data", type=click.Path(path_type=Path), help="Folder that holds the data sets.")
@click.option("--full", is_flag=True, help="All images and epochs where the study takes a part.")
@click.option("--synth", is_flag=True, help="Measure resources with Yosys too, minutes a row.")
@click.option(
    "--jobs", type=click.IntRange(min=1), help="Chains of rows side by side.  [one a core]"
)
@click.option("--render", "only_render", is_flag=True, help="Only write the report anew.")
@click.option("--json", "as_json", is_flag=True, help="Print study.json and nothing else.")
def command(
    name: str,
    out: Path | None,
    seeds: str | None,
    data: Path | None,
    full: bool,
    synth: bool,
    jobs: int | None,
    only_render: bool,
    as_json: bool,
) -> None:
    """Run the study NAME: train, quantize, measure every row, then write tables and figures.

    Finished rows are kept in the folder: an interrupted study goes on at the row it was in, and
    more seeds add rows. study.md is the report, study.json everything in it.

    Example: lenetgen study lenet5 --seeds 42 --out results/lenet5
    """
    found = study(name)
    folder = out or Path("runs") / f"study-{name}"
    if only_render:
        content = read(folder, found)
        render(found, content, folder)
    else:
        cores = os.cpu_count() or 1
        count = min(jobs or cores, cores) if jobs is None else jobs
        options = Options(
            seeds=_seeds(seeds) or found.seeds,
            data=None if data is None else str(data.resolve()),
            full=full,
            synth=synth,
            threads=max(1, cores // count),
        )
        with _Report(as_json) as report:
            content = run(found, options, folder, count, report.told)
    if as_json:
        click.echo(json.dumps(content, indent=2))
    else:
        click.echo(
            f"{folder / 'study.md'}: {len(content['rows'])} rows, computed in "
            f"{content['seconds'] / 60:.1f} minutes (sum over rows)"
        )


class _Report:
    """A bar per row at work; a line per row that has ended."""

    def __init__(self, silent: bool) -> None:
        self._bar = Progress(console=Console(stderr=True), disable=silent)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> _Report:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def told(self, event: Event) -> None:
        """Show what is new of a row."""
        name = f"{event.chain}: {event.row}"
        if event.state == "begun":
            self._tasks[name] = self._bar.add_task(name, total=1)
        elif event.state == "part" and name in self._tasks:
            self._bar.update(self._tasks[name], completed=event.done)
        elif event.state in ("done", "kept"):
            task = self._tasks.pop(name, None)
            if task is not None:
                self._bar.remove_task(task)
            self._bar.console.print(f"{name}: {event.state}", markup=False, highlight=False)
