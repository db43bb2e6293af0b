"""A result in the store is whole and as it was stored, or it is not there."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dse.errors import StoreError
from dse.store import CONTENTS, RECORD, ResultStore
from reports.sweep_record import PartName, SweepRecord
from reports.utilization import Scope, Source, Stage, Utilization

KEY = "a" * 64

RECORD_OF_WHOLE = SweepRecord(
    network="small",
    network_sha256="0" * 64,
    part=PartName.WHOLE,
    split=None,
    pool=None,
    source=Source.FINN_ESTIMATE,
    device="xc7z020clg400-1",
    clock_mhz=100.0,
    folding="published",
    bytes_per_image=None,
    utilization=Utilization(
        "xc7z020clg400-1", "finn", "1", Stage.ESTIMATE, Scope.OUT_OF_CONTEXT, lut=12.0
    ),
    cycles=1000,
)

artefacts = st.dictionaries(
    st.sampled_from(["build.log", "model.onnx", "deep/er/rtl.v", "empty"]), st.binary(max_size=60)
)


@contextmanager
def store_with(
    files: dict[str, bytes], record: SweepRecord = RECORD_OF_WHOLE
) -> Iterator[ResultStore]:
    """A store in a new folder that holds ``record`` and ``files`` under KEY."""
    with tempfile.TemporaryDirectory() as folder, ResultStore(Path(folder) / "store") as store:
        publish(store, files, record)
        yield store


def publish(store: ResultStore, files: dict[str, bytes], record: SweepRecord) -> None:
    building = store.begin(KEY)
    for name, content in files.items():
        (building / name).parent.mkdir(parents=True, exist_ok=True)
        (building / name).write_bytes(content)
    store.publish(KEY, building, record)


@settings(max_examples=30, deadline=None)  # every example waits for the disk
@given(artefacts, st.none() | st.integers(1, 10**9))
def test_what_was_published_is_found(files: dict[str, bytes], cycles: int | None) -> None:
    record = replace(RECORD_OF_WHOLE, cycles=cycles)
    with store_with(files, record) as store:
        assert store.find(KEY) == record
        assert store.find("b" * 64) is None
        assert {name: (store.folder(KEY) / name).read_bytes() for name in files} == files
        assert not store.damaged


@settings(max_examples=30, deadline=None)  # every example waits for the disk
@given(st.data())
def test_any_change_of_the_record_is_noticed(data: st.DataObject) -> None:
    with store_with({}) as store:
        path = store.folder(KEY) / RECORD
        before = path.read_bytes()
        position = data.draw(st.integers(0, len(before) - 1))
        if data.draw(st.booleans()):
            after = before[:position]
        else:
            flipped = before[position] ^ data.draw(st.integers(1, 255))
            after = before[:position] + bytes([flipped]) + before[position + 1 :]
        path.write_bytes(after)
        assert store.find(KEY) is None
        assert RECORD in store.damaged[0]


@settings(max_examples=30, deadline=None)  # every example waits for the disk
@given(st.data())
def test_a_damaged_list_of_contents_never_gives_another_result(data: st.DataObject) -> None:
    with store_with({"model.onnx": b"model"}) as store:
        path = store.folder(KEY) / CONTENTS
        before = path.read_bytes()
        start = data.draw(st.integers(0, len(before)))
        end = data.draw(st.integers(start, len(before)))
        path.write_bytes(before[:start] + data.draw(st.binary(max_size=8)) + before[end:])
        assert store.find(KEY) in (None, RECORD_OF_WHOLE)


@settings(max_examples=30, deadline=None)  # every example waits for the disk
@given(artefacts.filter(bool), st.data())
def test_a_missing_or_cut_artefact_is_noticed(files: dict[str, bytes], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(files)))
    with store_with(files) as store:
        path = store.folder(KEY) / name
        if files[name] and data.draw(st.booleans()):
            path.write_bytes(files[name][:-1])
        else:
            path.unlink()
        assert store.find(KEY) is None
        assert name in store.damaged[0]
        publish(store, files, RECORD_OF_WHOLE)
        assert store.find(KEY) == RECORD_OF_WHOLE


def test_a_record_of_a_failed_point_is_no_result() -> None:
    failed = replace(RECORD_OF_WHOLE, utilization=None, cycles=None, error="no")
    with store_with({}, failed) as store:
        assert store.find(KEY) is None


def test_a_contradicting_record_is_not_published(tmp_path: Path) -> None:
    with ResultStore(tmp_path) as store:
        building = store.begin(KEY)
        with pytest.raises(ValueError, match="both an error and a result"):
            store.publish(KEY, building, replace(RECORD_OF_WHOLE, error="no"))
        assert not store.folder(KEY).exists()


def test_leftovers_of_a_killed_sweep_are_removed(tmp_path: Path) -> None:
    with ResultStore(tmp_path) as store:
        publish(store, {}, RECORD_OF_WHOLE)
        (store.begin("c" * 64) / "half").write_text("half a res")
        store.fail(KEY, store.begin(KEY))
    (tmp_path / ".sweep.pid.abcdefgh.tmp").write_text("")
    with ResultStore(tmp_path) as store:
        names = {path.name for path in tmp_path.iterdir()}
        assert names == {KEY, "failed", "sweep.lock", "sweep.pid"}
        assert store.find(KEY) == RECORD_OF_WHOLE


def test_a_failed_try_is_kept_for_reading_until_the_point_is_built(tmp_path: Path) -> None:
    with ResultStore(tmp_path) as store:
        for text in ("first", "second"):
            building = store.begin(KEY)
            (building / "build.log").write_text(text)
            kept = store.fail(KEY, building)
            assert (kept / "build.log").read_text() == text
            assert store.find(KEY) is None
        publish(store, {}, RECORD_OF_WHOLE)
        assert not kept.exists()


def test_a_result_is_readable_like_any_file_of_the_user(tmp_path: Path) -> None:
    umask = os.umask(0o022)
    try:
        with ResultStore(tmp_path) as store:
            publish(store, {}, RECORD_OF_WHOLE)
            assert store.folder(KEY).stat().st_mode & 0o777 == 0o755
    finally:
        os.umask(umask)


def test_a_second_holder_is_told_who_the_first_is(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from dse.store import ResultStore\n"
        f"with ResultStore(Path({str(tmp_path)!r})): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StoreError, match=f"in use by another sweep .process {holder.pid}"):
            ResultStore(tmp_path).__enter__()
        holder.kill()
    with ResultStore(tmp_path):
        pass


def test_a_file_in_place_of_the_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("")
    with pytest.raises(StoreError, match="store: the result store cannot be used: not a folder"):
        ResultStore(tmp_path / "store").__enter__()
    with pytest.raises(StoreError, match="cannot be used: not a folder"):
        ResultStore(tmp_path / "store" / "below").__enter__()
