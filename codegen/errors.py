"""The one exception a user's mistake raises; the command line turns it into one line and exit 2."""

from __future__ import annotations


class UserError(Exception):
    """Bad input, said in one line: what is wrong, where, and what is allowed."""
