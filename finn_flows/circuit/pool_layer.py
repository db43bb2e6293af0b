"""A max-pool as RTL."""

from __future__ import annotations

from finn_flows.circuit.finn_modules import window_buffer_depth, window_generator
from finn_flows.circuit.layer_circuit import LayerCircuit, Source
from finn_flows.circuit.library import library_sources
from finn_flows.circuit.memory_style import memory_style
from finn_flows.circuit.render import Stage
from finn_flows.circuit.stage_chain import stage_chain
from finn_flows.network import MaxPoolLayer, Network
from reports.devices import Device


def pool_layer_circuit(
    network: Network, position: int, in_width: int, device: Device
) -> LayerCircuit:
    """The circuit of max-pool ``network.layers[position]``.

    ``in_width``: bits of the stream in, whole channels; the pool works on as many at once. Windows
    that do not overlap take one row of maxima, others FINN's window generator.
    """
    label = network.label(position)
    layer = network.layers[position]
    assert isinstance(layer, MaxPoolLayer)
    value_type = network.type_after(position)
    height, width, channels = network.shapes[position]
    pe = in_width // value_type.bits
    common = (
        ("WIDTH_BITS", value_type.bits),
        ("SIGNED", value_type.is_signed and not value_type.is_bipolar),
        ("PE", pe),
        ("CHANNELS", channels),
    )
    stages: list[Stage] = []
    sources: list[Source] = []
    elements = height * width * channels // pe
    if layer.kernel == layer.stride:
        sources += library_sources("maxpool")
        stages.append(
            Stage(
                "maxpool",
                "maxpool",
                in_width,
                in_width,
                (*common, ("HEIGHT", height), ("WIDTH", width), ("KERNEL", layer.kernel)),
            )
        )
        cycles = elements
    else:
        kernel, stride = (layer.kernel, layer.kernel), (layer.stride, layer.stride)
        depth = window_buffer_depth(kernel, channels, width, stride, pe)
        name = f"{label}_swg"
        sources += window_generator(
            name,
            kernel=kernel,
            channels=channels,
            height=height,
            width=width,
            stride=stride,
            simd=pe,
            value_type=value_type,
            ram_style=memory_style(depth, in_width, device),
        )
        stages.append(Stage("swg", name, in_width, in_width, (), True))
        sources += library_sources("window_max")
        window = layer.kernel * layer.kernel
        stages.append(
            Stage("window_max", "window_max", in_width, in_width, (*common, ("WINDOW", window)))
        )
        rows, columns, _ = network.shapes[position + 1]
        cycles = max(elements, rows * columns * window * channels // pe)
    return stage_chain(label, f"layer_{label}", stages, sources, cycles=cycles)
