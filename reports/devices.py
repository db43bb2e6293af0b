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
    ``lut``), ``dsp`` DSP slices; ``uram`` is None for a device without UltraRAM.
    """

    name: str
    lut: int
    lut_as_memory: int
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


#: Xilinx DS190 (Zynq-7000), DS891 (Zynq UltraScale+), DS987 (Kria K26); LUTs as memory as the
#: "Available" column of Vivado's report_utilization has them.
DEVICES = (
    Device("xc7z010", lut=17600, lut_as_memory=6000, ff=35200, bram=60, dsp=80),
    Device("xc7z020", lut=53200, lut_as_memory=17400, ff=106400, bram=140, dsp=220),
    Device("xczu3eg", lut=70560, lut_as_memory=28800, ff=141120, bram=216, dsp=360),
    Device("xczu7ev", lut=230400, lut_as_memory=101760, ff=460800, bram=312, dsp=1728, uram=96),
    Device("xck26", lut=117120, lut_as_memory=57600, ff=234240, bram=144, dsp=1248, uram=64),
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
