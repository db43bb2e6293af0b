"""What Yosys wrote does what its source does, cycle for cycle: one layer of each kind."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from finn_flows.backends.interface import Part
from finn_flows.circuit.compute_layer import layer_writes
from finn_flows.circuit.layer_circuit import LayerCircuit
from finn_flows.circuit.library import library_sources
from finn_flows.circuit.part_circuit import part_circuit
from finn_flows.folding import Folding, LayerFolding, published_folding
from finn_flows.network import MaxPoolLayer, Network
from finn_flows.synthesis.cache import cached_synthesis
from finn_flows.synthesis.design import Design
from finn_flows.tool_process import Limits
from finn_flows.weights import load_weights
from reports.sweep_record import PartName
from tests.finn_flows.synthesis.netlist_bench import Comparison, Pair, compare
from tests.finn_flows.synthesis.small_designs import DEVICE
from tests.random_networks import random_network


def part(network: Network, folding: Folding) -> Part:
    return Part(network, PartName.WHOLE, None, folding, DEVICE, 100.0)


def pair_of(name: str, layer: LayerCircuit, within: Part | None = None) -> Pair:
    """``layer`` and its netlist; ``within``: the part whose weights are written into it."""
    design = Design(layer.module, layer.sources, layer.memory_files, DEVICE)
    made = cached_synthesis(design, Limits())
    writes = None
    if within is not None:
        position = [within.network.label(at) for at in range(len(within.network.layers))].index(
            layer.label
        )
        found = within.network.layers[position]
        assert not isinstance(found, MaxPoolLayer)
        assert layer.number is not None
        writes = layer_writes(found, within.folding.layers[layer.number])
        if layer.memory_files:
            writes = writes[:0]
    return Pair(
        name,
        design,
        made.netlist.read_text(),
        tuple(made.cells),
        layer.in_width,
        layer.out_width,
        writes,
        has_last=layer.label == "packer",
    )


def converter(in_width: int, out_width: int) -> LayerCircuit:
    """A width converter alone."""
    module = f"converter_{in_width}_{out_width}"
    pins = ("ap_clk", "ap_rst_n", *(f"{s}_V_T{p}" for s in ("in0", "out0") for p in _PINS))
    text = f"""
module {module} (
    input  logic ap_clk, ap_rst_n,
    input  logic [{in_width - 1}:0] in0_V_TDATA,
    input  logic in0_V_TVALID,
    output logic in0_V_TREADY,
    output logic [{out_width - 1}:0] out0_V_TDATA,
    output logic out0_V_TVALID,
    input  logic out0_V_TREADY
);
    dwc #(.IN_WIDTH({in_width}), .OUT_WIDTH({out_width})) dwc ({", ".join(f".{p}" for p in pins)});
endmodule
"""
    sources = (*library_sources("dwc"), (f"{module}.sv", text))
    return LayerCircuit("converter", module, sources, in_width, out_width)


_PINS = ("DATA", "VALID", "READY")


def with_one_bit_changed(pair: Pair, name: str, kind: str) -> Pair:
    """``pair`` with the lowest bit of a table of the first cell of a kind (a LUT, ...) flipped."""

    def flipped(match: re.Match[str]) -> str:
        known = match[2].rstrip("x")
        return match[1] + known[:-1] + format(int(known[-1], 16) ^ 1, "x") + match[2][len(known) :]

    text, count = re.subn(
        rf"({kind} #\(.*?\.INIT(?:_00)?\(\d+'[hb])([0-9a-fx]+)",
        flipped,
        pair.netlist,
        count=1,
        flags=re.DOTALL,
    )
    assert count == 1
    return replace(pair, name=name, netlist=text)


def check(results: dict[str, Comparison], least: int) -> None:
    """No pair differs, and at least so many elements went in and came out of each."""
    for name, result in results.items():
        assert result.difference is None, f"{name} differs in cycle {result.difference}"
        assert min(result.elements_in, result.elements_out) >= least, f"{name}: {result}"


def renamed(layer: LayerCircuit, module: str) -> LayerCircuit:
    """The same layer under another module name, so that both fit into one model."""
    sources = tuple(
        (name.replace(layer.module, module), re.sub(rf"\b{layer.module}\b", module, text))
        for name, text in layer.sources
    )
    return replace(layer, module=module, sources=sources)


def test_small_layers_without_windows(tmp_path: Path) -> None:
    network = random_network(
        3, input_shape=(5, 6, 4), layers=("conv6", "pool", "dense5"), kernel=(1, 1)
    )
    folding = Folding("small", (LayerFolding(4, 3, "block"), LayerFolding(2, 5, "distributed")))
    small = part(network, folding)
    layers = {layer.label: layer for layer in part_circuit(small).layers}
    fixed = {layer.label: layer for layer in part_circuit(small, writeable=False).layers}
    pairs = {
        "block": pair_of("block", layers["conv0"], small),
        "luts": pair_of("luts", layers["dense1"], small),
        "fixed": pair_of("fixed", renamed(fixed["conv0"], "fixed_conv0"), small),
        "pool": pair_of("pool", layers["pool0"]),
        "packer": pair_of("packer", layers["packer"]),
        "unpacker": pair_of("unpacker", layers["unpacker"]),
        "converter": pair_of("converter", converter(6, 10)),
    }
    assert {"RAMB18E1", "RAMB36E1"} & {*pairs["block"].kinds}
    assert {"RAMB18E1", "RAMB36E1"} & {*pairs["fixed"].kinds}
    assert {"RAM32M", "RAM64M", "RAM64X1S"} & {*pairs["luts"].kinds}
    altered = [
        with_one_bit_changed(pairs["converter"], "altered_lut", "LUT[3-6]"),
        with_one_bit_changed(pairs["fixed"], "altered_block", "RAMB(?:18|36)E1"),
    ]
    results = compare([*pairs.values(), *altered], tmp_path, cycles=3000)
    for pair in altered:
        assert results.pop(pair.name).difference is not None, pair.name
    check(results, 50)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_layers_of_the_published_network(tmp_path: Path, seed: int) -> None:
    """CnvW2A2 as published: weights of conv1 in LUTs, those of conv2 and dense6 in blocks."""
    network = load_weights(None, None).network
    whole = part(network, published_folding(network))
    layers = {layer.label: layer for layer in part_circuit(whole).layers}
    computing = [
        pair_of(label, layers[label], whole) for label in ("conv0", "conv1", "conv2", "dense6")
    ]
    passing = [
        pair_of(label, layers[label])
        for label in ("unpacker", "pool1", "pool3", "packer", "fifo_conv3")
    ]
    kinds = {pair.name: {*pair.kinds} for pair in computing}
    assert {"RAM64M", "RAM64X1S", "RAM64X1D", "RAM32M"} & kinds["conv1"]
    assert "RAMB36E1" not in kinds["conv1"]
    assert "RAMB36E1" in kinds["conv2"]
    # conv2 gives its first element after three rows of 14 x 4 elements and 36 cycles.
    results = compare(
        [*computing, *passing, pair_of("converter", converter(24, 10))],
        tmp_path,
        cycles=6000,
        seed=seed,
    )
    check(results, 40)


#: width, depth, whether one address serves reading and writing, what a written address reads
MEMORIES = [
    (1, 65536, False, "old"),
    (1, 16384, False, "old"),
    (2, 8192, False, "old"),
    (4, 4096, False, "old"),
    (9, 2048, False, "old"),
    (18, 1024, False, "old"),
    (36, 512, False, "old"),
    (36, 1024, False, "old"),
    (72, 512, False, "old"),
    (20, 1024, False, "new"),
    (9, 2048, True, "old"),
    (18, 2048, True, "new"),
    (36, 1024, True, "kept"),
]


def block_memory(width: int, depth: int, shared: bool, written: str) -> LayerCircuit:
    """A block memory as a stream: {write, write address, read address, data} in, what is read out.

    Its contents at power-up are random.
    """
    bits = (depth - 1).bit_length()
    module = f"memory_{width}_{depth}_{int(shared)}_{written}"
    in_width = 1 + 2 * bits + width
    read = "write_address" if shared else "read_address"
    held = {
        "old": "value <= memory[R];",
        "new": "value <= write && write_address == R ? data : memory[R];",
        "kept": "if (!write) value <= memory[R];",
    }[written].replace("R", read)
    text = f"""
module {module} (
    input  logic ap_clk, ap_rst_n,
    input  logic [{in_width - 1}:0] in0_V_TDATA,
    input  logic in0_V_TVALID,
    output logic in0_V_TREADY,
    output logic [{width - 1}:0] out0_V_TDATA,
    output logic out0_V_TVALID,
    input  logic out0_V_TREADY
);
    (* ram_style = "block" *) logic [{width - 1}:0] memory[{depth}];
    initial $readmemh("{module}.hex", memory);
    logic [{bits - 1}:0] write_address, read_address;
    logic [{width - 1}:0] data, value;
    logic write, valid;
    assign {{write, write_address, read_address, data}} = in0_V_TDATA;
    assign in0_V_TREADY = !valid || out0_V_TREADY;
    assign out0_V_TVALID = valid;
    assign out0_V_TDATA = value;
    always_ff @(posedge ap_clk) begin
        if (!ap_rst_n) valid <= 1'b0;
        else if (in0_V_TREADY) valid <= in0_V_TVALID;
        if (in0_V_TREADY && in0_V_TVALID && ap_rst_n) begin
            if (write) memory[write_address] <= data;
            {held}
        end
    end
endmodule
"""
    generator = np.random.default_rng(width * depth)
    contents = generator.integers(0, 2, (depth, width))
    lines = "".join(f"{int(''.join(map(str, row)), 2):x}\n" for row in contents)
    return LayerCircuit(
        module,
        module,
        ((f"{module}.sv", text),),
        in_width,
        width,
        memory_files=((f"{module}.hex", lines),),
    )


@pytest.mark.slow
def test_block_memories_of_every_width(tmp_path: Path) -> None:
    """That the model of a block RAM and Yosys agree on every form of one, contents included."""
    layers = [block_memory(*memory) for memory in MEMORIES]
    pairs = [pair_of(layer.label, layer) for layer in layers]
    for pair in pairs:
        assert {"RAMB18E1", "RAMB36E1"} & {*pair.kinds}, pair.name
    # Two cells of which one hands its data on to the other.
    assert 'RAM_EXTENSION_A("UPPER")' in pairs[0].netlist
    check(compare(pairs, tmp_path, cycles=20000), 5000)
