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

namespace eval vivado {
    variable project {}     ;# {} or {name dir part memory}
    variable sets {}        ;# fileset -> {class files top}
    variable types {}       ;# file -> FILE_TYPE
    variable runs {}        ;# run -> new, running or done
    variable design 0       ;# 1 once a synthesized design is open
    variable stale {}       ;# filesets whose compile order is out of date
    # File types by extension. Vivado gives .mem files the type "Memory File".
    variable extensions {
        .v Verilog .vh {Verilog Header} .sv SystemVerilog .svh {Verilog Header} .mem {Memory File}
        .dat {Data Files} .hex {Unknown} .bin {Unknown} .mif {Memory Initialization Files}
        .coe {Coefficient Files} .xdc XDC .tcl TCL
    }
    # Properties that may be set: class -> name -> any, bool, module, part or a list of values.
    variable properties {
        project {part part target_language {Verilog VHDL} simulator_language {Verilog VHDL Mixed}
            default_lib any}
        srcset {top module include_dirs any verilog_define any generic any}
        simset {top module top_lib any include_dirs any verilog_define any generic any
            xsim.simulate.runtime any xsim.simulate.log_all_signals bool}
        constrset {target_constrs_file any}
        run {strategy any part part steps.synth_design.args.flatten_hierarchy {full none rebuilt}
            steps.synth_design.args.directive any {steps.synth_design.args.more options} synth}
        file {file_type {Verilog {Verilog Header} SystemVerilog {Memory File} XDC
            {Memory Initialization Files} {Data Files}}
            used_in any used_in_synthesis bool used_in_simulation bool used_in_implementation bool
            is_enabled bool processing_order {EARLY NORMAL LATE} library any}
    }
}

source [file join [file dirname [info script]] vivado_files.tcl]
source [file join [file dirname [info script]] vivado_design.tcl]
