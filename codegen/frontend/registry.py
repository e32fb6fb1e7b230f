"""All handlers by Keras class name. A new family: a file with ``HANDLERS``, and a line here."""

from __future__ import annotations

from . import activation, conv, dense, normalize, pool, reshape
from .layer import Handler

HANDLERS: dict[str, Handler] = {
    **conv.HANDLERS,
    **dense.HANDLERS,
    **pool.HANDLERS,
    **activation.HANDLERS,
    **normalize.HANDLERS,
    **reshape.HANDLERS,
}

SUPPORTED = frozenset(HANDLERS) | {"InputLayer"}  # InputLayer only gives the shape
