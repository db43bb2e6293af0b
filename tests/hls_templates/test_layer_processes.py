"""Kernels of any network and folding: streams that fit together, counters that do not overflow."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dse.errors import FoldingError, InputError, NetworkError
from finn_flows.cut import Cut, cut_tensor, legal_cuts
from finn_flows.folding import balanced_folding
from finn_flows.integer_type import IntegerType
from finn_flows.network import Network
from hls_templates.design import KernelDesign
from hls_templates.layer_processes import kernel_design
from tests.hls_templates.parts import parts_of, random_folding, shipped_parts
from tests.random_networks import TERNARY, random_network

BIPOLAR = IntegerType.bipolar()
KINDS = [BIPOLAR, TERNARY, IntegerType.signed(3), IntegerType.unsigned(4)]


def check_streams(design: KernelDesign) -> None:
    """Every stream has one writer and one reader; converters keep bits and have whole ratios."""
    streams = {stream.name: stream for stream in design.streams}
    assert len(streams) == len(design.streams)
    read = [process.arguments[0] for process in design.processes[1:]]
    written = [process.arguments[1] for process in design.processes[:-1]]
    assert read == written == list(streams)
    for process in design.processes:
        if process.function != "StreamingDataWidthConverter_Batch":
            continue
        before, after = (streams[name] for name in process.arguments[:2])
        assert process.parameters == (str(before.bits), str(after.bits), str(before.words))
        assert max(before.bits, after.bits) % min(before.bits, after.bits) == 0
        assert before.bits * before.words == after.bits * after.words
    assert streams["input_words"].words == design.input.words
    last = streams[design.processes[-1].arguments[0]]
    assert (last.bits, last.words) == (64, design.output.words)


@given(
    seed=st.integers(0, 10_000),
    weights=st.sampled_from(KINDS),
    activation=st.sampled_from(KINDS),
    data=st.data(),
)
@settings(max_examples=60, deadline=None)
def test_streams_fit_together(
    seed: int, weights: IntegerType, activation: IntegerType, data: st.DataObject
) -> None:
    network = random_network(
        seed,
        layers=("conv12", "conv6", "pool", "conv10", "dense9", "dense5"),
        weight_type=weights,
        activation=activation,
    )
    cut = data.draw(st.sampled_from([None, *legal_cuts(network, "both")[:-1]]))
    folding = random_folding(seed, network, most=12)
    designs = [kernel_design(part) for part in parts_of(network, cut, folding)]
    for design in designs:
        check_streams(design)
    if cut is not None:
        words = cut_tensor(network, cut).bytes_per_image // 8
        assert designs[0].output.words == designs[1].input.words == words


@pytest.mark.parametrize("pool", ["before", "after"])
@pytest.mark.parametrize("layer", range(8))
def test_every_cut_of_the_shipped_network(layer: int, pool: str) -> None:
    cut = Cut(layer, "after" if pool == "after" else "before")
    first, second = (kernel_design(part) for part in shipped_parts(cut))
    check_streams(first)
    check_streams(second)
    assert first.output.words == second.input.words
    numbers = {memory.layer for memory in first.memories}
    assert numbers == set(range(layer + 1))
    assert {memory.layer for memory in second.memories} == set(range(layer + 1, 9))


def test_one_more_image_than_the_most_overflows_a_counter() -> None:
    (part,) = shipped_parts(None)
    design = kernel_design(part)
    worst = max(process.iterations for process in design.processes)
    assert design.most_images * worst < 2**32 <= (design.most_images + 1) * worst
    assert worst == 115_200  # layer 3: its weight memory times its pixels
    assert design.most_images == 37_282


def test_a_width_that_divides_no_other_goes_through_the_least_common_multiple() -> None:
    design = kernel_design(shipped_parts(None)[0])
    widths = [
        process.parameters[:2]
        for process in design.processes
        if process.function == "StreamingDataWidthConverter_Batch"
    ]
    assert widths[:2] == [("64", "192"), ("192", "24")]


def test_a_result_that_does_not_fill_its_words_is_padded() -> None:
    design = kernel_design(shipped_parts(Cut(5))[1])
    assert design.output.padding > 0
    assert [process.function for process in design.processes][-4:-1].count("add_padding") == 1
    assert all(process.function != "drop_padding" for process in design.processes)


def test_an_input_that_does_not_fill_its_words_loses_its_padding() -> None:
    network = random_network(
        1, input_shape=(28, 28, 1), layers=("dense12", "dense5"), input_type=BIPOLAR
    )
    (part,) = parts_of(network, None, balanced_folding(network, 1000))
    design = kernel_design(part)
    assert (design.input.words, design.input.padding) == (13, 48)
    assert "drop_padding" in [process.function for process in design.processes]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"padding": (1, 1)}, "conv0 pads by"),
        ({"kernel": (3, 2)}, "conv0 convolves 12x12 by 3x2"),
        ({"input_shape": (12, 10, 3)}, "conv0 convolves 12x10"),
        ({"stride": (2, 2)}, "conv0 has stride 2"),
        ({"layers": ("conv8", "depthwise", "dense5")}, "conv1 has 8 groups"),
        (
            {"layers": ("conv8", "conv8", "conv8", "conv8", "pool", "dense5"), "kernel": (2, 2)},
            None,
        ),
        ({"layers": ("conv8", "pool", "dense5"), "kernel": (2, 2)}, "pool0 pools 11x11"),
        ({"activation": IntegerType.unsigned(1)}, "conv1 reads values of UINT1"),
    ],
)
def test_what_the_library_cannot_carry_is_refused_by_the_layer(
    changes: dict[str, object], expected: str | None
) -> None:
    settings_ = {"layers": ("conv8", "conv8", "dense5"), **changes}
    network = random_network(1, **settings_)  # type: ignore[arg-type]
    (part,) = parts_of(network, None, balanced_folding(network, 100_000))
    if expected is None:
        check_streams(kernel_design(part))
        return
    with pytest.raises(NetworkError, match=expected):
        kernel_design(part)


def test_words_wider_than_any_ap_uint_are_refused() -> None:
    network = random_network(1, input_shape=(2048,), layers=("dense64", "dense5"))
    folding = balanced_folding(network, 1)
    (part,) = parts_of(network, None, folding)
    with pytest.raises(NetworkError, match=r"dense0_input.* would be 16384 bits wide"):
        kernel_design(part)


def test_a_folding_that_does_not_divide_and_a_part_without_layers_are_refused() -> None:
    network: Network = shipped_parts(None)[0].whole
    folding = balanced_folding(network, 100_000)
    wrong = replace(folding, layers=(replace(folding.layers[0], simd=2), *folding.layers[1:]))
    with pytest.raises(FoldingError, match="SIMD 2 of layer 0"):
        kernel_design(parts_of(network, None, wrong)[0])
    with pytest.raises(InputError, match="no layers"):
        kernel_design(parts_of(network, Cut(8), folding)[1])
