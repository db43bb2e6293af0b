"""A folder is made once for all builds, and appears whole or not at all."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from finn_flows.vendor.kept_folders import KeptFolders

PROJECT = Path(__file__).resolve().parents[3]
_MAKER = """
import sys, time
from pathlib import Path
from finn_flows.vendor.kept_folders import KeptFolders

root = Path(sys.argv[1])

def make(folder):
    with (root / "calls").open("a") as calls:
        calls.write("made\\n")
    for number in range(20):
        (folder / str(number)).write_text("x" * number)
        time.sleep(0.01)

found = KeptFolders(root).get("key", make)
assert len(list(found.iterdir())) == 20, sorted(found.iterdir())
"""


def start(root: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", _MAKER, str(root)], cwd=PROJECT)


def make(folder: Path) -> None:
    (folder / "below").mkdir()
    (folder / "below" / "component.xml").write_text("<component/>\n")


def never(folder: Path) -> None:
    raise AssertionError("made again")


def test_what_was_made_is_found_by_its_key(tmp_path: Path) -> None:
    kept = KeptFolders(tmp_path)
    found = kept.get("key", make)
    assert KeptFolders(tmp_path).get("key", never) == found == tmp_path / "key"
    with pytest.raises(AssertionError, match="made again"):
        kept.get("other", never)


@pytest.mark.parametrize("damage", ["changed", "gone", "list"])
def test_a_folder_that_is_not_as_it_was_made_is_made_again(tmp_path: Path, damage: str) -> None:
    kept = KeptFolders(tmp_path)
    file = kept.get("key", make) / "below" / "component.xml"
    if damage == "changed":
        file.write_text("<componend/>\n")
    elif damage == "gone":
        file.unlink()
    else:
        (tmp_path / "key.json").write_text("[")
    kept.get("key", make)
    assert file.read_text() == "<component/>\n"
    kept.get("key", never)


def test_what_failed_is_not_found_and_leaves_nothing(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "log").write_text("why\n")
        raise ValueError("no")

    kept = KeptFolders(tmp_path)
    with pytest.raises(ValueError, match="no"):
        kept.get("key", fail)
    assert not (tmp_path / "key").exists()
    assert not list(tmp_path.glob("*key/*"))
    assert not list(tmp_path.glob(".making*"))
    assert not (kept.get("key", make) / "log").exists()


def test_processes_that_ask_at_once_make_it_once(tmp_path: Path) -> None:
    processes = [start(tmp_path) for _ in range(3)]
    assert [process.wait(timeout=60) for process in processes] == [0, 0, 0]
    assert (tmp_path / "calls").read_text() == "made\n"


def test_a_maker_that_is_killed_leaves_nothing_that_is_taken_for_whole(tmp_path: Path) -> None:
    process = start(tmp_path)
    while not any(tmp_path.glob(".making-key/1*")):
        assert process.poll() is None
        time.sleep(0.005)
    process.kill()
    process.wait()
    assert not (tmp_path / "key").exists()
    assert start(tmp_path).wait(timeout=60) == 0
