"""A whole sweep with backend vivado, by tools that are fakes: records, tables, figures."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dse.backend_choice import BuildTarget, choose_backends
from dse.errors import InputError
from dse.executors.local import LocalExecutor
from dse.point_result import PointState
from dse.progress import SilentProgress
from dse.space import design_points
from dse.split_choice import choose_split
from dse.sweep_run import run_sweep
from dse.swept import Sweep, open_sweep
from finn_flows.backends.interface import Part
from finn_flows.cache_directory import CACHE_VARIABLE
from reports.sweep_record import PartName, SweepRecord
from reports.utilization import Source
from tests.dse.small_network import small_folding, small_network
from tests.fakes.vendor_tools import VendorTools, install

pytestmark = pytest.mark.slow

LATE = {"tool": "vivado", "step": "routing", "kind": "timing", "wns": -0.312, "call": 2}
TOO_LARGE = {
    **{"tool": "vivado", "step": "placement", "kind": "no_fit", "call": 4},
    **{"resource": "Slice LUTs", "needed": 61233, "available": 53200},
}
#: The whole network, then both parts of each split, one after the other.
POINTS = [(PartName.WHOLE, None)] + [
    (part, split) for split in (0, 1, 2) for part in (PartName.FIRST, PartName.SECOND)
]
TOO_SLOW_POINT, MISFIT_POINT, EMPTY_POINT = POINTS[1], POINTS[3], POINTS[6]


@dataclass(frozen=True)
class Swept:
    """The first sweep into ``out``, one more, and what the tools recorded in each."""

    out: Path
    tools: VendorTools
    first: Sweep
    again: Sweep
    files: dict[str, bytes]
    files_again: dict[str, bytes]
    steps: int
    steps_again: int


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swept]:
    root = tmp_path_factory.mktemp("vivado-sweep")
    tools = install(root / "vendor")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in tools.variables.items():
            patch.setenv(name, value)
        patch.setenv(CACHE_VARIABLE, str(root / "cache"))
        tools.break_at(LATE, TOO_LARGE)
        out = root / "out"
        first, files = _sweep(out), _files(out)
        steps = len(tools.events("start"))
        again = _sweep(out)
        yield Swept(out, tools, first, again, files, _files(out), steps, len(tools.events("start")))


def _sweep(out: Path, splits: set[int] | None = None) -> Sweep:
    network, folding = small_network(), small_folding("mine")
    points: list[Part] = design_points(network, splits, "before", folding, "xc7z020clg400-1", 100.0)
    backends = choose_backends(["vivado", "estimate"], BuildTarget(board="Pynq-Z1"))
    for backend in backends:
        if hasattr(backend, "measure_fifos"):
            backend.measure_fifos = False  # that is no vendor tool's work
    # One worker: so the faults come at the points that are named above.
    return run_sweep(points, backends, out, LocalExecutor(1), SilentProgress())


def _files(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}


def _record(sweep: Sweep, point: tuple[PartName, int | None], source: Source) -> SweepRecord:
    (found,) = [
        one for one in sweep.records if ((one.part, one.split), one.source) == (point, source)
    ]
    return found


def _report(sweep: Sweep, point: tuple[PartName, int | None], name: str) -> str:
    """A report as the tool wrote it, from the folder of the point in the store."""
    (result,) = [
        one
        for one in sweep.results
        if (one.record.part, one.record.split) == point
        and one.record.source in (Source.VIVADO_PLACED, Source.VIVADO_SYNTH)
    ]
    assert result.folder is not None
    return (result.folder / "reports" / name).read_text()


def _used(report: str, row: str) -> float:
    found = re.search(rf"^\|\s*{row}\*?\s*\|\s*([0-9.]+)\s*\|", report, re.MULTILINE)
    assert found is not None, row
    return float(found[1])


def test_every_point_is_there_for_every_source(swept: Swept) -> None:
    assert not swept.first.failed
    found = [(one.source, (one.part, one.split)) for one in swept.first.records]
    assert found[: len(POINTS)] == [(Source.FINN_ESTIMATE, point) for point in POINTS]
    both = [
        (source, point)
        for point in POINTS
        for source in (Source.VIVADO_SYNTH, Source.VIVADO_PLACED)
    ]
    assert found[len(POINTS) :] == both


@pytest.mark.parametrize("point", [one for one in POINTS if one != EMPTY_POINT], ids=str)
def test_records_say_what_the_reports_say(swept: Swept, point: tuple[PartName, int | None]) -> None:
    placed = point != MISFIT_POINT
    files = {Source.VIVADO_SYNTH: "synthesised_utilization.rpt"}
    if placed:
        files[Source.VIVADO_PLACED] = "placed_utilization.rpt"
    for source, name in files.items():
        used = _record(swept.first, point, source).utilization
        assert used is not None
        report = _report(swept.first, point, name)
        rows = {
            "Slice LUTs": used.lut,
            "LUT as Memory": used.lutram,
            "Slice Registers": used.ff,
            "Block RAM Tile": used.bram,
            "DSPs": used.dsp,
        }
        assert {row: _used(report, row) for row in rows} == rows
    said = _record(swept.first, point, Source.VIVADO_PLACED).implementation
    assert said is not None
    assert said.run_seconds is not None
    assert said.run_seconds > 0
    if not placed:
        assert (said.wns_ns, said.power_w) == (None, None)
        return
    timing = _report(swept.first, point, "timing_summary.rpt")
    assert re.search(rf"^\s*{re.escape(f'{said.wns_ns:.3f}')}\s", timing, re.MULTILINE)
    power = re.search(r"Total On-Chip Power \(W\)\s*\|\s*([0-9.]+)", _report(
        swept.first, point, "power.rpt"
    ))  # fmt: skip
    assert power is not None
    assert said.power_w == float(power[1])


def test_each_build_left_its_bitstream_but_the_one_that_does_not_fit(swept: Swept) -> None:
    for result in swept.first.results:
        if result.record.source is Source.FINN_ESTIMATE or result.record.empty:
            continue
        assert result.folder is not None
        fits = (result.record.part, result.record.split) != MISFIT_POINT
        assert (result.folder / "overlay" / "part.bit").exists() == fits


def test_misses_are_results_that_are_named(swept: Swept) -> None:
    late = _record(swept.first, TOO_SLOW_POINT, Source.VIVADO_PLACED).implementation
    assert late is not None
    assert late.misses == ("timing: WNS -0.312 ns at 100 MHz",)
    misfit = _record(swept.first, MISFIT_POINT, Source.VIVADO_PLACED)
    assert misfit.utilization is None
    assert misfit.implementation is not None
    (miss,) = misfit.implementation.misses
    assert "61,233 of 53,200" in miss
    table = (swept.out / "table1.md").read_text()
    assert "Split 0, first part: timing not met: WNS" in table
    assert "Split 1, first part: does not fit: " in table
    html = (swept.out / "report.html").read_text()
    assert "61,233 of 53,200" in html
    assert "61,233 of 53,200" in (swept.out / "fig4a.svg").read_text()
    assert (swept.out / "fig4b.png").read_bytes().startswith(b"\x89PNG")
    lines = list(csv.DictReader((swept.out / "table1.csv").read_text().splitlines()))
    statuses = {(one["part"], one["split"]): one["vivado-placed.status"] for one in lines}
    assert statuses["first", "1"] == "does not fit"
    assert statuses["second", "2"] == "empty"
    assert list(statuses.values()).count("built") == len(POINTS) - 2


def test_neither_is_chosen(swept: Swept) -> None:
    """Both splits miss a goal, and behind the third nothing is left: none can be chosen."""
    assert choose_split(swept.first.records, source=Source.FINN_ESTIMATE).split in (0, 1)
    with pytest.raises(InputError) as caught:
        choose_split(swept.first.records, source=Source.VIVADO_PLACED)
    late, large, whole = str(caught.value).split("; split ")
    assert "Its first part is too slow for the clock: WNS \N{MINUS SIGN}0.312 ns at 100 MHz" in late
    assert "61,233 of 53,200" in large
    assert "it is no split" in whole


def test_a_second_sweep_builds_nothing_and_gives_the_same_bytes(swept: Swept) -> None:
    assert swept.steps > 0
    assert swept.steps_again == swept.steps
    states = {result.state for result in swept.again.results}
    assert states == {PointState.CACHED, PointState.EMPTY}
    assert swept.files_again == swept.files
    assert swept.again.records == swept.first.records
    assert open_sweep(swept.out).records == swept.first.records


def test_a_release_that_finn_does_not_know_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = install(tmp_path / "vendor", version="2023.1")
    for name, value in tools.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    swept = _sweep(tmp_path / "out", splits={0})
    assert not swept.failed
    assert swept.warnings == (
        "Vivado 2023.1 is not among those that finn-plus supports: 2022.2, 2024.2",
    )
