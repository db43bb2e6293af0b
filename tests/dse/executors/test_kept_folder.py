"""What comes back from another machine is whole, and inside of its folder."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dse.errors import ExecutorError
from dse.executors import kept_folder
from dse.executors.kept_folder import Packed, Shared, move_in, pack, remove_tries, unpack

NAMES = st.text("abcé .-", min_size=1, max_size=8).filter(lambda name: name.strip(". ") == name)


def reader(packed: Packed) -> Callable[[int, int], bytes]:
    data = packed.path.read_bytes()
    return lambda offset, size: data[offset : offset + size]


@settings(deadline=None, max_examples=40)
@given(files=st.dictionaries(st.tuples(NAMES, NAMES), st.binary(max_size=3000), max_size=5))
def test_every_byte_arrives_in_pieces(
    files: dict[tuple[str, str], bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("there") / "build"
    folder.mkdir()
    for (parent, name), data in files.items():
        (folder / f"d{parent}").mkdir(exist_ok=True)
        (folder / f"d{parent}" / name).write_bytes(data)
    (folder / "tool").write_text("run")
    (folder / "tool").chmod(0o755)
    here = tmp_path_factory.mktemp("here") / "build"
    here.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept_folder, "PIECE_BYTES", 1000)
        unpack(pack(folder), reader(pack(folder)), here)

    def content(root: Path) -> dict[str, bytes | None]:
        return {
            str(path.relative_to(root)): path.read_bytes() if path.is_file() else None
            for path in root.rglob("*")
        }

    assert content(here) == content(folder)
    assert (here / "tool").stat().st_mode & 0o111
    assert [path.name for path in here.parent.iterdir()] == ["build"]


def packed_with(path: Path, *members: tarfile.TarInfo) -> Packed:
    with tarfile.open(path, "w") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(b"x" * member.size))
    return Packed(path, path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, 1 if kind == tarfile.REGTYPE else 0
    return info


@pytest.mark.parametrize("name", ["../outside", "a/../../outside", "../build-other/file"])
def test_nothing_is_written_outside(tmp_path: Path, name: str) -> None:
    packed = packed_with(tmp_path / "evil.tar", member(name))
    folder = tmp_path / "here" / "build"
    folder.mkdir(parents=True)
    with pytest.raises(ExecutorError, match="cannot be unpacked"):
        unpack(packed, reader(packed), folder)
    assert [path.name for path in folder.parent.rglob("*")] == ["build"]


def test_a_link_that_leads_outside_is_left_behind(tmp_path: Path) -> None:
    packed = packed_with(
        tmp_path / "links.tar",
        member("file"),
        member("inside", tarfile.SYMTYPE, "file"),
        member("absolute", tarfile.SYMTYPE, "/etc/passwd"),
        member("relative", tarfile.SYMTYPE, "../../secret"),
    )
    folder = tmp_path / "build"
    folder.mkdir()
    unpack(packed, reader(packed), folder)
    assert {path.name for path in folder.iterdir()} == {"file", "inside"}


@pytest.mark.parametrize("damage", ["changed", "short"])
def test_what_does_not_arrive_whole_is_refused(tmp_path: Path, damage: str) -> None:
    packed = packed_with(tmp_path / "file.tar", member("file"))
    data = bytearray(packed.path.read_bytes())
    data[600] ^= 1
    sent = bytes(data) if damage == "changed" else bytes(data[:900]) if damage == "short" else b""
    folder = tmp_path / "build"
    folder.mkdir()
    with pytest.raises(ExecutorError, match="did not arrive as it was sent"):
        unpack(packed, lambda offset, size: sent[offset : offset + size], folder)
    assert not list(folder.iterdir())


def test_a_shared_folder_is_one_of_the_tries(tmp_path: Path) -> None:
    folder = tmp_path / ".building-x"
    for name in (".building-x", ".building-x-1", ".building-x-2", ".building-y-1"):
        (tmp_path / name).mkdir()
    (tmp_path / ".building-x-1" / "file").touch()
    for name in (".building-y-1", ".building-x-1/../.building-y-1", "/etc"):
        with pytest.raises(ExecutorError, match="not its own"):
            move_in(Shared(name), folder)
    move_in(Shared(".building-x-1"), folder)
    remove_tries(folder)
    assert {path.name for path in tmp_path.iterdir()} == {".building-x", ".building-y-1"}
    assert (folder / "file").exists()
