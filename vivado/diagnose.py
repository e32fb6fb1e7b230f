"""What went wrong, in one line, from the log of a tool.

Input: the text of a log. Output: the first error and, where it is one that many users meet, what to
do about it. The wordings are those of public logs of Vivado 2018 to 2024.
"""

from __future__ import annotations

import re

# Pattern in an error line (or, with no error line, anywhere), and what it means.
KNOWN: tuple[tuple[str, str], ...] = (
    (
        r"(?i)licen[cs]e (?:was )?not found|licen[cs]e check(?:-?out)? failed|"
        r"Common 17-345|valid licen[cs]e",
        "no licence: set XILINXD_LICENSE_FILE, or use the free edition, which knows the XC7Z020",
    ),
    (
        r"(?i)no part '[^']*' installed|part '[^']*' (?:is )?not (?:found|valid)",
        "the device is not installed: add Zynq-7000 in Vivado's installer",
    ),
    (r"is too old", "install a newer Vivado, or put another one first on PATH"),
    (
        r"has no IP '|IP definition .* not found|BD 5-390",
        "the IP catalog is incomplete: the installation may be damaged or a slim one",
    ),
    (r"(?i)no space left|disk (?:is )?full", "the disk is full"),
    (r"(?i)permission denied|read-only file system|Common 17-210", "the folder can't be written"),
    (r"(?i)bad_alloc|out of memory|cannot allocate|Killed$", "out of memory: try fewer --jobs"),
    (r"Synth 8-4445", "a memory file is missing: emit the design again"),
    (r"Place 30-640|over-?utilized|Place 30-484", "the design does not fit: see lenetgen estimate"),
    (r"missing file: ", "emit the design again"),
)


def first_error(text: str) -> str:
    """Return the first ``ERROR`` line of a log, or its last line, or a word that it is empty."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for line in lines:
        if re.match(r"ERROR\b", line):
            return line
    return lines[-1] if lines else "no output"


def diagnose(text: str) -> str:
    """The first error of a log, with advice where the error is a known one."""
    error = first_error(text)
    errors = [line for line in text.splitlines() if re.match(r"\s*ERROR\b", line)] or [text]
    for pattern, advice in KNOWN:
        for line in errors:
            if re.search(pattern, line, re.MULTILINE):
                shown = line.strip() if len(errors) > 1 or line is not text else error
                return f"{shown} ({advice})"
    return error
