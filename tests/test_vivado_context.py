"""What the script emitter accepts: parts, clocks, names."""

from dataclasses import replace

import pytest
from lenetgen.codegen.emit_vivado import VivadoContext, emit, validate_part
from lenetgen.codegen.errors import UserError
from lenetgen.vivado.tclcheck import TclCheckError, check_script

CONTEXT = VivadoContext(
    banner="lenetgen",
    top="core",
    clock_ns=8.0,
    rtl_files=("rtl/core.v",),
    hls_top="core_hls",
    hls_files=("hls/core.cpp",),
    hls_tb_files=("hls/bench.cpp",),
)
GOOD_PARTS = (
    *("xc7z020clg400-1", "xc7z010iclg225-1L", "xc7z007sclg400-2", "xc7a35ticsg324-1L"),
    *("xc7a100tcsg324-3", "xc7s50csga324-1", "xc7k325tffg900-2", "xc7vx485tffg1761-2"),
    "xc7k160tlffg676-2L",
)
BAD_PARTS = (
    *("", "zynq", "xc7z020", "xc7z020clg400", "xc7z020clg400-4", "xczu3eg-sbva484-1-e"),
    *("XC7Z020CLG400-1", "xc7z020-1clg400", "xc7z020clg400-1]", "xc7z020clg400-1; exit"),
    *("xc7z020clg400-1\n", "xc7z020clg400 -1"),
)


@pytest.fixture
def build(tmp_path):
    """Return the emitted ``build.tcl`` of a folder with one Verilog file."""
    (tmp_path / "rtl").mkdir()
    (tmp_path / "rtl/core.v").write_text("module core (input wire aclk);\nendmodule\n")
    emit(CONTEXT, tmp_path)
    return tmp_path / "vivado/build.tcl"


@pytest.mark.parametrize("part", GOOD_PARTS)
def test_good_parts(build, part):
    assert validate_part(part) == part
    trace = check_script(build, "vivado", ["--part", part])  # the stand-ins have their own table
    assert trace.state["part"] == part


@pytest.mark.parametrize("part", BAD_PARTS)
def test_bad_parts(build, part):
    with pytest.raises(UserError, match="is not a 7-series or Zynq-7000 part name"):
        replace(CONTEXT, part=part)
    with pytest.raises(TclCheckError, match=r"no part|not a 7-series|unknown argument"):
        check_script(build, "vivado", ["--part", part])


def test_a_zynq_in_a_package_that_does_not_exist(build):
    with pytest.raises(TclCheckError, match="no part 'xc7z020clg225-1' installed"):
        check_script(build, "vivado", ["--part", "xc7z020clg225-1"])


@pytest.mark.parametrize("clock_ns", [0.0, -8.0, float("nan"), float("inf"), 0.5, 1e6])
def test_bad_clocks(clock_ns):
    with pytest.raises(UserError, match=r"clock period .* is out of range; allowed: 1 to 1000 ns"):
        replace(CONTEXT, clock_ns=clock_ns)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rtl_files": ("rtl/my core.v",)}, "a plain name of a Verilog file: 'rtl/my core.v'"),
        ({"rtl_files": ("../core.v",)}, "a plain name of a Verilog file"),
        ({"rtl_files": ("/core.v",)}, "a plain name of a Verilog file"),
        ({"rtl_files": ("rtl/core.vhd",)}, "a plain name of a Verilog file"),
        ({"rtl_files": ("rtl/core.v", "rtl/core.v")}, "Verilog file named twice: 'rtl/core.v'"),
        ({"rtl_files": ()}, "no Verilog files"),
        ({"mem_files": ("rtl/w.hex",)}, "a plain name of a memory file"),
        ({"top": "core top"}, "not an identifier: 'core top'"),
        ({"clock_port": "[x]"}, "not an identifier"),
        ({"hls_top": "a::b"}, "not an identifier"),
        ({"hls_cflags": ('-DX="1"',)}, "not a plain flag or argument"),
        ({"sim_top": "bench", "sim_files": ("sim/s.mem",)}, "needs a Verilog file in sim_files"),
    ],
)
def test_names_a_script_cannot_hold_are_refused(change, message):
    with pytest.raises(ValueError, match=r".") as caught:
        replace(CONTEXT, **change)
    assert message in str(caught.value)


def test_a_banner_cannot_swallow_the_next_line(tmp_path):
    emit(replace(CONTEXT, banner="model a\\\nmodel b \\"), tmp_path)
    assert (tmp_path / "vivado/clock.xdc").read_text().startswith("# model a\n# model b\n#\n")
