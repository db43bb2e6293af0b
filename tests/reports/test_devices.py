"""The device table agrees with real tool reports; percentages follow from it."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dse.errors import InputError, ReportError
from reports.devices import DEVICES, Device, device_of, percent
from reports.readers.device_check import check_available
from reports.utilization import Scope, Stage, Utilization


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("xc7z020clg400-1", "xc7z020"),
        ("7z020clg484-1", "xc7z020"),
        ("XC7Z020", "xc7z020"),
        ("xc7z010iclg225-1L", "xc7z010"),
        ("xczu3eg-sbva484-1-e", "xczu3eg"),
        ("xczu3egsbva484-1", "xczu3eg"),
        ("xczu7ev-ffvc1156-2-e", "xczu7ev"),
        ("xck26-sfvc784-2LV-c", "xck26"),
        ("xcu50-fsvh2104-2L-e", "xcu50"),
        ("xcu55c-fsvh2892-2L-e", "xcu55c"),
        ("xcve2802-vsvh1760-2MP-e-S", "xcve2802"),
    ],
)
def test_part_names(part: str, name: str) -> None:
    assert device_of(part).name == name


@pytest.mark.parametrize("part", ["", "xc7z0200", "xc7z02", "xc7z020 x", "xczu3egx", "xcvu9p"])
def test_unknown_parts_are_refused_with_the_known_ones(part: str) -> None:
    with pytest.raises(InputError, match="choose from xc7z010, xc7z020") as caught:
        device_of(part)
    assert "\n" not in str(caught.value)


def test_capacities_are_those_in_real_reports(shared: Path) -> None:
    """Every report of a device in the table has the table's capacities in its Available column."""
    seen: set[str] = set()
    with (shared / "vivado_reports" / "index.csv").open(newline="") as file:
        for line in csv.DictReader(file):
            try:
                device = device_of(line["device"])
            except InputError:
                continue
            pairs = (
                ("lut_avail", device.lut),
                ("ff_avail", device.ff),
                ("bram_avail", device.bram),
                ("dsp_avail", device.dsp),
            )
            for column, capacity in pairs:
                if line[column]:
                    assert float(line[column]) == capacity, (line["file"], column)
                    seen.add(device.name)
            if line["kind"] == "util":
                text = (shared / "vivado_reports" / line["file"]).read_text(errors="replace")
                memory = re.search(r"\| +LUT as Memory\*? +\|([^\n]*)", text)
                if memory:
                    # ... | Available | Util% |
                    assert int(memory[1].split("|")[-3]) == device.lut_as_memory, line["file"]
    assert {"xc7z010", "xc7z020", "xczu3eg", "xcu50"} <= seen


def test_every_board_of_finn_has_a_device() -> None:
    from finn.util.basic import part_map

    named = {board: device_of(part).name for board, part in part_map.items()}
    assert set(named.values()) <= {device.name for device in DEVICES}
    assert named["Pynq-Z1"] == "xc7z020"


def test_capacities_agree_with_the_platforms_of_finn() -> None:
    """FINN rounds those of a Zynq; of a card it has what the shell leaves."""
    from finn.util.basic import alveo_part_map, part_map
    from finn.util.platforms import platforms

    for board, platform in platforms.items():
        device = device_of(part_map[board])
        lut, ff, bram18, uram, dsp = map(sum, zip(*platform().compute_resources, strict=True))
        ours = (device.lut, device.ff, device.bram, device.uram or 0, device.dsp)
        for ours_is, finns in zip(ours, (lut, ff, bram18 / 2, uram, dsp), strict=True):
            if board in alveo_part_map:
                assert 0.8 * ours_is <= finns <= ours_is, board
            else:
                assert finns == pytest.approx(ours_is, rel=0.05), board


def test_an_unknown_capacity_is_not_none_at_all() -> None:
    unknown, none = device_of("xcu280").capacities(), device_of("xc7z020").capacities()
    assert (unknown["lutram"], unknown["uram"]) == (None, 960)
    assert (none["lutram"], none["uram"]) == (17400, 0)
    # A report may say more of it than the table, but nothing that contradicts it.
    check_available("xcu280", {**unknown, "lutram": 1e5}, Path("a.rpt"), 1)
    with pytest.raises(ReportError, match="5 uram available on xc7z020"):
        check_available("xc7z020", {**none, "uram": 5}, Path("a.rpt"), 1)


@pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.name)
def test_a_device_has_two_flip_flops_to_a_lut(device: Device) -> None:
    assert device.ff == 2 * device.lut
    assert device.lut_as_memory is None or 0 < device.lut_as_memory < device.lut


@given(
    device=st.sampled_from(DEVICES),
    used=st.fixed_dictionaries(
        {
            name: st.none() | st.floats(0, 1e6)
            for name in ("lut", "lutram", "ff", "bram", "dsp", "uram")
        }
    ),
)
def test_percent_is_used_over_available(device: Device, used: dict[str, float | None]) -> None:
    shares = percent(
        Utilization(device.name, "t", "1", Stage.ESTIMATE, Scope.OUT_OF_CONTEXT, **used)
    )
    available = device.available()
    for name, count in used.items():
        capacity, share = available[name], shares[name]
        if count is None or capacity is None:
            assert share is None
        else:
            assert share is not None
            assert share * capacity / 100 == pytest.approx(count)
    assert shares["lut_as_logic"] is None


def test_percent_of_an_unknown_device() -> None:
    with pytest.raises(InputError, match="xcvu9p"):
        percent(Utilization("xcvu9p", "t", "1", Stage.ESTIMATE, Scope.OUT_OF_CONTEXT, lut=1))
