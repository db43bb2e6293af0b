"""``dse deploy`` with engine pynq on folders of ``dse build --backend vivado``.

Boards are processes of this machine, pynq is the stand-in."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dse.deploy.boards_file import BoardEntry
from dse.deploy.deploy_command import DeployRequest, deploy_network
from dse.deploy.deploy_progress import DeployProgress
from dse.deploy.local_board import LocalBoard
from dse.errors import DeployError
from finn_flows.backends.interface import Part
from finn_flows.cache_directory import CACHE_VARIABLE
from finn_flows.cut import Cut
from finn_flows.folding import published_folding
from finn_flows.weights import LoadedNetwork, load_weights
from reports.sweep_record import PartName
from tests.dse.deploy.finn_folder import DEVICE, FIRST, write_finn_folder
from tests.dse.deploy.overlay_folder import STAND_IN
from tests.fakes.vendor_tools import VendorTools


class EmulatedPynqBoard(LocalBoard):
    """With the stand-in where its stages look for modules: its image has pynq."""

    def put(self, folder: Path, name: str) -> str:
        """See LocalBoard."""
        target = super().put(folder, name)
        for program in Path(target).rglob("stage.py"):
            shutil.copytree(STAND_IN / "pynq", program.parent / "pynq")
        return target


@pytest.fixture
def emulated_boards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Boards of boards.toml are processes of this machine."""

    def emulated(entry: BoardEntry, *, client_key: str) -> LocalBoard:
        return EmulatedPynqBoard(entry.name, entry.engine, client_key=client_key)

    monkeypatch.setattr("dse.deploy.deploy_plan.SshBoard", emulated)


def request(folders: dict[int, Path], tmp_path: Path, **options: Any) -> DeployRequest:
    file = tmp_path / "boards.toml"
    file.write_text(
        "".join(
            f'[[boards]]\nname = "board-{position}"\naddress = "10.0.0.{position + 1}"\n'
            f'engine = "pynq"\nbitstreams = "{folder}"\n'
            for position, folder in folders.items()
        )
    )
    return DeployRequest(
        **{"out": tmp_path / "deploy", "boards_file": file, "attempts": 1, "runs": 2, **options}
    )


def small_request(folders: dict[int, Path], tmp_path: Path) -> DeployRequest:
    picture = tmp_path / "picture.png"
    pixels = np.random.default_rng(3).integers(0, 256, (10, 10, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(picture)
    network = LoadedNetwork(FIRST.whole, FIRST.folding, "small")
    return request(
        folders, tmp_path, network=network, splits=(1,), inputs=(str(picture),), images=5
    )


def test_dse_deploy_runs_both_parts(
    finn_folders: dict[int, Path], tmp_path: Path, emulated_boards: None
) -> None:
    result = deploy_network(small_request(finn_folders, tmp_path), DeployProgress())
    assert result.runs.identical
    assert result.boards == ("board-0", "board-1")
    assert {stage.parameters["overlay"] for stage in result.stages.stages} == {"finn"}


def test_dse_deploy_ends_where_a_transfer_never_does(
    finn_folders: dict[int, Path],
    tmp_path: Path,
    emulated_boards: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYNQ_STAND_IN_FAULT", "hang-receive@7")
    begun = time.monotonic()
    with pytest.raises(DeployError, match="odma0 is not done after 1 s"):
        deploy_network(small_request(finn_folders, tmp_path), DeployProgress())
    assert time.monotonic() - begun < 20


@pytest.mark.slow
def test_the_shipped_network_on_two_boards(
    vendor_tools: VendorTools,
    tmp_path: Path,
    emulated_boards: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    network = load_weights()
    first = Part(
        network.network,
        PartName.FIRST,
        Cut(5),
        published_folding(network.network),
        DEVICE,
        100.0,
    )
    folders = {
        position: write_finn_folder(replace(first, name=name), tmp_path / name.value)
        for position, name in enumerate((PartName.FIRST, PartName.SECOND))
    }
    asked = request(folders, tmp_path, network=network, splits=(5,), images=5)
    result = deploy_network(asked, DeployProgress())
    assert result.runs.identical
    assert result.stages.stages[0].parameters["target"]["bytes"] == 64
