"""All handlers by Keras class name. A new family: a file with ``HANDLERS``, and a line here."""

from __future__ import annotations

from typing import Any

from . import activation, conv, dense, normalize, pool, quantized, reshape
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
QUANTIZED = frozenset(quantized.HANDLERS)  # HGQ2's


def handler_for(layer: Any) -> Handler | None:
    """Return the handler of a Keras layer; None for layers of others, whatever their name."""
    kind = type(layer)
    package = str(kind.__module__).split(".")[0]
    handlers = {"keras": HANDLERS, "hgq": quantized.HANDLERS}.get(package, {})
    return handlers.get(kind.__name__)
