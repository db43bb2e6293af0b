"""Stages of the rtl engine: the very circuits, cycle by cycle, one behind another."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest

from dse.deploy.node.engines.interface import PoisonedInput
from dse.deploy.node.engines.rtl_engine import RtlEngine
from dse.deploy.node.stage_files import read_stage
from dse.deploy.stage_folders import StageFolders, write_stage_folders
from dse.errors import DseError, InputError
from finn_flows.cut import Cut, CutTensor
from finn_flows.folding import published_folding
from finn_flows.integer_reference import run_integers
from finn_flows.network import Network
from finn_flows.simulation.harness_pipe import HarnessError
from finn_flows.weights import load_weights
from tests.dse.deploy.chained_engines import chained, loaded
from tests.dse.small_network import small_folding, small_network
from tests.finn_flows.process_watch import assert_none_is_left, processes_below
from tests.random_networks import random_input

SMALL = small_network()


def words_of(network: Network, tensor: np.ndarray) -> np.ndarray:
    return CutTensor(network.input_shape, network.input_type).pack(tensor)


def expected_words(network: Network, tensor: np.ndarray) -> np.ndarray:
    result = run_integers(network, tensor)
    assert len(np.unique(result, axis=0)) > 1, "images must not all give the same"
    return CutTensor(network.output_shape, network.output_type).pack(result)


#: Searching FIFO depths and compiling two programs takes ten seconds and more.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def three_stages(simulation_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> StageFolders:
    """A first, a middle and a last part of the small network: circuit, circuit, onnxruntime."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPLIT_DSE_CACHE", str(simulation_cache))
        return write_stage_folders(
            SMALL,
            (Cut(0), Cut(1)),
            ["rtl", "rtl", "onnx"],
            tmp_path_factory.mktemp("rtl") / "stages",
            folding=small_folding(),
        )


def test_circuits_one_behind_another_equal_the_unsplit_network(three_stages: StageFolders) -> None:
    images = random_input(3, SMALL, 12)
    with loaded(three_stages) as engines:
        found = chained(engines, words_of(SMALL, images))
    np.testing.assert_array_equal(found, expected_words(SMALL, images))


def test_a_circuit_of_another_identity_is_refused(three_stages: StageFolders) -> None:
    folder = three_stages.folders[0]
    stage = read_stage(folder, 0, three_stages.manifest_sha256)
    stage = json.loads(json.dumps(stage))
    stage["parameters"]["identity"] ^= 1
    engine = RtlEngine()
    try:
        with pytest.raises(DseError, match=r"model: the circuit says that it is 0x\w{8}; expected"):
            engine.load(folder, stage)
    finally:
        engine.close()


def test_a_program_for_another_machine_is_refused(three_stages: StageFolders) -> None:
    folder = three_stages.folders[0]
    stage = read_stage(folder, 0, three_stages.manifest_sha256)
    stage["parameters"]["machine"] = "armv7l"
    with pytest.raises(DseError, match="a program for armv7l; expected one for"):
        RtlEngine().load(folder, stage)


def test_a_program_that_dies_ends_the_stage_and_a_poisoned_image_does_not(
    three_stages: StageFolders,
) -> None:
    images = random_input(3, SMALL, 1)
    with loaded(three_stages) as engines:
        engine = engines[1]
        assert isinstance(engine, RtlEngine)
        wire = three_stages.stages[1].input
        assert wire.type == "NARROW_INT2"
        poisoned = bytes([0b10]) + bytes(wire.bytes_per_image - 1)  # the code of -2
        with pytest.raises(PoisonedInput, match="values from -2 to 0; expected NARROW_INT2"):
            engine.compute(memoryview(poisoned))
        np.testing.assert_array_equal(
            chained(engines, words_of(SMALL, images)),
            CutTensor(SMALL.output_shape, SMALL.output_type).pack(run_integers(SMALL, images)),
        )
        pid = engine.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(HarnessError, match="ended by SIGKILL"):
            engine.compute(memoryview(bytes(wire.bytes_per_image)))


def test_no_program_is_left(three_stages: StageFolders) -> None:
    folder = three_stages.folders[0]
    with loaded(three_stages):
        assert len(processes_below(folder)) == 1
    assert_none_is_left(folder)


def test_a_circuit_needs_a_folding(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"stage 1 \(rtl\) needs a folding"):
        write_stage_folders(SMALL, (Cut(0),), ["onnx", "rtl"], tmp_path / "stages")
    assert not (tmp_path / "stages").exists()


@pytest.mark.slow
@pytest.mark.parametrize("cuts", [(Cut(5),), (Cut(1), Cut(4))], ids=["split 5", "three parts"])
def test_circuits_of_cnv_w2a2_equal_it(cuts: tuple[Cut, ...], tmp_path: Path) -> None:
    network = load_weights("digits").network
    folders = write_stage_folders(
        network,
        cuts,
        ["rtl"] * (len(cuts) + 1),
        tmp_path / "stages",
        folding=published_folding(network),
    )
    images = random_input(7, network, 3)
    with loaded(folders) as engines:
        found = chained(engines, words_of(network, images))
    np.testing.assert_array_equal(found, expected_words(network, images))
