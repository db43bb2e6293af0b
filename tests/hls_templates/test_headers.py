"""Where the library and the integer headers are looked for, and what is said where they are not."""

from __future__ import annotations

from pathlib import Path

import pytest

from dse.errors import InputError
from hls_templates.headers import find_ap_types, find_hlslib


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("FINN_HLSLIB", "HLS_AP_TYPES", "XILINX_HLS", "XILINX_VIVADO"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FINN_DEPS", str(tmp_path / "finn-deps"))


def library(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "bnn-library.h").write_text("// a library\n")
    return folder


def types(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in ("ap_int.h", "hls_stream.h"):
        (folder / name).write_text("")
    return folder


def test_the_option_then_the_variable_then_what_finn_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match=r"finn-hlslib was not found.*finn deps update"):
        find_hlslib()
    fetched = library(tmp_path / "finn-deps" / "finn-hlslib")
    assert find_hlslib().path == fetched
    set_ = library(tmp_path / "set")
    monkeypatch.setenv("FINN_HLSLIB", str(set_))
    assert find_hlslib().path == set_
    named = library(tmp_path / "named")
    assert find_hlslib(named).path == named
    with pytest.raises(InputError, match=r"no bnn-library\.h"):
        find_hlslib(tmp_path)


def test_another_header_is_another_library(tmp_path: Path) -> None:
    folder = library(tmp_path / "lib")
    before = find_hlslib(folder).sha256
    (folder / "README.md").write_text("not compiled\n")
    assert find_hlslib(folder).sha256 == before
    (folder / "mac.hpp").write_text("// another\n")
    assert find_hlslib(folder).sha256 != before


def test_integer_headers_of_the_option_the_variable_and_the_tools(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("XILINX_VIVADO", "XILINX_HLS"):
        folder = types(tmp_path / variable / "include")
        monkeypatch.setenv(variable, str(tmp_path / variable))
        assert find_ap_types().path == folder
    set_ = types(tmp_path / "set")
    monkeypatch.setenv("HLS_AP_TYPES", str(set_))
    assert find_ap_types().path == set_
    named = types(tmp_path / "named")
    assert find_ap_types(named).path == named
    (named / "ap_int.h").unlink()
    with pytest.raises(InputError, match=r"holds no ap_int\.h"):
        find_ap_types(named)


def test_integer_headers_of_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    package = tmp_path / "hls4ml"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('must not be imported')\n")
    folder = types(package / "templates" / "vivado" / "ap_types")
    assert find_ap_types().path == folder


def test_integer_headers_that_are_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hls_templates.headers.find_spec", lambda _name: None)
    with pytest.raises(InputError, match=r"were not found.*HLS_AP_TYPES.*hls4ml"):
        find_ap_types()
