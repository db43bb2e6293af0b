"""Quantised weights of a QONNX graph as integers and a scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dse.errors import NetworkError
from finn_flows.integer_type import IntegerType
from finn_flows.onnx_chain import OnnxChain
from finn_flows.onnx_node import attributes, node_label

if TYPE_CHECKING:
    import onnx

QUANTISERS = ("Quant", "IntQuant", "BipolarQuant")
_GREATEST_BITS = 16


@dataclass(frozen=True)
class QuantisedWeights:
    """``weights = integers * scale``; both of the shape in the graph, int64 and float64."""

    integers: NDArray[np.int64]
    scale: NDArray[np.float64]
    type: IntegerType

    def transposed(self, order: tuple[int, ...]) -> QuantisedWeights:
        """With the axes in ``order``, as ``numpy.transpose`` takes it."""
        return QuantisedWeights(
            self.integers.transpose(order), self.scale.transpose(order), self.type
        )

    def channel_scale(self, label: str) -> NDArray[np.float64]:
        """The scale of each output channel (axis 0). NetworkError if it varies within one."""
        rows = self.scale.reshape(self.scale.shape[0], -1)
        if (rows != rows[:, :1]).any():
            raise NetworkError(
                f"the weights of {label} have a scale that varies within an output channel",
                expected="one scale per tensor or per output channel",
            )
        return rows[:, 0].copy()


def quantised_weights(chain: OnnxChain, tensor: str, label: str) -> QuantisedWeights:
    """The weights in ``tensor``, through transposes, from a quantiser or an integer annotation.

    Raises NetworkError, naming the layer ``label``, if they are not quantised or in a way that
    integers and one scale per output channel cannot carry.
    """
    node = chain.producer(tensor)
    if node is not None and node.op_type == "Transpose":
        inner = quantised_weights(chain, node.input[0], label)
        default = list(range(inner.integers.ndim))[::-1]
        return inner.transposed(tuple(attributes(node).get("perm", default)))
    if node is not None and node.op_type == "Identity":
        return quantised_weights(chain, node.input[0], label)
    if node is not None and node.op_type in QUANTISERS:
        return _from_quantiser(chain, node, label)
    annotation = chain.annotation(tensor)
    if annotation is not None and annotation != "FLOAT32":
        return _from_annotation(chain.constant(tensor), annotation, label)
    raise NetworkError(
        f"the weights {tensor!r} of {label} are not quantised",
        choices=[*QUANTISERS, "an integer datatype annotation"],
    )


def _from_quantiser(chain: OnnxChain, node: onnx.NodeProto, label: str) -> QuantisedWeights:
    value = chain.constant(node.output[0]).astype(np.float64)
    scale = np.broadcast_to(chain.constant(node.input[1]).astype(np.float64), value.shape)
    if node.op_type == "BipolarQuant":
        kind = IntegerType.bipolar()
    else:
        if np.any(chain.constant(node.input[2]) != 0):
            raise NetworkError(
                f"the weights of {label} have a zero point that is not 0", expected="0"
            )
        kind = integer_type_of(node, chain.constant(node.input[3]))
    if not np.all(scale):
        raise NetworkError(f"the weights of {label} have a scale of 0")
    return QuantisedWeights(np.rint(value / scale).astype(np.int64), scale, kind)


def integer_type_of(node: onnx.NodeProto, bit_width: NDArray[Any]) -> IntegerType:
    """What a Quant node rounds to, with zero point 0. NetworkError for odd bit widths."""
    options = attributes(node)
    bits = float(bit_width.reshape(-1)[0])
    if bits != int(bits) or not 1 <= bits <= _GREATEST_BITS or (bit_width != bits).any():
        raise NetworkError(
            f"{node_label(node)} has a bit width of {bits:g}",
            expected=f"one whole number from 1 to {_GREATEST_BITS}",
        )
    if options.get("signed", 1):
        return IntegerType.signed(int(bits), narrow=bool(options.get("narrow", 0)))
    return IntegerType.unsigned(int(bits))


def _from_annotation(value: NDArray[Any], annotation: str, label: str) -> QuantisedWeights:
    kind = (
        IntegerType.signed(2, narrow=True)
        if annotation == "TERNARY"
        else IntegerType.unsigned(1)
        if annotation == "BINARY"
        else IntegerType.parse(annotation)
    )
    integers = np.rint(value).astype(np.int64)
    if (integers != value).any():
        raise NetworkError(f"the weights of {label} are annotated {annotation} but not whole")
    if kind.minimum < -1 and integers.size and integers.min() > kind.minimum:
        kind = IntegerType.signed(kind.bits, narrow=True)  # QONNX has no narrow types
    return QuantisedWeights(integers, np.ones(value.shape), kind)
