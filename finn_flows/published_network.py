"""The network that the paper cut, told by its layers and not by its name."""

from __future__ import annotations

from finn_flows.network import ConvLayer, MaxPoolLayer, Network

#: What the paper and BNN-PYNQ call it.
CNV_W2A2 = "CnvW2A2"
#: After which layer the paper cuts it: its convolutions stay on the first board.
PAPER_SPLIT = 5

_INPUT_SHAPE = (32, 32, 3)
#: Weights of layers 0-7; layer 8 has a row per class, padded to 64 in the published hardware.
_WEIGHTS: tuple[tuple[int, ...], ...] = (
    (64, 3, 3, 3),
    (64, 3, 3, 64),
    (128, 3, 3, 64),
    (128, 3, 3, 128),
    (256, 3, 3, 128),
    (256, 3, 3, 256),
    (512, 256),
    (512, 512),
)
_LAST_INPUTS = 512
_MOST_CLASSES = 64
_POOLS = ("pool1", "pool3")


def is_cnv_w2a2(network: Network) -> bool:
    """Whether ``network`` has exactly the layers of CnvW2A2: shapes, pools, 2-bit weights and
    activations, 8-bit input. Weights, class names and its own name do not matter.
    """
    layers = [layer for _, layer in network.numbered()]
    pools = tuple(
        network.label(position)
        for position, layer in enumerate(network.layers)
        if isinstance(layer, MaxPoolLayer)
    )
    if len(layers) != len(_WEIGHTS) + 1 or pools != _POOLS:
        return False
    *inner, last = layers
    return (
        network.input_shape == _INPUT_SHAPE
        and network.input_type.bits == 8
        and tuple(layer.weights.shape for layer in inner) == _WEIGHTS
        and last.weights.shape[1] == _LAST_INPUTS
        and last.output_channels <= _MOST_CLASSES
        and all(layer.weight_type.bits == 2 for layer in layers)
        and all(layer.output_type.bits == 2 for layer in inner)
        and all(
            (layer.stride, layer.padding, layer.groups) == ((1, 1), (0, 0), 1)
            for layer in layers
            if isinstance(layer, ConvLayer)
        )
    )
