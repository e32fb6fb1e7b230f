"""The golden model: the meaning of the typed IR, in integers."""

from .model import GoldenModel

__all__ = ["GoldenModel"]
