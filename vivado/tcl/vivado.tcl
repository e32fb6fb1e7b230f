# Stand-ins for the Vivado commands that generated scripts use. Signatures are those of UG835
# (Vivado Tcl Command Reference, 2019.1 to 2025.2); properties are those of UG912 and UG835.
# Objects are strings "class@name", so that a name given where an object is needed is noticed
# (Vivado: "[Common 17-58] ... is not a valid first class Tcl object").

check::declare create_project {[-part <arg>] [-force] [-in_memory] [-ip] [-rtl_kernel] [-quiet] [-verbose] [<name>] [<dir>]}
check::declare close_project {[-delete] [-quiet] [-verbose]}
check::declare current_project {[-quiet] [-verbose] [<project>]}
check::declare current_fileset {[-constrset] [-simset] [-quiet] [-verbose]}
check::declare get_projects {[-regexp] [-nocase] [-filter <arg>] [-quiet] [-verbose] [<patterns>]}
check::declare get_parts {[-regexp] [-nocase] [-filter <arg>] [-of_objects <args>] [-quiet] [-verbose] [<patterns>]}
check::declare get_filesets {[-regexp] [-nocase] [-filter <arg>] [-of_objects <args>] [-quiet] [-verbose] [<patterns>]}
check::declare get_files {[-regexp] [-nocase] [-filter <arg>] [-compile_order <arg>] [-used_in <arg>] [-references] [-all] [-of_objects <args>] [-quiet] [-verbose] [<patterns>]}
check::declare get_runs {[-regexp] [-nocase] [-filter <arg>] [-of_objects <args>] [-quiet] [-verbose] [<patterns>]}
check::declare add_files {[-fileset <arg>] [-of_objects <args>] [-norecurse] [-copy_to <arg>] [-force] [-scan_for_includes] [-quiet] [-verbose] [<files>...]}
check::declare set_property {[-dict <args>] [-name <arg>] [-value <arg>] [-objects <args>] [-quiet] [-verbose] [<name>] [<value>] [<objects>...]}
check::declare get_property {[-min] [-max] [-quiet] [-verbose] <name> <object>}
check::declare update_compile_order {[-force_gui] [-fileset <arg>] [-quiet] [-verbose]}
check::declare set_msg_config {[-id <arg>] [-string <args>] [-severity <arg>] [-limit <arg>] [-new_severity <arg>] [-suppress] [-regexp] [-quiet] [-verbose]}
check::declare read_verilog {[-library <arg>] [-sv] [-quiet] [-verbose] <files>...}
check::declare read_mem {[-quiet] [-verbose] <files>...}
check::declare read_xdc {[-cells <args>] [-ref <arg>] [-quiet_diff_pairs] [-mode <arg>] [-unmanaged] [-no_add] [-quiet] [-verbose] <files>}
check::declare synth_design {[-name <arg>] [-part <arg>] [-constrset <arg>] [-top <arg>] [-include_dirs <args>] [-generic <args>] [-verilog_define <args>] [-flatten_hierarchy <arg>] [-directive <arg>] [-rtl] [-mode <arg>] [-assert] [-quiet] [-verbose]}
check::declare launch_runs {[-jobs <arg>] [-scripts_only] [-dir <arg>] [-to_step <arg>] [-next_step] [-force] [-quiet] [-verbose] <runs>...}
check::declare wait_on_runs {[-timeout <arg>] [-exit_condition <arg>] [-quiet] [-verbose] <runs>...}
check::declare wait_on_run {[-timeout <arg>] [-exit_condition <arg>] [-quiet] [-verbose] <runs>...}
check::declare open_run {[-name <arg>] [-pr_config <arg>] [-quiet] [-verbose] <run>}
check::declare report_utilization {[-file <arg>] [-append] [-pblocks <args>] [-cells <args>] [-return_string] [-name <arg>] [-hierarchical] [-hierarchical_depth <arg>] [-hierarchical_percentages] [-quiet] [-verbose]}
check::declare report_timing_summary {[-check_timing_verbose] [-delay_type <arg>] [-no_detailed_paths] [-setup] [-hold] [-max_paths <arg>] [-nworst <arg>] [-unique_pins] [-path_type <arg>] [-input_pins] [-slack_lesser_than <arg>] [-report_unconstrained] [-significant_digits <arg>] [-no_header] [-file <arg>] [-append] [-name <arg>] [-return_string] [-warn_on_violation] [-datasheet] [-cells <args>] [-rpx <arg>] [-quiet] [-verbose]}
check::declare report_drc {[-name <arg>] [-upgrade_cw] [-checks <args>] [-ruledecks <args>] [-file <arg>] [-rpx <arg>] [-append] [-waived] [-no_waivers] [-return_string] [-quiet] [-verbose]}
check::declare report_methodology {[-name <arg>] [-cells <args>] [-checks <args>] [-file <arg>] [-rpx <arg>] [-append] [-waived] [-no_waivers] [-slack_lesser_than <arg>] [-return_string] [-quiet] [-verbose]}
check::declare get_timing_paths {[-from <args>] [-to <args>] [-through <args>] [-delay_type <arg>] [-setup] [-hold] [-max_paths <arg>] [-nworst <arg>] [-unique_pins] [-slack_lesser_than <arg>] [-group <args>] [-quiet] [-verbose]}
check::declare write_checkpoint {[-force] [-cell <arg>] [-logic_function_stripped] [-encrypt] [-key <arg>] [-quiet] [-verbose] [<file>]}

check::declare version {[-short] [-quiet] [-verbose]}
check::declare open_project {[-read_only] [-quiet] [-verbose] [<name>]}
check::declare get_board_parts {[-regexp] [-nocase] [-latest_file_version] [-latest_hw_revision] [-filter <arg>] [-quiet] [-verbose] [<patterns>...]}
check::declare reset_run {[-prev_step] [-from_step <arg>] [-noclean_dir] [-quiet] [-verbose] <run>}
check::declare report_power {[-no_propagation] [-hier <arg>] [-hierarchical_depth <arg>] [-file <arg>] [-name <arg>] [-format <arg>] [-xpe <arg>] [-l <arg>] [-return_string] [-append] [-rpx <arg>] [-quiet] [-verbose]}
check::declare report_route_status {[-return_nets] [-return_string] [-file <arg>] [-append] [-of_objects <args>] [-route_type <arg>] [-list_all_nets] [-show_all] [-dump_routes] [-has_routing] [-boolean_check <arg>] [-ignore_cache] [-to_load] [-quiet] [-verbose]}
check::declare create_bd_design {[-dir <arg>] [-cell <arg>] [-quiet] [-verbose] <name>}
check::declare get_ipdefs {[-regexp] [-nocase] [-filter <arg>] [-of_objects <args>] [-all] [-quiet] [-verbose] [<patterns>...]}
check::declare create_bd_cell {[-vlnv <arg>] [-type <arg>] [-reference <arg>] [-revision <arg>] [-quiet] [-verbose] <name>}
check::declare apply_bd_automation {-rule <arg> [-config <arg>] [-opts <arg>] [-dict <arg>] [-quiet] [-verbose] [<objects>...]}
check::declare get_bd_cells {[-regexp] [-hierarchical] [-filter <arg>] [-of_objects <args>] [-quiet] [-verbose] [<patterns>]}
check::declare get_bd_pins {[-regexp] [-hierarchical] [-filter <arg>] [-of_objects <args>] [-quiet] [-verbose] [<patterns>]}
check::declare get_bd_intf_pins {[-regexp] [-hierarchical] [-filter <arg>] [-of_objects <args>] [-quiet] [-verbose] [<patterns>]}
check::declare get_bd_addr_spaces {[-regexp] [-hierarchical] [-filter <arg>] [-of_objects <args>] [-quiet] [-verbose] [<patterns>]}
check::declare get_bd_addr_segs {[-regexp] [-hierarchical] [-filter <arg>] [-of_objects <args>] [-excluded] [-addressed] [-unaddressed] [-addressing] [-addressables] [-quiet] [-verbose] [<patterns>]}
check::declare connect_bd_net {[-net <arg>] [-boundary_type <arg>] [-quiet] [-verbose] <objects>...}
check::declare connect_bd_intf_net {[-intf_net <arg>] [-boundary_type <arg>] [-auto_negotiation] [-quiet] [-verbose] <object1> <object2>}
check::declare create_bd_addr_seg {-range <arg> -offset <arg> [-quiet] [-verbose] [<parent_addr_space>] [<slave_segment>] <name>}
check::declare validate_bd_design {[-force] [-design <arg>] [-quiet] [-verbose]}
check::declare save_bd_design {[-quiet] [-verbose] [<name>]}
check::declare generate_target {[-force] [-quiet] [-verbose] <name> <objects>}
check::declare make_wrapper {[-top] [-testbench] [-inst_template] [-fileset <arg>] [-import] [-force] -files <args> [-quiet] [-verbose]}

namespace eval vivado {
    variable project {}     ;# {} or {name dir part memory}
    variable sets {}        ;# fileset -> {class files top}
    variable types {}       ;# file -> FILE_TYPE
    variable runs {}        ;# run -> new, running or done
    variable design 0       ;# 1 once a synthesized design is open
    variable disk {}        ;# project file -> its state, for open_project
    variable stale {}       ;# filesets whose compile order is out of date
    # File types by extension. Vivado gives .mem files the type "Memory File".
    variable extensions {
        .v Verilog .vh {Verilog Header} .sv SystemVerilog .svh {Verilog Header} .mem {Memory File}
        .dat {Data Files} .hex {Unknown} .bin {Unknown} .mif {Memory Initialization Files}
        .coe {Coefficient Files} .xdc XDC .tcl TCL .bd {Block Designs}
    }
    # Properties that may be set: class -> name -> any, bool, module, part or a list of values.
    variable properties {
        project {part part target_language {Verilog VHDL} simulator_language {Verilog VHDL Mixed}
            default_lib any board_part board}
        srcset {top module include_dirs any verilog_define any generic any}
        simset {top module top_lib any include_dirs any verilog_define any generic any
            xsim.simulate.runtime any xsim.simulate.log_all_signals bool}
        constrset {target_constrs_file any}
        run {strategy any part part steps.synth_design.args.flatten_hierarchy {full none rebuilt}
            steps.synth_design.args.directive any {steps.synth_design.args.more options} synth}
        file {file_type {Verilog {Verilog Header} SystemVerilog {Memory File} XDC
            {Memory Initialization Files} {Data Files}}
            used_in any used_in_synthesis bool used_in_simulation bool used_in_implementation bool
            synth_checkpoint_mode {None Singular Hierarchical}
            is_enabled bool processing_order {EARLY NORMAL LATE} library any}
    }
}

source [file join [file dirname [info script]] vivado_files.tcl]
source [file join [file dirname [info script]] vivado_design.tcl]
source [file join [file dirname [info script]] vivado_ip.tcl]
source [file join [file dirname [info script]] vivado_bd.tcl]
source [file join [file dirname [info script]] vivado_bd_rules.tcl]
source [file join [file dirname [info script]] vivado_ipx.tcl]

# The version as a number, 20192 for 2019.2.
proc vivado::number {} {
    regexp {^(\d{4})\.(\d)} [dict get $::check::world version] - year release
    return [expr {$year * 10 + $release}]
}

proc vivado::version {given plain} {
    if {![dict exists $given -short]} {
        check::fail "version: only version -short is one word"
    }
    return [dict get $::check::world version]
}

# Commands that not every version has. Of assign_bd_address, UG835 2021.2 is the oldest page seen
# with -offset; write_bd_tcl uses it from 2020.1 on.
if {[vivado::number] >= 20201} {
    check::declare assign_bd_address {[-target_address_space <arg>] [-boundary] [-master_boundary] [-external] [-dict <arg>] [-import_from_file <arg>] [-export_to_file <arg>] [-export_gui_to_file <arg>] [-offset <arg>] [-range <arg>] [-base_high <arg>] [-force] [-quiet] [-verbose] [<objects>...]}
} else {
    check::declare assign_bd_address {[-target_address_space <arg>] [-boundary] [-external] [-dict <arg>] [-quiet] [-verbose] [<objects>...]}
}
if {[vivado::number] >= 20192} {
    check::declare write_hw_platform {[-fixed] [-force] [-include_bit] [-include_sim_content] [-minimal] [-hw] [-hw_emu] [-quiet] [-verbose] [<file>]}
}
