"""Published figures of the network that this project began with: data, each with its citation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dse.errors import InputError
from reports.devices import device_of, percent
from reports.sweep_record import PartName
from reports.utilization import RESOURCES, Scope, Source, Stage, Utilization

#: The network and device that every figure below belongs to.
NETWORK = "CnvW2A2"
DEVICE = "xc7z020clg400-1"

_PUBLICATION = (
    "Fiscaletti et al., Hardware resources analysis of BNNs splitting for FARD-based multi-FPGAs "
    "Distributed Systems, 2020"
)
PAPER = f"{_PUBLICATION}, Table I"
BNN_PYNQ = "BNN-PYNQ, unsplit CnvW2A2 on PYNQ-Z1, Vivado 2018.2 (timing met at 100 MHz)"

#: Printed identically for splits 1 and 2.
FF_FOOTNOTE = (
    "The paper prints the same FF percentage for splits 1 and 2 (16.93): probably a slip there."
)


@dataclass(frozen=True)
class PublishedPoint:
    """One published design point.

    ``printed`` says which of ``percent`` and ``utilization`` stands in the publication; the other
    is derived from it with the device table (used = percent x device, to the nearest whole unit,
    for BRAM to the nearest half tile). ``split`` and ``pool`` are None for the whole network.
    """

    source: Source
    citation: str
    part: PartName
    split: int | None
    pool: str | None
    printed: Literal["percent", "used"]
    percent: dict[str, float | None]
    utilization: Utilization


@dataclass(frozen=True)
class PublishedResponseTime:
    """A published response time: seconds from a job's first image to its last result.

    ``sd_seconds`` as printed; the publication does not say of which kind. ``network``: as
    :data:`NETWORK`. ``transport``: what carried the images.
    """

    source: Source
    citation: str
    network: str
    split: int
    images: int
    runs: int
    boards: str
    transport: str
    mean_seconds: float
    sd_seconds: float


RESPONSE_TIME = PublishedResponseTime(
    source=Source.PAPER,
    citation=_PUBLICATION,
    network=NETWORK,
    split=5,
    images=20,
    runs=30,
    boards="two PYNQ-Z1 (FPGAs)",
    transport="images inside the control messages",
    mean_seconds=0.084,
    sd_seconds=0.0075,
)

#: Table I: split -> percent of LUT, LUTRAM, FF, BRAM, DSP; first FPGA, with the PS/AXI shell.
_TABLE_1 = {
    0: (13.55, 5.51, 10.26, 1.79, 2.73),
    1: (27.69, 21.36, 16.93, 3.93, 6.36),
    2: (37.15, 23.56, 16.93, 12.50, 9.09),
    3: (44.51, 25.32, 29.77, 26.79, 13.64),
    4: (54.27, 28.13, 38.07, 52.50, 14.55),
    5: (58.35, 28.17, 44.62, 88.93, 14.55),
}


def published_points(design: str | None, device: str) -> list[PublishedPoint]:
    """Everything published on a design and ``device`` (a part name); else nothing.

    ``design``: ``published_design`` of the records, which goes by layers and not by a file's name.

    The first parts of splits 0-5 with the pool before the cut, then the whole network.
    """
    try:
        same_device = device_of(device) == device_of(DEVICE)
    except InputError:
        same_device = False
    if design != NETWORK or not same_device:
        return []
    return [*(_of_table_1(split) for split in _TABLE_1), _whole_network()]


def _of_table_1(split: int) -> PublishedPoint:
    printed = dict(zip(("lut", "lutram", "ff", "bram", "dsp"), _TABLE_1[split], strict=True))
    available = device_of(DEVICE).available()
    used: dict[str, float] = {}
    for name, share in printed.items():
        capacity = available[name]
        assert capacity is not None  # none of the five is UltraRAM
        unit = 0.5 if name == "bram" else 1
        used[name] = round(share / 100 * capacity / unit) * unit
    return PublishedPoint(
        source=Source.PAPER,
        citation=PAPER,
        part=PartName.FIRST,
        split=split,
        pool="before",
        printed="percent",
        percent={name: printed.get(name) for name in RESOURCES},
        # Table I names neither version nor stage; a design with its shell is usually placed.
        utilization=_utilization("Vivado", "unknown, taken to be placed", used),
    )


def _whole_network() -> PublishedPoint:
    used = {"lut": 37302.0, "lutram": 7437.0, "ff": 51386.0, "bram": 140.0, "dsp": 32.0}
    utilization = _utilization("Vivado", "2018.2", used)
    return PublishedPoint(
        source=Source.PAPER,
        citation=BNN_PYNQ,
        part=PartName.WHOLE,
        split=None,
        pool=None,
        printed="used",
        percent=percent(utilization),
        utilization=utilization,
    )


def _utilization(tool: str, version: str, used: dict[str, float]) -> Utilization:
    return Utilization(
        device=DEVICE,
        tool=tool,
        tool_version=version,
        stage=Stage.PLACED,
        scope=Scope.WITH_SHELL,
        lut=used["lut"],
        lutram=used["lutram"],
        ff=used["ff"],
        bram=used["bram"],
        dsp=used["dsp"],
    )
