"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Command = Callable[..., Any]


def folder_and_images(default: int) -> Callable[[Command], Command]:
    """An emitted folder and the images to send through it: ``folder``, ``dataset``, ``images``."""

    def decorate(command: Command) -> Command:
        count = click.option(
            "--images",
            type=click.IntRange(min=1),
            default=default,
            show_default=True,
            help="How many images, or as many as there are.",
        )
        source = click.option(
            "--dataset", help="A data set's name, or an .npy file of uint8 images."
        )
        folder = click.argument("folder", type=click.Path(path_type=Path))
        return folder(source(count(command)))

    return decorate
