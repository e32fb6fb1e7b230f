# Stand-ins of vivado.tcl: properties, synthesis and reports.

# ---- properties --------------------------------------------------------------------------------

proc vivado::set_property {given plain} {
    if {[dict exists $given -dict]} {
        set pairs [dict get $given -dict]
        set objects [concat [check::option $given -objects {}] {*}$plain]
    } elseif {[dict exists $given -name] || [dict exists $given -value]} {
        if {![dict exists $given -name] || ![dict exists $given -value]} {
            check::fail "set_property: -name and -value go together"
        }
        set pairs [list [dict get $given -name] [dict get $given -value]]
        set objects [concat [check::option $given -objects {}] {*}$plain]
    } else {
        if {[llength $plain] < 3} {
            check::fail "set_property: name, value and objects expected, got: $plain"
        }
        set pairs [lrange $plain 0 1]
        set objects [concat {*}[lrange $plain 2 end]]
    }
    if {$objects eq "" || [llength $pairs] % 2} {
        check::fail "set_property: no objects, or an odd list of names and values"
    }
    foreach object $objects {
        foreach {name value} $pairs {
            if {[string match bd_cell@* $object]} {
                configure [object bd_cell $object] $name $value
            } elseif {[string match ipx_*@* $object]} {
                ipx::set_one [string tolower $name] $value $object
            } else {
                set_one [string tolower $name] $value $object
            }
        }
    }
    return
}

proc vivado::set_one {name value object} {
    variable properties
    variable sets
    variable types
    variable project
    if {![regexp {^(project|fileset|run|file)@(.*)$} $object - class target]} {
        check::fail "set_property: '$object' is not a first class Tcl object (\[get_...\] gives one)"
    }
    set kind [expr {$class eq "fileset" ? [dict get $sets $target class] : $class}]
    set known [dict get $properties $kind]
    if {![dict exists $known $name]} {
        check::fail "set_property: a $kind has no property '$name'; known: [join [dict keys $known] {, }]"
    }
    set allowed [dict get $known $name]
    switch -- $allowed {
        any {}
        bool { check::one_of "set_property $name" $value {0 1 true false} }
        part { check::must_be_part set_property $value }
        board {
            set value [object board_part $value]
            if {![dict exists $::check::world boards $value]} {
                check::fail "set_property: the board '$value' is not installed"
            }
            if {[dict get $::check::world boards $value] ne [dict get $project part]} {
                check::fail "set_property: the part of $value is not [dict get $project part]"
            }
            dict set project board $value
        }
        synth {
            check::one_of "set_property $name" $value {{-mode out_of_context}}
        }
        module {
            must_be_design "set_property top" $target $value
            dict set sets $target top $value
            dict set ::check::state [expr {$target eq "sim_1" ? "sim_top" : "top"}] $value
        }
        default { check::one_of "set_property $name" $value $allowed }
    }
    if {$name eq "file_type"} {
        dict set types $target $value
    } elseif {$name eq "part" && $class eq "project"} {
        dict set project part $value
    }
}

proc vivado::get_property {given plain} {
    variable project
    variable sets
    variable types
    variable runs
    lassign $plain name object
    if {[string match bd_cell@* $object]} {
        return [cell_property [object bd_cell $object] $name]
    }
    if {![regexp {^(project|fileset|run|file|path)@(.*)$} $object - class target]} {
        check::fail "get_property: '$object' is not a first class Tcl object (\[get_...\] gives one)"
    }
    switch -- $class,[string toupper $name] {
        project,NAME - fileset,NAME - run,NAME - file,NAME { return $target }
        project,PART { return [dict get $project part] }
        project,DIRECTORY { return [dict get $project dir] }
        project,BOARD_PART { return [dict get $project board] }
        run,STATUS { return "[dict get $runs $target step] Complete!" }
        run,DIRECTORY {
            return [file join [dict get $project dir] [dict get $project name].runs $target]
        }
        fileset,TOP { return [dict get $sets $target top] }
        file,FILE_TYPE { return [dict get $types $target] }
        run,PROGRESS { return [expr {[dict get $runs $target state] eq "done" ? "100%" : "0%"}] }
        path,SLACK { return 0.123 }
    }
    check::fail "get_property: a $class has no property '$name' that this check knows"
}

proc vivado::set_msg_config {given plain} {
    if {![dict exists $given -id] && ![dict exists $given -severity] && ![dict exists $given -string]} {
        check::fail "set_msg_config: one of -id, -severity, -string chooses the messages"
    }
    if {[dict exists $given -id] && ![regexp {^[A-Z][A-Za-z_]* \d+-\d+$} [dict get $given -id]]} {
        check::fail "set_msg_config: '[dict get $given -id]' is not a message id like {Synth 8-4445}"
    }
    check::one_of "set_msg_config -new_severity" [check::option $given -new_severity ERROR] \
        {ERROR {CRITICAL WARNING} WARNING INFO STATUS}
    return
}

# ---- synthesis and reports -----------------------------------------------------------------------

# What has to be true before synthesis can start with this top; `part` may be "".
proc vivado::must_synthesize {command top part} {
    if {$top eq ""} {
        check::fail "$command: no top module is set"
    }
    check::must_be_part $command $part
    set ports [must_be_design $command sources_1 $top]
    set constraints [typed constrs_1 XDC]
    variable bd
    if {$bd ne ""} {
        return    ;# the cells of a block design bring their constraints
    }
    if {$constraints eq ""} {
        check::fail "$command: no constraints were added"
    }
    foreach path $constraints {
        check::must_be_constraints $command $path $ports
    }
}

proc vivado::synth_design {given plain} {
    variable project
    variable sets
    variable design 1
    need_project synth_design
    check::one_of "synth_design -mode" [check::option $given -mode default] {default out_of_context}
    check::one_of "synth_design -flatten_hierarchy" \
        [check::option $given -flatten_hierarchy rebuilt] {full none rebuilt}
    set top [check::option $given -top [dict get $sets sources_1 top]]
    set part [check::option $given -part [dict get $project part]]
    must_synthesize synth_design $top $part
    dict set ::check::state top $top
    dict set ::check::state part $part
    return design@synth
}

proc vivado::run_name {command word} {
    variable runs
    set name [object run $word]
    if {![dict exists $runs $name]} {
        check::fail "$command: there is no run '$name'; there are: [dict keys $runs]"
    }
    return $name
}

proc vivado::launch_runs {given plain} {
    variable project
    variable sets
    variable runs
    need_project launch_runs
    set jobs [check::option $given -jobs 1]
    if {![string is integer -strict $jobs] || $jobs < 1} {
        check::fail "launch_runs: -jobs '$jobs' is not a number of jobs"
    }
    foreach word [concat {*}$plain] {
        set name [run_name launch_runs $word]
        must_synthesize launch_runs [dict get $sets sources_1 top] [dict get $project part]
        set last [expr {$name eq "synth_1" ? "synth_design" : "route_design"}]
        set step [check::option $given -to_step $last]
        check::one_of "launch_runs -to_step" $step [expr {$name eq "synth_1" ? "synth_design"
            : {opt_design place_design phys_opt_design route_design write_bitstream}}]
        if {$name eq "impl_1" && [dict get $runs synth_1 state] ne "done"} {
            check::fail "launch_runs: impl_1 needs synth_1, which is not done"
        }
        if {[dict get $runs $name state] eq "done" && [dict get $runs $name step] eq $step} {
            check::fail "launch_runs: $name has run already: reset_run comes first"
        }
        dict set runs $name [list state running step $step]
    }
    return
}

proc vivado::reset_run {given plain} {
    variable runs
    need_project reset_run
    dict set runs [run_name reset_run [lindex $plain 0]] {state new step {}}
    return
}

proc vivado::wait_on_runs {given plain} {
    variable project
    variable runs
    variable sets
    need_project wait_on_runs
    foreach word [concat {*}$plain] {
        set name [run_name wait_on_runs $word]
        if {[dict get $runs $name state] eq "new"} {
            check::fail "wait_on_runs: $name was not launched"
        }
        dict set runs $name state done
        if {[dict get $runs $name step] eq "write_bitstream"} {
            set folder [file join [dict get $project dir] [dict get $project name].runs $name]
            set top [dict get $sets sources_1 top]
            lappend ::check::written [file join $folder $top.bit]
            if {[number] < 20192} {
                lappend ::check::written [file join $folder $top.sysdef]
            }
        }
    }
    return
}

proc vivado::wait_on_run {given plain} {
    return [wait_on_runs $given $plain]
}

proc vivado::open_run {given plain} {
    variable runs
    variable design
    need_project open_run
    set name [run_name open_run [lindex $plain 0]]
    if {[dict get $runs $name state] ne "done"} {
        check::fail "open_run: $name has no results: launch_runs and wait_on_run come first"
    }
    set design 1
    return design@$name
}

proc vivado::need_design {command} {
    variable design
    if {!$design} {
        check::fail "$command: no synthesized design is open: synth_design or open_run comes first"
    }
}

proc vivado::report {command given} {
    need_design $command
    if {[dict exists $given -file]} {
        set path [file normalize [dict get $given -file]]
        if {$path in $::check::written && ![dict exists $given -append]} {
            check::fail "$command: $path was written before; this overwrites it"
        }
        check::will_write $command $path
    } elseif {![dict exists $given -name] && ![dict exists $given -return_string]} {
        check::fail "$command: the report goes to no file (-file)"
    }
    return ""
}

foreach name {report_utilization report_timing_summary report_drc report_methodology report_power
        report_route_status} {
    proc vivado::$name {given plain} "return \[report $name \$given\]"
}

proc vivado::get_timing_paths {given plain} {
    need_design get_timing_paths
    return {path@1}
}

proc vivado::write_checkpoint {given plain} {
    need_design write_checkpoint
    set path [lindex $plain 0]
    if {[file extension $path] ne ".dcp"} {
        check::fail "write_checkpoint: '$path' does not end in .dcp"
    }
    if {[file exists $path] && ![dict exists $given -force]} {
        check::fail "write_checkpoint: $path exists; -force replaces it"
    }
    check::will_write write_checkpoint $path
}

proc vivado::write_hw_platform {given plain} {
    variable runs
    need_design write_hw_platform
    set path [lindex $plain 0]
    if {[file extension $path] ne ".xsa"} {
        check::fail "write_hw_platform: '$path' does not end in .xsa"
    }
    if {[dict exists $given -include_bit] && [dict get $runs impl_1 step] ne "write_bitstream"} {
        check::fail "write_hw_platform: impl_1 has no bitstream yet"
    }
    check::will_write write_hw_platform $path
}

# A project that is left behind must be ready for synthesis, except after the first of many steps.
proc vivado::at_end {by_exit} {
    variable project
    variable sets
    variable stale
    ipx::at_end
    if {$project eq "" || [dict get $project memory]} {
        set project {}
        variable design 0
        return
    }
    if {![regexp {^01_} [file tail $::check::script]]} {
        must_synthesize "end of script" [dict get $sets sources_1 top] [dict get $project part]
    }
    if {[dict get $sets sim_1 top] eq ""} {
        check::fail "end of script: sim_1 has no top module"
    }
    if {$stale ne ""} {
        check::fail "end of script: update_compile_order was not run for: [join $stale {, }]"
    }
    remember
    set project {}
    variable design 0
}
