"""A chain's sums are FINN's estimates of every part, and its latency is near what is measured."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dse.design_point import built_record
from dse.errors import BuildError, FoldingError
from dse.folding_file import RESERVED_NAMES, RESERVED_PREFIXES
from dse.plan.chain import PLAN_RESOURCES, Chain
from dse.plan.design_points import DesignPoints
from dse.plan.plan import PlannedPart
from dse.plan_bands import error_bands
from dse.plan_chains import estimated_chain, planned_folding
from dse.plan_swept import swept_chain
from dse.sweep_file import sweep_file_text, write_sweep_file
from finn_flows.backends import load_backend
from finn_flows.backends.interface import Part
from finn_flows.cache_directory import CACHE_VARIABLE
from finn_flows.cut import Cut, legal_cuts, split_network
from finn_flows.folding import Folding, LayerFolding, balanced_folding
from finn_flows.hardware_network import hardware_network
from finn_flows.integer_type import IntegerType
from finn_flows.layer_estimates import LayerEstimates, PartEstimate
from finn_flows.network import Network
from reports.sweep_record import PartName
from tests.random_networks import random_cnv, random_network

DEVICE = "xc7z020clg400-1"
#: Streams of many widths, pools, padding, a depthwise layer, fully connected ones.
SMALL = random_network(
    3,
    input_shape=(6, 6, 3),
    layers=("conv4", "depthwise", "pool", "conv6", "dense4", "dense2"),
    padding=(1, 1),
)
#: Everything bipolar but the picture, and the first FINN's words cannot hold a picture of.
BIPOLAR = random_network(
    4,
    input_shape=(6, 6, 2),
    layers=("conv4", "pool", "dense8", "dense2"),
    weight_type=IntegerType.bipolar(),
    activation=IntegerType.bipolar(),
)
DENSE = random_network(5, input_shape=(16,), layers=("dense8", "dense8", "dense4"))


@pytest.fixture(scope="module", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(tmp_path_factory.mktemp("cache")))
        yield


def assert_sums_are_finns(network: Network, points: int) -> None:
    """Each part of each cut, with foldings drawn from all that FINN builds."""
    chain = estimated_chain(network, DEVICE, every_option=True)
    estimates = LayerEstimates(hardware_network(network), DEVICE)
    random = np.random.default_rng(0)
    drawn = np.column_stack(
        [random.integers(0, len(block.options), points) for block in chain.blocks]
    )
    foldings = [_folding(chain, chosen) for chosen in drawn]
    count = len(chain.blocks)
    for said, first, last in (
        *((lambda f, cut=cut: estimates.first(cut, f), 0, cut.layer + 1) for cut in cuts(network)),
        *(
            (lambda f, cut=cut: estimates.second(cut, f), cut.layer + 1, count)
            for cut in cuts(network)
        ),
        (estimates.whole, 0, count),
    ):
        figures = DesignPoints(chain, first, last).figures(drawn[:, first:last])
        for point, folding in enumerate(foldings):
            part: PartEstimate = said(folding)
            for name, value in zip(PLAN_RESOURCES, figures.use[point], strict=True):
                if name in ("lutram", "ff"):
                    assert np.isnan(value)
                else:
                    assert value == sum(getattr(node, name) for node in part.nodes)
            assert figures.cycles[point] == part.cycles


def cuts(network: Network) -> list:
    return legal_cuts(network)[:-1]


def _folding(chain: Chain, chosen: np.ndarray) -> Folding:
    options = [block.options[o] for block, o in zip(chain.blocks, chosen, strict=True)]
    return Folding("drawn", tuple(LayerFolding(*option.folding[0]) for option in options))


@pytest.mark.parametrize("network", [SMALL, DENSE], ids=["image", "vector"])
def test_every_part_is_the_sum_that_finn_says(network: Network) -> None:
    assert_sums_are_finns(network, 25)


@pytest.mark.slow
@pytest.mark.parametrize(
    "network", [random_cnv(0), BIPOLAR], ids=["CnvW2A2", "bipolar, with the host at the end"]
)
def test_every_part_of_larger_and_bipolar_networks_too(network: Network) -> None:
    assert_sums_are_finns(network, 200)


def test_blocks_are_compute_layers_with_their_pools_and_cuts_are_the_sweeps() -> None:
    chain = estimated_chain(SMALL, DEVICE)
    assert [block.layers for block in chain.blocks] == [
        ("conv0",),
        ("conv1", "pool1"),
        ("conv2",),
        ("dense3",),
        ("dense4",),
    ]
    assert [boundary.split for boundary in chain.boundaries] == [0, 1, 2, 3]
    for boundary, cut in zip(chain.boundaries, cuts(SMALL), strict=True):
        first, second = split_network(SMALL, cut)
        assert boundary.label == str(cut)
        values = int(np.prod(second.input_shape)) * first.output_type.bits
        assert boundary.bytes_per_image == -(-values // 64) * 8
    assert chain.source == "finn-estimate"
    assert chain.uncounted == ("FMPadding_rtl", "Pool_hls")
    assert chain.network_sha256 == SMALL.sha256


def test_one_folding_alone_and_its_way_back() -> None:
    folding = balanced_folding(SMALL, 500)
    chain = estimated_chain(SMALL, DEVICE, folding)
    assert [len(block.options) for block in chain.blocks] == [1] * 5
    parts = [PlannedPart(0, 2, (0, 0), (0,)), PlannedPart(2, 5, (0, 0, 0), (1,))]
    back = planned_folding(chain, parts)
    assert back.layers == folding.layers
    slowest = max(block.options[0].cycles for block in chain.blocks)
    assert back.name == f"planned-{slowest}"
    assert not back.name.startswith(RESERVED_PREFIXES)
    assert back.name not in RESERVED_NAMES


def test_a_folding_that_does_not_divide_and_a_layer_that_finn_has_not_are_named() -> None:
    layers = list(balanced_folding(SMALL, 500).layers)
    layers[2] = LayerFolding(3, 1)
    with pytest.raises(FoldingError, match="SIMD 3 of layer 2 does not divide 4"):
        estimated_chain(SMALL, DEVICE, Folding("bad", tuple(layers)))
    network = random_network(0, input_shape=(8, 8, 2), layers=("conv4", "multiplier", "dense2"))
    with pytest.raises(BuildError, match="conv1: a depthwise convolution"):
        estimated_chain(network, DEVICE)


def test_with_a_warm_cache_nothing_heavy_is_imported() -> None:
    estimated_chain(DENSE, DEVICE)
    program = (
        "import sys\n"
        "from tests.random_networks import random_network\n"
        "from dse.plan_chains import estimated_chain\n"
        "network = random_network(5, input_shape=(16,), layers=('dense8', 'dense8', 'dense4'))\n"
        f"print(len(estimated_chain(network, {DEVICE!r}).blocks))\n"
        "print(sorted({'finn', 'qonnx', 'onnx', 'torch', 'scipy', 'pandas'} & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert run.stdout.split("\n")[:2] == ["3", "[]"]


@pytest.mark.slow
def test_latency_is_near_what_a_simulation_counts_and_swept_layers_add_up(tmp_path: Path) -> None:
    """Small layers: the registers that the model leaves out weigh more than in CnvW2A2."""
    network = random_network(
        0,
        input_shape=(14, 14, 3),
        layers=("conv8", "conv8", "pool", "dense16", "dense10"),
    )
    folding = balanced_folding(network, 10_000)
    backend = load_backend("yosys")
    records = []
    for name in PartName:
        (tmp_path / name.value).mkdir()
        part = Part(network, name, None if name is PartName.WHOLE else Cut(1), folding, DEVICE, 100)
        records.append(built_record(part, backend, backend.build(part, tmp_path / name.value)))
    write_sweep_file(tmp_path, sweep_file_text(records))
    estimated = estimated_chain(network, DEVICE, folding)
    swept = swept_chain(tmp_path, network, "yosys", folding)
    assert swept.cuts == (2,)
    for record in records:
        first, last = {"first": (0, 2), "second": (2, 4), "whole": (0, 4)}[record.part.value]
        assert record.latency_cycles is not None
        for chain in (estimated, swept):
            figures = DesignPoints(chain, first, last).figures(np.zeros((1, last - first), int))
            assert figures.latency[0] == pytest.approx(record.latency_cycles, rel=0.05)
            assert figures.cycles[0] == pytest.approx(record.cycles, rel=0.02)
        assert record.utilization is not None
        counts = [getattr(record.utilization, resource) for resource in PLAN_RESOURCES]
        assert figures.use[0].tolist() == counts
    bands = error_bands(tmp_path, network.sha256, swept)
    assert bands["yosys"].band.latency == pytest.approx(0, abs=0.05)
