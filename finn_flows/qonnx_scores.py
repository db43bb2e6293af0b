"""What follows the last integers of a QONNX graph, as a scale and an offset of each class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dse.errors import NetworkError
from finn_flows.network import ClassScores
from finn_flows.onnx_chain import OnnxChain
from finn_flows.onnx_node import attributes, node_label
from finn_flows.qonnx_segment import QUANTISING, Accumulators, Segment, Step

if TYPE_CHECKING:
    import onnx

_AFFINE = ("Add", "BatchNormalization", "Div", "Mul", "Neg", "Sub")


def scores_of_accumulators(chain: OnnxChain, segment: Segment) -> ClassScores | None:
    """The scores that ``segment``, which ends the graph, makes of the accumulators it starts at.

    Values are rounded to float32, the precision of the graph. None if the graph gives the
    accumulators themselves. NetworkError naming the node that is not affine.
    """
    source = segment.source
    assert isinstance(source, Accumulators)
    offset = np.zeros(source.channels) if source.bias is None else source.bias.astype(np.float64)
    return _class_scores(chain, segment.steps, source.scale.copy(), offset)


def scores_of_activations(
    chain: OnnxChain, steps: Sequence[Step], unit: float, channels: int
) -> ClassScores | None:
    """The scores that affine ``steps``, which end the graph, make of activations worth ``unit``.

    As :func:`scores_of_accumulators`; None if the graph gives the activations themselves.
    """
    return _class_scores(chain, steps, np.full(channels, unit), np.zeros(channels))


def detach_affine_end(segment: Segment) -> list[Step]:
    """Take the affine steps behind the last quantiser and the last pool off ``segment``.

    They do not change the integers, only what each is worth, and may differ by channel.
    """
    start = len(segment.steps)
    least = max((index for index, _, _ in segment.pools), default=0)
    while start > least and segment.steps[start - 1][0].op_type in _AFFINE:
        start -= 1
    end = segment.steps[start:]
    del segment.steps[start:]
    return end


def _class_scores(
    chain: OnnxChain,
    steps: Sequence[Step],
    scale: NDArray[np.float64],
    offset: NDArray[np.float64],
) -> ClassScores | None:
    for node, axes in steps:
        factor, summand = _affine(chain, node, axes, len(scale))
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
