# Runs Vivado or Vitis HLS scripts in a plain tclsh against strict stand-ins.
#   tclsh check.tcl (vivado|vitis_hls) SCRIPTS RESULT.json ROOT WORLD ?ARGUMENT ...?
# SCRIPTS is a list: each is run as by a fresh tool, but for what the ones before it left on disk.
# WORLD is a dictionary of what is installed: version, boards (board part -> part), missing (IPs).
# Every stand-in knows its documented syntax, checks the files it is given and keeps state. The
# first thing that is not right ends the run: a `catch` in the script can't hide it. Nothing is
# written under ROOT (the emitted folder): folders that the script makes are only remembered.
# RESULT.json gets {"ok", "script", "line", "message", "exit", "calls", "written", "state"}.

namespace eval check {
    variable tool [lindex $argv 0]
    variable scripts [lmap path [lindex $argv 1] {file normalize $path}]
    variable script [lindex $scripts 0]
    variable world [lindex $argv 4]
    variable last 0       ;# 1 while the last script runs
    variable result [lindex $argv 2]
    variable root [file normalize [lindex $argv 3]]
    variable home [file dirname [file normalize [info script]]]
    variable syntax {}    ;# command -> parsed signature
    variable calls {}     ;# list of {command line arguments}
    variable written {}   ;# files the script's commands would have written
    variable folders {}   ;# folders the script made (remembered, not made)
    variable state {}     ;# facts shown to the caller: project, part, top, ...
    variable depth 0      ;# > 0 while a stand-in or the harness itself runs
}

# ---- reporting ---------------------------------------------------------------------------------

proc check::json {text} {
    set out ""
    foreach char [split $text ""] {
        scan $char %c code
        if {$char in {\" \\}} {
            append out \\$char
        } elseif {$code < 32 || $code > 126} {
            append out [format "\\u%04x" [expr {$code & 0xffff}]]
        } else {
            append out $char
        }
    }
    return "\"$out\""
}

proc check::json_list {words} {
    set out {}
    foreach word $words {
        lappend out [json $word]
    }
    return "\[[join $out {, }]\]"
}

# File and line of the script that is running now, be it one that another one sources; line 0 where
# Tcl doesn't know it.
proc check::where {} {
    variable script
    variable home
    for {set level [info frame]} {$level > 0} {incr level -1} {
        set frame [info frame $level]
        if {[dict get $frame type] eq "source" || [dict exists $frame file]} {
            set file [file_real normalize [dict get $frame file]]
            if {[file_real dirname $file] ne $home} {
                return [list $file [dict get $frame line]]
            }
        }
    }
    return [list $script 0]
}

proc check::finish {ok place message code} {
    lassign $place file line
    variable result
    variable calls
    variable written
    variable state
    set rows {}
    foreach call $calls {
        lassign $call name at words
        lappend rows "{\"name\": [json $name], \"line\": $at, \"args\": [json_list $words]}"
    }
    set facts {}
    dict for {key value} $state {
        lappend facts "[json $key]: [json $value]"
    }
    set channel [open_real $result w]
    puts $channel "{\"ok\": [expr {$ok ? "true" : "false"}], \"line\": $line,"
    puts $channel "\"script\": [json $file],"
    puts $channel "\"message\": [json $message], \"exit\": $code,"
    puts $channel "\"calls\": \[[join $rows ",\n"]\],"
    puts $channel "\"written\": [json_list $written], \"state\": {[join $facts {, }]}}"
    close $channel
    exit_real 0
}

# Ends the check: the script did something the tool would not accept.
proc check::fail {message} {
    finish 0 [where] $message 1
}

# ---- signatures, in the words of the manuals -----------------------------------------------------
# `[-x]` a switch, `[-x <arg>]` an option, `-x <arg>` a required option, `<a>` a required and `[<a>]`
# an optional argument, `...` after an argument: any number of them.

proc check::declare {name text} {
    variable syntax
    set options {}
    set required {}
    set least 0
    set most 0
    foreach {- open dash word value name_ rest close} [regexp -all -inline \
            {(\[?)(?:(-)(\w+)(?: (<\w+>))?|<(\w+)>(\.\.\.)?)(\]?)} $text] {
        if {$dash ne ""} {
            dict set options -$word [expr {$value ne ""}]
            if {$open eq ""} {
                lappend required -$word
            }
        } else {
            if {$open eq ""} {
                incr least
            }
            set most [expr {$rest ne "" ? 1000000 : $most + 1}]
        }
    }
    dict set syntax $name [list $options $required $least $most $text]
    proc ::$name args "::check::call [list $name] \$args"
}

proc check::call {name words} {
    variable syntax
    variable calls
    variable tool
    variable depth
    lassign [dict get $syntax $name] options required least most text
    if {[info exists ::check::exited]} {
        fail "$name: after exit"
    }
    lappend calls [list $name [lindex [where] 1] $words]
    set given {}
    set plain {}
    for {set i 0} {$i < [llength $words]} {incr i} {
        set word [lindex $words $i]
        if {![regexp {^-[A-Za-z_]\w*$} $word]} {
            lappend plain $word
        } elseif {![dict exists $options $word]} {
            fail "$name has no option $word; its syntax: $name $text"
        } elseif {[dict exists $given $word]} {
            fail "$name: $word given twice"
        } elseif {[dict get $options $word]} {
            incr i
            if {$i >= [llength $words]} {
                fail "$name: $word needs a value"
            }
            dict set given $word [lindex $words $i]
        } else {
            dict set given $word 1
        }
    }
    foreach option $required {
        if {![dict exists $given $option]} {
            fail "$name needs $option; its syntax: $name $text"
        }
    }
    if {[llength $plain] < $least || [llength $plain] > $most} {
        fail "$name: [llength $plain] arguments given; its syntax: $name $text"
    }
    incr depth
    set answer [::${tool}::$name $given $plain]
    incr depth -1
    return $answer
}

proc check::one_of {what value allowed} {
    if {$value ni $allowed} {
        fail "$what is '$value'; allowed: [join $allowed {, }]"
    }
}

proc check::option {given name default} {
    return [expr {[dict exists $given $name] ? [dict get $given $name] : $default}]
}

# ---- files -------------------------------------------------------------------------------------

proc check::must_be_inside {path} {
    variable root
    set path [file_real normalize $path]
    if {$path ne $root && ![string match "[glob_quote $root]/*" $path]} {
        fail "$path lies outside the emitted folder: nothing may be written there"
    }
    return $path
}

proc check::glob_quote {text} {
    return [string map {\\ \\\\ * \\* ? \\? [ \\[ ] \\]} $text]
}

proc check::folder_exists {path} {
    variable folders
    set path [file_real normalize $path]
    return [expr {[file_real isdirectory $path] || $path in $folders}]
}

# A command is about to write this file: its folder must be there by now.
proc check::will_write {command path} {
    variable written
    set path [must_be_inside $path]
    if {![folder_exists [file_real dirname $path]]} {
        fail "$command: the folder of $path does not exist"
    }
    lappend written $path
}

proc check::read {path} {
    set channel [open_real $path r]
    fconfigure $channel -encoding utf-8
    set text [::read $channel]
    close $channel
    return $text
}

proc check::make_folder {path} {
    variable folders
    set path [must_be_inside $path]
    while {![folder_exists $path]} {
        lappend folders $path
        set path [file_real dirname $path]
    }
}

rename ::file ::check::file_real
rename ::open ::check::open_real
rename ::exit ::check::exit_real

# `file` for the script: what would change the disk is remembered or refused.
proc ::file {sub args} {
    if {$::check::depth > 0} {
        return [uplevel 1 [list ::check::file_real $sub {*}$args]]
    }
    switch -- $sub {
        mkdir {
            foreach path $args {
                ::check::make_folder $path
            }
            return
        }
        isdirectory {
            return [::check::folder_exists [lindex $args 0]]
        }
        isfile {
            set path [::check::file_real normalize [lindex $args 0]]
            return [expr {[::check::file_real isfile $path] || $path in $::check::written}]
        }
        exists {
            set path [::check::file_real normalize [lindex $args 0]]
            return [expr {[::check::file_real exists $path] || [::check::folder_exists $path]
                || $path in $::check::written}]
        }
        copy {
            return [::check::copy $args]
        }
        delete - rename - link - attributes - tempfile {
            ::check::fail "'file $sub' is not allowed in a generated script"
        }
        default {
            return [uplevel 1 [list ::check::file_real $sub {*}$args]]
        }
    }
}

# file copy -force SOURCE TARGET, with a file that is there or would have been written by now.
proc check::copy {words} {
    variable written
    if {[llength $words] != 3 || [lindex $words 0] ne "-force"} {
        fail "file copy: a generated script copies one file with -force"
    }
    set source [file_real normalize [lindex $words 1]]
    if {![file_real isfile $source] && $source ni $written} {
        fail "file copy: there is no file $source"
    }
    will_write "file copy" [lindex $words 2]
    return
}

proc ::open {path args} {
    if {$::check::depth == 0 && ([string match |* $path] || [lindex $args 0] ni {{} r rb RDONLY})} {
        ::check::fail "open: a generated script may only read files"
    }
    return [uplevel 1 [list ::check::open_real $path {*}$args]]
}

foreach name {exec socket load} {
    rename ::$name {}
    proc ::$name args "::check::fail {'$name' is not allowed in a generated script}"
}

proc ::exit {{code 0}} {
    ::check::must_be_sound
    if {$code != 0} {
        set why [expr {[info exists ::errorInfo] ? $::errorInfo : ""}]
        ::check::finish 0 [::check::where] "the script gave up with exit status $code: $why" $code
    }
    ::check::at_end 1
    set ::check::exited 1
    return -code error -errorcode LENETGEN_EXIT "exit"
}

proc ::unknown {name args} {
    ::check::fail "unknown command '$name'"
}

# An error inside a stand-in is a mistake in the stand-in: no result is written then.
proc check::must_be_sound {} {
    variable depth
    if {$depth > 0} {
        puts stderr "mistake in a stand-in: $::errorInfo"
        exit_real 3
    }
}

proc check::at_end {by_exit} {
    variable tool
    variable depth
    variable last
    must_be_sound
    incr depth
    if {[catch {::${tool}::at_end $by_exit}]} {
        must_be_sound
    }
    incr depth -1
    if {$last} {
        finish 1 {"" 0} "" 0
    }
}

# ---- run ---------------------------------------------------------------------------------------

source [check::file_real join $check::home sources.tcl]
source [check::file_real join $check::home parts.tcl]
source [check::file_real join $check::home $check::tool.tcl]

# Runs one script as a fresh tool would; what it defines is gone afterwards.
proc check::run {path words} {
    variable script $path
    unset -nocomplain ::check::exited
    set procs [info procs ::*]
    set globals [info globals]
    set spaces [namespace children ::]
    set ::argv $words
    set ::argc [llength $words]
    set ::argv0 $::check::tool
    set ::errorInfo ""
    if {[catch {uplevel #0 [list source $path]} message options]} {
        if {[dict get $options -errorcode] ne "LENETGEN_EXIT"} {
            must_be_sound
            set place [list $path 0]
            foreach {- file at} [regexp -all -inline {\(file "([^"]*)" line (\d+)\)} \
                    [dict get $options -errorinfo]] {
                set place [list [file_real normalize $file] $at]
                break
            }
            finish 0 $place $message 1
        }
    } else {
        at_end 0
    }
    foreach name [info procs ::*] {
        if {$name ni $procs} {
            rename $name {}
        }
    }
    foreach name [info globals] {
        if {$name ni $globals} {
            unset -nocomplain ::$name
        }
    }
    foreach name [namespace children ::] {
        if {$name ni $spaces} {
            namespace delete $name
        }
    }
}

set check::words [lrange $argv 5 end]
foreach check::path $check::scripts {
    set check::last [expr {$check::path eq [lindex $check::scripts end]}]
    check::run $check::path $check::words
}
