"""``import pynq`` in tests: the stand-in, fresh each time."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

from tests.dse.deploy.overlay_folder import STAND_IN


@contextmanager
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The stand-in, as ``import pynq`` finds it, with nothing allocated."""
    monkeypatch.syspath_prepend(str(STAND_IN))
    import pynq

    assert Path(pynq.__file__).is_relative_to(STAND_IN)
    yield pynq
    for name in [name for name in sys.modules if name.split(".")[0] == "pynq"]:
        del sys.modules[name]
