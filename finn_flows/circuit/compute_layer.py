"""A convolution or fully connected layer as RTL: converter, padding, window generator, MVAU."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dse.errors import BuildError
from finn_flows.circuit.finn_modules import image_padding, window_buffer_depth, window_generator
from finn_flows.circuit.layer_circuit import LayerCircuit, Source
from finn_flows.circuit.library import library_sources
from finn_flows.circuit.memory_contents import (
    memory_file,
    threshold_lines,
    threshold_writes,
    weight_lines,
    weight_writes,
)
from finn_flows.circuit.memory_style import memory_style
from finn_flows.circuit.render import Stage
from finn_flows.circuit.stage_chain import stage_chain
from finn_flows.folding import LayerFolding, layer_cycles
from finn_flows.integer_type import IntegerType
from finn_flows.network import ComputeLayer, ConvLayer, MaxPoolLayer, Network
from reports.devices import Device

#: Inputs of the register file of FINN's padding module.
_PADDING_REGISTER_INPUTS = (
    *("AWVALID", "AWADDR", "WVALID", "WDATA", "WSTRB", "BREADY"),
    *("ARVALID", "ARADDR", "RREADY"),
)


@dataclass(frozen=True)
class WeightCodes:
    """How a layer's weights are stored: bits of one, and whether a single bit means -1 or +1."""

    bits: int
    bipolar: bool
    narrow: bool

    @classmethod
    def of(cls, weight_type: IntegerType) -> WeightCodes:
        """The codes of a weight type; an unsigned one takes a bit more, for the sign."""
        if weight_type.is_bipolar:
            return cls(1, True, True)
        if not weight_type.is_signed:
            return cls(weight_type.bits + 1, False, True)
        return cls(weight_type.bits, False, _is_narrow(weight_type))


def compute_layer_circuit(
    network: Network,
    position: int,
    folding: LayerFolding,
    in_width: int,
    device: Device,
    *,
    writeable: bool,
) -> LayerCircuit:
    """The circuit of compute layer ``network.layers[position]``.

    ``in_width``: bits of the stream that the layer before gives. Raises BuildError, naming the
    layer, for one that the RTL library has no circuit for.
    """
    label = network.label(position)
    layer = network.layers[position]
    assert not isinstance(layer, MaxPoolLayer)
    value_type = network.type_after(position)
    _check(layer, label, value_type)
    width = folding.simd * value_type.bits
    stages: list[Stage] = []
    sources: list[Source] = []
    if in_width != width:
        stages.append(
            Stage(
                "converter",
                "dwc",
                in_width,
                width,
                (("IN_WIDTH", in_width), ("OUT_WIDTH", width)),
            )
        )
        sources += library_sources("dwc")
    if isinstance(layer, ConvLayer):
        for stage, files in _windows(network, position, layer, folding.simd, device):
            stages.append(stage)
            sources += files
    mvau, memory_files = _mvau(network, position, folding, device, writeable)
    stages.append(mvau)
    sources += library_sources("mvau")
    number = next(n for n, _ in network.numbered() if network.position_of(n) == position)
    return stage_chain(
        label,
        f"layer_{label}",
        stages,
        sources,
        cycles=max(
            layer_cycles(network, number, folding), _elements_in(network, position, folding)
        ),
        memory_files=memory_files,
        number=number,
    )


def layer_writes(layer: ComputeLayer, folding: LayerFolding) -> NDArray[np.uint32]:
    """Configuration writes (writes, 2), address and data, that fill a layer's memories."""
    codes = WeightCodes.of(layer.weight_type)
    lines = weight_lines(
        _matrix(layer), folding.simd, folding.pe, codes.bits, bipolar=codes.bipolar
    )
    writes = [weight_writes(lines)]
    if layer.thresholds is not None:
        writes.append(threshold_writes(layer.thresholds, folding.pe))
    return np.concatenate(writes)


def _elements_in(network: Network, position: int, folding: LayerFolding) -> int:
    """Elements that a layer reads for one image, padding included: one a cycle at most.

    More than the folding's cycles only where a stride skips most of the image.
    """
    layer, shape = network.layers[position], network.shapes[position]
    if not isinstance(layer, ConvLayer):
        return int(np.prod(shape)) // folding.simd
    height, width, channels = shape
    vertical, horizontal = layer.padding
    return (height + 2 * vertical) * (width + 2 * horizontal) * channels // folding.simd


def _windows(
    network: Network, position: int, layer: ConvLayer, simd: int, device: Device
) -> list[tuple[Stage, tuple[Source, ...]]]:
    """Padding, where there is any, and window generator, where a window is more than a pixel."""
    label = network.label(position)
    value_type = network.type_after(position)
    height, columns, channels = network.shapes[position]
    width = simd * value_type.bits
    found = []
    if layer.padding != (0, 0):
        name = f"{label}_padding"
        files = image_padding(
            name,
            height=height,
            width=columns,
            channels=channels,
            padding=layer.padding,
            simd=simd,
            value_type=value_type,
        )
        # Its register file is for changing the image size at run time, which we do not.
        tied = tuple((f"s_axilite_{port}", "'0") for port in _PADDING_REGISTER_INPUTS)
        found.append((Stage("padding", name, width, width, (), True, False, tied), files))
        height, columns = height + 2 * layer.padding[0], columns + 2 * layer.padding[1]
    if layer.kernel != (1, 1) or layer.stride != (1, 1):
        name = f"{label}_swg"
        depth = window_buffer_depth(layer.kernel, channels, columns, layer.stride, simd)
        files = window_generator(
            name,
            kernel=layer.kernel,
            channels=channels,
            height=height,
            width=columns,
            stride=layer.stride,
            simd=simd,
            value_type=value_type,
            ram_style=memory_style(depth, width, device),
        )
        found.append((Stage("swg", name, width, width, (), True), files))
    return found


def _mvau(
    network: Network, position: int, folding: LayerFolding, device: Device, writeable: bool
) -> tuple[Stage, tuple[Source, ...]]:
    """The matrix vector activation unit, and its memory files where the weights are fixed."""
    label = network.label(position)
    layer = network.layers[position]
    assert not isinstance(layer, MaxPoolLayer)
    value_type, result = network.type_after(position), layer.output_type
    matrix = _matrix(layer)
    height, columns = matrix.shape
    simd, pe = folding.simd, folding.pe
    synapse, neuron = columns // simd, height // pe
    codes = WeightCodes.of(layer.weight_type)
    least, greatest = network.accumulator_range(position)
    steps = 0 if layer.thresholds is None else int(layer.thresholds.shape[1])
    # A threshold that is never reached lies one above the greatest accumulator.
    accumulator = IntegerType.covering(min(least, 0), max(greatest, 0) + (1 if steps else 0)).bits
    weight_style = (
        memory_style(synapse * neuron, simd * codes.bits, device)
        if folding.weight_memory == "auto"
        else folding.weight_memory
    )
    memory_files: dict[str, str] = {}
    if not writeable:
        lines = weight_lines(matrix, simd, pe, codes.bits, bipolar=codes.bipolar)
        memory_files[f"{label}_weights.mem"] = memory_file(lines)
        if layer.thresholds is not None:
            memory_files[f"{label}_thresholds.mem"] = memory_file(
                threshold_lines(layer.thresholds, pe, accumulator)
            )
    stage = Stage(
        "mvau",
        "mvau",
        simd * value_type.bits,
        pe * result.bits,
        (
            ("MW", columns),
            ("MH", height),
            ("SIMD", simd),
            ("PE", pe),
            ("ACTIVATION_WIDTH", value_type.bits),
            ("SIGNED_ACTIVATIONS", value_type.is_signed and not value_type.is_bipolar),
            ("NARROW_ACTIVATIONS", _is_narrow(value_type)),
            ("BIPOLAR_ACTIVATIONS", value_type.is_bipolar),
            ("WEIGHT_WIDTH", codes.bits),
            ("BIPOLAR_WEIGHTS", codes.bipolar),
            ("NARROW_WEIGHTS", codes.narrow),
            ("ACCU_WIDTH", accumulator),
            ("THRESHOLDS", steps),
            ("OUTPUT_WIDTH", result.bits),
            ("OUTPUT_BIAS", 0 if result.is_bipolar else result.minimum if steps else 0),
            ("WEIGHT_RAM_STYLE", weight_style),
            (
                "THRESHOLD_RAM_STYLE",
                memory_style(neuron, pe * max(steps, 1) * accumulator, device),
            ),
            (
                "INPUT_RAM_STYLE",
                "registers"
                if synapse == 1
                else memory_style(synapse, simd * value_type.bits, device),
            ),
            ("RUNTIME_WRITEABLE_WEIGHTS", writeable),
            ("WEIGHTS_FILE", "" if writeable else f"{label}_weights.mem"),
            ("THRESHOLDS_FILE", "" if writeable or not steps else f"{label}_thresholds.mem"),
        ),
        configured=True,
    )
    return stage, tuple(sorted(memory_files.items()))


def _matrix(layer: ComputeLayer) -> NDArray[np.integer]:
    """Weights as (MH, MW); a column is (kernel row, kernel column, channel), channel fastest."""
    return layer.weights.reshape(layer.weights.shape[0], -1)


def _is_narrow(values: IntegerType) -> bool:
    """Whether they are signed and never the most negative code."""
    least = -(2 ** (values.bits - 1))
    return values.is_signed and not values.is_bipolar and values.minimum > least


def _check(layer: ComputeLayer, label: str, value_type: IntegerType) -> None:
    if isinstance(layer, ConvLayer) and layer.groups != 1:
        raise BuildError(
            f"{label} is a depthwise convolution, for which there is no RTL",
            expected="a convolution over all channels",
        )
    if isinstance(layer, ConvLayer) and any(
        padding >= kernel for padding, kernel in zip(layer.padding, layer.kernel, strict=True)
    ):
        # Its first window needs no pixel: it would be computed before the weights are written.
        raise BuildError(
            f"{label} pads by {layer.padding} for windows of {layer.kernel}, for which there is "
            "no RTL",
            expected="less padding than window, so that every window has a pixel",
        )
    if not value_type.is_bipolar and value_type.step != 1:
        raise BuildError(f"{label} reads values of {value_type.name}, for which there is no RTL")
