"""What a ``--precision`` value may say: a name, then options behind colons.

Input: the text a user wrote; output: a ``Choice``. It reads no file and chooses no type.

    q8.8 | q6.6 | q4.4 | mixed [:rescaled] [:METHOD] [:corrected]
    FILE.toml                  [:rescaled] [:METHOD] [:corrected]
    auto [:BITS]                           [:METHOD] [:corrected]
    model

BITS: ``6``, or ``w4a8`` for weights and results; METHOD: ``min-max``, ``percentile``,
``percentile=99.99`` or ``mse``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from .binary_point import Method
from .errors import UserError
from .precision import AUTO, AUTO_BITS, OWN, PRESETS, Bits

DEFAULT_PERCENTILE = "99.9"
MIN_BITS, MAX_BITS = 2, 16
_BITS = re.compile(r"(\d{1,3})|w(\d{1,3})a(\d{1,3})")
_PERCENTILE = re.compile(r"percentile(?:=(\d{1,3}(?:\.\d{1,9})?))?")
_METHODS = f"min-max, percentile, percentile={DEFAULT_PERCENTILE}, mse"


@dataclass(frozen=True)
class Choice:
    """A ``--precision`` value, read.

    ``base``: a preset's name, ``auto``, ``model``, or the path of a TOML file. ``method`` None: not
    asked for, which is ``min-max``. ``rescaled``: every layer's weights and biases get the binary
    point that fits them. ``corrected``: the biases make up for the mean error of their channels.
    """

    base: str
    bits: Bits = AUTO_BITS
    method: Method | None = None
    rescaled: bool = False
    corrected: bool = False

    @property
    def file(self) -> Path | None:
        """The TOML file, if it is one."""
        return Path(self.base) if self.base.endswith(".toml") else None

    @property
    def points(self) -> Method:
        """The rule that sets binary points."""
        return self.method or Method.MIN_MAX

    @property
    def needs_images(self) -> bool:
        """Whether calibration images decide about it."""
        return self.base == AUTO or self.corrected

    @property
    def label(self) -> str:
        """Its name in reports: a file by its stem, options in one order, defaults left out."""
        return self.named(self.base if self.file is None else self.file.stem)

    def named(self, name: str) -> str:
        """``name`` and the options."""
        parts = [name]
        if self.bits != AUTO_BITS:
            parts.append(str(self.bits))
        if self.rescaled:
            parts.append("rescaled")
        if self.points.name == "percentile":
            share = f"{float(self.points.percentile):.9f}".rstrip("0").rstrip(".")
            parts.append("percentile" + ("" if share == DEFAULT_PERCENTILE else f"={share}"))
        elif self.points != Method.MIN_MAX:
            parts.append(self.points.name)
        return ":".join(parts + ["corrected"] * self.corrected)

    @property
    def file_label(self) -> str:
        """``label`` as a part of a file's name."""
        return re.sub("[:=]", "-", self.label)


def parse_choice(text: str) -> Choice:
    """Read a ``--precision`` value; ``UserError`` names the part and what is allowed."""
    head, options = _split(text)
    allowed = _allowed(head, text)
    choice = Choice(head)
    said: set[str] = set()
    for option in options:
        kind, choice = _with(choice, option, text, allowed)
        if kind in said:
            raise UserError(f"--precision {text!r}: {kind} is given twice")
        said.add(kind)
    if "method" in said and head != AUTO and not choice.rescaled:
        raise UserError(
            f"--precision {text!r}: a calibration method needs binary points to choose: add "
            ":rescaled"
        )
    return choice


def _split(text: str) -> tuple[str, list[str]]:
    """The name and the options; a file's path may hold colons."""
    if match := re.fullmatch(r"(.*\.toml)((?::[^:]*)*)", text, re.DOTALL):
        return match[1], match[2].split(":")[1:]
    head, *options = text.split(":")
    return head, options


def _allowed(head: str, text: str) -> tuple[str, ...]:
    """The kinds of options ``head`` takes."""
    if head == OWN:
        return ()
    if head == AUTO:
        return ("bits", "method", "corrected")
    if head in PRESETS or head.endswith(".toml"):
        return ("rescaled", "method", "corrected")
    raise UserError(
        f"--precision {text!r}: choose one of {', '.join((*PRESETS, OWN))}, or a file ending in "
        ".toml"
    )


def _with(choice: Choice, option: str, text: str, allowed: tuple[str, ...]) -> tuple[str, Choice]:
    """The kind of an option, and ``choice`` with it."""
    if "bits" in allowed and (match := _BITS.fullmatch(option)):
        weight, result = (int(group or match[1]) for group in (match[2], match[3]))
        if not MIN_BITS <= min(weight, result) <= max(weight, result) <= MAX_BITS:
            raise UserError(
                f"--precision {text!r}: {option!r}: allowed are {MIN_BITS} to {MAX_BITS} bits"
            )
        return "bits", replace(choice, bits=Bits(weight, result))
    if "method" in allowed and option in ("min-max", "mse"):
        return "method", replace(choice, method=Method(option))
    if "method" in allowed and (match := _PERCENTILE.fullmatch(option)):
        share = Fraction(match[1] or DEFAULT_PERCENTILE)
        if not 50 <= share <= 100:
            raise UserError(f"--precision {text!r}: {option!r}: allowed are 50 to 100")
        return "method", replace(choice, method=Method("percentile", share))
    if option == "rescaled" and option in allowed:
        return option, replace(choice, rescaled=True)
    if option == "corrected" and option in allowed:
        return option, replace(choice, corrected=True)
    kinds = {"bits": f"bits such as 6 or w4a8 ({MIN_BITS}..{MAX_BITS})", "method": _METHODS}
    listed = ", ".join(kinds.get(kind, kind) for kind in allowed)
    raise UserError(
        f"--precision {text!r}: {option!r} is no option of {choice.base}; allowed behind a colon: "
        f"{listed or 'none'}"
    )
