"""``dse doctor``: what it says is what is there."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import pytest

import dse.doctor
from finn_flows.backends import BACKENDS
from tests.dse.test_cli import invoke
from tests.fakes.vendor_tools import VendorTools


def test_every_package_of_this_environment_is_found_with_its_version() -> None:
    result = invoke("doctor", "--json")
    assert result.returncode == 0
    found = json.loads(result.stdout)
    assert found["healthy"] is True
    assert found["packages"] == {name: version(name) for name in dse.doctor.PACKAGES}


def test_every_backend_is_listed() -> None:
    found = json.loads(invoke("doctor", "--json").stdout)
    assert list(found["backends"]) == list(BACKENDS)
    lacking = {name: set(backend["missing"]) for name, backend in found["backends"].items()}
    assert lacking.pop("vivado") <= set(dse.doctor.VENDOR_TOOLS)
    assert not any(lacking.values())


def test_what_is_missing_is_said_and_makes_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(dse.doctor.PACKAGES, "finn-plus", ("no_such_module", "FINN"))
    result = invoke("doctor")
    assert result.returncode == 1
    assert "missing  finn-plus" in result.stdout
    assert "estimate      needs finn-plus" in result.stdout


@pytest.mark.parametrize("there", ["g++", "c++", "clang++", "named", None])
def test_any_cpp_compiler_will_do(
    there: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    if there is not None:
        (tmp_path / there).write_text("#!/bin/sh\n")
        (tmp_path / there).chmod(0o755)
    if there == "named":
        monkeypatch.setenv("CXX", "named")
    found = dse.doctor.examine()
    (compiler,) = [one for one in found.executables if one.name == "g++"]
    assert compiler.version == (None if there is None else str(tmp_path / there))
    (yosys,) = [one for one in found.backends if one.name == "yosys"]
    assert yosys.is_ready == (there is not None)
    assert yosys.missing == (() if there else ("g++",))


def test_a_compiler_that_is_named_but_not_there_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As the simulation has it: what is named is meant."""
    monkeypatch.setenv("CXX", "no-such-compiler")
    (compiler,) = [one for one in dse.doctor.examine().executables if one.name == "g++"]
    assert compiler.version is None


def test_it_fits_one_screen() -> None:
    lines = invoke("doctor").stdout.splitlines()
    assert len(lines) <= 36
    assert max(len(line) for line in lines) <= 100


def test_what_builds_with_vivado_need_is_found(
    vendor_tools: VendorTools, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = dse.doctor.examine()
    tools = {one.name: one.version for one in found.executables}
    assert tools["vivado"] == str(vendor_tools.root / "Xilinx/Vivado/2022.2/bin/vivado")
    libraries = {one.name: one.version for one in found.libraries}
    assert libraries["finn-hlslib"] == str(vendor_tools.dependencies / "finn-hlslib")
    assert libraries["board files"] == "3 boards"
    (vivado,) = [one for one in found.backends if one.name == "vivado"]
    assert vivado.is_ready
    monkeypatch.setenv("FINN_DEPS", str(vendor_tools.root))
    found = dse.doctor.examine()
    (vivado,) = [one for one in found.backends if one.name == "vivado"]
    assert vivado.missing == ("finn-hlslib",)
    # Not everybody builds with it: the rest is as healthy as before.
    assert found.is_healthy
