"""Fixtures of tests that need a real finn-hlslib, which is nobody's to ship but its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dse.errors import InputError
from hls_templates.headers import HeaderFolder, find_ap_types, find_hlslib


@pytest.fixture(params=["FINN_HLSLIB", "FINN_HLSLIB_OLD"])
def hlslib(request: pytest.FixtureRequest) -> HeaderFolder:
    """A checkout of finn-hlslib: the newest, for Vitis HLS, and 8b7f5f5, for Vivado HLS."""
    if not os.environ.get(request.param):
        pytest.skip(f"{request.param} names no checkout of Xilinx/finn-hlslib")
    return find_hlslib(Path(os.environ[request.param]))


@pytest.fixture(scope="session")
def ap_types() -> HeaderFolder:
    """The headers ap_int.h and hls_stream.h."""
    try:
        return find_ap_types()
    except InputError as error:
        pytest.skip(str(error))
