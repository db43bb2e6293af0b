"""The file of a canonical network: whole, small, stable, and refused when damaged."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dse.errors import NetworkFileError, OutputError
from finn_flows.cut import Cut, split_network
from finn_flows.network import Network
from finn_flows.network_file import load_network, network_bytes, save_network
from tests.finn_flows.picture_networks import picture_networks
from tests.random_networks import random_cnv, random_network


@pytest.fixture(scope="module")
def small() -> Network:
    return replace(
        random_network(1), pixel_table=np.arange(-128, 128)[None], class_names=tuple("abcdé")
    )


@settings(max_examples=50, deadline=None)
@given(network=picture_networks())
def test_round_trip(network: Network, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("network") / "any.npz"
    save_network(network, path)
    back = load_network(path)
    assert back.sha256 == network.sha256
    assert (back.name, back.class_names, back.shapes) == (
        network.name,
        network.class_names,
        network.shapes,
    )
    assert (back.class_scores is None) == (network.class_scores is None)
    assert network_bytes(back) == path.read_bytes()


def test_a_part_keeps_its_place(small: Network, tmp_path: Path) -> None:
    _, second = split_network(small, Cut(1))
    save_network(second, tmp_path / "second.npz")
    back = load_network(tmp_path / "second.npz")
    assert back.sha256 == second.sha256
    assert [number for number, _ in back.numbered()] == [2, 3, 4]


def test_cnv_is_small(tmp_path: Path) -> None:
    assert len(network_bytes(random_cnv(1))) < 374_000


def test_the_same_bytes_from_another_process(small: Network, tmp_path: Path) -> None:
    path = tmp_path / "first.npz"
    save_network(small, path)
    program = (
        "import sys, pathlib; from finn_flows.network_file import *; "
        "save_network(load_network(pathlib.Path(sys.argv[1])), pathlib.Path(sys.argv[2]))"
    )
    again = tmp_path / "again.npz"
    subprocess.run([sys.executable, "-c", program, str(path), str(again)], check=True)
    assert again.read_bytes() == path.read_bytes()


def test_numpy_opens_it(small: Network, tmp_path: Path) -> None:
    save_network(small, tmp_path / "small.npz")
    with np.load(tmp_path / "small.npz") as opened:
        np.testing.assert_array_equal(opened["pixel_table"], small.pixel_table)


def test_truncated_and_foreign_files(small: Network, tmp_path: Path) -> None:
    path = tmp_path / "broken.npz"
    with pytest.raises(NetworkFileError, match=r"broken\.npz: cannot read: No such file"):
        load_network(path)
    whole = network_bytes(small)
    for content in (b"", b"no zip", whole[:-1], whole[: len(whole) // 2], whole[100:]):
        path.write_bytes(content)
        with pytest.raises(NetworkFileError, match=r"broken\.npz"):
            load_network(path)
    np.savez(path, array=np.arange(3))
    with pytest.raises(NetworkFileError, match=r"broken\.npz"):
        load_network(path)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b'"version": 1', b'"version": 2', "version 2"),
        (b'"weight_type": "NARROW_INT2"', b'"weight_type": "INT2"', "sha256"),
        (b'"kind": "pool"', b'"kind": "pull"', "not a whole network file"),
    ],
)
def test_a_header_that_does_not_fit(
    small: Network, tmp_path: Path, old: bytes, new: bytes, words: str
) -> None:
    path, changed = tmp_path / "sound.npz", tmp_path / "changed.npz"
    save_network(small, path)
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(changed, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "header.json":
                assert old in content
                content = content.replace(old, new, 1)
            target.writestr(name, content)
    with pytest.raises(NetworkFileError, match=rf"changed\.npz: .*{words}"):
        load_network(changed)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_flipped_bit_is_noticed_or_harmless(
    small: Network, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(network_bytes(small))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path_factory.mktemp("flipped") / "flipped.npz"
    path.write_bytes(content)
    try:
        back = load_network(path)
    except NetworkFileError as error:
        assert "flipped.npz" in str(error)  # noqa: PT017 - both outcomes are legal
        return
    assert (back.sha256, back.class_names) == (small.sha256, small.class_names)


def test_a_folder_that_cannot_be_written(small: Network, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="file"):
        save_network(small, tmp_path / "file" / "network.npz")
