"""Stages of the pynq engine against the stand-in for pynq: exact, and never waiting for ever."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from dse.deploy.node.engines.interface import PoisonedInput
from dse.deploy.node.engines.pynq_engine import PynqEngine, TransferError
from dse.deploy.node.stage_files import StageFileError, read_stage
from dse.deploy.pipeline_parts import pipeline_parts
from dse.deploy.stage_folders import StageFolders, write_stage_folders
from dse.errors import DeployError, DseError, InputError
from finn_flows.cut import Cut, CutTensor, split_network
from finn_flows.folding import Folding, published_folding
from finn_flows.integer_reference import run_integers
from finn_flows.network import Network
from finn_flows.network_file import load_network, save_network
from finn_flows.weights import load_weights
from reports.sweep_record import PartName
from tests.dse.deploy.chained_engines import chained, loaded
from tests.dse.deploy.overlay_folder import write_overlay_folder
from tests.dse.deploy.pynq_module import stand_in
from tests.dse.small_network import small_folding, small_network
from tests.random_networks import random_input

SMALL = small_network()
CUT = Cut(1)


@pytest.fixture(autouse=True)
def pynq(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    with stand_in(monkeypatch) as module:
        yield module


@pytest.fixture(scope="module")
def overlays(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Of both parts of the small network."""
    folder = tmp_path_factory.mktemp("overlays")
    return {
        position: write_overlay_folder(SMALL, CUT, name, small_folding(), folder / name.value)
        for position, name in enumerate((PartName.FIRST, PartName.SECOND))
    }


@pytest.fixture(scope="module")
def stages(overlays: dict[int, Path], tmp_path_factory: pytest.TempPathFactory) -> StageFolders:
    directory = tmp_path_factory.mktemp("pynq") / "stages"
    return write_stage_folders(SMALL, (CUT,), ["pynq", "pynq"], directory, overlays=overlays)


def words_of(network: Network, tensor: np.ndarray) -> np.ndarray:
    return CutTensor(network.input_shape, network.input_type).pack(tensor)


def result_words(network: Network, tensor: np.ndarray) -> np.ndarray:
    return CutTensor(network.output_shape, network.output_type).pack(run_integers(network, tensor))


def first_stage(stages: StageFolders, **parameters: Any) -> tuple[Path, dict[str, Any]]:
    """The folder of stage 0 and its entry, with other ``parameters``."""
    stage = read_stage(stages.folders[0], 0, stages.manifest_sha256)
    stage["parameters"].update(parameters)
    return stages.folders[0], stage


def test_two_boards_equal_the_unsplit_network(stages: StageFolders, pynq: ModuleType) -> None:
    images = random_input(1, SMALL, 20)
    expected = result_words(SMALL, images)
    assert len(np.unique(expected, axis=0)) > 10
    with loaded(stages) as engines:
        np.testing.assert_array_equal(chained(engines, words_of(SMALL, images)), expected)
        assert pynq.allocated == len(pynq.live) == 4, "allocated once, however many images"
    assert not pynq.live


def test_images_follow_each_other_into_the_part(stages: StageFolders, pynq: ModuleType) -> None:
    engine = PynqEngine()
    engine.load(*first_stage(stages, transfer_seconds=0.2))
    network = split_network(SMALL, CUT)[0]
    images = random_input(3, SMALL, 12)
    given = words_of(SMALL, images)
    # One result waits in its buffer, the part holds more, and one image is about to go in.
    ahead = pynq.HOLDS + 2
    for image in given[:ahead]:
        engine.give(memoryview(image.tobytes()))
    assert ahead <= engine.depth
    found = []
    for image in given[ahead:]:
        found.append(engine.take())
        engine.give(memoryview(image.tobytes()))
    found += [engine.take() for _ in range(ahead)]
    np.testing.assert_array_equal(
        [np.frombuffer(one, "<u8") for one in found], result_words(network, images)
    )
    assert len(pynq.live) == 2
    engine.close()
    assert not pynq.live


def test_published_weights_on_two_boards(bnn_pynq_directory: Path, tmp_path: Path) -> None:
    network = load_weights(f"bnn-pynq:{bnn_pynq_directory}").network
    cut, folding = Cut(5), published_folding(network)
    overlays = {
        position: write_overlay_folder(network, cut, name, folding, tmp_path / name.value)
        for position, name in enumerate((PartName.FIRST, PartName.SECOND))
    }
    stages = write_stage_folders(
        network, (cut,), ["pynq", "pynq"], tmp_path / "stages", overlays=overlays
    )
    images = random_input(2, network, 2)
    with loaded(stages) as engines:
        found = chained(engines, words_of(network, images))
    np.testing.assert_array_equal(found, result_words(network, images))


def test_a_board_between_two_others(tmp_path: Path) -> None:
    """Its part is exported, and its overlay is built of it as of a network of its own."""
    cuts, folding = (Cut(0), Cut(1)), small_folding()
    part = pipeline_parts(SMALL, cuts)[1].network
    save_network(part, tmp_path / "part.npz")
    alone = Folding("alone", folding.layers[1:2])
    overlay = write_overlay_folder(
        load_network(tmp_path / "part.npz"), None, PartName.WHOLE, alone, tmp_path / "part"
    )
    stages = write_stage_folders(
        SMALL, cuts, ["onnx", "pynq", "onnx"], tmp_path / "stages", overlays={1: overlay}
    )
    images = random_input(4, SMALL, 5)
    with loaded(stages) as engines:
        found = chained(engines, words_of(SMALL, images))
    np.testing.assert_array_equal(found, result_words(SMALL, images))


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("hang-send", "the send channel of the DMA is not done after 0.05 s"),
        ("hang-receive", "the receive channel of the DMA is not done after 0.05 s"),
        ("stuck", "the send channel of the DMA is not done after 0.05 s"),
        ("error", "the receive channel of the DMA: slave error"),
        ("short", r"the receive channel of the DMA ended after \d+ bytes; expected \d+"),
        ("lost", r"the receive channel of the DMA ended after 0 bytes; expected \d+"),
    ],
)
def test_a_transfer_that_fails_is_named_in_time(
    stages: StageFolders,
    pynq: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    message: str,
) -> None:
    monkeypatch.setenv(pynq.FAULT, f"{fault}@1")
    engine = PynqEngine()
    engine.load(*first_stage(stages, transfer_seconds=0.05))
    image = memoryview(words_of(SMALL, random_input(1, SMALL, 1)).tobytes())
    result = engine.compute(image)
    begun = time.monotonic()
    with pytest.raises(TransferError, match=message):
        engine.compute(image)
    assert time.monotonic() - begun < 2
    engine.close()
    engine.close()
    # Memory that the DMA may still be at work in is not given to anybody else.
    assert len(pynq.live) == (2 if fault == "stuck" else 0)

    engine = PynqEngine()  # the next one finds a board that works
    monkeypatch.delenv(pynq.FAULT)
    engine.load(*first_stage(stages))
    assert engine.compute(image) == result
    engine.close()


def test_a_poisoned_image_does_not_reach_the_board(stages: StageFolders) -> None:
    stage = read_stage(stages.folders[1], 1, stages.manifest_sha256)
    assert stage["input"]["type"] == "NARROW_INT2"
    engine = PynqEngine()
    engine.load(stages.folders[1], stage)
    size = stage["input"]["bytes_per_image"]
    good = engine.compute(memoryview(bytes(size)))
    with pytest.raises(PoisonedInput, match="values from -2 to 0"):
        engine.compute(memoryview(bytes([2]) + bytes(size - 1)))
    with pytest.raises(PoisonedInput, match=f"an image of {size - 8} bytes; expected {size}"):
        engine.compute(memoryview(bytes(size - 8)))
    assert engine.compute(memoryview(bytes(size))) == good
    engine.close()


def test_weights_that_are_not_written_are_seen(
    stages: StageFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stand-in really looks at what is written into it."""
    image = memoryview(words_of(SMALL, random_input(1, SMALL, 1)).tobytes())
    results = []
    for configuration in ("configuration.bin", None):
        engine = PynqEngine()
        engine.load(*first_stage(stages, configuration=configuration))
        results.append(engine.compute(image))
        engine.close()
    assert results[0] != results[1]


def test_one_flipped_byte_of_a_bitstream_is_refused(stages: StageFolders, tmp_path: Path) -> None:
    folder = shutil.copytree(stages.folders[0], tmp_path / "copy")
    data = bytearray((folder / "overlay.bit").read_bytes())
    data[len(data) // 2] ^= 0x10
    (folder / "overlay.bit").write_bytes(data)
    with pytest.raises(StageFileError, match=r"overlay\.bit: differs from the manifest"):
        read_stage(folder, 0, stages.manifest_sha256)


def test_an_overlay_with_another_part_is_refused(stages: StageFolders, pynq: ModuleType) -> None:
    engine = PynqEngine()
    with pytest.raises(DseError, match="the part on the FPGA says that it is 0x"):
        engine.load(*first_stage(stages, identity=1))
    engine.close()
    assert not pynq.live


def test_an_overlay_that_cannot_be_loaded_is_named(stages: StageFolders, tmp_path: Path) -> None:
    folder, stage = first_stage(stages)
    folder = shutil.copytree(folder, tmp_path / "copy")
    (folder / "overlay.hwh").unlink()
    engine = PynqEngine()
    with pytest.raises(DseError, match=r"overlay\.bit: cannot be loaded: no \.hwh file"):
        engine.load(folder, stage)
    engine.close()


def test_a_board_without_pynq_says_so(
    stages: StageFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pynq", None)
    with pytest.raises(DseError, match="the pynq engine needs pynq"):
        PynqEngine().load(*first_stage(stages))


# -- folders that a user names --------------------------------------------------------------------


def _edit(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    facts = json.loads((folder / "part.json").read_text())
    change(facts)
    (folder / "part.json").write_text(json.dumps(facts))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "overlay" / "part.bit").unlink(), r"part\.bit: cannot read"),
        (lambda f: (f / "overlay" / "part.hwh").unlink(), r"part\.hwh: cannot read"),
        (lambda f: (f / "part.json").unlink(), r"part\.json: cannot read"),
        (lambda f: (f / "part.json").write_text("{}"), r"part\.json: not what `dse build` writes"),
        (
            lambda f: _edit(f, lambda facts: facts.update(network_sha256="0")),
            "a part of another network",
        ),
        (
            lambda f: (f / "memory" / "configuration.bin").write_bytes(b"123456789012"),
            r"configuration\.bin: differs from part\.json",
        ),
    ],
)
def test_a_part_folder_that_is_not_right_is_named(
    overlays: dict[int, Path], tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    folder = shutil.copytree(overlays[0], tmp_path / "part")
    damage(folder)
    with pytest.raises(DeployError, match=message):
        write_stage_folders(
            SMALL, (CUT,), ["pynq", "onnx"], tmp_path / "stages", overlays={0: folder}
        )
    assert not (tmp_path / "stages").exists()


def test_the_folder_of_another_part_is_refused(overlays: dict[int, Path], tmp_path: Path) -> None:
    with pytest.raises(DeployError, match=r"the part of layers dense2; expected conv0, pool0"):
        write_stage_folders(
            SMALL, (CUT,), ["pynq", "onnx"], tmp_path / "stages", overlays={0: overlays[1]}
        )


def test_a_stage_without_an_overlay_says_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"stage 1 \(pynq\) has no overlay; expected the folder"):
        write_stage_folders(SMALL, (CUT,), ["onnx", "pynq"], tmp_path / "stages")


def test_a_slow_part_gets_more_time(overlays: dict[int, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(overlays[0], tmp_path / "part")
    _edit(folder, lambda facts: facts.update(latency_cycles=50_000_000))  # half a second
    stages = write_stage_folders(
        SMALL, (CUT,), ["pynq", "onnx"], tmp_path / "stages", overlays={0: folder}
    )
    assert stages.stages[0].parameters["transfer_seconds"] == 5.0
