"""What goes into the memories of a kernel means what the canonical network says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finn_flows.integer_type import IntegerType
from finn_flows.network import MaxPoolLayer, Network
from hls_templates.layer_processes import kernel_design
from hls_templates.memories import accumulator_type, memory_files, stored_thresholds
from tests.hls_templates.parts import parts_of, random_folding
from tests.random_networks import TERNARY, random_input, random_network

BIPOLAR = IntegerType.bipolar()
KINDS = [BIPOLAR, TERNARY, IntegerType.signed(3), IntegerType.unsigned(2)]
LAYERS = ("dense12", "dense6")


def network_of(
    seed: int, weights: IntegerType, activation: IntegerType, inputs: IntegerType
) -> Network:
    return random_network(
        seed,
        input_shape=(20,),
        layers=LAYERS,
        weight_type=weights,
        activation=activation,
        input_type=inputs,
    )


def hardware_sums(network: Network, tensor: np.ndarray) -> np.ndarray:
    """What an MVAU of layer 0 adds up: matches of bits where both are bits, else products."""
    layer = network.layers[0]
    assert not isinstance(layer, MaxPoolLayer)
    if layer.weight_type.is_bipolar and network.input_type.is_bipolar:
        return (tensor[:, None, :] == layer.weights[None]).sum(axis=2)
    return tensor.astype(np.int64) @ layer.weights.T.astype(np.int64)


@given(
    seed=st.integers(0, 10_000),
    weights=st.sampled_from(KINDS),
    activation=st.sampled_from(KINDS),
    inputs=st.sampled_from(KINDS),
)
@settings(max_examples=60, deadline=None)
def test_strictly_less_than_stored_counts_as_reaching_the_threshold(
    seed: int, weights: IntegerType, activation: IntegerType, inputs: IntegerType
) -> None:
    network = network_of(seed, weights, activation, inputs)
    layer = network.layers[0]
    assert not isinstance(layer, MaxPoolLayer)
    assert layer.thresholds is not None
    tensor = random_input(seed, network, 8)
    accumulator = tensor.astype(np.int64) @ layer.weights.T.astype(np.int64)
    wanted = (accumulator[:, :, None] >= layer.thresholds[None]).sum(axis=2)
    stored = stored_thresholds(network, 0)
    sums = hardware_sums(network, tensor)
    assert ((stored[None] < sums[:, :, None]).sum(axis=2) == wanted).all()
    kind = accumulator_type(network, 0)
    for values in (stored, sums):
        assert kind.minimum <= values.min() <= values.max() <= kind.maximum


@given(seed=st.integers(0, 10_000), weights=st.sampled_from(KINDS))
@settings(max_examples=40, deadline=None)
def test_files_hold_every_weight_and_threshold_where_the_array_has_them(
    seed: int, weights: IntegerType
) -> None:
    network = network_of(seed, weights, TERNARY, IntegerType.signed(8))
    folding = random_folding(seed, network, most=20)
    (part,) = parts_of(network, None, folding)
    memories = kernel_design(part).memories
    files = memory_files(part, memories)
    assert sorted(files) == sorted(
        f"{memory.layer}-{pe}-{memory.file_stem}.bin"
        for memory in memories
        for pe in range(memory.memories)
    )
    for memory in memories:
        layer = network.layers[memory.layer]
        assert not isinstance(layer, MaxPoolLayer)
        fold = folding.layers[memory.layer]
        columns = layer.weights.shape[1]
        for pe in range(memory.memories):
            data = files[f"{memory.layer}-{pe}-{memory.file_stem}.bin"]
            values = np.frombuffer(data, "<u8").reshape(memory.lines, memory.parts)
            if not memory.is_weights:
                rows = stored_thresholds(network, memory.layer)[pe :: fold.pe]
                assert (values.view("<i8") == rows).all()
                continue
            bits = weights.bits
            for line in range(memory.lines):
                number = int.from_bytes(values[line].tobytes(), "little")
                row = line // (columns // fold.simd) * fold.pe + pe
                first = line % (columns // fold.simd) * fold.simd
                codes = [(number >> (lane * bits)) & (2**bits - 1) for lane in range(fold.simd)]
                wanted = layer.weights[row, first : first + fold.simd].astype(int)
                if weights.is_bipolar:
                    assert codes == [(value + 1) // 2 for value in wanted]
                else:
                    assert codes == [value & (2**bits - 1) for value in wanted]
                assert number >> (fold.simd * bits) == 0


def test_the_last_layer_has_no_thresholds_and_sums_products() -> None:
    network = network_of(1, BIPOLAR, BIPOLAR, BIPOLAR)
    (part,) = parts_of(network, None, random_folding(1, network))
    design = kernel_design(part)
    assert [memory.code for memory in design.memories] == [0, 1, 2]
    first, last = (process for process in design.processes if process.function.startswith("Matrix"))
    assert "Recast<XnorMul>" in first.parameters
    assert "Recast<Binary>" in last.parameters
    with pytest.raises(AssertionError):
        stored_thresholds(network, 1)
