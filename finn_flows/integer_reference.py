"""The reference: what a network computes, on integers, with nothing but numpy.

Every other way of running a network is compared with this one.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from dse.errors import NetworkError
from finn_flows.network import ConvLayer, DenseLayer, MaxPoolLayer, Network


def run_integers(network: Network, tensor: NDArray[np.integer]) -> NDArray[np.int32]:
    """Run a batch: integers (images, *input_shape) to int32 (images, *output_shape)."""
    if tuple(tensor.shape[1:]) != network.input_shape:
        raise NetworkError(
            f"{network.name} was given images of shape {tuple(tensor.shape[1:])}",
            expected=f"{network.input_shape}",
        )
    current = tensor.astype(np.int32)
    for position, layer in enumerate(network.layers):
        if isinstance(layer, MaxPoolLayer):
            current = _max_pool(current, layer)
            continue
        least, greatest = network.accumulator_range(position)
        # BLAS works in floating point; it is exact while every partial sum is below the mantissa.
        # A partial sum is bounded by the range too, since each term moves it monotonically.
        exact = np.float32 if max(-least, greatest) < 2**24 else np.float64
        if isinstance(layer, DenseLayer):
            flat = current.reshape(len(current), -1).astype(exact)
            accumulator = flat @ layer.weights.T.astype(exact)
        else:
            accumulator = _convolve(current.astype(exact), layer)
        current = accumulator.astype(np.int32)
        if layer.thresholds is not None:
            count = np.zeros(current.shape, dtype=np.int32)
            for step in range(layer.thresholds.shape[1]):
                count += current >= layer.thresholds[:, step]
            current = layer.output_type.minimum + layer.output_type.step * count
    return current


def _convolve(image: NDArray[np.floating], layer: ConvLayer) -> NDArray[np.floating]:
    """(images, height, width, channels) to accumulators (images, rows, columns, channels)."""
    vertical, horizontal = layer.padding
    padded = np.pad(image, ((0, 0), (vertical, vertical), (horizontal, horizontal), (0, 0)))
    windows = sliding_window_view(padded, layer.kernel, axis=(1, 2))
    windows = windows[:, :: layer.stride[0], :: layer.stride[1]]  # (n, r, c, channel, kh, kw)
    weights = layer.weights.astype(image.dtype)
    if layer.groups > 1:
        per_channel = weights.shape[0] // layer.groups
        split = weights[..., 0].reshape(layer.groups, per_channel, *layer.kernel)
        product = np.einsum("nrcghw,gmhw->nrcgm", windows, split)
        return product.reshape(*product.shape[:3], -1)
    rows = windows.transpose(0, 1, 2, 4, 5, 3)
    images, height, width = rows.shape[:3]
    matrix = np.ascontiguousarray(rows).reshape(images * height * width, -1)
    return (matrix @ weights.reshape(weights.shape[0], -1).T).reshape(images, height, width, -1)


def _max_pool(image: NDArray[np.int32], layer: MaxPoolLayer) -> NDArray[np.int32]:
    windows = sliding_window_view(image, (layer.kernel, layer.kernel), axis=(1, 2))
    return windows[:, :: layer.stride, :: layer.stride].max(axis=(-2, -1))
