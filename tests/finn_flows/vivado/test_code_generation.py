"""FINN's own code for every part of every split, and the vendor's scripts over it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from finn_flows.backends.interface import Part
from finn_flows.cut import Cut, cut_tensor
from finn_flows.network import MaxPoolLayer
from finn_flows.vivado.hls_blocks import code_folder
from finn_flows.vivado.implementation_reports import PROJECT
from reports.sweep_record import PartName
from tests.fakes.vendor_tools import VendorTools
from tests.finn_flows.vivado.generated_code import nodes, thresholds_in_header, weights_in_memory
from tests.finn_flows.vivado.parts import DEVICE, built, network, part_of

# A small network's code is generated in the quick tests of the backend.
pytestmark = pytest.mark.slow

_CLOCK_MHZ = 142.8


def every_part() -> list[Any]:
    """Both parts of every split."""
    return [
        pytest.param(Cut(split), name, id=f"split{split}-{name.value}")
        for split in range(8)
        for name in (PartName.FIRST, PartName.SECOND)
    ]


@pytest.mark.parametrize(("cut", "name"), every_part())
def test_finn_generates_every_part_and_the_tools_take_it(
    cut: Cut, name: PartName, vendor_tools: VendorTools, tmp_path: Path, cache: Path
) -> None:
    part = part_of(cut, name, _CLOCK_MHZ)
    overlay = built(part, tmp_path / "build", conv1=64, pool1=32, conv4=512)
    assert overlay.fits
    found = list(nodes(tmp_path / "build"))
    assert_every_node_has_its_block(found)
    assert_every_layer_is_there(part, found)
    assert_memories_hold_the_network(part, found)
    assert_stream_at_the_cut_is_dense(part, found)
    assert_fifos_are_where_they_were_asked_for(part, found)
    assert_scripts_are_for_this_clock_and_part(vendor_tools)
    assert_ports_and_addresses(vendor_tools, overlay.project)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SPLIT_DSE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def assert_every_node_has_its_block(found: list[Any]) -> None:
    from qonnx.custom_op.registry import getCustomOp

    assert len({node.name for node in found}) == len(found)
    for node in found:
        custom = getCustomOp(node)
        block = Path(custom.get_nodeattr("ip_path"))
        written = {file.suffix for file in block.rglob("*") if file.is_file()}
        assert written & {".v", ".sv"}, node.name
        if node.op_type.endswith("_hls"):
            assert (block / "component.xml").is_file(), node.name
            assert custom.get_nodeattr("ip_vlnv") == f"xilinx.com:hls:{node.name}:1.0"


def assert_every_layer_is_there(part: Part, found: list[Any]) -> None:
    computing = [
        node.doc_string for node in found if node.op_type.split("_")[0] in ("MVAU", "Pool")
    ]
    layers = part.network
    assert computing == [layers.label(position) for position in range(len(layers.layers))]


def assert_memories_hold_the_network(part: Part, found: list[Any]) -> None:
    layers = {
        part.network.label(position): layer for position, layer in enumerate(part.network.layers)
    }
    checked = 0
    for node in found:
        if node.op_type != "MVAU_hls":
            continue
        layer = layers[node.doc_string]
        assert not isinstance(layer, MaxPoolLayer)
        folding = part.folding.layers[
            int(node.doc_string.removeprefix("conv").removeprefix("dense"))
        ]
        expected = layer.weights.reshape(layer.weights.shape[0], -1)
        stored = weights_in_memory(node, folding, expected.shape[1])
        np.testing.assert_array_equal(stored, expected)
        if layer.thresholds is None:
            assert not (code_folder(node) / "thresh.h").exists()
        else:
            thresholds, bits = thresholds_in_header(node, folding.pe)
            np.testing.assert_array_equal(thresholds, layer.thresholds)
            # One more than an accumulator of this layer takes, and no 33.
            assert bits <= int(np.abs(expected).sum(axis=1).max() * 128).bit_length() + 2
        checked += 1
    assert checked == len([1 for layer in layers.values() if not isinstance(layer, MaxPoolLayer)])


def assert_stream_at_the_cut_is_dense(part: Part, found: list[Any]) -> None:
    """The DMA at the cut moves words of 64 bits, as many as the wire has and no more."""
    from qonnx.custom_op.registry import getCustomOp

    assert part.cut is not None
    side = "output" if part.name is PartName.FIRST else "input"
    (node,) = [node for node in found if node.name == f"{side}_IODMA_hls"]
    dma = getCustomOp(node)
    assert (dma.get_nodeattr("streamWidth"), dma.get_nodeattr("intfWidth")) == (64, 64)
    shape = [*dma.get_nodeattr("numInputVectors"), dma.get_nodeattr("NumChannels")]
    assert dma.get_nodeattr("dataType") == "UINT8"
    assert int(np.prod(shape)) == cut_tensor(part.whole, part.cut).bytes_per_image


def assert_fifos_are_where_they_were_asked_for(part: Part, found: list[Any]) -> None:
    from qonnx.custom_op.registry import getCustomOp

    labels = [part.network.label(position) for position in range(len(part.network.layers))]
    depths = {
        node.doc_string: getCustomOp(node).get_nodeattr("depth")
        for node in found
        if node.op_type == "StreamingFIFO_rtl" and node.doc_string in labels[1:]
    }
    asked = {"conv1": 64, "pool1": 32, "conv4": 512}
    assert depths == {label: depth for label, depth in asked.items() if label in labels[1:]}


def assert_scripts_are_for_this_clock_and_part(tools: VendorTools) -> None:
    periods = {float(words[words.index("-period") + 1]) for words in tools.commands("create_clock")}
    assert periods == {1000 / _CLOCK_MHZ}
    assert {words[1] for words in tools.commands("set_part")} == {DEVICE}
    projects = tools.commands("create_project")
    assert {words[words.index("-part") + 1] for words in projects} == {DEVICE}
    settings = [" ".join(words) for words in tools.commands("set_property")]
    assert [line for line in settings if "CLKOUT1_REQUESTED_OUT_FREQ 142.8 " in line]
    frequencies = {
        line.split()[2] for line in settings if line.startswith("set_property CONFIG.FREQ_HZ")
    }
    assert frequencies == {"142800000"}
    assert [line for line in settings if "board_part www.digilentinc.com:pynq-z1:part0:1.0" in line]


def assert_ports_and_addresses(tools: VendorTools, project: Path) -> None:
    """Both DMA on the one memory port, their registers side by side where drivers look for them."""
    wires = [" ".join(words[1:]) for words in tools.commands("connect_bd_intf_net")]
    for number, dma in enumerate(("idma0", "odma0")):
        assert f"/{dma}/m_axi_gmem0 /smartconnect_0/S{number:02d}_AXI" in _plain(wires)
        assert f"/{dma}/s_axi_control_0 /axi_interconnect_0/M{number:02d}_AXI" in _plain(wires)
    assert "/smartconnect_0/M00_AXI /zynq_ps/S_AXI_HP0" in _plain(wires)
    assert "/idma0/m_axis_0" in " ".join(_plain(wires))
    given = [words for words in tools.commands("assign_bd_address") if "-offset" in words]
    offsets = [int(words[words.index("-offset") + 1], 0) for words in given]
    assert offsets[:1] == [0x40000000]
    assert len(offsets) == 2
    assert offsets[0] < offsets[1]
    assert (project / f"{PROJECT}.xpr").is_file()


def _plain(wires: list[str]) -> list[str]:
    return [
        " ".join(
            f"/{word.lstrip('/')}" for word in wire.split() if not word.startswith("-")
        ).replace("/upper ", "")
        for wire in wires
    ]


def test_the_code_of_a_layer_is_the_same_in_every_part(
    vendor_tools: VendorTools, tmp_path: Path, cache: Path
) -> None:
    """So HLS runs once for it, whatever is built: the DMA at the cut alone are others'."""
    built(part_of(Cut(0), PartName.FIRST), tmp_path / "first")
    steps = vendor_tools.steps()
    assert steps["vitis_hls", "csynth", "conv0_MVAU_hls"] == 1
    vendor_tools.forget()
    built(part_of(Cut(1), PartName.FIRST), tmp_path / "second")
    again = {design for tool, step, design in vendor_tools.steps() if step == "csynth"}
    assert again == {"conv1_MVAU_hls", "pool1_Pool_hls", "output_IODMA_hls"}


def test_the_driver_packs_what_crosses_the_cut_as_the_wire_does(
    vendor_tools: VendorTools, tmp_path: Path, cache: Path
) -> None:
    from finn.util.data_packing import finnpy_to_packed_bytearray
    from qonnx.core.datatype import DataType

    from finn_flows.vendor.kept_steps import KeptSteps
    from tests.finn_flows.vivado.parts import build_of

    part = part_of(Cut(0), PartName.FIRST)
    with KeptSteps(tmp_path / "build") as steps:
        build = build_of(part, steps)
        folder = build.driver(build.overlay())
    told = json.loads((folder / "settings.json").read_text())["driver_information"]
    shapes = told["io_shape_dict"]
    assert told["fclk_mhz"] == pytest.approx(100.0)
    assert (shapes["idma_names"], shapes["odma_names"]) == (["idma0"], ["odma0"])
    tensor = cut_tensor(network(), Cut(0))
    assert tuple(shapes["oshape_normal"][0]) == (1, *tensor.shape)
    values = np.random.default_rng(6).integers(-1, 2, (1, *tensor.shape))
    packed = finnpy_to_packed_bytearray(
        values.reshape(shapes["oshape_folded"][0]).astype(np.float32),
        DataType[shapes["odt"][0].split("'")[1]],
        reverse_endian=True,
        reverse_inner=True,
    )
    assert packed.astype(np.uint8).tobytes() == tensor.pack(values).tobytes()
