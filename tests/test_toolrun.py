"""Outside tools: those of a broken-off pool end at once."""

from __future__ import annotations

import threading
import time

from lenetgen.sim.toolrun import Stopped, run_tool, stopping


def test_stopping_ends_the_tools_of_every_thread() -> None:
    found: list[BaseException] = []

    def work() -> None:
        for _ in range(2):
            try:
                run_tool(["sleep", "60"])
            except Stopped as stop:
                found.append(stop)

    thread = threading.Thread(target=work)
    started = time.monotonic()
    thread.start()
    time.sleep(0.3)
    with stopping():
        thread.join(10)
    assert not thread.is_alive() and time.monotonic() - started < 10
    assert len(found) == 2  # the one at work, and the one that wanted to begin
    assert "ok" in run_tool(["echo", "ok"])
