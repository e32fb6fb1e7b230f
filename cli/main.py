"""The ``lenetgen`` command: commands imported lazily, user errors as one line and exit code 2."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

import click

from .. import __version__
from ..codegen.errors import UserError
from ..sim.toolrun import ToolError

# name: (module under lenetgen.cli, one-line help). A module is imported only when its command runs.
COMMANDS: dict[str, tuple[str, str]] = {
    "emit": ("emit", "Write HLS C++, Verilog, benches and Vivado scripts for a model."),
    "verify": ("verify", "Compare golden model, C++ and RTL, integer by integer."),
    "regress": ("regress", "Run the co-simulation regression of an emitted folder."),
    "certify": ("certify", "Drive every sum to its bound, through golden model, C++ and RTL."),
    "crosscheck": ("crosscheck", "Compare every layer with hls4ml's C++ for the same network."),
    "fuzz": ("fuzz", "Compare golden model, C++ and RTL on random networks."),
    "train": ("train", "Train a network of the zoo."),
    "prune": ("prune", "Remove weights, filters or neurons of a trained model."),
    "qat": ("qat", "Train a model with quantizers: given or learned types."),
    "study": ("study", "Run a study: trained networks, measured row by row."),
    "evaluate": ("evaluate", "Measure accuracies on the integers of the hardware."),
    "sensitivity": ("sensitivity", "Tell which layer's types cost how much accuracy."),
    "precision": ("precision", "Show or write the per-layer types of a model."),
    "estimate": ("estimate", "Estimate cycles and resources per layer, in seconds."),
    "synth": ("synth", "Measure resources and logic delays with Yosys."),
    "vivado": ("vivado", "Build with Vivado or Vitis HLS, and read their reports."),
    "cosim": ("cosim", "Run the cocotb bench, on Vitis HLS' Verilog too."),
    "package": ("package", "Write a zip for a PYNQ board: driver, notebook, vectors, bitstream."),
}


class _Group(click.Group):
    """Import a command's module when it is asked for, so that ``--help`` stays fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"..{COMMANDS[cmd_name][0]}", __name__)
        command = module.command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lenetgen")
def cli() -> None:
    """Turn a trained Keras CNN into HLS C++ and Verilog for the Zynq-7020, proven bit-exact.

    Example: lenetgen emit --precision mixed --out build/lenet5-mixed
    """


def main(argv: list[str] | None = None) -> NoReturn:
    """Run the command line; exit 0 on success, 1 on a found difference, 2 on bad input or tools.

    130 after Ctrl-C. An outside tool that fails shows the end of its output and where its log is.
    """
    if argv is None and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    try:
        result = cli.main(args=argv, prog_name="lenetgen", standalone_mode=False)
        sys.stdout.flush()  # a full disk or a closed pipe shows here, not after the end
        sys.exit(result if isinstance(result, int) else 0)
    except (UserError, ToolError) as error:
        click.echo(f"lenetgen: {error}", err=True)
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except MemoryError:
        click.echo("lenetgen: out of memory", err=True)
        sys.exit(2)
    except OSError as error:  # a file, folder or pipe that no command expected to fail
        where = f"{os.fsdecode(error.filename)}: " if error.filename else ""
        _drop_output()
        click.echo(f"lenetgen: {where}{error.strerror or error}", err=True)
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt, Exception) as error:
        if not (_interrupted or isinstance(error, click.Abort | KeyboardInterrupt)):
            raise
        click.echo("lenetgen: interrupted", err=True)
        sys.exit(130)
    finally:
        if argv is None:  # all is said: a late Ctrl-C must not turn the result into a signal
            signal.signal(signal.SIGINT, signal.SIG_IGN)


_interrupted: list[int] = []  # signals of Ctrl-C so far


def _interrupt(number: int, _: FrameType | None) -> NoReturn:
    """Remember Ctrl-C: C code makes errors of its own of a KeyboardInterrupt, and prints them."""
    _interrupted.append(number)
    sys.excepthook = sys.unraisablehook = _silent
    raise KeyboardInterrupt


def _silent(*_: object) -> None:
    """Print nothing."""


def _drop_output() -> None:
    """Let what can't be printed vanish; Python would try again at its end, and complain."""
    try:
        sys.stdout.flush()
    except OSError:
        with contextlib.suppress(OSError, ValueError):  # ValueError: no real file, as in tests
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
