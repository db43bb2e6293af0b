"""A build that fails leaves what is needed to see why, in a place that lasts."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from finn_flows.backends.interface import Part
from finn_flows.backends.vivado import VivadoBackend
from finn_flows.cache_directory import CACHE_VARIABLE
from finn_flows.cut import Cut
from finn_flows.vendor.failure import FailureKind, ToolError
from finn_flows.vivado.board import find_board
from finn_flows.vivado.failed_build import leave_texts
from reports.sweep_record import PartName
from tests.dse.small_network import small_folding, small_network
from tests.fakes.vendor_tools import VendorTools
from tests.finn_flows.vivado.parts import DEVICE, LIMITS

PART = Part(small_network(), PartName.FIRST, Cut(0), small_folding("mine"), DEVICE, 100.0)
HLS_FAILS = {
    **{"tool": "vitis_hls", "step": "csynth", "match": "conv0_MVAU_hls"},
    **{"kind": "error", "calls": 99},
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def backend() -> VivadoBackend:
    return VivadoBackend(board=find_board("Pynq-Z1"), limits=LIMITS, jobs=1, measure_fifos=False)


def test_a_failed_hls_leaves_its_log_and_no_folder(
    vendor_tools: VendorTools, out: Path, cache: Path
) -> None:
    vendor_tools.break_at(HLS_FAILS)
    with pytest.raises(ToolError) as failed:
        backend().build(PART, out)
    log = failed.value.log
    assert log is not None
    assert "ERROR" in log.read_text()
    assert ".making" not in str(failed.value)
    assert not list(cache.glob("hls-ip/.making*"))
    # Both belong to what is kept of a failed try.
    assert (out / "logs" / "failed.log").read_bytes() == log.read_bytes()
    assert (out / "tcl" / "conv0_MVAU_hls.tcl").is_file()
    vendor_tools.break_at()
    backend().build(PART, out)
    assert not log.exists()


def test_a_failed_shared_hls_is_told_once_with_its_log(vendor_tools: VendorTools) -> None:
    points = [PART, replace(PART, cut=Cut(1))]
    (step,) = [s for s in backend().shared_steps(points) if s.name.startswith("conv0")]
    vendor_tools.break_at(HLS_FAILS)
    with pytest.raises(ToolError) as failed:
        step.function(*step.arguments)
    text = str(failed.value)
    # The sweep says a step's name before an error that does not say it.
    assert step.name in text
    assert "conv0, MVAU" not in text
    assert "MVAU" in text
    assert failed.value.log is not None
    assert failed.value.log.is_file()
    assert str(pickle.loads(pickle.dumps(failed.value))) == text


def test_logs_and_scripts_of_a_failed_build_are_left(vendor_tools: VendorTools, out: Path) -> None:
    vendor_tools.break_at(
        {
            "tool": "vivado",
            "step": "package",
            "kind": "licence",
            "match": "Partition_1",
            "calls": 99,
        }
    )
    with pytest.raises(ToolError) as failed:
        backend().build(PART, out)
    assert failed.value.kind is FailureKind.LICENCE
    log = failed.value.log
    assert log is not None
    assert (out / "logs" / log.name).read_bytes() == log.read_bytes()
    assert (out / "logs" / "conv0_MVAU_hls.log").stat().st_size > 0
    assert list((out / "tcl").glob("*.tcl"))
    assert not (out / "logs" / "failed.log").exists()


def test_of_a_long_log_the_end_is_left(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finn_flows.vivado.failed_build._LARGEST_TEXT", 100)
    (tmp_path / "work" / "logs").mkdir(parents=True)
    (tmp_path / "work" / "logs" / "a.log").write_text("x" * 200 + "ERROR: why\n")
    leave_texts(tmp_path / "work", out, ValueError())
    assert (out / "logs" / "a.log").read_text() == "x" * 89 + "ERROR: why\n"
