"""Fixtures that every room's tests share."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from hypothesis import settings

from finn_flows.cache_directory import CACHE_VARIABLE
from tests.fakes.vendor_tools import vendor_tools

__all__ = ["vendor_tools"]

# A job in the background starts with Ctrl-C ignored, and hands that down: what tests show with
# SIGINT they would then show of nothing.
signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says nothing on a machine that does other things, too; and the first one
# of a kind may import a library.
settings.register_profile("split-dse", deadline=None)
settings.load_profile("split-dse")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside the checkout (BNN-PYNQ parameters, tool reports)."""
    if not SHARED.is_dir():
        pytest.skip(f"real data is not there: {SHARED.name}/ beside the checkout")
    return SHARED


@pytest.fixture(scope="session")
def bnn_pynq_directory(shared: Path) -> Path:
    """Trained CnvW2A2 parameters of BNN-PYNQ."""
    return shared / "bnn_pynq" / "cnvW2A2"


@pytest.fixture(scope="session")
def simulation_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for caches that starts empty, and in which a model is compiled once a run."""
    return tmp_path_factory.mktemp("simulation-cache")


@pytest.fixture
def in_simulation_cache(simulation_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Caches are kept in :func:`simulation_cache` during the test."""
    monkeypatch.setenv(CACHE_VARIABLE, str(simulation_cache))
