"""A folder is copied whole, or the disk's own error says why not."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from finn_flows.vivado.copied_folder import copy_folder


def test_every_file_is_there_afterwards(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "one" / "two").mkdir(parents=True)
    (source / "a").write_text("new")
    (source / "one" / "two" / "b").write_text("b")
    target.mkdir()
    (target / "a").write_text("old")
    (target / "own").write_text("stays")
    copy_folder(source, target)
    assert {str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()} == {
        *("a", "own", "one/two/b")
    }
    assert (target / "a").read_text() == "new"


def test_a_full_disk_is_told_by_its_number(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "a").write_bytes(b"x" * 100_000)
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "a").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as failed:
        copy_folder(tmp_path / "source", tmp_path / "target")
    assert failed.value.errno == errno.ENOSPC
