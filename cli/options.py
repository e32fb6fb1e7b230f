"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Command = Callable[..., Any]
ALL = "all"


class ImageCount(click.ParamType["int | None"]):
    """How many images: a number, or ``all`` (None)."""

    name = "number or all"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | None:
        """The number; None for all."""
        return None if value == ALL else click.IntRange(min=1).convert(value, param, ctx)


def folder_and_images(default: int, *, whole: bool = False) -> Callable[[Command], Command]:
    """An emitted folder and the images to send through it: ``folder``, ``dataset``, ``images``.

    ``whole``: ``--images all`` is allowed, and ``images`` None then.
    """

    def decorate(command: Command) -> Command:
        count = click.option(
            "--images",
            type=ImageCount() if whole else click.IntRange(min=1),
            default=default,
            show_default=True,
            help=f"How many images, or as many as there are{'; all: the whole set' * whole}.",
        )
        source = click.option(
            "--dataset", help="A data set's name, or an .npy file of uint8 images."
        )
        folder = click.argument("folder", type=click.Path(path_type=Path))
        return folder(source(count(command)))

    return decorate
