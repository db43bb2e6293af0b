"""Memory as FINN's DMA reads and writes it, compared with FINN's own packing."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from dse.deploy.finn_overlay import MemoryEnd, MemoryWords
from dse.deploy.node.engines.memory_words import pack_words, unpack_words
from finn_flows.backends.interface import Part
from finn_flows.cut import Cut, CutTensor
from finn_flows.folding import published_folding
from finn_flows.integer_reference import run_integers
from finn_flows.integer_type import IntegerType
from finn_flows.vivado.finn_session import finn_session
from finn_flows.vivado.part_model import into_partitions, part_model
from finn_flows.weights import load_weights
from reports.sweep_record import PartName
from tests.dse.deploy.finn_folder import DEVICE
from tests.random_networks import random_input


@pytest.mark.parametrize("lanes", [1, 2, 3, 5, 8, 32])
@pytest.mark.parametrize(
    "name", ["UINT8", "INT8", "INT2", "UINT2", "BIPOLAR", "INT3", "INT10", "INT16", "INT24"]
)
def test_words_in_memory_are_those_of_finns_own_packing(name: str, lanes: int) -> None:
    from finn.util.data_packing import finnpy_to_packed_bytearray, packed_bytearray_to_finnpy
    from qonnx.core.datatype import DataType

    kind = IntegerType.parse(name)
    choices = np.arange(kind.minimum, kind.maximum + 1, kind.step)
    values = np.random.default_rng(lanes).choice(choices, (1, 4, 3, lanes))
    # As FINN's driver calls it.
    options = {"reverse_inner": True, "reverse_endian": True}
    packed = finnpy_to_packed_bytearray(values.astype(np.float32), DataType[name], **options)
    words = asdict(MemoryWords(lanes, packed.shape[-1], kind.bits, kind.is_signed, kind.is_bipolar))
    ours = pack_words(values, words)
    np.testing.assert_array_equal(ours, packed.reshape(-1))
    np.testing.assert_array_equal(unpack_words(ours, words), values.reshape(-1))
    theirs = packed_bytearray_to_finnpy(
        ours.reshape(packed.shape), DataType[name], values.shape, **options
    )
    np.testing.assert_array_equal(theirs, values)
    # Bits that belong to no value may be anything.
    size = packed.shape[-1]
    unused = np.packbits(np.arange(8 * size) >= lanes * kind.bits, bitorder="little")
    noisy = ours.reshape(-1, size) | unused
    np.testing.assert_array_equal(unpack_words(noisy.reshape(-1), words), values.reshape(-1))


def memory_of(end: MemoryEnd, tensor: CutTensor, values: np.ndarray) -> bytes:
    """``values`` as the board would lay them for the DMA at ``end``."""
    told = end.parameters(tensor, {})
    if told["words"] is None:
        return tensor.pack(values).tobytes()[: told["bytes"]]
    return pack_words(values, told["words"]).tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("name", list(PartName))
def test_memory_at_both_ends_of_the_shipped_network_is_as_finns_driver_has_it(
    name: PartName, tmp_path: Path
) -> None:
    from finn.util.basic import get_driver_shapes
    from finn.util.data_packing import finnpy_to_packed_bytearray
    from qonnx.core.datatype import DataType
    from qonnx.custom_op.registry import getCustomOp

    network = load_weights().network
    cut = None if name is PartName.WHOLE else Cut(5)
    part = Part(network, name, cut, published_folding(network), DEVICE, 100.0)
    with finn_session(tmp_path, jobs=1):
        model, files = into_partitions(part_model(part, {}), DEVICE, 64, tmp_path / "partitions")
        for node in model.graph.node:
            getCustomOp(node).set_nodeattr("model", str(files[node.name]))
        shapes = json.loads(json.dumps(get_driver_shapes(model)))
    images = random_input(5, part.network, 3)
    for side, tensor, values in (
        ("i", CutTensor(part.network.input_shape, part.network.input_type), images),
        (
            "o",
            CutTensor(part.network.output_shape, part.network.output_type),
            run_integers(part.network, images),
        ),
    ):
        end = MemoryEnd.read(shapes, side)
        kind = DataType[shapes[f"{side}dt"][0][10:-2]]
        for image in values:
            folded = image.reshape(shapes[f"{side}shape_folded"][0]).astype(np.float32)
            packed = finnpy_to_packed_bytearray(
                folded, kind, reverse_inner=True, reverse_endian=True
            )
            assert list(packed.shape) == shapes[f"{side}shape_packed"][0]
            assert memory_of(end, tensor, image[None]) == np.ascontiguousarray(packed).tobytes()
