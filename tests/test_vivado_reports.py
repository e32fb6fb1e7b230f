"""The report readers, on texts that real tools wrote (tests/data/vivado, with their sources)."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path

import pytest
from lenetgen.codegen.errors import UserError
from lenetgen.vivado import hls_report, reports
from lenetgen.vivado.hls_report import Csynth, from_rpt, from_xml
from lenetgen.vivado.reports import Power, ReportError, Utilization

DATA = Path(__file__).parent / "data/vivado"


def text(name: str) -> str:
    return (DATA / name).read_text()


def test_every_text_has_a_source():
    sources = text("README.md")
    for path in DATA.iterdir():
        assert f"`{path.name}`" in sources or path.suffix == ".md" or "csynth_2020" in path.name


@pytest.mark.parametrize(
    ("version", "device", "state", "expected"),
    [
        pytest.param(
            *("2019.2", "7a35ticsg324-1L", "Fully Placed"),
            Utilization(
                *(8297, 6363, 1934, 5434, 29.5, 4),
                {"lut": 20800, "ff": 41600, "bram36": 50, "dsp": 90},
            ),
            id="2019.2",
        ),
        pytest.param(
            *("2020.1", "7z020clg400-1", "Synthesized"),
            Utilization(
                *(1526, 1478, 48, 2428, 0.0, 66),
                {"lut": 53200, "ff": 106400, "bram36": 140, "dsp": 220},
            ),
            id="2020.1_adjusted",
        ),
        pytest.param(
            *("2024.2", "xcu55c-fsvh2892-2L-e", "Physopt postRoute"),
            Utilization(
                *(271321, 257316, 14005, 271832, 428.5, 1195),
                {"lut": 1303680, "ff": 2607360, "bram36": 2016, "dsp": 9024},
            ),
            id="2024.2_prohibited",
        ),
    ],
)
def test_utilization(version, device, state, expected):
    report = text(f"utilization_{version}.rpt")
    assert reports.utilization(report) == expected
    head = reports.header(report)
    assert (head.version, head.device, head.state) == (version, device, state)


def test_timing_that_fails():
    found = reports.timing(text("timing_2019.2.rpt"))
    assert (found.wns, found.tns, found.failing, found.endpoints) == (-3.463, -4.140, 10, 2371)
    assert (found.whs, found.hold_failing, found.pulse_failing) == (0.097, 0, 0)
    assert (found.clocks, found.unclocked, found.met) == ({"clk": 5.0}, 0, False)


@pytest.mark.parametrize(
    ("version", "wns", "endpoints", "clocks"),
    [
        ("2023.2", 0.035, 517369, {"gt0_refclk_p": 6.206, "inst_shell/xclk": 4.0}),
        ("2025.2", 0.114, 563949, {"gt0_refclk_p": 6.206}),
    ],
)
def test_timing_that_is_met(version, wns, endpoints, clocks):
    found = reports.timing(text(f"timing_{version}.rpt"))
    assert (found.wns, found.tns, found.failing, found.endpoints) == (wns, 0.0, 0, endpoints)
    assert found.clocks.items() >= clocks.items()
    assert found.met


def test_timing_after_synthesis_knows_setup_only():
    report = text("timing_2023.2.rpt")
    row = next(line for line in report.splitlines() if line.startswith("      0.035"))
    setup = "  ".join([*row.split()[:4], *["NA"] * 8])
    found = reports.timing(report.replace(row, setup))
    assert (found.wns, found.whs, found.hold_failing, found.met) == (0.035, None, None, True)
    none = re.sub(r"0\.035 ", "inf   ", report)
    assert reports.timing(none).wns is None


def test_registers_without_a_clock_are_counted():
    report = text("timing_2019.2.rpt").replace("There are 0 register", "There are 7 register")
    assert reports.timing(report).unclocked == 7


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("2020.1", Power(0.307, 0.193, 0.114, 28.5, "Medium")),
        ("2020.2", Power(1.882, 1.754, 0.128, 46.7, "Low")),
        ("2024.1", Power(1.711, 0.442, 1.270, 26.9, "Low")),
    ],
)
def test_power(version, expected):
    assert reports.power(text(f"power_{version}.rpt")) == expected


@pytest.mark.parametrize(
    ("version", "total", "severities"),
    [
        ("2020.2", 14, {"Warning": 10, "Advisory": 4}),
        ("2024.1", 41, {"Warning": 41}),
        ("2025.2", 358, {"Warning": 294, "Advisory": 64}),
    ],
)
def test_rules(version, total, severities):
    found = reports.rules(text(f"drc_{version}.rpt"))
    assert (found.total, found.severities, found.errors) == (total, severities, 0)
    assert sum(found.rules.values()) == total


def test_errors_among_the_rules():
    report = text("drc_2020.2.rpt").replace("DPIP-1 | Warning ", "NSTD-1 | Critical Warning ")
    assert reports.rules(report).errors == 4


@pytest.mark.parametrize(
    ("name", "reader", "old", "new", "message"),
    [
        (
            "utilization_2019.2.rpt",
            reports.utilization,
            "Slice LUTs",
            "Slices",
            "no row 'Slice LUT",
        ),
        ("utilization_2019.2.rpt", reports.utilization, "| DSPs ", "| DSP ", "no row 'DSPs'"),
        ("timing_2019.2.rpt", reports.timing, "WNS(ns)", "WNS", "no design timing summary"),
        ("timing_2019.2.rpt", reports.timing, "-4.140", "", "no values under WNS"),
        ("power_2020.1.rpt", reports.power, "Dynamic (W)", "Dynamo", "no number for 'Dynamic"),
        ("power_2020.1.rpt", reports.power, "0.307", "NA", "no number for 'Total On-Chip"),
        ("drc_2020.2.rpt", reports.rules, "Violations found", "Found", "no line 'Violations found"),
        ("drc_2020.2.rpt", reports.rules, "found: 14", "found: 15", "counts 14 of 15"),
        ("drc_2020.2.rpt", reports.rules, "Vivado v.", "Vivado ", "no line '| Tool Version"),
        ("csynth_2020.1.xml", from_xml, "<LUT>2532</LUT>", "", "no <LUT>"),
        ("csynth_2020.1.xml", from_xml, "</profile>", "", "no XML"),
        ("csynth_2024.2.rpt", from_rpt, "Vitis HLS Report", "Report", "no line"),
        ("csynth_2024.2.rpt", from_rpt, "|Total  ", "|Sum    ", "no utilization table"),
    ],
)
def test_a_report_that_lacks_something(name, reader, old, new, message):
    report = text(name)
    assert old in report
    with pytest.raises(ReportError, match=re.escape(message)):
        reader(report.replace(old, new))


OLD = Csynth("2020.1", "myproject", "xc7z020-clg400-1", 5.0, 4.049, 10, 8, 2532, 7969, 0, 73)


def test_csynth_of_many_versions():
    assert from_xml(text("csynth_2020.1.xml")) == OLD
    assert from_rpt(text("csynth_2020.1.rpt")) == OLD
    new = text("csynth_2020.1.xml").replace("DSP48E>", "DSP>")  # Vitis HLS' name for it
    assert from_xml(new) == OLD
    assert from_rpt(text("csynth_2024.2.rpt")) == Csynth(
        *("2024.2", "zero_in_coyote_accel", "xcu55c-fsvh2892-2L-e", 4.0, 2.92),
        *(270416, 270402, 403692, 133800, 185, 53),
    )


def test_csynth_with_unknown_cycles():
    unknown = from_xml(
        re.sub(r"(<Worst-caseLatency>|<Interval-max>)\d+", r"\1undef", text("csynth_2020.1.xml"))
    )
    assert (unknown.latency, unknown.interval) == (None, None)
    assert (
        from_rpt(
            text("csynth_2020.1.rpt").replace("       10|       10|", "        ?|        ?|")
        ).latency
        is None
    )


def test_find_csynth(tmp_path):
    assert hls_report.find(tmp_path, "myproject") is None
    for place in hls_report.report_folders(tmp_path):
        place.mkdir(parents=True)
    (hls_report.report_folders(tmp_path)[1] / "csynth.xml").write_text(text("csynth_2020.1.xml"))
    assert hls_report.find(tmp_path, "myproject") == OLD
    with pytest.raises(UserError, match="is of myproject, not of other: synthesize again"):
        hls_report.find(tmp_path, "other")


def test_read_folder(tmp_path):
    assert reports.read_folder(tmp_path) == {}
    for name in ("utilization", "timing"):
        (tmp_path / f"{name}.rpt").write_text(text(f"{name}_2019.2.rpt"))
    (tmp_path / "drc.rpt").write_text(text("drc_2020.2.rpt"))
    found = reports.read_folder(tmp_path)
    assert list(found) == ["utilization", "tool", "device", "timing", "drc"]
    assert found["tool"] == "Vivado 2019.2"
    assert found["timing"] == asdict(reports.timing(text("timing_2019.2.rpt")))
    (tmp_path / "power.rpt").write_text("nothing")
    with pytest.raises(UserError, match=r"power\.rpt: not a report that can be read: no line"):
        reports.read_folder(tmp_path)
