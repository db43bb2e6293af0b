"""Brevitas' CNV with more channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

#: Of brevitas_examples.bnn_pynq: output channels of each convolution, whether a max-pool follows.
_CONVOLUTIONS = ((64, False), (64, True), (128, False), (128, True), (256, False), (256, False))
_DENSE = (512, 512)


def wide_cnv(factor: int, bits: int = 2, classes: int = 10) -> torch.nn.Module:
    """CNV with ``factor`` times the channels, ``bits``-bit weights and activations, 8-bit input.

    The layers, quantisers and weights' distribution of ``brevitas_examples.bnn_pynq.models.CNV``,
    which has its widths as constants. Takes (1, 3, 32, 32) in [0, 1].
    """
    from brevitas.core.restrict_val import RestrictValueType
    from brevitas.nn import QuantConv2d, QuantIdentity, QuantLinear
    from brevitas_examples.bnn_pynq.models.common import CommonActQuant, CommonWeightQuant
    from brevitas_examples.bnn_pynq.models.tensor_norm import TensorNorm
    from torch import nn

    layers: list[nn.Module] = [
        QuantIdentity(
            act_quant=CommonActQuant,
            bit_width=8,
            min_val=-1.0,
            max_val=1.0 - 2.0**-7,
            narrow_range=False,
            restrict_scaling_type=RestrictValueType.POWER_OF_TWO,
        )
    ]
    inputs = 3
    quantised = {"bias": False, "weight_quant": CommonWeightQuant, "weight_bit_width": bits}
    for channels, pooled in _CONVOLUTIONS:
        layers += [
            QuantConv2d(inputs, channels * factor, 3, **quantised),
            nn.BatchNorm2d(channels * factor, eps=1e-4),
            QuantIdentity(act_quant=CommonActQuant, bit_width=bits),
        ]
        layers += [nn.MaxPool2d(2)] if pooled else []
        inputs = channels * factor
    layers.append(nn.Flatten())
    for features in _DENSE:
        layers += [
            QuantLinear(inputs, features * factor, **quantised),
            nn.BatchNorm1d(features * factor, eps=1e-4),
            QuantIdentity(act_quant=CommonActQuant, bit_width=bits),
        ]
        inputs = features * factor
    layers += [QuantLinear(inputs, classes, **quantised), TensorNorm()]
    for layer in layers:
        if isinstance(layer, QuantConv2d | QuantLinear):
            nn.init.uniform_(layer.weight.data, -1, 1)
    return nn.Sequential(*layers)
