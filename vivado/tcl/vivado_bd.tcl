# Stand-ins of vivado.tcl: block designs. A model of cells, pins, nets, buses and addresses; what
# connects must fit at once, what must be connected is checked by validate_bd_design.

namespace eval vivado {
    variable bd {}    ;# {} or {name cells nets buses maps ports valid saved generated wrapper automated}
}

proc vivado::need_bd {command} {
    variable bd
    need_project $command
    if {$bd eq ""} {
        check::fail "$command: no block design is open: create_bd_design comes first"
    }
}

proc vivado::create_bd_design {given plain} {
    variable bd
    variable sets
    variable types
    variable project
    need_project create_bd_design
    if {$bd ne ""} {
        check::fail "create_bd_design: there is a block design already"
    }
    set name [lindex $plain 0]
    if {![regexp {^[A-Za-z]\w*$} $name]} {
        check::fail "create_bd_design: '$name' is not a name"
    }
    set file [file join [dict get $project dir] [dict get $project name].srcs sources_1 bd $name $name.bd]
    set bd [dict create name $name file $file cells {} nets {} buses {} maps {} valid 0 saved 0 \
        generated 0 wrapper "" automated 0]
    dict set sets sources_1 files [concat [dict get $sets sources_1 files] [list $file]]
    dict set types $file {Block Designs}
    return $name
}

proc vivado::get_ipdefs {given plain} {
    need_project get_ipdefs
    return [ip::matching [pattern $plain]]
}

proc vivado::create_bd_cell {given plain} {
    variable bd
    need_bd create_bd_cell
    set name [lindex $plain 0]
    set kind [check::option $given -type ip]
    if {[dict exists $bd cells $name]} {
        check::fail "create_bd_cell: there is a cell '$name' already"
    }
    if {$kind eq "module"} {
        set top [check::option $given -reference ""]
        must_be_design create_bd_cell sources_1 $top
        set home ""
        foreach path [typed sources_1 Verilog] {
            if {[dict exists [check::verilog_modules $path] $top]} {
                set home $path
            }
        }
        dict set bd cells $name [list ip module module $top config {} interface [ip::module $home $top]]
    } elseif {$kind in {ip inline_hdl}} {
        set vlnv [check::option $given -vlnv ""]
        set library [expr {$kind eq "ip" ? "ip" : "inline_hdl"}]
        if {[ip::matching $vlnv] ne [list $vlnv] || [lindex [split $vlnv :] 1] ne $library} {
            check::fail "create_bd_cell: this Vivado has no $kind '$vlnv'"
        }
        set ip [lindex [split $vlnv :] 2]
        set config [dict get $ip::defaults $ip]
        dict set bd cells $name [list ip $ip config $config interface [ip::interface $ip $config]]
    } else {
        check::fail "create_bd_cell: -type '$kind' is not one of ip, module, inline_hdl"
    }
    dict set bd valid 0
    return bd_cell@$name
}

# CONFIG.* of a cell.
proc vivado::configure {cell name value} {
    variable bd
    set ip [dict get $bd cells $cell ip]
    if {![regexp {^CONFIG\.(\w+)$} $name - setting]} {
        check::fail "set_property: a bd_cell has no property '$name' that may be set"
    }
    if {$ip eq "module"} {
        check::fail "set_property: the module [dict get $bd cells $cell module] has no settings"
    }
    ip::must_be_value set_property $ip $setting $value
    dict set bd cells $cell config $setting $value
    set before [dict get $bd cells $cell interface]
    set after [ip::interface $ip [dict get $bd cells $cell config]]
    foreach key {pins buses} table {nets buses} {
        foreach gone [dict keys [dict get $before $key]] {
            if {![dict exists $after $key $gone] && [linked $table $cell/$gone] ne ""} {
                check::fail "set_property: CONFIG.$setting takes away $cell/$gone, which is connected"
            }
        }
    }
    dict set bd cells $cell interface $after
}

# What a pin or bus is connected to already.
proc vivado::linked {table name} {
    variable bd
    foreach link [dict get $bd $table] {
        if {$name in $link} {
            return $link
        }
    }
    return ""
}

proc vivado::cell_property {cell name} {
    variable bd
    set config [dict get $bd cells $cell config]
    if {$name eq "CONFIG.PCW_ACT_FPGA0_PERIPHERAL_FREQMHZ"
            && [dict get $bd cells $cell ip] eq "processing_system7"} {
        set wanted [dict get $config PCW_FPGA0_PERIPHERAL_FREQMHZ]
        return [format %.6f [expr {1000.0 / max(4, round(1000.0 / $wanted))}]]
    }
    if {![regexp {^CONFIG\.(\w+)$} $name - setting] || ![dict exists $config $setting]} {
        check::fail "get_property: the cell $cell has no property '$name' that this check knows"
    }
    return [dict get $config $setting]
}

proc vivado::apply_bd_automation {given plain} {
    variable bd
    variable project
    need_bd apply_bd_automation
    check::one_of "apply_bd_automation -rule" [check::option $given -rule ""] \
        {xilinx.com:bd_rule:processing_system7}
    set cell [object bd_cell [lindex $plain 0]]
    if {![dict exists $bd cells $cell] || [dict get $bd cells $cell ip] ne "processing_system7"} {
        check::fail "apply_bd_automation: '$cell' is not a processing_system7"
    }
    set allowed {make_external {{FIXED_IO, DDR}} apply_board_preset {0 1} Master {Enable Disable}
        Slave {Enable Disable}}
    foreach {key value} [check::option $given -config {}] {
        if {![dict exists $allowed $key]} {
            check::fail "apply_bd_automation: -config has no '$key'"
        }
        check::one_of "apply_bd_automation $key" $value [dict get $allowed $key]
        if {$key eq "apply_board_preset" && $value && [dict get $project board] eq ""} {
            check::fail "apply_bd_automation: apply_board_preset needs the project's board_part"
        }
        if {$key eq "apply_board_preset"} {
            dict set bd preset $value
        }
        if {$key eq "make_external"} {
            dict set bd automated 1
        }
    }
    return
}

# Pins or buses "cell/name" that match, as objects of a class.
proc vivado::members {command class key given plain} {
    variable bd
    need_bd $command
    set names {}
    dict for {cell facts} [dict get $bd cells] {
        foreach name [dict keys [dict get $facts interface $key]] {
            lappend names $cell/$name
        }
    }
    set found {}
    foreach wanted [lindex $plain 0] {
        set hits [lsearch -all -inline -glob $names [regsub {^/} $wanted {}]]
        if {$hits eq "" && ![dict exists $given -quiet]} {
            check::fail "$command: there is no '$wanted'"
        }
        foreach hit $hits {
            lappend found $class@$hit
        }
    }
    return $found
}

proc vivado::get_bd_pins {given plain} {
    return [members get_bd_pins bd_pin pins $given $plain]
}

proc vivado::get_bd_intf_pins {given plain} {
    return [members get_bd_intf_pins bd_intf_pin buses $given $plain]
}

proc vivado::get_bd_cells {given plain} {
    variable bd
    need_bd get_bd_cells
    return [matching get_bd_cells bd_cell [dict keys [dict get $bd cells]] $given $plain]
}

proc vivado::facts {key name} {
    variable bd
    regexp {^([^/]+)/(.+)$} $name - cell part
    return [dict get $bd cells $cell interface $key $part]
}

proc vivado::connect_bd_net {given plain} {
    variable bd
    need_bd connect_bd_net
    set names {}
    foreach word [concat {*}$plain] {
        if {![string match bd_pin@* $word]} {
            check::fail "connect_bd_net: '$word' is not a pin (\[get_bd_pins ...\] gives one)"
        }
        lappend names [object bd_pin $word]
    }
    if {[llength $names] < 2} {
        check::fail "connect_bd_net: two pins or more are needed"
    }
    set net $names
    foreach name $names {
        set other [linked nets $name]
        if {$other ne "" && [dict get [facts pins $name] dir] eq "I"} {
            check::fail "connect_bd_net: $name is connected already"
        }
        if {$other ne ""} {
            set net [lsort -unique [concat $net $other]]
            dict set bd nets [lsearch -all -inline -not -exact [dict get $bd nets] $other]
        }
    }
    set drivers [lmap name $net {expr {[dict get [facts pins $name] dir] eq "O" ? $name : [continue]}}]
    if {[llength $drivers] != 1} {
        check::fail "connect_bd_net: [join $net {, }]: one output is needed, these are\
            [llength $drivers]"
    }
    set driver [facts pins [lindex $drivers 0]]
    foreach name $net {
        set load [facts pins $name]
        set kinds [list [dict get $driver kind] [dict get $load kind]]
        if {[dict get $load dir] eq "I" && "data" ni $kinds && [lindex $kinds 0] ne [lindex $kinds 1]} {
            check::fail "connect_bd_net: [lindex $drivers 0] is a [lindex $kinds 0], $name a\
                [lindex $kinds 1]"
        }
        if {[dict get $load kind] eq "rst" && "any" ni [list [dict get $load active]]
                && [dict get $driver active] ne [dict get $load active]} {
            check::fail "connect_bd_net: $name is active [dict get $load active],\
                [lindex $drivers 0] active [dict get $driver active]"
        }
        if {[dict get $driver width] > [dict get $load width]} {
            check::fail "connect_bd_net: $name has [dict get $load width] bits, [lindex $drivers 0]\
                has [dict get $driver width]"
        }
    }
    dict lappend bd nets $net
    return
}

proc vivado::connect_bd_intf_net {given plain} {
    variable bd
    need_bd connect_bd_intf_net
    set names {}
    foreach word $plain {
        if {![string match bd_intf_pin@* $word]} {
            check::fail "connect_bd_intf_net: '$word' is not a bus (\[get_bd_intf_pins ...\] gives one)"
        }
        lappend names [object bd_intf_pin $word]
    }
    lassign $names one two
    foreach name $names {
        if {[linked buses $name] ne ""} {
            check::fail "connect_bd_intf_net: $name is connected already"
        }
    }
    set first [facts buses $one]
    set second [facts buses $two]
    if {[dict get $first bus] ne [dict get $second bus]} {
        check::fail "connect_bd_intf_net: $one is [dict get $first bus], $two is [dict get $second bus]"
    }
    if {[dict get $first mode] eq [dict get $second mode]} {
        check::fail "connect_bd_intf_net: $one and $two are both [dict get $first mode]s"
    }
    set widths [list [dict get $first width] [dict get $second width]]
    if {[dict get $first bus] eq "axis" && "-" ni $widths && [lindex $widths 0] != [lindex $widths 1]} {
        check::fail "connect_bd_intf_net: $one has [lindex $widths 0] bits, $two [lindex $widths 1]"
    }
    if {[dict get $first mode] eq "slave"} {
        set names [lreverse $names]
    }
    dict lappend bd buses $names
    return
}

proc vivado::save_bd_design {given plain} {
    variable bd
    need_bd save_bd_design
    if {![dict get $bd valid]} {
        check::fail "save_bd_design: the design is not validated: validate_bd_design comes first"
    }
    dict set bd saved 1
    return
}

proc vivado::is_bd_file {command word} {
    variable bd
    set name [object file [lindex $word 0]]
    if {$bd eq "" || $name ne [dict get $bd file]} {
        check::fail "$command: $name is not a block design"
    }
    if {![dict get $bd saved]} {
        check::fail "$command: the block design is not saved: save_bd_design comes first"
    }
}

proc vivado::generate_target {given plain} {
    variable bd
    need_bd generate_target
    check::one_of "generate_target" [lindex $plain 0] \
        {all synthesis simulation instantiation_template}
    is_bd_file generate_target [lindex $plain 1]
    dict set bd generated 1
    # The description for software; .gen is new in 2020.2 (UG994).
    lappend ::check::written [file join [generated_folder] hw_handoff [dict get $bd name].hwh]
    return
}

proc vivado::generated_folder {} {
    variable bd
    variable project
    set place [expr {[number] >= 20202 ? "gen" : "srcs"}]
    return [file join [dict get $project dir] [dict get $project name].$place sources_1 bd \
        [dict get $bd name]]
}

proc vivado::make_wrapper {given plain} {
    variable bd
    variable types
    need_bd make_wrapper
    is_bd_file make_wrapper [check::option $given -files ""]
    if {![dict exists $given -top]} {
        check::fail "make_wrapper: -top is missing: an instance is no top module"
    }
    set path [file join [generated_folder] hdl [dict get $bd name]_wrapper.v]
    dict set bd wrapper $path
    lappend ::check::written $path
    return $path
}
