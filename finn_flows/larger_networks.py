"""Networks that are larger than one board, from Brevitas, by name.

Planning needs their layers, not their accuracy, so they are untrained: weights are drawn with a
fixed seed, batch normalisations are as Brevitas starts them. Nothing is downloaded. Building and
exporting one takes seconds, so its QONNX file is kept in the cache.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from dse.atomic_write import atomic_write
from dse.errors import InputError
from finn_flows.cache_directory import cache_directory

if TYPE_CHECKING:
    import torch

#: Of the weights. Changes, as whatever else here decides a network, with FLOW_VERSION.
SEED = 0
FLOW_VERSION = "1"


@dataclass(frozen=True)
class LargerNetwork:
    """``build``: the Brevitas model, untrained. ``input_shape``: one batch, NCHW. ``traced``: see
    :func:`finn_flows.brevitas_export.brevitas_to_qonnx`. ``description``: for people."""

    description: str
    build: Callable[[], torch.nn.Module]
    input_shape: tuple[int, int, int, int]
    traced: bool = False


def larger_network_file(name: str) -> Path:
    """The QONNX file of one of :data:`LARGER_NETWORKS`, made now if the cache has none.

    Raises InputError for another name, StoreError or OutputError where the cache cannot be used.
    """
    if name not in LARGER_NETWORKS:
        raise InputError(f"no network is called {name!r}", choices=LARGER_NETWORKS)
    path = cache_directory("networks") / _key(name) / f"{name}.onnx"
    if not path.is_file():
        content = _exported(LARGER_NETWORKS[name])
        path.parent.mkdir(exist_ok=True)
        atomic_write(path, content)
    return path


def larger_network_model(name: str) -> torch.nn.Module:
    """The Brevitas model behind :func:`larger_network_file`, with the same weights."""
    import torch

    from finn_flows.brevitas_export import quiet

    if name not in LARGER_NETWORKS:
        raise InputError(f"no network is called {name!r}", choices=LARGER_NETWORKS)
    # Whoever calls keeps their own random numbers.
    with quiet(), torch.random.fork_rng():
        torch.manual_seed(SEED)
        return LARGER_NETWORKS[name].build()


def _key(name: str) -> str:
    facts = {
        "name": name,
        "seed": SEED,
        "flow": FLOW_VERSION,
        **{package: version(package) for package in ("brevitas", "torch")},
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _exported(network: LargerNetwork) -> bytes:
    from finn_flows.brevitas_export import brevitas_to_qonnx

    name = next(key for key, value in LARGER_NETWORKS.items() if value is network)
    model = larger_network_model(name)
    exported = brevitas_to_qonnx(model, network.input_shape, traced=network.traced)
    content: bytes = exported.SerializeToString(deterministic=True)
    return content


def _bnn_pynq(name: str) -> torch.nn.Module:
    from brevitas_examples.bnn_pynq.models import model_with_cfg

    return model_with_cfg(name, False)[0]


def _mobilenet() -> torch.nn.Module:
    from brevitas_examples.imagenet_classification.models import model_with_cfg

    return model_with_cfg("quant_mobilenet_v1_4b")[0]


def _wide_cnv() -> torch.nn.Module:
    from finn_flows.wide_cnv import wide_cnv

    return wide_cnv(2)


LARGER_NETWORKS = {
    "cnv-wide-w2a2": LargerNetwork(
        "CNV (VGG-11-like) of twice the width, 2-bit, 32x32 pictures", _wide_cnv, (1, 3, 32, 32)
    ),
    "lfc-w1a1": LargerNetwork(
        "LFC, an MLP of 3 x 1024, 1-bit, 28x28 pictures",
        lambda: _bnn_pynq("lfc_1w1a"),
        (1, 1, 28, 28),
    ),
    "mobilenetv1-w4a4": LargerNetwork(
        "MobileNetV1 (depthwise), 4-bit, 224x224 pictures", _mobilenet, (1, 3, 224, 224)
    ),
    "resnet18-w4a4": LargerNetwork(
        "ResNet-18 (residual), 4-bit, 32x32 pictures",
        lambda: _bnn_pynq("resnet18_4w4a"),
        (1, 3, 32, 32),
        traced=True,
    ),
}
