# Makes an overlay of kernel split5_first: Zynq PS, its master and slave ports, the kernel.
#
#   vivado -mode batch -source overlay.tcl
#
# after hls.tcl has exported the kernel, with a Vivado of the same release. Writes overlay/part.bit,
# overlay/part.hwh and reports beside this script. The board's presets, if its files are installed:
#
#   vivado -mode batch -source overlay.tcl -tclargs <part name> <board part>
set here [file dirname [file normalize [info script]]]
set device [expr {[llength $argv] > 0 ? [lindex $argv 0] : "xc7z020clg400-1"}]
set board [expr {[llength $argv] > 1 ? [lindex $argv 1] : ""}]
set out [file join $here overlay]
set ip [file join $here hls solution impl ip]
if {![file isdirectory $ip]} {
    error "$ip is not there: hls.tcl makes it, with the step export"
}

create_project -force part [file join $out project] -part $device
if {$board ne ""} {
    set_property board_part $board [current_project]
}
set_property ip_repo_paths $ip [current_project]
update_ip_catalog

create_bd_design part_bd

# The processing system: one master port for registers, one slave port for the kernel's data.
set preset [expr {$board ne "" ? "1" : "0"}]
set ps [create_bd_cell -type ip -vlnv xilinx.com:ip:processing_system7 ps]
apply_bd_automation -rule xilinx.com:bd_rule:processing_system7 \
    -config [list make_external "FIXED_IO, DDR" apply_board_preset $preset Master Disable Slave Disable] $ps
set_property -dict [list \
    CONFIG.PCW_USE_M_AXI_GP0 1 \
    CONFIG.PCW_USE_S_AXI_HP0 1 \
    CONFIG.PCW_S_AXI_HP0_DATA_WIDTH 64 \
    CONFIG.PCW_FPGA0_PERIPHERAL_FREQMHZ 100.0 \
] $ps
set master M_AXI_GP0
set slave S_AXI_HP0

set kernel [create_bd_cell -type ip -vlnv xilinx.com:hls:split5_first kernel]
apply_bd_automation -rule xilinx.com:bd_rule:axi4 \
    -config [list Master /ps/$master Slave /kernel/s_axi_control Clk Auto] [get_bd_intf_pins kernel/s_axi_control]
apply_bd_automation -rule xilinx.com:bd_rule:axi4 \
    -config [list Master /kernel/m_axi_hostmem Slave /ps/$slave Clk Auto] [get_bd_intf_pins ps/$slave]
assign_bd_address
validate_bd_design
save_bd_design

set design [get_files part_bd.bd]
make_wrapper -files $design -top -import
set_property top part_bd_wrapper [current_fileset]
update_compile_order -fileset sources_1

launch_runs impl_1 -to_step write_bitstream -jobs 4
wait_on_run impl_1
if {[get_property PROGRESS [get_runs impl_1]] ne "100%"} {
    error "implementation did not finish: see the log of run impl_1"
}

open_run impl_1
report_utilization -file [file join $out utilization.rpt]
report_utilization -hierarchical -file [file join $out utilization_hierarchical.rpt]
report_timing_summary -file [file join $out timing.rpt]
report_power -file [file join $out power.rpt]
file copy -force [get_property DIRECTORY [get_runs impl_1]]/part_bd_wrapper.bit [file join $out part.bit]
# part.srcs up to Vivado 2020.1, part.gen after it.
set handoff [glob -directory [file join $out project] -types f part.*/sources_1/bd/part_bd/hw_handoff/part_bd.hwh]
file copy -force [lindex $handoff end] [file join $out part.hwh]
puts "wrote [file join $out part.bit]"
