"""Fixtures of the tests of the application."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.dse.sandbox import Sandbox


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """A folder in which ``dse`` runs as a real process; what a failed test left there is ended."""
    box = Sandbox(tmp_path)
    yield box
    for process in box.processes():
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
