"""Where cached results are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from dse.errors import StoreError
from finn_flows.cache_directory import CACHE_VARIABLE, cache_directory


def test_the_environment_names_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "deep" / "cache"))
    folder = cache_directory("synthesis")
    assert folder == tmp_path / "deep" / "cache" / "synthesis"
    assert folder.is_dir()
    assert cache_directory("verilator") == tmp_path / "deep" / "cache" / "verilator"


def test_a_relative_folder_does_not_move_with_the_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(CACHE_VARIABLE, "cache")
    assert cache_directory("synthesis") == tmp_path / "cache" / "synthesis"


@pytest.mark.parametrize("unset", [True, False])
def test_else_it_is_the_users_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, unset: bool
) -> None:
    if unset:
        monkeypatch.delenv(CACHE_VARIABLE, raising=False)
    else:
        monkeypatch.setenv(CACHE_VARIABLE, "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_directory("synthesis") == tmp_path / "split-dse" / "synthesis"


def test_a_file_in_the_way_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "synthesis").write_text("")
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    with pytest.raises(StoreError) as caught:
        cache_directory("synthesis")
    assert "a file stands there" in str(caught.value)
    assert str(tmp_path / "synthesis") in str(caught.value)
    assert "SPLIT_DSE_CACHE" in str(caught.value)
