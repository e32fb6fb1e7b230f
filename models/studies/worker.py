"""One chain of a study, in a process of its own: ``runner.py`` starts it and reads its lines.

The argument is JSON (the study's module, options, chain, out); each line of standard output is an
event, or ``{"error": ...}``. Libraries that print go to standard error, which is the log.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any, TextIO

from ...codegen.errors import UserError
from ..threads import limit_threads
from .rows import Chain, Options, Place, Result, Store


def work(chain: Chain, options: Options, out: Path, line: TextIO) -> None:
    """Run the rows of ``chain`` that are missing under ``out``; events go to ``line``."""
    store = Store(out)
    results: dict[str, Result] = {}
    fresh: set[str] = set()
    files = store.files(chain.name)
    files.mkdir(parents=True, exist_ok=True)

    def say(row: str, state: str, done: float = 0.0) -> None:
        news = {"chain": chain.name, "row": row, "state": state, "done": round(done, 3)}
        print(json.dumps(news), file=line, flush=True)

    for row in chain.rows:
        stale = fresh if row.needs is None else fresh & set(row.needs)
        found = None if stale else store.read(chain.name, row)
        if found is not None:
            results[row.name] = found["result"]
            say(row.name, "kept")
            continue
        fresh.add(row.name)
        say(row.name, "begun")
        place = Place(files, options, results, functools.partial(say, row.name, "part"))
        started = time.perf_counter()
        result = row.work(place)
        store.write(chain.name, row, result, time.perf_counter() - started)
        results[row.name] = json.loads(json.dumps(result))
        say(row.name, "done")


def _end_with(parent: int) -> None:
    """Leave when the process that started this one is gone, however it went."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _main() -> int:
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    line = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print must not look like an event
    task: dict[str, Any] = json.loads(sys.argv[1])
    options = Options(**{**task["options"], "seeds": tuple(task["options"]["seeds"])})
    limit_threads(options.threads)
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    os.environ["OPENBLAS_NUM_THREADS"] = str(options.threads)
    try:
        chains = importlib.import_module(task["module"]).STUDY.chains(options)
        chain = next(chain for chain in chains if chain.name == task["chain"])
        work(chain, options, Path(task["out"]), line)
    except UserError as error:
        print(json.dumps({"error": f"{task['chain']}: {error}"}), file=line, flush=True)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(_main())
