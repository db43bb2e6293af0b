"""How many resources a device has, and what percentage of them a design uses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from dse.errors import InputError
from reports.utilization import RESOURCES, Utilization


@dataclass(frozen=True)
class Device:
    """The programmable logic of one device, whatever its package and speed grade.

    ``bram`` counts RAMB36 tiles, ``lut_as_memory`` the LUTs that can serve as memory (a subset of
    ``lut``; None: no document we have says), ``dsp`` DSP slices; ``uram`` is None for a device
    without UltraRAM.
    """

    name: str
    lut: int
    lut_as_memory: int | None
    ff: int
    bram: int
    dsp: int
    uram: int | None = None

    def available(self) -> dict[str, int | None]:
        """The capacities by the resource names of :class:`~reports.utilization.Utilization`."""
        return {
            "lut": self.lut,
            "lut_as_logic": self.lut,
            "lutram": self.lut_as_memory,
            "ff": self.ff,
            "bram": self.bram,
            "dsp": self.dsp,
            "uram": self.uram,
        }

    def capacities(self) -> dict[str, int | None]:
        """As ``available``, with 0 for what the device has none of: None is unknown."""
        return {**self.available(), "uram": self.uram or 0}


#: LUT, FF, BRAM, DSP and UltraRAM as in the tables of Xilinx DS190 (Zynq-7000), DS891 (Zynq
#: UltraScale+), DS889 (its RFSoCs), DS987 (Kria K26), DS890 (UltraScale+: an XCU200 is a VU9P, an
#: XCU250 a VU13P) and DS950 (Versal). LUTs as memory as in the "Available" column of Vivado's
#: report_utilization, since the tables round them to megabits; in a Versal, half of the LUTs
#: (UG1273).
DEVICES = (
    Device("xc7z010", lut=17600, lut_as_memory=6000, ff=35200, bram=60, dsp=80),
    Device("xc7z020", lut=53200, lut_as_memory=17400, ff=106400, bram=140, dsp=220),
    Device("xczu3eg", lut=70560, lut_as_memory=28800, ff=141120, bram=216, dsp=360),
    Device("xczu7ev", lut=230400, lut_as_memory=101760, ff=460800, bram=312, dsp=1728, uram=96),
    Device("xczu9eg", lut=274080, lut_as_memory=144000, ff=548160, bram=912, dsp=2520),
    Device("xczu28dr", lut=425280, lut_as_memory=213600, ff=850560, bram=1080, dsp=4272, uram=80),
    Device("xczu48dr", lut=425280, lut_as_memory=None, ff=850560, bram=1080, dsp=4272, uram=80),
    Device("xck26", lut=117120, lut_as_memory=57600, ff=234240, bram=144, dsp=1248, uram=64),
    Device("xcu50", lut=871680, lut_as_memory=403200, ff=1743360, bram=1344, dsp=5952, uram=640),
    Device("xcu200", lut=1182240, lut_as_memory=591840, ff=2364480, bram=2160, dsp=6840, uram=960),
    Device(
        "xcu250", lut=1728000, lut_as_memory=791040, ff=3456000, bram=2688, dsp=12288, uram=1280
    ),
    Device("xcu280", lut=1303680, lut_as_memory=None, ff=2607360, bram=2016, dsp=9024, uram=960),
    Device("xcu55c", lut=1303680, lut_as_memory=None, ff=2607360, bram=2016, dsp=9024, uram=960),
    Device("xcvc1902", lut=899840, lut_as_memory=449920, ff=1799680, bram=967, dsp=1968, uram=463),
    Device("xcve2802", lut=520704, lut_as_memory=260352, ff=1041408, bram=600, dsp=1312, uram=264),
    Device(
        "xcv80", lut=2574208, lut_as_memory=1287104, ff=5148416, bram=3741, dsp=10848, uram=1925
    ),
)


@cache
def device_of(part: str) -> Device:
    """The device of a part name: ``xc7z020clg400-1``, ``XCZU3EG-SBVA484-1-E``, ``xc7z020``.

    The ``xc`` may be missing, as in Vivado's reports. Raises InputError, listing the known devices,
    for any other name.
    """
    for device in DEVICES:
        name = f"(xc)?{device.name.removeprefix('xc')}"
        package_and_speed = r"(-?[a-z]{3,5}\d{3,4}(-[0-9a-z-]+)?)?"
        if re.fullmatch(name + package_and_speed, part, re.IGNORECASE):
            return device
    raise InputError(
        f"unknown device {part!r}",
        expected="a part name that starts with a known device, such as xc7z020clg400-1",
        choices=[device.name for device in DEVICES],
    )


def percent(utilization: Utilization) -> dict[str, float | None]:
    """What is used, in percent of the device, by resource name; None where either is unknown.

    Computed from the device table, unrounded. Raises InputError for an unknown device.
    """
    available = device_of(utilization.device).available()
    used = utilization.resources()
    shares: dict[str, float | None] = {}
    for name in RESOURCES:
        count, capacity = used[name], available[name]
        shares[name] = None if count is None or capacity is None else 100 * count / capacity
    return shares
