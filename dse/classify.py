"""Classifying images with an engine, and what came of it as data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dse.errors import InputError
from dse.inference import Engine
from finn_flows.network import Network

DIGIT_NAMES = tuple(str(digit) for digit in range(10))


@dataclass(frozen=True)
class Classified:
    """One image: its name, the last integers in class order, and the class they say.

    ``scores``: what makes the class, float; the logits themselves unless the network was trained
    with a scale per class. ``label``: the class it really is, None if unknown.
    """

    name: str
    logits: tuple[int, ...]
    scores: tuple[float, ...]
    class_index: int
    class_name: str
    label: str | None = None

    @property
    def is_right(self) -> bool | None:
        """Whether the class is the label; None without a label."""
        return None if self.label is None else self.class_name == self.label


def check_classifies(network: Network) -> None:
    """Raise InputError unless ``network`` takes pictures and gives classes, saying what it does."""
    whole = "a whole network, from the picture to the classes"
    if network.pixel_table is None:
        raise InputError(
            f"{network.name} takes a tensor of {_size(network.input_shape)}, not a picture: "
            "it is the second part of a network, or lost its pixel table",
            expected=whole,
        )
    if math.prod(network.output_shape[:-1]) != 1:
        raise InputError(
            f"{network.name} gives a map of {_size(network.output_shape)}, not classes",
            expected=whole,
        )
    last = next((layer for _, layer in reversed(list(network.numbered()))), None)
    ends_in_activations = last is None or last.thresholds is not None
    if ends_in_activations and not network.class_names and network.class_scores is None:
        raise InputError(
            f"{network.name} gives {network.output_shape[-1]} activations without class names or "
            "scores: it is the first part of a network",
            expected=whole,
        )


def load_pictures(network: Network, files: Sequence[Path]) -> tuple[list[str], NDArray[np.uint8]]:
    """Names and pixels (images, *input_shape) of picture files. PictureError names a bad one."""
    from dse.pictures import load_picture

    pixels = [load_picture(file, network.input_shape) for file in files]
    return [str(file) for file in files], np.stack(pixels)


def load_test_digits(
    network: Network, limit: int | None = None
) -> tuple[list[str], NDArray[np.uint8], list[str] | None]:
    """Names, pixels and labels of the held-out digits; no labels for a network of other classes.

    Ten classes without names (a Brevitas checkpoint has none) are taken for the digits in order:
    the labels are then the names that :func:`classify` makes of the class numbers.

    Raises InputError for a network that does not read pictures of the digits' size.
    """
    from finn_flows.digits import load_digits_split

    pixels, labels = load_digits_split("test")
    if network.input_shape != pixels.shape[1:]:
        raise InputError(
            f"{network.name} reads pictures of {network.input_shape}, the digits are "
            f"{pixels.shape[1:]}"
        )
    names = [f"digits-test-{index}" for index in range(len(pixels))]
    known = [str(label) for label in labels] if class_names(network) == DIGIT_NAMES else None
    return names[:limit], pixels[:limit], None if known is None else known[:limit]


def classify(
    network: Network,
    engine: Engine,
    names: Sequence[str],
    pixels: NDArray[np.uint8],
    labels: Sequence[str] | None = None,
) -> list[Classified]:
    """Run ``pixels`` (images, *input_shape) through ``engine``, which computes ``network``.

    Raises InputError for a network that :func:`check_classifies` refuses.
    """
    check_classifies(network)
    result = engine.run(network.encode_pixels(pixels))
    logits = result.reshape(len(pixels), -1)
    scores = network.scores(result).reshape(len(pixels), -1)
    winners = scores.argmax(axis=1)
    classes = class_names(network)
    return [
        Classified(
            name=name,
            logits=tuple(int(value) for value in logits[index]),
            scores=tuple(float(value) for value in scores[index]),
            class_index=int(winners[index]),
            class_name=classes[winners[index]],
            label=None if labels is None else labels[index],
        )
        for index, name in enumerate(names)
    ]


def class_names(network: Network) -> tuple[str, ...]:
    """The names of the classes of ``network``; their numbers if they have no names."""
    return network.class_names or tuple(str(index) for index in range(network.output_shape[-1]))


def _size(shape: tuple[int, ...]) -> str:
    return "x".join(str(size) for size in shape)
