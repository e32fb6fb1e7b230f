# Part names: device, package, speed grade. Zynq-7000 devices and their packages are listed (DS190,
# "Zynq-7000 SoC Data Sheet: Overview", device-package tables); other 7-series names are checked for
# their form only (DS180, "7 Series FPGAs Data Sheet: Overview", ordering information).

namespace eval check {
    variable zynq {
        xc7z007s {clg225 clg400}
        xc7z010  {clg225 clg400}
        xc7z012s {clg485}
        xc7z014s {clg400 clg484}
        xc7z015  {clg485}
        xc7z020  {clg400 clg484}
        xc7z030  {fbg484 fbg676 ffg676 sbg485}
        xc7z035  {fbg676 ffg676 ffg900}
        xc7z045  {fbg676 ffg676 ffg900}
        xc7z100  {ffg900 ffg1156}
    }
}

# 1 if `part` is a part that Vivado could have installed.
proc check::known_part {part} {
    variable zynq
    if {[regexp {^(xc7z\d{3}s?)i?([a-z]{3}\d{3,4})-(?:1|2|3|1L|2L)$} $part - device package]} {
        return [expr {[dict exists $zynq $device] && $package in [dict get $zynq $device]}]
    }
    return [regexp {^xc7[aksv][xh]?\d{1,4}t?[il]?[a-z]{3,4}\d{3,4}-(?:1|2|3|1L|2L)$} $part]
}

proc check::must_be_part {command part} {
    if {![known_part $part]} {
        fail "$command: '$part' is not a 7-series or Zynq-7000 part"
    }
}
