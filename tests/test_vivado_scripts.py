"""The generated scripts pass the strict check; a script with a mistake in it does not."""

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from lenetgen.codegen.emit_vivado import VivadoContext, emit
from lenetgen.codegen.errors import UserError
from lenetgen.vivado.tclcheck import TclCheckError, check_folder, check_script

# A small emitted folder: a core that uses a library module, a bench, C++ with headers and data.
FILES = {
    "rtl/core.v": """\
module core (
    input  wire       aclk,
    input  wire       aresetn,
    input  wire [7:0] s_axis_tdata,  // lng_unused u_comment (
    output wire       m_axis_tvalid
);
    lng_rom #(.INIT_FILE("w.mem")) u_rom (.clk(aclk), .valid(m_axis_tvalid));
endmodule
""",
    "rtl/lng_rom.v": """\
module lng_rom #(parameter INIT_FILE = "") (input wire clk, output reg valid);
    generate
        if (INIT_FILE == "") begin : gen_bad
            lng_rom_needs_a_file u_error ();
        end
    endgenerate
endmodule
""",
    "rtl/w.mem": "00\n",
    "sim/bench.v": "module bench;\n    core u_core (.aclk(1'b0));\nendmodule\n",
    "sim/stimulus.mem": "00\n",
    "hls/core.cpp": '#include "core.h"\nvoid core_hls(int x) {}\n',
    "hls/core.h": '#include "weights/w.h"\n#include "ap_fixed.h"\n',
    "hls/weights/w.h": "// numbers\n",
    "hls/bench.cpp": '#include "core.h"\nint main(int argc, char** argv) { return 0; }\n',
    "sim/frames.bin": "0",
}
CONTEXT = VivadoContext(
    banner="lenetgen 0.1.0\nmodel 0123456789abcdef\nGenerated: do not edit.",
    top="core",
    clock_ns=8.0,
    rtl_files=("rtl/core.v", "rtl/lng_rom.v"),
    mem_files=("rtl/w.mem",),
    sim_files=("sim/bench.v", "sim/stimulus.mem"),
    sim_top="bench",
    hls_top="core_hls",
    hls_files=("hls/core.cpp", "hls/core.h", "hls/weights/w.h"),
    hls_tb_files=("hls/bench.cpp",),
    hls_data_files=("sim/frames.bin",),
    hls_csim_argv=("frames.bin", "1"),
)
PROJECT = "vivado/create_project.tcl"
BUILD = "vivado/build.tcl"
HLS = "hls/run_hls.tcl"


@pytest.fixture(autouse=True)
def _no_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LENETGEN_HLS_STAGE", raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make(tmp_path / "out")


def make(out: Path, context: VivadoContext = CONTEXT) -> Path:
    for name, text in FILES.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    emit(context, out)
    return out


def check(folder: Path, name: str, *args: str, cwd: Path | None = None):
    return check_script(folder / name, "vitis_hls" if name == HLS else "vivado", args, cwd=cwd)


def listing(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


# ---- what the scripts do ------------------------------------------------------------------------


def test_project_script(folder):
    trace = check(folder, PROJECT)
    assert trace.state == {
        "project": "core",
        "part": "xc7z020clg400-1",
        "top": "core",
        "sim_top": "bench",
    }
    assert trace.written == (folder / "vivado/project/core.xpr",)
    added = " ".join(call.args[-1] for call in trace.named("add_files"))
    for name in (*CONTEXT.rtl_files, *CONTEXT.mem_files, *CONTEXT.sim_files, "vivado/clock.xdc"):
        assert str(folder / name) in added
    assert [call.args[-1] for call in trace.named("update_compile_order")] == ["sources_1", "sim_1"]
    assert trace.output.startswith("Project core for xc7z020clg400-1 is ready")


def test_build_script(folder):
    trace = check(folder, BUILD)
    reports = folder / "vivado/reports"
    assert {path.relative_to(reports).name for path in trace.written} == {
        "synth.dcp",
        "utilization.rpt",
        "utilization_hierarchical.rpt",
        "timing.rpt",
        "drc.rpt",
        "methodology.rpt",
    }
    (synth,) = trace.named("synth_design")
    assert synth.args[:6] == ("-top", "core", "-part", "xc7z020clg400-1", "-mode", "out_of_context")
    line = (folder / BUILD).read_text().splitlines()[synth.line - 1]
    assert line.strip().startswith("synth_design")


STAGES = {
    "csim": ["csim_design"],
    "csynth": ["csynth_design"],
    "export": ["csynth_design", "export_design"],
    "all": ["csim_design", "csynth_design", "export_design"],
}


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("words", [[], ["-tclargs"], ["-f", "run_hls.tcl", "-tclargs"]])
def test_hls_stages(folder, stage, words):
    trace = check(folder, HLS, *words, stage)
    ran = [call.name for call in trace.calls if call.name in STAGES["all"]]
    assert ran == STAGES[stage]
    assert trace.state["top"] == "core_hls"
    assert float(trace.state["period"]) == 8.0


def test_hls_stage_from_the_environment_and_default(folder, monkeypatch):
    assert len(check(folder, HLS).named("export_design")) == 1
    monkeypatch.setenv("LENETGEN_HLS_STAGE", "csim")
    trace = check(folder, HLS)
    assert not trace.named("csynth_design")
    (csim,) = trace.named("csim_design")
    assert csim.args == ("-clean", "-argv", "frames.bin 1")


@pytest.mark.parametrize("name", [PROJECT, BUILD, HLS])
def test_part_from_the_command_line(folder, name):
    assert check(folder, name, "--part", "xc7a35ticsg324-1L").state["part"] == "xc7a35ticsg324-1L"


@pytest.mark.parametrize("name", [PROJECT, BUILD, HLS])
def test_path_with_spaces_and_special_characters(tmp_path, name):
    out = make(tmp_path / "my work [1] $x; é" / "lenet 5")
    trace = check(out, name)
    for path in trace.written:
        assert path.is_relative_to(out)


@pytest.mark.parametrize("name", [PROJECT, BUILD, HLS])
def test_any_working_directory_and_nothing_is_written(folder, tmp_path, name):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    before = listing(tmp_path)
    first = check(folder, name, cwd=elsewhere)
    second = check(folder, name, cwd=folder / "rtl")
    assert first == second
    assert listing(tmp_path) == before
    assert not list(elsewhere.iterdir())


def test_project_script_runs_again_over_its_project(folder):
    project = folder / "vivado/project"
    project.mkdir()
    (project / "core.xpr").write_text("")
    check(folder, PROJECT)
    text = (folder / PROJECT).read_text()
    (folder / PROJECT).write_text(text.replace("create_project -force", "create_project"))
    with pytest.raises(TclCheckError, match="holds a project already"):
        check(folder, PROJECT)


def test_project_script_closes_its_open_project_first(folder):
    text = (folder / PROJECT).read_text()
    (folder / PROJECT).write_text(f"create_project core {{{folder}/old}}\n{text}")
    trace = check(folder, PROJECT)
    assert len(trace.named("close_project")) == 1


def test_project_without_memories_and_bench(tmp_path):
    context = replace(CONTEXT, mem_files=(), sim_files=(), sim_top="", hls_data_files=())
    out = make(tmp_path / "out", context)
    text = FILES["rtl/core.v"].replace('.INIT_FILE("w.mem")', '.INIT_FILE("")')
    (out / "rtl/core.v").write_text(text)
    assert set(check_folder(out)) == {PROJECT, BUILD, HLS}
    assert check(out, PROJECT).state["sim_top"] == "core"


def test_same_context_same_bytes_and_no_foreign_path(tmp_path):
    names = emit(CONTEXT, tmp_path / "a")
    assert names == sorted([PROJECT, BUILD, HLS, "vivado/clock.xdc", "hls/hls_config.cfg"])
    assert names == emit(CONTEXT, tmp_path / "b")
    for name in names:
        data = (tmp_path / "a" / name).read_bytes()
        assert data == (tmp_path / "b" / name).read_bytes()
        assert str(tmp_path).encode() not in data
        assert data.startswith(b"# lenetgen 0.1.0\n# model 0123456789abcdef\n# Generated")
        assert data.endswith(b"\n")
        assert max(map(len, data.splitlines())) <= 100


# ---- bad input ---------------------------------------------------------------------------------


def test_wrong_arguments_of_the_scripts(folder):
    for name in (PROJECT, BUILD):
        with pytest.raises(TclCheckError, match=r"unknown argument '--prat .*; allowed: --part"):
            check(folder, name, "--prat", "xc7z020clg400-1")
        with pytest.raises(TclCheckError, match="unknown argument '--part '"):
            check(folder, name, "--part")
    with pytest.raises(TclCheckError, match="unknown stage 'cysnth'; allowed: csim, csynth"):
        check(folder, HLS, "-tclargs", "cysnth")


def test_missing_tclsh_and_script(folder, monkeypatch):
    with pytest.raises(UserError, match=r"no script .*none\.tcl"):
        check(folder, "vivado/none.tcl")
    monkeypatch.setenv("PATH", os.fspath(folder))
    with pytest.raises(UserError, match="tclsh is not on PATH"):
        check(folder, PROJECT)


# ---- mutations: each is found, with a message that tells -----------------------------------------

MUTATIONS = [
    # script, old, new, message
    (PROJECT, "add_files -norecurse", "add_file -norecurse", r"unknown command 'add_file'"),
    (PROJECT, "-norecurse", "-no_recurse", r"add_files has no option -no_recurse; its syntax: "),
    (PROJECT, "create_project -force -part $part", "create_project -force -part",
     r"create_project: 'core' is not a 7-series|is not a project name|not a 7-series"),
    (PROJECT, "-part $part $top", "$top", r"end of script: '' is not a 7-series"),
    (PROJECT, "    rtl/lng_rom.v\n", "", r"core uses lng_rom, and .*lng_rom\.v is not added"),
    (PROJECT, "rtl/core.v", "rtl/cor.v", r"missing file: .*rtl/cor\.v"),
    (PROJECT, "rtl/w.mem", "sim/stimulus.mem", r"core\.v reads w\.mem, which is not among"),
    (PROJECT, "set top core", "set top cor", r"the top module 'cor' is in none of the added"),
    (PROJECT, "top bench", "top bnech", r"the top module 'bnech' is in none of the added"),
    (PROJECT, "target_language Verilog", "target_langage Verilog",
     r"a project has no property 'target_langage'; known: part, target_language"),
    (PROJECT, "target_language Verilog", "target_language verilog",
     r"target_language is 'verilog'; allowed: Verilog, VHDL"),
    (PROJECT, "{Memory File}", "{Memory Files}", r"file_type is 'Memory Files'; allowed: "),
    (PROJECT, "*.mem]", "*.hex]", r"get_files: nothing matches '\*\.hex'; there are: "),
    (PROJECT, "[get_filesets sources_1]\nupdate", "sources_1\nupdate",
     r"'sources_1' is not a first class Tcl object"),
    (PROJECT, "get_filesets sim_1", "get_filesets sim_2", r"get_filesets: nothing matches 'sim_2'"),
    (PROJECT, "-fileset constrs_1", "-fileset sources_1", r"clock\.xdc: a file for sources_1 ends"),
    (PROJECT, "-fileset constrs_1", "-fileset constr_1", r"there is no fileset 'constr_1'"),
    (PROJECT, "get_runs synth_1", "get_runs synth_2", r"get_runs: nothing matches 'synth_2'"),
    (PROJECT, "ARGS.MORE OPTIONS", "ARGS.MORE_OPTIONS", r"a run has no property 'steps\.synth"),
    (PROJECT, "{-mode out_of_context}", "{-mode ooc}", r"more options is '-mode ooc'; allowed: "),
    (PROJECT, "update_compile_order -fileset sim_1", "", r"was not run for: sim_1"),
    (PROJECT, "set_property top $top [get_filesets sources_1]\n", "", r"no top module is set"),
    (PROJECT, "set_property top bench [get_filesets sim_1]", "", r"sim_1 has no top module"),
    (PROJECT, "{Synth 8-4445}", "{Synth-8-4445}", r"'Synth-8-4445' is not a message id like"),
    (PROJECT, "severity ERROR", "severity FATAL", r"-new_severity is 'FATAL'; allowed: ERROR"),
    (PROJECT, "[file join $here project]", "[file join $root .. p]", r"outside the emitted folder"),
    (PROJECT, "[current_project]", "[current_proejct]", r"unknown command 'current_proejct'"),
    (PROJECT, "create_project -force", "close_project\ncreate_project -force",
     r"close_project: no project is open"),
    (PROJECT, "puts ", "exec rm -rf project; puts ", r"'exec' is not allowed in a generated"),
    (PROJECT, "puts ", "file delete -force x; puts ", r"'file delete' is not allowed"),
    (PROJECT, "puts ", "open x w; puts ", r"a generated script may only read files"),
    (PROJECT, "puts ", "launch_runs synth_1; open_run synth_1; puts ",
     r"open_run: synth_1 has no results: launch_runs and wait_on_run come first"),
    (PROJECT, "puts ", "wait_on_run synth_1; puts ", r"wait_on_runs: synth_1 was not launched"),
    (PROJECT, "puts ", "report_drc -file [file join $here d.rpt]; puts ",
     r"report_drc: no synthesized design is open"),
    (PROJECT, "puts ", "puts $undefined; puts ", r'can\'t read "undefined": no such variable'),
    (BUILD, "synth_design -top", "report_drc -file [file join $reports x.rpt]; synth_design -top",
     r"report_drc: no synthesized design is open: synth_design or open_run comes first"),
    (BUILD, "-mode out_of_context", "-mode out-of-context", r"-mode is 'out-of-context'; allowed"),
    (BUILD, "-top $top", "-top rom", r"the top module 'rom' is in none of the added files"),
    (BUILD, "-flatten_hierarchy rebuilt", "-flatten rebuilt", r"has no option -flatten; its"),
    (BUILD, "-flatten_hierarchy rebuilt", "-flatten_hierarchy", r"_hierarchy needs a value"),
    (BUILD, " -part $part -mode", " -mode", r"synth_design: '' is not a 7-series"),
    (BUILD, "    file mkdir $reports\n", "", r"the folder of .*synth\.dcp does not exist"),
    (BUILD, "drc.rpt", "timing.rpt", r"report_drc: .*timing\.rpt was written before"),
    (BUILD, "synth.dcp", "synth.chk", r"does not end in \.dcp"),
    (BUILD, "report_drc -file [file join $reports drc.rpt]", "report_drc",
     r"report_drc: the report goes to no file"),
    (BUILD, "report_methodology", "report_methdology", r"unknown command 'report_methdology'"),
    (BUILD, "read_xdc [", "read_verilog [", r"clock\.xdc: a file for sources_1 ends in one of"),
    (BUILD, "    read_xdc [under_root {\n        vivado/clock.xdc\n    }]\n", "",
     r"synth_design: no constraints were added"),
    (BUILD, "read_verilog [", "create_project core $root/p; read_verilog [",
     r"read_verilog is for the non-project mode"),
    (BUILD, "get_property SLACK", "get_property SALCK", r"a path has no property 'SALCK'"),
    (BUILD, "-max_paths 1]", "-max_paths 1 all]", r"get_timing_paths: 1 arguments given; its syn"),
    (BUILD, "-setup -max_paths", "-setup -setup -max_paths", r"-setup given twice"),
    ("vivado/clock.xdc", "[get_ports aclk]", "[get_ports clk]", r"top module has no port 'clk'"),
    ("vivado/clock.xdc", "-period 8.000", "-period 0", r"-period '0' is not a positive number"),
    ("vivado/clock.xdc", "create_clock", "create_clocks", r"unknown constraint 'create_clocks'"),
    ("vivado/clock.xdc", "\ncreate_clock", "\n# create_clock", r"constrains no clock"),
    (HLS, "open_project -reset project", "", r"set_top: open_project comes first"),
    (HLS, "open_project -reset", "open_project -rest", r"open_project has no option -rest"),
    (HLS, "set_top core_hls", "set_top core_his", r"the top function 'core_his' is in none"),
    (HLS, "set_top core_hls", "", r"csim_design: set_top comes first"),
    (HLS, "-std=c++14 core.cpp", "-std=c++14 cor.cpp", r"add_files: there is no file cor\.cpp"),
    (HLS, "-cflags -std", "-cflag -std", r"add_files has no option -cflag"),
    (HLS, "-cflags -std=c++14 core", "-cflags --std=c++14 core", r"'--std=c\+\+14' is not a comp"),
    (HLS, "add_files -tb ../sim", "add_files ../sim", r"is not C\+\+; data belongs to the test"),
    (HLS, "add_files -tb -cflags -std=c++14 bench.cpp", "", r"no test bench file has a main\(\)"),
    (HLS, "-flow_target vivado", "-flow_target ip", r"-flow_target is 'ip'; allowed: vivado"),
    (HLS, "set_part $part", "set_part xc7z02clg400-1", r"set_part: 'xc7z02clg400-1' is not a 7-s"),
    (HLS, "set_part $part", "", r"csynth_design: set_part comes first"),
    (HLS, "create_clock -name default -period 8.000", "", r"csynth_design: create_clock comes fir"),
    (HLS, "-name default -period 8.000", "-name default", r"create_clock needs -period; its synt"),
    (HLS, "        csynth_design\n", "", r"export_design: csynth_design comes first"),
    (HLS, "-format ip_catalog", "-format ip", r"export_design -format is 'ip'; allowed: ip_cat"),
    (HLS, "csim_design -clean", "csim_design -args", r"csim_design has no option -args"),
    (HLS, "done\"\nexit 0\n", "done\"\n", r"without 'exit' vitis_hls stays open"),
    (HLS, "csynth_design\n", "csynth_desing\n", r"unknown command 'csynth_desing'"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [pytest.param(*m, id=f"{i:02d}_{Path(m[0]).stem}") for i, m in enumerate(MUTATIONS)],
)
def test_mutation_is_found(folder, name, old, new, message):
    path = folder / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    script = BUILD if name.endswith(".xdc") else name
    with pytest.raises(TclCheckError) as caught:
        check(folder, script)
    assert re.search(message, caught.value.message), caught.value.message
    assert str(caught.value).startswith(f"{Path(script).name}:{caught.value.line}: ")


@pytest.mark.parametrize(
    ("name", "text", "script", "message"),
    [
        pytest.param("rtl/core.v", "module core; lng_x u_x (); endmodule", BUILD,
                     "core uses lng_x, which is in none of the added files", id="module"),
        pytest.param("rtl/core.v", "module core(input wire clk); endmodule", PROJECT,
                     "top module has no port 'aclk'; it has: clk", id="port"),
        pytest.param("rtl/lng_rom.v", "module core; endmodule", BUILD, "and again in", id="double"),
        pytest.param("hls/core.h", '#include "gone.h"', HLS, 'includes "gone.h"', id="header"),
        pytest.param("hls/bench.cpp", "// int main() {}", HLS, "has a main", id="main"),
    ],
)  # fmt: skip
def test_mistake_in_a_source_is_found(folder, name, text, script, message):
    (folder / name).write_text(text)
    with pytest.raises(TclCheckError, match=re.escape(message)):
        check(folder, script)


def test_missing_memory_file_on_disk(folder):
    (folder / "rtl/w.mem").unlink()
    for name in (PROJECT, BUILD):
        with pytest.raises(TclCheckError, match=r"missing file: .*w\.mem"):
            check(folder, name)


def test_line_of_a_mistake(folder):
    text = (folder / PROJECT).read_text()
    (folder / PROJECT).write_text(text.replace("target_language", "target_langage"))
    line = 1 + text[: text.index("target_language")].count("\n")
    with pytest.raises(TclCheckError) as caught:
        check(folder, PROJECT)
    assert caught.value.line == line


def test_catch_hides_nothing(folder):
    script = folder / "vivado/caught.tcl"
    script.write_text("catch {add_files x.v}\ncatch {no_such_command}\n")
    with pytest.raises(TclCheckError, match="add_files: no project is open") as caught:
        check_script(script, "vivado")
    assert caught.value.line == 1
