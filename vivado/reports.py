"""Reads the reports that Vivado writes: utilization, timing, power, design rules.

Input: the text of a ``.rpt`` file of Vivado 2018 to 2025. Output: numbers. The layouts differ
little: "Prohibited" is a new column of the utilization tables, "Checks" a new word for "Violations"
of rules; columns are therefore found by their titles. What a report lacks is an error, never zero.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from ..codegen.errors import UserError

T = TypeVar("T")


class ReportError(ValueError):
    """The text is not the report it should be; the message says what is missing."""


@dataclass(frozen=True)
class Header:
    """Who made a report, of what."""

    version: str  # 2020.2
    design: str
    device: str
    state: str  # "Fully Placed", "routed", ...; "" where the report does not say it


@dataclass(frozen=True)
class Utilization:
    """Cells used, as many as the device has of them. Block RAMs of 36 Kbit; halves are 18 Kbit."""

    lut: int
    lut_logic: int
    lut_memory: int
    ff: int
    bram36: float
    dsp: int
    available: dict[str, float]  # lut, ff, bram36, dsp


@dataclass(frozen=True)
class Timing:
    """The design timing summary: slacks in ns, numbers of endpoints that fail.

    ``whs`` and ``hold_failing`` are None where only setup was analysed, ``wns`` is None for a
    design without a timed path.
    """

    wns: float | None
    tns: float
    failing: int
    endpoints: int
    whs: float | None
    hold_failing: int | None
    pulse_failing: int | None
    unclocked: int  # register pins without a clock: what is not analysed at all
    clocks: dict[str, float]  # name -> period in ns
    met: bool


@dataclass(frozen=True)
class Power:
    """Estimated power in W and the junction temperature in degrees Celsius."""

    total: float
    dynamic: float
    static: float
    junction: float
    confidence: str


@dataclass(frozen=True)
class Rules:
    """Violations of design rules by severity, and by rule."""

    total: int
    severities: dict[str, int]
    rules: dict[str, int]

    @property
    def errors(self) -> int:
        """Violations that stop a bitstream or are about to."""
        return sum(self.severities.get(name, 0) for name in ("Error", "Critical Warning"))


def header(text: str) -> Header:
    """Read the lines at a report's top."""
    fields = dict(re.findall(r"^\| ([A-Z][\w ]*?) *: (.*?) *$", text, re.MULTILINE))
    version = re.search(r"Vivado v\.(\d{4}\.\d)", fields.get("Tool Version", ""))
    if version is None:
        raise ReportError("no line '| Tool Version : Vivado v.'")
    return Header(
        version[1],
        fields.get("Design", ""),
        fields.get("Device", ""),
        fields.get("Design State", ""),
    )


def tables(text: str) -> Iterator[list[list[str]]]:
    """The tables of a report, each a list of rows of cells; the first row holds the titles."""
    rows: list[list[str]] = []
    for line in [*text.splitlines(), ""]:
        if line.startswith("|") and line.rstrip().endswith("|"):
            rows.append([cell.strip() for cell in line.strip().strip("|").split("|")])
        elif not line.startswith("+") and rows:
            yield rows
            rows = []


def utilization(text: str) -> Utilization:
    """Read a report of ``report_utilization`` (the flat one)."""
    header(text)
    used: dict[str, float] = {}
    available: dict[str, float] = {}
    for titles, *rows in tables(text):
        if titles[:2] != ["Site Type", "Used"]:
            continue
        column = titles.index("Available") if "Available" in titles else -1
        for row in rows:
            name = row[0].rstrip("*")
            if name in used or not re.fullmatch(r"[\d.]+", row[1]):
                continue  # the first table that has it counts
            used[name] = float(row[1])
            if column > 0 and re.fullmatch(r"[\d.]+", row[column]):
                available[name] = float(row[column])

    def find(*names: str) -> str:
        for name in names:
            if name in used:
                return name
        raise ReportError(f"no row '{names[0]}'")

    lut, ff = find("Slice LUTs", "CLB LUTs"), find("Slice Registers", "CLB Registers")
    ram, dsp = find("Block RAM Tile"), find("DSPs")
    return Utilization(
        lut=int(used[lut]),
        lut_logic=int(used[find("LUT as Logic")]),
        lut_memory=int(used[find("LUT as Memory")]),
        ff=int(used[ff]),
        bram36=used[ram],
        dsp=int(used[dsp]),
        available={
            name: available[row]
            for name, row in (("lut", lut), ("ff", ff), ("bram36", ram), ("dsp", dsp))
            if row in available
        },
    )


def timing(text: str) -> Timing:
    """Read a report of ``report_timing_summary``."""
    header(text)
    lines = text.splitlines()
    place = next((i for i, line in enumerate(lines) if re.match(r" +WNS\(ns\) ", line)), None)
    if place is None:
        raise ReportError("no design timing summary (WNS, TNS)")
    titles = re.findall(r"\S+(?: \S+)*", lines[place])
    values = lines[place + 2].split() if place + 2 < len(lines) else []
    if len(values) != len(titles):
        raise ReportError("no values under WNS, TNS")
    row = dict(zip(titles, values, strict=True))

    def number(name: str) -> float | None:
        value = row.get(name, "NA")
        return None if value in ("NA", "inf", "-inf") else float(value)

    def count(name: str) -> int | None:
        value = number(name)
        return None if value is None else int(value)

    unclocked = re.search(r"There (?:is|are) (\d+) register/latch pins? with no clock", text)
    failing, hold, pulse = (count(f"{kind} Failing Endpoints") for kind in ("TNS", "THS", "TPWS"))
    met = not (failing or hold or pulse)
    if met and "Timing constraints are not met" in text:
        met = False
    return Timing(
        wns=number("WNS(ns)"),
        tns=number("TNS(ns)") or 0.0,
        failing=failing or 0,
        endpoints=count("TNS Total Endpoints") or 0,
        whs=number("WHS(ns)"),
        hold_failing=hold,
        pulse_failing=pulse,
        unclocked=int(unclocked[1]) if unclocked else 0,
        clocks={
            name: float(period)
            for name, period in re.findall(
                r"^ *(\S+) +\{[\d. ]+\} +([\d.]+) +[\d.]+ *$", text, re.MULTILINE
            )
        },
        met=met,
    )


def power(text: str) -> Power:
    """Read a report of ``report_power``."""
    header(text)
    facts = {row[0]: row[1] for rows in tables(text) for row in rows if len(row) == 2}

    def number(name: str) -> float:
        try:
            return float(facts[name])
        except (KeyError, ValueError):
            raise ReportError(f"no number for '{name}'") from None

    return Power(
        total=number("Total On-Chip Power (W)"),
        dynamic=number("Dynamic (W)"),
        static=number("Device Static (W)"),
        junction=number("Junction Temperature (C)"),
        confidence=facts.get("Confidence Level", ""),
    )


def rules(text: str) -> Rules:
    """Read a report of ``report_drc`` or ``report_methodology``."""
    header(text)
    found = re.search(r"^ *(?:Violations|Checks) found: (\d+)", text, re.MULTILINE)
    if found is None:
        raise ReportError("no line 'Violations found:'")
    severities: dict[str, int] = {}
    by_rule: dict[str, int] = {}
    for titles, *rows in tables(text):
        if titles[:2] == ["Rule", "Severity"]:
            for row in rows:
                by_rule[row[0]] = int(row[-1])
                severities[row[1]] = severities.get(row[1], 0) + int(row[-1])
            break
    total = int(found[1])
    if sum(by_rule.values()) != total:
        raise ReportError(f"the table counts {sum(by_rule.values())} of {total} violations")
    return Rules(total, severities, by_rule)


READERS: dict[str, tuple[str, Callable[[str], Any]]] = {  # of a folder under vivado/reports
    "utilization": ("utilization.rpt", utilization),
    "timing": ("timing.rpt", timing),
    "power": ("power.rpt", power),
    "drc": ("drc.rpt", rules),
    "methodology": ("methodology.rpt", rules),
}


def read(path: Path, reader: Callable[[str], T]) -> T:
    """Read a report file; ``UserError`` names the file if it is none of its kind."""
    try:
        return reader(path.read_text(encoding="utf-8", errors="replace"))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    except (ReportError, ValueError) as error:
        raise UserError(f"{path}: not a report that can be read: {error}") from None


def read_folder(folder: Path) -> dict[str, Any]:
    """All reports of a stage as plain data; those that were not written are left out."""
    found: dict[str, Any] = {}
    for name, (file, reader) in READERS.items():
        path = folder / file
        if path.is_file():
            found[name] = asdict(read(path, reader))
            head = read(path, header)
            found.setdefault("tool", f"Vivado {head.version}")
            found.setdefault("device", head.device)
    return found
