"""Fixtures that every room's tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

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
