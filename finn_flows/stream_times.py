"""How long layers that stream wait for each other, from the geometry of their windows.

Pixels come in rows, from the top. A layer can give its first result when the last pixel of its
first window is there, and has this much left to do when the last pixel of the image is: the
windows that this pixel is in. Between, it is as quick as its folding makes it. So two times of a
folded layer tell when an image is through a part, beside its cycles per image:

*fill*: from its first result until the layer behind it can give one. Of the ``pixels`` that it
gives in ``cycles`` the next layer needs the first *n*: those up to the last of its first window
(through the pools between), all of them if it is fully connected. ``fill = cycles * n / pixels``.

*drain*: from the last of its input to its last result. That pixel is in the last *m* windows, for
each of which it takes ``cycles / pixels``: ``drain = cycles * m / pixels``.

What is left out: that the first pass over a window's inputs need not wait for the last of them; the
registers between input and output, some ten cycles a layer; that windows come in bursts (none at
the end of a row that has no padding); the pool's own work, a few cycles beside the layer whose
result it takes; width converters and FIFOs. The measured error is in docs/plan-numbers.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from finn_flows.network import ConvLayer, DenseLayer, Layer, MaxPoolLayer, Network, Shape

Cycles = NDArray[np.int64]


def fill_cycles(network: Network, positions: range, cycles: Cycles) -> Cycles:
    """The fill of a compute layer and the pools behind it, for each of its foldings' ``cycles``.

    ``positions``: in ``network.layers``. Int64, the shape of ``cycles``. Of the last layers all
    cycles, as a host waits for the whole result.
    """
    at = _compute_position(network, positions)
    pixels = _pixels(network.shapes[at + 1])
    if positions.stop == len(network.layers):
        return cycles.copy()
    behind = positions.stop
    needed = pixels_needed(network.layers[behind], network.shapes, behind, 1)
    for pool in reversed(range(at + 1, behind)):
        needed = pixels_needed(network.layers[pool], network.shapes, pool, needed)
    return -(-cycles * needed // pixels)


def drain_cycles(network: Network, positions: range, cycles: Cycles) -> Cycles:
    """The drain of the same, for each of its foldings' ``cycles``."""
    at = _compute_position(network, positions)
    layer = network.layers[at]
    pixels, incoming = _pixels(network.shapes[at + 1]), _pixels(network.shapes[at])
    waiting = sum(
        pixels_needed(layer, network.shapes, at, result) == incoming
        for result in range(1, pixels + 1)
    )
    return -(-cycles * waiting // pixels)


def pixels_needed(layer: Layer, shapes: Sequence[Shape], position: int, results: int) -> int:
    """How many pixels of its input ``layer``, at ``position``, needs for its first ``results``.

    ``shapes``: of the network. A vector counts as one pixel.
    """
    if isinstance(layer, DenseLayer):
        return _pixels(shapes[position])
    height, width = shapes[position][:2]
    columns = shapes[position + 1][1]
    row, column = divmod(results - 1, columns)
    if isinstance(layer, ConvLayer):
        kernel, stride, padding = layer.kernel, layer.stride, layer.padding
    else:
        kernel, stride, padding = (layer.kernel,) * 2, (layer.stride,) * 2, (0, 0)
    # Where windows hang over the lower edge, the end of the row above needed more.
    windows = [(row, column)] if row == 0 else [(row - 1, columns - 1), (row, column)]
    needed = 0
    for window in windows:
        last = [
            min(max(at * step + size - 1 - pad, 0), extent - 1)
            for at, step, size, pad, extent in zip(
                window, stride, kernel, padding, (height, width), strict=True
            )
        ]
        needed = max(needed, last[0] * width + last[1] + 1)
    return needed


def _pixels(shape: Shape) -> int:
    return shape[0] * shape[1] if len(shape) == 3 else 1


def _compute_position(network: Network, positions: range) -> int:
    return next(at for at in positions if not isinstance(network.layers[at], MaxPoolLayer))
