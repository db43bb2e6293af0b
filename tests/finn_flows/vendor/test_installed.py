"""Which of the vendor's tools are there, and which release they are."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from dse.errors import InputError
from finn_flows.vendor.installed import find_hls_tool, find_tool, require, tool_version


@pytest.fixture(autouse=True)
def nothing_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    for name in ("FINN_TOOL_DIR_OVERRIDE", "XILINX_VIVADO", "XILINX_HLS", "XILINX_VITIS"):
        monkeypatch.delenv(name, raising=False)


def installed(folder: Path, *names: str, script: str = "exit 0") -> Path:
    folder.mkdir(parents=True)
    for name in names:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return folder


def test_the_release_is_that_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = installed(tmp_path / "Xilinx/Vivado/2022.2/bin", "vivado", script="exit 1")
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    assert find_tool("vivado") == folder / "vivado"
    assert tool_version("vivado") == "2022.2"
    assert tool_version("vitis_hls") is None


def test_a_tool_elsewhere_says_its_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = installed(
        tmp_path / "tools", "vivado", script='echo "Vivado v2024.2 (64-bit)"; echo SW Build 5239630'
    )
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    assert tool_version("vivado") == "2024.2"


def test_variables_of_the_vendor_and_of_finn_name_tools(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vivado = installed(tmp_path / "Vivado/2022.2/bin", "vivado").parent
    monkeypatch.setenv("XILINX_VIVADO", str(vivado))
    assert find_tool("vivado") == vivado / "bin/vivado"
    shims = installed(tmp_path / "shims", "vitis_hls")
    monkeypatch.setenv("FINN_TOOL_DIR_OVERRIDE", str(shims))
    # FINN looks nowhere else then.
    assert find_tool("vivado") is None
    assert find_tool("vitis_hls") == shims / "vitis_hls"


def test_the_newest_tool_for_hls_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_hls_tool() is None
    monkeypatch.setenv("PATH", str(installed(tmp_path / "a", "vivado_hls", "vitis-run")))
    assert find_hls_tool() == "vitis-run"


def test_what_is_missing_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError) as caught:
        require(["vivado", "vitis_hls|vitis-run"], instead=["yosys", "estimate"])
    line = str(caught.value)
    assert line.startswith("not installed here: vivado, vitis_hls or vitis-run; expected ")
    assert line.endswith("(choose from yosys, estimate)")
    monkeypatch.setenv("PATH", str(installed(tmp_path / "a", "vivado", "vitis-run")))
    require(["vivado", "vitis_hls|vitis-run"])
