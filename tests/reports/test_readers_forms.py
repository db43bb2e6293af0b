"""Every form of report that is known, made up in code, is read to the numbers it was made from."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dse.errors import ReportError
from reports.readers import (
    HlsReport,
    PowerReport,
    Report,
    TimingReport,
    UtilizationReport,
    read_report,
)
from reports.readers.records import ReportKind
from reports.utilization import Scope, Stage
from tests.reports import report_texts as texts
from tests.reports.report_texts import PARTS, Counts, Form

COUNTS = st.builds(
    Counts,
    logic=st.integers(0, 40_000),
    distributed=st.integers(0, 6000),
    shift=st.integers(0, 6000),
    flops=st.integers(0, 90_000),
    latches=st.sampled_from([0, 0, 3]),
    ramb36=st.integers(0, 90),
    ramb18=st.integers(0, 100),
    dsp=st.integers(0, 220),
    uram=st.integers(0, 96),
)
FORMS = st.builds(
    Form,
    family=st.sampled_from(list(PARTS)),
    version=st.sampled_from(["2014.4", "2018.3", "2025.1"]),
    state=st.sampled_from(["Synthesized", "Optimized", "Fully Placed", "Routed"]),
    fixed=st.sampled_from(["Fixed", "Loced"]),
    prohibited=st.booleans(),
    star=st.booleans(),
    distribution=st.booleans(),
    slr=st.booleans(),
    uram=st.booleans(),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reports")


def read_one(text: str, folder: Path) -> Report:
    file = folder / "a_file"
    file.write_text(text)
    [report] = read_report(file)
    return report


@settings(max_examples=150, deadline=None)
@given(COUNTS, FORMS)
def test_flat(folder: Path, counts: Counts, form: Form) -> None:
    report = read_one(texts.flat(counts, form), folder)
    assert isinstance(report, UtilizationReport)
    device, (luts, memory, registers, tiles, dsps, urams) = PARTS[form.family]
    has_uram = form.uram and urams is not None
    assert report.utilization.resources() == {
        "lut": counts.lut,
        "lut_as_logic": counts.logic,
        "lutram": counts.lutram,
        "ff": counts.ff,
        "bram": counts.bram,
        "dsp": counts.dsp,
        "uram": counts.uram if has_uram else None,
    }
    assert report.available == {
        "lut": luts,
        "lut_as_logic": luts,
        "lutram": memory,
        "ff": registers,
        "bram": tiles,
        "dsp": dsps,
        "uram": urams if has_uram else None,
    }
    assert report.bram18 == counts.ramb18
    provenance = report.provenance
    assert (provenance.tool, provenance.tool_version) == ("Vivado", form.version)
    assert (provenance.device, provenance.state) == (device, form.state)
    assert provenance.kind is ReportKind.UTILIZATION
    placed = form.state in ("Fully Placed", "Routed")
    assert report.utilization.stage is (Stage.PLACED if placed else Stage.SYNTHESISED)


def test_scope_is_what_the_caller_says(folder: Path) -> None:
    file = folder / "scoped"
    file.write_text(texts.flat())
    for scope in Scope:
        [report] = read_report(file, scope)
        assert isinstance(report, UtilizationReport)
        assert report.utilization.scope is scope


@pytest.mark.parametrize(
    ("printed", "version"),
    [
        ("Vivado v.2019.1_AR72614 (lin64) Build 1", "2019.1"),
        ("Vivado v.2020.1.1 (win64) Build 2", "2020.1.1"),
        ("Vivado v.2013.4 (lin64) Build 353583 Mon Dec 9", "2013.4"),
        ("Vivado v2012.2 (64-bit)", "2012.2"),
    ],
)
def test_versions(folder: Path, printed: str, version: str) -> None:
    text = texts.flat().replace(texts.head("2018.3", "", "", None)["Tool Version"], printed)
    assert read_one(text, folder).provenance.tool_version == version


@pytest.mark.parametrize(
    ("dsp", "uram", "percentages"),
    list(product(["DSP48 Blocks", "DSP Blocks"], [True, False], [True, False])),
)
def test_hierarchical(folder: Path, dsp: str, uram: bool, percentages: bool) -> None:
    report = read_one(texts.hierarchical(dsp=dsp, uram=uram, percentages=percentages), folder)
    assert isinstance(report, UtilizationReport)
    total = texts.TREE.total()
    assert report.utilization.resources() == {
        "lut": total.lut,
        "lut_as_logic": total.logic,
        "lutram": total.lutram,
        "ff": total.ff,
        "bram": total.bram,
        "dsp": total.dsp,
        "uram": total.uram if uram else None,
    }
    assert report.bram18 == total.ramb18
    assert set(report.available.values()) == {None}
    assert [(row.instance, row.depth, row.own) for row in report.hierarchy] == [
        ("top", 0, False),
        ("(top)", 1, True),
        ("core", 1, False),
        ("shell", 1, False),
        ("(shell)", 2, True),
        ("dma[0].inst", 2, False),
    ]


@settings(max_examples=40, deadline=None)
@given(COUNTS)
def test_accelerator(folder: Path, counts: Counts) -> None:
    report = read_one(texts.accelerator(counts), folder)
    assert isinstance(report, UtilizationReport)
    used = report.utilization
    assert (used.lut, used.lutram, used.ff) == (counts.lut, counts.lutram, counts.ff)
    assert (used.bram, used.dsp, used.uram) == (int(counts.bram), counts.dsp, counts.uram)
    assert used.scope is Scope.OUT_OF_CONTEXT
    assert set(report.available.values()) == {None}


@pytest.mark.parametrize("clock", ["clk", "clk_fpga_0", "a_clock_of_a_longer_name"])
@pytest.mark.parametrize(
    ("wns", "tns", "failing"), [("3.856", "0.000", 0), ("-3.463", "-4.140", 10)]
)
def test_timing(folder: Path, clock: str, wns: str, tns: str, failing: int) -> None:
    report = read_one(texts.timing(wns, tns, failing, clock=clock), folder)
    assert isinstance(report, TimingReport)
    assert (report.wns, report.tns) == (float(wns), float(tns))
    assert (report.whs, report.ths) == (0.041, 0)
    assert report.provenance.device == "7z020-clg400"


def test_timing_names_its_clocks(folder: Path) -> None:
    line = "-" * 96
    box = (
        f"{line}\n| Clock Summary\n| -------------\n{line}\n\n"
        "Clock       Waveform(ns)         Period(ns)      Frequency(MHz)\n"
        "-----       ------------         ----------      --------------\n"
        "clk_fpga_0  {0.000 5.000}        10.000          100.000         \n"
        "  clk_out1  {0.000 7.004}        14.007          71.393          \n\n\n"
    )
    text = texts.timing("3.856", "0.000", 0, clock="clk")
    at = text.index(line + "\n| Intra Clock Table") if line in text else text.rindex("-\n| Intra")
    report = read_one(text[:at] + box + text[at:], folder)
    assert isinstance(report, TimingReport)
    assert report.clocks[-2:] == (("clk_fpga_0", 100.0), ("clk_out1", 71.393))


def test_timing_without_constraints_is_unknown(folder: Path) -> None:
    report = read_one(texts.timing("NA"), folder)
    assert isinstance(report, TimingReport)
    assert (report.wns, report.tns, report.whs, report.ths) == (None, None, None, None)


@pytest.mark.parametrize(
    ("total", "watts"), [("1.680", 1.68), ("1.680 (Junction temp exceeded!)", 1.68)]
)
def test_power(folder: Path, total: str, watts: float) -> None:
    report = read_one(texts.power(total), folder)
    assert isinstance(report, PowerReport)
    assert (report.total, report.dynamic, report.static) == (watts, 1.536, 0.144)
    assert report.confidence == "Low"


@pytest.mark.parametrize("make", [texts.csynth_xml, texts.csynth_rpt])
@pytest.mark.parametrize("vitis", [True, False])
@pytest.mark.parametrize("latency", ["679", "?", "undef"])
def test_hls(folder: Path, make: Callable[..., str], vitis: bool, latency: str) -> None:
    counts = Counts()
    report = read_one(make(counts, vitis, latency), folder)
    assert isinstance(report, HlsReport)
    used = report.utilization
    assert (used.lut, used.ff, used.dsp) == (counts.lut, counts.ff, counts.dsp)
    assert report.bram18 == 2 * counts.bram
    assert (used.bram, used.lutram, used.lut_as_logic) == (counts.bram, None, None)
    assert report.latency_worst == (679 if latency == "679" else None)
    assert (report.target_clock_ns, report.estimated_clock_ns) == (5.0, 4.049)
    assert report.provenance.tool == ("Vitis HLS" if vitis else "Vivado HLS")
    assert used.stage is Stage.ESTIMATE


ALL = {
    "flat": texts.flat(),
    "ultrascale": texts.flat(form=Form(family="ultrascale", prohibited=True, slr=True)),
    "hierarchical": texts.hierarchical(),
    "accelerator": texts.accelerator(),
    "timing": texts.timing(),
    "power": texts.power(),
    "csynth.xml": texts.csynth_xml(),
    "csynth.rpt": texts.csynth_rpt(),
}


def numbers(report: object) -> dict[str, object]:
    """All a report says but where it stands."""
    values = dict(vars(report))
    values.pop("provenance")
    return values


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_any_encoding_and_line_end(tmp_path: Path, kind: str, encoding: str, newline: str) -> None:
    if kind == "csynth.xml" and encoding != "utf-8-sig":
        pytest.skip("says of itself that it is UTF-8")
    plain, other = tmp_path / "plain", tmp_path / "other"
    plain.write_text(ALL[kind])
    other.write_bytes(ALL[kind].replace("\n", newline).encode(encoding))
    [expected], [found] = read_report(plain), read_report(other)
    assert numbers(found) == numbers(expected)


@pytest.mark.parametrize("first", [kind for kind in ALL if kind != "csynth.xml"])
@pytest.mark.parametrize("second", [kind for kind in ALL if kind != "csynth.xml"])
def test_two_reports_in_one_file_are_read_both(tmp_path: Path, first: str, second: str) -> None:
    file = tmp_path / "both"
    alone = []
    for kind in (first, second):
        file.write_text(ALL[kind])
        alone += [numbers(report) for report in read_report(file)]
    file.write_text("INFO: a log before it\n" + ALL[first] + ALL[second])
    found = read_report(file)
    assert [numbers(report) for report in found] == alone
    assert found[0].provenance.line < found[1].provenance.line


def test_two_xml_reports_in_one_file_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "both.xml"
    file.write_text(ALL["csynth.xml"] + ALL["csynth.xml"].partition("\n")[2])
    with pytest.raises(ReportError, match=r"both\.xml:\d+"):
        read_report(file)
