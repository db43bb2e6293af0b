"""What the tools say of a failure is classed rightly; the texts are those of logs of users."""

from __future__ import annotations

import pytest

from finn_flows.vendor.failure import Excess, FailureKind
from finn_flows.vendor.messages import excess_of, is_busy, is_port_taken, kind_of

_LICENCE = (
    "ERROR: [Common 17-345] A valid license was not found for feature 'Synthesis' and/or device "
    "'xcvu11p'. Please run the Vivado License Manager for assistance in determining which features "
    "and devices are licensed for your system."
)
_UTLZ = (
    "ERROR: [DRC UTLZ-1] Resource utilization: {0} over-utilized in Top Level Design (This design "
    "requires more {0} cells than are available in the target device. This design requires {1} of "
    "such cell types but only {2} compatible sites are available in the target device. Please "
    "analyze your synthesis results and constraints.)"
)
_PLACE = (
    "ERROR: [Place 30-640] Place Check : This design requires more {0} cells than are available in "
    "the target device. This design requires {1} of such cell types but only {2} compatible sites "
    "are available in the target device. Please analyze your synthesis results and constraints."
)
_SLICES = (
    "ERROR: [Place 30-487] The packing of instances into the device could not be obeyed. There are "
    "a total of 4200 slices in the device, of which 1626 slices are available, however, the "
    "unplaced instances require 1789 slices. Please analyze your design"
)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (_LICENCE, FailureKind.LICENCE),
        (
            "WARNING: [Common 17-348] Failed to get the license for feature 'Synthesis' and/or "
            "device 'xczu9eg'. Explanation: The license feature Synthesis could not be found.",
            FailureKind.LICENCE,
        ),
        (
            "ERROR: License check-out failed for 'vivado_implementation'... Error code: -15",
            FailureKind.LICENCE,
        ),
        (_UTLZ.format("Slice LUTs", 270419, 203800), FailureKind.DOES_NOT_FIT),
        (_PLACE.format("RAMB36E1", 144, 140), FailureKind.DOES_NOT_FIT),
        (_SLICES, FailureKind.DOES_NOT_FIT),
        (
            "ERROR: [VPL UTLZ-1] Resource utilization: RAMB36/FIFO over-utilized in Pblock "
            "pblock_dynamic_region (This design requires more RAMB36/FIFO cells than are available "
            "in Pblock 'pblock_dynamic_region'.)",
            FailureKind.DOES_NOT_FIT,
        ),
        ("There is insufficient memory for the tool to continue", FailureKind.OUT_OF_MEMORY),
        ("  what():  std::bad_alloc", FailureKind.OUT_OF_MEMORY),
        ("Abnormal program termination (11)", FailureKind.CRASH),
        (
            "segfault in /tools/Xilinx/Vivado/2021.2/bin/unwrapped/lnx64.o/vivado -exec vivado, "
            "exiting...",
            FailureKind.CRASH,
        ),
        ("# An unexpected error has occurred (6)", FailureKind.CRASH),
        ("make_project.sh: line 3: 12345 Killed      vivado -mode batch", FailureKind.CRASH),
        ("ERROR: [Common 17-1297] write failed: No space left on device", FailureKind.DISK_FULL),
        # No failure: what succeeds says such things, too.
        ("Attempting to get a license for feature 'Synthesis' and/or device 'xcku060'", None),
        ("INFO: [Common 17-349] Got license for feature 'Synthesis'", None),
        ("Synthesis finished with 0 errors, 0 critical warnings and 12 warnings.", None),
        ("INFO: [DRC 23-27] Running DRC with 8 threads", None),
        ("ERROR: [Synth 8-439] module 'sync_event' not found [/x/axi_rx.v:127]", None),
    ],
)
def test_a_line_of_a_log_tells_the_class(line: str, kind: FailureKind | None) -> None:
    assert kind_of(line) is kind


@pytest.mark.parametrize(
    ("line", "excess"),
    [
        (_UTLZ.format("Slice LUTs", 61233, 53200), Excess("lut", 61233, 53200)),
        (_UTLZ.format("LUT as Logic", 261110, 203800), Excess("lut_as_logic", 261110, 203800)),
        (_UTLZ.format("LUT as Memory", 111521, 101760), Excess("lutram", 111521, 101760)),
        # RAMB18s are halves of the tiles that we count.
        (_PLACE.format("RAMB18 and RAMB36/FIFO", 408, 280), Excess("bram", 204, 140)),
        (_PLACE.format("DSPs", 817, 740), Excess("dsp", 817, 740)),
        (_PLACE.format("F7 Muxes", 273875, 115200), Excess("F7 Muxes", 273875, 115200)),
        (_SLICES, Excess("slices", 1789, 1626)),
        # Short in a region is not short in the device.
        (
            "ERROR: [Place 30-640] Place Check : This design requires more RAMB18 cells than are "
            "available in Pblock 'roi'. This design requires 80 of such cell types but only 20 "
            "compatible sites are available in Pblock 'roi'.",
            None,
        ),
        (_LICENCE, None),
    ],
)
def test_what_is_short_and_by_how_much(line: str, excess: Excess | None) -> None:
    assert excess_of(line) == excess


def test_a_licence_that_others_have_is_told_from_one_that_nobody_has() -> None:
    assert is_busy("Licensed number of users already reached. FLEXnet Licensing error:-4,132")
    assert is_busy("Cannot connect to license server system. FLEXnet Licensing error:-15,578")
    assert not is_busy(_LICENCE)
    assert not is_busy("No such feature exists. FLEXnet Licensing error:-5,357")
    # A slack is no code of the licence manager's.
    assert not is_busy("INFO: [Route 35-416] | WNS=-4.132 | TNS=-15.578 |")


def test_a_port_that_is_taken() -> None:
    assert is_port_taken("ERROR: bind: Address already in use")
    assert not is_port_taken(_LICENCE)
