# Stand-ins for the Vitis HLS commands that generated scripts use. Signatures are those of UG1399
# (Vitis HLS Command Reference, 2020.2 to 2025.2), restricted to options that all these know.

check::declare open_project {[-reset] [-upgrade] <name>}
check::declare close_project {}
check::declare set_top {<top>}
check::declare add_files {[-blackbox <file>] [-cflags <string>] [-csimflags <string>] [-tb] <src_files>}
check::declare open_solution {[-flow_target <target>] [-reset] <name>}
check::declare close_solution {}
check::declare set_part {<device_specification>}
check::declare create_clock {-period <number> [-name <string>]}
check::declare csim_design {[-O] [-argv <string>] [-clean] [-ldflags <string>] [-mflags <string>] [-setup]}
check::declare csynth_design {[-dump_cfg] [-dump_post_cfg] [-synthesis_check]}
check::declare export_design {[-description <string>] [-display_name <string>] [-flow <flow>] [-format <format>] [-ipname <string>] [-library <string>] [-output <string>] [-rtl <language>] [-taxonomy <string>] [-vendor <string>] [-version <string>]}

namespace eval vitis_hls {
    variable project ""
    variable solution ""
    variable top ""
    variable sources {}     ;# design files, their headers included
    variable bench {}       ;# test bench files, their headers included
    variable part ""
    variable period ""
    variable synthesized 0
}

proc vitis_hls::need {command what value} {
    if {$value eq ""} {
        check::fail "$command: $what comes first"
    }
}

proc vitis_hls::open_project {given plain} {
    variable project [lindex $plain 0]
    variable solution ""
    variable sources {}
    variable bench {}
    if {![regexp {^[\w./-]+$} $project]} {
        check::fail "open_project: '$project' is not a project name"
    }
    check::make_folder $project
    dict set ::check::state project $project
    return
}

proc vitis_hls::close_project {given plain} {
    variable project
    need close_project open_project $project
    set project ""
}

proc vitis_hls::set_top {given plain} {
    variable project
    variable top [lindex $plain 0]
    need set_top open_project $project
    dict set ::check::state top $top
    return
}

# The value of <src_files> is a list of names parted by spaces (UG1399: add_files "a.cpp b.cpp").
proc vitis_hls::add_files {given plain} {
    variable project
    variable sources
    variable bench
    need add_files open_project $project
    set test [dict exists $given -tb]
    set folders {}
    foreach flag [concat [check::option $given -cflags ""] [check::option $given -csimflags ""]] {
        if {[string match -I* $flag]} {
            set folder [string range $flag 2 end]
            if {![file isdirectory $folder]} {
                check::fail "add_files: there is no folder '$folder' to search for headers"
            }
            lappend folders $folder
        } elseif {![regexp {^-(std=(c|gnu)\+\+\w+|D\w+(=\S*)?|W[\w=+-]+|O[0-3sg]|f[\w=-]+|g)$} $flag]} {
            check::fail "add_files: '$flag' is not a compiler option"
        }
    }
    set count 0
    foreach path [lindex $plain 0] {
        incr count
        if {![file exists $path]} {
            check::fail "add_files: there is no file $path"
        }
        set path [file normalize $path]
        if {$path in $sources || $path in $bench} {
            check::fail "add_files: $path was added before"
        }
        set code [expr {[file extension $path] in {.cpp .cc .cxx .c .h .hpp}}]
        if {!$code && !$test} {
            check::fail "add_files: $path is not C++; data belongs to the test bench (-tb)"
        }
        set files [expr {$code ? [check::cpp_closure add_files $path $folders] : [list $path]}]
        if {$test} {
            lappend bench {*}$files
        } else {
            lappend sources {*}$files
        }
    }
    if {$count == 0} {
        check::fail "add_files: no files given"
    }
    return
}

proc vitis_hls::open_solution {given plain} {
    variable project
    variable solution [lindex $plain 0]
    variable part ""
    variable period ""
    variable synthesized 0
    need open_solution open_project $project
    check::one_of "open_solution -flow_target" [check::option $given -flow_target vivado] \
        {vivado vitis}
    return
}

proc vitis_hls::close_solution {given plain} {
    variable solution
    need close_solution open_solution $solution
    set solution ""
}

proc vitis_hls::set_part {given plain} {
    variable solution
    variable part [lindex $plain 0]
    need set_part open_solution $solution
    check::must_be_part set_part $part
    dict set ::check::state part $part
    return
}

proc vitis_hls::create_clock {given plain} {
    variable solution
    variable period [dict get $given -period]
    need create_clock open_solution $solution
    if {![regexp {^(\d+(?:\.\d+)?)(?:ns|MHz)?$} $period - number] || $number <= 0} {
        check::fail "create_clock: -period '$period' is not a positive number of ns or MHz"
    }
    dict set ::check::state period $period
    return
}

proc vitis_hls::need_design {command} {
    variable solution
    variable sources
    variable top
    need $command open_solution $solution
    need $command "add_files with the design" $sources
    need $command set_top $top
    if {![check::cpp_has_function $sources $top]} {
        check::fail "$command: the top function '$top' is in none of the added files"
    }
}

proc vitis_hls::csim_design {given plain} {
    variable bench
    need_design csim_design
    need csim_design "add_files -tb" $bench
    set code [lsearch -all -inline -regexp $bench {\.(cpp|cc|cxx|c|h|hpp)$}]
    if {![check::cpp_has_function $code main]} {
        check::fail "csim_design: no test bench file has a main()"
    }
    return
}

proc vitis_hls::csynth_design {given plain} {
    variable part
    variable period
    variable synthesized
    need_design csynth_design
    need csynth_design set_part $part
    need csynth_design create_clock $period
    set synthesized 1
    return
}

proc vitis_hls::export_design {given plain} {
    variable synthesized
    need_design export_design
    if {!$synthesized} {
        check::fail "export_design: csynth_design comes first"
    }
    check::one_of "export_design -format" [check::option $given -format ip_catalog] \
        {ip_catalog xo syn_dcp sysgen}
    check::one_of "export_design -rtl" [check::option $given -rtl verilog] {verilog vhdl VHDL}
    if {[dict exists $given -flow]} {
        check::one_of "export_design -flow" [dict get $given -flow] {syn impl}
    }
    return
}

# After a script that does not call exit, vitis_hls waits for commands (UG1399, vitis_hls Command).
proc vitis_hls::at_end {by_exit} {
    if {!$by_exit} {
        check::fail "end of script: without 'exit' vitis_hls stays open and waits for commands"
    }
}
