"""Training of the default weights: Brevitas' ``cnv_2w2a`` on scikit-learn's digits.

The recipe is that of Brevitas' BNN-PYNQ example (squared hinge loss, Adam, batches of 50, weights
clipped to [-1, 1]) with a one-cycle learning rate and pictures shifted by up to two pixels. The
weights of the last epoch are taken, whatever they reach: the held-out pictures choose nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dse.errors import NetworkError
from finn_flows.digits import CLASS_NAMES, load_digits_split
from finn_flows.integer_reference import run_integers
from finn_flows.network import Network
from finn_flows.training_defaults import DEFAULT_EPOCHS, DEFAULT_SEED

if TYPE_CHECKING:
    import torch

ARCHITECTURE = "cnv_2w2a"
NETWORK_NAME = "CnvW2A2"
_BATCH = 50
_GREATEST_RATE = 0.01
_SHIFT = 2  # pixels, of 32


@dataclass(frozen=True)
class TrainingProgress:
    """Where training stands: batches done of all, the epoch (from 1), and its mean loss so far."""

    batch: int
    batches: int
    epoch: int
    loss: float


ProgressCallback = Callable[[TrainingProgress], None]


def train_cnv(
    epochs: int = DEFAULT_EPOCHS,
    seed: int = DEFAULT_SEED,
    progress: ProgressCallback | None = None,
) -> Network:
    """Train on the digits of the training split and return the integers.

    An epoch takes 6 to 10 seconds on two idle cores. The same seed gives the same integers on the
    same machine and version of PyTorch (floating-point sums differ between processors). Raises
    NetworkError if the integers do not give exactly what PyTorch gives on the held-out pictures.
    """
    pixels, labels = load_digits_split("train")
    model = train_model(pixels, labels, epochs, seed, progress)
    network = network_of(model)
    check_equal(network, model, load_digits_split("test")[0])
    return network


def accuracy(network: Network, pixels: NDArray[np.uint8], labels: NDArray[np.int64]) -> float:
    """Share of the pictures (n, *input_shape) whose greatest score is that of their label."""
    scores = network.scores(run_integers(network, network.encode_pixels(pixels)))
    return float((scores.argmax(axis=1) == labels).mean())


def train_model(
    pixels: NDArray[np.uint8],
    labels: NDArray[np.int64],
    epochs: int,
    seed: int,
    progress: ProgressCallback | None = None,
) -> torch.nn.Module:
    """Train on uint8 pictures (n, 32, 32, 3); the Brevitas model, in evaluation mode."""
    import torch
    from brevitas_examples.bnn_pynq.models import model_with_cfg
    from brevitas_examples.bnn_pynq.models.losses import SqrHingeLoss

    torch.manual_seed(seed)
    model, _ = model_with_cfg(ARCHITECTURE, False)
    images = _as_images(pixels)
    targets = 2.0 * torch.nn.functional.one_hot(torch.from_numpy(labels), 10).float() - 1.0
    per_epoch = len(images) // _BATCH  # a last, smaller batch would upset the statistics
    batches = epochs * per_epoch
    loss_of = SqrHingeLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=_GREATEST_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=_GREATEST_RATE, total_steps=batches
    )
    model.train()
    for epoch in range(epochs):
        order = torch.randperm(len(images))
        total = 0.0
        for index in range(per_epoch):
            chosen = order[index * _BATCH : (index + 1) * _BATCH]
            optimizer.zero_grad()
            loss = loss_of(model(_shifted(images[chosen])), targets[chosen])
            loss.backward()
            optimizer.step()
            schedule.step()
            model.clip_weights(-1, 1)
            total += float(loss.detach())
            if progress is not None:
                done = epoch * per_epoch + index + 1
                progress(TrainingProgress(done, batches, epoch + 1, total / (index + 1)))
    model.eval()
    return model


def network_of(model: torch.nn.Module) -> Network:
    """The integers of a trained ``cnv_2w2a``, by way of QONNX."""
    from dataclasses import replace

    from finn_flows.brevitas_export import brevitas_to_qonnx
    from finn_flows.qonnx_import import import_qonnx

    network = import_qonnx(brevitas_to_qonnx(model, (1, 3, 32, 32)), NETWORK_NAME)
    return replace(network, class_names=CLASS_NAMES)


def check_equal(network: Network, model: torch.nn.Module, pixels: NDArray[np.uint8]) -> None:
    """NetworkError unless the integers give what PyTorch gives before the last scale, exactly.

    ``model``: a ``cnv`` in evaluation mode; all its values are small multiples of powers of two,
    so that floating point is exact. ``pixels``: uint8 (n, 32, 32, 3).
    """
    import torch
    from brevitas.nn import QuantLinear

    accumulators: list[torch.Tensor] = []
    last = [module for module in model.modules() if isinstance(module, QuantLinear)][-1]
    hook = last.register_forward_hook(
        lambda _module, _inputs, output: accumulators.append(output.detach())
    )
    with torch.no_grad():
        for start in range(0, len(pixels), _BATCH):
            model(_as_images(pixels[start : start + _BATCH]))
    hook.remove()
    expected = torch.cat(accumulators).numpy()
    integers = run_integers(network, network.encode_pixels(pixels))
    wrong = (integers != expected).any(axis=1)
    if wrong.any():
        raise NetworkError(
            f"the integers differ from PyTorch on {int(wrong.sum())} of {len(pixels)} pictures"
        )


def _as_images(pixels: NDArray[np.uint8]) -> torch.Tensor:
    import torch

    scaled = pixels.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
    return torch.from_numpy(np.ascontiguousarray(scaled))


def _shifted(images: torch.Tensor) -> torch.Tensor:
    """Each picture moved by up to ``_SHIFT`` pixels either way, its edge repeated."""
    import torch

    size = images.shape[-1]
    padded = torch.nn.functional.pad(images, (_SHIFT,) * 4, mode="replicate")
    offsets = torch.randint(0, 2 * _SHIFT + 1, (len(images), 2)).tolist()
    return torch.stack(
        [
            image[:, row : row + size, column : column + size]
            for image, (row, column) in zip(padded, offsets, strict=True)
        ]
    )
