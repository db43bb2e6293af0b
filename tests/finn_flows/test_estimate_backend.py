"""The estimate backend says what FINN's own passes say, for every cut and folding."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dse.errors import FoldingError, NetworkFileError
from finn_flows.backends import load_backend
from finn_flows.backends.interface import Part
from finn_flows.cut import Cut, legal_cuts
from finn_flows.folding import (
    Folding,
    LayerFolding,
    balanced_folding,
    divisors,
    layer_cycles,
    published_folding,
    simd_limit,
)
from finn_flows.model_file import read_model
from finn_flows.network import Network
from reports.sweep_record import PartName
from tests.random_networks import random_cnv, random_network

DEVICE = "xc7z020clg400-1"
CNV = random_cnv(0)


def finn_says(directory: Path) -> tuple[dict[str, dict[str, float]], dict[str, int]]:
    """FINN's analysis passes, called afresh on the model that the backend left."""
    from finn.analysis.fpgadataflow.exp_cycles_per_layer import exp_cycles_per_layer
    from finn.analysis.fpgadataflow.res_estimation import res_estimation

    model = read_model(directory / "specialised.onnx.gz")
    return res_estimation(model, DEVICE), exp_cycles_per_layer(model)


def assert_as_finn_says(part: Part, directory: Path) -> None:
    directory.mkdir()
    result = load_backend("estimate").build(part, directory)
    resources, cycles = finn_says(directory)
    assert [layer.name for layer in result.layers] == list(resources)
    for layer in result.layers:
        said = resources[layer.name]
        assert layer.utilization.lut == said["LUT"]
        assert layer.utilization.bram == said["BRAM_18K"] / 2
        assert layer.utilization.dsp == said["DSP"]
        assert layer.utilization.uram == said["URAM"]
        assert (layer.cycles or 0) == cycles[layer.name]
    assert result.utilization is not None
    assert result.utilization.lut == sum(said["LUT"] for said in resources.values())
    assert result.utilization.bram == sum(said["BRAM_18K"] for said in resources.values()) / 2
    assert result.utilization.ff is None
    assert result.utilization.lutram is None
    assert result.cycles == max(cycles.values())


@pytest.mark.parametrize("cut", [None, *legal_cuts(CNV, "both")], ids=str)
def test_numbers_are_finns_own(cut: Cut | None, tmp_path: Path) -> None:
    folding = published_folding(CNV)
    if cut is None:
        parts = [PartName.WHOLE]
    elif cut.layer < 8:
        parts = [PartName.FIRST, PartName.SECOND]
    else:
        parts = [PartName.FIRST]
    for name in parts:
        part = Part(CNV, name, cut, folding, DEVICE, 100.0)
        assert_as_finn_says(part, tmp_path / name.value)


@pytest.mark.slow
def test_the_same_part_leaves_the_same_bytes_compressed(tmp_path: Path) -> None:
    """Built twice in processes of their own, some seconds apart."""
    program = (
        "import sys; from pathlib import Path\n"
        "from tests.finn_flows.test_estimate_backend import *\n"
        "part = Part(CNV, PartName.WHOLE, None, published_folding(CNV), DEVICE, 100.0)\n"
        "load_backend('estimate').build(part, Path(sys.argv[1]))"
    )
    builds = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        subprocess.run([sys.executable, "-c", program, str(tmp_path / name)], check=True)
        builds.append({file.name: file.read_bytes() for file in (tmp_path / name).iterdir()})
    assert set(builds[0]) == {
        *("streamlined.onnx.gz", "hardware_layers.onnx.gz", "specialised.onnx.gz")
    }
    assert builds[0] == builds[1]
    for name, content in builds[0].items():
        model = read_model(tmp_path / "one" / name).model
        # Float weights of two bits.
        assert len(content) < model.ByteSize() / 5
    for damaged in (content[:-9], b"no gzip", b""):
        (tmp_path / "damaged.onnx.gz").write_bytes(damaged)
        with pytest.raises(NetworkFileError, match=r"damaged.onnx.gz: cannot read"):
            read_model(tmp_path / "damaged.onnx.gz")


SMALL = random_network(
    3, layers=("conv8", "depthwise", "pool", "conv12", "dense20", "dense6"), padding=(1, 1)
)


@st.composite
def foldings(draw: st.DrawFn, network: Network) -> Folding:
    """Any legal folding; a depthwise layer in FINN takes one SIMD lane."""
    layers = [
        LayerFolding(
            draw(st.sampled_from(divisors(simd_limit(layer)))),
            draw(st.sampled_from(divisors(layer.output_channels))),
            draw(st.sampled_from(["auto", "block", "distributed"])),
        )
        for _, layer in network.numbered()
    ]
    return Folding("drawn", tuple(layers))


@settings(
    deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(folding=foldings(SMALL), cut=st.sampled_from([None, *legal_cuts(SMALL, "both")[:-1]]))
def test_numbers_are_finns_own_for_any_folding(
    folding: Folding, cut: Cut | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for name in [PartName.WHOLE] if cut is None else [PartName.FIRST, PartName.SECOND]:
        part = Part(SMALL, name, cut, folding, DEVICE, 100.0)
        assert_as_finn_says(part, tmp_path_factory.mktemp("part") / name.value)


def test_published_cycles(tmp_path: Path) -> None:
    """Weight memory depth times output pixels, the slowest being layer 3 (design, section 3)."""
    folding = published_folding(CNV)
    result = load_backend("estimate").build(
        Part(CNV, PartName.WHOLE, None, folding, DEVICE, 100.0), tmp_path
    )
    assert (result.cycles, result.slowest) == (115_200, "conv3")
    for number, _ in CNV.numbered():
        compute = [
            layer.cycles
            for layer in result.layers
            if layer.layer in (f"conv{number}", f"dense{number}") and "MVAU" in layer.name
        ]
        assert compute == [layer_cycles(CNV, number, folding.layers[number])]


def test_the_part_behind_the_last_cut_is_empty(tmp_path: Path) -> None:
    result = load_backend("estimate").build(
        Part(CNV, PartName.SECOND, Cut(8), published_folding(CNV), DEVICE, 100.0), tmp_path
    )
    assert result.utilization is None
    assert result.layers == ()
    assert list(tmp_path.iterdir()) == []


def test_a_folding_that_does_not_divide_names_layer_and_choices(tmp_path: Path) -> None:
    layers = list(published_folding(CNV).layers)
    layers[3] = LayerFolding(16, 7)
    part = Part(CNV, PartName.WHOLE, None, Folding("bad", tuple(layers)), DEVICE, 100.0)
    with pytest.raises(FoldingError, match=r"PE 7 of layer 3 does not divide 128 .*1, 2, 4, 8"):
        load_backend("estimate").build(part, tmp_path)


@given(target=st.sampled_from([200, 1000, 5000, 20_000, 10**6]))
def test_a_balanced_folding_reaches_its_target_with_the_fewest_multipliers(target: int) -> None:
    folding = balanced_folding(SMALL, target)
    for (number, layer), chosen in zip(SMALL.numbered(), folding.layers, strict=True):
        cycles = layer_cycles(SMALL, number, chosen)
        options = [
            (simd * pe, layer_cycles(SMALL, number, LayerFolding(simd, pe)))
            for simd in divisors(simd_limit(layer))
            for pe in divisors(layer.output_channels)
        ]
        reaching = [size for size, taken in options if taken <= target]
        if reaching:
            assert cycles <= target
            assert chosen.simd * chosen.pe == min(reaching)
        else:
            assert cycles == min(taken for _, taken in options)
