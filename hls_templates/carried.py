"""What finn-hlslib can carry, in the version for Vivado HLS and in that for Vitis HLS alike."""

from __future__ import annotations

from dse.errors import NetworkError
from finn_flows.integer_type import IntegerType
from finn_flows.network import ComputeLayer, ConvLayer, MaxPoolLayer, Network
from hls_templates.design import KernelDesign

#: The widest ap_uint that both tools allow (UG1399, AP_INT_MAX_W).
WIDEST_WORD = 4096
#: Bits of a weight or an activation up to which the library multiplies as we simulate it.
WIDEST_VALUE = 16


def check_carried(network: Network) -> None:
    """NetworkError, naming the layer, for what one source cannot do with both versions."""
    for position, layer in enumerate(network.layers):
        label = network.label(position)
        shape = network.shapes[position]
        if isinstance(layer, MaxPoolLayer):
            _check_pool(label, layer, shape[0], shape[1])
            continue
        _check_types(network, position, layer, label)
        if isinstance(layer, ConvLayer):
            _check_convolution(label, layer, shape[0], shape[1])


def check_widths(design: KernelDesign) -> None:
    """NetworkError, naming the stream or memory, for words wider than the tools have."""
    words = [(stream.name, stream.bits) for stream in design.streams]
    words += [(memory.variable, memory.bits) for memory in design.memories]
    for name, bits in words:
        if bits > WIDEST_WORD:
            raise NetworkError(
                f"{name} of kernel {design.name} would be {bits} bits wide",
                expected=f"at most {WIDEST_WORD}, the widest ap_uint: a folding with less SIMD "
                "or PE, or with widths that divide each other",
            )


def _check_pool(label: str, layer: MaxPoolLayer, height: int, width: int) -> None:
    if height != width:
        raise NetworkError(
            f"{label} pools {height}x{width}", expected="a square image, for finn-hlslib"
        )
    if layer.stride != layer.kernel or height % layer.kernel:
        raise NetworkError(
            f"{label} pools {height}x{width} by {layer.kernel} with stride {layer.stride}",
            expected="windows that cover the image and do not overlap, for finn-hlslib",
        )


def _check_convolution(label: str, layer: ConvLayer, height: int, width: int) -> None:
    if layer.groups != 1:
        raise NetworkError(f"{label} has {layer.groups} groups", expected="one, for finn-hlslib")
    if layer.padding != (0, 0):
        raise NetworkError(f"{label} pads by {layer.padding}", expected="none, for finn-hlslib")
    rows, columns = layer.kernel
    if height != width or rows != columns or layer.stride[0] != layer.stride[1]:
        raise NetworkError(
            f"{label} convolves {height}x{width} by {rows}x{columns}, stride {layer.stride}",
            expected="squares, for finn-hlslib",
        )
    stride = layer.stride[0]
    if rows % stride or height % stride:
        raise NetworkError(
            f"{label} has stride {stride}",
            expected=f"a divisor of its kernel {rows} and of the image's {height} rows, "
            "for finn-hlslib",
        )


def _check_types(network: Network, position: int, layer: ComputeLayer, label: str) -> None:
    kinds = {"weights": layer.weight_type, "inputs": network.type_after(position)}
    if layer.thresholds is not None:
        kinds["activations"] = layer.output_type
    for what, kind in kinds.items():
        if kind.bits > WIDEST_VALUE:
            raise NetworkError(
                f"{label} has {what} of {kind.bits} bits",
                expected=f"at most {WIDEST_VALUE}, for finn-hlslib",
            )
    if kinds["inputs"] == IntegerType.unsigned(1):
        # The version for Vivado HLS multiplies them as if they were bipolar, and says nothing.
        raise NetworkError(
            f"{label} reads values of {kinds['inputs'].name}",
            expected="bipolar values, or more than one bit, for finn-hlslib",
        )
    if layer.thresholds is None and layer.output_type.is_bipolar:
        raise NetworkError(f"{label} gives bipolar values without thresholds")
