"""The onnx engine alone: every type on the wire, what poisons it, what it says when it cannot."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dse.deploy.node.engines import make_engine
from dse.deploy.node.engines.interface import PoisonedInput
from dse.deploy.node.engines.onnx_engine import OnnxEngine
from dse.deploy.stage_folders import StageFolders, write_stage_folders
from dse.errors import DseError, InputError
from finn_flows.cut import Cut, CutTensor
from finn_flows.integer_reference import run_integers
from finn_flows.integer_type import IntegerType
from finn_flows.network import Network
from tests.dse.deploy.chained_engines import chained, loaded
from tests.random_networks import random_input, random_network

ACTIVATIONS = [
    IntegerType.bipolar(),
    IntegerType.signed(2, narrow=True),
    IntegerType.unsigned(1),
    IntegerType.signed(3),
    IntegerType.unsigned(4),
]


def network_of(activation: IntegerType, seed: int = 0) -> Network:
    """Two cuts whose images fill no whole number of words."""
    layers = ("conv3", "dense7", "dense5")
    return random_network(seed, input_shape=(6, 5, 3), layers=layers, activation=activation)


def folders_of(network: Network, directory: Path) -> StageFolders:
    return write_stage_folders(network, (Cut(0), Cut(1)), ["onnx"] * 3, directory / "stages")


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda kind: kind.name)
def test_every_type_on_the_wire(activation: IntegerType, tmp_path: Path) -> None:
    network = network_of(activation)
    images = random_input(1, network, 30)
    source = CutTensor(network.input_shape, network.input_type)
    with loaded(folders_of(network, tmp_path)) as engines:
        found = chained(engines, source.pack(images))
    expected = run_integers(network, images)
    assert len(np.unique(expected, axis=0)) > 1
    target = CutTensor(network.output_shape, network.output_type)
    np.testing.assert_array_equal(found, target.pack(expected))


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda kind: kind.name)
def test_a_set_padding_bit_poisons_and_the_next_image_passes(
    activation: IntegerType, tmp_path: Path
) -> None:
    network = network_of(activation)
    folders = folders_of(network, tmp_path)
    wire = folders.stages[1].input
    used = int(np.prod(wire.shape)) * wire.bits
    assert 0 < used < wire.bytes_per_image * 8, "there is no padding to look at"
    tensor = CutTensor(wire.shape, activation)
    good = tensor.pack(random_input(1, part_behind(network), 1)).tobytes()
    with loaded(folders) as engines:
        expected = engines[1].compute(memoryview(good))
        for bit in (used, wire.bytes_per_image * 8 - 1):
            bad = bytearray(good)
            bad[bit // 8] |= 1 << bit % 8
            with pytest.raises(PoisonedInput, match="padding bits of the last word are not zero"):
                engines[1].compute(memoryview(bytes(bad)))
            assert engines[1].compute(memoryview(good)) == expected


def part_behind(network: Network) -> Network:
    from finn_flows.cut import split_network

    return split_network(network, Cut(0))[1]


@pytest.fixture(scope="module")
def ternary(tmp_path_factory: pytest.TempPathFactory) -> StageFolders:
    return folders_of(network_of(ACTIVATIONS[1]), tmp_path_factory.mktemp("ternary"))


@given(data=st.data())
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_computed_or_poisoned_and_never_more(
    ternary: StageFolders, data: st.DataObject
) -> None:
    """Whatever arrives: a result of the right size if it is an image, PoisonedInput if not."""
    size = ternary.stages[1].input.bytes_per_image
    values = int(np.prod(ternary.stages[1].input.shape))
    payload = data.draw(
        st.one_of(
            st.binary(max_size=3 * size),
            st.binary(min_size=size, max_size=size),
            st.lists(st.sampled_from([0, 1, 3]), min_size=values, max_size=values).map(packed),
        )
    )
    codes = [byte >> shift & 3 for byte in payload for shift in (0, 2, 4, 6)]
    legal = len(payload) == size and 2 not in codes[:values] and not any(codes[values:])
    with loaded(ternary) as engines:
        if legal:
            assert len(engines[1].compute(memoryview(payload))) == 8
        else:
            with pytest.raises(PoisonedInput):
                engines[1].compute(memoryview(payload))


def packed(codes: list[int]) -> bytes:
    """2-bit codes in 64-bit words, written again here on purpose."""
    number = sum(code << 2 * index for index, code in enumerate(codes))
    return number.to_bytes(-(-len(codes) // 32) * 8, "little")


def test_a_model_that_onnxruntime_refuses_is_named(ternary: StageFolders, tmp_path: Path) -> None:
    (tmp_path / "part.onnx").write_bytes(b"no model")
    with pytest.raises(DseError, match=r"part\.onnx: onnxruntime cannot load it") as caught:
        OnnxEngine().load(tmp_path, {"parameters": {"model": "part.onnx"}})
    assert "\n" not in str(caught.value)


def test_a_board_without_onnxruntime_says_so(
    ternary: StageFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(DseError, match="the onnx engine needs onnxruntime"), loaded(ternary):
        pass


def test_engines_may_be_closed_twice_and_without_having_been_loaded() -> None:
    for name in ("onnx", "rtl", "pynq"):
        engine = make_engine(name)
        engine.close()
        engine.close()
    with pytest.raises(InputError, match=r"unknown engine 'gpu' \(choose from onnx, rtl, pynq\)"):
        make_engine("gpu")
