"""Stages of the pynq engine with overlays that FINN built: FINN's own files, fakes of the tools
behind them, and the stand-in for the board. Exact, and never waiting for ever."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from dse.deploy.finn_overlay import HANDOFF, SETTINGS
from dse.deploy.node.engines.interface import PoisonedInput
from dse.deploy.node.engines.pynq_engine import PynqEngine, TransferError
from dse.deploy.node.stage_files import StageFileError, read_stage
from dse.deploy.stage_folders import StageFolders, write_stage_folders
from dse.errors import DeployError, DseError
from finn_flows.backends.interface import Part
from finn_flows.cache_directory import CACHE_VARIABLE
from finn_flows.cut import Cut, CutTensor, split_network
from finn_flows.folding import Folding, LayerFolding
from finn_flows.integer_reference import run_integers
from finn_flows.integer_type import IntegerType
from finn_flows.network import DenseLayer, Network
from reports.sweep_record import PartName
from tests.dse.deploy.chained_engines import chained, loaded
from tests.dse.deploy.finn_folder import FIRST, SECOND, bitstream, replace_file, write_finn_folder
from tests.dse.deploy.pynq_module import stand_in
from tests.fakes.vendor_tools import VendorTools
from tests.random_networks import random_input

INT8 = IntegerType.signed(8)
BITSTREAM = "overlay/part.bit"
SMALL, CUT = FIRST.whole, Cut(1)


@pytest.fixture
def pynq(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    with stand_in(monkeypatch) as module:
        yield module


@pytest.fixture(scope="module")
def stages(finn_folders: dict[int, Path], tmp_path_factory: pytest.TempPathFactory) -> StageFolders:
    directory = tmp_path_factory.mktemp("pynq") / "stages"
    return write_stage_folders(SMALL, (CUT,), ["pynq", "pynq"], directory, overlays=finn_folders)


def words_of(network: Network, tensor: np.ndarray) -> np.ndarray:
    return CutTensor(network.input_shape, network.input_type).pack(tensor)


def result_words(network: Network, tensor: np.ndarray) -> np.ndarray:
    return CutTensor(network.output_shape, network.output_type).pack(run_integers(network, tensor))


def stage_of(stages: StageFolders, position: int, **parameters: Any) -> tuple[Path, dict[str, Any]]:
    """The folder of a stage and its entry, with other ``parameters``."""
    stage = read_stage(stages.folders[position], position, stages.manifest_sha256)
    stage["parameters"].update(parameters)
    return stages.folders[position], stage


def test_two_boards_equal_the_unsplit_network(stages: StageFolders, pynq: ModuleType) -> None:
    images = random_input(1, SMALL, 20)
    expected = result_words(SMALL, images)
    assert len(np.unique(expected, axis=0)) > 10
    with loaded(stages) as engines:
        np.testing.assert_array_equal(chained(engines, words_of(SMALL, images)), expected)
        assert pynq.allocated == len(pynq.live) == 4, "allocated once, however many images"
    assert not pynq.live


def test_what_a_board_is_told(stages: StageFolders) -> None:
    """The cut is the same in memory and on the link; the result is not."""
    first, second = (stage.parameters for stage in stages.stages)
    assert (first["overlay"], first["fclk0_mhz"]) == ("finn", 100.0)
    assert first["source"] == {
        "block": "idma0",
        "registers": {"address": 0x10, "images": 0x1C},
        "bytes": 300,  # 10 x 10 pixels of 3 bytes; on the wire 304
        "words": None,
    }
    assert (first["target"]["block"], first["target"]["words"]) == ("odma0", None)
    assert first["target"]["bytes"] == second["source"]["bytes"] == 8
    assert second["source"]["words"] is None
    assert second["target"]["words"] == {
        **{"values_per_word": 5, "bytes_per_word": 5, "bits": 8},
        **{"signed": True, "bipolar": False},
    }
    assert (second["target"]["minimum"], second["target"]["scale"]) == (None, None)


def test_images_follow_each_other_into_the_part(stages: StageFolders, pynq: ModuleType) -> None:
    engine = PynqEngine()
    engine.load(*stage_of(stages, 0, transfer_seconds=0.2))
    network = split_network(SMALL, CUT)[0]
    images = random_input(3, SMALL, 12)
    given = words_of(SMALL, images)
    # One result waits in its buffer, the part holds more, and one image is about to go in.
    ahead = pynq.HOLDS + 2
    for image in given[:ahead]:
        engine.give(memoryview(image.tobytes()))
    found = []
    for image in given[ahead:]:
        found.append(engine.take())
        engine.give(memoryview(image.tobytes()))
    found += [engine.take() for _ in range(ahead)]
    np.testing.assert_array_equal(
        [np.frombuffer(one, "<u8") for one in found], result_words(network, images)
    )
    engine.close()
    assert not pynq.live


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("hang-send", "idma0 is not done after 0.05 s"),
        ("hang-receive", "odma0 is not done after 0.05 s"),
    ],
)
def test_a_transfer_that_never_finishes_is_named_in_time(
    stages: StageFolders,
    pynq: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    message: str,
) -> None:
    monkeypatch.setenv(pynq.FAULT, f"{fault}@1")
    engine = PynqEngine()
    engine.load(*stage_of(stages, 0, transfer_seconds=0.05))
    image = memoryview(words_of(SMALL, random_input(1, SMALL, 1)).tobytes())
    result = engine.compute(image)
    begun = time.monotonic()
    with pytest.raises(TransferError, match=message):
        engine.compute(image)
    engine.close()
    engine.close()
    assert time.monotonic() - begun < 2
    # An HLS kernel cannot be stopped: memory that it may still write into is given to nobody.
    assert len(pynq.live) == 2

    engine = PynqEngine()  # the next one programs the FPGA anew
    monkeypatch.delenv(pynq.FAULT)
    engine.load(*stage_of(stages, 0))
    assert engine.compute(image) == result
    engine.close()


def test_a_dma_that_is_at_work_already_is_refused(
    stages: StageFolders, pynq: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pynq.finn_overlay import _DmaBlock

    monkeypatch.setattr(_DmaBlock, "read", lambda self, offset=0: 0x1)
    with pytest.raises(DseError, match=r"idma0 is not idle before the first image.*reads 0x1"):
        PynqEngine().load(*stage_of(stages, 0))
    assert not pynq.live


def test_a_poisoned_image_does_not_reach_the_board(stages: StageFolders, pynq: ModuleType) -> None:
    engine = PynqEngine()
    engine.load(*stage_of(stages, 1))
    with pytest.raises(PoisonedInput, match="values from -2 to 0"):
        engine.compute(memoryview(bytes([2, *bytes(7)])))
    with pytest.raises(PoisonedInput, match="an image of 16 bytes; expected 8"):
        engine.compute(memoryview(bytes(16)))
    assert len(engine.compute(memoryview(bytes(8)))) == 24
    engine.close()


def test_what_finn_leaves_to_the_host_is_done(
    finn_folders: dict[int, Path], tmp_path: Path, pynq: ModuleType
) -> None:
    """A Mul and an Add of integers: of a circuit that counts ones, say."""
    folder = shutil.copytree(finn_folders[1], tmp_path / "part")
    offset = list(range(10))
    operations = [["Mul", [2.0]], ["Add", [float(value) for value in offset]]]
    _edit(folder, lambda facts: facts.update(host_operations=operations))
    replace_file(folder, BITSTREAM, bitstream(SECOND.network, folder, scale=2, offset=offset))
    stages = write_stage_folders(
        SMALL, (CUT,), ["onnx", "pynq"], tmp_path / "stages", overlays={1: folder}
    )
    images = random_input(7, SMALL, 5)
    with loaded(stages) as engines:
        found = chained(engines, words_of(SMALL, images))
    expected = (run_integers(SMALL, images) - offset) // 2 * 2 + offset
    assert (expected != run_integers(SMALL, images)).any()
    output = CutTensor(SMALL.output_shape, SMALL.output_type)
    np.testing.assert_array_equal(output.unpack(found), expected)


# -- folders that a user names ---------------------------------------------------------------------


@pytest.mark.slow
def test_a_network_of_single_bits(
    vendor_tools: VendorTools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pynq: ModuleType
) -> None:
    """FINN counts equal bits and leaves the host to make sums of -1 and 1 of it; and one count is
    beyond FINN's type."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    random, bipolar = np.random.default_rng(8), IntegerType.bipolar()

    def dense(outputs: int, thresholds: bool) -> DenseLayer:
        weights = (2 * random.integers(0, 2, (outputs, 64)) - 1).astype(np.int8)
        steps = random.integers(-4, 5, (outputs, 1)) if thresholds else None
        return DenseLayer(weights, bipolar, steps, bipolar if thresholds else INT8)

    first, last = dense(64, True), dense(10, False)
    network = Network("bits", (64,), bipolar, (first, last))
    images = random_input(9, network, 6)
    last.weights[0] = run_integers(replace(network, layers=(first,)), images[:1])[0]
    network = Network("bits", (64,), bipolar, (first, last))
    assert run_integers(network, images)[0, 0] == 64
    folding = Folding("bits", (LayerFolding(8, 8), LayerFolding(8, 5)))
    part = Part(network, PartName.FIRST, Cut(0), folding, FIRST.device, 100.0)
    folders = {
        position: write_finn_folder(replace(part, name=name), tmp_path / name.value)
        for position, name in enumerate((PartName.FIRST, PartName.SECOND))
    }
    facts = json.loads((folders[1] / "part.json").read_text())
    assert facts["host_operations"] == [["Mul", [2.0]], ["Add", [-64.0]]]
    image = bitstream(replace(part, name=PartName.SECOND).network, folders[1], scale=2, offset=-64)
    replace_file(folders[1], BITSTREAM, image)
    stages = write_stage_folders(
        network, (Cut(0),), ["pynq", "pynq"], tmp_path / "stages", overlays=folders
    )
    told = stages.stages[1].parameters["target"]
    assert (told["minimum"], told["words"]["bits"]) == (0, 7)
    assert (told["scale"], told["offset"]) == ([2] * 10, [-64] * 10)
    with loaded(stages) as engines:
        found = chained(engines, words_of(network, images))
    np.testing.assert_array_equal(found, result_words(network, images))


def test_one_flipped_byte_of_a_bitstream_is_refused_on_either_side(
    finn_folders: dict[int, Path], stages: StageFolders, tmp_path: Path
) -> None:
    folder = shutil.copytree(finn_folders[0], tmp_path / "part")
    _flip(folder / BITSTREAM)
    with pytest.raises(DeployError, match=r"part\.bit: differs from part\.json"):
        write_stage_folders(
            SMALL, (CUT,), ["pynq", "onnx"], tmp_path / "stages", overlays={0: folder}
        )
    copied = shutil.copytree(stages.folders[0], tmp_path / "copy")
    _flip(copied / "overlay.bit")
    with pytest.raises(StageFileError, match=r"overlay\.bit: differs from the manifest"):
        read_stage(copied, 0, stages.manifest_sha256)


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)


def _edit(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    facts = json.loads((folder / "part.json").read_text())
    change(facts)
    (folder / "part.json").write_text(json.dumps(facts))


def _edit_settings(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    told = json.loads((folder / SETTINGS).read_text())
    change(told["driver_information"])
    replace_file(folder, SETTINGS, json.dumps(told).encode())


def _edit_handoff(folder: Path, old: str, new: str) -> None:
    text = (folder / HANDOFF).read_text()
    assert old in text
    replace_file(folder, HANDOFF, text.replace(old, new).encode())


def _shapes(folder: Path, **shapes: Any) -> None:
    _edit_settings(folder, lambda told: told["io_shape_dict"].update(shapes))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda f: _edit(f, lambda facts: facts.update(misses=["timing: WNS -0.3 ns"])),
            r"misses its goals \(timing: WNS -0.3 ns\): its bitstream is not to be trusted",
        ),
        (lambda f: (f / BITSTREAM).unlink(), r"part\.bit: cannot read"),
        (lambda f: (f / HANDOFF).unlink(), r"part\.hwh: cannot read"),
        (lambda f: (f / SETTINGS).unlink(), r"settings\.json: cannot read"),
        (lambda f: _flip(f / SETTINGS), r"settings\.json: differs from part\.json"),
        (lambda f: replace_file(f, SETTINGS, b"{}"), r"settings\.json: not as FINN writes it"),
        (lambda f: _shapes(f, idt=["DataType['FLOAT32']"]), "not as FINN writes it.*FLOAT32"),
        (lambda f: _shapes(f, ishape_packed=[[1, 10, 10, 1, 4]]), "UINT8.*in .*4.* bytes"),
        (lambda f: _shapes(f, num_inputs=2), "2 inputs and 1 outputs; expected one"),
        (
            lambda f: _shapes(f, ishape_folded=[[1, 9, 3]], ishape_packed=[[1, 9, 3]]),
            "27 values an image at idma0; expected 300",
        ),
        (lambda f: _shapes(f, idt=["DataType['INT8']"]), "takes INT8; expected UINT8"),
        (
            lambda f: _edit_settings(f, lambda told: told.update(platform="alveo")),
            "an overlay for alveo; expected zynq-iodma",
        ),
        (
            lambda f: _edit_settings(f, lambda told: told.update(external_weights=True)),
            "weights that are not in the bitstream",
        ),
        (lambda f: replace_file(f, HANDOFF, b"not XML"), r"part\.hwh: no hardware handoff"),
        (lambda f: _edit_handoff(f, "odma0", "odma7"), r"part\.hwh: has no block odma0"),
        (
            lambda f: _edit(f, lambda facts: facts.update(host_operations=[["Mul", [0.5]]])),
            "results that are no integers",
        ),
        (lambda f: _edit(f, lambda facts: facts.update(network_sha256="0")), "of another network"),
    ],
)
def test_a_folder_that_is_not_right_is_named_in_one_line(
    finn_folders: dict[int, Path], tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    folder = shutil.copytree(finn_folders[0], tmp_path / "part")
    damage(folder)
    with pytest.raises(DeployError, match=message) as refused:
        write_stage_folders(
            SMALL, (CUT,), ["pynq", "onnx"], tmp_path / "stages", overlays={0: folder}
        )
    assert len(str(refused.value).splitlines()) == 1
    assert not (tmp_path / "stages").exists()


def test_a_design_that_does_not_fit_has_nothing_to_deploy(
    vendor_tools: VendorTools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    vendor_tools.break_at(
        {
            **{"tool": "vivado", "step": "placement", "kind": "no_fit", "calls": 9},
            **{"resource": "Slice LUTs", "needed": 61233, "available": 53200},
        }
    )
    folder = write_finn_folder(SECOND, tmp_path / "part")
    vendor_tools.break_at()
    assert not (folder / BITSTREAM).exists()
    with pytest.raises(DeployError, match=r"LUT: 61,233 of 53,200.*: it has no bitstream"):
        write_stage_folders(
            SMALL, (CUT,), ["onnx", "pynq"], tmp_path / "stages", overlays={1: folder}
        )


def test_registers_are_those_of_the_handoff_where_it_describes_them(
    finn_folders: dict[int, Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(finn_folders[0], tmp_path / "part")
    described = "".join(
        f'<REGISTER NAME="{name}"><PROPERTY NAME="ADDRESS_OFFSET" VALUE="{at}"/></REGISTER>'
        for name, at in (("CTRL", 0), ("in0_V_1", 24), ("in0_V_2", 28), ("numReps", "0x28"))
    )
    place = 'INSTANCE="idma0" VLNV="xilinx_finn:finn:StreamingDataflowPartition_0:1.0"'
    _edit_handoff(folder, f"{place}/>", f"{place}><REGISTERS>{described}</REGISTERS></MODULE>")
    stages = write_stage_folders(
        SMALL, (CUT,), ["pynq", "onnx"], tmp_path / "stages", overlays={0: folder}
    )
    told = stages.stages[0].parameters
    assert told["source"]["registers"] == {"address": 24, "images": 40}
    assert told["target"]["registers"] == {"address": 16, "images": 28}
