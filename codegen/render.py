"""The one Jinja2 environment and the one way generated files are written.

Input: a template name under ``templates/`` and a context; output: text, or a file whose bytes
depend on the input only. It decides nothing about hardware.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def tcl_quote(text: object) -> str:
    """Return ``text`` as one Tcl word that is read literally."""
    word = str(text)
    if re.fullmatch(r"[A-Za-z0-9_./:=+,-]+", word):
        return word
    return '"' + re.sub(r'(["\\$\[\]{};])', r"\\\1", word).replace("\n", "\\n") + '"'


def identifier(text: str) -> str:
    """Return ``text`` if it is a plain C and Verilog identifier; ``ValueError`` otherwise."""
    if not _IDENTIFIER.fullmatch(text):
        raise ValueError(f"not an identifier: {text!r}")
    return text


@functools.cache
def environment() -> jinja2.Environment:
    """Return the environment all templates are rendered with; a misspelt variable is an error."""
    env = jinja2.Environment(
        loader=jinja2.PackageLoader("lenetgen", "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # the output is code, not HTML; names are validated identifiers
    )
    env.filters["tcl_quote"] = tcl_quote
    env.filters["identifier"] = identifier
    return env


def render(template: str, context: Mapping[str, Any]) -> str:
    """Render ``templates/<template>`` with ``context``."""
    return environment().get_template(template).render(context)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8 with Unix line ends, creating the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8"))


def to_json(value: object) -> str:
    """Return ``value`` as indented JSON with a final newline; equal values give equal text."""
    return json.dumps(value, indent=2, sort_keys=False, ensure_ascii=True) + "\n"
