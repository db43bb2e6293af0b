"""The stage that a log shows, in words."""

from __future__ import annotations

from finn_flows.vendor.stages import StageWords

#: Lines as they follow each other in logs of Vivado, of a run of its own, and of HLS.
_LOG = (
    ("# create_bd_design top", "create_bd_design"),
    ("[Fri Dec 25 13:51:25 2015] Launched synth_1...", "launched synth_1"),
    ("Command: synth_design -top top_wrapper -part xc7z020clg400-1", "synth_design"),
    ("Starting synth_design", "synthesis"),
    ("Start RTL Component Statistics ", "synthesis: RTL component statistics"),
    ("Start Technology Mapping", "synthesis: technology mapping"),
    ("Starting Logic Optimization Task", "logic optimization"),
    ("Phase 1 Retarget", "logic optimization: phase 1 retarget"),
    ("Starting Placer Task", "placement"),
    ("Phase 2.3 Post-Processing in Floorplanning", "placement: phase 2.3"),
    ("Phase 2.3 Post-Processing in Floorplanning | Checksum: 1a2b3c", "placement: phase 2.3"),
    ("Starting Routing Task", "routing"),
    ("Phase 4.1 Global Iteration 0", "routing: phase 4.1 global iteration 0"),
    ("Command: write_bitstream -force top_wrapper.bit", "bitstream"),
    ("INFO: [HLS 200-10] Analyzing design file 'top.cpp' ... ", "analysis"),
    ("INFO: [HLS 200-10] -- Implementing module 'conv0'", "csynth conv0"),
    ("INFO: [IMPL 213-8] Exporting RTL as a Vivado IP.", "export"),
    ("[11:20:00] Run run_link: Step vpl: Started", "vpl"),
)


def test_each_line_of_a_log_leads_to_its_stage() -> None:
    words = StageWords()
    for line, stage in _LOG:
        words.take("INFO: of no interest to anybody")
        words.take(line)
        assert words.stage is not None
        assert words.stage.startswith(stage), line


def test_nothing_is_known_before_the_log_says_something() -> None:
    words = StageWords()
    words.take("****** Vivado v2022.2 (64-bit)")
    assert words.stage is None
