# Stand-ins of vivado.tcl: addresses, and what a block design must be like to be valid.

# Address spaces "cell/space" and the bus of each.
proc vivado::address_spaces {} {
    variable bd
    set found {}
    dict for {cell facts} [dict get $bd cells] {
        dict for {bus space} [dict get $facts interface spaces] {
            dict set found $cell/$space $cell/$bus
        }
    }
    return $found
}

# Slave segments "cell/bus/segment" -> range in bytes.
proc vivado::slave_segments {} {
    variable bd
    set found {}
    dict for {cell facts} [dict get $bd cells] {
        dict for {bus segment} [dict get $facts interface segments] {
            dict set found $cell/$bus/[lindex $segment 0] [lindex $segment 1]
        }
    }
    return $found
}

proc vivado::get_bd_addr_spaces {given plain} {
    need_bd get_bd_addr_spaces
    return [matching get_bd_addr_spaces bd_addr_space [dict keys [address_spaces]] $given $plain]
}

proc vivado::get_bd_addr_segs {given plain} {
    need_bd get_bd_addr_segs
    return [matching get_bd_addr_segs bd_addr_seg [dict keys [slave_segments]] $given $plain]
}

# 4096, 4K, 512M, 1G or 0x1000 in bytes.
proc vivado::size {command text} {
    if {![regexp {^(0x[0-9A-Fa-f]+|\d+)([KMG]?)$} $text - number unit]} {
        check::fail "$command: '$text' is not a size or an offset"
    }
    return [expr {$number * [dict get {"" 1 K 1024 M 1048576 G 1073741824} $unit]}]
}

proc vivado::map_segment {command space segment offset range} {
    variable bd
    need_bd $command
    foreach {word class} [list $space bd_addr_space $segment bd_addr_seg] {
        if {![string match $class@* $word]} {
            check::fail "$command: '$word' is not a $class"
        }
    }
    set space [object bd_addr_space $space]
    set segment [object bd_addr_seg $segment]
    set base [size $command $offset]
    set bytes [size $command $range]
    if {$bytes < 4096 || ($bytes & ($bytes - 1)) || $base % $bytes} {
        check::fail "$command: $segment: offset $offset and range $range: a power of two from 4K on,\
            at a multiple of itself"
    }
    if {$bytes > [dict get [slave_segments] $segment]} {
        check::fail "$command: $segment: $range is more than it has"
    }
    if {$segment ni [reachable [dict get [address_spaces] $space]]} {
        check::fail "$command: $segment can't be reached from $space"
    }
    foreach map [dict get $bd maps] {
        lassign $map other_space other other_base other_bytes
        if {$other_space eq $space && $other eq $segment} {
            check::fail "$command: $segment is mapped into $space already"
        }
        if {$other_space eq $space && $base < $other_base + $other_bytes
                && $other_base < $base + $bytes} {
            check::fail "$command: $segment overlaps $other in $space"
        }
    }
    # What M_AXI_GP0 reaches (UG585, system addresses).
    if {[string match */M_AXI_GP0 [dict get [address_spaces] $space]]
            && ($base < 0x40000000 || $base + $bytes > 0x80000000)} {
        check::fail "$command: $segment: $offset is outside of M_AXI_GP0 (0x40000000 to 0x7FFFFFFF)"
    }
    dict lappend bd maps [list $space $segment $base $bytes]
    dict set bd valid 0
    return bd_addr_seg@$space/SEG
}

proc vivado::assign_bd_address {given plain} {
    foreach option {-offset -range -target_address_space} {
        if {![dict exists $given $option]} {
            check::fail "assign_bd_address: without $option the address is Vivado's choice"
        }
    }
    if {[llength $plain] != 1} {
        check::fail "assign_bd_address: one segment is needed"
    }
    return [map_segment assign_bd_address [dict get $given -target_address_space] [lindex $plain 0] \
        [dict get $given -offset] [dict get $given -range]]
}

proc vivado::create_bd_addr_seg {given plain} {
    lassign $plain space segment name
    if {![regexp {^\w+$} $name]} {
        check::fail "create_bd_addr_seg: '$name' is not a name"
    }
    return [map_segment create_bd_addr_seg $space $segment \
        [dict get $given -offset] [dict get $given -range]]
}

# Slave segments that a master's bus leads to, through SmartConnects.
proc vivado::reachable {bus} {
    variable bd
    set found {}
    foreach link [dict get $bd buses] {
        lassign $link from to
        if {$from ne $bus} {
            continue
        }
        regexp {^([^/]+)/} $to - cell
        if {[dict get $bd cells $cell ip] eq "smartconnect"} {
            foreach name [dict keys [dict get $bd cells $cell interface buses] M*_AXI] {
                lappend found {*}[reachable $cell/$name]
            }
        } else {
            foreach segment [dict keys [slave_segments] $to/*] {
                lappend found $segment
            }
        }
    }
    return $found
}

# The output that drives a pin; "" if nothing does.
proc vivado::driver {name} {
    foreach pin [linked nets $name] {
        if {[dict get [facts pins $pin] dir] eq "O"} {
            return $pin
        }
    }
    return ""
}

proc vivado::validate_bd_design {given plain} {
    variable bd
    need_bd validate_bd_design
    set what "validate_bd_design"
    dict for {cell facts} [dict get $bd cells] {
        dict for {name pin} [dict get $facts interface pins] {
            if {[dict get $pin dir] eq "I" && [dict get $pin need] && [driver $cell/$name] eq ""} {
                check::fail "$what: $cell/$name ([dict get $pin kind]) is not connected"
            }
        }
        dict for {name bus} [dict get $facts interface buses] {
            set external [expr {[dict get $bus bus] in {ddrx fixedio} && [dict get $bd automated]}]
            if {[dict get $bus need] && !$external && [linked buses $cell/$name] eq ""} {
                check::fail "$what: $cell/$name ([dict get $bus bus]) is not connected"
            }
        }
        valid_cell $what $cell $facts
    }
    foreach link [dict get $bd buses] {
        set clocks {}
        foreach name $link {
            regexp {^([^/]+)/} $name - cell
            lappend clocks [driver $cell/[dict get [facts buses $name] clock]]
        }
        if {[lindex $clocks 0] ne [lindex $clocks 1]} {
            check::fail "$what: [join $link { and }] have different clocks: [join $clocks { and }]"
        }
    }
    dict for {space bus} [address_spaces] {
        foreach segment [reachable $bus] {
            set mapped 0
            foreach map [dict get $bd maps] {
                if {[lrange $map 0 1] eq [list $space $segment]} {
                    set mapped 1
                }
            }
            if {!$mapped} {
                check::fail "$what: $segment has no address in $space"
            }
        }
    }
    dict set bd valid 1
    return
}

# Rules of single cells.
proc vivado::valid_cell {what cell facts} {
    variable bd
    set config [dict get $facts config]
    switch -- [dict get $facts ip] {
        processing_system7 {
            set preset [expr {[dict exists $bd preset] && [dict get $bd preset]}]
            if {!$preset && ![dict exists $config PCW_UIPARAM_DDR_PARTNO]} {
                check::fail "$what: $cell has neither a board preset nor a DDR memory"
            }
            set used {}
            dict for {name value} $config {
                if {[regexp {_IO$} $name]} {
                    foreach pin [ip::mio_pins $value] {
                        if {[dict exists $used $pin]} {
                            check::fail "$what: $cell: MIO $pin is used by [dict get $used $pin] and $name"
                        }
                        dict set used $pin $name
                    }
                }
            }
        }
        axi_dma {
            set stream [dict get $config c_m_axis_mm2s_tdata_width]
            set memory [dict get $config c_m_axi_mm2s_data_width]
            if {$memory < $stream} {
                check::fail "$what: $cell: $memory bits of memory for $stream bits of stream"
            }
            foreach link [dict get $bd buses] {
                if {[lindex $link 1] eq "$cell/S_AXIS_S2MM"} {
                    set width [dict get [facts buses [lindex $link 0]] width]
                    set memory [dict get $config c_m_axi_s2mm_data_width]
                    if {$width ni $ip::widths || $memory < $width} {
                        check::fail "$what: $cell: $memory bits of memory for $width bits of stream"
                    }
                }
            }
        }
    }
}
