"""Run cocotb's own runner in a process of its own; used by :mod:`lenetgen.sim.verilator` only.

cocotb's runner takes its environment from this process, ends it with ``sys.exit`` and behaves
differently under pytest; in a child all that is contained. Argument: the keywords of
``cocotb_tools.runner.Runner.test`` as JSON.
"""

from __future__ import annotations

import json
import sys


def main() -> None:
    """Run the simulation described by the first command-line argument."""
    from cocotb_tools.runner import get_runner

    get_runner("verilator").test(**json.loads(sys.argv[1]))


if __name__ == "__main__":
    main()
