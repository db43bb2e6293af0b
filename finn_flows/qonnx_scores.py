"""What follows the last layer of a QONNX graph, as a scale and an offset of each class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dse.errors import NetworkError
from finn_flows.network import ClassScores
from finn_flows.onnx_chain import OnnxChain
from finn_flows.onnx_node import attributes, node_label
from finn_flows.qonnx_segment import QUANTISING, Accumulators, Segment

if TYPE_CHECKING:
    import onnx

_AFFINE = ("Add", "BatchNormalization", "Div", "Mul", "Neg", "Sub")


def class_scores(chain: OnnxChain, segment: Segment) -> ClassScores | None:
    """The scores that ``segment``, which ends the graph, makes of the accumulators it starts at.

    Values are rounded to float32, the precision of the graph. None if the graph gives the
    accumulators themselves. NetworkError naming the node that is not affine.
    """
    source = segment.source
    assert isinstance(source, Accumulators)
    scale = source.scale.copy()
    offset = np.zeros(source.channels) if source.bias is None else source.bias.astype(np.float64)
    for node, axes in segment.steps:
        factor, summand = _affine(chain, node, axes, source.channels)
        scale, offset = scale * factor, offset * factor + summand
    scale, offset = (values.astype(np.float32).astype(np.float64) for values in (scale, offset))
    if not (np.isfinite(scale).all() and np.isfinite(offset).all()):
        raise NetworkError("the class scores are not finite (a damaged parameter?)")
    if (scale == 1).all() and (offset == 0).all():
        return None
    return ClassScores(scale, offset + 0.0)  # no negative zeros


def _affine(
    chain: OnnxChain, node: onnx.NodeProto, axes: str, channels: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Factor and summand of each channel."""

    def parameter(name: str) -> NDArray[np.float64]:
        shape = {"nf": (1, channels), "nchw": (1, channels, 1, 1), "nhwc": (1, 1, 1, channels)}
        value = chain.constant(name).astype(np.float64)
        try:
            return np.broadcast_to(value, shape[axes]).reshape(channels)
        except ValueError as error:
            raise NetworkError(
                f"{node_label(node)} has a parameter of shape {value.shape}",
                expected=f"one per tensor or per channel ({channels})",
            ) from error

    one, zero = np.ones(channels), np.zeros(channels)
    kind = node.op_type
    if kind == "Neg":
        return -one, zero
    if kind == "BatchNormalization":
        gamma, beta, mean, variance = (
            chain.constant(name).astype(np.float64) for name in node.input[1:5]
        )
        factor = gamma / np.sqrt(variance + attributes(node).get("epsilon", 1e-5))
        return factor, beta - mean * factor
    if kind not in _AFFINE:
        raise NetworkError(
            f"{node_label(node)} follows the last layer", choices=(*_AFFINE, *QUANTISING)
        )
    data_first = not chain.is_constant(node.input[0])
    value = parameter(node.input[1] if data_first else node.input[0])
    if kind == "Add":
        return one, value
    if kind == "Sub":
        return (one, -value) if data_first else (-one, value)
    return (value if kind == "Mul" else 1 / value), zero
