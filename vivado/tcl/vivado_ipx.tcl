# Stand-ins of vivado.tcl: packaging of IP (UG835, commands of the category IPXACT; UG1118).

namespace eval ::ipx {}
namespace eval vivado::ipx {
    variable core {}    ;# {} or {top root parameters buses registers saved xgui checked}
    variable properties {
        core {name version core_revision display_name description vendor vendor_display_name
            supported_families library taxonomy}
        parameter {enablement_value value display_name description}
        bus {slave_memory_map_ref}
        map {display_name}
        block {range base_address usage}
        register {address_offset size access description}
    }
}

check::declare ipx::package_project {[-archive_source_project <arg>] [-root_dir <arg>] [-library <arg>] [-vendor <arg>] [-taxonomy <args>] [-import_files] [-module <arg>] [-set_current <arg>] [-generated_files] [-force] [-quiet] [-verbose] [<project_file>]}
check::declare ipx::current_core {[-quiet] [-verbose] [<core>]}
check::declare ipx::get_user_parameters {[-regexp] [-nocase] [-filter <arg>] -of_objects <args> [-quiet] [-verbose] [<patterns>]}
check::declare ipx::get_memory_maps {[-regexp] [-nocase] [-filter <arg>] -of_objects <args> [-quiet] [-verbose] [<patterns>]}
check::declare ipx::get_bus_interfaces {[-regexp] [-nocase] [-filter <arg>] -of_objects <args> [-quiet] [-verbose] [<patterns>]}
check::declare ipx::get_address_blocks {[-regexp] [-nocase] [-filter <arg>] -of_objects <args> [-quiet] [-verbose] [<patterns>]}
check::declare ipx::add_memory_map {[-quiet] [-verbose] <name> <component>}
check::declare ipx::add_address_block {[-quiet] [-verbose] <name> <memory_map>}
check::declare ipx::add_register {[-quiet] [-verbose] <name> <address_block>}
check::declare ipx::create_xgui_files {[-quiet] [-verbose] [<core>]}
check::declare ipx::update_checksums {[-quiet] [-verbose] [<core>]}
check::declare ipx::check_integrity {[-quiet] [-verbose] [<core>]}
check::declare ipx::save_core {[-quiet] [-verbose] [<core>]}

proc vivado::ipx::package_project {given plain} {
    variable core
    vivado::need_project ipx::package_project
    foreach option {-root_dir -vendor -library -taxonomy} {
        if {![dict exists $given $option]} {
            check::fail "ipx::package_project: without $option the IP gets a name of Vivado's choice"
        }
    }
    set top [dict get $vivado::sets sources_1 top]
    vivado::must_be_design ipx::package_project sources_1 $top
    check::make_folder [dict get $given -root_dir]
    foreach path [vivado::typed sources_1 Verilog] {
        if {[dict exists [check::verilog_modules $path] $top]} {
            set names [regexp -all -inline {\mparameter\s+(?:integer\s+)?(\w+)} [check::verilog_text $path]]
            set parameters [lmap {- name} $names {set name}]
            set buses [dict get [ip::module $path $top] buses]
        }
    }
    set core [dict create top $top root [dict get $given -root_dir] parameters $parameters \
        buses [dict keys $buses] registers {} saved 0 xgui 0 checked 0]
    return ipx_core@$top
}

proc vivado::ipx::need {command word} {
    variable core
    if {$core eq "" || ($word ne "" && $word ne "ipx_core@[dict get $core top]")} {
        check::fail "$command: '$word' is not the core: ipx::package_project comes first"
    }
}

proc vivado::ipx::current_core {given plain} {
    variable core
    need ipx::current_core [lindex $plain 0]
    return ipx_core@[dict get $core top]
}

proc vivado::ipx::found {command class names given plain} {
    set hits {}
    foreach name $names {
        if {[string match [vivado::pattern $plain] $name]} {
            lappend hits ipx_$class@$name
        }
    }
    if {$hits eq "" && ![dict exists $given -quiet]} {
        check::fail "$command: nothing matches '[vivado::pattern $plain]'; there are: [join $names {, }]"
    }
    return $hits
}

proc vivado::ipx::get_user_parameters {given plain} {
    variable core
    need ipx::get_user_parameters [dict get $given -of_objects]
    return [found ipx::get_user_parameters parameter [dict get $core parameters] $given $plain]
}

proc vivado::ipx::get_bus_interfaces {given plain} {
    variable core
    need ipx::get_bus_interfaces [dict get $given -of_objects]
    return [found ipx::get_bus_interfaces bus [dict get $core buses] $given $plain]
}

# Packaging infers the memory map of an AXI slave, with one block.
proc vivado::ipx::get_memory_maps {given plain} {
    variable core
    need ipx::get_memory_maps [dict get $given -of_objects]
    set slaves [lsearch -all -inline [dict get $core buses] s_axi]
    return [found ipx::get_memory_maps map $slaves $given $plain]
}

proc vivado::ipx::get_address_blocks {given plain} {
    if {![string match ipx_map@* [dict get $given -of_objects]]} {
        check::fail "ipx::get_address_blocks: '[dict get $given -of_objects]' is not a memory map"
    }
    return [found ipx::get_address_blocks block reg0 $given $plain]
}

proc vivado::ipx::add_memory_map {given plain} {
    need ipx::add_memory_map [lindex $plain 1]
    return ipx_map@[lindex $plain 0]
}

proc vivado::ipx::add_address_block {given plain} {
    return ipx_block@[lindex $plain 0]
}

proc vivado::ipx::add_register {given plain} {
    variable core
    lassign $plain name block
    if {![string match ipx_block@* $block]} {
        check::fail "ipx::add_register: '$block' is not an address block"
    }
    if {![regexp {^\w+$} $name] || [dict exists $core registers $name]} {
        check::fail "ipx::add_register: there is a register '$name' already, or it is no name"
    }
    dict set core registers $name -1
    return ipx_register@$name
}

proc vivado::ipx::set_one {name value object} {
    variable core
    variable properties
    regexp {^ipx_(\w+)@(.*)$} $object - class target
    if {$name ni [dict get $properties $class]} {
        check::fail "set_property: an IP's $class has no property '$name' that this check knows"
    }
    switch -- $class/$name {
        core/version {
            if {![regexp {^\d+(\.\d+)*$} $value]} {
                check::fail "set_property: '$value' is not a version of an IP"
            }
        }
        core/core_revision - register/size - block/range {
            if {![string is integer -strict $value]} {
                check::fail "set_property: $name '$value' is not a number"
            }
            if {$name eq "range" && ($value < 4096 || ($value & ($value - 1)))} {
                check::fail "set_property: range $value is not a power of two from 4096 on"
            }
        }
        parameter/enablement_value { check::one_of "set_property $name" $value {true false} }
        register/access {
            check::one_of "set_property access" $value {read-only read-write write-only}
        }
        register/address_offset {
            if {![string is integer -strict $value] || $value % 4
                    || $value in [dict values [dict get $core registers]]} {
                check::fail "set_property: $target: offset '$value' is taken or not that of a word"
            }
            dict set core registers $target $value
        }
    }
    dict set core saved 0
}

proc vivado::ipx::create_xgui_files {given plain} {
    variable core
    need ipx::create_xgui_files [lindex $plain 0]
    dict set core xgui 1
    return
}

proc vivado::ipx::update_checksums {given plain} {
    need ipx::update_checksums [lindex $plain 0]
    return
}

proc vivado::ipx::check_integrity {given plain} {
    variable core
    need ipx::check_integrity [lindex $plain 0]
    if {-1 in [dict values [dict get $core registers]]} {
        check::fail "ipx::check_integrity: a register has no address_offset"
    }
    dict set core checked 1
    return
}

proc vivado::ipx::save_core {given plain} {
    variable core
    need ipx::save_core [lindex $plain 0]
    if {![dict get $core checked]} {
        check::fail "ipx::save_core: the core was not checked: ipx::check_integrity comes first"
    }
    dict set core saved 1
    check::will_write ipx::save_core [file join [dict get $core root] component.xml]
    return
}

# At the end of a script: what was packaged must be saved.
proc vivado::ipx::at_end {} {
    variable core
    if {$core ne "" && ![dict get $core saved]} {
        check::fail "end of script: the packaged core is not saved: ipx::save_core comes last"
    }
    set core {}
}
