"""Fill and drain are counted on the windows themselves, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finn_flows.folding_table import layer_groups
from finn_flows.network import ConvLayer, MaxPoolLayer, Network
from finn_flows.stream_times import drain_cycles, fill_cycles, pixels_needed
from tests.random_networks import random_cnv, random_network


def last_pixels(network: Network, position: int) -> list[int]:
    """For each pixel of the result in turn, the last pixel of the input that is in its window."""
    layer = network.layers[position]
    height, width = network.shapes[position][:2]
    rows, columns = network.shapes[position + 1][:2]
    if isinstance(layer, MaxPoolLayer):
        kernel, stride, padding = (layer.kernel,) * 2, (layer.stride,) * 2, (0, 0)
    else:
        assert isinstance(layer, ConvLayer)
        kernel, stride, padding = layer.kernel, layer.stride, layer.padding
    found = []
    for row in range(rows):
        for column in range(columns):
            window = [
                at_row * width + at_column
                for at_row in range(row * stride[0] - padding[0], row * stride[0] + kernel[0])
                for at_column in range(column * stride[1] - padding[1], column * stride[1] + 9)
                if at_row < row * stride[0] - padding[0] + kernel[0]
                and at_column < column * stride[1] - padding[1] + kernel[1]
                and 0 <= at_row < height
                and 0 <= at_column < width
            ]
            found.append(max(window))
    return found


@given(
    size=st.tuples(st.integers(6, 9), st.integers(6, 9)),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.sampled_from([(1, 1), (2, 2), (2, 1)]),
    padding=st.sampled_from([(0, 0), (1, 1), (0, 1)]),
)
def test_a_result_needs_all_pixels_up_to_the_last_of_the_windows_so_far(
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
) -> None:
    network = random_network(
        0,
        input_shape=(*size, 2),
        layers=("conv2", "pool"),
        kernel=kernel,
        stride=stride,
        padding=(min(padding[0], kernel[0] - 1), min(padding[1], kernel[1] - 1)),
    )
    for position, layer in enumerate(network.layers):
        needed = np.maximum.accumulate(last_pixels(network, position)) + 1
        assert [
            pixels_needed(layer, network.shapes, position, results)
            for results in range(1, len(needed) + 1)
        ] == needed.tolist()


def test_cnv_fills_by_windows_through_pools_and_dense_layers_wait_for_all() -> None:
    """Layer 1's first window ends at pixel 2 * 30 + 3; layer 2's takes pooled pixel 2 * 14 + 3,
    which takes pixel 5 * 28 + 6 of layer 1; a fully connected layer takes everything."""
    network = random_cnv(0)
    one = np.array([900 * 784 * 100 * 1])
    shares = [
        float(fill_cycles(network, positions, one)[0] / one[0])
        for positions in layer_groups(network)
    ]
    assert shares[:4] == pytest.approx([63 / 900, 146 / 784, 27 / 144, 56 / 100])
    assert shares[4:] == [1.0] * 5


def test_what_is_left_after_the_last_pixel_is_the_windows_that_it_is_in() -> None:
    network = random_cnv(0)
    groups = layer_groups(network)
    # One window of layer 0, and the only one of layer 5, at the published folding.
    assert drain_cycles(network, groups[0], np.array([64800])) == [72]
    assert drain_cycles(network, groups[5], np.array([73728])) == [73728]
    padded = random_network(0, input_shape=(8, 8, 2), layers=("conv2", "conv2"), padding=(1, 1))
    # The last pixel is first in the window of (6, 6): two results of that row, and all of the last.
    late = sum(np.maximum.accumulate(last_pixels(padded, 1)) == 63)
    assert late == 10
    assert drain_cycles(padded, layer_groups(padded)[1], np.array([6400])) == [late * 100]
