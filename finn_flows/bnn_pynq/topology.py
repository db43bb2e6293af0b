"""The two shapes of network that BNN-PYNQ has parameters for.

The files hold no shapes, only memories of processing elements; with the shapes known, bit widths
and folding follow from the sizes of the files.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dse.errors import NetworkError
from finn_flows.integer_type import IntegerType
from finn_flows.network import ClassScores, ConvLayer, DenseLayer, MaxPoolLayer, Network, Shape

#: Rows of the last layer and columns of a binary first layer are padded to a multiple of one
#: 64-bit word of the AXI bus.
BUS_BITS = 64


@dataclass(frozen=True)
class LayerGeometry:
    """One weight matrix as it lies in the files.

    ``columns`` counts padding, ``padding_columns`` says how many of the last ones are padding.
    ``simd_limit`` is what SIMD divides: the input channels of a convolution, else the columns.
    ``rows`` is None for the last layer, whose rows are the classes and padding.
    """

    number: int
    rows: int | None
    columns: int
    simd_limit: int
    padding_columns: int = 0


@dataclass(frozen=True)
class BnnPynqTopology:
    """Convolutions (``kernel`` x ``kernel``, stride 1, no padding), then fully connected layers.

    ``conv_channels``: output channels of each convolution; a 2x2 max-pool follows those numbered in
    ``pools_after``. ``hidden_features``: outputs of each fully connected layer but the last, whose
    outputs are the classes. ``binary_input``: a pixel is one bit (LFC), not a fixed-point byte
    (CNV); such a network also has thresholds after its last layer: its result is a bit per class.
    """

    name: str
    input_shape: Shape
    conv_channels: tuple[int, ...]
    pools_after: tuple[int, ...]
    hidden_features: tuple[int, ...]
    binary_input: bool
    kernel: int = 3

    @property
    def layer_count(self) -> int:
        return len(self.conv_channels) + len(self.hidden_features) + 1

    @property
    def input_type(self) -> IntegerType:
        """Bipolar, or a signed byte in units of 1/128 (``ap_fixed<8,1>`` in the hardware)."""
        return IntegerType.bipolar() if self.binary_input else IntegerType.signed(8)

    @property
    def pixel_table(self) -> NDArray[np.int64]:
        """The integer that enters for each value of a pixel, shape (1, 256).

        A pixel p is first p/255*2 - 1. CNV rounds that half up to multiples of 1/128 and saturates
        at 127/128 (``quantiseAndPack``); LFC takes its sign, 0 counting as positive
        (``binarizeAndPack``). Neither inverts: LFC was trained on MNIST, white strokes on black,
        and the notebooks that read black strokes on white paper invert the picture beforehand.
        """
        pixel = np.arange(256, dtype=np.int64)
        if self.binary_input:
            return np.where(pixel >= 128, 1, -1)[None, :].astype(np.int64)
        return np.minimum(pixel - 128 + (pixel >= 128), 127)[None, :]

    def class_scores(self, classes: int) -> ClassScores | None:
        """None for CNV, whose accumulators are the scores.

        LFC gives a bit per class, +1 or -1, and BNN-PYNQ's host answers with the highest class
        whose bit is set, or with class 0 if none is (``testPrebinarized_nolabel_multiple_images``).
        The scale 1, 2, 3, ... gives that class the greatest score.
        """
        if not self.binary_input:
            return None
        return ClassScores(np.arange(1.0, classes + 1.0), np.zeros(classes))

    def geometry(self) -> tuple[LayerGeometry, ...]:
        """Every weight matrix, in order."""
        found: list[LayerGeometry] = []
        height, width, channels = self.input_shape
        for number, outputs in enumerate(self.conv_channels):
            columns = self.kernel * self.kernel * channels
            found.append(LayerGeometry(number, outputs, columns, channels))
            height, width, channels = height - self.kernel + 1, width - self.kernel + 1, outputs
            if number in self.pools_after:
                height, width = height // 2, width // 2
        features = height * width * channels
        for rows in (*self.hidden_features, None):
            padding = -features % BUS_BITS if self.binary_input and not found else 0
            columns = features + padding
            found.append(LayerGeometry(len(found), rows, columns, columns, padding))
            features = 0 if rows is None else rows
        return tuple(found)


#: cnvW1A1, cnvW1A2, cnvW2A2: 32x32 colour pictures (CIFAR-10, SVHN, road signs).
CNV = BnnPynqTopology(
    name="cnv",
    input_shape=(32, 32, 3),
    conv_channels=(64, 64, 128, 128, 256, 256),
    pools_after=(1, 3),
    hidden_features=(512, 512),
    binary_input=False,
)

#: lfcW1A1, lfcW1A2: 28x28 black-and-white pictures (MNIST, characters).
LFC = BnnPynqTopology(
    name="lfc",
    input_shape=(28, 28, 1),
    conv_channels=(),
    pools_after=(),
    hidden_features=(1024, 1024, 1024),
    binary_input=True,
)


def topology_of(network: Network) -> BnnPynqTopology:
    """The topology of a whole network; NetworkError says what the format cannot express."""
    if network.first_layer != 0 or network.pixel_table is None:
        raise NetworkError(
            f"{network.name} is a part of a network", expected="a whole one, for BNN-PYNQ files"
        )
    convolutions: list[ConvLayer] = []
    dense: list[DenseLayer] = []
    pools: list[int] = []
    for position, layer in enumerate(network.layers):
        label = network.label(position)
        if isinstance(layer, MaxPoolLayer):
            number = len(convolutions) - 1
            if (layer.kernel, layer.stride) != (2, 2) or number < 0 or number in pools:
                raise NetworkError(
                    f"{label} of {network.name} does not fit BNN-PYNQ files",
                    expected="one 2x2 max-pool of stride 2, after a convolution",
                )
            pools.append(number)
        elif isinstance(layer, DenseLayer):
            dense.append(layer)
        else:
            if layer.stride != (1, 1) or layer.padding != (0, 0) or layer.groups != 1:
                raise NetworkError(
                    f"{label} of {network.name} does not fit BNN-PYNQ files",
                    expected="stride 1, no padding and one group",
                )
            convolutions.append(layer)
    kernels = {size for layer in convolutions for size in layer.kernel}
    if not dense or len(kernels) > 1 or len(network.input_shape) != 3:
        raise NetworkError(
            f"{network.name} does not fit BNN-PYNQ files",
            expected="a picture, square convolutions of one size, and a fully connected layer",
        )
    topology = BnnPynqTopology(
        name=network.name,
        input_shape=network.input_shape,
        conv_channels=tuple(layer.output_channels for layer in convolutions),
        pools_after=tuple(pools),
        hidden_features=tuple(layer.output_channels for layer in dense[:-1]),
        binary_input=network.input_type.is_bipolar,
        kernel=kernels.pop() if kernels else 3,
    )
    if topology.binary_input and convolutions:
        raise NetworkError(
            f"{network.name} convolves a binary picture", expected="a picture of 8-bit pixels"
        )
    if not topology.binary_input and not convolutions:
        raise NetworkError(
            f"{network.name} has no convolution but reads {network.input_type.name} pixels",
            expected="a binary picture",
        )
    return topology
