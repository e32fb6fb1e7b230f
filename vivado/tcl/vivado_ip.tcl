# Stand-ins of vivado.tcl: the IP catalog. What each IP has for pins and buses, by its settings.
# Sources: PG082 and UG585 (processing system), PG021 (AXI DMA), PG247 (SmartConnect), PG164
# (Processor System Reset), PB041 (Concat), UG994 (inline HDL).
#
# An interface is {pins P buses B spaces S segments G}:
#   P: name -> {dir I|O kind clk|rst|intr|data width N active low|high|- need 0|1}
#   B: name -> {mode master|slave bus aximm|axis|ddrx|fixedio clock PIN width N|- need 0|1}
#   S: address spaces of masters, bus -> name; G: segments of slaves, bus -> {name range}

namespace eval ip {
    # name -> {version first-Vivado}; the number is that of lng::version_number.
    variable catalog {
        xilinx.com:ip:processing_system7 {5.5 20131}
        xilinx.com:ip:axi_dma {7.1 20131}
        xilinx.com:ip:smartconnect {1.0 20171}
        xilinx.com:ip:proc_sys_reset {5.0 20131}
        xilinx.com:ip:xlconcat {2.1 20131}
        xilinx.com:inline_hdl:ilconcat {1.0 20251}
    }
    variable widths {8 16 32 64 128 256 512 1024}
    variable memory_widths {32 64 128 256 512 1024}
    # PS7 settings by pattern: bool, number, mio, text or a list of values.
    variable ps7_settings {
        {PCW_USE_(M_AXI_GP[01]|S_AXI_(ACP|GP[01]|HP[0-3])|FABRIC_INTERRUPT)} bool
        {PCW_IRQ_F2P_INTR|PCW_EN_CLK[0-3]_PORT|PCW_EN_RST[0-3]_PORT} bool
        {PCW_(QSPI|SD[01]|ENET[01]|USB[01]|UART[01])_PERIPHERAL_ENABLE} bool
        {PCW_GPIO_MIO_GPIO_ENABLE|PCW_ENET0_GRP_MDIO_ENABLE|PCW_(ENET0|USB0)_RESET_ENABLE} bool
        {PCW_SD0_GRP_(CD|WP)_ENABLE|PCW_QSPI_GRP_(SINGLE_SS|FBCLK)_ENABLE} bool
        {PCW_UIPARAM_DDR_(ENABLE|TRAIN_(WRITE_LEVEL|READ_GATE|DATA_EYE)|USE_INTERNAL_VREF)} bool
        {PCW_QSPI_QSPI_IO|PCW_SD0_SD0_IO|PCW_SD0_GRP_(CD|WP)_IO|PCW_ENET0_ENET0_IO} mio
        {PCW_ENET0_GRP_MDIO_IO|PCW_USB0_USB0_IO|PCW_UART0_UART0_IO|PCW_UART1_UART1_IO} mio
        {PCW_(ENET0|USB0)_RESET_IO} mio
        {PCW_(CRYSTAL|APU|SDIO|FPGA[0-3])_PERIPHERAL_FREQMHZ|PCW_UIPARAM_DDR_FREQ_MHZ} number
        {PCW_UIPARAM_DDR_(BOARD_DELAY|DQS_TO_CLK_DELAY_)[0-3]} number
        {PCW_PRESET_BANK[01]_VOLTAGE} {{LVCMOS 1.8V} {LVCMOS 2.5V} {LVCMOS 3.3V}}
        {PCW_UIPARAM_DDR_MEMORY_TYPE} {{DDR 3} {DDR 3 (Low Voltage)} {DDR 2} {LPDDR 2}}
        {PCW_UIPARAM_DDR_BUS_WIDTH} {{16 Bit} {32 Bit}}
        {PCW_UIPARAM_DDR_PARTNO} text
        {PCW_S_AXI_HP[0-3]_DATA_WIDTH} {32 64}
    }
    variable settings [list \
        axi_dma [list c_include_sg bool c_sg_include_stscntrl_strm bool c_sg_length_width length \
            c_include_mm2s bool c_include_s2mm bool c_include_mm2s_dre bool c_include_s2mm_dre bool \
            c_m_axis_mm2s_tdata_width $widths c_m_axi_mm2s_data_width $memory_widths \
            c_m_axi_s2mm_data_width $memory_widths c_mm2s_burst_size {2 4 8 16 32 64 128 256} \
            c_s2mm_burst_size {2 4 8 16 32 64 128 256}] \
        smartconnect {NUM_SI count NUM_MI count NUM_CLKS count HAS_ARESETN bool} \
        proc_sys_reset {C_EXT_RST_WIDTH count C_AUX_RST_WIDTH count C_EXT_RESET_HIGH bool} \
        xlconcat {NUM_PORTS count} ilconcat {NUM_PORTS count}]
    variable defaults {
        axi_dma {c_include_sg 1 c_sg_include_stscntrl_strm 1 c_include_mm2s 1 c_include_s2mm 1
            c_m_axis_mm2s_tdata_width 32 c_m_axi_mm2s_data_width 32 c_m_axi_s2mm_data_width 32
            c_sg_length_width 14 c_include_mm2s_dre 0 c_include_s2mm_dre 0}
        smartconnect {NUM_SI 2 NUM_MI 1 NUM_CLKS 1 HAS_ARESETN 1}
        proc_sys_reset {}
        xlconcat {NUM_PORTS 2}
        ilconcat {NUM_PORTS 2}
        processing_system7 {PCW_USE_M_AXI_GP0 1 PCW_USE_M_AXI_GP1 0 PCW_USE_S_AXI_HP0 0
            PCW_S_AXI_HP0_DATA_WIDTH 64 PCW_USE_FABRIC_INTERRUPT 0 PCW_IRQ_F2P_INTR 0
            PCW_EN_CLK0_PORT 1 PCW_EN_CLK1_PORT 0 PCW_EN_CLK2_PORT 0 PCW_EN_CLK3_PORT 0
            PCW_EN_RST0_PORT 1 PCW_FPGA0_PERIPHERAL_FREQMHZ 50}
    }
}

# The newest IPs whose vendor:library:name:version match a pattern.
proc ip::matching {pattern} {
    variable catalog
    set found {}
    dict for {name facts} $catalog {
        lassign $facts version since
        set missing [expr {[dict exists $::check::world missing]
            ? [dict get $::check::world missing] : {}}]
        if {[string match $pattern $name:$version] && $since <= [vivado::number]
                && [lindex [split $name :] end] ni $missing} {
            lappend found $name:$version
        }
    }
    return $found
}

# What a setting of an IP may be; "" if there is no such setting.
proc ip::allowed {ip name} {
    variable ps7_settings
    variable settings
    if {$ip eq "processing_system7"} {
        foreach {pattern kind} $ps7_settings {
            if {[regexp "^(?:$pattern)\$" $name]} {
                return $kind
            }
        }
        return ""
    }
    set known [dict get $settings $ip]
    return [expr {[dict exists $known $name] ? [dict get $known $name] : ""}]
}

proc ip::must_be_value {command ip name value} {
    set kind [allowed $ip $name]
    switch -- $kind {
        "" { check::fail "$command: $ip has no setting CONFIG.$name" }
        bool { set good [expr {$value in {0 1}}] }
        number { set good [string is double -strict $value] }
        count { set good [expr {[string is integer -strict $value] && $value >= 1 && $value <= 16}] }
        length { set good [expr {[string is integer -strict $value] && $value >= 8 && $value <= 26}] }
        mio { set good [expr {[mio_pins $value] ne ""}] }
        text { set good [expr {$value ne ""}] }
        default { set good [expr {$value in $kind}] }
    }
    if {!$good} {
        check::fail "$command: CONFIG.$name of $ip can't be '$value'"
    }
}

# The MIO pins of "MIO 16 .. 27" or "MIO 9".
proc ip::mio_pins {value} {
    if {![regexp {^MIO (\d+)(?: \.\. (\d+))?$} $value - first last]} {
        return ""
    }
    set last [expr {$last eq "" ? $first : $last}]
    set pins {}
    for {set pin $first} {$pin <= $last && $pin <= 53} {incr pin} {
        lappend pins $pin
    }
    return $pins
}

proc ip::pin {dir kind {width 1} {active -} {need 1}} {
    return [list dir $dir kind $kind width $width active $active need $need]
}

proc ip::bus {mode bus clock {width -} {need 1}} {
    return [list mode $mode bus $bus clock $clock width $width need $need]
}

# The interface of an IP with these settings (all of them, defaults included).
proc ip::interface {ip config} {
    set pins {}
    set buses {}
    set spaces {}
    set segments {}
    switch -- $ip {
        processing_system7 {
            dict set buses DDR [bus master ddrx ""]
            dict set buses FIXED_IO [bus master fixedio ""]
            foreach n {0 1} {
                if {[on $config PCW_USE_M_AXI_GP$n]} {
                    dict set buses M_AXI_GP$n [bus master aximm M_AXI_GP${n}_ACLK 32]
                    dict set pins M_AXI_GP${n}_ACLK [pin I clk]
                    dict set spaces M_AXI_GP$n Data
                }
            }
            foreach n {0 1 2 3} {
                if {[on $config PCW_USE_S_AXI_HP$n]} {
                    dict set buses S_AXI_HP$n [bus slave aximm S_AXI_HP${n}_ACLK 64]
                    dict set pins S_AXI_HP${n}_ACLK [pin I clk]
                    dict set segments S_AXI_HP$n [list HP${n}_DDR_LOWOCM [expr {1 << 30}]]
                }
                if {[on $config PCW_EN_CLK${n}_PORT]} {
                    dict set pins FCLK_CLK$n [pin O clk 1 - 0]
                }
                if {[on $config PCW_EN_RST${n}_PORT]} {
                    dict set pins FCLK_RESET${n}_N [pin O rst 1 low 0]
                }
            }
            if {[on $config PCW_USE_FABRIC_INTERRUPT] && [on $config PCW_IRQ_F2P_INTR]} {
                dict set pins IRQ_F2P [pin I intr 16]
            }
        }
        axi_dma {
            dict set pins s_axi_lite_aclk [pin I clk]
            dict set pins axi_resetn [pin I rst 1 low]
            dict set buses S_AXI_LITE [bus slave aximm s_axi_lite_aclk 32]
            dict set segments S_AXI_LITE [list Reg 65536]
            if {[on $config c_include_sg]} {
                dict set pins m_axi_sg_aclk [pin I clk]
                dict set buses M_AXI_SG [bus master aximm m_axi_sg_aclk 32]
                dict set spaces M_AXI_SG Data_SG
            }
            if {[on $config c_include_mm2s]} {
                dict set pins m_axi_mm2s_aclk [pin I clk]
                dict set pins mm2s_introut [pin O intr]
                dict set pins mm2s_prmry_reset_out_n [pin O rst 1 low 0]
                set width [dict get $config c_m_axi_mm2s_data_width]
                dict set buses M_AXI_MM2S [bus master aximm m_axi_mm2s_aclk $width]
                dict set spaces M_AXI_MM2S Data_MM2S
                dict set buses M_AXIS_MM2S [bus master axis m_axi_mm2s_aclk \
                    [dict get $config c_m_axis_mm2s_tdata_width]]
                if {[on $config c_include_sg] && [on $config c_sg_include_stscntrl_strm]} {
                    dict set buses M_AXIS_CNTRL [bus master axis m_axi_mm2s_aclk 32]
                }
            }
            if {[on $config c_include_s2mm]} {
                dict set pins m_axi_s2mm_aclk [pin I clk]
                dict set pins s2mm_introut [pin O intr]
                dict set pins s2mm_prmry_reset_out_n [pin O rst 1 low 0]
                set width [dict get $config c_m_axi_s2mm_data_width]
                dict set buses M_AXI_S2MM [bus master aximm m_axi_s2mm_aclk $width]
                dict set spaces M_AXI_S2MM Data_S2MM
                dict set buses S_AXIS_S2MM [bus slave axis m_axi_s2mm_aclk]
                if {[on $config c_include_sg] && [on $config c_sg_include_stscntrl_strm]} {
                    dict set buses S_AXIS_STS [bus slave axis m_axi_s2mm_aclk 32]
                }
            }
        }
        smartconnect {
            for {set n 0} {$n < [dict get $config NUM_CLKS]} {incr n} {
                dict set pins [expr {$n ? "aclk$n" : "aclk"}] [pin I clk]
            }
            dict set pins aresetn [pin I rst 1 low]
            for {set n 0} {$n < [dict get $config NUM_SI]} {incr n} {
                dict set buses [format S%02d_AXI $n] [bus slave aximm aclk]
            }
            for {set n 0} {$n < [dict get $config NUM_MI]} {incr n} {
                dict set buses [format M%02d_AXI $n] [bus master aximm aclk]
            }
        }
        proc_sys_reset {
            dict set pins slowest_sync_clk [pin I clk]
            dict set pins ext_reset_in [pin I rst 1 any]
            foreach name {aux_reset_in mb_debug_sys_rst dcm_locked} {
                dict set pins $name [pin I data 1 - 0]
            }
            foreach name {mb_reset bus_struct_reset peripheral_reset} {
                dict set pins $name [pin O rst 1 high 0]
            }
            foreach name {interconnect_aresetn peripheral_aresetn} {
                dict set pins $name [pin O rst 1 low 0]
            }
        }
        xlconcat - ilconcat {
            set count [dict get $config NUM_PORTS]
            for {set n 0} {$n < $count} {incr n} {
                dict set pins In$n [pin I data]
            }
            dict set pins dout [pin O data $count]
        }
    }
    return [list pins $pins buses $buses spaces $spaces segments $segments]
}

proc ip::on {config name} {
    return [expr {[dict exists $config $name] && [dict get $config $name]}]
}

# The interface of a Verilog module used as a cell: buses are told from the names of the ports, or
# from their attributes (UG1118, X_INTERFACE_INFO).
proc ip::module {path top} {
    set pins {}
    set parts {}
    set clock ""
    dict for {name port} [check::verilog_ports $path $top] {
        set info [dict get $port info]
        if {[regexp {^xilinx.com:(?:interface|signal):(\w+):1.0 (\w+) (\w+)$} $info - bus of signal]} {
        } elseif {[regexp {^([sm]_axis?)_([a-z]+)$} $name - of signal]} {
            set bus [expr {[string match *axis $of] ? "axis" : "aximm"}]
        } else {
            set bus [expr {[regexp clk $name] ? "clock" : [regexp {reset|rst} $name] ? "reset"
                : [regexp {irq|interrupt} $name] ? "interrupt" : "data"}]
        }
        set dir [string index [dict get $port dir] 0]
        set dir [expr {$dir eq "i" ? "I" : "O"}]
        switch -- $bus {
            clock { dict set pins $name [pin $dir clk]; set clock $name }
            reset { dict set pins $name [pin $dir rst 1 [expr {[regexp {n$} $name] ? "low" : "high"}]] }
            interrupt { dict set pins $name [pin $dir intr] }
            data { dict set pins $name [pin $dir data [dict get $port width] - [expr {$dir eq "I"}]] }
            default { dict set parts $of [string tolower $signal] [list $bus $dir [dict get $port width]] }
        }
    }
    set buses {}
    set segments {}
    dict for {of signals} $parts {
        set main [expr {[dict exists $signals tvalid] ? "tvalid" : "awvalid"}]
        if {![dict exists $signals $main]} {
            check::fail "create_bd_cell: $top: $of has no $main"
        }
        lassign [dict get $signals $main] bus dir
        set mode [expr {$dir eq "I" ? "slave" : "master"}]
        set data [expr {$bus eq "axis" ? "tdata" : "wdata"}]
        dict set buses $of [bus $mode $bus $clock [lindex [dict get $signals $data] 2]]
        if {$bus eq "aximm" && $mode eq "slave"} {
            set bits [lindex [dict get $signals awaddr] 2]
            dict set segments $of [list reg0 [expr {1 << $bits}]]
        }
    }
    return [list pins $pins buses $buses spaces {} segments $segments]
}
