"""``dse doctor``: what it says is what is there."""

from __future__ import annotations

import json
from importlib.metadata import version

import pytest

import dse.doctor
from finn_flows.backends import BACKENDS
from tests.dse.test_cli import invoke


def test_every_package_of_this_environment_is_found_with_its_version() -> None:
    result = invoke("doctor", "--json")
    assert result.returncode == 0
    found = json.loads(result.stdout)
    assert found["healthy"] is True
    assert found["packages"] == {name: version(name) for name in dse.doctor.PACKAGES}


def test_every_backend_is_listed() -> None:
    found = json.loads(invoke("doctor", "--json").stdout)
    assert list(found["backends"]) == list(BACKENDS)
    assert all(backend["ready"] for backend in found["backends"].values())


def test_what_is_missing_is_said_and_makes_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(dse.doctor.PACKAGES, "finn-plus", ("no_such_module", "FINN"))
    result = invoke("doctor")
    assert result.returncode == 1
    assert "missing  finn-plus" in result.stdout
    assert "estimate      needs finn-plus" in result.stdout


def test_it_fits_one_screen() -> None:
    lines = invoke("doctor").stdout.splitlines()
    assert len(lines) <= 24
    assert max(len(line) for line in lines) <= 100
