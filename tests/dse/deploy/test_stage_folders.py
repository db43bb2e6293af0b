"""Stage folders: what is written, that it is whole, and that nothing else is ever loaded."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dse.deploy.node.stage_files import StageFileError, read_stage
from dse.deploy.stage_folders import StageFolders, write_stage_folders
from dse.errors import CutError, InputError, OutputError
from finn_flows.cut import Cut
from tests.dse.small_network import small_network

SMALL = small_network()
CUTS = (Cut(0), Cut(1))
ENGINES = ["onnx", "onnx", "onnx"]


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> StageFolders:
    return write_stage_folders(SMALL, CUTS, ENGINES, tmp_path_factory.mktemp("made") / "stages")


@pytest.fixture
def folder(stages: StageFolders, tmp_path: Path) -> Path:
    """A copy of stage 1's, to be damaged."""
    return shutil.copytree(stages.folders[1], tmp_path / "stage")


def contents(folders: StageFolders) -> dict[str, bytes]:
    return {
        f"{folder.name}/{file.name}": file.read_bytes()
        for folder in folders.folders
        for file in folder.iterdir()
    }


def test_every_stage_has_one_manifest_that_names_all_files(stages: StageFolders) -> None:
    manifests = {(folder / "pipeline.json").read_bytes() for folder in stages.folders}
    assert len(manifests) == 1
    data = manifests.pop()
    assert hashlib.sha256(data).hexdigest() == stages.manifest_sha256
    manifest = json.loads(data)
    assert (manifest["format"], manifest["version"]) == ("split-dse/pipeline", 1)
    assert manifest["network_sha256"] == SMALL.sha256
    assert manifest["cuts"] == [[0, "before"], [1, "before"]]
    for position, (stage, folder) in enumerate(
        zip(manifest["stages"], stages.folders, strict=True)
    ):
        assert read_stage(folder, position, stages.manifest_sha256) == stage
        assert {file.name for file in folder.iterdir()} == {"pipeline.json", *stage["files"]}
    inputs = [stage["input"] for stage in manifest["stages"]]
    outputs = [stage["output"] for stage in manifest["stages"]]
    assert inputs[1:] == outputs[:-1]
    assert inputs[0] == {
        "shape": [10, 10, 3],
        "type": "UINT8",
        "bits": 8,
        "signed": False,
        "bipolar": False,
        "minimum": 0,
        "maximum": 255,
        "bytes_per_image": 304,
    }


def test_equal_arguments_give_equal_bytes(stages: StageFolders, tmp_path: Path) -> None:
    again = write_stage_folders(SMALL, CUTS, ENGINES, tmp_path / "stages")
    assert again.manifest_sha256 == stages.manifest_sha256
    assert contents(again) == contents(stages)


def test_other_weights_give_another_manifest(stages: StageFolders, tmp_path: Path) -> None:
    other = write_stage_folders(small_network(1), CUTS, ENGINES, tmp_path / "stages")
    assert other.manifest_sha256 != stages.manifest_sha256
    with pytest.raises(StageFileError, match="another manifest than the pipeline's"):
        read_stage(other.folders[0], 0, stages.manifest_sha256)


# -- damage ---------------------------------------------------------------------------------------


@given(data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_flipped_bit_of_any_file_is_refused(
    stages: StageFolders, folder: Path, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(file.name for file in folder.iterdir())))
    good = (stages.folders[1] / name).read_bytes()
    at = data.draw(st.integers(0, len(good) * 8 - 1))
    bad = bytearray(good)
    bad[at // 8] ^= 1 << at % 8
    (folder / name).write_bytes(bad)
    try:
        with pytest.raises(StageFileError) as caught:
            read_stage(folder, 1, stages.manifest_sha256)
    finally:
        (folder / name).write_bytes(good)
    assert caught.value.where == str(folder / name)
    assert read_stage(folder, 1, stages.manifest_sha256)["position"] == 1


def _truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def _lengthen(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"\0")


def _link(file: Path) -> None:
    moved = file.rename(file.parent.parent / f"moved-{file.name}")
    file.symlink_to(moved)


def _folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize("damage", [_truncate, _lengthen, Path.unlink, _folder])
@pytest.mark.parametrize("name", ["pipeline.json", "part.onnx"])
def test_a_file_that_is_not_whole_is_named(
    stages: StageFolders, folder: Path, name: str, damage: Callable[[Path], None]
) -> None:
    damage(folder / name)
    with pytest.raises(StageFileError) as caught:
        read_stage(folder, 1, stages.manifest_sha256)
    assert caught.value.where == str(folder / name)
    assert "\n" not in str(caught.value)


def test_a_link_out_of_the_folder_is_refused(stages: StageFolders, folder: Path) -> None:
    _link(folder / "part.onnx")
    with pytest.raises(StageFileError, match=r"part\.onnx: named by the manifest, but not there"):
        read_stage(folder, 1, stages.manifest_sha256)


def test_a_file_that_nobody_named_is_refused(stages: StageFolders, folder: Path) -> None:
    (folder / "extra.mem").write_bytes(b"")
    with pytest.raises(StageFileError, match=r"extra\.mem: not named by the manifest"):
        read_stage(folder, 1, stages.manifest_sha256)


def test_the_folder_of_another_stage_is_refused(stages: StageFolders) -> None:
    with pytest.raises(StageFileError, match=r"part\.onnx: differs from the manifest"):
        read_stage(stages.folders[0], 1, stages.manifest_sha256)
    for position in (-1, 3):
        with pytest.raises(StageFileError, match=r"no stage -?\d \(choose from 0, 1, 2\)"):
            read_stage(stages.folders[0], position, stages.manifest_sha256)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'"version": 1', b'"version": 2', "a manifest of format split-dse/pipeline 2"),
        (b'"part.onnx":', b'"../part.onnx":', "names a file outside its folder: ../part.onnx"),
        (b'"part.onnx":', b'"/part.onnx":', "names a file outside its folder: /part.onnx"),
        (b'"part.onnx":', b'"..":', "names a file outside its folder: .."),
        (b'"stages":', b'"steps":', "no stages"),
        (b"{", b"[", "no JSON"),
    ],
)
def test_a_manifest_that_another_version_wrote_is_refused(
    stages: StageFolders, folder: Path, old: bytes, new: bytes, message: str
) -> None:
    path = folder / "pipeline.json"
    data = path.read_bytes().replace(old, new)
    path.write_bytes(data)
    with pytest.raises(StageFileError, match=re.escape(message)) as caught:
        read_stage(folder, 1, hashlib.sha256(data).hexdigest())
    assert caught.value.where == str(path)


# -- writing --------------------------------------------------------------------------------------


def test_folders_take_the_place_of_earlier_ones(tmp_path: Path) -> None:
    directory = tmp_path / "stages"
    write_stage_folders(SMALL, CUTS, ENGINES, directory)
    made = write_stage_folders(SMALL, (Cut(1),), ["onnx"] * 2, directory)
    assert sorted(directory.iterdir()) == sorted(made.folders)
    assert [entry.name for entry in tmp_path.iterdir()] == ["stages"]


def test_a_folder_with_anything_else_in_it_is_left_alone(tmp_path: Path) -> None:
    directory = tmp_path / "stages"
    write_stage_folders(SMALL, CUTS, ENGINES, directory)
    (directory / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputError, match=r"holds thesis\.tex, which is no stage folder"):
        write_stage_folders(SMALL, CUTS, ENGINES, directory)
    assert (directory / "thesis.tex").read_text() == "years of work"
    assert len(list(directory.iterdir())) == 4


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for directory in (tmp_path / "file", tmp_path / "file" / "stages"):
        with pytest.raises(OutputError, match="file"):
            write_stage_folders(SMALL, CUTS, ENGINES, directory)
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_write_that_fails_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "stages"
    before = contents(write_stage_folders(SMALL, CUTS, ENGINES, directory))
    written: list[Path] = []

    def full(path: Path, data: bytes) -> None:
        written.append(path)
        if len(written) == 3:
            raise OutputError("cannot write: No space left on device", where=path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    monkeypatch.setattr("dse.deploy.stage_folders.atomic_write", full)
    with pytest.raises(OutputError, match="No space left"):
        write_stage_folders(SMALL, (Cut(1),), ["onnx"] * 2, directory)
    assert [entry.name for entry in tmp_path.iterdir()] == ["stages"]
    assert {
        f"{file.parent.name}/{file.name}": file.read_bytes() for file in directory.glob("*/*")
    } == before


def test_folders_that_cannot_be_put_in_place_leave_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "stages"
    before = contents(write_stage_folders(SMALL, CUTS, ENGINES, directory))
    rename = Path.rename

    def refused(path: Path, target: Path) -> Path:
        if path.name == "new":
            raise OSError(28, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(OutputError, match="stages: cannot write: No space left on device"):
        write_stage_folders(SMALL, (Cut(1),), ["onnx"] * 2, directory)
    assert [entry.name for entry in tmp_path.iterdir()] == ["stages"]
    assert {
        f"{file.parent.name}/{file.name}": file.read_bytes() for file in directory.glob("*/*")
    } == before


def test_stages_need_an_engine_each_that_there_is(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="2 engines for 3 stages; expected one for each"):
        write_stage_folders(SMALL, CUTS, ENGINES[:2], tmp_path / "stages")
    with pytest.raises(InputError, match=r"unknown engine 'gpu' \(choose from onnx, rtl, pynq\)"):
        write_stage_folders(SMALL, CUTS, ["onnx", "gpu", "onnx"], tmp_path / "stages")
    with pytest.raises(CutError, match="split 2 leaves no layers behind the cut"):
        write_stage_folders(SMALL, (Cut(2),), ["onnx"] * 2, tmp_path / "stages")
    assert not list(tmp_path.iterdir())
