"""``dse hls --run``: kernels through fakes of the vendor's tools to overlays, whatever happens."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dse.cli.hls import hls
from dse.errors import DseError, InputError
from dse.kernel_build import build_kernel
from finn_flows.cache_directory import CACHE_VARIABLE
from finn_flows.network_file import save_network
from finn_flows.tool_process import Limits
from finn_flows.vendor.failure import FailureKind, ToolError
from tests.fakes.vendor_tools import VendorTools, install
from tests.random_networks import random_network

LIMITS = Limits(seconds=20)


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of both kernels of a split of a small network."""
    folder = tmp_path_factory.mktemp("kernels")
    save_network(random_network(4), folder / "network.npz")
    arguments = ["--weights", str(folder / "network.npz"), "--folding", "auto:2000"]
    result = CliRunner().invoke(
        hls, [*arguments, "--split", "1", "--out", str(folder / "out")], standalone_mode=False
    )
    assert result.exception is None
    return folder


@pytest.fixture
def tools(
    vendor_tools: VendorTools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> VendorTools:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setenv("FINN_HLSLIB", str(vendor_tools.dependencies / "finn-hlslib"))
    return vendor_tools


@pytest.fixture
def kernel(written: Path, tmp_path: Path) -> Path:
    shutil.copytree(written / "out" / "first", tmp_path / "first")
    return tmp_path / "first"


def run(written: Path, out: Path, *more: str) -> Result:
    arguments = ["--weights", str(written / "network.npz"), "--folding", "auto:2000"]
    words = [*arguments, "--split", "1", "--out", str(out), "--run", *more]
    result = CliRunner().invoke(hls, words, standalone_mode=False)
    if isinstance(result.exception, DseError):
        raise result.exception
    assert result.exception is None, result.exception
    return result


def test_both_kernels_become_overlays_and_only_once(
    written: Path, tools: VendorTools, tmp_path: Path
) -> None:
    lines = run(written, tmp_path / "out").stdout.splitlines()
    for part, line in zip(("first", "second"), lines[1::2], strict=True):
        made = {path.name for path in (tmp_path / "out" / part / "overlay").iterdir()}
        assert {"part.bit", "part.hwh", "utilization.rpt", "timing.rpt", "power.rpt"} <= made
        assert line.startswith("  placed: ")
        assert "WNS 0.437 ns" in line
        assert "not met" not in line
    assert all(times == 1 for (_, step, _), times in tools.steps().items() if step == "csynth")
    tools.forget()
    data = json.loads(run(written, tmp_path / "again", "--json").stdout)
    assert not tools.events("start")
    assert [kernel["part"] for kernel in data["kernels"]] == ["first", "second"]
    assert data["kernels"][0]["placed"]["lut"] > data["kernels"][0]["estimate"]["lut"]
    assert (tmp_path / "again/first/overlay/part.bit").is_file()


@pytest.mark.parametrize("board", ["ZCU104", "KV260_SOM"])
def test_a_device_with_ultra_ram_gets_its_overlay(
    written: Path, tools: VendorTools, tmp_path: Path, board: str
) -> None:
    run(written, tmp_path / "out", "--part", "2", "--board", board)
    assert (tmp_path / "out/second/overlay/part.bit").is_file()


def test_the_kernel_is_where_the_processing_system_reaches_it(
    kernel: Path, tools: VendorTools
) -> None:
    built = build_kernel(kernel, None, LIMITS, lambda _: None)
    (design,) = tools.events("design")
    assert {"/ps", "/kernel"} <= design["cells"].keys()
    assert design["cells"]["/kernel"]["vlnv"] == f"xilinx.com:hls:{built.kernel}:1.0"
    assert design["cells"]["/ps"]["settings"]["CONFIG.PCW_FPGA0_PERIPHERAL_FREQMHZ"] == "100.0"
    joined = [set(pair) for pair in design["connections"]]
    for end in ("/ps/M_AXI_GP0", "/kernel/s_axi_control", "/kernel/m_axi_hostmem", "/ps/S_AXI_HP0"):
        assert any(end in pair for pair in joined)
    assert "/kernel/s_axi_control/Reg" in design["segments"]
    assert ["create_clock", "-period", "10", "-name", "default"] in tools.commands("create_clock")


@pytest.mark.parametrize("tool", ["vivado_hls", "vitis-run"])
def test_whichever_tool_for_hls_is_there_is_run(
    kernel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: str
) -> None:
    tools = install(tmp_path / "others", ["vivado", tool], "2019.2")
    for name, value in {**tools.variables, CACHE_VARIABLE: str(tmp_path / "cache")}.items():
        monkeypatch.setenv(name, value)
    library = tools.dependencies / "finn-hlslib"
    if tool == "vivado_hls":  # takes the version of the library that has this file
        (library / "fclayer.h").touch()
    built = build_kernel(kernel, library, LIMITS, lambda _: None)
    assert built.placed is not None
    assert {event["tool"] for event in tools.events("start")} == {"vivado", tool}


def test_what_does_not_fit_or_is_too_slow_is_a_result(
    written: Path, tools: VendorTools, tmp_path: Path
) -> None:
    short = {"resource": "LUT as Logic", "needed": 61233, "available": 53200}
    tools.break_at(
        {"tool": "vivado", "step": "placement", "kind": "no_fit", **short},
        {"tool": "vivado", "step": "routing", "kind": "timing", "wns": -0.312},
    )
    lines = run(written, tmp_path / "out").stdout.splitlines()
    assert lines[1].startswith("  estimate of HLS: ")
    assert lines[1].endswith("; does not fit: LUT as logic 61,233 of 53,200")
    assert lines[3].endswith("; timing not met: WNS \N{MINUS SIGN}0.312 ns at 100 MHz")
    assert not (tmp_path / "out/first/overlay/part.bit").exists()
    # They are results: nothing is built again.
    tools.forget()
    assert run(written, tmp_path / "out").stdout.splitlines() == lines
    assert not tools.events("start")


#: What a fault is called by (at any step), and what goes with it.
FAULTS: dict[str, tuple[FailureKind, dict[str, Any]]] = {
    "licence": (FailureKind.LICENCE, {}),
    "licence_busy": (FailureKind.LICENCE, {"calls": 9}),
    "error": (FailureKind.REFUSED, {}),
    "port": (FailureKind.REFUSED, {"calls": 9}),
    "memory_message": (FailureKind.OUT_OF_MEMORY, {}),
    "abnormal": (FailureKind.CRASH, {"calls": 9}),
    "segfault": (FailureKind.CRASH, {"calls": 9}),
    "signal": (FailureKind.CRASH, {"calls": 9}),
    "hang": (FailureKind.OUT_OF_TIME, {}),
    "disk_message": (FailureKind.DISK_FULL, {}),
}
STEPS = {
    "vitis_hls": ("start", "csynth", "export"),
    "vivado": (
        "start",
        "block_design",
        "synthesis",
        "placement",
        "routing",
        "bitstream",
        "report",
    ),
}
FEW = {("csynth", "licence"), ("synthesis", "segfault"), ("placement", "hang"), ("report", "error")}
EVERY = [
    pytest.param(
        tool, step, kind, marks=[] if (step, kind) in FEW else pytest.mark.slow, id=f"{step}-{kind}"
    )
    for tool, steps in STEPS.items()
    for step in steps
    for kind in FAULTS
]


@pytest.mark.parametrize(("tool", "step", "kind"), EVERY)
def test_every_failure_at_every_step_is_named_and_the_build_goes_on(
    kernel: Path, tools: VendorTools, tool: str, step: str, kind: str
) -> None:
    expected, more = FAULTS[kind]
    tools.break_at({"tool": tool, "step": step, "kind": kind, **more})
    limits = Limits(seconds=1.0 if kind == "hang" else 20.0)
    with pytest.raises(ToolError) as caught:
        build_kernel(kernel, None, limits, lambda _: None)
    assert caught.value.kind is expected, caught.value
    assert caught.value.log is not None
    assert caught.value.log.is_file()
    tools.assert_no_process_is_left()
    tools.forget()
    built = build_kernel(kernel, None, LIMITS, lambda _: None)
    assert built.implementation.misses == ()
    assert built.placed is not None
    hls_again = sum(event["tool"] == "vitis_hls" for event in tools.events("start"))
    assert hls_again == (tool == "vitis_hls")
    tools.assert_no_process_is_left()


@pytest.mark.parametrize(
    ("tool", "step", "kind", "design"),
    [
        ("vivado", "report", "truncated_report", ""),
        ("vivado", "report", "other_design", ""),
        ("vivado", "report", "other_device", ""),
        ("vivado", "report", "missing_report", ""),
        ("vivado", "bitstream", "missing_output", ""),
        ("vitis_hls", "csynth", "truncated_report", ""),
        ("vitis_hls", "csynth", "other_design", ""),
        ("vitis_hls", "export", "missing_output", ""),
    ],
)
def test_a_result_that_cannot_be_trusted_is_none(
    kernel: Path, tools: VendorTools, tool: str, step: str, kind: str, design: str
) -> None:
    tools.break_at({"tool": tool, "step": step, "kind": kind})
    with pytest.raises(ToolError) as caught:
        build_kernel(kernel, None, LIMITS, lambda _: None)
    # Without a bitstream the script itself cannot go on: it says so before we look.
    kinds = {FailureKind.DAMAGED_RESULT, FailureKind.REFUSED}
    assert caught.value.kind in (kinds if step == "bitstream" else {FailureKind.DAMAGED_RESULT})
    tools.forget()
    assert build_kernel(kernel, None, LIMITS, lambda _: None).placed is not None


def test_what_one_more_try_mends_is_no_failure(kernel: Path, tools: VendorTools) -> None:
    tools.break_at(
        {"tool": "vitis_hls", "step": "csynth", "kind": "port"},
        {"tool": "vivado", "step": "start", "kind": "licence_busy", "calls": 2},
    )
    said: list[str] = []
    assert build_kernel(kernel, None, LIMITS, said.append).placed is not None
    assert sum("once more" in text for text in said) == 3


def test_without_tools_nothing_is_written(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    for name in ("XILINX_VIVADO", "XILINX_HLS", "XILINX_VITIS"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError, match="not installed here: vitis_hls or vitis-run or vivado"):
        run(written, tmp_path / "out")
    assert not (tmp_path / "out").exists()
