"""A part of a network as one circuit: unpacker, layers with a FIFO before each, packer."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dse.errors import BuildError
from finn_flows.circuit.compute_layer import compute_layer_circuit, layer_writes
from finn_flows.circuit.layer_circuit import Circuit, LayerCircuit, merged_sources, ordered
from finn_flows.circuit.library import library_sources
from finn_flows.circuit.memory_style import REGISTER_DEPTH, memory_style
from finn_flows.circuit.pool_layer import pool_layer_circuit
from finn_flows.circuit.render import Stage, render
from finn_flows.circuit.stage_chain import stage_chain
from finn_flows.cut import cut_position
from finn_flows.folding import check_folding, simd_limit
from finn_flows.network import MaxPoolLayer
from finn_flows.wire_packing import WORD_BITS, words_per_image
from reports.devices import Device, device_of
from reports.sweep_record import PartName

if TYPE_CHECKING:
    from finn_flows.backends.interface import Part

#: Depth of a FIFO for which none was asked: two registers, which part the handshakes.
SHALLOWEST = 2
#: What the label of a FIFO starts with; the label of the layer behind it follows.
FIFO = "fifo_"


def part_circuit(
    part: Part, fifo_depths: Mapping[str, int] | None = None, *, writeable: bool = True
) -> Circuit:
    """The circuit of ``part``.

    ``fifo_depths``: elements of the FIFO before each layer, by the layer's label (``conv1``); 2
    where none is given. ``writeable``: weights and thresholds are written through s_axilite before
    the first image; else they are fixed in the memories. Raises BuildError naming the layer that
    has no RTL, FoldingError for an illegal folding.
    """
    return layers_circuit(part, *_positions(part), fifo_depths, writeable=writeable)


def layer_alone(part: Part, position: int, fifo_depths: Mapping[str, int] | None = None) -> Circuit:
    """``part.whole.layers[position]`` with its FIFO, between words: to measure it by itself."""
    return layers_circuit(part, position, position + 1, fifo_depths)


def layers_circuit(
    part: Part,
    first: int,
    last: int,
    fifo_depths: Mapping[str, int] | None = None,
    *,
    writeable: bool = True,
) -> Circuit:
    """The circuit of ``part.whole.layers[first:last]``, of any part of the network.

    What the part itself is does not matter; the rest is as in :func:`part_circuit`.
    """
    whole, device = part.whole, device_of(part.device)
    check_folding(whole, part.folding)
    if first == last:
        raise BuildError(f"{part} has no layers: there is nothing to build")
    depths = fifo_depths or {}
    inner: list[LayerCircuit] = []
    width = stream_width(part, first)
    for position in range(first, last):
        label = whole.label(position)
        inner.append(fifo_circuit(label, width, depths.get(label, SHALLOWEST), device))
        inner.append(_layer_circuit(part, position, width, device, writeable))
        width = inner[-1].out_width
    in_type, out_type = whole.type_after(first), whole.type_after(last)
    in_values, out_values = (int(np.prod(whole.shapes[position])) for position in (first, last))
    unpacker = _wire_circuit("unpacker", inner[0].in_width, in_values * in_type.bits)
    packer = _wire_circuit("packer", width, out_values * out_type.bits)
    return _stitched(
        " ".join(whole.label(position) for position in range(first, last)),
        (unpacker, *inner, packer),
        _configuration(part, first, last) if writeable else _NO_WRITES,
        words_per_image(in_values, in_type.bits),
        words_per_image(out_values, out_type.bits),
    )


def stream_width(part: Part, position: int) -> int:
    """Bits of the stream into ``part.whole.layers[position]``: what the layer before it gives.

    The same in every part, so that a layer is the same circuit behind a cut as inside a part.
    """
    whole = part.whole
    bits = whole.type_after(position).bits
    producer = position - 1
    while producer >= 0 and isinstance(whole.layers[producer], MaxPoolLayer):
        producer -= 1
    if producer >= 0:
        return part.folding.layers[_index(part, producer)].pe * bits
    # The picture itself, as wide as the first compute layer takes it. A pool in between passes on
    # what it gets.
    compute = next(
        at for at, layer in enumerate(whole.layers) if not isinstance(layer, MaxPoolLayer)
    )
    simd = part.folding.layers[_index(part, compute)].simd
    layer = whole.layers[compute]
    assert not isinstance(layer, MaxPoolLayer)
    channels = whole.shapes[position][-1]
    return (simd if channels % simd == 0 and simd <= simd_limit(layer) else 1) * bits


def fifo_circuit(label: str, width: int, depth: int, device: Device) -> LayerCircuit:
    """The FIFO before layer ``label``: ``depth`` elements of ``width`` bits.

    Its module is named by what it is, so that equal FIFOs share their synthesis.
    """
    style = "registers" if depth <= REGISTER_DEPTH else memory_style(depth, width, device)
    values = (("WIDTH", width), ("DEPTH", depth), ("RAM_STYLE", style))
    stage = Stage("fifo", "fifo", width, width, values)
    return stage_chain(
        FIFO + label,
        f"fifo_{width}_{depth}_{style}",
        [stage],
        library_sources("fifo"),
        comment=f"FIFO of {depth} elements",
    )


def _layer_circuit(
    part: Part, position: int, width: int, device: Device, writeable: bool
) -> LayerCircuit:
    if isinstance(part.whole.layers[position], MaxPoolLayer):
        return pool_layer_circuit(part.whole, position, width, device)
    folding = part.folding.layers[_index(part, position)]
    return compute_layer_circuit(part.whole, position, folding, width, device, writeable=writeable)


def _wire_circuit(module: str, width: int, image_bits: int) -> LayerCircuit:
    """The unpacker or packer between 64-bit words and elements of ``width`` bits."""
    elements = image_bits // width
    side = "OUT_WIDTH" if module == "unpacker" else "IN_WIDTH"
    values = ((side, width), ("ELEMENTS", elements))
    in_width, out_width = (WORD_BITS, width) if module == "unpacker" else (width, WORD_BITS)
    stage = Stage(module, module, in_width, out_width, values)
    name = f"{module}_{width}_{elements}"
    text = render("wire.sv.j2", module=name, stage=stage, last=module == "packer")
    sources = {**dict(library_sources(module)), f"{name}.sv": text}
    return LayerCircuit(module, name, ordered(sources.items()), in_width, out_width)


def _glue(module: str) -> LayerCircuit:
    """A library module with its parameters as they stand, beside the stream."""
    return LayerCircuit(module, module, library_sources(module), 0, 0)


_NO_WRITES: NDArray[np.uint32] = np.zeros((0, 3), dtype=np.uint32)


def _configuration(part: Part, first: int, last: int) -> NDArray[np.uint32]:
    pieces = [_NO_WRITES]
    for position in range(first, last):
        layer = part.whole.layers[position]
        if isinstance(layer, MaxPoolLayer):
            continue
        index = _index(part, position)
        writes = layer_writes(layer, part.folding.layers[index])
        number = np.full((len(writes), 1), part.whole.first_layer + index, dtype=np.uint32)
        pieces.append(np.concatenate([number, writes], axis=1))
    return np.concatenate(pieces)


def _stitched(
    comment: str,
    layers: tuple[LayerCircuit, ...],
    configuration: NDArray[np.uint32],
    input_words: int,
    output_words: int,
) -> Circuit:
    inner = layers[1:-1]
    streams = ("words unpacked", *(f"from {layer.label}" for layer in inner))
    widths = (layers[0].out_width, *(layer.out_width for layer in inner))
    sources = merged_sources(layers)
    glue = tuple(_glue(module) for module in ("axilite_configuration", "transfer_end"))
    memory_files = tuple(file for layer in layers for file in layer.memory_files)
    digest = hashlib.sha256(repr((sources, memory_files)).encode())
    identity = int.from_bytes(digest.digest()[:4], "big")
    text = render(
        "part.v.j2",
        comment=comment,
        identity=identity,
        inner=inner,
        streams=[
            {"name": name, "width": width} for name, width in zip(streams, widths, strict=True)
        ],
        unpacker=layers[0].module,
        packer=layers[-1].module,
    )
    files = {**dict(sources), **dict(merged_sources(glue)), "part.v": text}
    return Circuit(
        layers,
        glue,
        ordered(files.items()),
        memory_files,
        streams,
        configuration,
        input_words,
        output_words,
        identity,
    )


def _positions(part: Part) -> tuple[int, int]:
    """The part's layers as a range of ``part.whole.layers``."""
    count = len(part.whole.layers)
    if part.cut is None:
        return 0, count
    position = cut_position(part.whole, part.cut)
    return (0, position) if part.name is PartName.FIRST else (position, count)


def _index(part: Part, position: int) -> int:
    """Index in ``part.folding.layers`` of compute layer ``part.whole.layers[position]``."""
    return sum(not isinstance(layer, MaxPoolLayer) for layer in part.whole.layers[:position])
