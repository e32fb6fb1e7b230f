"""Board projects: boards, clocks, and block designs that the checker's model accepts or refuses."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from lenetgen.codegen.boards import BOARDS, fclk, find_board
from lenetgen.codegen.cycles import measure
from lenetgen.codegen.design import build_design
from lenetgen.codegen.emit_vivado import STEPS
from lenetgen.codegen.errors import UserError
from lenetgen.codegen.registers import CORE_BASE, DMA_BASE
from lenetgen.codegen.schedule import make_schedule
from lenetgen.sim.package import Options, load, write
from lenetgen.vivado.tclcheck import (
    TclCheckError,
    World,
    check_folder,
    check_hls_config,
    check_script,
    tcl_word,
)

from .wide_networks import WIDE

COMMON = "vivado/common.tcl"
IP = "vivado/package_ip.tcl"
BD = "vivado/02_block_design.tcl"


def emit(out: Path, board: str, pixels: int, clock_ns: float = 10.0) -> Path:
    """Emit a small network for a board; ``pixels`` 1 or 8 a word."""
    wide = WIDE[f"w_lenet_{pixels}"]()
    design = build_design("core", wide.graph, make_schedule(wide.graph, wide.folds, wide.pixels))
    images = np.zeros((2, *wide.graph.input.shape), dtype=np.uint8)
    part = BOARDS[board].part
    options = Options(precision="p", model="m", part=part, clock_ns=clock_ns, board=board)
    return write(design, measure(design), options, images, out).folder


@pytest.fixture(scope="module")
def emitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return emit(tmp_path_factory.mktemp("board") / "one", "pynq-z2", 1)


@pytest.fixture
def folder(emitted: Path, tmp_path: Path) -> Path:
    """A copy of the scripts that may be spoilt; the sources are those of ``emitted``."""
    out = tmp_path / "emitted folder"
    shutil.copytree(emitted / "vivado", out / "vivado")
    for name in ("rtl", "sim"):
        (out / name).symlink_to(emitted / name)
    return out


def steps(folder: Path, upto: int = 6, world: World | None = None, args: tuple[str, ...] = ()):
    paths = [folder / "vivado" / f"{step}.tcl" for step in STEPS[:upto]]
    return check_script(paths, "vivado", args, world=world)


# ---- boards and clocks --------------------------------------------------------------------------


@pytest.mark.parametrize("pixels", [1, 8])
@pytest.mark.parametrize("board", BOARDS)
def test_scripts_of_all_boards_pass(tmp_path, board, pixels):
    out = emit(tmp_path / "out", board, pixels)
    traces = check_folder(out)
    assert traces[IP].named("ipx::save_core")
    assert traces[f"vivado/{STEPS[-1]}.tcl"].state["top"] == "system_wrapper"
    assert traces["vivado/create_project.tcl"].state["part"] == BOARDS[board].part
    check_script(out / "vivado/create_project.tcl", "vivado", world=World(boards=None))
    widths = re.findall(r"c_m_axis_mm2s_tdata_width {(\d+)}", (out / BD).read_text())
    assert widths == [str(8 * pixels)]
    assert load(out).board == board


@pytest.mark.parametrize(
    "world",
    [
        pytest.param(World("2019.1"), id="2019.1"),
        pytest.param(World("2019.2", None), id="2019.2_boards"),
        pytest.param(World("2020.1.1"), id="2020.1.1"),
        pytest.param(World("2023.1", None), id="2023.1_boards"),
        pytest.param(World("2025.2", None, ("xlconcat",)), id="2025.2_inline_hdl"),
    ],
)
def test_steps_with_many_versions(emitted, world):
    trace = steps(emitted, world=world)
    names = {path.name for path in trace.written}
    old = world.version == "2019.1"
    assert {"core.bit", "core.hwh", "core.hdf" if old else "core.xsa"} <= names
    assert bool(trace.named("create_bd_addr_seg")) == world.version.startswith("2019")
    assert bool(trace.named("assign_bd_address")) != world.version.startswith("2019")
    inline = [call for call in trace.named("create_bd_cell") if "inline_hdl" in call.args]
    assert bool(inline) == ("xlconcat" in world.missing)
    reports = {path.name for path in trace.written if path.parent.name == "impl"}
    assert reports >= {"utilization.rpt", "timing.rpt", "power.rpt", "drc.rpt", "route_status.rpt"}
    preset = f"apply_board_preset {int(world.boards is None)} "
    (automation,) = trace.named("apply_bd_automation")
    assert preset in automation.args[3]


def test_board_files_can_be_left_aside(emitted):
    trace = steps(emitted, 2, World(boards=None), ("--no-board-files",))
    assert not [call for call in trace.named("set_property") if "board_part" in call.args]
    assert "no board files for pynq-z2" in trace.output


def test_addresses_are_those_of_the_driver(emitted):
    trace = steps(emitted, 2)
    placed = {call.args[6]: call.args[1] for call in trace.named("assign_bd_address")}
    assert placed["bd_addr_seg@lng_core/s_axi/reg0"] == f"0x{CORE_BASE:08X}"
    assert placed["bd_addr_seg@axi_dma_0/S_AXI_LITE/Reg"] == f"0x{DMA_BASE:08X}"


@pytest.mark.parametrize(
    ("mhz", "made"), [(100, 100), (125, 125), (200, 200), (33.333, 1000 / 30), (142.857, 1000 / 7)]
)
def test_clocks_that_fclk0_makes(mhz, made):
    clock = fclk(find_board("zedboard"), mhz)
    assert clock.mhz == pytest.approx(made, rel=1e-12)
    assert 1000.0 / (clock.divisors[0] * clock.divisors[1]) == pytest.approx(made, rel=1e-12)


@pytest.mark.parametrize(
    ("mhz", "message"),
    [
        (150, "the nearest are 142.857 and 166.667 MHz"),
        (249, "the nearest are 200 and 250 MHz"),
        (300, "makes 0.1 to 250 MHz"),
        (0.05, "makes 0.1 to 250 MHz"),
        (float("nan"), "makes 0.1 to 250 MHz"),
    ],
)
def test_clocks_that_it_does_not(mhz, message):
    with pytest.raises(UserError, match=re.escape(message)):
        fclk(find_board("pynq-z2"), mhz)


def test_unknown_board():
    with pytest.raises(UserError, match="no such board; choose one of pynq-z2, zedboard, arty"):
        find_board("pynq-z3")


def test_too_old_a_vivado_and_a_missing_part(folder):
    with pytest.raises(TclCheckError, match=r"Vivado 2018\.3 is too old: 2019\.1 or later"):
        steps(folder, world=World("2018.3"))
    text = (folder / COMMON).read_text()
    (folder / COMMON).write_text(text.replace("xc7z020clg400-1", "xc7z020clg225-1"))
    with pytest.raises(TclCheckError, match="this Vivado has no part 'xc7z020clg225-1' installed"):
        steps(folder)


def test_a_step_without_those_before_it(folder):
    for name, message in (
        ("03_synth", "no project .*core.xpr: run 01_project.tcl"),
        ("02_block_design", "no project .*core.xpr"),
    ):
        with pytest.raises(TclCheckError, match=message):
            check_script(folder / f"vivado/{name}.tcl", "vivado")
    paths = [folder / f"vivado/{STEPS[i]}.tcl" for i in (0, 1, 3)]
    with pytest.raises(TclCheckError, match=r"synth_1 is not done: run 03_synth\.tcl first"):
        check_script(paths, "vivado")
    paths = [folder / f"vivado/{STEPS[i]}.tcl" for i in (0, 1, 2, 3, 5)]
    with pytest.raises(TclCheckError, match=r"no bitstream: run 05_bitstream\.tcl first"):
        check_script(paths, "vivado")


def test_wrong_arguments(folder):
    with pytest.raises(TclCheckError, match="unknown argument '--part'; allowed: --jobs NUMBER"):
        steps(folder, 1, args=("--part", "x"))
    with pytest.raises(TclCheckError, match="unknown argument '--jobs'"):
        steps(folder, 1, args=("--jobs", "0"))
    assert steps(folder, 3, args=("--jobs", "8")).named("launch_runs")[0].args[1:3] == (
        "-jobs",
        "8",
    )


def test_tcl_words():
    assert tcl_word("a b$[x]") == r"a\ b\$\[x\]"


# ---- mutations: each is found, with a message that tells -----------------------------------------

P1, S3, I4, B5, E6 = (f"vivado/{STEPS[i]}.tcl" for i in (0, 2, 3, 4, 5))
CORE_PINS = "lng_core/aresetn}"
MUTATIONS = [
    # script, old, new, message
    (BD, "axi_dma_0/mm2s_introut irq", "axi_dma_0/mm2s_intr irq", r"get_bd_pins: there is no 'axi"),
    (BD, "smc_control/S00_AXI", "smc_control/S01_AXI", r"get_bd_intf_pins: there is no 'smc_cont"),
    (BD, "reset_0/peripheral_aresetn {axi_dma_0/axi_resetn lng_core/aresetn}",
     "reset_0/peripheral_aresetn {axi_dma_0/axi_resetn}", r"lng_core/aresetn \(rst\) is not conn"),
    (BD, "reset_0/interconnect_aresetn", "reset_0/peripheral_reset", r"active low, .* active h"),
    (BD, " lng_core/aclk\n", " \n", r"lng_core/aclk \(clk\) is not connected"),
    (BD, "        lng_core/aclk\n    }\n", "    }\n    reset_0/mb_reset lng_core/aclk\n",
     r"reset_0/mb_reset is a rst, lng_core/aclk a clk"),
    (BD, "    ps7/FCLK_RESET0_N reset_0/ext_reset_in\n", "", r"reset_0/ext_reset_in \(rst\) is"),
    (BD, "    lng_core/irq irq_concat/In2\n", "", r"irq_concat/In2 \(data\) is not connected"),
    (BD, "irq_concat/In1", "irq_concat/In0", r"irq_concat/In0 is connected already"),
    (BD, "NUM_PORTS {3}", "NUM_PORTS {2}", r"there is no 'irq_concat/In2'"),
    (BD, "NUM_MI {2}", "NUM_MI {1}", r"there is no 'smc_control/M01_AXI'"),
    (BD, "NUM_MI {2}", "NUM_MI {3}", r"smc_control/M02_AXI \(aximm\) is not connected"),
    (BD, "c_m_axis_mm2s_tdata_width {8}", "c_m_axis_mm2s_tdata_width {16}",
     r"axi_dma_0/M_AXIS_MM2S has 16 bits, lng_core/s_axis 8"),
    (BD, "c_m_axis_mm2s_tdata_width {8}", "c_m_axis_mm2s_tdata_width {24}", r"can't be '24'"),
    (BD, "c_include_sg {0}", "c_include_sg {1}", r"axi_dma_0/m_axi_sg_aclk \(clk\) is not con"),
    (BD, "c_include_sg", "c_includes_sg", r"axi_dma has no setting CONFIG.c_includes_sg"),
    (BD, "c_sg_length_width {26}", "c_sg_length_width {32}", r"c_sg_length_width of axi_dma"),
    (BD, "c_include_s2mm {1}", "c_include_s2mm {0}", r"there is no 'axi_dma_0/S_AXIS_S2MM'"),
    (BD, "lng_core/m_axis axi_dma_0/S_AXIS_S2MM", "lng_core/m_axis axi_dma_0/S_AXI_LITE",
     r"lng_core/m_axis is axis, axi_dma_0/S_AXI_LITE is aximm"),
    (BD, "axi_dma_0/M_AXI_S2MM smc_data", "axi_dma_0/S_AXI_LITE smc_data", r"is connected alr"),
    (BD, "    smc_data/M00_AXI ps7/S_AXI_HP0\n", "", r"HP0_DDR_LOWOCM can't be reached from axi_d"),
    (BD, "ps7/M_AXI_GP0 smc_control/S00_AXI", "ps7/M_AXI_GP0 smc_control/M00_AXI", r"both masters"),
    (BD, "    ps7/Data lng_core/s_axi/* 0x43C00000 4K\n", "",
     r"lng_core/s_axi/reg0 has no address in ps7/Data"),
    (BD, "    axi_dma_0/Data_S2MM ps7/S_AXI_HP0/HP0_DDR_LOWOCM 0x00000000 512M\n", "",
     r"ps7/S_AXI_HP0/HP0_DDR_LOWOCM has no address in axi_dma_0/Data_S2MM"),
    (BD, "0x43C00000 4K", "0x40400000 4K", r"reg0 overlaps axi_dma_0/S_AXI_LITE/Reg in ps7/Data"),
    (BD, "0x43C00000 4K", "0x43C00800 4K", r"a power of two from 4K on,"),
    (BD, "0x43C00000 4K", "0x43C00000 8K", r"reg0: 8K is more than it has"),
    (BD, "0x43C00000 4K", "0x83C00000 4K", r"is outside of M_AXI_GP0"),
    (BD, "ps7/Data lng_core/s_axi/*", "ps7/Data lng_core/s_axis/*", r"nothing matches 'lng_core"),
    (BD, "axi_dma_0/Data_MM2S ps7/S_AXI_HP0/HP0_DDR_LOWOCM", "axi_dma_0/Data_MM2S lng_core/s_axi/*",
     r"can't be reached from axi_dma_0/Data_MM2S|more than it has"),
    (BD, "PCW_USE_S_AXI_HP0 {1}", "PCW_USE_S_AXI_HP0 {0}", r"there is no 'ps7/S_AXI_HP0'"),
    (BD, "PCW_USE_M_AXI_GP0", "PCW_USE_M_AXI_GPO", r"has no setting CONFIG.PCW_USE_M_AXI_GPO"),
    (BD, "PCW_USE_FABRIC_INTERRUPT {1}", "PCW_USE_FABRIC_INTERRUPT {0}", r"no 'ps7/IRQ_F2P'"),
    (BD, "FPGA0_PERIPHERAL_FREQMHZ {100.000000}", "FPGA0_PERIPHERAL_FREQMHZ {150}",
     r"FCLK0 would be 142\.857143 MHz instead of 100"),
    (BD, "UART0_UART0_IO {MIO 14 .. 15}", "UART0_UART0_IO {MIO 46 .. 47}", r"MIO 46 is used by"),
    (BD, "MIO 14 .. 15", "MIO 14-15", r"CONFIG.PCW_UART0_UART0_IO of processing_system7 can't be"),
    (BD, "        CONFIG.PCW_UIPARAM_DDR_PARTNO {MT41J256M16 RE-125}\n", "",
     r"ps7 has neither a board preset nor a DDR memory"),
    (BD, "make_external {FIXED_IO, DDR} ", "", r"ps7/DDR \(ddrx\) is not connected"),
    (BD, "bd_rule:processing_system7", "bd_rule:processing_system", r"-rule is 'xilinx.com:bd"),
    (BD, "[lng::ip axi_dma]", "[lng::ip axi_dna]", r"this Vivado has no IP 'axi_dna' in its catal"),
    (BD, "[lng::ip axi_dma]", "xilinx.com:ip:axi_dma:7.0", r"this Vivado has no ip 'xilinx.com:ip"),
    (BD, "-reference $lng::core", "-reference $lng::name.v", r"the top module 'core\.v' is in"),
    (BD, "-target_address_space", "-target_addr_space", r"assign_bd_address has no option -target"),
    (BD, "[get_bd_pins $from]", "$from", r"connect_bd_net: 'ps7/FCLK_CLK0' is not a pin"),
    (BD, "validate_bd_design\n", "", r"save_bd_design: the design is not validated"),
    (BD, "save_bd_design\n", "", r"generate_target: the block design is not saved"),
    (BD, "generate_target all $file\n", "", r"the block design was not generated"),
    (BD, "-files $file -top]", "-files $file]", r"make_wrapper: -top is missing"),
    (BD, "add_files -norecurse -fileset sources_1 [list $wrapper]\n", "", r"wrapper of the block"),
    (BD, "synth_checkpoint_mode None", "synth_checkpoint_mode Global", r"mode is 'Global'"),
    (COMMON, "variable core core_axi", "variable core core", r"there is no 'lng_core/s_axi'|irq"),
    (COMMON, "report_power -file", "report_powers -file", r"unknown command 'report_powers'"),
    (COMMON, "-jobs $jobs", "-job $jobs", r"launch_runs has no option -job"),
    (COMMON, "    wait_on_run $run\n", "", r"synth_1 Complete!|runme\.log"),
    (COMMON, "    file mkdir $folder\n", "", r"the folder of .*utilization\.rpt does not exist"),
    (COMMON, "[version -short]", "[version short]", r"version: 1 arguments given"),
    (P1, "    rtl/core_axi.v\n", "", r"the top module 'core_axi' is in none of the added files"),
    (P1, "    rtl/lng_axi_lite.v\n", "", r"uses lng_axi_lite, and .*lng_axi_lite\.v is not added"),
    (P1, "set_property board_part", "set_property boardpart", r"no property 'boardpart'"),
    (S3, "reset_run synth_1", "reset_run synth1", r"there is no run 'synth1'"),
    (S3, "open_run synth_1 -name synth_1\n", "", r"no synthesized design is open"),
    (I4, "lng::run impl_1", "lng::run impl_1 -to_step routing", r"-to_step given twice"),
    (I4, "reset_run impl_1\n", "lng::run impl_1\n", r"impl_1 has run already"),
    (B5, "}_wrapper.bit", "}.bit", r"file copy: there is no file .*impl_1/system\.bit"),
    (B5, "file copy -force", "file copy", r"copies one file with -force"),
    (B5, "-to_step write_bitstream", "-to_step write_bitsream", r"-to_step is 'write_bitsream'"),
    (E6, "20202", "20240", r"file copy: there is no file .*core\.srcs/sources_1/bd/system/hw_hand"),
    (E6, "    open_run impl_1\n", "", r"write_hw_platform: no synthesized design is open"),
    (E6, "$lng::name.xsa", "$lng::name.hdf", r"does not end in \.xsa"),
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
    boards = None if "board_part" in old else ()
    with pytest.raises(TclCheckError) as caught:
        steps(folder, world=World(boards=boards))
    assert re.search(message, caught.value.message), caught.value.message


def test_where_a_mistake_is(folder):
    text = (folder / COMMON).read_text()
    (folder / COMMON).write_text(text.replace("-jobs $jobs", "-job $jobs"))
    line = 1 + text[: text.index("-jobs $jobs")].count("\n")
    with pytest.raises(TclCheckError) as caught:
        steps(folder)
    assert str(caught.value).startswith(f"common.tcl:{line}: launch_runs has no option -job")


IP_MUTATIONS = [
    ("ipx::save_core $core\n", "", r"the packaged core is not saved"),
    ("ipx::check_integrity $core\n", "", r"ipx::save_core: the core was not checked"),
    ("-vendor lenetgen ", "", r"without -vendor the IP gets a name"),
    ("ipx::package_project -root_dir", "ipx::package_project -rootdir", r"has no option -rootdir"),
    (
        "-of_objects $core]\n    }\n\n    # 4",
        "]\n    }\n\n    # 4",
        r"user_parameters needs -of_obj",
    ),
    ("foreach name {PIXELS", "foreach name {PIXEL", r"get_user_parameters: nothing matches 'PIXEL"),
    ("enablement_value false", "enablement_value no", r"enablement_value is 'no'; allowed: true"),
    ("set_property access $access", "set_property acces $access", r"register has no property 'acc"),
    ("CONTROL 0x20", "CONTROL 0x1C", r"CONTROL: offset '0x1C' is taken"),
    ("    rtl/core_axi_regs.v\n", "", r"uses core_axi_regs, and .*core_axi_regs\.v is not added"),
]


@pytest.mark.parametrize(("old", "new", "message"), IP_MUTATIONS)
def test_mutation_of_the_packaging_is_found(folder, old, new, message):
    text = (folder / IP).read_text()
    assert old in text
    (folder / IP).write_text(text.replace(old, new))
    with pytest.raises(TclCheckError) as caught:
        check_script(folder / IP, "vivado")
    assert re.search(message, caught.value.message), caught.value.message


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("syn.top=", "syn.topp=", r"section \[hls\] has no 'syn\.topp=core'"),
        ("syn.file=core.cpp", "syn.file=cor.cpp", r"syn\.file: there is no file cor\.cpp"),
        ("[hls]", "[hlss]", r"there is no section \[hlss\]"),
        ("clock=10.000ns\n", "", r"clock is missing"),
    ],
)
def test_mistake_in_the_configuration_is_found(emitted, tmp_path, old, new, message):
    text = (emitted / "hls/hls_config.cfg").read_text()
    assert old in text
    shutil.copytree(emitted / "hls", tmp_path / "hls")
    assert check_hls_config(emitted / "hls/hls_config.cfg")["syn.top"] == ["core"]
    (tmp_path / "hls/hls_config.cfg").write_text(text.replace(old, new))
    with pytest.raises(TclCheckError, match=message):
        check_hls_config(tmp_path / "hls/hls_config.cfg")
