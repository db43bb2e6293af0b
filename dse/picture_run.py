"""Pictures through a network or its two parts: the images' classes, and whether the parts agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dse.classify import (
    Classified,
    check_classifies,
    classify,
    load_pictures,
    load_test_digits,
)
from dse.inference import SplitEngine, load_engine
from finn_flows.cut import Cut
from finn_flows.weights import LoadedNetwork


@dataclass(frozen=True)
class SplitRun:
    """The two parts' side of a run. ``identical``: every logit equals the unsplit network's."""

    cut: Cut
    bytes_per_image: int
    identical: bool


@dataclass(frozen=True)
class Run:
    """Images in the order they were given; ``split`` is None for a run of the whole network."""

    network: LoadedNetwork
    engine: str
    images: tuple[Classified, ...]
    split: SplitRun | None

    @property
    def labelled(self) -> int:
        """How many images came with the class they really are."""
        return sum(image.is_right is not None for image in self.images)

    @property
    def correct(self) -> int | None:
        """How many of those were classified rightly; None without labels."""
        return sum(bool(image.is_right) for image in self.images) if self.labelled else None

    @property
    def accuracy(self) -> float | None:
        """``correct / labelled``; None without labels."""
        return None if self.correct is None else self.correct / self.labelled


def run_pictures(
    loaded: LoadedNetwork,
    pictures: Literal["digits"] | Sequence[str | Path] | NDArray[np.uint8],
    cut: Cut | None,
    engine: str,
    limit: int | None = None,
) -> Run:
    """Run picture files, pixels (images, *input_shape) or the held-out digits; see ``dse.run``."""
    network = loaded.network
    check_classifies(network)  # before anything is read or built
    chosen = load_engine(engine, network, cut)
    labels = None
    if isinstance(pictures, np.ndarray):
        names, pixels = [f"image-{index}" for index in range(len(pictures))], pictures
    elif isinstance(pictures, str) and pictures == "digits":
        names, pixels, labels = load_test_digits(network, limit)
    else:
        files = [pictures] if isinstance(pictures, str) else pictures
        names, pixels = load_pictures(network, [Path(picture) for picture in files])
    images = classify(network, chosen, names, pixels, labels)
    split = None
    if isinstance(chosen, SplitEngine):
        whole = classify(network, load_engine(engine, network), names, pixels, labels)
        split = SplitRun(chosen.cut, chosen.bytes_per_image, whole == images)
    return Run(loaded, engine, tuple(images), split)
