"""Reads what C synthesis of Vitis HLS (or Vivado HLS 2018 to 2020) reports of its top function.

Input: ``<top>_csynth.xml``, ``csynth.xml`` or ``<top>_csynth.rpt``. Output: numbers. Cycles that
the tool could not tell (``undef``, ``?``) are None.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from ..codegen.errors import UserError
from .reports import ReportError, read, tables


@dataclass(frozen=True)
class Csynth:
    """Estimates of C synthesis: cycles, ns, cells. ``bram18`` counts 18-Kbit block RAMs."""

    version: str
    top: str
    part: str
    clock_ns: float
    estimated_ns: float
    latency: int | None  # cycles, worst case
    interval: int | None
    lut: int
    ff: int
    bram18: int
    dsp: int


def from_xml(text: str) -> Csynth:
    """Read the XML form."""
    try:
        root = ET.fromstring(text)
    except ET.ParseError as error:
        raise ReportError(f"no XML ({error})") from None

    def field(path: str) -> str:
        value = root.findtext(path)
        if value is None:
            raise ReportError(f"no <{path.rsplit('/', 1)[-1]}>")
        return value.strip()

    timing, latency = "PerformanceEstimates/SummaryOfTimingAnalysis", "PerformanceEstimates"
    latency += "/SummaryOfOverallLatency"
    area = "AreaEstimates/Resources"
    dsp = root.findtext(f"{area}/DSP") or root.findtext(f"{area}/DSP48E")
    if dsp is None:
        raise ReportError("no <DSP>")
    return Csynth(
        version=field("ReportVersion/Version"),
        top=field("UserAssignments/TopModelName"),
        part=field("UserAssignments/Part"),
        clock_ns=float(field("UserAssignments/TargetClockPeriod")),
        estimated_ns=float(field(f"{timing}/EstimatedClockPeriod")),
        latency=_cycles(field(f"{latency}/Worst-caseLatency")),
        interval=_cycles(field(f"{latency}/Interval-max")),
        lut=int(field(f"{area}/LUT")),
        ff=int(field(f"{area}/FF")),
        bram18=int(field(f"{area}/BRAM_18K")),
        dsp=int(dsp),
    )


def from_rpt(text: str) -> Csynth:
    """Read the text form."""
    head = {
        name: value.strip()
        for name, value in re.findall(r"^\* ([\w ]+): +(.*)$", text, re.MULTILINE)
    }
    title = re.search(r"^== (?:Vivado|Vitis) HLS Report for '(\w+)'", text, re.MULTILINE)
    if title is None or "Version" not in head:
        raise ReportError('no line "== Vitis HLS Report for"')
    clock: list[str] | None = None
    cycles: list[str] | None = None
    total: dict[str, str] | None = None
    plain = "\n".join(line.strip() for line in text.splitlines())
    for rows in tables(plain):
        for place, row in enumerate(rows):
            if row[0] == "Clock" and clock is None:
                clock = rows[place + 1]
            elif row[0] == "Latency (cycles)" and cycles is None:
                cycles = rows[place + 2]
            elif row[0] == "Total" and total is None and rows[0][0] == "Name":
                total = dict(zip(rows[0], row, strict=True))
    if clock is None or cycles is None or total is None:
        raise ReportError("no clock, no latency or no utilization table")
    return Csynth(
        version=head["Version"].split()[0],
        top=title[1],
        part=head.get("Target device", ""),
        clock_ns=float(clock[1].split()[0]),
        estimated_ns=float(clock[2].split()[0]),
        latency=_cycles(cycles[1]),
        interval=_cycles(cycles[5]),
        lut=int(total["LUT"]),
        ff=int(total["FF"]),
        bram18=int(total["BRAM_18K"]),
        dsp=int(total.get("DSP", total.get("DSP48E", ""))),
    )


def _cycles(text: str) -> int | None:
    return int(text) if text.isdigit() else None


def find(folder: Path, top: str) -> Csynth | None:
    """What C synthesis in ``hls/`` of an emitted folder reported; None if it was not run."""
    for place in report_folders(folder):
        for name, reader in (
            (f"{top}_csynth.xml", from_xml),
            ("csynth.xml", from_xml),
            (f"{top}_csynth.rpt", from_rpt),
        ):
            path = place / name
            if path.is_file():
                found = read(path, reader)
                if found.top != top:
                    raise UserError(f"{path}: is of {found.top}, not of {top}: synthesize again")
                return found
    return None


def report_folders(folder: Path) -> tuple[Path, Path]:
    """Where run_hls.tcl and the unified command let reports appear."""
    return folder / "hls/project/solution1/syn/report", folder / "hls/work/hls/syn/report"


def verilog_folders(folder: Path) -> tuple[Path, Path]:
    """Where they let the Verilog appear."""
    return folder / "hls/project/solution1/syn/verilog", folder / "hls/work/hls/syn/verilog"
