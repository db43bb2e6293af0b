# Makes an IP block of kernel split5_first: synthesis, report, export.
#
#   FINN_HLSLIB=<checkout of finn-hlslib> vivado_hls -f hls.tcl    Vivado HLS 2018.3 to 2019.2
#   FINN_HLSLIB=<checkout of finn-hlslib> vitis_hls -f hls.tcl     Vitis HLS 2020.2 to 2024.2
#
# Vivado HLS wants finn-hlslib as of commit 8b7f5f5, Vitis HLS its newest. HLS_STEPS="csim csynth
# cosim export" does the steps that it names, in that order; cosim and export need csynth.
set here [file dirname [file normalize [info script]]]
if {![info exists ::env(FINN_HLSLIB)]} {
    error "FINN_HLSLIB is not set: it names a checkout of finn-hlslib"
}
set hlslib [file normalize $::env(FINN_HLSLIB)]
if {![file exists [file join $hlslib bnn-library.h]]} {
    error "$hlslib (FINN_HLSLIB) is no checkout of finn-hlslib: there is no bnn-library.h in it"
}
# A file that the version for Vitis HLS no longer has.
set hlslib_is_old [file exists [file join $hlslib fclayer.h]]
set steps [expr {[info exists ::env(HLS_STEPS)] ? $::env(HLS_STEPS) : "csynth export"}]
foreach step $steps {
    if {$step ni {csim csynth cosim export}} {
        error "HLS_STEPS names $step; expected some of csim csynth cosim export"
    }
}
if {"csynth" ni $steps && ("cosim" in $steps || "export" in $steps)} {
    error "HLS_STEPS names cosim or export without csynth, which they need"
}
foreach folder [list $here $hlslib] {
    if {[regexp {\s} $folder]} {
        error "the tools cannot take a folder with a space in its name: $folder"
    }
}
set standard [expr {$hlslib_is_old ? "-std=c++0x" : "-std=c++14"}]

# Projects are made in the current folder.
cd $here
open_project -reset hls
add_files [file join $here kernel.cpp] -cflags "$standard -I$hlslib -I$here"
add_files -tb [file join $here testbench.cpp] -cflags "$standard -I$here"
set_top split5_first
# Vivado HLS does not know the option: that tells which of the tools this is.
if {[catch {open_solution -reset -flow_target vivado solution}]} {
    set tool_is_old 1
    open_solution -reset solution
} else {
    set tool_is_old 0
}
if {$tool_is_old && !$hlslib_is_old} {
    error "Vivado HLS wants finn-hlslib as of commit 8b7f5f5; $hlslib is the version for Vitis HLS"
}
if {!$tool_is_old && $hlslib_is_old} {
    error "Vitis HLS wants the newest finn-hlslib; $hlslib is the version for Vivado HLS"
}
set_part {xc7z020clg400-1}
create_clock -period 10 -name default
# The same registers with both tools: addresses of 64 bits are the default of one of them only.
config_interface -m_axi_addr64

foreach step {csim csynth cosim export} {
    if {$step ni $steps} {
        continue
    }
    switch $step {
        csim { csim_design -argv $here }
        csynth {
            csynth_design
            file mkdir [file join $here reports]
            foreach kind {rpt xml} {
                file copy -force [file join $here hls solution syn report split5_first_csynth.$kind] \
                    [file join $here reports csynth.$kind]
            }
        }
        cosim { cosim_design -argv "$here without-weights" }
        export { export_design -format ip_catalog }
    }
}
exit
