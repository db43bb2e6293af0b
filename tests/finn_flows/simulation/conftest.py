"""A cache of its own for tests of simulation, in which a model is compiled once a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from finn_flows.cache_directory import CACHE_VARIABLE


@pytest.fixture(scope="session")
def simulation_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("simulation-cache")


@pytest.fixture
def in_simulation_cache(simulation_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(simulation_cache))
