# Stand-ins of vivado.tcl: projects, objects and files.

# ---- projects ----------------------------------------------------------------------------------

proc vivado::start {name dir part memory} {
    variable project [list name $name dir $dir part $part memory $memory board {}]
    variable bd {}
    variable sets [dict create sources_1 {class srcset files {} top {}} \
        constrs_1 {class constrset files {} top {}} sim_1 {class simset files {} top {}}]
    variable runs [expr {$memory ? {} : {synth_1 {state new step {}} impl_1 {state new step {}}}}]
    variable types {}
    variable stale {}
    dict set ::check::state project $name
    dict set ::check::state part $part
}

proc vivado::need_project {command} {
    variable project
    if {$project eq ""} {
        check::fail "$command: no project is open"
    }
}

proc vivado::create_project {given plain} {
    lassign $plain name dir
    set part [check::option $given -part ""]
    set memory [dict exists $given -in_memory]
    if {$part ne ""} {
        check::must_be_part create_project $part
    }
    if {![regexp {^[A-Za-z]\w*$} $name]} {
        check::fail "create_project: '$name' is not a project name"
    }
    if {!$memory} {
        set dir [check::must_be_inside [expr {$dir eq "" ? "." : $dir}]]
        if {[file isdirectory $dir] && [glob -nocomplain -directory $dir *] ne ""
                && ![dict exists $given -force]} {
            check::fail "create_project: $dir holds a project already; -force replaces it"
        }
        check::make_folder $dir
        lappend ::check::written [file join $dir $name.xpr]
    }
    start $name $dir $part $memory
    return project@$name
}

# What a project keeps on disk.
proc vivado::remember {} {
    variable disk
    variable project
    if {$project ne "" && ![dict get $project memory]} {
        foreach name {project sets runs types stale bd} {
            variable $name
            dict set disk [file join [dict get $project dir] [dict get $project name].xpr] $name \
                [set $name]
        }
    }
}

proc vivado::open_project {given plain} {
    variable disk
    variable project
    set path [file normalize [lindex $plain 0]]
    if {$project ne ""} {
        check::fail "open_project: [dict get $project name] is open"
    }
    if {![dict exists $disk $path]} {
        check::fail "open_project: there is no project $path"
    }
    dict for {name value} [dict get $disk $path] {
        variable $name $value
    }
    return project@[dict get $project name]
}

proc vivado::get_board_parts {given plain} {
    set found {}
    foreach name [dict keys [dict get $::check::world boards]] {
        foreach wanted [expr {[llength $plain] ? $plain : "*"}] {
            if {[string match $wanted $name]} {
                lappend found board_part@$name
                break
            }
        }
    }
    return $found
}

proc vivado::close_project {given plain} {
    need_project close_project
    remember
    variable project {}
    variable design 0
    return
}

proc vivado::current_project {given plain} {
    variable project
    need_project current_project
    if {$plain ne "" && [object project [lindex $plain 0]] ne [dict get $project name]} {
        check::fail "current_project: '[lindex $plain 0]' is not open"
    }
    return project@[dict get $project name]
}

proc vivado::get_projects {given plain} {
    variable project
    if {$project eq "" || ![string match [pattern $plain] [dict get $project name]]} {
        return {}
    }
    return [list project@[dict get $project name]]
}

proc vivado::get_parts {given plain} {
    set found {}
    foreach part [lindex $plain 0] {
        if {[check::known_part $part]} {
            lappend found part@$part
        }
    }
    return $found
}

# ---- objects -----------------------------------------------------------------------------------

proc vivado::pattern {plain} {
    return [expr {$plain eq "" ? "*" : [lindex $plain 0]}]
}

# The name of an object of a class, given as an object or (where Vivado takes one) as a name.
proc vivado::object {class word} {
    if {[string match *@* $word] && ![string match $class@* $word]} {
        check::fail "'$word' is not a $class"
    }
    regsub "^$class@" $word {} word
    return $word
}

proc vivado::fileset {command word} {
    variable sets
    set name [object fileset $word]
    if {![dict exists $sets $name]} {
        check::fail "$command: there is no fileset '$name'; there are: [dict keys $sets]"
    }
    return $name
}

# Objects of a class whose names match; none is an error unless -quiet was given.
proc vivado::matching {command class names given plain} {
    need_project $command
    set found {}
    foreach wanted [pattern $plain] {
        foreach name $names {
            if {[string match $wanted $name]} {
                lappend found $class@$name
            }
        }
    }
    if {$found eq "" && ![dict exists $given -quiet]} {
        check::fail "$command: nothing matches '[pattern $plain]'; there are: [join $names {, }]"
    }
    return $found
}

proc vivado::get_filesets {given plain} {
    variable sets
    return [matching get_filesets fileset [dict keys $sets] $given $plain]
}

proc vivado::get_runs {given plain} {
    variable runs
    return [matching get_runs run [dict keys $runs] $given $plain]
}

proc vivado::get_files {given plain} {
    variable sets
    need_project get_files
    set names {}
    foreach word [check::option $given -of_objects [dict keys $sets]] {
        lappend names {*}[dict get $sets [fileset get_files $word] files]
    }
    set plain [lmap wanted [lindex $plain 0] {regsub {^(?=[^*/])} $wanted */}]
    return [matching get_files file $names $given [list $plain]]
}

proc vivado::current_fileset {given plain} {
    need_project current_fileset
    if {[dict exists $given -constrset]} {
        return fileset@constrs_1
    }
    return [expr {[dict exists $given -simset] ? "fileset@sim_1" : "fileset@sources_1"}]
}

# ---- files -------------------------------------------------------------------------------------

proc vivado::add {command name words kinds} {
    variable sets
    variable types
    variable extensions
    variable stale
    set added {}
    foreach word $words {
        foreach path $word {
            set path [file normalize $path]
            if {![file isfile $path] && $path ni $::check::written} {
                check::fail "$command: there is no file $path"
            }
            set extension [string tolower [file extension $path]]
            if {$extension ni $kinds} {
                check::fail "$command: $path: a file for $name ends in one of [join $kinds {, }]"
            }
            if {$path in [dict get $sets $name files]} {
                check::fail "$command: $path is in $name already"
            }
            dict set sets $name files [concat [dict get $sets $name files] [list $path]]
            dict set types $path [dict get $extensions $extension]
            lappend added file@$path
        }
    }
    if {$added eq ""} {
        check::fail "$command: no files given"
    }
    if {$name ni $stale && $name ne "constrs_1"} {
        lappend stale $name
    }
    return $added
}

proc vivado::add_files {given plain} {
    variable sets
    need_project add_files
    set name [fileset add_files [check::option $given -fileset sources_1]]
    switch [dict get $sets $name class] {
        srcset { set kinds {.v .vh .sv .svh .mem .dat .hex .mif .coe} }
        simset { set kinds {.v .vh .sv .svh .mem .dat .hex .bin .mif} }
        constrset { set kinds {.xdc} }
    }
    return [add add_files $name $plain $kinds]
}

# The read_* commands are for the non-project mode only (UG895); the first makes the design.
proc vivado::read {command name words kinds} {
    variable project
    if {$project eq ""} {
        start in_memory "" "" 1
    } elseif {![dict get $project memory]} {
        check::fail "$command is for the non-project mode; a project on disk is open: add_files"
    }
    return [add $command $name $words $kinds]
}

proc vivado::read_verilog {given plain} {
    set kinds [expr {[dict exists $given -sv] ? {.sv .svh .v .vh} : {.v .vh}}]
    return [read read_verilog sources_1 $plain $kinds]
}

proc vivado::read_mem {given plain} {
    return [read read_mem sources_1 $plain {.mem .dat .coe}]
}

proc vivado::read_xdc {given plain} {
    check::one_of "read_xdc -mode" [check::option $given -mode default] {default out_of_context}
    return [read read_xdc constrs_1 $plain {.xdc}]
}

proc vivado::update_compile_order {given plain} {
    variable stale
    need_project update_compile_order
    set name [fileset update_compile_order [check::option $given -fileset sources_1]]
    set stale [lsearch -all -inline -not -exact $stale $name]
    return
}

# Files of a fileset with one of the given types; simulation sees the design sources too.
proc vivado::typed {name wanted} {
    variable sets
    variable types
    set files [dict get $sets $name files]
    if {$name eq "sim_1"} {
        set files [concat [dict get $sets sources_1 files] $files]
    }
    set found {}
    foreach path $files {
        if {[dict get $types $path] in $wanted && [file isfile $path]} {
            lappend found $path
        }
    }
    return $found
}

# Returns the ports of the top module; none where it is the wrapper of the block design.
proc vivado::must_be_design {command name top} {
    variable bd
    variable sets
    if {$bd ne "" && $top eq "[dict get $bd name]_wrapper" && $name eq "sources_1"} {
        if {[dict get $bd wrapper] eq "" || [dict get $bd wrapper] ni [dict get $sets $name files]} {
            check::fail "$command: the wrapper of the block design was not made and added"
        }
        if {![dict get $bd generated]} {
            check::fail "$command: the block design was not generated: generate_target comes first"
        }
        return {}
    }
    return [check::must_be_design $command $top [typed $name {Verilog SystemVerilog}] \
        [typed $name {{Memory File} {Memory Initialization Files} {Data Files}}]]
}
