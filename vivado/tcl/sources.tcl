# What the stand-ins need to know of source files: Verilog modules, their ports, the modules they
# use and the memory files they name; the constraints of an XDC file; C++ functions and includes.
# These are readers for plain code, not parsers: enough to notice a file that was left out.

namespace eval check {
    variable keywords {
        module function task if else for while repeat case casex casez assign always initial
        begin end generate endgenerate endmodule wire reg input output inout integer parameter
        localparam genvar default posedge negedge or and not nand nor xor xnor buf return
        signed real time event specify
    }
    variable xdc_ports {}
    variable xdc_clocks 0
}

# Verilog text without comments; strings stay.
proc check::verilog_text {path} {
    set text [read $path]
    regsub -all {//[^\n]*} $text {} text
    regsub -all {/\*.*?\*/} $text { } text
    return $text
}

# The modules of Verilog text: name -> what stands between its name and endmodule.
proc check::module_bodies {text} {
    set bodies {}
    set start 0
    while {[regexp -indices -start $start {\mmodule\s+(\w+)} $text all name]} {
        set end [string first endmodule $text [lindex $all 1]]
        if {$end < 0} {
            break
        }
        set body [string range $text [lindex $all 1]+1 $end-1]
        dict set bodies [string range $text {*}$name] $body
        set start [expr {$end + 9}]
    }
    return $bodies
}

# The modules of a Verilog file: name -> {ports LIST uses LIST}. Read once: no script changes it.
proc check::verilog_modules {path} {
    variable keywords
    variable modules_of
    if {[info exists modules_of($path)]} {
        return $modules_of($path)
    }
    set text [verilog_text $path]
    regsub -all {"[^"\n]*"} $text {""} text
    regsub -all {:\s*[A-Za-z_]\w*} $text {} text    ;# block names
    set modules {}
    dict for {name body} [module_bodies $text] {
        set ports {}
        set pattern {\m(?:input|output|inout)\M\s*(?:wire|reg|logic)?\s*(?:signed)?\s*(?:\[[^]]*\])?\s*(\w+)}
        foreach {- port} [regexp -all -inline $pattern $body] {
            lappend ports $port
        }
        set uses {}
        foreach {- used} [regexp -all -inline {\m([A-Za-z_]\w*)\s+(?:#\s*\(|[A-Za-z_]\w*\s*\()} $body] {
            if {$used ni $keywords && $used ni $uses} {
                lappend uses $used
            }
        }
        dict set modules $name [list ports $ports uses $uses]
    }
    set modules_of($path) $modules
    return $modules
}

# The ports of a module: name -> {dir width info}; info is the X_INTERFACE_INFO in front of it.
proc check::verilog_ports {path top} {
    set bodies [module_bodies [verilog_text $path]]
    if {![dict exists $bodies $top]} {
        fail "$path has no module $top"
    }
    set body [dict get $bodies $top]
    set ports {}
    set info ""
    set pattern {X_INTERFACE_INFO\s*=\s*"([^"]*)"|\m(input|output|inout)\M\s*(?:wire|reg)?\s*(?:\[(\d+):0\])?\s*(\w+)}
    foreach {- attribute dir high name} [regexp -all -inline $pattern $body] {
        if {$attribute ne ""} {
            set info $attribute
        } else {
            set width [expr {$high eq "" ? 1 : $high + 1}]
            dict set ports $name [list dir $dir width $width info $info]
            set info ""
        }
    }
    return $ports
}

# Memory files that string literals of a Verilog file name.
proc check::verilog_memories {path} {
    set names {}
    foreach {- name} [regexp -all -inline {"([^"\n]+\.(?:mem|hex|dat|mif))"} [verilog_text $path]] {
        lappend names $name
    }
    return $names
}

# Checks that files hold a design with this top: all modules there, all memory files added.
# Returns the ports of the top module.
proc check::must_be_design {command top files memories} {
    set modules {}
    set where {}
    foreach path $files {
        dict for {name facts} [verilog_modules $path] {
            if {[dict exists $modules $name]} {
                fail "$command: module $name is in [dict get $where $name] and again in $path"
            }
            dict set modules $name $facts
            dict set where $name $path
        }
    }
    if {![dict exists $modules $top]} {
        fail "$command: the top module '$top' is in none of the added files"
    }
    dict for {name facts} $modules {
        foreach used [dict get $facts uses] {
            if {[dict exists $modules $used] || [string match ${name}_*_is_fixed $used]} {
                continue    ;# there, or a trap for other parameters
            }
            # A library module may name a missing one in a branch that only illegal parameters
            # elaborate; so complain about the top, and about files that exist but weren't added.
            set beside {}
            foreach path $files {
                set other [file join [file dirname $path] $used.v]
                if {[file exists $other]} {
                    set beside $other
                }
            }
            if {$beside ne ""} {
                fail "$command: $name uses $used, and $beside is not added"
            } elseif {$name eq $top} {
                fail "$command: $name uses $used, which is in none of the added files"
            }
        }
    }
    set tails {}
    foreach path $memories {
        lappend tails [file tail $path]
    }
    foreach path $files {
        foreach memory [verilog_memories $path] {
            if {[file tail $memory] ni $tails} {
                fail "$command: $path reads $memory, which is not among the added memory files"
            }
        }
    }
    return [dict get $modules $top ports]
}

# Runs an XDC file in an interpreter that knows only what our constraints use (UG903, UG835).
proc check::must_be_constraints {command path ports} {
    variable xdc_ports $ports
    variable xdc_clocks 0
    set interp [interp create]
    foreach name [interp eval $interp {info commands}] {
        if {$name ne "rename"} {
            interp eval $interp [list rename $name {}]
        }
    }
    interp eval $interp {rename rename {}}
    interp alias $interp get_ports {} ::check::xdc_get_ports
    interp alias $interp create_clock {} ::check::xdc_create_clock
    interp alias $interp unknown {} ::check::xdc_unknown
    if {[catch {interp eval $interp [read $path]} message]} {
        fail "$command: [file tail $path]: $message"
    }
    interp delete $interp
    if {$xdc_clocks == 0} {
        fail "$command: [file tail $path] constrains no clock"
    }
}

proc check::xdc_unknown {name args} {
    error "unknown constraint '$name'"
}

proc check::xdc_get_ports {args} {
    variable xdc_ports
    set found {}
    foreach pattern $args {
        if {[string match -* $pattern]} {
            error "get_ports: unexpected option $pattern"
        }
        foreach port $xdc_ports {
            if {[string match $pattern $port]} {
                lappend found $port
            }
        }
    }
    if {$found eq ""} {
        error "get_ports: the top module has no port '$args'; it has: [join $xdc_ports {, }]"
    }
    return $found
}

# create_clock -period <arg> [-name <arg>] [-waveform <args>] [-add] [<objects>]   (UG835)
proc check::xdc_create_clock {args} {
    variable xdc_clocks
    set period ""
    set objects {}
    while {$args ne ""} {
        set args [lassign $args word]
        switch -glob -- $word {
            -period { set args [lassign $args period] }
            -name - -waveform { set args [lassign $args -] }
            -add {}
            -* { error "create_clock has no option $word" }
            default { lappend objects {*}$word }
        }
    }
    if {![string is double -strict $period] || $period <= 0} {
        error "create_clock: -period '$period' is not a positive number of ns"
    }
    if {[llength $objects] != 1} {
        error "create_clock: one clock port expected, got '$objects'"
    }
    incr xdc_clocks
}

# Local headers that a C++ file includes, and theirs, must exist beside it or in an -I folder.
# Returns all files read. Headers of the tool (ap_fixed.h, hls_stream.h, ...) may be missing.
proc check::cpp_closure {command path folders} {
    set seen {}
    set todo [list $path]
    while {$todo ne ""} {
        set todo [lassign $todo file]
        if {$file in $seen} {
            continue
        }
        lappend seen $file
        foreach {- name} [regexp -all -inline -line {^\s*#\s*include\s*"([^"]+)"} [read $file]] {
            set found ""
            foreach folder [linsert $folders 0 [file dirname $file]] {
                set candidate [file normalize [file join $folder $name]]
                if {[file isfile $candidate]} {
                    set found $candidate
                    break
                }
            }
            if {$found ne ""} {
                lappend todo $found
            } elseif {![regexp {^(ap_|hls_|ap_axi)\w*(/\w+)?\.h$} $name]} {
                fail "$command: $file includes \"$name\", which is not there"
            }
        }
    }
    return $seen
}

# 1 if one of the files defines or declares a function of this name.
proc check::cpp_has_function {files name} {
    foreach path $files {
        set text [read $path]
        regsub -all {//[^\n]*} $text {} text
        regsub -all {/\*.*?\*/} $text { } text
        if {[regexp "\\m(?:void|int|auto)\\s+$name\\s*\\(" $text]} {
            return 1
        }
    }
    return 0
}
