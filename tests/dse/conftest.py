"""Fixtures of the tests of the application."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dse.sandbox import Sandbox


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    """A folder in which ``dse`` runs as a real process."""
    return Sandbox(tmp_path)
