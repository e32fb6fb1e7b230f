"""Driving Vivado and Vitis HLS when installed; checking the generated Tcl without them."""
